"""A change freeze lets nothing through but a rollback, and is never unwritten."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from finrisk.errors import ConfigurationError, PromotionError, PromotionFrozen
from finrisk.evidence import Evidence
from finrisk.ledger.engine import open_engine
from finrisk.ledger.freezes import Freeze
from finrisk.ledger.store import Ledger
from finrisk.records import PromotionKind
from tests.ledger.factories import (
    AT,
    BUDGET,
    MODEL,
    NIGHT,
    digest,
    earn,
    evidence,
    force,
    judge,
    request,
    version,
)
from tests.ledger.promoters import PATIENCE_SECONDS

DAY = timedelta(days=1)


def frozen(
    ledger: Ledger, until: date | None = NIGHT, reason: str = "year-end", actor: str = "anna"
) -> Freeze:
    return ledger.freeze(MODEL, until, reason=reason, actor=actor, at=AT)


def test_a_freeze_comes_back_as_it_was_decided_and_holds_to_the_end_of_its_last_day(
    ledger: Ledger,
) -> None:
    made = frozen(ledger)

    assert made == Freeze(MODEL, 1, NIGHT, "year-end", "anna", AT)
    assert ledger.freezes(MODEL) == [made]
    held = {day: ledger.frozen(MODEL, day) for day in (NIGHT - 400 * DAY, NIGHT, NIGHT + DAY)}
    assert list(held.values()) == [made, made, None]
    assert Freeze.from_json(json.loads(json.dumps(made.to_json()))) == made


def test_a_model_nobody_froze_is_not_frozen(url: str, ledger: Ledger) -> None:
    frozen(ledger)

    assert ledger.frozen("fraud", NIGHT) is None
    with Ledger(url, "replay") as replay:
        assert replay.frozen(MODEL, NIGHT) is None
        assert replay.freezes(MODEL) == []
        force(replay, version(1))
    assert ledger.scopes() == ["live", "replay"]


def test_the_newest_decision_counts_and_the_older_ones_stay(ledger: Ledger) -> None:
    frozen(ledger, NIGHT + 30 * DAY)
    sooner = frozen(ledger, NIGHT, reason="audit done early")

    assert ledger.frozen(MODEL, NIGHT) == sooner
    assert ledger.frozen(MODEL, NIGHT + DAY) is None
    lifted = frozen(ledger, None, reason="all clear")
    assert ledger.frozen(MODEL, NIGHT) is None
    assert lifted.sentence == "change freeze lifted by anna: all clear"
    assert [freeze.number for freeze in ledger.freezes(MODEL)] == [1, 2, 3]


def test_pressing_twice_writes_one_decision(ledger: Ledger) -> None:
    assert frozen(ledger) == frozen(ledger)
    assert frozen(ledger, None, "done") == frozen(ledger, None, "done again")
    frozen(ledger)

    assert [freeze.until for freeze in ledger.freezes(MODEL)] == [NIGHT, None, NIGHT]


@pytest.mark.parametrize("silent", [{"reason": " "}, {"actor": ""}])
@pytest.mark.parametrize("until", [NIGHT, None])
def test_a_freeze_is_neither_made_nor_lifted_without_a_name_and_a_reason(
    ledger: Ledger, until: date | None, silent: dict[str, str]
) -> None:
    with pytest.raises(ConfigurationError, match="expected an actor and a reason"):
        frozen(ledger, until, **silent)
    assert ledger.freezes(MODEL) == []


def test_what_was_never_frozen_cannot_be_lifted(ledger: Ledger) -> None:
    with pytest.raises(ConfigurationError, match="no change freeze to lift"):
        frozen(ledger, None)


def test_a_forced_promotion_is_refused_and_told_the_way_out(ledger: Ledger) -> None:
    force(ledger, version(1))
    frozen(ledger)

    with pytest.raises(
        PromotionFrozen,
        match=r"change freeze until 2026-03-01 by anna: year-end; expected a day after 2026-03-01; "
        r"got 2026-03-01; remedy: .*`finrisk freeze credit_risk --lift --reason WHY`",
    ):
        force(ledger, version(2))

    assert len(ledger.history(MODEL)) == 1
    assert ledger.version(MODEL, 2) is None
    assert PromotionFrozen.exit_status == PromotionError.exit_status == 5
    assert force(ledger, version(2), as_of=NIGHT + DAY, at=AT + DAY).epoch == 2


def test_passing_evidence_waits_for_the_end_of_the_freeze(ledger: Ledger) -> None:
    first = judge(ledger, version(1), date(2026, 1, 1))
    frozen(ledger)
    with pytest.raises(PromotionFrozen):
        earn(ledger, version(1), first)
    earn(ledger, version(1), first, as_of=NIGHT + DAY, at=AT + DAY)
    second = judge(ledger, version(2), date(2026, 2, 1))
    with pytest.raises(PromotionFrozen):
        earn(ledger, version(2), second)

    frozen(ledger, None, "lifted")

    assert earn(ledger, version(2), second).kind is PromotionKind.SUPERIORITY


def test_a_rollback_passes_a_freeze(ledger: Ledger) -> None:
    force(ledger, version(1))
    force(ledger, version(2))
    frozen(ledger)

    back = force(ledger, version(1), kind=PromotionKind.ROLLBACK)

    assert (back.epoch, back.version) == (3, 1)


def test_a_promotion_of_before_the_freeze_is_found_again(ledger: Ledger) -> None:
    first = force(ledger, version(1), idem_key="night 1")
    frozen(ledger)

    again = force(ledger, version(1), idem_key="night 1", expected_version=None, expected_epoch=0)

    assert again == first


@pytest.mark.parametrize(
    ("as_of", "until", "refused"),
    [
        (None, AT.date(), True),
        (None, AT.date() - DAY, False),
        (AT.date() + 99 * DAY, AT.date() + 30 * DAY, True),
        (AT.date() + 99 * DAY, AT.date() + DAY, True),
        (AT.date() + DAY, AT.date(), True),
        (AT.date() - 99 * DAY, AT.date() - 9 * DAY, True),
    ],
)
def test_the_day_is_as_of_and_a_date_in_the_future_is_no_way_around(
    ledger: Ledger, as_of: date | None, until: date, refused: bool
) -> None:
    frozen(ledger, until)

    if refused:
        with pytest.raises(PromotionFrozen):
            force(ledger, version(1), as_of=as_of)
    else:
        assert force(ledger, version(1), as_of=as_of).epoch == 1


@pytest.mark.parametrize(
    ("at", "until", "refused"),
    [
        ("2026-03-01T23:30-05:00", "2026-03-01", True),  # in UTC it is the 2nd
        ("2026-03-02T00:30-05:00", "2026-03-01", False),
        ("2026-03-02T08:00+09:00", "2026-03-01", False),  # in UTC it is still the 1st
        ("2026-03-01T23:59+09:00", "2026-03-01", True),
    ],
)
def test_a_freeze_ends_with_its_day_where_the_nights_are(
    ledger: Ledger, at: str, until: str, refused: bool
) -> None:
    moment = datetime.fromisoformat(at)
    frozen(ledger, date.fromisoformat(until))

    if refused:
        for as_of in (None, moment.date(), moment.date() + DAY):
            with pytest.raises(PromotionFrozen):
                force(ledger, version(1), as_of=as_of, at=moment)
    else:
        assert force(ledger, version(1), as_of=moment.date(), at=moment).at == moment


def test_no_promotion_slips_in_once_a_freeze_is_decided(url: str) -> None:
    rivals, stop = 4, threading.Event()
    with Ledger(url, "live") as ledger:

        def promote_until_refused(rival: int) -> int:
            won = 0
            for attempt in range(10_000):
                try:
                    force(ledger, version(10_000 * rival + attempt + 1))
                    won += 1
                except PromotionFrozen:
                    return won
                except PromotionError:  # another rival was quicker
                    if stop.is_set():
                        return won
            return won

        with ThreadPoolExecutor(rivals) as pool:
            tries = [pool.submit(promote_until_refused, rival) for rival in range(rivals)]
            while len(ledger.history(MODEL)) < 3 and not any(one.done() for one in tries):
                pass
            frozen(ledger)
            committed = len(ledger.history(MODEL))
            stop.set()
            wins = sum(one.result(PATIENCE_SECONDS) for one in tries)

        assert len(ledger.history(MODEL)) == committed == wins
        assert ledger.verify(MODEL) == committed


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM freezes",
        "UPDATE freezes SET until = NULL",
        "UPDATE freezes SET reason = 'none'",
    ],
)
def test_a_freeze_is_append_only(url: str, ledger: Ledger, change: str) -> None:
    made = frozen(ledger)

    with pytest.raises(IntegrityError, match="append-only"):
        run(url, change)

    assert ledger.freezes(MODEL) == [made]


def test_a_freeze_is_not_replaced_on_sqlite(sqlite_url: str) -> None:
    with Ledger(sqlite_url, "live") as ledger:
        made = frozen(ledger)
        with pytest.raises(IntegrityError, match="append-only"):
            run(
                sqlite_url,
                "INSERT OR REPLACE INTO freezes "
                "SELECT scope, model, number, NULL, reason, actor, at FROM freezes",
            )
        assert ledger.freezes(MODEL) == [made]


def test_evidence_of_an_older_release_is_still_found_and_keeps_its_name(sqlite_url: str) -> None:
    """Its facts know nothing of freezes, and the record of today would digest otherwise."""
    with Ledger(sqlite_url, "live") as ledger:
        asked = request(challenger=version(2))
        grant = ledger.spend_look(asked, BUDGET, AT)
        sha256 = store_as_before_freezes(sqlite_url, evidence(version(2), grant.look))

        again = ledger.spend_look(asked, BUDGET, AT)

        assert again.evidence is not None
        assert again.evidence.facts.frozen is None
        assert again.evidence_sha256 == sha256
        assert again.evidence_sha256 != digest(again.evidence.canonical().decode())


def store_as_before_freezes(url: str, found: Evidence) -> str:
    document = found.to_json()
    del document["facts"]["frozen"]
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"))
    sha256 = digest(canonical)
    engine = open_engine(url)
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO evidence (scope, sha256, model, night, decision, challenger_version, "
                "document, at) VALUES ('live', :sha256, :model, :night, 'PROMOTE', 2, :document, "
                ":at)"
            ),
            {
                "sha256": sha256,
                "model": MODEL,
                "night": str(NIGHT),
                "document": canonical,
                "at": datetime.now(UTC).replace(tzinfo=None).isoformat(sep=" "),
            },
        )
        connection.execute(text("UPDATE looks SET evidence_sha256 = :name"), {"name": sha256})
    engine.dispose()
    return sha256


def run(url: str, *statements: str) -> None:
    engine = open_engine(url)
    try:
        with engine.begin() as connection:
            for statement in statements:
                connection.execute(text(statement))
    finally:
        engine.dispose()


def at_once(ledger: Ledger, act: Callable[[int], Freeze]) -> list[Freeze]:
    barrier = threading.Barrier(4)

    def press(n: int) -> Freeze:
        barrier.wait(PATIENCE_SECONDS)
        return act(n)

    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(press, range(4)))


def test_decisions_made_at_once_are_numbered_one_after_the_other(ledger: Ledger) -> None:
    made = at_once(ledger, lambda n: frozen(ledger, NIGHT + n * DAY, reason=f"reason {n}"))

    assert sorted(freeze.number for freeze in made) == [1, 2, 3, 4]
    assert {freeze.reason for freeze in ledger.freezes(MODEL)} == {f"reason {n}" for n in range(4)}
