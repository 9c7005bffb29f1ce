"""What monitoring a delivery's columns costs: a million rows of thirty columns against a reference.

    python benchmarks/monitors.py [--rows N] [--json]

Twenty columns of numbers, ten of text, one in fifty values missing; a reference of 91 days, a
window of 7. CPU seconds of one thread, the best of several in turns. Bare is one pass as one would
write it: ``np.searchsorted`` and ``np.bincount`` a column of numbers, ``pd.Categorical`` and
``np.bincount`` a column of text, no value checked. Peak memory is the kernel's figure for a process
that holds the rows, makes the reference and compares the window; it has no bare pass in it.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
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
    asked = parser.parse_args()
    if asked.part:
        print(json.dumps(PARTS[asked.part](asked.rows)))
        return
    figures = {"rows": asked.rows, "columns": NUMBERS + KINDS}
    for part in ("alone", "against_bare"):
        figures |= _child(asked.rows, part)
    if asked.json:
        print(json.dumps(figures, indent=2))
        return
    for name, figure in figures.items():
        shown = f"{figure:,.3f}" if isinstance(figure, float) else f"{figure:,}"
        print(f"{name:<28}{shown:>14}")


def _child(rows: int, part: str) -> dict[str, Any]:
    command = [sys.executable, __file__, "--rows", str(rows), "--part", part]
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


def alone(rows: int) -> dict[str, Any]:
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


def against_bare(rows: int) -> dict[str, Any]:
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


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.process_time()
    found = work()
    return round(time.process_time() - began, 4), found


PARTS = {"alone": alone, "against_bare": against_bare}


if __name__ == "__main__":
    main()
