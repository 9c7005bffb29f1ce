from __future__ import annotations

from datetime import date, timedelta

import pytest

from finrisk.errors import EvidenceMissing, PromotionError, PromotionFrozen
from finrisk.evidence import Outcome, RuleResult, Verdict
from finrisk.ledger.store import Ledger
from finrisk.promotion.by_hand import sign
from finrisk.records import Decision, PromotionKind
from tests.ledger.factories import AT, BUDGET, MODEL, NIGHT, evidence, judge, request, version
from tests.promotion.factories import FakeRegistry, by_hand, force, freeze, refresh

DAY = timedelta(days=1)


def test_by_hand_a_first_champion_needs_evidence_of_the_floors(
    ledger: Ledger, registry: FakeRegistry
) -> None:
    ledger.remember_version(version(1))
    with pytest.raises(EvidenceMissing, match="the floors of a first champion"):
        by_hand(ledger, registry, 1)
    judge(ledger, version(1))

    link = by_hand(ledger, registry, 1, reason="looked at it")

    assert link.kind is PromotionKind.BOOTSTRAP
    assert link.evidence_sha256 is not None


def test_by_hand_passing_evidence_for_the_champion_of_now_is_enough(
    ledger: Ledger, registry: FakeRegistry
) -> None:
    force(ledger, registry, 1)
    ledger.remember_version(version(2))
    sha256 = judge(ledger, version(2))

    link = by_hand(ledger, registry, 2, reason="looked at it")

    assert (link.kind, link.evidence_sha256) == (PromotionKind.APPROVED, sha256)
    assert [s.version for s in ledger.signatures(MODEL)] == [1, 2]


def test_by_hand_a_script_that_gives_no_name_of_its_own_signs_nothing(
    ledger: Ledger, registry: FakeRegistry
) -> None:
    ledger.remember_version(version(1))
    judge(ledger, version(1))
    by_hand(ledger, registry, 1, signs=False)
    ledger.remember_version(version(2))
    judge(ledger, version(2), NIGHT + DAY)

    link = by_hand(ledger, registry, 2, signs=False)

    assert link.kind is PromotionKind.SUPERIORITY
    assert ledger.anchor(MODEL) is None


def test_by_hand_evidence_against_an_earlier_champion_is_not_enough(
    ledger: Ledger, registry: FakeRegistry
) -> None:
    force(ledger, registry, 1)
    ledger.remember_version(version(2))
    judge(ledger, version(2))
    force(ledger, registry, 3)

    with pytest.raises(EvidenceMissing, match=r"against champion version 3 at epoch 2.*force"):
        by_hand(ledger, registry, 2)

    assert registry.aliases["production"] == 3


def test_by_force_the_actor_and_the_reason_are_kept(ledger: Ledger, registry: FakeRegistry) -> None:
    force(ledger, registry, 1)
    ledger.remember_version(version(2))
    with pytest.raises(EvidenceMissing, match="an actor and a reason"):
        by_hand(ledger, registry, 2, force=True)

    link = by_hand(ledger, registry, 2, force=True, reason="regulator's order")

    assert (link.kind, link.actor, link.reason) == (
        PromotionKind.FORCED,
        "ada",
        "regulator's order",
    )


def test_by_hand_the_champion_again_is_the_promotion_that_made_it(
    ledger: Ledger, registry: FakeRegistry
) -> None:
    registry.down = True
    first = force(ledger, registry, 1)
    registry.down = False

    again = by_hand(ledger, registry, 1)

    assert again == first.replace(projected=True)
    assert registry.aliases == {"production": 1}


def test_by_hand_an_unknown_version_names_those_there_are(
    ledger: Ledger, registry: FakeRegistry
) -> None:
    force(ledger, registry, 1)

    with pytest.raises(PromotionError, match="no version 7 of credit_risk; expected one of: 1"):
        by_hand(ledger, registry, 7)


@pytest.mark.parametrize("forced", [True, False])
def test_in_a_freeze_nobody_promotes_by_hand_not_even_by_force(
    ledger: Ledger, registry: FakeRegistry, forced: bool
) -> None:
    ledger.remember_version(version(1))
    judge(ledger, version(1))
    freeze(ledger)

    with pytest.raises(PromotionFrozen, match="finrisk freeze credit_risk --lift"):
        by_hand(ledger, registry, 1, force=forced, reason="urgent")

    assert ledger.champion(MODEL) is None
    assert registry.aliases == {}


def no_better(ledger: Ledger, number: int, night: date = NIGHT, **rules: Outcome) -> str:
    """Let a night judge a version that is not better; every other rule passes, but for these."""
    ledger.remember_version(version(number))
    grant = ledger.spend_look(
        request(night, champion=ledger.champion(MODEL), challenger=version(number)), BUDGET, AT
    )
    outcomes = {"superiority": Outcome.FAIL, "anchor": Outcome.PASS, **rules}
    verdict = Verdict(
        Decision.HOLD,
        ("not enough evidence",),
        tuple(RuleResult(rule, outcome, rule, "held") for rule, outcome in outcomes.items()),
    )
    found = evidence(version(number), grant.look, decision=Decision.HOLD, verdict=verdict)
    return ledger.save_evidence(found, AT)


def test_a_refresh_needs_every_rule_but_superiority_and_is_signed(
    ledger: Ledger, registry: FakeRegistry
) -> None:
    force(ledger, registry, 1)
    sha256 = no_better(ledger, 2)

    link = refresh(ledger, registry, 2)

    assert (link.kind, link.evidence_sha256) == (PromotionKind.REFRESH, sha256)
    assert registry.aliases["production"] == 2
    signed = ledger.anchor(MODEL)
    assert signed is not None
    assert signed.sentence == "v2 signed by ada on 2026-03-01: the library is at its end"
    assert refresh(ledger, registry, 2) == link  # pressed twice


@pytest.mark.parametrize("outcome", [Outcome.FAIL, Outcome.UNKNOWN])
def test_a_refresh_that_harms_is_refused_with_what_it_harms(
    ledger: Ledger, registry: FakeRegistry, outcome: Outcome
) -> None:
    force(ledger, registry, 1)
    no_better(ledger, 2, anchor=outcome)

    with pytest.raises(EvidenceMissing, match="may not refresh the champion: anchor; needed: held"):
        refresh(ledger, registry, 2)

    assert registry.aliases["production"] == 1


def test_a_refresh_needs_a_night_that_compared_it_with_the_champion_of_now(
    ledger: Ledger, registry: FakeRegistry
) -> None:
    ledger.remember_version(version(2))
    with pytest.raises(PromotionError, match="has no champion to refresh"):
        refresh(ledger, registry, 2)
    force(ledger, registry, 1)
    with pytest.raises(EvidenceMissing, match="no night compared it"):
        refresh(ledger, registry, 2)
    no_better(ledger, 2)
    force(ledger, registry, 3)

    with pytest.raises(EvidenceMissing, match="no night compared it with the champion of now"):
        refresh(ledger, registry, 2)


@pytest.mark.parametrize("missing", [{"actor": " "}, {"reason": ""}])
def test_nobody_refreshes_anonymously(
    ledger: Ledger, registry: FakeRegistry, missing: dict[str, str]
) -> None:
    force(ledger, registry, 1)
    no_better(ledger, 2)

    with pytest.raises(EvidenceMissing, match="an actor and a reason"):
        refresh(ledger, registry, 2, **missing)


def test_the_refreshes_of_a_calendar_year_are_counted(
    ledger: Ledger, registry: FakeRegistry
) -> None:
    force(ledger, registry, 1)
    for number in (2, 3):
        no_better(ledger, number, NIGHT + number * DAY)
        refresh(ledger, registry, number, most_a_year=2)
    no_better(ledger, 4, NIGHT + 4 * DAY)

    with pytest.raises(PromotionError, match=r"refreshed 2 times in 2026; expected at most 2"):
        refresh(ledger, registry, 4, most_a_year=2)

    next_year = NIGHT.replace(year=2027)
    assert refresh(ledger, registry, 4, most_a_year=2, as_of=next_year).version == 4


def test_a_person_signs_the_champion_without_promoting_it(
    ledger: Ledger, registry: FakeRegistry
) -> None:
    with pytest.raises(PromotionError, match="no champion to sign"):
        sign(ledger, MODEL, None, reason="annual review", actor="anna", at=AT)
    force(ledger, registry, 1)
    force(ledger, registry, 2)

    signature = sign(ledger, MODEL, 1, reason="annual review", actor="anna", at=AT)

    assert ledger.anchor(MODEL) == signature
    assert len(ledger.history(MODEL)) == 2
    again = sign(ledger, MODEL, None, reason="annual review", actor="anna", at=AT)
    assert (again.number, again.version) == (4, 2)
