"""Ledgers of a model's nights, cheaply: no data, no training, no MLflow."""

from __future__ import annotations

import dataclasses
import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from finrisk.dashboard.overview.facts import MorningFacts
from finrisk.evidence import (
    Evidence,
    GuardFacts,
    Operations,
    Outcome,
    PairedFigure,
    RuleResult,
    SliceFigure,
    Verdict,
)
from finrisk.gate.budget import Spent
from finrisk.ledger.migrate import migrate
from finrisk.ledger.nights import StoredNight
from finrisk.ledger.readings import Reading, State
from finrisk.ledger.recent import Recent
from finrisk.ledger.standing import Inbox, Standing
from finrisk.ledger.store import Ledger
from finrisk.records import (
    Champion,
    Comparison,
    Decision,
    ModelVersion,
    NightDecision,
    NightStatus,
    PromotionKind,
    PromotionRecord,
)
from finrisk.specs.policy import ErrorBudget
from tests.clock import today
from tests.dashboard.conftest import settings_of
from tests.ledger.factories import AT, MODEL, digest, earn, evidence, facts, night_decision, version
from tests.ledger.factories import request as look_request
from tests.pipelines.lender import write_spec

DAILY = ErrorBudget(looks_per_year=365)
RULES = (
    RuleResult("bads", Outcome.PASS, "900 bads", "at least 200"),
    RuleResult("superiority", Outcome.PASS, "Δ AUC +0.0300, z 3.00", "z ≥ 2.71"),
    RuleResult("keeps_ks", Outcome.PASS, "Δ KS +0.0100", "Δ not below -0.0200"),
    RuleResult("score_psi", Outcome.WARN, "score PSI 0.120", "below 0.100"),
)
GUARDS = GuardFacts(
    metrics={
        "auc": PairedFigure(0.70, 0.73, 0.03, lower=0.01, upper=0.05),
        "ks": PairedFigure(0.40, 0.39, -0.01, lower=-0.03, upper=0.01),
        "brier": PairedFigure(0.12, 0.11, -0.01, lower=-0.012, upper=-0.008),
    },
    calibration=None,
    score_psi=(0.01, 0.12),
    feature_psi={},
    fairness={},
    operations=Operations(one_row_ms=1.0, artifact_mb=0.2, load_seconds=0.1),
    anchor=None,
    slices={"channel=web": SliceFigure(50, PairedFigure(0.7, 0.72, 0.02, lower=0.0, upper=0.04))},
)


def bare_home(home: Path) -> Path:
    """A home with a spec and an empty ledger, and no MLflow: what these pages can do without."""
    write_spec(home / "conf" / "models")
    migrate(settings_of(home).ledger_url.get_secret_value())
    return home


def copied(home: Path, to: Path) -> Path:
    """A home that a test may change; setting one up takes a second."""
    shutil.copytree(home, to)
    return to


def ledger_of(home: Path) -> Ledger:
    """The ledger of a home that was set up."""
    return Ledger.open(settings_of(home))


def evidence_of(new: ModelVersion, look: Any, decision: Decision) -> Evidence:
    """Evidence with guards, rules and figures, as a page shows them."""
    found = facts(look.night).replace(
        guards=GUARDS,
        challenger_metrics={"auc": 0.73, "gini": 0.46, "ks": 0.39, "psi": 0.12},
        has_champion=look.champion_version is not None,
    )
    verdict = Verdict(
        decision=decision,
        reasons=("Δ AUC +0.0300, z 3.00 ≥ 2.71 needed",),
        rules=RULES,
        z_needed=2.71,
        interval=(0.0029, 0.0571),
    )
    return evidence(new, look, facts=found, verdict=verdict)


def decide(
    ledger: Ledger,
    night: date,
    number: int,
    decision: Decision = Decision.HOLD,
    **changes: Any,
) -> NightDecision:
    """A night of one challenger that came to the gate, on record with its evidence."""
    new = version(number)
    ledger.remember_version(new)
    now = ledger.champion(MODEL)
    asked = look_request(night, champion=now, challenger=new)
    grant = ledger.spend_look(asked, DAILY, AT)
    sha256 = ledger.save_evidence(evidence_of(new, grant.look, decision), AT)
    decided = night_decision(
        night,
        decision=decision,
        reasons=("Δ AUC +0.0300, z 3.00 ≥ 2.71 needed",),
        run_id=f"night-{night}",
        challenger=new,
        candidate="xgboost",
        champion_version=now and now.version,
        champion_epoch=now.epoch if now else 0,
        comparison=Comparison(0.70, 0.73, 0.03, 0.01, 3.0, 0.0013) if now else None,
        z_needed=2.71 if now else None,
        evidence_sha256=sha256,
    ).replace(**changes)
    record(ledger, decided)
    return decided


def promote(ledger: Ledger, night: date, number: int, **changes: Any) -> PromotionRecord:
    """A night that promoted its challenger, and was carried out."""
    decided = decide(ledger, night, number, Decision.PROMOTE)
    link = earn(
        ledger,
        version(number),
        decided.evidence_sha256,
        as_of=night,
        at=_two_o_clock(night),
        **changes,
    )
    ledger.mark_projected(MODEL, link.epoch)
    return link


def block(ledger: Ledger, night: date) -> NightDecision:
    """A night that its data blocked."""
    decided = night_decision(
        night,
        status=NightStatus.BLOCKED,
        reasons=("range: 3007 rows of 'income' above 50,000", "duplicate key: 120 rows"),
        data_result="block",
    )
    record(ledger, decided)
    return decided


def record(ledger: Ledger, decided: NightDecision, at: datetime | None = None) -> None:
    """Put a night on record, on the morning of its day."""
    ledger.record_night(
        decided,
        snapshot_sha256=digest("snapshot"),
        spec_sha256=digest("spec"),
        holdout_sha256=digest(f"holdout of {decided.as_of}"),
        at=at or _two_o_clock(decided.as_of),
    )


def watch(ledger: Ledger, day: date, state: State = State.QUIET, **changes: Any) -> None:
    """A day that the monitors read."""
    now = ledger.champion(MODEL)
    reading = Reading(
        model=MODEL,
        as_of=day,
        monitor="performance",
        subject="auc",
        version=now and now.version,
        value=0.66,
        low=0.64,
        high=0.68,
        threshold=0.72,
        state=state,
        detail={},
    )
    ledger.keep_readings(MODEL, [reading.replace(**changes)], AT)


def years(ledger: Ledger, nights: int, versions: int, last: date | None = None) -> None:
    """Nights up to a day, or today, each with evidence; the first so many are promotions."""
    last = last or today()
    for number in range(1, nights + 1):
        night = last - timedelta(days=nights - number)
        if number <= versions:
            promote(ledger, night, number)
        else:
            decide(ledger, night, number)


# what the Overview knows of a model, without a ledger

NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
LAST_NIGHT = NOW.date()
CROWNED = LAST_NIGHT - timedelta(days=2)


def stored_night(decided: NightDecision, at: datetime | None = None) -> StoredNight:
    return StoredNight(
        decided, None, digest("spec"), None, at or _two_o_clock(decided.as_of), seconds=60.0
    )


def link_of(epoch: int = 1, number: int = 1, **changes: Any) -> PromotionRecord:
    good = PromotionRecord(
        model=MODEL,
        epoch=epoch,
        version=number,
        previous_version=None if epoch == 1 else number - 1,
        kind=PromotionKind.BOOTSTRAP if epoch == 1 else PromotionKind.SUPERIORITY,
        idem_key=f"key {epoch}",
        artifact_sha256=version(number).artifact_sha256,
        evidence_sha256=digest(f"evidence {number}"),
        actor="airflow",
        reason="",
        as_of=CROWNED,
        at=_two_o_clock(CROWNED),
        previous_hash="0" * 64,
        hash="1" * 64,
        projected=True,
    )
    return good.replace(**changes)


def standing(**changes: Any) -> Standing:
    good = Standing(
        model=MODEL,
        champion=Champion(MODEL, 1, 1, version(1).artifact_sha256),
        came_by=PromotionKind.BOOTSTRAP,
        since=NOW,
        promotions={},
        decisions={},
        events={},
        last_night=None,
        held=0,
        matured_until=None,
        spent=Spent(year=NOW.year),
        frozen=False,
        readings=(),
        inbox=Inbox({}, 0, 0, None),
    )
    return _changed(good, changes)


def morning_facts(
    decided: NightDecision | None = None, at: datetime | None = None, **changes: Any
) -> MorningFacts:
    """A model whose champion is of two nights before, and about which there is nothing to say."""
    newest = decided or held()
    good = MorningFacts(
        model=MODEL,
        title="Retail credit risk",
        declared=True,
        now=NOW,
        standing=standing(),
        recent=Recent((stored_night(newest, at),), (), (), None),
        history=(link_of(),),
    )
    return _changed(good, changes)


def held(**changes: Any) -> NightDecision:
    """Last night's HOLD of v2 against v1."""
    return night_decision(
        LAST_NIGHT,
        challenger=version(2),
        champion_version=1,
        champion_epoch=1,
        evidence_sha256=digest("evidence 2"),
        actor="airflow",
    ).replace(**changes)


def promoted(**changes: Any) -> NightDecision:
    """Last night's PROMOTE of v2 over v1."""
    return held(decision=Decision.PROMOTE, reasons=("z 3.0 ≥ 2.71",)).replace(**changes)


def _changed(good: Any, changes: dict[str, Any]) -> Any:
    return dataclasses.replace(good, **changes)


def _two_o_clock(night: date) -> datetime:
    return datetime.combine(night, datetime.min.time(), UTC) + timedelta(hours=2)
