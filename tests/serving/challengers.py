"""A served lender with a second version that may run beside the champion."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pandas as pd

from finrisk.config import Settings
from finrisk.ledger.store import Ledger
from finrisk.pipelines.rooms import Rooms
from finrisk.tracking.champion_registry import ChampionRegistry
from tests.pipelines.scored_worlds import july
from tests.serving.test_swaps import promote
from tests.serving.worlds import CREDIT, Served, own_settings, plain_rows

WHO: dict[str, Any] = {"actor": "anna", "reason": "fewer declines?"}


def two_versions(credit_champion: Rooms, folder: Path, name: str) -> Settings:
    """A scope in which version 1 is champion and version 2 is known; copies of both are kept."""
    scope = f"t-{name}-{folder.name[-8:].lower()}"
    made = own_settings(credit_champion, folder).in_scope(scope)
    registry = ChampionRegistry(made)
    with Ledger.open(made) as ledger:
        for number in (1, 2):
            version = credit_champion.ledger.version(CREDIT, number)
            assert version is not None
            ledger.remember_version(version)
            registry.verify(credit_champion.registered_name, version)
    promote(made, 1)
    return made


def rooms_of(credit_champion: Rooms, settings: Settings) -> Rooms:
    """The rooms of that scope; versions are registered where the world registered them."""
    rooms = Rooms.open(CREDIT, settings)
    rooms.registry.check_registered = lambda *_: None  # type: ignore[method-assign]  # by another scope's name
    return rooms


JULY_ENDS = datetime(2024, 7, 31, 20, tzinfo=UTC)
"""When July's rows are asked for: a server takes none that are older than 31 days."""


def july_rows(credit_champion: Rooms, count: int) -> tuple[list[dict[str, Any]], list[str]]:
    """Landed rows of July 2024 with their day, and their keys."""
    return asked_rows(credit_champion, july(credit_champion).head(count))


def asked_rows(
    credit_champion: Rooms, frame: pd.DataFrame
) -> tuple[list[dict[str, Any]], list[str]]:
    """Landed rows as a caller would ask for them, and their keys."""
    rows = plain_rows(frame, credit_champion.spec)
    days = [str(day)[:10] for day in frame["application_date"]]
    dated = [row | {"application_date": day} for row, day in zip(rows, days, strict=True)]
    return dated, frame["application_id"].tolist()


async def score_named(
    one: Served, rows: list[dict[str, Any]], ids: list[str], **more: Any
) -> httpx.Response:
    named = [{"id": key, "features": row} for key, row in zip(ids, rows, strict=True)]
    return await one.client.post(f"/v1/models/{CREDIT}/score", json={"rows": named, **more})
