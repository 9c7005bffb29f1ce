"""Who answers: a swap is one assignment of what was verified; nothing that fails empties a seat."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from finrisk.data.decision_rows import DecidedBy
from finrisk.errors import ArtifactRejected, ConfigurationError, FinRiskError, Unreachable
from finrisk.records import ModelVersion
from finrisk.serving.problems import Refused
from finrisk.serving.remembered import Pointer, RememberedPointer
from finrisk.serving.seat import Seat, start_all
from finrisk.serving.seated import Seated

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def pointer(number: int, epoch: int) -> Pointer:
    sha256 = f"{number:064x}"
    return Pointer(ModelVersion("loans", number, "run", "models:/m-1", sha256, "0" * 64), epoch)


def ready(at: Pointer, spec_sha256: str) -> Seated:
    """A version whose model is of no interest here."""
    version = at.version
    by = DecidedBy("loans", version.version, at.epoch, version.artifact_sha256, 0.3)
    nothing = cast("Any", None)
    return Seated(
        pointer=at,
        spec=nothing,
        spec_sha256=spec_sha256,
        model=nothing,
        by=by,
        words=("decline", "approve"),
        schema=nothing,
        scorer=nothing,
        explains=None,
        since=NOW,
    )


@dataclass
class FakeChampions:
    """A ledger that says who serves, and artifacts that load or do not."""

    serves: Pointer | FinRiskError | None
    spoilt: dict[int, Exception] = field(default_factory=dict)
    spec: str = "spec"
    loads: list[int] = field(default_factory=list)

    def pointer(self, model: str) -> Pointer | None:
        if isinstance(self.serves, FinRiskError):
            raise self.serves
        return self.serves

    def spec_sha256(self, model: str) -> str:
        return self.spec

    def load(self, model: str, pointer: Pointer, now: datetime) -> Seated:
        number = pointer.version.version
        self.loads.append(number)
        if number in self.spoilt:
            raise self.spoilt[number]
        return ready(pointer, self.spec)


AWAY = Unreachable("the ledger does not answer")
SPOILT = ArtifactRejected("model.ubj was changed after it was signed")


def seat_of(champions: FakeChampions, folder: Path, seconds: list[float] | None = None) -> Seat:
    at = seconds if seconds is not None else [0.0]
    remembered = RememberedPointer(folder / "serving" / "loans.json")
    return Seat("loans", champions, remembered, now=lambda: NOW, clock=lambda: at[0])


def serving(seat: Seat) -> tuple[int, int | None]:
    by = seat.take().by
    return by.version, by.epoch


def test_a_promotion_takes_the_seat_and_the_one_before_stays_warm(tmp_path: Path) -> None:
    champions = FakeChampions(pointer(1, 1))
    seat = seat_of(champions, tmp_path)
    assert seat.start()

    champions.serves = pointer(2, 2)
    seat.refresh()

    assert serving(seat) == (2, 2)
    assert seat.previous is not None
    assert seat.previous.by.version == 1
    assert seat.swaps == 1


def test_a_rollback_needs_no_loading(tmp_path: Path) -> None:
    champions = FakeChampions(pointer(1, 1))
    seat = seat_of(champions, tmp_path)
    seat.start()
    champions.serves = pointer(2, 2)
    seat.refresh()

    champions.serves = pointer(1, 3)
    seat.refresh()

    assert serving(seat) == (1, 3)
    assert champions.loads == [1, 2]


def test_under_a_changed_spec_what_was_warm_is_loaded_anew(tmp_path: Path) -> None:
    champions = FakeChampions(pointer(1, 1))
    seat = seat_of(champions, tmp_path)
    seat.start()
    champions.serves = pointer(2, 2)
    seat.refresh()

    champions.serves, champions.spec = pointer(1, 3), "changed"
    seat.refresh()

    assert champions.loads == [1, 2, 1]


def test_without_news_nothing_is_loaded(tmp_path: Path) -> None:
    champions = FakeChampions(pointer(1, 1))
    seat = seat_of(champions, tmp_path)
    seat.start()

    for _ in range(5):
        seat.refresh()

    assert champions.loads == [1]


@pytest.mark.parametrize("fault", [SPOILT, AWAY, ValueError("odd bytes"), MemoryError()])
def test_what_does_not_load_leaves_the_old_version_in_its_seat(
    tmp_path: Path, fault: Exception
) -> None:
    champions = FakeChampions(pointer(1, 1), {2: fault})
    seat = seat_of(champions, tmp_path)
    seat.start()

    champions.serves = pointer(2, 2)
    seat.refresh()

    assert serving(seat) == (1, 1)
    assert seat.trouble is not None
    assert seat.trouble.startswith("version 2 is not in use")


def test_what_was_refused_is_tried_again_later_and_later(tmp_path: Path) -> None:
    seconds = [0.0]
    champions = FakeChampions(pointer(1, 1), {2: SPOILT})
    seat = seat_of(champions, tmp_path, seconds)
    seat.start()
    champions.serves = pointer(2, 2)

    tries = []
    for second in range(200):
        seconds[0] = float(second)
        before = len(champions.loads)
        seat.refresh()
        if len(champions.loads) > before:
            tries.append(second)

    assert tries == [0, 1, 3, 7, 15, 31, 63, 123, 183]
    del champions.spoilt[2]
    seconds[0] = 300.0
    seat.refresh()
    assert (serving(seat), seat.trouble) == ((2, 2), None)


def test_a_ledger_that_goes_away_changes_nothing_but_what_is_said(tmp_path: Path) -> None:
    champions = FakeChampions(pointer(1, 1))
    seat = seat_of(champions, tmp_path)
    seat.start()
    assert seat.ledger_answers

    champions.serves = AWAY
    seat.refresh()

    assert serving(seat) == (1, 1)
    assert not seat.ledger_answers
    champions.serves = pointer(2, 2)
    seat.refresh()
    assert (serving(seat), seat.ledger_answers) == ((2, 2), True)


def test_a_ledger_that_is_away_is_told_once_each_time(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    champions = FakeChampions(pointer(1, 1))
    seat_of(champions, tmp_path).start()
    champions.serves = AWAY
    seat = seat_of(champions, tmp_path)

    with caplog.at_level(logging.INFO):
        seat.start()
        for serves in (AWAY, AWAY, pointer(1, 1), AWAY, AWAY, AWAY, pointer(1, 1)):
            champions.serves = serves
            seat.refresh()

    told = [r.getMessage().split(": ")[1] for r in caplog.records if "ledger" in r.getMessage()]
    away, back = "serving goes on without the ledger", "the ledger answers"
    assert told == [away, back, away, back]


def test_it_starts_from_the_last_known_pointer_while_the_ledger_is_away(tmp_path: Path) -> None:
    seat_of(FakeChampions(pointer(3, 7)), tmp_path).start()

    again = seat_of(FakeChampions(AWAY), tmp_path)

    assert again.start()
    assert serving(again) == (3, 7)
    assert not again.ledger_answers


def test_it_starts_from_the_last_one_that_loads_and_says_so(tmp_path: Path) -> None:
    seat_of(FakeChampions(pointer(1, 1)), tmp_path).start()

    again = seat_of(FakeChampions(pointer(2, 2), {2: AWAY}), tmp_path)

    assert again.start()
    assert serving(again) == (1, 1)
    assert again.trouble is not None
    assert "version 2" in again.trouble


def test_a_champion_that_does_not_load_yet_is_waited_for(tmp_path: Path) -> None:
    champions = FakeChampions(pointer(1, 1), {1: AWAY})
    seconds = [0.0]
    seat = seat_of(champions, tmp_path, seconds)

    assert seat.start()
    with pytest.raises(Refused) as refused:
        seat.take()
    assert refused.value.status == 503

    champions.spoilt.clear()
    seconds[0] = 2.0
    seat.refresh()
    assert serving(seat) == (1, 1)


def test_only_where_there_never_was_a_champion_it_refuses_to_start(tmp_path: Path) -> None:
    never = seat_of(FakeChampions(None), tmp_path / "a")
    serves = seat_of(FakeChampions(pointer(1, 1)), tmp_path / "b")

    with pytest.raises(ConfigurationError, match="never had a champion: loans"):
        start_all([never], demanded=False)
    with pytest.raises(ConfigurationError, match="never had a champion"):
        start_all([never, serves], demanded=True)
    with pytest.raises(Unreachable):
        start_all([seat_of(FakeChampions(AWAY), tmp_path / "c")], demanded=False)

    start_all([never, serves], demanded=False)


def test_told_to_wait_it_starts_before_the_first_champion_and_seats_it_then(tmp_path: Path) -> None:
    champions = FakeChampions(None)
    seat = seat_of(champions, tmp_path)

    start_all([seat], demanded=True, patient=True)
    with pytest.raises(Refused) as refused:
        seat.take()
    assert refused.value.status == 503

    champions.serves = pointer(1, 1)
    seat.refresh()
    assert serving(seat) == (1, 1)


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"\xff", b'{"epoch": "x"}'])
def test_a_spoilt_memory_is_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "loans.json"
    path.write_bytes(content)

    assert RememberedPointer(path).read() is None


def test_a_memory_that_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "serving").write_text("a file where the folder would be")
    seat = seat_of(FakeChampions(pointer(1, 1)), tmp_path)

    assert seat.start()
    assert serving(seat) == (1, 1)
