"""What monitoring a delivery's columns costs: a million rows of thirty columns against a reference.

    python benchmarks/monitors.py [--rows N] [--json]

Twenty columns of numbers, ten of text, one in fifty values missing; a reference of 91 days, a
window of 7. CPU seconds of one thread, the best of several in turns. Bare is one pass as one would
write it: ``np.searchsorted`` and ``np.bincount`` a column of numbers, ``pd.Categorical`` and
``np.bincount`` a column of text, no value checked. Peak memory is the kernel's figure for a process
that holds the rows, makes the reference and compares the window; it has no bare pass in it.

The monitors themselves read the rows from a decision log of seven days, which another process
wrote: everything that needs no label, then performance, calibration and a slice on as many matured
decisions, one in a hundred bad, with the errors of customers, terminals and days. Wall seconds
beside CPU seconds, and the peak memory of that process.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

NUMBERS, KINDS = 20, 10
REFERENCE_DAYS, WINDOW_DAYS = 91, 7
FIRST_DAY = 20_000
TURNS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--part", choices=sorted(PARTS), help=argparse.SUPPRESS)
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.part:
        print(json.dumps(PARTS[asked.part](asked.rows, asked.home)))
        return
    figures = {"rows": asked.rows, "columns": NUMBERS + KINDS}
    with tempfile.TemporaryDirectory() as home:
        for part in ("alone", "against_bare", "write", "unlabelled", "labelled"):
            figures |= _child(asked.rows, part, Path(home))
    if asked.json:
        print(json.dumps(figures, indent=2))
        return
    for name, figure in figures.items():
        shown = f"{figure:,.3f}" if isinstance(figure, float) else f"{figure:,}"
        print(f"{name:<28}{shown:>14}")


def _child(rows: int, part: str, home: Path) -> dict[str, Any]:
    command = [sys.executable, __file__, "--rows", str(rows), "--part", part, "--home", str(home)]
    one_thread = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | one_thread
    )
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def delivered(rows: int, days: int, first_day: int, seed: int) -> tuple[dict[str, Any], Any]:
    """Return columns and the day of each row, as they come out of a table: not sorted by day."""
    import numpy as np

    rng = np.random.default_rng(seed)
    columns: dict[str, Any] = {}
    for number in range(NUMBERS):
        values = rng.gamma(2.0, 25.0, rows)
        if number % 4 == 3:
            values = np.floor(values / 25.0)  # counts, with ties
        values[rng.random(rows) < 0.02] = np.nan
        columns[f"number_{number}"] = values
    for number in range(KINDS):
        names = np.array([f"kind {k}" for k in range(4 + 8 * number)] + [None], dtype=object)
        drawn = np.minimum(rng.geometric(0.15, rows) - 1, names.size - 2)
        drawn[rng.random(rows) < 0.02] = names.size - 1
        columns[f"kind_{number}"] = names[drawn]
    return columns, np.datetime64(first_day, "D") + rng.integers(0, days, rows)


def alone(rows: int, _: Path) -> dict[str, Any]:
    """Make the reference and judge one window, as a night does; see how much memory it took."""
    import numpy as np

    from finrisk.metrics.day_counts import row_days
    from finrisk.metrics.drift_levels import DriftLevel
    from finrisk.metrics.table_drift import table_counts, table_drift, table_references

    columns, days = delivered(rows, REFERENCE_DAYS, FIRST_DAY, seed=1)
    reference_s, references = _timed(lambda: table_references(columns, row_days(days)))
    columns, days = delivered(rows, WINDOW_DAYS, FIRST_DAY + REFERENCE_DAYS, seed=2)
    count_s, counts = _timed(lambda: table_counts(references, columns, row_days(days)))
    judge_s, judged = _timed(lambda: table_drift(references, counts))
    assert all(of.level is DriftLevel.QUIET for of in judged.values())
    half = np.arange(rows) < rows // 2
    parts = [
        table_counts(references, {k: v[of] for k, v in columns.items()}, row_days(days[of]))
        for of in (half, ~half)
    ]
    for name, whole in counts.items():
        assert np.array_equal((parts[0][name] + parts[1][name]).counts, whole.counts)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "reference_cpu_s": reference_s,
        "window_cpu_s": count_s + judge_s,
        "of_it_judging_cpu_s": judge_s,
        "peak_mb": round(peak),
    }


def against_bare(rows: int, _: Path) -> dict[str, Any]:
    """Take the kernel and the bare pass in turns."""
    from finrisk.metrics.day_counts import row_days
    from finrisk.metrics.table_drift import table_counts, table_drift, table_references

    columns, days = delivered(rows, REFERENCE_DAYS, FIRST_DAY, seed=1)
    references = table_references(columns, row_days(days))
    columns, days = delivered(rows, WINDOW_DAYS, FIRST_DAY + REFERENCE_DAYS, seed=2)

    def kernel() -> Any:
        return table_drift(references, table_counts(references, columns, row_days(days)))

    bare_s = kernel_s = float("inf")
    for _ in range(TURNS):
        bare_s = min(bare_s, _timed(lambda: bare(references, columns, days))[0])
        kernel_s = min(kernel_s, _timed(kernel)[0])
    return {"bare_cpu_s": bare_s, "best_window_cpu_s": kernel_s, "ratio": kernel_s / bare_s}


def bare(references: Any, columns: Any, days: Any) -> list[Any]:
    import numpy as np
    import pandas as pd

    day = days.astype("datetime64[D]").astype(np.int64)
    day -= day.min()
    counts = []
    for name, values in columns.items():
        bins = references[name].bins
        if name.startswith("number"):
            bin_of_row = np.searchsorted(bins.edges, values)
        else:
            bin_of_row = pd.Categorical(values, categories=list(bins.frequent)).codes + 1
        counts.append(np.bincount(day * bins.size + bin_of_row))
    return counts


def watched_spec() -> Any:
    """Return a model whose features are the columns, with customers and terminals as clusters."""
    from finrisk.specs.model_spec import ModelSpec

    columns: dict[str, Any] = {
        "id": {"type": "text"},
        "at": {"type": "date"},
        "bad": {"type": "integer"},
        "customer": {"type": "text"},
        "terminal": {"type": "text"},
        "channel": {"type": "category", "values": ["web", "shop"]},
    }
    features = [f"number_{n}" for n in range(NUMBERS)] + [f"kind_{n}" for n in range(KINDS)]
    for name in features:
        columns[name] = {"type": "number" if name.startswith("number") else "category"}
    return ModelSpec.model_validate(
        {
            "name": "bench",
            "title": "Bench",
            "owner": "bench",
            "model_type": "fraud_detection",
            "registered_name": "bench",
            "source": {"path": "landing"},
            "row_key": "id",
            "time": {"column": "at", "vintage": "day"},
            "columns": columns,
            "label": {"rule": {"kind": "column", "column": "bad"}},
            "features": features,
            "candidates": [{"name": "lr", "algorithm": "logistic_regression"}],
            "headline_metric": "average_precision",
            "gate": {
                "alerts": {"per_day": 100},
                "clusters": ["customer", "terminal"],
                "guards": {"slices": {"columns": ["channel"]}},
            },
        }
    )


def write(rows: int, home: Path) -> dict[str, Any]:
    """Keep a reference of 91 days, and log the decisions of 7."""
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    from finrisk.data.decision_rows import DecidedBy, ScoredRows
    from finrisk.metrics.day_counts import count_by_day, row_days
    from finrisk.metrics.table_drift import table_references
    from finrisk.pipelines.monitors.reference import StoredReference, write_reference

    rng = np.random.default_rng(3)
    columns, days = delivered(rows, REFERENCE_DAYS, FIRST_DAY, seed=1)
    columns["score"] = rng.beta(0.2, 20.0, rows)
    spread = row_days(days)
    first, last = (of.item() for of in (days.min(), days.max()))
    counts = count_by_day(np.zeros(rows, dtype=np.int64), 1, spread)
    made = StoredReference(first, last, table_references(columns, spread), counts, {})
    write_reference(home / "reference.json", made)
    columns, days = delivered(rows, WINDOW_DAYS, FIRST_DAY + REFERENCE_DAYS, seed=2)
    features = pd.DataFrame(columns)
    for name in features.columns:
        if name.startswith("kind"):
            features[name] = pd.Series(features[name], dtype="str").fillna("missing")
    beside = pd.DataFrame(
        {
            "channel": np.where(rng.random(rows) < 0.5, "web", "shop"),
            "customer": pd.Series([f"C{n}" for n in rng.integers(0, rows // 50, rows)]),
            "terminal": pd.Series([f"T{n}" for n in rng.integers(0, rows // 100, rows)]),
        }
    )
    scores = rng.beta(0.2, 20.0, rows)
    scored = ScoredRows(
        ids=pd.Series([f"{n:09d}" for n in range(rows)]),
        days=days.astype("datetime64[D]"),
        scores=pa.array(scores),
        decisions=pa.array(np.where(scores > 0.5, "alert", "pass")),
        features=features,
        beside=beside,
    )
    by = DecidedBy("bench", 1, 1, "ab" * 32, 0.5)
    _log(home).append(watched_spec(), by, scored, scored_at=datetime(2026, 1, 1, tzinfo=UTC))
    return {}


def _log(home: Path) -> Any:
    from finrisk.data.decision_log import DecisionLog
    from finrisk.data.row_hashing import RowHasher

    return DecisionLog(home / "decisions", "live", RowHasher(bytes(32)))


def _decided(home: Path) -> tuple[Any, Any, Any, date]:
    from finrisk.pipelines.monitors.decisions import decided_by
    from finrisk.records import ModelVersion

    spec, log = watched_spec(), _log(home)
    last = log.days("bench")[-1] + timedelta(days=1)
    version = ModelVersion("bench", 1, "run", "models:/m-1", "ab" * 32, "cd" * 32)
    return spec, log, decided_by(log, version, spec, last), last


def unlabelled(_: int, home: Path) -> dict[str, Any]:
    """Read a window from the log and all that needs no label, the estimate included."""
    from finrisk.evaluation.drift_readings import DriftBasis, drift_readings
    from finrisk.evaluation.outcome_readings import estimate_readings
    from finrisk.evaluation.watched import Promise, Watched
    from finrisk.ledger.readings import State
    from finrisk.pipelines.monitors.decisions import counted_window
    from finrisk.pipelines.monitors.reference import read_reference

    spec, _log_of, decided, as_of = _decided(home)
    wall = time.perf_counter()

    def read() -> list[Any]:
        reference = read_reference(home / "reference.json")
        window = counted_window(decided, *decided.window(WINDOW_DAYS), reference)
        basis = DriftBasis(
            reference.columns, window.counts, reference.rows, window.rows, reference.without, {}
        )
        watched = Watched("bench", as_of, 1)
        drift = drift_readings(watched, basis, spec)
        return drift + estimate_readings(watched, window.scores, Promise(), spec)

    seconds, readings = _timed(read)
    # three million a day are as usual where eleven thousand were: a window has so many rows here
    assert {r.state for r in readings if r.monitor != "volume"} == {State.QUIET}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "monitors_cpu_s": seconds,
        "monitors_wall_s": round(time.perf_counter() - wall, 3),
        "monitors_peak_mb": round(peak),
    }


def labelled(rows: int, home: Path) -> dict[str, Any]:
    """Join as many decisions with their labels, and measure performance, calibration, slices."""
    import numpy as np
    import pandas as pd

    from finrisk.data.labels import LABEL, VINTAGE, Labelled
    from finrisk.data.landing import EVENT_DAY, ROW_ID
    from finrisk.evaluation.outcome_readings import outcome_readings
    from finrisk.evaluation.watched import Promise, Watched
    from finrisk.pipelines.monitors.decisions import labelled_decisions

    spec, log, decided, as_of = _decided(home)
    rng = np.random.default_rng(4)
    first, last = decided.window(WINDOW_DAYS)
    landed = pd.DataFrame({ROW_ID: [f"{n:09d}" for n in range(rows)]})
    landed[EVENT_DAY] = pd.Timestamp(first)
    landed[LABEL] = pd.array((rng.random(rows) < 0.01).astype(int), dtype="Int8")
    landed[VINTAGE] = str(first)
    join_s, (matured, without) = _timed(
        lambda: labelled_decisions(decided, first, last, Labelled(landed, 0, 0), log, spec)
    )
    assert without == 0
    promise = Promise({"auc": 0.9, "ks": 0.6, "average_precision": 0.3}, rows, rows // 100)
    watched = Watched("bench", as_of, 1)
    measure_s, _ = _timed(
        lambda: outcome_readings(watched, matured, promise, spec, probability=True)
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "labels_joined_cpu_s": join_s,
        "labels_measured_cpu_s": measure_s,
        "labels_peak_mb": round(peak),
    }


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.process_time()
    found = work()
    return round(time.process_time() - began, 4), found


PARTS = {
    "alone": alone,
    "against_bare": against_bare,
    "write": write,
    "unlabelled": unlabelled,
    "labelled": labelled,
}


if __name__ == "__main__":
    main()
