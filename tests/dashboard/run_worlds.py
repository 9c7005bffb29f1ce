"""Stores full of MLflow runs, written straight into the tables: logging as many takes minutes."""

from __future__ import annotations

import struct
import zlib
from typing import Any

from sqlalchemy import create_engine, text

from finrisk.config import Settings
from finrisk.tracking.client import find_experiment, open_client
from finrisk.tracking.run_writer import RunContents, write_run

STARTED_MS = 1_700_000_000_000
HOUR_MS = 3_600_000
NOTHING = RunContents()
ALGORITHMS = ("xgboost", "random_forest", "logistic_regression")


def fill_with_runs(
    uri: str,
    experiment_id: str,
    *,
    runs: int,
    metrics: int = 30,
    model: str = "credit_risk",
    after: int = 0,
) -> None:
    """Insert finished candidates of nights, an hour apart, with as many tags as real ones have.

    Their ids are the numbers that come ``after`` one.
    """
    ids = [f"{after + number:032x}" for number in range(1, runs + 1)]
    told: list[dict[str, Any]] = []
    measured: list[dict[str, Any]] = []
    for number, run_id in enumerate(ids):
        algorithm = ALGORITHMS[number % len(ALGORITHMS)]
        own = {
            "finrisk.model": model if number % 2 else "fraud",
            "finrisk.candidate": algorithm,
            "finrisk.as_of": "2024-08-05",
            "algorithm": algorithm,
            "experiment_type": "nightly_retraining",
            "mlflow.runName": f"credit_risk_{algorithm}_{number}",
            **{f"more.{tag}": "a value" for tag in range(9)},
        }
        told += [{"id": run_id, "key": key, "value": value} for key, value in own.items()]
        names = ["auc", *(f"metric_{one}" for one in range(metrics - 1))]
        measured += [{"id": run_id, "key": key, "value": 0.5 + number / 2e4} for key in names]
    engine = create_engine(uri)
    with engine.begin() as database:
        database.execute(
            text(
                "INSERT INTO runs (run_uuid, name, source_type, user_id, status, start_time, "
                "end_time, lifecycle_stage, artifact_uri, experiment_id) VALUES (:id, :name, "
                "'LOCAL', 'test', 'FINISHED', :began, :ended, 'active', :uri, :experiment)"
            ),
            [
                {
                    "id": run_id,
                    "name": f"credit_risk_{ALGORITHMS[number % len(ALGORITHMS)]}_{number}",
                    "began": STARTED_MS + number * HOUR_MS,
                    "ended": STARTED_MS + number * HOUR_MS + 90_000,
                    "uri": f"file:///nowhere/{run_id}/artifacts",
                    "experiment": int(experiment_id),
                }
                for number, run_id in enumerate(ids)
            ],
        )
        database.execute(
            text("INSERT INTO tags (run_uuid, key, value) VALUES (:id, :key, :value)"), told
        )
        database.execute(
            text(
                "INSERT INTO latest_metrics (run_uuid, key, value, timestamp, step, is_nan) "
                "VALUES (:id, :key, :value, 0, 0, FALSE)"
            ),
            measured,
        )
    engine.dispose()


def log_run(settings: Settings, name: str, contents: RunContents = NOTHING, **own_tags: str) -> str:
    """Log one finished run into the scope's experiment, through MLflow; return its id."""
    client = open_client(settings)
    run = client.create_run(find_experiment(client, settings), run_name=name, tags=own_tags)
    run_id: str = run.info.run_id
    write_run(client, run_id, contents)
    client.set_terminated(run_id, status="FINISHED")
    return run_id


def fill_scope(settings: Settings, runs: int) -> None:
    """Fill the scope's experiment of a home with candidates of nights."""
    experiment = find_experiment(open_client(settings), settings)
    fill_with_runs(settings.tracking_uri, experiment, runs=runs)


def png(width: int = 1, height: int = 1, *, whole: bool = True) -> bytes:
    """A grey PNG; without its rows, only one that says how large it would be."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    rows = zlib.compress((b"\0" + b"\0" * width) * height) if whole else b""
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def chunk(kind: bytes, data: bytes) -> bytes:
    """One part of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
