"""Clocks that are a day off, go backwards or change to summer time: one night, one look, one chain.

What a day and a missed night are stands in ``tests/pipelines/test_rooms.py`` and
``test_missed.py``; what Airflow makes of nights whose clocks change in
``tests/dags/test_retraining.py``.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from finrisk.errors import ConfigurationError
from finrisk.ledger.store import Ledger
from finrisk.pipelines.rooms import Rooms, begun
from finrisk.records import Decision
from finrisk.specs.model_spec import Schedule
from tests.ledger.factories import AT, BUDGET, MODEL, NIGHT, force, request, version
from tests.pipelines.conftest import rooms, settings, shared
from tests.pipelines.lender import FIRST, SECOND, deliver, night

__all__ = ["rooms", "settings", "shared"]

DAY = timedelta(days=1)
BERLIN = ZoneInfo("Europe/Berlin")
DOUBLED = datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN)  # at 00:30 UTC, and with fold=1 at 01:30


def at_two(day: date, rooms: Rooms) -> Rooms:
    """Return the rooms with a clock that says two in the morning of a day."""
    moment = datetime(day.year, day.month, day.day, 2, 1, tzinfo=UTC)
    return replace(rooms, now=lambda: moment)


def test_a_clock_a_day_behind_refuses_the_night_and_leaves_nothing(rooms: Rooms) -> None:
    with pytest.raises(ConfigurationError, match=f"{FIRST} has not come yet"):
        night(at_two(FIRST - DAY, rooms), FIRST)

    assert rooms.ledger.models() == []
    assert night(at_two(FIRST, rooms), FIRST).decision is Decision.PROMOTE


def test_a_night_of_a_clock_a_day_ahead_is_refused_once_it_is_right_and_never_paid_for_again(
    rooms: Rooms,
) -> None:
    deliver(rooms.settings, SECOND)
    night(at_two(FIRST, rooms), FIRST)
    ahead = night(at_two(SECOND, rooms), SECOND)
    paid = rooms.ledger.looks("credit_risk")

    with pytest.raises(ConfigurationError, match=f"{SECOND} has not come yet"):
        night(at_two(SECOND - DAY, rooms), SECOND)
    again = night(at_two(SECOND, rooms), SECOND)

    assert (again.decision, again.evidence_sha256) == (ahead.decision, ahead.evidence_sha256)
    assert [look.night for look in paid] == [FIRST, SECOND]
    assert paid[1].alpha > 0
    assert rooms.ledger.looks("credit_risk") == paid


@pytest.mark.parametrize("off", [-400, -1, 1, 400])
def test_the_error_budget_goes_by_nights_and_a_wrong_clock_buys_and_returns_nothing(
    ledger: Ledger, off: int
) -> None:
    force(ledger, version(1))
    champion = ledger.champion(MODEL)
    paid = ledger.spend_look(request(champion=champion), BUDGET, AT)

    again = ledger.spend_look(request(champion=champion), BUDGET, AT + off * DAY)
    other = ledger.spend_look(request(NIGHT - DAY, champion=champion), BUDGET, AT + off * DAY)

    assert paid.look is not None
    assert again == paid
    assert other.budget_left == pytest.approx(paid.budget_left - paid.look.alpha)
    assert [look.night for look in ledger.looks(MODEL)] == [NIGHT - DAY, NIGHT]


def test_a_look_is_of_its_nights_year_whatever_the_clock_says_on_new_years_eve(
    ledger: Ledger,
) -> None:
    force(ledger, version(1))
    champion, eve = ledger.champion(MODEL), datetime(2025, 12, 31, 2, tzinfo=UTC)

    ahead = ledger.spend_look(request(date(2026, 1, 1), champion=champion), BUDGET, eve)
    behind = ledger.spend_look(request(date(2025, 12, 31), champion=champion), BUDGET, eve + DAY)

    assert ahead.look is not None
    left = BUDGET.alpha_year - ahead.look.alpha
    assert (ahead.budget_left, behind.budget_left) == (pytest.approx(left), pytest.approx(left))


@pytest.mark.parametrize("clock", [(0, -1, 1), (1, 0, -1), (0, 0, 0), (-400, 400, -1)])
def test_epochs_and_the_chain_follow_the_promotions_and_not_the_clock(
    ledger: Ledger, clock: tuple[int, ...]
) -> None:
    for number, off in enumerate(clock, start=1):
        force(ledger, version(number), as_of=NIGHT + number * DAY, at=AT + off * DAY)

    links = ledger.history(MODEL)
    assert [link.at for link in links] == [AT + off * DAY for off in clock]
    assert [(link.epoch, link.version) for link in links] == [(1, 1), (2, 2), (3, 3)]
    assert ledger.verify(MODEL) == 3
    for number, link in enumerate(links, start=1):
        assert ledger.champion_on(MODEL, NIGHT + number * DAY) == link
    assert ledger.champion_on(MODEL, NIGHT) is None


def test_of_promotions_without_a_business_day_the_later_epoch_decided_though_its_clock_was_behind(
    ledger: Ledger,
) -> None:
    force(ledger, version(1), as_of=None, at=AT)
    second = force(ledger, version(2), as_of=None, at=AT - DAY)

    assert ledger.champion_on(MODEL, AT.date()) == second
    assert ledger.champion_on(MODEL, AT.date() - DAY) == second
    assert ledger.verify(MODEL) == 2


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("2026-03-29T00:59:00+00:00", "2026-03-29T01:30:00+00:00", id="the gap"),
        pytest.param("2026-10-25T00:30:00+00:00", "2026-10-25T01:30:00+00:00", id="doubled hour"),
    ],
)
def test_before_and_after_the_clocks_change_it_is_one_night_and_one_look(
    ledger: Ledger, before: str, after: str
) -> None:
    force(ledger, version(1))
    schedule = Schedule(cron="30 2 * * *", timezone="Europe/Berlin")
    moments = [datetime.fromisoformat(before), datetime.fromisoformat(after)]

    grants = [
        ledger.spend_look(
            request(begun(None, schedule, moment), champion=ledger.champion(MODEL)), BUDGET, moment
        )
        for moment in moments
    ]

    assert grants[0] == grants[1]
    assert [look.night for look in ledger.looks(MODEL)] == [moments[0].date()]


def test_two_promotions_at_half_past_two_in_the_doubled_hour_are_an_hour_apart(
    ledger: Ledger,
) -> None:
    force(ledger, version(1), at=DOUBLED)
    force(ledger, version(2), at=DOUBLED.replace(fold=1))

    one, other = (link.at for link in ledger.history(MODEL))
    assert other - one == timedelta(hours=1)
    assert ledger.verify(MODEL) == 2
