"""Which days are scored without being asked for: judged, passed, and not decided yet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from finrisk.config import Settings
from finrisk.errors import ConfigurationError, NothingLanded
from finrisk.pipelines.feature_building import build_features
from finrisk.pipelines.new_days import CATCH_UP_DAYS, score_new_days
from finrisk.pipelines.rooms import Rooms
from finrisk.pipelines.scoring import score_file
from finrisk.records import NightStatus
from tests.data.cards import AS_OF, frauds, land_day, land_reports, transactions
from tests.ledger.factories import digest, force, night_decision
from tests.pipelines.scored_worlds import CARDS, cards_champion, log_of

DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def world(shared: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rooms]:
    """A champion since the night of ``AS_OF``, and the three days after it."""
    home = tmp_path_factory.mktemp("new-days")
    opened = cards_champion(shared, home, "t-new-days")
    for n in range(3):
        land_day(home, AS_OF + n * DAY)
        land_reports(home, frauds(transactions(AS_OF + n * DAY)))
    yield opened
    opened.ledger.close()


def at(rooms: Rooms, folder: Path, day: date, hour: int = 9) -> Rooms:
    """The world on a day, with a log of its own."""
    settings = rooms.settings.model_copy(update={"store": folder / "store"})
    now = datetime(day.year, day.month, day.day, hour, tzinfo=UTC)
    return replace(rooms, settings=settings, now=lambda: now)


def new_days(rooms: Rooms, **changes: Any) -> Any:
    return score_new_days(CARDS, rooms=rooms, **changes)


def record(rooms: Rooms, as_of: date, status: NightStatus = NightStatus.NOTHING_NEW) -> None:
    rooms.ledger.record_night(
        night_decision(as_of, model=CARDS, status=status),
        snapshot_sha256=None,
        spec_sha256=digest("spec"),
        holdout_sha256=None,
        at=datetime(2024, 3, 25, tzinfo=UTC),
    )


def decided(rooms: Rooms) -> list[date]:
    return sorted(log_of(rooms).decided_days(CARDS, date.min, date.max))


def test_a_champion_decides_from_the_day_it_counts_from_and_each_day_once(
    world: Rooms, tmp_path: Path
) -> None:
    record(world, AS_OF + DAY)
    rooms = at(world, tmp_path, AS_OF + DAY)

    first = new_days(rooms)
    again = new_days(rooms)

    assert decided(rooms) == [AS_OF]
    assert first.rows == first.logged == len(transactions(AS_OF))
    assert (again.rows, again.reason) == (0, "every day that has passed is decided")
    record(world, AS_OF + 2 * DAY)
    later = at(world, tmp_path, AS_OF + 2 * DAY)
    assert new_days(later).first_day == AS_OF + DAY
    assert decided(later) == [AS_OF, AS_OF + DAY]


def test_a_day_waits_for_the_night_that_judges_it_but_not_for_one_that_failed(
    world: Rooms, tmp_path: Path
) -> None:
    record(world, AS_OF + 2 * DAY)
    early = at(world, tmp_path, AS_OF + 3 * DAY, hour=3)

    assert new_days(early).last_day == AS_OF + DAY
    assert new_days(at(world, tmp_path, AS_OF + 3 * DAY, hour=9)).first_day == AS_OF + 2 * DAY
    assert decided(early) == [AS_OF, AS_OF + DAY, AS_OF + 2 * DAY]


def test_the_days_of_a_blocked_night_wait_until_one_passes(world: Rooms, tmp_path: Path) -> None:
    record(world, AS_OF + 2 * DAY)
    record(world, AS_OF + 3 * DAY, NightStatus.BLOCKED)
    rooms = at(world, tmp_path, AS_OF + 3 * DAY)

    waits = new_days(rooms)
    record(world, AS_OF + 3 * DAY)
    goes = new_days(rooms)

    assert decided(rooms) == [AS_OF, AS_OF + DAY, AS_OF + 2 * DAY]
    assert waits.last_day == AS_OF + DAY
    assert "the night of 2024-03-28 is blocked" in waits.reason
    assert "is blocked" in waits.sentence
    assert (goes.first_day, goes.reason) == (AS_OF + 2 * DAY, "")


def test_days_asked_for_are_scored_whatever_a_night_says(world: Rooms, tmp_path: Path) -> None:
    record(world, AS_OF + 3 * DAY, NightStatus.BLOCKED)
    rooms = at(world, tmp_path, AS_OF + 3 * DAY)

    one = new_days(rooms, last=AS_OF + 2 * DAY)
    more = new_days(rooms, first=AS_OF, last=AS_OF + DAY)
    record(world, AS_OF + 3 * DAY)

    assert (one.first_day, one.days) == (AS_OF + 2 * DAY, 1)
    assert more.days == 2
    with pytest.raises(ConfigurationError, match="the last day is before the first"):
        new_days(rooms, first=AS_OF + DAY, last=AS_OF)


def test_days_that_are_older_than_the_limit_stay_undecided(world: Rooms, tmp_path: Path) -> None:
    record(world, AS_OF + 3 * DAY)
    rooms = at(world, tmp_path, AS_OF + 3 * DAY)

    new_days(rooms, catch_up_days=2)

    assert decided(rooms) == [AS_OF + DAY, AS_OF + 2 * DAY]


def test_a_new_champion_does_not_decide_again_what_is_decided(world: Rooms, tmp_path: Path) -> None:
    record(world, AS_OF + 2 * DAY)
    rooms = at(world, tmp_path, AS_OF + 2 * DAY)
    new_days(rooms)
    version = world.ledger.version(CARDS, 1)
    assert version is not None
    force(world.ledger, version.replace(version=2), as_of=AS_OF + 2 * DAY)

    report = new_days(rooms)

    assert report.reason == "every day that has passed is decided"
    force(world.ledger, version, as_of=AS_OF + 2 * DAY, idem_key="back")


def test_a_file_that_was_handed_in_decides_no_landed_day(world: Rooms, tmp_path: Path) -> None:
    record(world, AS_OF + DAY)
    rooms = at(world, tmp_path, AS_OF + DAY)
    home, file = rooms.settings.home, tmp_path / "features.parquet"
    build_features(rooms.spec, home, AS_OF, AS_OF, file, threads=1)
    score_file(rooms, file, output=None)

    assert decided(rooms) == []
    assert new_days(rooms).rows == len(transactions(AS_OF))
    assert decided(rooms) == [AS_OF]
    assert len(log_of(rooms).read(CARDS, AS_OF, AS_OF)) == len(transactions(AS_OF))


def test_nothing_landed_is_no_fault_but_is_said(world: Rooms, tmp_path: Path) -> None:
    later = AS_OF + 30 * DAY
    record(world, later)
    rooms = at(world, tmp_path, later)

    report = new_days(rooms, catch_up_days=5)

    assert (report.rows, report.reason) == (0, f"nothing new has landed since {later - 5 * DAY}")
    with pytest.raises(NothingLanded):
        new_days(rooms, first=later - DAY)


def test_without_a_champion_there_is_nothing_to_do(settings: Settings, world: Rooms) -> None:
    rooms = replace(world, settings=settings, ledger=Rooms.open("credit_risk", settings).ledger)

    assert new_days(rooms).sentence == "cards: nothing was scored: there is no champion yet"
    rooms.ledger.close()


def test_a_version_goes_with_days(world: Rooms, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="version 1 is asked for without days"):
        new_days(at(world, tmp_path, AS_OF + DAY), version=1)


def test_a_month_that_lands_at_its_end_is_caught_up_with() -> None:
    assert CATCH_UP_DAYS > 31
