"""A whole fraud night in process against the bare work in it, in one run of one process.

    python benchmarks/fraud_night.py --data fdh_simulated_raw.parquet [--json]

The file is the Fraud Detection Handbook's: 1.75 million rows of history, seven training days, by
conf/examples/handbook_fraud.yaml. Bare is the same features as one DuckDB query on rows in memory,
the same search, fits and predictions of both candidates in plain calls: no landing, contract,
snapshot, signature, MLflow or ledger. The first night has no features yet and builds those of its
split; the second builds one day, and has a champion to beat. The gate's own seconds are reported
apart, as a night would be judged by its overhead and not by its judgement.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

NIGHTS = (date(2018, 9, 28), date(2018, 9, 29))
MODEL = "handbook_fraud"
CONF = Path(__file__).resolve().parent.parent / "conf" / "examples"
LENGTHS = (1, 7, 30)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="fdh_simulated_raw.parquet")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        figures = measure(Path(home), arguments.data)
    if arguments.json:
        print(json.dumps(figures, indent=2))
        return
    for name, figure in figures.items():
        shown = f"{figure:>10.2f}" if isinstance(figure, float) else f"{figure:>10,}"
        print(f"{name:<32} {shown}")


def measure(home: Path, data: Path) -> dict[str, Any]:
    """Run two nights in ``home``; return their seconds beside the bare ones."""
    os.environ |= {"FINRISK_HOME": str(home), "FINRISK_CONF": str(CONF)}
    landing = home / "landing" / MODEL
    landing.mkdir(parents=True)
    shutil.copy(data, landing)

    from finrisk.config import load_settings
    from finrisk.pipelines import steps
    from finrisk.pipelines.rooms import Rooms
    from finrisk.records import NightRequest
    from finrisk.setting_up import initialise

    initialise(load_settings())
    rooms = Rooms.open(MODEL)
    figures: dict[str, Any] = {"threads": rooms.settings.threads}
    for which, as_of in zip(("first", "second"), NIGHTS, strict=True):
        prepared, prepare = _timed(steps.prepare, NightRequest(MODEL, as_of), rooms)
        trained, train = [], 0.0
        for candidate in prepared.candidates:
            one, took = _timed(steps.train, prepared, candidate, rooms)
            trained.append(one)
            train += took
        decision, gate = _timed(steps.decide, prepared, trained, rooms)
        _, promote = _timed(steps.promote, decision, rooms)
        assert prepared.snapshot is not None, prepared.reasons
        windows = _bare_features(data, as_of, rooms, one_day=which == "second")
        bare = windows + _bare_fits(rooms, prepared.snapshot.sha256)
        night = prepare + train + promote
        figures |= {
            f"{which}_night_without_gate_s": night,
            f"{which}_prepare_s": prepare,
            f"{which}_train_s": train,
            f"{which}_gate_s": gate,
            f"{which}_bare_features_s": windows,
            f"{which}_bare_s": bare,
            f"{which}_ratio": night / bare,
        }
    return figures


def _timed(function: Any, *arguments: Any) -> tuple[Any, float]:
    began = time.perf_counter()
    result = function(*arguments)
    return result, time.perf_counter() - began


def _bare_features(data: Path, as_of: date, rooms: Any, *, one_day: bool) -> float:
    """Build the windows of the days a night needs as one query, on rows in memory."""
    spec = rooms.spec
    last = as_of - timedelta(days=1)
    holdout, training = spec.gate.holdout, spec.training
    split = 7 + holdout.max_vintages + holdout.embargo_days + 1 + training.max_vintages
    first = last if one_day else as_of - timedelta(days=split)
    oldest = first - timedelta(days=spec.look_back_days)
    rows = pd.read_parquet(data)  # noqa: F841 - the query names it
    parts = []
    for n in LENGTHS:
        customer = (
            f"PARTITION BY CUSTOMER_ID ORDER BY TX_DATETIME "
            f"RANGE BETWEEN INTERVAL {n} DAY PRECEDING AND CURRENT ROW"
        )
        terminal = (
            f"PARTITION BY TERMINAL_ID ORDER BY TX_DATETIME "
            f"RANGE BETWEEN INTERVAL {n + 7} DAY PRECEDING AND INTERVAL 7 DAY PRECEDING"
        )
        parts += [
            f"count(*) OVER ({customer}) AS customer_count_{n}",
            f"avg(TX_AMOUNT) OVER ({customer}) AS customer_mean_{n}",
            f"count(*) OVER ({terminal}) AS terminal_count_{n}",
            f"coalesce(sum(TX_FRAUD) OVER ({terminal}) / count(*) OVER ({terminal}), 0) "
            f"AS share_{n}",
        ]
    query = (
        f"SELECT * FROM (SELECT TRANSACTION_ID, TX_DATETIME, {', '.join(parts)} FROM rows "  # noqa: S608
        f"WHERE TX_DATETIME >= DATE '{oldest}' AND TX_DATETIME < DATE '{as_of}') "
        f"WHERE TX_DATETIME >= DATE '{first}'"
    )
    connection = duckdb.connect()
    connection.execute(f"SET threads = {rooms.settings.threads}")
    began = time.perf_counter()
    connection.execute(query).df()
    return time.perf_counter() - began


def _bare_fits(rooms: Any, snapshot_sha256: str) -> float:
    """Search, fit and predict as the night does, with nothing else around it."""
    from sklearn.metrics import average_precision_score

    from finrisk.features.derive import derive_features
    from finrisk.models.estimators import build, fit, raw_score
    from finrisk.models.grid import configurations
    from finrisk.models.preprocessing import FeatureKinds, build_preprocessor
    from finrisk.models.prequential import newest_rows, prequential_folds

    spec, threads = rooms.spec, rooms.settings.threads
    kinds, training = FeatureKinds.of(spec), spec.training
    development = rooms.snapshots.development(snapshot_sha256)
    holdout = rooms.snapshots.holdout(snapshot_sha256)
    labels = development["_label"].to_numpy()
    features = derive_features(development, spec)
    judged = derive_features(holdout, spec)
    folds = prequential_folds(development["_vintage"], training.search.folds, training.prequential)
    newest = newest_rows(development["_vintage"], training.prequential.train_days)
    began = time.perf_counter()
    for candidate in spec.candidates:
        grid = configurations(candidate, training.search.max_configurations, training.seed)
        scores = [0.0] * len(grid)
        for fold in folds:
            prep = build_preprocessor(candidate.algorithm, kinds)
            fitted_on = prep.fit_transform(features.iloc[fold.train])
            validated = prep.transform(features.iloc[fold.validate])
            for number, parameters in enumerate(grid):
                estimator = build(
                    candidate.algorithm, parameters, seed=training.seed, threads=threads
                )
                fit(estimator, fitted_on, labels[fold.train], threads=threads)
                said = raw_score(estimator, validated, threads=threads)
                scores[number] += average_precision_score(labels[fold.validate], said)
        best = grid[scores.index(max(scores))]
        prep = build_preprocessor(candidate.algorithm, kinds)
        estimator = build(candidate.algorithm, best, seed=training.seed, threads=threads)
        fit(estimator, prep.fit_transform(features.iloc[newest]), labels[newest], threads=threads)
        raw_score(estimator, prep.transform(judged), threads=threads)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
