"""A whole night on a cluster of real processes whose scheduler is killed while it trains."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from finrisk.config import Settings
from finrisk.errors import Unreachable
from finrisk.models import dask_cluster
from finrisk.pipelines.rooms import Rooms
from finrisk.records import Decision
from tests.pipelines.conftest import settings, shared  # noqa: F401 - fixtures
from tests.pipelines.lender import FIRST, SECOND, deliver, lender_of_its_own, night
from tests.scale.processes import Cluster
from tests.scale.test_dask_engine import wait_for_training

MODEL = "credit_risk"


def on_a_cluster(document: dict[str, Any]) -> None:
    boosted = document["candidates"][1] | {"engine": "dask"}
    boosted["parameters"] = {"n_estimators": 300, "max_depth": 2, "learning_rate": 0.1}
    document["candidates"] = [boosted]


@contextmanager
def opened(own: Settings) -> Iterator[Rooms]:
    rooms = Rooms.open(MODEL, own)
    with closing(rooms.ledger):
        yield rooms


def test_a_night_whose_scheduler_is_killed_leaves_the_champion_and_ends_the_next_time(
    settings: Settings,  # noqa: F811
    processes: Cluster,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dask_cluster, "PATIENCE_SECONDS", 10)
    with opened(lender_of_its_own(settings, tmp_path / "one")) as rooms:
        assert night(rooms, FIRST).decision is Decision.PROMOTE
        champion = rooms.ledger.champion(MODEL)
    own = lender_of_its_own(settings, tmp_path / "cluster", on_a_cluster)
    own = own.model_copy(update={"dask_scheduler": processes.address})

    with opened(own) as rooms, ThreadPoolExecutor(1) as pool:
        deliver(rooms.settings, SECOND)
        lost = pool.submit(night, rooms, SECOND)
        assert wait_for_training(processes.address, lost)
        processes.kill_scheduler()
        with pytest.raises(Unreachable, match="the champion stays"):
            lost.result(timeout=300)
        assert rooms.ledger.champion(MODEL) == champion
        assert rooms.ledger.night(MODEL, SECOND) is None

        processes.kill()
        processes.start()
        decided = night(rooms, SECOND)

        assert decided.candidate == "xgb"
        assert decided.champion_version == champion.version
        assert [one.as_of for one in rooms.ledger.nights(MODEL)].count(SECOND) == 1
