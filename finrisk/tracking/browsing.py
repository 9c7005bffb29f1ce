"""MLflow's runs for people who browse: filtered, ordered, a page at a time, never all of them.

As ``run_reader`` does, a database is read from its tables and a server is asked by its search (ADR
0007); both give the same pages.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from sqlalchemy import BigInteger, ColumnElement, Connection, Select, String, case, func, select
from sqlalchemy.sql import and_, column, table

from finrisk.config import Settings
from finrisk.tracking import tags
from finrisk.tracking.client import has_server
from finrisk.tracking.run_reader import METRICS, TAGS, TableReader
from finrisk.tracking.wanted_runs import (
    HEADLINES,
    RunKind,
    Wanted,
    demand_searchable,
    kind_of,
    order_text,
    search_text,
    told_tags,
)

PAGE_ROWS = 50
MOST_ALGORITHMS = 100
TOLD_METRICS = (*HEADLINES, "training_seconds", "search_seconds")

TOLD_TAGS = (
    tags.ROLE,
    tags.MODEL,
    tags.CANDIDATE,
    tags.AS_OF,
    "algorithm",
    "experiment_type",
    "model_name",
    "dataset",
    "finrisk.decision",
    "finrisk.status",
    "finrisk.data",
    "finrisk.readings.alarm",
    "finrisk.readings.warn",
    "finrisk.readings.quiet",
    "finrisk.readings.unknown",
)
RUNS = table(
    "runs",
    column("run_uuid", String),
    column("name", String),
    column("status", String),
    column("start_time", BigInteger),
    column("end_time", BigInteger),
    column("experiment_id", BigInteger),
    column("lifecycle_stage", String),
)


@dataclass(frozen=True, slots=True)
class BrowsedRun:
    """One run as far as a list tells of it: of tags and metrics only those that it names."""

    run_id: str
    name: str
    status: str
    started_ms: int
    ended_ms: int | None
    tags: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)

    @property
    def kind(self) -> RunKind:
        """What it was made for, by its tags."""
        return kind_of(self.tags)


@dataclass(frozen=True, slots=True)
class RunPage:
    """One page of runs.

    Parameters
    ----------
    total : int or None
        How many there are on all pages; a server does not count.
    following : str or None
        The token of the page after this one; None after the last.
    tokens : tuple of str
        Of every page, where they were counted.
    """

    runs: tuple[BrowsedRun, ...]
    total: int | None
    following: str | None
    tokens: tuple[str, ...] = ()


class RunBrowser(Protocol):
    """Two ways to the same pages."""

    def page(self, experiment_id: str, wanted: Wanted, token: str | None = None) -> RunPage:
        """Return the first page, or the one that a token names."""

    def of_runs(self, experiment_id: str, run_ids: Sequence[str]) -> list[BrowsedRun]:
        """Return those of these runs that there are, at most a page of them."""

    def algorithms(self, experiment_id: str) -> list[str]:
        """Return the algorithms that runs name, where that can be asked cheaply; else none."""


def browser_of(settings: Settings, client: Any) -> RunBrowser:
    """Return the browser that fits the store: a server is asked, a database is read."""
    return SearchBrowser(client) if has_server(settings) else TableBrowser(settings.tracking_uri)


class TableBrowser(TableReader):
    """Reads pages from MLflow's tables; a token is how many rows come before the page."""

    def page(self, experiment_id: str, wanted: Wanted, token: str | None = None) -> RunPage:
        """Read one page, and count all."""
        demand_searchable(wanted)
        before = int(token or 0)
        conditions = _conditions(experiment_id, wanted)
        counted = select(func.count()).select_from(RUNS).where(*conditions)
        listed = _ordered(wanted, conditions).limit(PAGE_ROWS).offset(before)
        with self._reading() as database:
            total = int(database.execute(counted).scalar_one())
            runs = _read(database, listed)
        after = before + len(runs)
        following = str(after) if runs and after < total else None
        tokens = tuple(str(first) for first in range(0, total, PAGE_ROWS))
        return RunPage(tuple(runs), total, following, tokens)

    def of_runs(self, experiment_id: str, run_ids: Sequence[str]) -> list[BrowsedRun]:
        """Read these."""
        conditions = _conditions(experiment_id, Wanted())
        named = RUNS.c.run_uuid.in_(list(run_ids)[:PAGE_ROWS])
        with self._reading() as database:
            return _read(database, _ordered(Wanted(), [*conditions, named]))

    def algorithms(self, experiment_id: str) -> list[str]:
        """Ask for the different ones."""
        of_experiment = and_(*_conditions(experiment_id, Wanted()))
        different = (
            select(TAGS.c.value)
            .join(RUNS, RUNS.c.run_uuid == TAGS.c.run_uuid)
            .where(TAGS.c.key == "algorithm", of_experiment)
            .distinct()
            .order_by(TAGS.c.value)
            .limit(MOST_ALGORITHMS)
        )
        with self._reading() as database:
            return [str(value) for value in database.scalars(different)]


class SearchBrowser:
    """Asks a tracking server; a token is the server's own.

    Parameters
    ----------
    client : MlflowClient
        Of the server.
    """

    def __init__(self, client: Any) -> None:
        self.client = client

    def page(self, experiment_id: str, wanted: Wanted, token: str | None = None) -> RunPage:
        """Search one page; nobody counts."""
        demand_searchable(wanted)
        found = self.client.search_runs(
            [experiment_id],
            search_text(wanted),
            max_results=PAGE_ROWS,
            order_by=[order_text(wanted)],
            page_token=token,
        )
        following = found.token  # bytes where no server is in between
        if isinstance(following, bytes):
            following = following.decode()
        return RunPage(tuple(map(browsed, found)), None, following or None)

    def of_runs(self, experiment_id: str, run_ids: Sequence[str]) -> list[BrowsedRun]:
        """Search for these."""
        safe = [run_id for run_id in run_ids if tags.SAFE.fullmatch(run_id)][:PAGE_ROWS]
        if not safe:
            return []
        named = ", ".join(f"'{run_id}'" for run_id in safe)
        found = self.client.search_runs(
            [experiment_id], f"attributes.run_id IN ({named})", max_results=PAGE_ROWS
        )
        return [browsed(run) for run in found]

    def algorithms(self, experiment_id: str) -> list[str]:  # noqa: ARG002 - the tables need it
        """Return none: only fetching every run would tell."""
        return []


def browsed(run: Any) -> BrowsedRun:
    """Return a run of MLflow's client as a list tells of it."""
    info, data = run.info, run.data
    return BrowsedRun(
        run_id=info.run_id,
        name=info.run_name or "",
        status=info.status,
        started_ms=info.start_time or 0,
        ended_ms=info.end_time,
        tags={key: data.tags[key] for key in TOLD_TAGS if key in data.tags},
        metrics={
            key: data.metrics[key]
            for key in TOLD_METRICS
            if key in data.metrics and data.metrics[key] == data.metrics[key]
        },
    )


def _conditions(experiment_id: str, wanted: Wanted) -> list[ColumnElement[bool]]:
    found = [
        RUNS.c.experiment_id == int(experiment_id),
        RUNS.c.lifecycle_stage == "active",
    ]
    for tag, value in told_tags(wanted):
        having = select(TAGS.c.run_uuid).where(TAGS.c.key == tag, TAGS.c.value == value)
        found.append(RUNS.c.run_uuid.in_(having))
    if wanted.status:
        found.append(RUNS.c.status == wanted.status)
    if wanted.text:
        found.append(RUNS.c.name.ilike(f"%{wanted.text}%"))
    if wanted.since_ms is not None:
        found.append(RUNS.c.start_time >= wanted.since_ms)
    if wanted.before_ms is not None:
        found.append(RUNS.c.start_time < wanted.before_ms)
    return found


def _ordered(wanted: Wanted, conditions: Sequence[ColumnElement[bool]]) -> Select[Any]:
    """Return the runs in MLflow's own order: without the metric last, then the newest first."""
    runs = select(
        RUNS.c.run_uuid, RUNS.c.name, RUNS.c.status, RUNS.c.start_time, RUNS.c.end_time
    ).where(*conditions)
    newest = (RUNS.c.start_time.desc(), RUNS.c.run_uuid)
    if wanted.metric is None:
        started = RUNS.c.start_time
        by_start = started.asc() if wanted.ascending else started.desc()
        return runs.order_by(by_start, RUNS.c.run_uuid)
    of_run = and_(METRICS.c.run_uuid == RUNS.c.run_uuid, METRICS.c.key == wanted.metric)
    missing = case((METRICS.c.is_nan.is_(True), 1), (METRICS.c.value.is_(None), 2), else_=0)
    value = METRICS.c.value.asc() if wanted.ascending else METRICS.c.value.desc()
    return runs.outerjoin_from(RUNS, METRICS, of_run).order_by(missing, value, *newest)


def _read(database: Connection, wanted: Select[Any]) -> list[BrowsedRun]:
    runs = database.execute(wanted).all()
    ids = [run_id for run_id, *_ in runs]
    own: dict[str, dict[str, str]] = defaultdict(dict)
    figures: dict[str, dict[str, float]] = defaultdict(dict)
    of_runs = select(TAGS.c.run_uuid, TAGS.c.key, TAGS.c.value)
    for run_id, key, value in database.execute(
        of_runs.where(TAGS.c.run_uuid.in_(ids), TAGS.c.key.in_(TOLD_TAGS))
    ):
        own[run_id][key] = value
    measured = (
        select(METRICS.c.run_uuid, METRICS.c.key, METRICS.c.value)
        .where(METRICS.c.run_uuid.in_(ids), METRICS.c.key.in_(TOLD_METRICS))
        .where(METRICS.c.is_nan.is_(False))
    )
    for run_id, key, value in database.execute(measured):
        figures[run_id][key] = value
    return [
        BrowsedRun(
            run_id,
            name or "",
            status,
            started or 0,
            ended,
            own.get(run_id, {}),
            figures.get(run_id, {}),
        )
        for run_id, name, status, started, ended in runs
    ]
