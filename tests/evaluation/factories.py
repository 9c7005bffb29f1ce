"""Evidence of one good look with every guard, for a table of single changes."""

from __future__ import annotations

from datetime import date
from typing import Any

from finrisk.evidence import (
    Anchor,
    Calibration,
    Evidence,
    Facts,
    Fairness,
    GroupApproval,
    GuardFacts,
    Operations,
    PairedFigure,
    SliceFigure,
)
from finrisk.gate.decision import decide
from finrisk.records import Comparison, Look, LookKind, ModelVersion
from finrisk.specs.guards import Costs, Guards, SliceGuard
from finrisk.specs.policy import GatePolicy
from tests.gate.factories import ALPHA, good_facts, paired
from tests.ledger.factories import MODEL, digest
from tests.ledger.factories import version as registered

NIGHT = date(2026, 2, 1)
POLICY = GatePolicy(
    clusters=("customer",),
    guards=Guards(
        slices=SliceGuard(columns=("channel",)), costs=Costs(bad_approved=4000, good_declined=300)
    ),
)


def pair(champion: float, difference: float, margin: float) -> PairedFigure:
    return paired(difference, champion=champion, spread=margin)


def guard_facts(**changes: Any) -> GuardFacts:
    """What the guards read when none objects."""
    good = GuardFacts(
        metrics={
            "ks": pair(0.3021, 0.0410, 0.0190),
            "average_precision": pair(0.2514, 0.0312, 0.0144),
            "detection_rate_at_fpr_5pct": pair(0.2010, 0.0210, 0.0180),
            "brier": pair(0.0841, -0.0017, 0.0009),
        },
        calibration=(Calibration(0.061, 1.04, 0.0112), Calibration(-0.024, 0.97, 0.0087)),
        score_psi=(0.021, 0.034),
        feature_psi={"income": 0.08, "bureau_score": 0.02},
        fairness={
            "sex": Fairness(
                GroupApproval("f", "m", 0.962, 0.981, 0.04),
                GroupApproval("f", "m", 0.970, 0.988, 0.03),
                left_out=("unknown",),
            )
        },
        operations=Operations(one_row_ms=3.1, artifact_mb=1.9, load_seconds=0.21),
        anchor=Anchor(3, pair(0.6950, 0.0362, 0.0140)),
        slices={
            "channel=web": SliceFigure(412, pair(0.69, 0.035, 0.02)),
            "channel=branch": SliceFigure(488, pair(0.71, 0.012, 0.019)),
        },
        score_psi_by_chance=0.006,
        loss_per_1000=pair(61_250.0, -2_310.0, 1_480.0),
    )
    return good.replace(**changes)


def facts(**changes: Any) -> Facts:
    """Facts of a night on which the challenger is clearly better."""
    good = good_facts(
        comparison=Comparison(
            champion=0.7,
            challenger=0.7312,
            difference=0.0312,
            standard_error=0.0076,
            z=4.1,
            p_value=0.00004,
            standard_errors={"rows": 0.0071, "customer": 0.0076},
            variance_by="customer",
        ),
        challenger_metrics={"auc": 0.7312, "ks": 0.3431, "brier": 0.0824},
        champion_metrics={"auc": 0.7, "ks": 0.3021, "brier": 0.0841},
        bad_clusters={"customer": 871},
        guards=guard_facts(),
    )
    return good.replace(**changes)


def without_look(**changes: Any) -> Facts:
    """Facts of a night that did not come to a look."""
    early = facts(
        alpha=None,
        scores_usable=None,
        comparison=None,
        guards=None,
        challenger_metrics={},
        champion_metrics={},
    )
    return early.replace(**changes)


def first_champion(**changes: Any) -> Facts:
    """Facts of a night that has nobody to compare with."""
    alone = facts(
        has_champion=False,
        champion_train_end=None,
        champion_verified=None,
        alpha=0.0,
        comparison=None,
        guards=None,
        champion_metrics={},
    )
    return alone.replace(**changes)


def compared(difference: float, z: float) -> Comparison:
    return Comparison(
        champion=0.7,
        challenger=0.7 + difference,
        difference=difference,
        standard_error=difference / z,
        z=z,
        p_value=None,
        standard_errors={"rows": difference / z},
    )


def version(number: int = 7) -> ModelVersion:
    return registered(number)


def look(kind: LookKind = LookKind.SCHEDULED, **changes: Any) -> Look:
    spent = Look(
        model=MODEL,
        night=NIGHT,
        kind=kind,
        alpha=ALPHA,
        holdout_sha256=digest("holdout"),
        snapshot_sha256=digest("snapshot"),
        challenger_sha256=version().artifact_sha256,
        champion_sha256=version(5).artifact_sha256,
        champion_version=5,
        champion_epoch=2,
    )
    return spent.replace(**changes)


def evidence(found: Facts | None = None, policy: GatePolicy = POLICY, **changes: Any) -> Evidence:
    """Evidence as the gate makes it of these facts; a look is in it where α was spent."""
    found = found or facts()
    spent = (
        look()
        if found.has_champion
        else look(alpha=0.0, champion_sha256=None, champion_version=None, champion_epoch=0)
    )
    good = Evidence(
        facts=found,
        verdict=decide(found, policy),
        look=None if found.alpha is None else spent,
        challenger=version(),
        budget_left=0.05 - ALPHA if found.has_champion else 0.05,
        policy_sha256=digest("spec"),
        code_version="0.1.0",
    )
    return good.replace(**changes)
