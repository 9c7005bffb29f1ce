"""One good record of each kind; a test changes the one thing that matters."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime
from typing import Any

from finrisk.evidence import Evidence, Facts, Verdict
from finrisk.ledger.looks import LookRequest
from finrisk.ledger.store import Ledger
from finrisk.records import (
    Champion,
    Comparison,
    Decision,
    Look,
    LookKind,
    ModelVersion,
    NightDecision,
    NightStatus,
    PromotionKind,
    PromotionRecord,
    Window,
)
from finrisk.specs.policy import ErrorBudget

MODEL = "credit_risk"
AT = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)
NIGHT = date(2026, 3, 1)
BUDGET = ErrorBudget()


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def version(number: int = 1, **changes: Any) -> ModelVersion:
    good = ModelVersion(
        model=MODEL,
        version=number,
        run_id=f"run-{number}",
        model_uri=f"models:/m-{number}",
        artifact_sha256=digest(f"artifact {number}"),
        manifest_sha256=digest(f"manifest {number}"),
    )
    return good.replace(**changes)


def request(
    night: date = NIGHT,
    *,
    champion: Champion | None = None,
    challenger: ModelVersion | None = None,
    kind: LookKind = LookKind.SCHEDULED,
    holdout: str | None = None,
    snapshot: str = "snapshot",
) -> LookRequest:
    return LookRequest(
        model=MODEL,
        night=night,
        kind=kind,
        holdout_sha256=digest(holdout or f"holdout of {night}"),
        snapshot_sha256=digest(snapshot),
        challenger_sha256=(challenger or version(2)).artifact_sha256,
        champion=champion,
    )


def facts(night: date = NIGHT) -> Facts:
    return Facts(
        model=MODEL,
        as_of=night,
        has_champion=True,
        challenger_train_end=date(2025, 1, 31),
        champion_train_end=date(2024, 12, 31),
        holdout=Window(date(2025, 3, 1), date(2025, 8, 31), rows=9000, bads=900),
        holdout_goods=8100,
        embargo_days=1,
        rows_in_both=0,
        same_rows=True,
        challenger_verified=True,
        champion_verified=True,
        scores_usable=True,
        highest_single_feature="bureau_score",
        highest_single_feature_auc=0.7,
        alpha=0.04 / 12,
        look_refused=None,
        comparison=Comparison(0.70, 0.73, 0.03, 0.01, 3.0, 0.0013),
        challenger_metrics={"auc": 0.73},
        champion_metrics={"auc": 0.70},
    )


def evidence(
    challenger: ModelVersion | None,
    look: Look | None,
    *,
    decision: Decision = Decision.PROMOTE,
    **changes: Any,
) -> Evidence:
    good = Evidence(
        facts=facts(NIGHT if look is None else look.night),
        verdict=Verdict(decision=decision, reasons=("z 3.0 ≥ 2.71",), rules=()),
        look=look,
        challenger=challenger,
        budget_left=0.04,
        policy_sha256=digest("policy"),
        code_version="0.1.0",
    )
    return good.replace(**changes)


def night_decision(as_of: date = NIGHT, **changes: Any) -> NightDecision:
    good = NightDecision(
        model=MODEL,
        as_of=as_of,
        status=NightStatus.READY,
        decision=Decision.HOLD,
        reasons=("z 1.0 < 2.71",),
        data_result="pass",
    )
    return good.replace(**changes)


def force(ledger: Ledger, new: ModelVersion, **changes: Any) -> PromotionRecord:
    """Promote by force, over whoever is champion now."""
    now = ledger.champion(new.model)
    arguments: dict[str, Any] = {
        "expected_version": now and now.version,
        "expected_epoch": now.epoch if now else 0,
        "idem_key": f"force {new.version} after {now.epoch if now else 0}",
        "kind": PromotionKind.FORCED,
        "evidence_sha256": None,
        "actor": "ada",
        "reason": "a drill",
        "as_of": NIGHT,
        "at": AT,
    }
    return ledger.promote(new.model, new, **{**arguments, **changes})


def judge(
    ledger: Ledger,
    challenger: ModelVersion,
    night: date = NIGHT,
    decision: Decision = Decision.PROMOTE,
) -> str:
    """Spend the night's look on this challenger and store what was found."""
    asked = request(night, champion=ledger.champion(MODEL), challenger=challenger)
    grant = ledger.spend_look(asked, BUDGET, AT)
    return ledger.save_evidence(evidence(challenger, grant.look, decision=decision), AT)


def earn(ledger: Ledger, new: ModelVersion, sha256: str | None, **changes: Any) -> PromotionRecord:
    """Promote on evidence, over whoever is champion now."""
    kind = PromotionKind.SUPERIORITY if ledger.champion(MODEL) else PromotionKind.BOOTSTRAP
    arguments: dict[str, Any] = {"kind": kind, "evidence_sha256": sha256, "actor": "night"}
    return force(ledger, new, **{**arguments, "reason": "", **changes})
