"""A person's word for a version is kept for good, and the newest one is the anchor."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from finrisk.errors import PromotionError
from finrisk.ledger.engine import open_engine
from finrisk.ledger.signatures import Signature
from finrisk.ledger.store import Ledger
from tests.ledger.factories import AT, MODEL, earn, force, judge, version


def test_a_signature_comes_back_as_it_was_given(ledger: Ledger) -> None:
    judge(ledger, version(1))
    earn(ledger, version(1), ledger.passing_evidence(version(1), None))
    assert ledger.anchor(MODEL) is None

    signed = ledger.sign(version(1), reason=" annual review ", actor="anna", at=AT)

    assert signed == Signature(MODEL, 1, 1, version(1).artifact_sha256, "annual review", "anna", AT)
    assert ledger.anchor(MODEL) == signed
    assert Signature.from_json(signed.to_json()) == signed


def test_what_only_a_person_does_is_signed_in_the_same_transaction(ledger: Ledger) -> None:
    force(ledger, version(1), reason="the first one", actor="ada")

    (signed,) = ledger.signatures(MODEL)
    assert (signed.version, signed.actor, signed.reason) == (1, "ada", "the first one")
    force(ledger, version(1), idem_key="force 1 after 0", expected_epoch=0, expected_version=None)
    assert len(ledger.signatures(MODEL)) == 1, "a retry signs nothing more"


def test_a_promotion_of_the_night_may_be_signed_too(ledger: Ledger) -> None:
    judge(ledger, version(1))
    sha256 = ledger.passing_evidence(version(1), None)

    earn(ledger, version(1), sha256, actor="anna", reason="looked at it", signs=True)

    assert ledger.anchor(MODEL) is not None


@pytest.mark.parametrize(("actor", "reason"), [("", "why"), ("anna", " ")])
def test_nobody_signs_anonymously(ledger: Ledger, actor: str, reason: str) -> None:
    force(ledger, version(1))

    with pytest.raises(PromotionError, match="not signed anonymously"):
        ledger.sign(version(1), reason=reason, actor=actor, at=AT)


def test_only_a_version_that_was_champion_is_signed(ledger: Ledger) -> None:
    force(ledger, version(1))
    ledger.remember_version(version(2))

    with pytest.raises(PromotionError, match="version 2 was never champion"):
        ledger.sign(version(2), reason="nice", actor="anna", at=AT)


def test_another_scope_has_its_own_anchor(url: str, ledger: Ledger) -> None:
    force(ledger, version(1))

    with Ledger(url, "replay") as replay:
        assert replay.anchor(MODEL) is None


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM signatures",
        "UPDATE signatures SET actor = 'mallory'",
        "UPDATE signatures SET version = 2",
    ],
)
def test_a_signature_is_never_changed(url: str, ledger: Ledger, statement: str) -> None:
    force(ledger, version(1))
    engine = open_engine(url)

    with pytest.raises(IntegrityError, match="append-only"), engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()
