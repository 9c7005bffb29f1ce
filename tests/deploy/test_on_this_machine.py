"""What a service says becomes what a process on loopback needs, and nothing else changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.compose_file import Service
from deploy.on_this_machine import Place

MLFLOW = Service("mlflow", "finrisk:1", [], {}, [], [], [], [5000], {}, {}, [], 1, once=False)
HERE = Place(
    MLFLOW,
    "mlflow",
    ports={("postgres", 5432): 40001, ("mlflow", 5000): 40002, ("scoring", 8000): 40003},
    paths={
        "/mlflow": Path("/h/mlflow"),
        "/run/secrets": Path("/h/secrets"),
        "/data": Path("/h/data"),
    },
)


@pytest.mark.parametrize(
    ("written", "here"),
    [
        ("--host=0.0.0.0", "--host=127.0.0.1"),
        ("--port=5000", "--port=40002"),
        ("http://127.0.0.1:5000/health", "http://127.0.0.1:40002/health"),
        ("mlflow:5000,127.0.0.1:5000", "127.0.0.1:40002,127.0.0.1:40002"),
        ("postgresql://mlflow@postgres:5432/mlflow", "postgresql://mlflow@127.0.0.1:40001/mlflow"),
        ("--artifacts-destination=/mlflow", "--artifacts-destination=/h/mlflow"),
        ("cat /run/secrets/password", "cat /h/secrets/password"),
        ("scoring:80001", "scoring:80001"),
        ("/data/x", "/h/data/x"),
        ("8000", "8000"),
    ],
)
def test_an_argument(written: str, here: str) -> None:
    assert HERE.argument(written) == here


def test_a_name_alone_is_an_address_only_where_a_host_belongs() -> None:
    assert HERE.value("AIRFLOW__METRICS__STATSD_HOST", "statsd-exporter") == "127.0.0.1"
    assert HERE.value("POSTGRES_DB", "postgres") == "postgres"
