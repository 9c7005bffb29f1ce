from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest

from finrisk.errors import ArtifactRejected, EvidenceMissing, PromotionError, StaleChallenger
from finrisk.ledger.store import Ledger
from finrisk.records import Champion, Decision, PromotionKind
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


def test_the_first_promotion_makes_epoch_1(ledger: Ledger) -> None:
    new = version(1)

    link = force(ledger, new)

    assert ledger.champion(MODEL) == Champion(MODEL, 1, 1, new.artifact_sha256)
    assert (link.epoch, link.previous_version, link.as_of, link.at) == (1, None, NIGHT, AT)
    assert ledger.version(MODEL, 1) == new


def test_each_promotion_names_its_predecessor(ledger: Ledger) -> None:
    for number in (1, 2, 3):
        force(ledger, version(number))

    links = ledger.history(MODEL)

    assert [(link.epoch, link.previous_version, link.version) for link in links] == [
        (1, None, 1),
        (2, 1, 2),
        (3, 2, 3),
    ]


def test_the_same_key_again_returns_the_same_promotion(ledger: Ledger) -> None:
    first = force(ledger, version(1), idem_key="night 1")

    again = force(ledger, version(1), idem_key="night 1", expected_version=None, expected_epoch=0)

    assert again == first
    assert len(ledger.history(MODEL)) == 1


def test_a_key_of_another_promotion_is_refused(ledger: Ledger) -> None:
    force(ledger, version(1), idem_key="night 1")

    with pytest.raises(PromotionError, match=r"belongs to another promotion.*version 1.*version 2"):
        force(ledger, version(2), idem_key="night 1")


def test_the_same_key_in_another_scope_is_another_promotion(url: str, ledger: Ledger) -> None:
    force(ledger, version(1), idem_key="night 1")

    with Ledger(url, "replay") as replay:
        assert replay.champion(MODEL) is None
        force(replay, version(7), idem_key="night 1")
        assert replay.scopes() == ["live", "replay"]

    assert ledger.champion(MODEL) == Champion(MODEL, 1, 1, version(1).artifact_sha256)


@pytest.mark.parametrize(
    ("expected_version", "expected_epoch"), [(1, 1), (2, 1), (1, 2), (2, 3), (None, 0)]
)
def test_a_challenger_judged_against_another_champion_is_stale(
    ledger: Ledger, expected_version: int | None, expected_epoch: int
) -> None:
    force(ledger, version(1))
    force(ledger, version(2))

    with pytest.raises(StaleChallenger, match="got version 2 at epoch 2"):
        force(
            ledger,
            version(3),
            expected_version=expected_version,
            expected_epoch=expected_epoch,
        )

    assert len(ledger.history(MODEL)) == 2
    assert ledger.version(MODEL, 3) is None


@pytest.mark.parametrize(("expected_version", "expected_epoch"), [(1, 1), (None, 1)])
def test_without_a_champion_only_nobody_at_epoch_0_can_be_replaced(
    ledger: Ledger, expected_version: int | None, expected_epoch: int
) -> None:
    with pytest.raises(StaleChallenger, match="got no champion"):
        force(
            ledger,
            version(1),
            expected_version=expected_version,
            expected_epoch=expected_epoch,
        )


@pytest.mark.parametrize("silent", [{"actor": " "}, {"reason": ""}])
def test_a_forced_promotion_needs_an_actor_and_a_reason(
    ledger: Ledger, silent: dict[str, str]
) -> None:
    with pytest.raises(EvidenceMissing, match="expected an actor and a reason"):
        force(ledger, version(1), **silent)
    assert ledger.champion(MODEL) is None


def test_a_version_of_another_model_is_refused(ledger: Ledger) -> None:
    with pytest.raises(PromotionError, match="another model; expected fraud; got credit_risk"):
        ledger.promote(
            "fraud",
            version(1),
            None,
            0,
            "key",
            kind=PromotionKind.FORCED,
            evidence_sha256=None,
            actor="ada",
            reason="a drill",
            as_of=None,
            at=AT,
        )


def test_a_moment_without_a_zone_is_refused(ledger: Ledger) -> None:
    with pytest.raises(ValueError, match="with a time zone"):
        force(ledger, version(1), at=datetime(2026, 3, 1))  # noqa: DTZ001


def test_a_version_number_never_gets_other_bytes(ledger: Ledger) -> None:
    ledger.remember_version(version(1))
    ledger.remember_version(version(1))

    with pytest.raises(ArtifactRejected, match="not the one the ledger knows"):
        ledger.remember_version(version(1, artifact_sha256=digest("swapped")))
    with pytest.raises(ArtifactRejected, match="not the one the ledger knows"):
        force(ledger, version(1, artifact_sha256=digest("swapped")))

    assert ledger.versions(MODEL) == [version(1)]
    assert ledger.champion(MODEL) is None


def test_a_bootstrap_and_then_a_better_one_are_earned_by_evidence(ledger: Ledger) -> None:
    first = earn(ledger, version(1), judge(ledger, version(1), date(2026, 1, 1)))
    second = earn(ledger, version(2), judge(ledger, version(2), date(2026, 2, 1)))

    assert (first.kind, second.kind) == (PromotionKind.BOOTSTRAP, PromotionKind.SUPERIORITY)
    assert ledger.verify(MODEL) == 2


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"evidence_sha256": None}, "the evidence differs"),
        ({"evidence_sha256": digest("nothing")}, "the evidence differs"),
        ({"kind": PromotionKind.BOOTSTRAP}, "the kind of promotion differs"),
    ],
)
def test_an_earned_promotion_without_its_evidence_is_refused(
    ledger: Ledger, changes: dict[str, Any], said: str
) -> None:
    force(ledger, version(1))
    sha256 = judge(ledger, version(2))

    with pytest.raises(EvidenceMissing, match=said):
        earn(ledger, version(2), sha256, **changes)

    assert len(ledger.history(MODEL)) == 1


def test_a_verdict_of_hold_promotes_nothing(ledger: Ledger) -> None:
    force(ledger, version(1))
    sha256 = judge(ledger, version(2), decision=Decision.HOLD)

    with pytest.raises(EvidenceMissing, match="the verdict differs; expected PROMOTE; got HOLD"):
        earn(ledger, version(2), sha256)


def test_evidence_about_another_challenger_promotes_nothing(ledger: Ledger) -> None:
    force(ledger, version(1))
    sha256 = judge(ledger, version(2))

    with pytest.raises(EvidenceMissing, match="the challenger differs"):
        earn(ledger, version(3), sha256)


def test_evidence_whose_look_saw_other_bytes_promotes_nothing(ledger: Ledger) -> None:
    now = Champion(MODEL, 1, 1, version(1).artifact_sha256)
    force(ledger, version(1))
    grant = ledger.spend_look(request(champion=now, challenger=version(9)), BUDGET, AT)
    sha256 = ledger.save_evidence(evidence(version(2), grant.look), AT)

    with pytest.raises(EvidenceMissing, match="the challenger's artifact differs"):
        earn(ledger, version(2), sha256)


def test_evidence_without_a_look_promotes_nothing(ledger: Ledger) -> None:
    force(ledger, version(1))
    sha256 = ledger.save_evidence(evidence(version(2), None), AT)

    with pytest.raises(EvidenceMissing, match="the look differs"):
        earn(ledger, version(2), sha256)


def test_evidence_against_an_earlier_champion_promotes_nothing(ledger: Ledger) -> None:
    force(ledger, version(1))
    sha256 = judge(ledger, version(2))
    force(ledger, version(3))

    with pytest.raises(EvidenceMissing, match="the champion differs"):
        earn(ledger, version(2), sha256)
    with pytest.raises(StaleChallenger):
        earn(ledger, version(2), sha256, expected_version=1, expected_epoch=1)


def test_passing_evidence_is_found_for_this_champion_only(ledger: Ledger) -> None:
    force(ledger, version(1))
    sha256 = judge(ledger, version(2))
    before = ledger.champion(MODEL)

    assert ledger.passing_evidence(version(2), before) == sha256
    assert ledger.passing_evidence(version(3), before) is None
    assert ledger.passing_evidence(version(2), None) is None


def test_a_champion_is_restored_under_a_new_number_without_evidence(ledger: Ledger) -> None:
    force(ledger, version(1))
    ledger.freeze(MODEL, NIGHT, reason="year-end", actor="anna", at=AT)
    again = version(2, artifact_sha256=version(1).artifact_sha256)

    link = force(ledger, again, kind=PromotionKind.RESTORED, reason="deleted in MLflow")

    assert (link.version, link.previous_version, link.epoch) == (2, 1, 2)
    assert ledger.verify(MODEL) == 2


def test_other_bytes_restore_nothing(ledger: Ledger) -> None:
    with pytest.raises(PromotionError, match="is not the champion restored"):
        force(ledger, version(1), kind=PromotionKind.RESTORED)
    force(ledger, version(1))

    with pytest.raises(PromotionError, match="is not the champion restored"):
        force(ledger, version(2), kind=PromotionKind.RESTORED)

    assert [link.version for link in ledger.history(MODEL)] == [1]


def test_a_projection_is_marked_once_and_stays(ledger: Ledger) -> None:
    force(ledger, version(1))
    force(ledger, version(2))

    ledger.mark_projected(MODEL, 1)
    ledger.mark_projected(MODEL, 1)

    assert [link.epoch for link in ledger.unprojected(MODEL)] == [2]
    assert ledger.verify(MODEL) == 2


def test_what_decided_on_a_day_is_the_last_promotion_until_then(ledger: Ledger) -> None:
    force(ledger, version(1), as_of=date(2026, 1, 1))
    force(ledger, version(2), as_of=date(2026, 2, 1))
    force(ledger, version(1), as_of=date(2026, 2, 15), kind=PromotionKind.ROLLBACK)
    force(ledger, version(3), as_of=None, at=AT)

    decided = {
        day: link and link.version
        for day in (
            date(2025, 12, 31),
            date(2026, 1, 31),
            date(2026, 2, 1),
            date(2026, 2, 20),
            date(2026, 3, 1),
        )
        for link in [ledger.champion_on(MODEL, day)]
    }

    assert list(decided.values()) == [None, 1, 2, 1, 3]
