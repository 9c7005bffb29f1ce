from __future__ import annotations

import hashlib

import pytest
from sqlalchemy import text

from finrisk.errors import LedgerCorrupted, PromotionError
from finrisk.ledger.engine import open_engine
from finrisk.ledger.store import Ledger
from tests.ledger.factories import AT, BUDGET, digest, evidence, request, version


def test_evidence_is_stored_once_under_the_sha256_of_its_canonical_form(ledger: Ledger) -> None:
    found = evidence(version(2), ledger.spend_look(request(), BUDGET, AT).look)

    names = {ledger.save_evidence(found, AT) for _ in range(2)}

    assert names == {hashlib.sha256(found.canonical()).hexdigest()}
    assert ledger.evidence(names.pop()) == found


def test_unknown_evidence_is_none(ledger: Ledger) -> None:
    assert ledger.evidence(digest("nothing")) is None


def test_a_refused_look_leaves_evidence_too(ledger: Ledger) -> None:
    found = evidence(None, None)

    assert ledger.evidence(ledger.save_evidence(found, AT)) == found


def test_a_look_is_judged_once(ledger: Ledger) -> None:
    look = ledger.spend_look(request(), BUDGET, AT).look
    first = ledger.save_evidence(evidence(version(2), look), AT)

    with pytest.raises(PromotionError, match=f"judged already; expected evidence {first}"):
        ledger.save_evidence(evidence(version(2), look, code_version="0.2.0"), AT)


def test_evidence_must_name_a_look_that_was_spent(ledger: Ledger) -> None:
    look = ledger.spend_look(request(), BUDGET, AT).look
    assert look is not None

    with pytest.raises(PromotionError, match="a look nobody spent"):
        ledger.save_evidence(evidence(version(2), look.replace(alpha=0.5)), AT)


def test_edited_evidence_is_refused(sqlite_url: str) -> None:
    with Ledger(sqlite_url, "live") as ledger:
        sha256 = ledger.save_evidence(evidence(version(2), None), AT)
        engine = open_engine(sqlite_url)
        with engine.begin() as connection:
            connection.execute(text("DROP TRIGGER evidence_no_update"))
            connection.execute(text("UPDATE evidence SET document = replace(document, '3.0', '4')"))
        engine.dispose()

        with pytest.raises(LedgerCorrupted, match=r"credit_risk, night 2026-03-01, was edited"):
            ledger.evidence(sha256)
