"""Which nights should have left a record: schedule, time zone and grace against the ledger."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from finrisk.commands import watching
from finrisk.config import Settings
from finrisk.errors import UnknownModel, Unreachable
from finrisk.ledger.migrate import migrate
from finrisk.ledger.store import Ledger
from finrisk.pipelines.missed import (
    GRACE_HOURS,
    MOST_LISTED,
    MissedNights,
    missed_nights,
    missed_of,
    missed_sentence,
)
from finrisk.pipelines.night_table import cells
from finrisk.pipelines.rooms import Rooms
from finrisk.specs.model_spec import Schedule
from tests.ledger.factories import AT, digest, night_decision
from tests.pipelines.lender import FIRST, night

DAY = timedelta(days=1)


def missed(cron: str, last: str, now: str, timezone: str = "UTC", grace: int = 6) -> list[str]:
    schedule = Schedule(cron=cron, timezone=timezone)
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    nights = missed_nights(schedule, date.fromisoformat(last), moment, grace_hours=grace)
    return [night.isoformat() for night in nights]


@pytest.mark.parametrize(
    ("cron", "last", "now", "expected"),
    [
        ("0 2 * * *", "2026-01-05", "2026-01-08T08:00", ["01-06", "01-07", "01-08"]),
        ("0 2 * * *", "2026-01-05", "2026-01-08T07:59", ["01-06", "01-07"]),
        ("0 2 * * *", "2026-01-07", "2026-01-08T07:59", []),
        ("0 2 * * *", "2026-01-09", "2026-01-08T23:00", []),
        ("30 23 * * *", "2026-01-05", "2026-01-08T02:00", ["01-06"]),
        ("0 2 * * mon-fri", "2026-01-02", "2026-01-06T07:00", ["01-05"]),
        ("0 2 * * sun", "2026-01-04", "2026-01-10T23:00", []),
        ("0 2 * * 7", "2026-01-04", "2026-01-11T09:00", ["01-11"]),
        ("0 2 L * *", "2025-11-30", "2026-03-01T09:00", ["12-31", "01-31", "02-28"]),
        ("0 2 l feb *", "2024-01-01", "2025-01-01T09:00", ["02-29"]),
        ("0 2 L * wed", "2025-12-29", "2026-01-08T09:00", ["12-31", "01-07"]),
        ("*/5 * * * *", "2026-01-06", "2026-01-08T05:59", ["01-07"]),
        ("*/5 * * * *", "2026-01-06", "2026-01-08T06:00", ["01-07", "01-08"]),
        ("15/20 8-18 * * *", "2026-01-06", "2026-01-07T14:15", ["01-07"]),
        ("0 0 1 jan *", "2024-01-01", "2026-01-02T00:00", ["01-01", "01-01"]),
    ],
)
def test_a_night_is_missed_once_its_first_slot_and_the_grace_have_passed(
    cron: str, last: str, now: str, expected: list[str]
) -> None:
    assert [night[5:] for night in missed(cron, last, now)] == expected


@pytest.mark.parametrize(
    ("timezone", "now", "expected"),
    [
        ("Asia/Tokyo", "2026-01-07T23:00", ["2026-01-07", "2026-01-08"]),
        ("Asia/Tokyo", "2026-01-07T22:59", ["2026-01-07"]),
        ("America/New_York", "2026-01-08T12:59", ["2026-01-07"]),
        ("America/New_York", "2026-01-08T13:00", ["2026-01-07", "2026-01-08"]),
    ],
)
def test_a_night_is_a_day_in_the_zone_of_the_spec(
    timezone: str, now: str, expected: list[str]
) -> None:
    assert missed("0 2 * * *", "2026-01-06", now, timezone) == expected


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-03-29T07:29", []),  # 02:30 does not exist that day: it is 03:30 in summer time
        ("2026-03-29T07:30", ["2026-03-29"]),
        ("2026-10-25T06:29", []),  # 02:30 comes twice that day: the first one counts
        ("2026-10-25T06:30", ["2026-10-25"]),
    ],
)
def test_the_clock_change_neither_loses_nor_invents_a_night(now: str, expected: list[str]) -> None:
    last = (datetime.fromisoformat(now).date() - DAY).isoformat()

    assert missed("30 2 * * *", last, now, "Europe/Madrid") == expected


def test_the_grace_is_the_callers() -> None:
    assert missed("0 2 * * *", "2026-01-07", "2026-01-08T02:00", grace=0) == ["2026-01-08"]
    assert missed("0 2 * * *", "2026-01-05", "2026-01-08T02:00", grace=48) == ["2026-01-06"]


@pytest.mark.parametrize("cron", ["0 2 * * *", "* * * * *"])
def test_of_a_long_outage_the_newest_nights_are_listed(cron: str) -> None:
    nights = missed(cron, "2020-01-01", "2026-01-08T08:00")

    assert len(nights) == MOST_LISTED
    assert nights == sorted(nights)
    assert nights[-1] == "2026-01-08"


def test_without_any_record_the_newest_due_night_is_missed() -> None:
    now = datetime(2026, 1, 8, 8, tzinfo=UTC)

    assert missed_nights(Schedule(), None, now) == (date(2026, 1, 8),)


def test_many_nights_are_told_by_their_ends() -> None:
    nights = [date(2026, 1, 1) + n * DAY for n in range(MOST_LISTED)]

    assert missed_sentence(nights[:3]) == "no record of 3 nights, 2026-01-01 to 2026-01-03"
    assert missed_sentence(nights) == (
        "no record of the newest 60 nights, 2026-01-01 to 2026-03-01"
    )


def test_the_command_and_the_watch_give_the_same_grace() -> None:
    assert watching.GRACE_HOURS == GRACE_HOURS


@pytest.fixture
def installed(tmp_path: Path) -> Settings:
    settings = Settings(home=tmp_path)
    migrate(settings.ledger_url.get_secret_value())
    return settings


def record(settings: Settings, *nights: date) -> None:
    with Ledger.open(settings) as ledger:
        for as_of in nights:
            ledger.record_night(
                night_decision(as_of),
                snapshot_sha256=None,
                spec_sha256=digest("spec"),
                holdout_sha256=None,
                at=AT,
            )


def test_the_report_names_the_last_record_and_what_is_missing(installed: Settings) -> None:
    record(installed, date(2026, 1, 4), date(2026, 1, 5))
    now = datetime(2026, 1, 8, 8, tzinfo=UTC)

    found = missed_of("credit_risk", now, settings=installed)

    assert found == MissedNights(
        model="credit_risk",
        scope="live",
        last_night=date(2026, 1, 5),
        due=date(2026, 1, 8),
        grace_hours=6,
        nights=(date(2026, 1, 6), date(2026, 1, 7), date(2026, 1, 8)),
    )
    assert found.sentence == (
        "credit_risk: no record of 3 nights, 2026-01-06 to 2026-01-08; "
        "the last record is of 2026-01-05"
    )
    assert MissedNights.from_json(found.to_json()) == found


def test_a_later_record_makes_up_for_every_earlier_gap(installed: Settings) -> None:
    record(installed, date(2026, 1, 2), date(2026, 1, 8))

    found = missed_of("credit_risk", datetime(2026, 1, 8, 8, tzinfo=UTC), settings=installed)

    assert found.nights == ()
    assert found.sentence == "credit_risk: the night of 2026-01-08 is on record, or a later one"


def test_another_scope_has_nights_of_its_own(installed: Settings) -> None:
    record(installed, date(2026, 1, 8))
    now = datetime(2026, 1, 8, 8, tzinfo=UTC)

    found = missed_of("credit_risk", now, scope="drill", settings=installed)

    assert (found.scope, found.nights) == ("drill", (date(2026, 1, 8),))
    assert found.sentence.endswith("no night was ever recorded")


def test_a_model_nobody_declared_and_a_ledger_never_set_up_are_clear_errors(
    tmp_path: Path,
) -> None:
    now, settings = datetime(2026, 1, 8, tzinfo=UTC), Settings(home=tmp_path)

    with pytest.raises(UnknownModel):
        missed_of("credit_rsk", now, settings=settings)
    with pytest.raises(Unreachable, match="finrisk init"):
        missed_of("credit_risk", now, settings=settings)


def test_a_night_of_now_says_which_nights_before_it_left_no_record(
    rooms: Rooms, caplog: pytest.LogCaptureFixture
) -> None:
    night(rooms, FIRST)
    today = datetime(2024, 8, 9, 2, 1, tzinfo=UTC)

    held = night(replace(rooms, now=lambda: today), today.date())

    assert [day.day for day in held.missed] == [6, 7, 8]
    assert cells(held)[-1].endswith("no record of 3 nights, 2024-08-06 to 2024-08-08")
    assert "no record of 3 nights" in caplog.text
    assert rooms.ledger.nights("credit_risk")[-1].missed == held.missed


def test_a_night_after_the_last_one_and_a_night_of_the_past_missed_nothing(rooms: Rooms) -> None:
    today = datetime(2024, 8, 6, 2, 1, tzinfo=UTC)
    now = replace(rooms, now=lambda: today)

    assert night(now, FIRST).missed == ()  # the first ever
    assert night(now, today.date()).missed == ()
    assert night(rooms, date(2024, 8, 20)).missed == ()  # run long after: a replay
