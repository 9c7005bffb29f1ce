"""What people ask about MLflow runs: a page of them, one in full, and its files.

MLflow is looked at and never written; where it does not answer, the error is not remembered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import streamlit as st

from finrisk.config import Settings
from finrisk.dashboard import links
from finrisk.dashboard.sources import REMEMBERED_SECONDS, remembered, sources

if TYPE_CHECKING:
    from finrisk.tracking.browsing import BrowsedRun
    from finrisk.tracking.looking import MlflowLooker

MOST_FILES_KEPT = 64
END_OF_TIME_MS = 250_000_000_000_000  # in the year 9892


@dataclass(frozen=True, slots=True)
class Filter:
    """Which runs a person asked for, as the page has it.

    Parameters
    ----------
    model : str or None
        None: of every model, and of none.
    kind : str or None
        A ``RunKind``'s word.
    since, until : date or None
        Days on which a run started, both included, by the clock of ``zone``.
    metric : str or None
        What they are ordered by; None: by their start.
    """

    model: str | None
    zone: str
    kind: str | None = None
    algorithm: str | None = None
    status: str | None = None
    text: str = ""
    since: date | None = None
    until: date | None = None
    metric: str | None = None
    ascending: bool = False


@dataclass(frozen=True, slots=True)
class ShownRun:
    """One MLflow run as a row of the list."""

    run_id: str
    name: str
    kind: str
    model: str | None
    candidate: str | None
    algorithm: str | None
    as_of: str | None
    status: str
    started: datetime | None
    seconds: float | None
    metrics: Mapping[str, float]
    outcome: str
    url: str | None


@dataclass(frozen=True, slots=True)
class ShownRuns:
    """A page of runs; ``total`` is None, and ``tokens`` of all pages none, where nobody counts."""

    runs: tuple[ShownRun, ...]
    total: int | None
    following: str | None
    tokens: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ShownFile:
    """A picture or a document of a run."""

    path: str
    is_picture: bool


@dataclass(frozen=True, slots=True)
class WholeRun:
    """All that one run says; ``parent_run_id`` is the night's, or the candidate's."""

    run: ShownRun
    parent_run_id: str | None
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]


@remembered
def runs(scope: str, wanted: Filter, token: str | None = None) -> ShownRuns:
    """Return one page of the scope's MLflow runs; none where nobody set MLflow up yet.

    Raises
    ------
    ConfigurationError
        MLflow cannot search for this text.
    Unreachable
        MLflow does not answer.
    """
    from finrisk.tracking.wanted_runs import RunKind, Wanted

    since_ms, before_ms = moments(wanted.since, wanted.until, wanted.zone)
    asked = Wanted(
        model=wanted.model,
        kind=RunKind(wanted.kind) if wanted.kind else None,
        algorithm=wanted.algorithm,
        status=wanted.status,
        text=wanted.text,
        since_ms=since_ms,
        before_ms=before_ms,
        metric=wanted.metric,
        ascending=wanted.ascending,
    )
    page = looker(scope).page(asked, token)
    settings = sources().settings
    rows = tuple(shown(run, settings) for run in page.runs)
    return ShownRuns(rows, page.total, page.following, page.tokens)


@remembered
def algorithms(scope: str) -> list[str]:
    """Return the algorithms that may be asked for: those of the specs, and those of runs."""
    declared = {
        candidate.algorithm
        for spec in sources().specs(scope).values()
        for candidate in spec.candidates
    }
    return sorted({*map(str, declared), *looker(scope).algorithms()})


@remembered
def runs_named(scope: str, run_ids: tuple[str, ...]) -> dict[str, ShownRun]:
    """Return those of these runs that MLflow has, by id; a page of ids at most."""
    found = looker(scope).of_runs(run_ids)
    return {run.run_id: shown(run, sources().settings) for run in found}


@remembered
def whole_run(scope: str, run_id: str) -> WholeRun:
    """Return all that one run says.

    Raises
    ------
    UnknownRun
        There is none of this id in the scope's experiment.
    Unreachable
        MLflow does not answer.
    """
    detail = looker(scope).whole_run(run_id)
    return WholeRun(
        run=shown(detail.run, sources().settings),
        parent_run_id=detail.parent_run_id,
        params=dict(detail.params),
        metrics=dict(detail.metrics),
        tags=dict(detail.tags),
    )


@remembered
def files(scope: str, run_id: str) -> list[ShownFile]:
    """Return a run's pictures and documents; what a browser should not be handed is left out."""
    return [
        ShownFile(file.path, file.is_picture)
        for file in looker(scope).files(run_id)
        if file.is_picture or file.is_document
    ]


@st.cache_data(ttl=REMEMBERED_SECONDS, max_entries=MOST_FILES_KEPT, show_spinner=False)
def content(scope: str, run_id: str, path: str) -> bytes:
    """Return the bytes of one of them, at most three million.

    Raises
    ------
    ArtifactRejected
        It is too large, or not what it is called.
    """
    return looker(scope).read_file(run_id, path)


def moments(since: date | None, until: date | None, zone: str) -> tuple[int | None, int | None]:
    """Return the milliseconds at which the first day begins, and at which the last one is over.

    Examples
    --------
    >>> moments(date(1970, 1, 1), date(1970, 1, 1), "UTC")
    (0, 86400000)
    >>> moments(None, date(1970, 1, 1), "Europe/Berlin")
    (None, 82800000)
    """

    def begins(day: date) -> int:
        return int(datetime.combine(day, time(), ZoneInfo(zone)).timestamp() * 1000)

    return (
        None if since is None else begins(since),
        None if until is None else begins(until + timedelta(days=1)),
    )


def shown(run: BrowsedRun, settings: Settings) -> ShownRun:
    """Return a run as a row of the list."""
    return ShownRun(
        run_id=run.run_id,
        name=run.name,
        kind=run.kind.value,
        model=run.tags.get("finrisk.model"),
        candidate=run.tags.get("finrisk.candidate"),
        algorithm=run.tags.get("algorithm"),
        as_of=run.tags.get("finrisk.as_of"),
        status=run.status.lower(),
        started=begun(run.started_ms),
        seconds=seconds_of(run),
        metrics=dict(run.metrics),
        outcome=outcome(run.tags, run.metrics),
        url=links.mlflow_run(settings, run.run_id),
    )


def begun(milliseconds: int) -> datetime | None:
    """Return when a run began; None where what somebody logged is no moment people write.

    Examples
    --------
    >>> begun(0), begun(10**18)
    (datetime.datetime(1970, 1, 1, 0, 0, tzinfo=datetime.timezone.utc), None)
    """
    if not 0 <= milliseconds < END_OF_TIME_MS:
        return None
    return datetime.fromtimestamp(milliseconds / 1000, tz=UTC)


def seconds_of(run: BrowsedRun) -> float | None:
    """Return how long it took: fitting a candidate, searching, else the run; None while it runs.

    A candidate's run is opened when it is fitted already.
    """
    measured = [run.metrics.get(name) for name in ("training_seconds", "search_seconds")]
    of_run = None if run.ended_ms is None else (run.ended_ms - run.started_ms) / 1000
    return next((seconds for seconds in measured if seconds is not None), of_run)


def outcome(tags: Mapping[str, str], metrics: Mapping[str, float]) -> str:
    """Return in a few words what came of a run, where it says so.

    Examples
    --------
    >>> outcome({"finrisk.decision": "PROMOTE"}, {"difference": 0.09526, "z": 15.268})
    'PROMOTE: difference +0.0953, z 15.27'
    >>> outcome({"finrisk.readings.alarm": "5", "finrisk.readings.warn": "1"}, {})
    '5 alarms, 1 warning'
    >>> outcome({"finrisk.status": "blocked", "finrisk.data": "block"}, {})
    'data blocked'
    """
    if decision := tags.get("finrisk.decision"):
        figures = (("difference", "+.4f"), ("z", ".2f"))
        told = [f"{name} {metrics[name]:{form}}" for name, form in figures if name in metrics]
        blocked = ["data blocked"] if tags.get("finrisk.data") == "block" else []
        return ": ".join(filter(None, (decision, ", ".join([*told, *blocked]).replace("-", "−"))))
    if "finrisk.readings.alarm" in tags:
        counts = (("alarm", "alarm"), ("warn", "warning"), ("unknown", "unknown"))
        found = [(word, tags.get(f"finrisk.readings.{state}", "0")) for state, word in counts]
        plural = {"alarm": "alarms", "warning": "warnings", "unknown": "unknown"}
        told = [f"{n} {word if n == '1' else plural[word]}" for word, n in found if n != "0"]
        return ", ".join(told) or "all quiet"
    if tags.get("finrisk.data") == "block":
        return "data blocked"
    if "search_best" in metrics:
        return f"best score {metrics['search_best']:.4f}"
    if "data_quality_score" in metrics:
        return f"data quality {100 * metrics['data_quality_score']:.1f} %"
    return ""


@st.cache_resource(show_spinner=False)
def looker(scope: str) -> MlflowLooker:
    """Return what asks MLflow of a scope, opened once a process."""
    from finrisk.tracking.looking import MlflowLooker

    return MlflowLooker(sources().settings.in_scope(scope))
