from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from finrisk.errors import StaleChallenger
from finrisk.ledger.store import Ledger
from finrisk.records import Champion, LookKind
from finrisk.specs.policy import ErrorBudget
from tests.ledger.factories import (
    AT,
    BUDGET,
    MODEL,
    NIGHT,
    earn,
    evidence,
    force,
    judge,
    request,
    version,
)

SCHEDULED = 0.8 * 0.05 / 12
RESERVE = 0.2 * 0.05 / 4


@pytest.fixture
def champion(ledger: Ledger) -> Champion:
    force(ledger, version(1))
    return Champion(MODEL, 1, 1, version(1).artifact_sha256)


def test_a_look_is_paid_before_anything_is_compared(ledger: Ledger, champion: Champion) -> None:
    grant = ledger.spend_look(request(champion=champion), BUDGET, AT)

    assert grant.look is not None
    assert grant.look.alpha == pytest.approx(SCHEDULED)
    assert (grant.look.champion_version, grant.look.champion_epoch) == (1, 1)
    assert grant.budget_left == pytest.approx(0.05 - SCHEDULED)
    assert ledger.looks(MODEL) == [grant.look]


@pytest.mark.parametrize("kind", list(LookKind))
def test_a_rerun_with_the_same_digests_gets_the_stored_look_and_pays_nothing(
    ledger: Ledger, champion: Champion, kind: LookKind
) -> None:
    first = ledger.spend_look(request(champion=champion), BUDGET, AT)

    again = ledger.spend_look(request(champion=champion, kind=kind), BUDGET, AT)

    assert again == first
    assert len(ledger.looks(MODEL)) == 1


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"challenger": version(3)}, "challenger_sha256"),
        ({"snapshot": "other rows"}, "snapshot_sha256"),
        ({"holdout": "other rows"}, "holdout_sha256"),
    ],
)
def test_a_rerun_with_another_digest_finds_the_look_spent(
    ledger: Ledger, champion: Champion, changed: dict[str, Any], named: str
) -> None:
    ledger.spend_look(request(champion=champion), BUDGET, AT)

    again = ledger.spend_look(request(champion=champion, **changed), BUDGET, AT)

    assert again.look is None
    assert again.refused == f"look spent: night {NIGHT} was looked at with another {named}"
    assert again.budget_left == pytest.approx(0.05 - SCHEDULED)


def test_a_rerun_gets_the_stored_verdict(ledger: Ledger, champion: Champion) -> None:
    grant = ledger.spend_look(request(champion=champion), BUDGET, AT)
    found = evidence(version(2), grant.look)
    sha256 = ledger.save_evidence(found, AT)

    again = ledger.spend_look(request(champion=champion), BUDGET, AT)

    assert again.evidence == found
    assert ledger.evidence(sha256) == found


def test_a_rerun_after_its_own_promotion_gets_the_verdict_that_earned_it(
    ledger: Ledger, champion: Champion
) -> None:
    sha256 = judge(ledger, version(2))
    earn(ledger, version(2), sha256)

    again = ledger.spend_look(
        request(champion=ledger.champion(MODEL), challenger=version(2)), BUDGET, AT
    )

    assert again.look is not None
    assert again.look.champion_version == champion.version
    assert again.evidence is not None


def test_a_promotion_buys_no_second_look_on_the_night(ledger: Ledger, champion: Champion) -> None:
    ledger.spend_look(request(champion=champion), BUDGET, AT)
    force(ledger, version(3))

    again = ledger.spend_look(request(champion=ledger.champion(MODEL)), BUDGET, AT)

    assert again.look is None
    assert again.refused is not None
    assert again.refused.startswith("look spent")


def test_an_unchanged_holdout_is_no_new_evidence(ledger: Ledger, champion: Champion) -> None:
    for night, rows in ((date(2026, 1, 1), "January"), (date(2026, 2, 1), "February")):
        ledger.spend_look(request(night, champion=champion, holdout=rows), BUDGET, AT)

    refusals = [
        ledger.spend_look(request(champion=champion, holdout=rows), BUDGET, AT).refused
        for rows in ("February", "January")
    ]

    assert refusals == [
        "no new evidence: this hold-out was looked at on night 2026-02-01",
        "no new evidence: this hold-out was looked at on night 2026-01-01",
    ]
    assert len(ledger.looks(MODEL)) == 2


def test_a_first_champion_pays_nothing_but_takes_the_night_and_the_holdout(ledger: Ledger) -> None:
    grant = ledger.spend_look(request(), BUDGET, AT)

    assert grant.look is not None
    assert (grant.look.alpha, grant.look.champion_version, grant.look.champion_epoch) == (
        0,
        None,
        0,
    )
    assert grant.budget_left == pytest.approx(0.05)
    same_rows = request(date(2026, 3, 2), holdout=f"holdout of {NIGHT}")
    refused = ledger.spend_look(same_rows, BUDGET, AT).refused
    assert refused == "no new evidence: this hold-out was looked at on night 2026-03-01"


def test_a_stale_champion_spends_nothing(ledger: Ledger, champion: Champion) -> None:
    force(ledger, version(3))

    with pytest.raises(StaleChallenger, match="the champion changed before the look"):
        ledger.spend_look(request(champion=champion), BUDGET, AT)

    assert ledger.looks(MODEL) == []


def test_the_year_ends_and_nothing_carries_over(ledger: Ledger, champion: Champion) -> None:
    two_a_year = ErrorBudget(looks_per_year=2)
    nights = [date(2025, 12, 30), date(2025, 12, 31), date(2026, 1, 1), date(2026, 1, 2)]
    grants = [
        ledger.spend_look(request(night, champion=champion), two_a_year, AT) for night in nights
    ]

    third = ledger.spend_look(request(date(2026, 1, 3), champion=champion), two_a_year, AT)
    late = ledger.spend_look(request(date(2025, 12, 29), champion=champion), two_a_year, AT)

    assert [grant.look and round(grant.look.alpha, 9) for grant in grants] == [0.02] * 4
    assert [round(grant.budget_left, 9) for grant in grants] == [0.03, 0.01, 0.03, 0.01]
    assert third.refused == "error budget gone: 2 of 2 scheduled looks of 2026 are spent"
    assert late.refused == "error budget gone: 2 of 2 scheduled looks of 2025 are spent"
    assert third.budget_left == pytest.approx(0.01)


def test_a_reserve_look_is_paid_from_its_own_purse(ledger: Ledger, champion: Champion) -> None:
    nights = [date(2026, 3, day) for day in range(1, 6)]
    grants = [
        ledger.spend_look(request(night, champion=champion, kind=LookKind.RESERVE), BUDGET, AT)
        for night in nights
    ]

    assert [grant.look and round(grant.look.alpha, 9) for grant in grants[:4]] == [
        round(RESERVE, 9)
    ] * 4
    assert grants[4].refused == "error budget gone: 4 of 4 reserve looks of 2026 are spent"


def test_a_policy_change_never_raises_what_is_left(ledger: Ledger, champion: Champion) -> None:
    strict, lax = ErrorBudget(alpha_year=0.02), ErrorBudget(alpha_year=0.2)
    ledger.spend_look(request(date(2026, 1, 1), champion=champion), strict, AT)

    grant = ledger.spend_look(request(date(2026, 2, 1), champion=champion), lax, AT)

    assert grant.look is not None
    assert grant.look.alpha == pytest.approx(0.8 * 0.02 / 12)
    assert grant.budget_left == pytest.approx(0.02 - 2 * 0.8 * 0.02 / 12)


def test_a_replay_spends_its_own_budget(url: str, ledger: Ledger, champion: Champion) -> None:
    ledger.spend_look(request(champion=champion), BUDGET, AT)

    with Ledger(url, "replay") as replay:
        force(replay, version(1))
        grant = replay.spend_look(request(champion=champion), BUDGET, AT)

    assert grant.look is not None
    assert grant.budget_left == pytest.approx(0.05 - SCHEDULED)
