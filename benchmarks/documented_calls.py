"""What the documented calls cost: each step of each algorithm, and questions about 2,000 runs.

    python benchmarks/documented_calls.py [--json]

Steps are wall seconds on SQLite in a fresh home, after imports and one run to warm up: fitted model
to finished run, run to version, version to Production, Production to a loaded model. Frames have
10,000 development and 5,000 test rows of 20 features.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

RUNS = 2000
DETECTORS = ("isolation_forest", "one_class_svm", "elliptic_envelope")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    as_json = parser.parse_args().json
    with tempfile.TemporaryDirectory() as home:
        os.environ["FINRISK_HOME"] = home
        steps = _steps()
        questions = _questions()
    if as_json:
        print(json.dumps({"steps_s": steps, "questions_s": questions}, indent=2))
        return
    print(f"{'':<22}{'log':>8}{'register':>10}{'promote':>9}{'load':>7}   seconds")
    for algorithm, (log, register, promote, load) in steps.items():
        print(f"{algorithm:<22}{log:>8.2f}{register:>10.2f}{promote:>9.2f}{load:>7.2f}")
    for name, seconds in questions.items():
        print(f"{name:<40}{seconds:>8.3f} s")


def _steps() -> dict[str, tuple[float, ...]]:
    from finrisk.monitoring.mlflow_tracker import (
        FinRiskModelRegistry,
        log_credit_risk_model,
        log_fraud_detection_model,
    )

    frames, models = _frames(), _models()
    found = {}
    for turn, (algorithm, model) in enumerate([("warm-up", models["xgboost"]), *models.items()]):
        detector = algorithm in DETECTORS
        model.fit(frames["X_train"], None if detector else frames["y_train"])
        log = log_fraud_detection_model if detector else log_credit_risk_model
        name, registry = f"{algorithm}_model", FinRiskModelRegistry()
        given = {"hyperparameters": model.get_params(), "metrics": {"auc": 0.8}}
        run_id, logging = _timed(log, model, algorithm, **frames, **given)
        version, registering = _timed(registry.register_model, run_id, name)
        _, promoting = _timed(registry.promote_model, name, version, "Production")
        _, loading = _timed(FinRiskModelRegistry().load_production_model, name)
        if turn:
            found[algorithm] = (logging, registering, promoting, loading)
    return found


def _questions() -> dict[str, float]:
    """Fill an experiment with runs as nights leave them, then ask."""
    from finrisk.monitoring.mlflow_tracker import FinRiskMLflowTracker
    from finrisk.tracking.client import open_client
    from finrisk.tracking.run_writer import RunContents, write_run

    tracker = FinRiskMLflowTracker(experiment_name="many")
    client, experiment = open_client(tracker.settings), tracker.experiment_id
    contents = RunContents(
        params={f"parameter_{n}": n for n in range(20)},
        metrics={f"metric_{n}": n / 25 for n in range(25)},
    )
    ids = []
    for number in range(RUNS):
        kinds = {"model_type": "credit_risk", "algorithm": ("xgboost", "forest")[number % 2]}
        run = client.create_run(experiment, run_name=f"run {number}", tags=kinds)
        write_run(client, run.info.run_id, contents)
        client.set_terminated(run.info.run_id, status="FINISHED")
        ids.append(run.info.run_id)
    return {
        "get_experiment_summary, 2,000 runs": _timed(tracker.get_experiment_summary)[1],
        "compare_runs, ten of 2,000": _timed(tracker.compare_runs, ids[:10])[1],
        "compare_runs, all 2,000": _timed(tracker.compare_runs)[1],
    }


def _frames() -> dict[str, Any]:
    chance = np.random.default_rng(20260101)
    bad = chance.random(15_000) < 0.1
    X = pd.DataFrame(chance.normal(size=(15_000, 20)), columns=[f"feature_{n}" for n in range(20)])
    X[bad] = X[bad] * 1.6 + 0.3
    y = pd.Series(bad.astype(int))
    return {
        "X_train": X.iloc[:10_000],
        "X_test": X.iloc[10_000:],
        "y_train": y.iloc[:10_000],
        "y_test": y.iloc[10_000:],
    }


def _models() -> dict[str, Any]:
    from sklearn.covariance import EllipticEnvelope
    from sklearn.ensemble import IsolationForest, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import OneClassSVM
    from xgboost import XGBClassifier

    return {
        "logistic_regression": LogisticRegression(),
        "random_forest": RandomForestClassifier(min_samples_leaf=20, random_state=1),
        "xgboost": XGBClassifier(n_estimators=150, max_depth=4),
        "isolation_forest": IsolationForest(random_state=1),
        "one_class_svm": OneClassSVM(nu=0.1),
        "elliptic_envelope": EllipticEnvelope(random_state=1),
    }


def _timed(step: Callable[..., Any], *args: Any, **kwargs: Any) -> tuple[Any, float]:
    began = time.perf_counter()
    return step(*args, **kwargs), time.perf_counter() - began


if __name__ == "__main__":
    main()
