"""How good what landed was, night by night: what the store of data-quality reports says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from finrisk.dashboard.sources import Whose, remembered, sources
from finrisk.data.quality import QualityLine, QualityParts, QualityReport
from finrisk.data.quality_history import newest_reports, nights_of
from finrisk.data.quality_page import night_page
from finrisk.data.quality_store import QualityStore
from finrisk.specs.data import Quarantine

FOLDER, DOCS = "data_quality", "data_docs"
MOST_NIGHTS = 365


@dataclass(frozen=True, slots=True)
class FailedCheck:
    """A check that failed in one night, without its details."""

    check: str
    column: str | None
    severity: str
    failing: int


@dataclass(frozen=True, slots=True)
class Night:
    """One night as the pictures need it."""

    line: QualityLine
    parts: QualityParts
    failed: tuple[FailedCheck, ...]
    label_completeness: float | None


@dataclass(frozen=True, slots=True)
class Nights:
    """The newest nights, oldest first; and those of them that cannot be read."""

    shown: tuple[Night, ...]
    unreadable: tuple[date, ...]


@dataclass(frozen=True, slots=True)
class Places:
    """Where a night's pages lie on the machine that keeps them; None where there is none."""

    folder: Path
    page: Path | None
    data_docs: Path | None


def store_of(whose: Whose) -> QualityStore | None:
    """Return the store of a model's reports; None for a name that leads out of it."""
    settings = sources().settings.in_scope(whose.scope)
    spec = sources().spec(whose)
    root = settings.store / FOLDER
    store = QualityStore(root, whose.scope, whose.model, spec.title if spec else whose.model)
    inside = store.folder.resolve() == root.resolve() / whose.scope / whose.model
    plain = all(Path(name).name == name for name in (whose.scope, whose.model))
    return store if inside and plain else None


@remembered
def all_nights(whose: Whose) -> list[date]:
    """Return every night that has a report, the newest first; none of them is read."""
    store = store_of(whose)
    return [] if store is None else nights_of(store)[::-1]


@remembered
def nights(whose: Whose, limit: int) -> Nights:
    """Return the newest nights that have a report."""
    store = store_of(whose)
    if store is None:
        return Nights((), ())
    history = newest_reports(store, min(limit, MOST_NIGHTS))
    return Nights(tuple(map(_night, history.reports)), history.unreadable)


def _night(report: QualityReport) -> Night:
    return Night(
        line=report.line,
        parts=report.parts,
        failed=tuple(
            FailedCheck(of.check, of.column, of.severity, of.failing) for of in report.failed
        ),
        label_completeness=report.label_completeness,
    )


@remembered
def report_of(whose: Whose, night: date) -> QualityReport | None:
    """Return a night's report; None where there is none, or it cannot be read."""
    store = store_of(whose)
    if store is None or night not in nights_of(store):
        return None
    try:
        return store.report(night)
    except (OSError, ValueError):
        return None


@remembered
def page_of(whose: Whose, night: date) -> str | None:
    """Return a night's page as it is kept, without the links that lead to its neighbours."""
    store, report = store_of(whose), report_of(whose, night)
    if store is None or report is None:
        return None
    before = [of.line for of in nights(whose, MOST_NIGHTS).shown if of.line.as_of < night]
    return night_page(report, before, title=store.title, scope=whose.scope)


@remembered
def places_of(whose: Whose, night: date) -> Places | None:
    """Return where the night's own page and its Data Docs lie."""
    store = store_of(whose)
    if store is None:
        return None
    page = store.page(night)
    docs = (
        sources().settings.in_scope(whose.scope).store
        / DOCS
        / whose.model
        / str(night)
        / "index.html"
    )
    return Places(
        folder=store.folder,
        page=page if page.is_file() else None,
        data_docs=docs if docs.is_file() else None,
    )


@remembered
def night_run(whose: Whose, night: date) -> str | None:
    """Return the MLflow run of the night, of which the data-quality run is a child."""
    stored = sources().ledger(whose.scope).night(whose.model, night)
    return None if stored is None else stored.decision.run_id


@remembered
def quarantine_of(whose: Whose) -> Quarantine | None:
    """Return how many broken rows may be set aside; None where none may."""
    spec = sources().spec(whose)
    return None if spec is None else spec.contract.quarantine
