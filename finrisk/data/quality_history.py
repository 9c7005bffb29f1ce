"""The newest data-quality reports of a model, and those that cannot be read any more."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import date

from finrisk.data.quality import QualityReport
from finrisk.data.quality_store import QualityStore

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class QualityHistory:
    """Some of the nights' reports.

    Parameters
    ----------
    reports : tuple of QualityReport
        Oldest first.
    unreadable : tuple of date
        Nights among them whose document cannot be read.
    """

    reports: tuple[QualityReport, ...]
    unreadable: tuple[date, ...]


def nights_of(store: QualityStore) -> list[date]:
    """Return the nights that have a document, oldest first; a link is none of ours."""
    found = []
    for file in store.folder.glob("????-??-??.json"):
        try:
            night = date.fromisoformat(file.stem)
        except ValueError:
            continue
        if file.is_file() and not file.is_symlink():
            found.append(night)
    return sorted(found)


def newest_reports(store: QualityStore, limit: int) -> QualityHistory:
    """Read the newest reports, so many at most."""
    reports, unreadable = [], []
    for night in nights_of(store)[-limit:]:
        try:
            reports.append(store.report(night))
        except (OSError, ValueError) as exc:
            log.warning("data quality of %s, %s: %s", store.model, night, type(exc).__name__)
            unreadable.append(night)
    return QualityHistory(tuple(reports), tuple(unreadable))
