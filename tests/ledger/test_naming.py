from __future__ import annotations

from datetime import timedelta

from finrisk.ledger.store import Ledger
from finrisk.records import Decision
from tests.ledger.factories import (
    AT,
    MODEL,
    NIGHT,
    digest,
    earn,
    evidence,
    force,
    judge,
    night_decision,
    version,
)


def test_a_model_that_never_ran_is_named_nowhere(ledger: Ledger) -> None:
    named = ledger.named(MODEL)

    assert ledger.models() == []
    assert named.versions == named.artifacts == named.snapshots == frozenset()
    assert named.nights == ()


def test_champions_now_and_ever_are_named_and_a_version_that_is_only_registered_is_not(
    ledger: Ledger,
) -> None:
    for number in (1, 2, 3):
        ledger.remember_version(version(number))
    force(ledger, version(1))
    force(ledger, version(2))

    named = ledger.named(MODEL)

    assert named.versions == {1, 2}
    assert named.artifacts == {version(1).artifact_sha256, version(2).artifact_sha256}
    assert ledger.models() == [MODEL]


def test_a_look_names_both_sides_and_the_rows_it_was_made_on(ledger: Ledger) -> None:
    force(ledger, version(1))

    judge(ledger, version(2), decision=Decision.HOLD)

    named = ledger.named(MODEL)
    assert named.versions == {1, 2}
    assert named.artifacts == {version(1).artifact_sha256, version(2).artifact_sha256}
    assert named.snapshots == {digest("snapshot")}
    assert named.fitted_on == {version(2).artifact_sha256: digest("snapshot")}


def test_evidence_without_a_look_names_its_challenger(ledger: Ledger) -> None:
    ledger.save_evidence(evidence(version(7), None, decision=Decision.HOLD), AT)

    assert ledger.named(MODEL).versions == {7}


def test_nights_name_their_snapshots_in_order(ledger: Ledger) -> None:
    for days, sha256 in ((1, digest("b")), (0, digest("a")), (2, None)):
        as_of = NIGHT + timedelta(days=days)
        ledger.record_night(
            night_decision(as_of),
            snapshot_sha256=sha256,
            spec_sha256=digest("spec"),
            holdout_sha256=None,
            at=AT,
        )

    nights = ledger.named(MODEL).nights

    assert [(night.as_of, night.sha256) for night in nights] == [
        (NIGHT, digest("a")),
        (NIGHT + timedelta(days=1), digest("b")),
    ]
    assert nights[0].at == AT


def test_another_model_and_another_scope_name_nothing_here(ledger: Ledger, url: str) -> None:
    ledger.remember_version(version(1))
    earn(ledger, version(1), judge(ledger, version(1)))

    assert ledger.named("cards").versions == frozenset()
    with Ledger(url, "replay") as replay:
        assert replay.models() == []
        assert replay.named(MODEL).versions == frozenset()
