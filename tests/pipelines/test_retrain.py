from __future__ import annotations

from datetime import date

import pytest

from finrisk.errors import ConfigurationError
from finrisk.pipelines.retrain import nights_between, run_replay
from finrisk.pipelines.rooms import Rooms
from finrisk.records import Decision, NightStatus
from tests.pipelines.lender import FIRST


@pytest.mark.parametrize(
    ("every", "nights"),
    [
        ("month", ["2024-01-31", "2024-02-29"]),
        ("week", ["2024-01-31", "2024-02-07", "2024-02-14", "2024-02-21", "2024-02-28"]),
        ("20", ["2024-01-31", "2024-02-20"]),
    ],
)
def test_nights_follow_the_step(every: str, nights: list[str]) -> None:
    found = nights_between(date(2024, 1, 31), date(2024, 3, 1), every)

    assert [night.isoformat() for night in found] == nights


def test_every_day_is_a_step() -> None:
    assert len(nights_between(date(2024, 2, 1), date(2024, 3, 1), "day")) == 30


@pytest.mark.parametrize("every", ["fortnight", "0", "-3", ""])
def test_no_such_step_is_an_error(every: str) -> None:
    with pytest.raises(ConfigurationError, match="month, week, day or a number of days"):
        nights_between(date(2024, 1, 1), date(2024, 2, 1), every)


@pytest.mark.parametrize("to", [date(2023, 12, 31), date(2044, 1, 1)])
def test_an_empty_or_endless_range_is_an_error(to: date) -> None:
    with pytest.raises(ConfigurationError, match="expected 1 to 3660"):
        nights_between(date(2024, 1, 1), to, "day")


def test_a_replay_runs_its_nights_in_order_and_goes_on_after_a_hold(rooms: Rooms) -> None:
    told: list[str] = []

    nights = run_replay(rooms, [date(2022, 1, 1), FIRST, date(2024, 8, 6)], tell=told.append)

    assert [n.status for n in nights] == [
        NightStatus.BLOCKED,
        NightStatus.READY,
        NightStatus.NOTHING_NEW,
    ]
    assert [n.decision for n in nights] == [Decision.HOLD, Decision.PROMOTE, Decision.HOLD]
    assert told[0] == "night 1 of 3, as of 2022-01-01: validating and freezing the snapshot"
    assert rooms.ledger.nights("credit_risk") == nights
