"""Real public tables through a night, by the YAML in conf/examples alone."""

from __future__ import annotations

import os
import shutil
from datetime import date
from pathlib import Path

import pytest

from finrisk.config import Settings
from finrisk.pipelines.retrain import run_night
from finrisk.pipelines.rooms import Rooms
from finrisk.records import Decision, NightRequest
from finrisk.setting_up import initialise

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("SHARED_DATA", ROOT.parent / "shared" / "data"))


@pytest.mark.parametrize(
    ("model", "file", "least_auc"),
    [
        ("german_credit", "german_credit", 0.70),
        ("home_equity", "hmeq", 0.85),
        ("taiwan_default", "taiwan_default", 0.74),
    ],
)
def test_a_public_table_gets_its_champion_by_yaml_alone(
    tmp_path: Path, model: str, file: str, least_auc: float
) -> None:
    table = SHARED / f"{file}.parquet"
    if not table.exists():
        pytest.skip(f"{table.name} is not beside the repository (SHARED_DATA)")
    landing = tmp_path / "landing" / model
    landing.mkdir(parents=True)
    shutil.copy(table, landing)
    conf = f"{ROOT}/conf/examples/{model}.yaml"
    settings = Settings(home=tmp_path, conf=conf, threads=1, pictures=False)
    initialise(settings)
    rooms = Rooms.open(model, settings)

    night = run_night(
        NightRequest(model=model, as_of=date(2024, 2, 15), actor="test"), rooms, tell=lambda _: None
    )

    assert night.decision is Decision.PROMOTE, night.reasons
    evidence = rooms.ledger.evidence(night.evidence_sha256 or "")
    assert evidence is not None
    assert evidence.facts.challenger_metrics["auc"] >= least_auc
