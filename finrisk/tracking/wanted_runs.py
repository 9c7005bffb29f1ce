"""Which MLflow runs a person wants to see, and the search text that cannot mean anything else.

MLflow's search text has no way to escape a quote or a wildcard: what could end its quotes is
refused before anything is asked, of the tables as well, so that both find the same runs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from finrisk.errors import ConfigurationError
from finrisk.tracking import tags

STATUSES = ("FINISHED", "RUNNING", "FAILED", "KILLED", "SCHEDULED")
SEARCHED = re.compile(r"[\w .:+-]{1,120}")
NAMED = re.compile(r"[^'\\`\x00-\x1f\x7f]{1,250}")

HEADLINES = (
    "auc",
    "average_precision",
    "ks",
    "gini",
    "brier",
    "development_score",
    "search_best",
    "data_quality_score",
    "challenger_auc",
    "difference",
    "z",
)
"""The metrics that a page of runs comes with, and that it may be ordered by."""


class RunKind(StrEnum):
    """What a run was made for."""

    NIGHT = "night"
    CANDIDATE = "candidate of a night"
    BY_HAND = "logged by hand"
    TUNING = "tuning"
    QUALITY = "data quality"
    MONITORING = "monitoring"
    OTHER = "other"


MARKS: dict[RunKind, tuple[str, str]] = {
    RunKind.NIGHT: (tags.ROLE, tags.NIGHT),
    RunKind.CANDIDATE: ("experiment_type", "nightly_retraining"),
    RunKind.BY_HAND: ("experiment_type", "model_training"),
    RunKind.TUNING: ("experiment_type", "hyperparameter_tuning"),
    RunKind.QUALITY: ("experiment_type", "data_quality"),
    RunKind.MONITORING: ("experiment_type", "monitoring"),
}
"""The tag that tells a kind; a run of another program has none of them."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which runs, and in which order; what is None or empty does not narrow.

    Parameters
    ----------
    model : str or None
        As the run's tag ``finrisk.model`` has it; the documented calls put their ``model_name``
        there.
    kind : RunKind or None
        Not ``OTHER``: MLflow can find a tag, and not the lack of all of them.
    text : str
        Somewhere in the run's name, capitals or not; ``_`` stands for any one character.
    since_ms, before_ms : int or None
        Started at or after, and before: milliseconds since 1970.
    metric : str or None
        Ordered by this one of ``HEADLINES``, runs without it last; None orders by start.
    ascending : bool
        Lowest, or earliest, first.
    """

    model: str | None = None
    kind: RunKind | None = None
    algorithm: str | None = None
    status: str | None = None
    text: str = ""
    since_ms: int | None = None
    before_ms: int | None = None
    metric: str | None = None
    ascending: bool = False


def kind_of(own: Mapping[str, str]) -> RunKind:
    """Return what a run with these tags was made for.

    Examples
    --------
    >>> kind_of({"finrisk.role": "night"}), kind_of({"experiment_type": "monitoring"}), kind_of({})
    (<RunKind.NIGHT: 'night'>, <RunKind.MONITORING: 'monitoring'>, <RunKind.OTHER: 'other'>)
    """
    marked = (kind for kind, (tag, value) in MARKS.items() if own.get(tag) == value)
    return next(marked, RunKind.OTHER)


def demand_searchable(wanted: Wanted) -> None:
    """Return if MLflow can search for this.

    Raises
    ------
    ConfigurationError
        Says which characters cannot be searched for.

    Examples
    --------
    >>> demand_searchable(Wanted(text="x' OR 'a' = 'a"))
    Traceback (most recent call last):
    ...
    finrisk.errors.ConfigurationError: MLflow cannot search for "x' OR 'a' = 'a"; expected ...
    """
    if wanted.text and not SEARCHED.fullmatch(wanted.text):
        raise ConfigurationError(
            f"MLflow cannot search for {wanted.text[:60]!r}",
            expected="up to 120 letters, digits, spaces and . : + - _ (which stands for any one "
            "character); no quotes, % or brackets",
            remedy="search for a part of the name without them",
        )
    for what, value in (("model", wanted.model), ("algorithm", wanted.algorithm)):
        if value and not NAMED.fullmatch(value):
            raise ConfigurationError(
                f"MLflow cannot search for the {what} {value[:60]!r}",
                expected="no quote, backslash or backtick in it, and 250 characters at most",
                remedy="look among all runs",
            )
    if wanted.metric not in (None, *HEADLINES):
        raise ConfigurationError(
            f"runs are not ordered by {wanted.metric!r}", expected=f"one of {', '.join(HEADLINES)}"
        )
    if wanted.status not in (None, *STATUSES):
        raise ConfigurationError(
            f"no run has the status {wanted.status!r}", expected=f"one of {', '.join(STATUSES)}"
        )


def told_tags(wanted: Wanted) -> list[tuple[str, str]]:
    """Return the tags, with their values, that the wanted runs have."""
    mark = MARKS.get(wanted.kind) if wanted.kind else None
    named = ((tags.MODEL, wanted.model), ("algorithm", wanted.algorithm))
    return [*((tag, value) for tag, value in named if value), *([mark] if mark else [])]


def search_text(wanted: Wanted) -> str:
    """Return MLflow's search text for the wanted runs, each of whose values fits its quotes.

    Examples
    --------
    >>> search_text(Wanted(model="fraud", text="forest", since_ms=5))
    "tags.`finrisk.model` = 'fraud' and attributes.run_name ILIKE '%forest%' and attributes.start_time >= 5"
    """  # noqa: E501 - one line, as MLflow gets it
    demand_searchable(wanted)
    parts = [f"tags.`{tag}` = '{value}'" for tag, value in told_tags(wanted)]
    if wanted.status:
        parts.append(f"attributes.status = '{wanted.status}'")
    if wanted.text:
        parts.append(f"attributes.run_name ILIKE '%{wanted.text}%'")
    if wanted.since_ms is not None:
        parts.append(f"attributes.start_time >= {wanted.since_ms}")
    if wanted.before_ms is not None:
        parts.append(f"attributes.start_time < {wanted.before_ms}")
    return " and ".join(parts)


def order_text(wanted: Wanted) -> str:
    """Return MLflow's words for the wanted order."""
    by = f"metrics.`{wanted.metric}`" if wanted.metric else "attributes.start_time"
    return f"{by} {'ASC' if wanted.ascending else 'DESC'}"
