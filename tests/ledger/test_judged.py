"""Which looks were judged, and between whom."""

from __future__ import annotations

from datetime import timedelta

from finrisk.ledger.store import Ledger
from finrisk.records import Decision
from tests.ledger.factories import AT, BUDGET, MODEL, NIGHT, earn, judge, request, version

NEXT = NIGHT + timedelta(days=31)


def promoted_first(ledger: Ledger) -> None:
    for number in (1, 2, 3):
        ledger.remember_version(version(number))
    earn(ledger, version(1), judge(ledger, version(1)))


def test_a_look_without_evidence_is_not_judged(ledger: Ledger) -> None:
    promoted_first(ledger)
    asked = request(NEXT, champion=ledger.champion(MODEL), challenger=version(2))
    assert ledger.spend_look(asked, BUDGET, AT).look is not None

    assert [found.look.night for found in ledger.judged_looks(MODEL, 5)] == [NIGHT]
    assert ledger.judged_as_challenger(version(2)) is None
    assert ledger.judged_between(version(1), version(2)) is None


def test_the_newest_judged_looks_come_first_and_no_more_than_asked_for(ledger: Ledger) -> None:
    promoted_first(ledger)
    sha256 = judge(ledger, version(2), NEXT, Decision.HOLD)

    newest = ledger.judged_looks(MODEL, 1)

    assert [(found.look.night, found.evidence_sha256) for found in newest] == [(NEXT, sha256)]
    assert len(ledger.judged_looks(MODEL, 5)) == 2


def test_two_versions_find_the_look_that_compared_them_whichever_is_named_first(
    ledger: Ledger,
) -> None:
    promoted_first(ledger)
    sha256 = judge(ledger, version(2), NEXT, Decision.HOLD)

    for one, other in ((1, 2), (2, 1)):
        found = ledger.judged_between(version(one), version(other))
        assert found is not None
        assert found.evidence_sha256 == sha256
    assert ledger.judged_between(version(2), version(3)) is None
    assert ledger.judged_between(version(1), version(1)) is None


def test_a_first_champion_was_judged_as_a_challenger_of_nobody(ledger: Ledger) -> None:
    promoted_first(ledger)

    found = ledger.judged_as_challenger(version(1))

    assert found is not None
    assert found.look.champion_version is None
