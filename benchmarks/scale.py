"""What a fit takes of memory and time on each engine, on a snapshot of made-up rows.

    python benchmarks/scale.py --rows 1000000
    python benchmarks/scale.py --rows 10000000 --engines memory external_memory
    python benchmarks/scale.py --rows 1000000 --engines memory dask   # with requirements-scale.lock
    python benchmarks/scale.py --rows 1000000 --engines --judge

The snapshot is written a row group at a time, so that no step but a fit in memory ever holds all
rows. Every step is a process of its own; its peak is the kernel's count (ru_maxrss, which counts
pages mapped from a file), of which 0.4 to 0.5 GB are libraries. Seconds are by the clock;
processor seconds are what a busy machine does not change.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

COLUMNS, CATEGORIES, MONTHS, HOLDOUT_MONTHS = 25, 3, 24, 4
GROUP_ROWS = 1 << 20  # as SnapshotStore writes them
WORDS = ("branch", "broker", "marketplace", "partner", "web")
ENGINES = ("memory", "external_memory", "dask")


def main() -> None:
    asked = arguments()
    if asked.step:
        figures = STEPS[asked.step](asked)
        figures |= used()
        print(json.dumps(figures))
        return
    with tempfile.TemporaryDirectory() as home:
        written = child(asked, home, "write")
        print(f"{asked.rows:,} rows × {COLUMNS} columns, {asked.rounds} rounds, 3 folds and a fit")
        print(f"snapshot {written['megabytes']:,.0f} MB, made in {written['peak']:.2f} GB")
        found: dict[str, dict[str, Any]] = {}
        for engine in asked.engines:
            found[engine] = child(asked, home, "fit", "--engine", engine)
            print(line(engine, found[engine]), flush=True)
        if asked.judge:
            judged = child(asked, home, "judge")
            print(
                f"facts and exhibits of {judged['holdout_rows']:,} hold-out rows: "
                f"peak {judged['peak']:.2f} GB, {judged['seconds']:.0f} s, "
                f"processor {judged['cpu']:.0f} s"
            )
        if {"memory", "external_memory"} <= found.keys():
            memory, disk = found["memory"], found["external_memory"]
            print(
                f"external_memory ÷ memory: peak {disk['peak'] / memory['peak']:.0%}, "
                f"time {disk['seconds'] / memory['seconds']:.2f}, "
                f"processor time {disk['cpu'] / memory['cpu']:.2f}, "
                f"AUC {disk['auc'] - memory['auc']:+.5f}"
            )


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--engines", nargs="*", choices=ENGINES, default=list(ENGINES[:2]))
    parser.add_argument("--judge", action="store_true", help="measure the gate's facts as well")
    parser.add_argument("--step", choices=STEPS, help="of a child")
    parser.add_argument("--engine", choices=ENGINES)
    parser.add_argument("--home", type=Path)
    parser.add_argument("--sha256")
    return parser.parse_args()


def line(engine: str, of: dict[str, Any]) -> str:
    phases = ", ".join(f"{name} {seconds:.0f}" for name, seconds in of["phases"].items())
    return (
        f"{engine:16} peak {of['peak']:5.2f} GB  {of['seconds']:6.0f} s  "
        f"processor {of['cpu']:6.0f} s  hold-out AUC {of['auc']:.5f}  ({phases})"
    )


def child(asked: argparse.Namespace, home: str, step: str, *further: str) -> dict[str, Any]:
    told = [f"--{name}={getattr(asked, name)}" for name in ("rows", "rounds", "threads")]
    named = Path(home) / "name"
    told += [f"--sha256={named.read_text()}"] if named.exists() else []
    ran = subprocess.run(
        [sys.executable, __file__, *told, f"--home={home}", f"--step={step}", *further],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    figures: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return figures


def used() -> dict[str, float]:
    own = resource.getrusage(resource.RUSAGE_SELF)
    workers = resource.getrusage(resource.RUSAGE_CHILDREN)  # Dask's, once they ended
    spent = own.ru_utime + own.ru_stime + workers.ru_utime + workers.ru_stime
    return {"peak": own.ru_maxrss / 1e6, "cpu": spent, "of_a_worker": workers.ru_maxrss / 1e6}


def write(asked: argparse.Namespace) -> dict[str, Any]:
    from finrisk.data.snapshots import SnapshotStore

    draft = asked.home / "draft.parquet"
    writer = None
    for first in range(0, asked.rows, GROUP_ROWS):
        rows = range(first, min(first + GROUP_ROWS, asked.rows))
        table = pa.Table.from_pandas(made_up(rows, asked.rows), preserve_index=False)
        table = table.replace_schema_metadata(None)
        if writer is None:
            writer = pq.ParquetWriter(draft, table.schema, compression="zstd")
        writer.write_table(table)
    if writer is not None:
        writer.close()
    with draft.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    path = SnapshotStore(asked.home / "snapshots").path(sha256)
    path.parent.mkdir(parents=True)
    draft.rename(path)
    (asked.home / "name").write_text(sha256)
    return {"megabytes": path.stat().st_size / 1e6}


def made_up(rows: range, of: int) -> pd.DataFrame:
    """Rows in order of time; a tenth is bad, for reasons of six columns and of the channel."""
    chance = np.random.default_rng((20260101, rows.start))
    n = len(rows)
    month = np.arange(rows.start, rows.stop) * MONTHS // of
    numbers = {f"x{c:02d}": chance.normal(size=n).round(4) for c in range(COLUMNS - CATEGORIES)}
    words = {f"w{c}": chance.choice(WORDS, n) for c in range(CATEGORIES)}
    risk = numbers["x00"] + numbers["x01"] * numbers["x02"] - 0.5 * np.abs(numbers["x03"])
    risk += (words["w0"] == "broker") * (0.5 + numbers["x04"])
    bad = chance.random(n) < 1.0 / (1.0 + np.exp(2.6 - risk))
    numbers["x05"][chance.random(n) < 0.1] = np.nan
    vintages = np.array([str(np.datetime64("2023-01", "M") + m) for m in range(MONTHS)])
    days = np.array([np.datetime64(f"{v}-01", "us") for v in vintages])
    return pd.DataFrame(
        {
            "_row_id": [f"loan-{n:09d}" for n in rows],
            "_event_day": days[month],
            "_vintage": vintages[month],
            "_label": bad.astype(np.int8),
            "_part": np.where(month < MONTHS - HOLDOUT_MONTHS, "development", "holdout"),
            **numbers,
            **words,
        }
    )


def fit(asked: argparse.Namespace) -> dict[str, Any]:
    from finrisk.data.snapshots import SnapshotStore
    from finrisk.models.engines import Places, fit_from_snapshot

    spec = the_spec(asked)
    store = SnapshotStore(asked.home / "snapshots")
    address, stop = "", lambda: None
    if asked.engine == "dask":
        from distributed import LocalCluster

        cluster = LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0"
        )
        address, stop = cluster.scheduler_address, cluster.close
    places = Places(store, asked.home / "scratch", address)
    began = time.perf_counter()
    fitted, _ = fit_from_snapshot(
        asked.sha256, spec, spec.candidates[0], places, threads=asked.threads
    )
    seconds = time.perf_counter() - began
    stop()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # before anything else is done
    return {
        "seconds": seconds,
        "phases": fitted.seconds,
        "of_fit": peak / 1e6,
        "auc": holdout_auc(store, asked.sha256, spec, fitted.model),
    }


def judge(asked: argparse.Namespace) -> dict[str, Any]:
    """The decide step's facts and exhibits, of two made-up models on the stored hold-out."""
    from datetime import date

    from finrisk.data.snapshots import SnapshotStore, rows_sha256
    from finrisk.evaluation.facts import Contender, after_look, before_look, score_all
    from finrisk.evaluation.judged_rows import JudgedRows
    from finrisk.evaluation.statistics import data_statistics, distributions
    from finrisk.evaluation.stored_rows import StoredFeatures, StoredPart
    from finrisk.pictures.features import feature_picture
    from finrisk.records import SnapshotRef, Window

    def contender(noise: float) -> Contender:
        def score(features: pd.DataFrame) -> Any:
            risk = features["x00"] + features["x01"] * features["x02"] + noise * features["x06"]
            return (1.0 / (1.0 + np.exp(2.6 - risk))).to_numpy()

        return Contender(
            True,
            score,
            date(2024, 8, 1),
            lambda _: 0,
            reference_scores=tuple(np.linspace(0.0, 1.0, 201).tolist()),
        )

    spec, began = the_spec(asked), time.perf_counter()
    with SnapshotStore(asked.home / "snapshots").reading(asked.sha256) as snapshot:
        development, holdout = (StoredPart(snapshot, p) for p in ("development", "holdout"))
        features = [StoredFeatures(snapshot, p, spec) for p in ("development", "holdout")]
        labels = holdout["_label"].to_numpy(dtype=np.int8)
        window = Window(date(2024, 9, 1), date(2024, 12, 31), len(labels), int(labels.sum()))
        sha256 = rows_sha256(holdout["_row_id"], labels)
        ref = SnapshotRef(asked.sha256, "", asked.rows, 0, 0, 0, window, window, sha256)
        challenger, champion = contender(0.1), contender(0.2)
        facts = before_look(
            model="loans",
            as_of=date(2025, 3, 1),
            snapshot=ref,
            holdout=holdout,
            development=development,
            development_features=features[0],
            numeric=tuple(n for n in spec.feature_names if n.startswith("x")),
            challenger=challenger,
            champion=champion,
            embargo_days=1,
            allowed_strong_features=(),
        )
        rows = JudgedRows(sha256, labels, holdout, features[1], features[0])
        scored = score_all(features[1], challenger, champion)
        after_look(
            facts,
            alpha=0.004,
            rows=rows,
            scored=scored,
            challenger=challenger,
            champion=champion,
            anchor_version=None,
            spec=spec,
        )
        data_statistics(features[0], features[1], development["_label"].to_numpy(), labels)
        distributions(features[0], features[1])
        feature_picture(features[0], features[1])
    return {"seconds": time.perf_counter() - began, "holdout_rows": len(labels)}


def holdout_auc(store: Any, sha256: str, spec: Any, model: Any) -> float:
    from finrisk.features.derive import derive_features
    from finrisk.metrics.ranking import ranking_metrics

    scores, labels = [], []
    with store.reading(sha256) as snapshot:
        for frame in snapshot.batches("holdout", ("_label", *spec.feature_columns)):
            scores.append(model.score(derive_features(frame, spec)))
            labels.append(frame["_label"].to_numpy())
    return ranking_metrics(np.concatenate(labels), np.concatenate(scores)).auc


def the_spec(asked: argparse.Namespace) -> Any:
    from finrisk.specs.model_spec import ModelSpec

    numbers = [f"x{c:02d}" for c in range(COLUMNS - CATEGORIES)]
    words = [f"w{c}" for c in range(CATEGORIES)]
    return ModelSpec.model_validate(
        {
            "name": "loans",
            "title": "Loans",
            "owner": "risk",
            "model_type": "credit_risk",
            "registered_name": "loans",
            "source": {"path": "landing/loans"},
            "row_key": "loan_id",
            "time": {"column": "opened"},
            "columns": {
                "loan_id": {"type": "text"},
                "opened": {"type": "date"},
                "bad": {"type": "integer"},
                **{name: {"type": "number", "nullable": True} for name in numbers},
                **{name: {"type": "category"} for name in words},
            },
            "label": {"rule": {"kind": "column", "column": "bad"}},
            "features": [*numbers, *words],
            "candidates": [
                {
                    "name": "xgboost",
                    "algorithm": "xgboost",
                    "engine": asked.engine or "memory",
                    "parameters": {
                        "n_estimators": asked.rounds,
                        "max_depth": 6,
                        "learning_rate": 0.2,
                    },
                }
            ],
        }
    )


STEPS = {"write": write, "fit": fit, "judge": judge}

if __name__ == "__main__":
    main()
