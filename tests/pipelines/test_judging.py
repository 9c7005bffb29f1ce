"""The decide step: what is compared, what it costs, what stops it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from finrisk.config import Settings
from finrisk.evidence import Outcome
from finrisk.pipelines.rooms import Rooms
from finrisk.records import Decision, LookKind, NightStatus
from tests.pipelines.lender import (
    FIRST,
    SECOND,
    deliver,
    lender_of_its_own,
    night,
    no_sidecar,
    redeliver,
)


def test_a_challenger_is_compared_on_the_same_rows_under_the_budget(
    rooms: Rooms, shared: Settings, own_home: Path
) -> None:
    night(rooms, FIRST)
    first = rooms.ledger.version("credit_risk", 1)
    assert first is not None
    rooms.ledger.sign(first, reason="annual review", actor="anna", at=rooms.now())
    theirs = Rooms.open("credit_risk", lender_of_its_own(rooms.settings, own_home))
    deliver(theirs.settings, SECOND)

    second = night(theirs, SECOND)

    assert second.status is NightStatus.READY, second.reasons
    assert second.comparison is not None
    assert second.z_needed == pytest.approx(2.713, abs=0.001)
    assert second.champion_version == 1
    assert second.budget_left == pytest.approx(0.05 - 0.04 / 12)
    evidence = rooms.ledger.evidence(second.evidence_sha256 or "")
    assert evidence is not None
    assert evidence.facts.rows_in_both == 0
    assert evidence.facts.champion_metrics["auc"] == second.comparison.champion
    measured = evidence.facts.guards
    assert measured is not None
    delta = pytest.approx(second.comparison.difference, abs=1e-12)
    assert measured.metrics["auc"].difference == delta
    assert measured.anchor is not None, "the version that anna signed"
    assert measured.anchor.auc is not None
    assert measured.anchor.auc.difference == delta, "it is champion too"
    assert None not in (*measured.score_psi, *measured.operations.to_json().values())
    assert measured.fairness["age_band"].challenger is not None
    outcomes = {rule.rule: rule.outcome for rule in evidence.verdict.rules}
    assert Outcome.UNKNOWN not in outcomes.values()
    assert {"keeps_ks", "calibration_slope", "score_psi", "anchor", "slices"} <= set(outcomes)


def test_a_dry_run_never_shows_the_hold_outs_figures(rooms: Rooms) -> None:
    dry = night(rooms, FIRST, dry_run=True)

    assert dry.decision is Decision.HOLD
    assert dry.comparison is None
    assert "the hold-out was not looked at" in dry.reasons[0]
    assert rooms.ledger.looks("credit_risk") == []
    assert rooms.ledger.versions("credit_risk") == []
    assert rooms.ledger.nights("credit_risk") == []


def test_a_planted_leak_holds_the_night(settings: Settings, own_home: Path) -> None:
    """The income tells the label of every matured row."""

    def wide(document: dict[str, Any]) -> None:
        no_sidecar(document)
        document["columns"]["income"] = {"type": "number"}

    theirs = Rooms.open("credit_risk", lender_of_its_own(settings, own_home, wide))
    feed = (own_home / "landing" / "credit_risk_defaults").glob("*.parquet")
    defaulted = pd.concat([pd.read_parquet(path) for path in feed]).set_index("application_id")
    for path in sorted((own_home / "landing" / "credit_risk").glob("*.parquet")):
        frame = pd.read_parquet(path)
        on = frame["application_id"].map(defaulted["defaulted_on"])
        is_bad = on <= frame["application_date"] + pd.DateOffset(months=6)
        redeliver(path, frame.assign(income=is_bad * 1000.0 + 1000.0))

    held = night(theirs, FIRST)

    assert held.decision is Decision.HOLD
    assert "'income' alone has AUC" in " ".join(held.reasons)
    assert theirs.ledger.looks("credit_risk") == []


def test_a_reserve_look_needs_more(rooms: Rooms, own_home: Path) -> None:
    night(rooms, FIRST)
    theirs = Rooms.open("credit_risk", lender_of_its_own(rooms.settings, own_home))
    deliver(theirs.settings, SECOND)

    second = night(theirs, SECOND, look=LookKind.RESERVE)

    assert second.z_needed == pytest.approx(2.807, abs=0.001)
