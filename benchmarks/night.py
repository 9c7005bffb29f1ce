"""A whole night in process against the bare work in it, in one run of one process.

    python benchmarks/night.py [--rows 200000] [--columns 25] [--json]

Bare is the same search, the same fits and the same predictions in plain scikit-learn and XGBoost
calls on a frame that is in memory already: no landing, contract, snapshot, signature, MLflow or
ledger. The gate's own seconds (verifying both artifacts, facts, DeLong, evidence) are reported
apart, as the night would be judged by its overhead and not by its judgement.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from sklearn.metrics import roc_auc_score

MONTHS = 24
FIRST_MONTH = np.datetime64("2022-01", "M")
WINDOW_MONTHS = 6
CATEGORIES = 5
AS_OF = (date(2024, 6, 5), date(2024, 7, 5))  # the second night has a champion to beat


def main() -> None:
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as home:
        figures = measure(Path(home), arguments.rows, arguments.columns)
    if arguments.json:
        print(json.dumps(figures, indent=2))
        return
    for name, figure in figures.items():
        print(
            f"{name:<24} {figure:>10.2f}" if isinstance(figure, float) else f"{name:<24} {figure}"
        )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--columns", type=int, default=25)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def measure(home: Path, rows: int, columns: int) -> dict[str, Any]:
    """Run two nights in ``home`` and return the second one's seconds beside the bare ones."""
    os.environ["FINRISK_HOME"] = str(home)
    _write_spec(home, columns)
    _land(home, rows, columns)

    from finrisk.config import load_settings
    from finrisk.pipelines import steps
    from finrisk.pipelines.rooms import Rooms
    from finrisk.records import NightRequest
    from finrisk.setting_up import initialise

    initialise(load_settings())
    rooms = Rooms.open("bench")
    seconds: dict[str, float] = {}
    for as_of, candidates in zip(AS_OF, (("logistic_regression",), ()), strict=True):
        request = NightRequest("bench", as_of, candidates=candidates)
        prepared, seconds["prepare"] = _timed(steps.prepare, request, rooms)
        trained, each = [], []
        for candidate in prepared.candidates:
            one, took = _timed(steps.train, prepared, candidate, rooms)
            trained.append(one)
            each.append(took)
        seconds["train"] = sum(each)
        decision, seconds["decide_gate"] = _timed(steps.decide, prepared, trained, rooms)
        _, seconds["promote"] = _timed(steps.promote, decision, rooms)
    assert prepared.snapshot is not None
    assert decision.comparison is not None, decision.reasons
    bare = _bare(rooms, prepared.snapshot.sha256)
    night = sum(seconds.values()) - seconds["decide_gate"]
    return {
        "rows": rows,
        "columns": columns,
        "night_without_gate_s": night,
        "bare_s": bare,
        "ratio": night / bare,
        **{f"{step}_s": value for step, value in seconds.items()},
        "snapshot_rows": prepared.snapshot.rows,
        "threads": rooms.settings.threads,
    }


def _timed(function: Any, *arguments: Any) -> tuple[Any, float]:
    began = time.perf_counter()
    result = function(*arguments)
    return result, time.perf_counter() - began


def _bare(rooms: Any, snapshot_sha256: str) -> float:
    """Search, fit and predict as the night does, with nothing else around it."""
    from finrisk.models.estimators import build, fit, raw_score
    from finrisk.models.folds import expanding_folds
    from finrisk.models.grid import configurations
    from finrisk.models.preprocessing import FeatureKinds, build_preprocessor
    from finrisk.tracking.rows import aligned_features

    spec = rooms.spec
    kinds = FeatureKinds.of(spec)
    frame = rooms.snapshots.development(snapshot_sha256)
    holdout = rooms.snapshots.holdout(snapshot_sha256)
    labels = frame["_label"].to_numpy()
    features = aligned_features(frame, spec.feature_names, kinds.categorical)
    judged = aligned_features(holdout, spec.feature_names, kinds.categorical)
    training, threads = spec.training, rooms.settings.threads
    began = time.perf_counter()
    for candidate in spec.candidates:
        grid = configurations(candidate, training.search.max_configurations, training.seed)
        aucs = np.zeros(len(grid))
        for fold in expanding_folds(frame["_vintage"], training.search.folds):
            prep = build_preprocessor(candidate.algorithm, kinds)
            fitted_on = prep.fit_transform(features.iloc[fold.train])
            validated = prep.transform(features.iloc[fold.validate])
            for number, parameters in enumerate(grid):
                estimator = build(
                    candidate.algorithm, parameters, seed=training.seed, threads=threads
                )
                fit(estimator, fitted_on, labels[fold.train], threads=threads)
                scores = raw_score(estimator, validated, threads=threads)
                aucs[number] += roc_auc_score(labels[fold.validate], scores)
        best = grid[int(aucs.argmax())]
        prep = build_preprocessor(candidate.algorithm, kinds)
        estimator = build(candidate.algorithm, best, seed=training.seed, threads=threads)
        fit(estimator, prep.fit_transform(features), labels, threads=threads)
        raw_score(estimator, prep.transform(judged), threads=threads)
    return time.perf_counter() - began


def _names(columns: int) -> tuple[list[str], list[str]]:
    return [f"number_{n}" for n in range(columns - CATEGORIES)], [
        f"kind_{n}" for n in range(CATEGORIES)
    ]


def _write_spec(home: Path, columns: int) -> None:
    numbers, kinds = _names(columns)
    declared: dict[str, Any] = {"id": {"type": "text"}, "day": {"type": "date"}}
    declared |= {name: {"type": "number", "nullable": True} for name in numbers}
    declared |= {name: {"type": "category", "values": list("abcdef")} for name in kinds}
    spec = {
        "name": "bench",
        "title": "Benchmark",
        "owner": "bench",
        "model_type": "credit_risk",
        "registered_name": "bench",
        "source": {"path": "landing"},
        "row_key": "id",
        "time": {"column": "day", "vintage": "month"},
        "columns": {**declared, "bad": {"type": "integer"}},
        "label": {
            "rule": {"kind": "column", "column": "bad"},
            "performance_window_months": WINDOW_MONTHS,
        },
        "features": [*numbers, *kinds],
        "candidates": [
            {
                "name": "logistic_regression",
                "algorithm": "logistic_regression",
                "search": {"C": [0.03, 0.3, 3.0]},
            },
            {
                "name": "xgboost",
                "algorithm": "xgboost",
                "parameters": {"n_estimators": 300, "learning_rate": 0.06},
                "search": {"max_depth": [4, 6], "min_child_weight": [5, 20]},
            },
        ],
    }
    folder = home / "conf" / "models"
    folder.mkdir(parents=True)
    (folder / "bench.yaml").write_text(yaml.safe_dump(spec, sort_keys=False))


def _land(home: Path, rows: int, columns: int) -> None:
    rng = np.random.default_rng(5)
    numbers, kinds = _names(columns)
    folder = home / "landing"
    folder.mkdir()
    each = rows // MONTHS
    for month in range(MONTHS):
        frame = pd.DataFrame(rng.normal(size=(each, len(numbers))), columns=numbers)
        frame = frame.mask(rng.random(frame.shape) < 0.02)
        for name in kinds:
            frame[name] = rng.choice(list("abcdef"), each)
        risk = frame[numbers[:8]].fillna(0.0).to_numpy() @ np.linspace(0.5, 0.1, 8)
        risk += 0.4 * (frame[kinds[0]] == "a").to_numpy() - 2.0
        frame["bad"] = (rng.random(each) < 1 / (1 + np.exp(-risk))).astype("int64")
        first = (FIRST_MONTH + month).astype("datetime64[D]")
        frame.insert(0, "day", (first + rng.integers(0, 28, each)).astype("datetime64[us]"))
        frame.insert(0, "id", [f"{month}-{n}" for n in range(each)])
        frame.to_parquet(folder / f"{FIRST_MONTH + month}.parquet", index=False)


if __name__ == "__main__":
    main()
