"""A whole night on a cluster of real processes whose scheduler is killed while it trains."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from deploy.topology import free_port
from finrisk.config import Settings
from finrisk.errors import Unreachable
from finrisk.models import dask_cluster
from finrisk.pipelines.rooms import Rooms
from finrisk.records import Decision
from tests.pipelines.conftest import settings, shared  # noqa: F401 - fixtures
from tests.pipelines.lender import FIRST, SECOND, deliver, lender_of_its_own, night
from tests.scale.test_dask_engine import wait_for_training

MODEL = "credit_risk"
DASK = Path(sys.executable).with_name("dask")


def on_a_cluster(document: dict[str, Any]) -> None:
    boosted = document["candidates"][1] | {"engine": "dask"}
    boosted["parameters"] = {"n_estimators": 300, "max_depth": 2, "learning_rate": 0.1}
    document["candidates"] = [boosted]


@contextmanager
def opened(
    settings: Settings,  # noqa: F811
    home: Path,
    change: Callable[[dict[str, Any]], None] | None = None,
) -> Iterator[Rooms]:
    own = lender_of_its_own(settings, home, change)
    own = own.model_copy(update={"dask_scheduler": settings.dask_scheduler})
    rooms = Rooms.open(MODEL, own)
    try:
        yield rooms
    finally:
        rooms.ledger.close()


@dataclass
class Cluster:
    """A scheduler and two workers as somebody would start them, always at one address."""

    log: Path
    port: int = field(default_factory=free_port)
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"tcp://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._dask("scheduler", "--host", "127.0.0.1", "--port", str(self.port), "--no-dashboard")
        for _ in range(2):
            self._dask("worker", self.address, "--nthreads", "1", "--no-dashboard", "--no-nanny")

    def kill_scheduler(self) -> None:
        self.running[0].kill()

    def kill(self) -> None:
        for process in self.running:
            process.kill()
            process.wait()
        self.running.clear()

    def _dask(self, *words: str) -> None:
        with self.log.open("ab") as log:
            self.running.append(subprocess.Popen([str(DASK), *words], stdout=log, stderr=log))


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    made = Cluster(tmp_path / "dask.log")
    try:
        made.start()
        yield made
    finally:
        made.kill()


def test_a_night_whose_scheduler_is_killed_leaves_the_champion_and_ends_the_next_time(
    settings: Settings,  # noqa: F811
    cluster: Cluster,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dask_cluster, "PATIENCE_SECONDS", 10)
    with opened(settings, tmp_path / "one") as rooms:
        assert night(rooms, FIRST).decision is Decision.PROMOTE
        champion = rooms.ledger.champion(MODEL)
    named = settings.model_copy(update={"dask_scheduler": cluster.address})

    with opened(named, tmp_path / "cluster", on_a_cluster) as rooms, ThreadPoolExecutor(1) as pool:
        deliver(rooms.settings, SECOND)
        lost = pool.submit(night, rooms, SECOND)
        assert wait_for_training(cluster.address, lost)
        cluster.kill_scheduler()
        with pytest.raises(Unreachable, match="the champion stays"):
            lost.result(timeout=300)
        assert rooms.ledger.champion(MODEL) == champion
        assert rooms.ledger.night(MODEL, SECOND) is None

        cluster.kill()
        cluster.start()
        decided = night(rooms, SECOND)

        assert decided.candidate == "xgb"
        assert decided.champion_version == champion.version
        assert [one.as_of for one in rooms.ledger.nights(MODEL)].count(SECOND) == 1
