"""After a night's data were judged: keep the rows set aside, and tell how good the delivery was.

The report is for people and decides nothing. A dry run leaves neither rows nor report.
"""

from __future__ import annotations

import logging
from hashlib import sha256

from finrisk.data.labels import Labelled
from finrisk.data.quality import QualityReport, quality_report
from finrisk.data.quality_store import QualityStore
from finrisk.data.quarantine import Delivered
from finrisk.data.quarantine_store import QuarantineStore
from finrisk.errors import Unreachable
from finrisk.keys import run_key
from finrisk.pipelines.rooms import Rooms
from finrisk.records import NightStatus, PreparedNight
from finrisk.tracking.run_writer import RunContents

QUALITY_FOLDER = "data_quality"
QUARANTINE_FOLDER = "quarantine"

log = logging.getLogger(__name__)


def keep_quality(
    prepared: PreparedNight, delivered: Delivered | None, labelled: Labelled | None, rooms: Rooms
) -> None:
    """Write the rows set aside, the report and its pages, and log the report to MLflow.

    Parameters
    ----------
    prepared : PreparedNight
        As far as its data allowed; a night without an MLflow run of its own has a report, too.
    delivered : Delivered or None
        What landed; None where nothing could be read.
    labelled : Labelled or None
        Its rows with their labels; None where they could not be labelled.
    """
    request, spec, settings = prepared.request, rooms.spec, rooms.settings
    if request.dry_run:
        return
    if delivered is not None:
        quarantine = QuarantineStore(settings.store / QUARANTINE_FOLDER / settings.scope)
        quarantine.keep(request.model, request.as_of, delivered.aside.rows)
    problems = _problems(prepared)
    report = quality_report(spec, request.as_of, prepared.data, delivered, labelled, problems)
    root = settings.store / QUALITY_FOLDER
    page = QualityStore(root, settings.scope, spec.name, spec.title).keep(report)
    try:
        _log_quality(report, page, prepared.run_id, rooms)
    except Unreachable as exc:  # a night with nothing new needs no MLflow; the report is kept
        log.warning("data quality of %s as of %s not logged: %s", spec.name, request.as_of, exc)


def _problems(prepared: PreparedNight) -> tuple[str, ...]:
    """Why nothing could be validated, or which partitions were not picked up."""
    if prepared.status is not NightStatus.BLOCKED:
        return ()
    return tuple(reason for reason in prepared.reasons if reason not in prepared.data.blocking)


def _log_quality(report: QualityReport, page: str, run_id: str | None, rooms: Rooms) -> None:
    digest = sha256(report.canonical()).hexdigest()
    rooms.tracker.log_quality(
        run_id,
        run_key("data quality", rooms.settings.scope, report.model, str(report.as_of), digest),
        RunContents(
            metrics=quality_metrics(report),
            documents={"data_quality.json": report.to_json()},
            pages={"data_quality.html": page},
        ),
        model=report.model,
        model_type=rooms.spec.model_type,
        as_of=report.as_of,
    )


def quality_metrics(report: QualityReport) -> dict[str, float | None]:
    """Return the figures that MLflow is told; it would take a slash for a folder."""
    by_column = {
        f"missing_share.{column.name.replace('/', '_')}": column.missing_share
        for column in report.columns
    }
    return {
        "data_quality_score": report.score,
        "missing_share": report.missing_share,
        "rows": report.rows,
        "rows_quarantined": report.quarantined,
        "columns": len(report.columns),
        "checks_failed": report.checks_failed,
        "label_completeness": report.label_completeness,
        **by_column,
    }
