"""A year of one model in the ledger: nights with evidence, promotions, readings, alerts, events.

Evidence is a real night's, with other figures. All looks are at that night's rows, so that two
versions can be shown on them; a ledger would grant one of them. Promotions go through the ledger
itself: the chain verifies, and each rests on evidence about this challenger and this champion.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from hashlib import sha256
from typing import Any

import numpy as np
from sqlalchemy import insert
from sqlalchemy.orm import Session

from benchmarks.dashboard_runs import utc
from finrisk.evidence import Evidence, Outcome
from finrisk.gate.bake import Baked, BakeVerdict, Signal
from finrisk.gate.bake import Reading as BakeReading
from finrisk.ledger.challenges import ChallengeKind
from finrisk.ledger.engine import open_engine, writer
from finrisk.ledger.events import EventKind
from finrisk.ledger.inbox import Outcome as Delivered
from finrisk.ledger.readings import Reading, State
from finrisk.ledger.rows import columns
from finrisk.ledger.schema import (
    EvidenceRow,
    LookRow,
    NightRow,
    ReadingRow,
    RerunRow,
    VersionRow,
)
from finrisk.ledger.store import Ledger
from finrisk.records import (
    Comparison,
    Decision,
    Look,
    LookKind,
    ModelVersion,
    NightDecision,
    NightStatus,
    PromotionKind,
)

SCOPE = "live"
Z_NEEDED = 3.7
PROMOTIONS = 16
ROLLED_BACK, FORCED, APPROVED = (5, 11), (8,), (3, 9, 13)  # by promotion's number
FEATURES = (
    *("income", "loan_amount", "term_months", "employment_years", "debt_to_income"),
    *("utilisation", "delinquencies_2y", "inquiries_6m", "credit_history_months"),
    *("bureau_score", "home_ownership", "purpose", "channel", "loan_to_income"),
)
ALERTS = ("FinRiskScoreDrift", "FinRiskPerformanceLoss", "FinRiskCalibrationLoss")


@dataclass(frozen=True, slots=True)
class Template:
    """What a real first night and a real later night found."""

    first: Evidence
    later: Evidence
    snapshot_sha256: str
    holdout_sha256: str
    spec_sha256: str


@dataclass
class Year:
    """One model's nights as they go by; ``champion`` and ``epoch`` are those of the moment."""

    model: str
    template: Template
    days: Sequence[date]
    chance: np.random.Generator
    champion: ModelVersion | None = None
    epoch: int = 0
    rows: dict[Any, list[dict[str, Any]]] = field(default_factory=dict)
    orders: list[dict[str, Any]] = field(default_factory=list)
    earlier: list[ModelVersion] = field(default_factory=list)

    def promotes(self, at: int) -> int | None:
        """Return the number of the promotion that night makes, if it makes one."""
        if at == 0:
            return 0
        every = max(len(self.days) // PROMOTIONS, 2)
        number, rest = divmod(at, every)
        return number + 1 if rest == every // 2 and number < PROMOTIONS else None

    def night(self, at: int, challenger: ModelVersion, run_id: str) -> NightDecision:
        """Let a night go by: its look, its evidence, its record, and what it promotes."""
        day, number = self.days[at], self.promotes(at)
        decision = Decision.PROMOTE if number is not None else self._decision()
        look = self._look(day, challenger)
        evidence = self._evidence(day, decision, look, challenger)
        document = evidence.canonical()
        digest = sha256(document).hexdigest()
        self._add(
            EvidenceRow,
            sha256=digest,
            model=self.model,
            night=day,
            decision=decision,
            challenger_version=challenger.version,
            document=document.decode(),
            at=utc(day, minute=9),
        )
        if look is not None:
            self._add(
                LookRow,
                year=day.year,
                alpha_year=0.05,
                evidence_sha256=digest,
                at=utc(day, minute=8),
                **columns(look),
            )
        decided = NightDecision(
            model=self.model,
            as_of=day,
            status=NightStatus.READY,
            decision=decision,
            reasons=evidence.verdict.reasons,
            data_result="warn" if at % 30 == 17 else "pass",
            run_id=run_id,
            champion_version=None if self.champion is None else self.champion.version,
            champion_epoch=self.epoch,
            challenger=challenger,
            candidate="xgb",
            comparison=evidence.facts.comparison,
            z_needed=evidence.verdict.z_needed,
            evidence_sha256=digest,
            budget_left=evidence.budget_left,
            actor="airflow",
        )
        self._add(
            NightRow,
            model=self.model,
            as_of=day,
            decision=decided.to_json(),
            snapshot_sha256=self.template.snapshot_sha256,
            spec_sha256=self.template.spec_sha256,
            holdout_sha256=self.template.holdout_sha256,
            at=utc(day, minute=10),
            seconds=600.0 + 60.0 * float(self.chance.random()),
        )
        if number is not None:
            self._promote(number, day, challenger, digest, evidence.verdict.reasons[0])
        return decided

    def _decision(self) -> Decision:
        return Decision.REJECT if self.chance.random() < 0.1 else Decision.HOLD

    def _look(self, day: date, challenger: ModelVersion) -> Look | None:
        if self.champion is None:
            return None
        return Look(
            model=self.model,
            night=day,
            kind=LookKind.SCHEDULED,
            alpha=0.04 / 366,
            holdout_sha256=self.template.holdout_sha256,
            snapshot_sha256=self.template.snapshot_sha256,
            challenger_sha256=challenger.artifact_sha256,
            champion_sha256=self.champion.artifact_sha256,
            champion_version=self.champion.version,
            champion_epoch=self.epoch,
        )

    def _evidence(
        self, day: date, decision: Decision, look: Look | None, challenger: ModelVersion
    ) -> Evidence:
        like = self.template.first if look is None else self.template.later
        facts = like.facts
        shift = 0.01 * math.sin(day.toordinal() / 40.0)
        changes: dict[str, Any] = {
            "model": self.model,
            "as_of": day,
            "challenger_metrics": _moved(facts.challenger_metrics, shift),
            "champion_metrics": _moved(facts.champion_metrics, shift),
        }
        comparison = facts.comparison and self._compared(decision, facts.comparison, shift)
        verdict = like.verdict.replace(decision=decision)
        if comparison is not None:
            changes |= {"comparison": comparison, "alpha": look and look.alpha}
            said = f"Δ AUC {comparison.difference:+.4f}, z {comparison.z:.2f}"
            verdict = verdict.replace(
                reasons=(_reason(decision, said),),
                rules=tuple(_ruled(rule, decision, said) for rule in verdict.rules),
                z_needed=Z_NEEDED,
                interval=(
                    comparison.difference - Z_NEEDED * comparison.standard_error,
                    comparison.difference + Z_NEEDED * comparison.standard_error,
                ),
            )
        return like.replace(
            facts=facts.replace(**changes),
            verdict=verdict,
            look=look,
            challenger=challenger,
            budget_left=round(0.05 - 0.04 / 366 * day.timetuple().tm_yday, 6),
        )

    def _compared(self, decision: Decision, like: Comparison, shift: float) -> Comparison:
        error = 0.004 + 0.002 * float(self.chance.random())
        z = float(self.chance.normal(0.0, 1.2))
        if decision is Decision.PROMOTE:
            z = Z_NEEDED + 0.2 + abs(z)
        champion = like.champion + shift
        return like.replace(
            champion=champion,
            challenger=champion + z * error,
            difference=z * error,
            standard_error=error,
            standard_errors={"rows": error},
            z=z,
            p_value=0.5 * math.erfc(z / math.sqrt(2.0)),
        )

    def _promote(
        self, number: int, day: date, new: ModelVersion, evidence: str, reason: str
    ) -> None:
        kind, actor, digest = PromotionKind.SUPERIORITY, "airflow", evidence
        if self.champion is None:
            kind = PromotionKind.BOOTSTRAP
        elif number in ROLLED_BACK:
            kind, actor, digest = PromotionKind.ROLLBACK, "maria", ""
            new, reason = self.earlier[-1], "complaints about the new limits; back to what we know"
        elif number in FORCED:
            kind, actor, digest = PromotionKind.FORCED, "jonas", ""
            reason = "the supplier's new score ends tomorrow; agreed with model risk"
        elif number in APPROVED:
            kind, actor, reason = PromotionKind.APPROVED, "maria", "read the evidence; fine by me"
        self.orders.append(
            {
                "new": new,
                "expected_version": self.champion and self.champion.version,
                "expected_epoch": self.epoch,
                "idem_key": sha256(f"{self.model} promotion {number}".encode()).hexdigest(),
                "kind": kind,
                "evidence_sha256": digest or None,
                "actor": actor,
                "reason": reason,
                "as_of": day,
                "at": utc(day, minute=11),
            }
        )
        if self.champion is not None:
            self.earlier.append(self.champion)
        self.champion, self.epoch = new, self.epoch + 1

    def _add(self, table: Any, **values: Any) -> None:
        self.rows.setdefault(table, []).append({"scope": SCOPE, **values})

    def remember(self, version: ModelVersion) -> None:
        """Let the ledger know a registered version."""
        self._add(VersionRow, **columns(version))

    def watch(self) -> None:
        """Let the monitors read each day, and alarms ask for a night about once a week."""
        for at, day in enumerate(self.days):
            for reading in self._readings(day):
                self._add(ReadingRow, at=utc(day, hour=6), **columns(reading))
            if at % 6 == 3:
                self._add(RerunRow, **self._rerun(at, day))

    def _readings(self, day: date) -> Iterator[Reading]:
        wave = math.sin(day.toordinal() / 25.0)
        window = {"first_day": str(day - timedelta(31)), "last_day": str(day - timedelta(3))}
        matured = window | {"rows": 2818, "bads": 509, "variance_by": "day", "standard_error": 0.01}

        def read(monitor: str, subject: str, value: float, limit: float, **more: Any) -> Reading:
            above = monitor != "performance" and value > limit
            worse = above or (monitor == "performance" and value < limit)
            return Reading(
                model=self.model,
                as_of=day,
                monitor=monitor,
                subject=subject,
                version=1,
                value=value,
                low=more.pop("low", None),
                high=more.pop("high", None),
                threshold=limit,
                state=State.ALARM if worse else State.QUIET,
                detail=more,
            )

        moved = [
            {"bin": f"{low} to {low + 850}", "before": 0.1, "now": 0.09}
            for low in (1000, 2494, 6216)
        ]
        drift: dict[str, Any] = window | {"rows": 2780, "p_value": 0.495, "moved_share": 0.0245}
        drift |= {"most_moved": moved, "reference": "2023-07-03 to 2023-12-31"}
        yield read("score_drift", "", 0.06 + 0.07 * wave, 0.121, **drift)
        for position, name in enumerate(FEATURES):
            swing = 0.02 + 0.02 * abs(math.sin(position + day.toordinal() / 60.0))
            yield read("feature_drift", name, swing, 0.10, **drift)
        for name in FEATURES:
            yield read("missing_rate", name, 0.04, 0.09, low=0.03, high=0.05, before=0.04)
        for name in ("home_ownership", "purpose", "channel"):
            yield read("categories", name, 0.0, 0.05, low=0.0, high=0.0014)
        yield read("volume", "", 1.0 + 0.1 * wave, 5.0, rows_a_day=99.3, expected_a_day=98.9)
        yield read("calibration", "", 0.2 + 0.2 * wave, 0.45, low=0.0, high=0.5, **matured)
        for name, shown in (("auc", 0.80), ("ks", 0.47), ("average_precision", 0.50)):
            value = shown - 0.03 - 0.04 * wave
            band = {"low": value - 0.03, "high": value + 0.03}
            yield read("performance", name, value, shown - 0.06, **band, shown=shown, **matured)
        for name, shown in (("auc", 0.80), ("average_precision", 0.50)):
            value = shown - 0.01 * wave
            band = {"low": value - 0.02, "high": value + 0.02}
            yield read("estimate", name, value, 1.0, **band, rows=2780, shown=shown)
        for name in ("branch", "broker", "marketplace", "web"):
            yield read("slice", f"channel={name}", 0.1, 0.9, low=-0.2, high=0.4, **matured)
        for name, days in (("decisions", 1.0), ("landing", 1.0), ("labels", 2.0)):
            yield read("freshness", name, days, 5.0, newest=str(day - timedelta(1)))

    def _rerun(self, at: int, day: date) -> dict[str, Any]:
        alert = ALERTS[at % len(ALERTS)]
        key = sha256(f"{self.model} {alert} {day}".encode()).hexdigest()
        accepted = at % 12 == 3
        return {
            "model": self.model,
            "key": key,
            "alert": alert,
            "source": "monitor" if at % 2 else "alertmanager",
            "reason": "auc 0.665 on matured labels (limit 0.720, shown 0.827 at its promotion)",
            "began": utc(day, hour=5),
            "received": utc(day, hour=6, minute=1),
            "deliveries": 1 + at % 4,
            "outcome": Delivered.ACCEPTED if accepted else Delivered.COOLING_DOWN,
            "run_id": f"alert__{alert}__{day:%Y%m%d}T060100__{key[:8]}" if accepted else None,
            "started": utc(day, hour=6, minute=2) if accepted else None,
            "as_of": day,
        }

    def write(self, url: str) -> None:
        """Write all of it, promotions and what people did through the ledger's own methods."""
        engine = open_engine(url)
        with Session(writer(engine)) as session, session.begin():
            for table, rows in self.rows.items():
                session.execute(insert(table), rows)
        engine.dispose()
        with Ledger(url, SCOPE) as ledger:
            for order in self.orders:
                link = ledger.promote(self.model, **order)
                ledger.mark_projected(self.model, link.epoch)
            self._live(ledger)
            ledger.verify(self.model)

    @property
    def aliases(self) -> dict[str, int]:
        """What MLflow is to show."""
        shown = {"production": self.champion, "previous": self.earlier[-1]}
        return {alias: of.version for alias, of in shown.items() if of is not None}

    def _live(self, ledger: Ledger) -> None:
        """Bakes after each promotion, a notice each night, freezes, signatures, a challenger."""
        for order in self.orders[1:]:
            for night in range(1, 6):
                day = order["as_of"] + timedelta(days=night)
                baked = _baked(order["expected_epoch"] + 1, day, order["new"].version, night)
                self._event(ledger, EventKind.BAKE, f"bake of {day}", day, baked.to_json())
        for day in self.days[::4]:
            told = {"key": f"night {day}", "channel": "mail", "outcome": "sent"}
            self._event(ledger, EventKind.NOTICE, f"notice of {day}", None, told)
        for number, day in enumerate(self.days[20 :: max(len(self.days) // 3, 21)]):
            until = day + timedelta(days=5)
            at = utc(day, hour=9)
            ledger.freeze(self.model, until, reason=f"release {number}", actor="maria", at=at)
        newest = self.days[-1]
        if self.champion is not None:
            at = utc(newest, hour=9)
            ledger.sign(self.champion, reason="yearly review", actor="maria", at=at)
        ledger.begin_challenge(
            self.model,
            ChallengeKind.SHADOW,
            self.earlier[-1].version,
            share=None,
            salt=None,
            actor="jonas",
            reason="is the old one calmer?",
            at=utc(newest, hour=10),
        )

    def _event(
        self, ledger: Ledger, kind: EventKind, key: str, day: date | None, document: Any
    ) -> None:
        at = utc(day or self.days[-1], hour=7)
        ledger.record_event(self.model, kind=kind, key=key, as_of=day, document=document, at=at)


def _baked(epoch: int, day: date, champion: int, night: int) -> Baked:
    reading = BakeReading(
        epoch=epoch,
        as_of=day,
        champion=champion,
        predecessor=1,
        first_day=day - timedelta(days=night),
        last_day=day - timedelta(days=1),
        rows=3000 * night,
        matured=0,
        bads=0,
        signals=tuple(
            Signal(name, value, value, limit)
            for name, value, limit in (
                ("score_psi", 0.01, 0.25),
                ("calibration", None, 0.5),
                ("alert_volume", 1.01, 2.0),
                ("error_rate", 0.0, 0.01),
            )
        ),
    )
    verdict = BakeVerdict.PASSED if night == 5 else BakeVerdict.BAKING
    said = f"v{champion} on {reading.rows:,} rows: quiet; {night} readings, none breached"
    return Baked(reading=reading, outcome=Outcome.PASS, verdict=verdict, sentence=said)


def _moved(metrics: dict[str, float], by: float) -> dict[str, float]:
    return {name: value + by for name, value in metrics.items()}


def _reason(decision: Decision, said: str) -> str:
    if decision is Decision.PROMOTE:
        return f"{said} ≥ {Z_NEEDED} needed"
    if decision is Decision.REJECT:
        return "calibration offset +0.281 (champion +0.200): worse beyond chance"
    return f"{said} < {Z_NEEDED} needed: not enough evidence"


def _ruled(rule: Any, decision: Decision, said: str) -> Any:
    promoted = decision is Decision.PROMOTE
    if rule.rule == "superiority":
        return rule.replace(figure=said, outcome=Outcome.PASS if promoted else Outcome.FAIL)
    if rule.rule == "calibration_offset" and decision is Decision.REJECT:
        return rule.replace(outcome=Outcome.FAIL, harm=True)
    return rule.replace(outcome=Outcome.PASS) if rule.outcome is Outcome.FAIL else rule
