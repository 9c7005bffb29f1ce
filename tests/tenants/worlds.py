"""A first lender and a second that has nothing but a folder; the same model, other customers."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import yaml

from finrisk.config import Settings
from finrisk.pipelines.rooms import Rooms
from finrisk.setting_up import initialise
from tests.pipelines.lender import FIRST, LENDER, deliver, land, load_spec, night, small_document

MODEL = "credit_risk"
OTHERS = replace(LENDER, seed=11)


def add_tenant(home: Path, name: str = "acme", **told: object) -> Path:
    """All that adding a lender takes: a folder with a spec, and what it is called."""
    folder = home / "lenders" / name
    (folder / "models").mkdir(parents=True)
    document = small_document() | {"title": f"Loans of {name}"}
    (folder / "models" / "credit_risk.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
    if told:
        (folder / "tenant.yaml").write_text(yaml.safe_dump(told))
    return folder


def own_settings(home: Path) -> Settings:
    """What a process started with these two variables works with."""
    return Settings(home=home, tenants=Path("lenders"), threads=1, pictures=False, actor="test")


def two_lenders(home: Path) -> Settings:
    """Both set up and delivered to, with a night each; the second one's rows are others."""
    (home / "conf" / "models").mkdir(parents=True)
    (home / "conf" / "models" / "credit_risk.yaml").write_text(
        yaml.safe_dump(small_document(), sort_keys=False)
    )
    add_tenant(home, title="Acme Bank", pool="acme")
    settings = own_settings(home)
    initialise(settings)
    deliver(settings, FIRST)
    acme = settings.of_tenant("acme")
    land(OTHERS, load_spec(acme.conf_locations[0] / "credit_risk.yaml"), acme.home, FIRST)
    for whose in (settings, acme):
        rooms = Rooms.open(MODEL, whose)
        night(rooms, FIRST)
        rooms.ledger.close()
    return settings


def copy_of(settings: Settings, home: Path) -> Settings:
    """The same for one test to change; artifacts stay where the ledger's rows have them."""
    ignored = shutil.ignore_patterns("artifacts", "landing")
    shutil.copytree(settings.home, home, ignore=ignored)
    return own_settings(home)
