"""A ledger with years of nights in it, written row by row in one transaction, and its readings."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from finrisk.data.quality import QualityParts, QualityReport
from finrisk.data.quality_store import QualityStore
from finrisk.ledger.engine import open_engine, writer
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
from finrisk.records import Decision, LookKind
from tests.ledger.factories import AT, digest, evidence, night_decision, version

TODAY = date(2026, 3, 1)
FEATURES = tuple(f"feature_{number:02d}" for number in range(30))
SLICES = ("channel=web", "channel=branch")


def reading(
    monitor: str, subject: str = "", *, model: str = "credit_risk", **changes: Any
) -> Reading:
    """One good reading; a test changes the one thing that matters."""
    good = Reading(
        model=model,
        as_of=TODAY,
        monitor=monitor,
        subject=subject,
        version=1,
        value=0.02,
        low=None,
        high=None,
        threshold=0.10,
        state=State.QUIET,
        detail={},
    )
    return good.replace(**changes)


def readings_of(model: str, day: date, **score: Any) -> list[Reading]:
    """What the monitors read of a quiet day; ``score`` changes the score's drift."""
    of = {"model": model, "as_of": day}
    figures = {"value": 0.74, "low": 0.72, "high": 0.76, "threshold": 0.69}
    return [
        reading("score_drift", **of).replace(**score),
        *(reading("feature_drift", name, **of) for name in FEATURES),
        *(reading("missing_rate", name, value=0.01, **of) for name in FEATURES),
        reading("categories", "purpose", value=0.0, **of),
        reading("volume", value=1.02, threshold=None, **of),
        reading("calibration", value=0.05, low=-0.1, high=0.2, threshold=0.4, **of),
        *(
            reading("performance", name, **figures, detail={"shown": 0.75}, **of)
            for name in ("auc", "ks", "average_precision")
        ),
        reading("estimate", "auc", value=0.73, **of),
        *(reading("slice", name, value=0.1, **of) for name in SLICES),
        *(
            reading("freshness", name, value=1.0, threshold=3.0, **of)
            for name in ("decisions", "landing", "labels")
        ),
    ]


def keep_quality(store: Path, model: str, *, scope: str = "live", day: date = TODAY) -> None:
    """Keep a report of the newest night, of which nobody asked for timeliness."""
    report = QualityReport(
        model=model,
        as_of=day,
        result="pass",
        rows=41_000,
        quarantined=3,
        missing_share=0.0125,
        score=0.98,
        parts=QualityParts(0.97, 0.99, 0.98, None),
        checks_run=62,
        failed=(),
        problems=(),
        vintages=(),
        columns=(),
        dtypes={},
    )
    QualityStore(store / "data_quality", scope, model, model).keep(report)


def fill(
    url: str, models: tuple[str, ...], *, nights: int, scope: str = "live", newest: date = TODAY
) -> None:
    """Write so many nights of each model up to the newest: looks, evidence, readings, reruns."""
    engine = open_engine(url)
    with Session(writer(engine)) as session, session.begin():
        for model in models:
            session.add(VersionRow(scope=scope, **columns(version(1, model=model))))
            for back in range(nights):
                _add_night(session, scope, model, newest - timedelta(days=back))
            session.add(_rerun(scope, model, "FinRiskScoreDrift", deliveries=3, started=AT))
            session.add(_rerun(scope, model, "FinRiskCalibrationLoss", deliveries=1))
    engine.dispose()


def _add_night(session: Session, scope: str, model: str, day: date) -> None:
    at = datetime.combine(day, time(2, 5), UTC)
    found = evidence(version(2, model=model), None, decision=Decision.HOLD)
    found = found.replace(
        facts=found.facts.replace(model=model, as_of=day),
        policy_sha256=digest(f"{model} {day}"),
    )
    document = json.dumps(found.to_json() | {"padding": "x" * 8000})  # as long as real ones
    sha256 = digest(document)
    session.add(
        EvidenceRow(
            scope=scope,
            sha256=sha256,
            model=model,
            night=day,
            decision=Decision.HOLD,
            challenger_version=2,
            document=document,
            at=at,
        )
    )
    session.flush()
    session.add(
        LookRow(
            scope=scope,
            model=model,
            night=day,
            year=day.year,
            kind=LookKind.SCHEDULED,
            alpha=0.04 / 365,
            alpha_year=0.05,
            holdout_sha256=digest(f"{day}"),
            snapshot_sha256=digest("s"),
            challenger_sha256=digest("c"),
            champion_sha256=digest("h"),
            champion_version=1,
            champion_epoch=1,
            evidence_sha256=sha256,
            at=at,
        )
    )
    session.add(
        NightRow(
            scope=scope,
            model=model,
            as_of=day,
            decision=night_decision(day, model=model, evidence_sha256=sha256).to_json(),
            snapshot_sha256=digest("s"),
            spec_sha256=digest("spec"),
            holdout_sha256=digest(f"{day}"),
            at=at,
            seconds=41.5,
        )
    )
    session.add_all(
        ReadingRow(scope=scope, at=at, **columns(one)) for one in readings_of(model, day)
    )


def _rerun(scope: str, model: str, alert: str, **changes: Any) -> RerunRow:
    good: dict[str, Any] = {
        "key": digest(f"{model} {alert}"),
        "source": "alertmanager",
        "reason": "",
        "began": AT,
        "received": AT,
        "outcome": "accepted",
        "run_id": f"alert__{alert}",
        "started": None,
    }
    return RerunRow(scope=scope, model=model, alert=alert, **{**good, **changes})
