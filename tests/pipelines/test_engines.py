"""A night whose candidate is not fitted in memory: the same flavour, gate and registry."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from finrisk.config import Settings
from finrisk.errors import ConfigurationError
from finrisk.pipelines import steps
from finrisk.pipelines.reproducing import reproduce
from finrisk.pipelines.rooms import Rooms
from finrisk.records import Decision, NightRequest, NightStatus
from tests.pipelines.lender import FIRST, lender_of_its_own, night

MODEL = "credit_risk"


def on(engine: str) -> Any:
    def change(document: dict[str, Any]) -> None:
        boosted = document["candidates"][1] | {"engine": engine}
        document["candidates"] = [boosted]

    return change


@pytest.fixture
def disk(settings: Settings, tmp_path: Path) -> Rooms:
    return Rooms.open(MODEL, lender_of_its_own(settings, tmp_path, on("external_memory")))


def test_a_night_on_disk_promotes_and_leaves_no_rows_behind(disk: Rooms) -> None:
    decision = night(disk, FIRST)

    assert decision.decision is Decision.PROMOTE
    assert decision.candidate == "xgb"
    assert list((disk.settings.store / "scratch").iterdir()) == []
    assert disk.ledger.champion(MODEL) is not None


def test_a_version_fitted_on_disk_is_fitted_again_bit_for_bit(disk: Rooms) -> None:
    decision = night(disk, FIRST)
    assert decision.challenger is not None

    again = reproduce(disk, decision.challenger.version)

    assert again.identical


def test_both_engines_give_versions_that_score_alike(
    disk: Rooms, settings: Settings, tmp_path: Path
) -> None:
    memory = Rooms.open(MODEL, lender_of_its_own(settings, tmp_path / "memory", on("memory")))
    scores = []
    for rooms in (disk, memory):
        prepared = steps.prepare(NightRequest(MODEL, FIRST), rooms)
        trained = steps.train(prepared, "xgb", rooms)
        version = rooms.registry.register(
            rooms.registered_name, trained, model=MODEL, idem_key=f"engines-{len(scores)}"
        )
        model, manifest = rooms.registry.open(version)
        scores.append(model.score(manifest.golden_frame()))

    np.testing.assert_allclose(*scores, atol=1e-6)


def test_a_cluster_that_nobody_named_leaves_the_champion(
    disk: Rooms, settings: Settings, tmp_path: Path
) -> None:
    night(disk, FIRST)
    champion = disk.ledger.champion(MODEL)
    home = tmp_path / "cluster"
    rooms = Rooms.open(MODEL, lender_of_its_own(settings, home, on("dask")))
    prepared = steps.prepare(NightRequest(MODEL, FIRST, dry_run=True), rooms)
    assert prepared.status is NightStatus.READY

    with pytest.raises(ConfigurationError, match="FINRISK_DASK_SCHEDULER"):
        steps.train(prepared, "xgb", rooms)

    assert rooms.ledger.champion(MODEL) == champion
