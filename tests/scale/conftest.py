"""A Dask cluster of two processes on this machine."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.scale.processes import Cluster

distributed = pytest.importorskip(
    "distributed", reason="Dask is not installed: `make test-scale` installs it and runs these"
)


@contextmanager
def a_cluster(workers: int = 2) -> Iterator[Any]:
    """Two worker processes of one thread each; a killed one is started again by its nanny."""
    with distributed.LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        processes=True,
        dashboard_address="127.0.0.1:0",
        silence_logs=logging.CRITICAL,
    ) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def cluster() -> Iterator[Any]:
    with a_cluster() as shared:
        yield shared


@pytest.fixture
def address(cluster: Any) -> str:
    return str(cluster.scheduler_address)


@pytest.fixture
def own_cluster() -> Iterator[Callable[[], Any]]:
    """A cluster to spoil."""
    with a_cluster() as spoilt:
        yield lambda: spoilt


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Cluster]:
    """A cluster to spoil, of which nothing comes back by itself."""
    made = Cluster(tmp_path / "dask.log")
    try:
        made.start()
        yield made
    finally:
        made.kill()
