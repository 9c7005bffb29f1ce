from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from finrisk.config import Settings
from finrisk.errors import ConfigurationError, UnknownModel
from finrisk.pipelines.rooms import Rooms


def test_a_scope_has_its_own_registered_name(rooms: Rooms) -> None:
    assert rooms.registered_name == f"credit-risk-{rooms.settings.scope}"


def test_the_register_of_landed_files_is_of_one_scope_and_model(rooms: Rooms) -> None:
    scope = rooms.settings.scope

    assert rooms.landing_register == rooms.settings.store / "landing" / scope / "credit_risk.json"


def test_the_clock_knows_its_zone(rooms: Rooms) -> None:
    assert rooms.now().tzinfo is not None


def test_a_day_is_one_that_has_begun_where_the_nights_are(rooms: Rooms) -> None:
    schedule = rooms.spec.schedule.model_copy(update={"timezone": "America/New_York"})
    elsewhere = replace(
        rooms,
        spec=rooms.spec.model_copy(update={"schedule": schedule}),
        now=lambda: datetime(2026, 3, 2, 3, 0, tzinfo=UTC),
    )

    assert elsewhere.day() == elsewhere.local_now().date() == date(2026, 3, 1)
    assert elsewhere.day(date(2025, 1, 1)) == date(2025, 1, 1)
    with pytest.raises(ConfigurationError, match=r"2026-03-02 has not come yet.*America/New_York"):
        elsewhere.day(date(2026, 3, 2))


def test_a_model_nobody_declared_opens_nothing(shared: Settings) -> None:
    with pytest.raises(UnknownModel, match="credit_risk"):
        Rooms.open("credit_rsk", shared)
