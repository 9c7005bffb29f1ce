from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from finrisk.config import Settings
from finrisk.monitoring.first_champion import Named
from tests.specs.factories import changed, written

LATE = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("model_name", "day"),
    [
        ("loans", date(2026, 3, 2)),
        ("consumer-loans", date(2026, 3, 2)),
        ("a_model_of_my_own", date(2026, 3, 1)),
    ],
)
def test_a_day_is_that_of_the_specs_nights_and_without_a_spec_that_of_utc(
    tmp_path: Path, model_name: str, day: date
) -> None:
    document = changed("schedule", {"timezone": "Europe/Madrid"})
    written(tmp_path, document | {"registered_name": "consumer-loans"})
    settings = Settings(home=tmp_path, conf=str(tmp_path))

    assert Named.of(settings, model_name).local(LATE).date() == day
