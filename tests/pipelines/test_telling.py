"""Each notice once over each channel, whatever a channel does; on a real ledger."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import ProgrammingError

from finrisk.config import Settings
from finrisk.errors import Unreachable
from finrisk.ledger.events import Event, EventKind
from finrisk.ledger.migrate import migrate
from finrisk.ledger.store import Ledger
from finrisk.monitoring.notices import Notice, of_late, of_missed
from finrisk.pipelines.telling import MOST_TRIES, NEWS_DAYS, Telling, tell, tell_news
from finrisk.records import NightStatus
from tests.ledger.factories import MODEL, digest, force, night_decision, version
from tests.pipelines.lender import write_spec

LATE = of_late(MODEL, "live", "credit_risk_retraining", "r1", 4.0)
OTHER = of_missed(MODEL, "live", date(2026, 3, 1), "no record", "look")


class Post:
    """A channel that remembers what went out, and fails as often as it is told to."""

    def __init__(self, failures: int = 0, error: Exception | None = None) -> None:
        self.failures, self.error = failures, error or Unreachable("slack answered 503")
        self.tried = 0
        self.sent: list[Notice] = []

    def __call__(self, notice: Notice) -> None:
        self.tried += 1
        if self.tried <= self.failures:
            raise self.error
        self.sent.append(notice)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    write_spec(tmp_path / "conf" / "models")
    made = Settings(home=tmp_path)
    migrate(made.ledger_url.get_secret_value())
    return made


@pytest.fixture
def ledger(settings: Settings) -> Iterator[Ledger]:
    with Ledger.open(settings) as opened:
        yield opened


def kept(ledger: Ledger) -> list[Event]:
    return ledger.events(MODEL, EventKind.NOTICE)


def test_a_notice_goes_out_once_over_each_channel(ledger: Ledger) -> None:
    mail, room = Post(), Post()
    channels = {"smtp:mail": mail, "slack:room": room}

    first = Telling(channels, ledger).tell([LATE])
    again = Telling(channels, ledger).tell([LATE])

    assert (first, again) == (2, 0)
    assert mail.sent == room.sent == [LATE]
    assert {event.document["channel"] for event in kept(ledger)} == set(channels)
    assert Notice.from_json(kept(ledger)[0].document["notice"]) == LATE


def test_a_channel_that_is_added_later_gets_what_the_others_have(ledger: Ledger) -> None:
    Telling({"smtp:mail": Post()}, ledger).tell([LATE])
    room = Post()

    Telling({"slack:room": room}, ledger).tell([LATE])

    assert room.sent == [LATE]


def test_a_channel_that_fails_is_kept_on_record_and_tried_by_the_next_call(
    ledger: Ledger,
) -> None:
    room = Post(failures=1)

    assert Telling({"slack:room": room}, ledger).tell([LATE]) == 0
    assert Telling({"slack:room": room}, ledger).tell([LATE]) == 1
    assert Telling({"slack:room": room}, ledger).tell([LATE]) == 0

    assert room.sent == [LATE]
    failed = [event for event in kept(ledger) if "failed" in event.document]
    assert [event.document["failed"] for event in failed] == ["slack answered 503"]
    assert len(kept(ledger)) == 3


def test_a_channel_that_never_works_is_given_up(ledger: Ledger) -> None:
    room = Post(failures=99)

    for _ in range(MOST_TRIES + 2):
        Telling({"slack:room": room}, ledger).tell([LATE])

    assert room.tried == MOST_TRIES


def test_one_channels_failure_is_no_others_and_it_is_left_alone_for_this_call(
    ledger: Ledger,
) -> None:
    room, mail = Post(failures=99), Post()

    Telling({"slack:room": room, "smtp:mail": mail}, ledger).tell([LATE, OTHER])

    assert mail.sent == [LATE, OTHER]
    assert room.tried == 1, "a dead server costs a night one time-out, not one a notice"


def test_what_another_library_says_of_a_failure_is_not_kept(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    secret = ValueError("cannot reach https://hooks.slack.com/services/T1/B2/secret")

    Telling({"slack:room": Post(failures=1, error=secret)}, ledger).tell([LATE])

    (_, failed) = kept(ledger)
    assert failed.document["failed"] == "ValueError"
    assert "secret" not in f"{failed.document} {caplog.text}"


def test_a_try_that_another_process_wrote_down_first_is_not_made(ledger: Ledger) -> None:
    """Two processes read that nothing was told; one of them writes its try down first."""

    class Meanwhile(Telling):
        def _events(self, notice: Notice) -> list[Event]:
            found = super()._events(notice)
            if self.channels["slack:room"] is slow:
                Telling({"slack:room": quick}, ledger).tell([notice])
            return found

    quick, slow = Post(), Post()

    assert Meanwhile({"slack:room": slow}, ledger).tell([LATE]) == 0
    assert (len(quick.sent), len(slow.sent)) == (1, 0)


def test_where_the_ledger_is_away_people_are_told_all_the_same(tmp_path: Path) -> None:
    room, nowhere = Post(), Settings(home=tmp_path / "nowhere")

    assert tell([LATE], {"slack:room": room}, nowhere) == 1
    assert tell_news(MODEL, {"slack:room": room}, nowhere) == 0, "and nothing is raised"
    assert room.sent == [LATE]


class Refused:
    """Turns each event away at the ledger's door, and counts."""

    def __init__(self, error: Exception) -> None:
        self.error, self.times = error, 0

    def __call__(self, *_: object, **__: object) -> None:
        self.times += 1
        raise self.error


@pytest.fixture(
    params=[
        Unreachable("the ledger does not answer"),
        ProgrammingError("INSERT", {}, Exception("permission denied for table events")),
    ],
    ids=["locked", "no right to write"],
)
def refused(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Refused:
    """A ledger that opens and is read, and takes no write."""
    door = Refused(request.param)
    monkeypatch.setattr(Ledger, "record_event", door)
    return door


def test_where_the_ledger_takes_no_write_people_are_told_all_the_same(
    settings: Settings, ledger: Ledger, refused: Refused
) -> None:
    mail, room = Post(), Post(failures=1)

    assert tell([LATE, OTHER], {"slack:room": room, "smtp:mail": mail}, settings) == 2

    assert (mail.sent, room.tried) == ([LATE, OTHER], 1)
    assert kept(ledger) == []
    assert refused.times == 1, "each wait for a ledger takes ten seconds"


def test_news_wait_for_a_ledger_that_takes_a_write(
    settings: Settings, ledger: Ledger, refused: Refused
) -> None:
    force(ledger, version(1), at=datetime.now(UTC))
    force(ledger, version(2), at=datetime.now(UTC), idem_key="next")
    mail, room = Post(), Post()

    assert tell_news(MODEL, {"slack:room": room, "smtp:mail": mail}, settings) == 0
    assert (mail.tried, room.tried, refused.times) == (0, 0, 1)


def test_without_channels_nothing_is_opened(tmp_path: Path) -> None:
    nowhere = Settings(home=tmp_path / "nowhere")

    assert tell([LATE], {}, nowhere) == 0
    assert tell_news(MODEL, {}, nowhere) == 0
    assert not (tmp_path / "nowhere").exists()


def record(ledger: Ledger, at: datetime, **changes: Any) -> None:
    ledger.record_night(
        night_decision(at.date(), **changes),
        snapshot_sha256=None,
        spec_sha256=digest("spec"),
        holdout_sha256=None,
        at=at,
    )


def test_news_are_what_the_ledger_has_of_the_last_days_whoever_did_it(
    settings: Settings, ledger: Ledger
) -> None:
    now = datetime.now(UTC)
    room = Post()
    record(ledger, now - timedelta(days=NEWS_DAYS + 1), status=NightStatus.BLOCKED)
    force(ledger, version(1), at=now)

    first = tell_news(MODEL, {"slack:room": room}, settings)
    record(ledger, now, status=NightStatus.BLOCKED)
    again = tell_news(MODEL, {"slack:room": room}, settings)
    record(ledger, now + timedelta(seconds=1), status=NightStatus.BLOCKED)
    rerun = tell_news(MODEL, {"slack:room": room}, settings)

    assert (first, again, rerun) == (1, 1, 0)
    assert [notice.kind for notice in room.sent] == ["promotion", "blocked"]


def test_a_long_row_of_held_nights_is_told_by_the_specs_figure(
    settings: Settings, ledger: Ledger
) -> None:
    def eager(document: dict[str, Any]) -> None:
        document["notices"] = {"held_nights": 2}

    write_spec(settings.home / "conf" / "models", eager)
    room, now = Post(), datetime.now(UTC)
    record(ledger, now - timedelta(days=1))
    record(ledger, now)

    assert tell_news(MODEL, {"slack:room": room}, settings) == 1
    assert room.sent[0].kind == "held"
