"""A few rows that break the contract are set aside, where the contract allows it.

What is set aside is written apart with its reasons, and Great Expectations judges what remains.
Above the allowed share nothing is set aside: a few slips are noise, many are a broken delivery, and
a model must not be judged on what a broken delivery left over.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from finrisk.data.broken_rows import (
    DUPLICATE_KEY,
    TYPE,
    Break,
    Breaks,
    broken_rows,
    with_early_outcomes,
)
from finrisk.data.findings import limits, seen_in
from finrisk.data.labels import Labelled, attach_labels
from finrisk.data.landing import DAYS_OFF, EVENT_DAY, ROW_ID, Landing
from finrisk.data.masking import MOST_EXAMPLES
from finrisk.data.reports import Reports
from finrisk.data.vintages import vintages_of
from finrisk.errors import LabelError
from finrisk.records import Check
from finrisk.specs.data import LabelColumn
from finrisk.specs.model_spec import ModelSpec
from finrisk.wording import counted

REASONS = "reasons"
NO_DAY = "event day"
NOT_USED = "quarantine not used"
ALL = "all"
ROUNDING = 1e-9

Mask = NDArray[np.bool_]
Positions = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class SetAside:
    """Rows that the night goes on without.

    Attributes
    ----------
    rows : DataFrame
        ``_row_id``, ``_event_day``, ``reasons`` (text) and every declared column.
    checks : tuple of Check
        A warning for each reason and column; or one that blocks: too many rows are broken to set
        any aside.
    """

    rows: pd.DataFrame = field(default_factory=pd.DataFrame)
    checks: tuple[Check, ...] = ()


@dataclass(frozen=True, slots=True)
class Delivered:
    """What landed, and what of it the night goes on with.

    Attributes
    ----------
    landed : Landing
        Everything.
    breaks : Breaks
        The rules that its rows break.
    landing : Landing
        Without what is set aside.
    aside : SetAside
        The others.
    """

    landed: Landing
    breaks: Breaks
    landing: Landing
    aside: SetAside = SetAside()


def all_of(landing: Landing, spec: ModelSpec, as_of: date) -> Delivered:
    """Return everything that landed, with nothing set aside, and the rules that its rows break."""
    return Delivered(landing, broken_rows(landing, spec, as_of), landing)


def set_broken_aside(
    delivered: Delivered, spec: ModelSpec, as_of: date, reports: Reports | None = None
) -> tuple[Delivered, Labelled]:
    """Label landed rows, without those that break a blocking rule where the contract allows that.

    Of copies of a key that are alike in every declared column one is kept; of copies that differ,
    none, since nobody can say which of them is true.

    Parameters
    ----------
    delivered : Delivered
        As :func:`all_of` returns it.
    spec : ModelSpec
        With ``contract.quarantine``; without it every row is kept.
    as_of : date
        The night's day.
    reports : Reports, optional
        The label feed; what it says of rows set aside is left out with them.

    Returns
    -------
    delivered, labelled
        The same delivery with the rows apart, and those that are kept with their labels.

    Raises
    ------
    LabelError
        A row that is kept has no label that is declared.
    """
    landing, breaks = delivered.landed, delivered.breaks
    aside = _to_set_aside(breaks, landing, spec)
    try:
        kept, labelled = _labelled_without(aside, landing, spec, as_of, reports)
    except LabelError as exc:
        for told in _too_many(breaks, landing, spec):
            raise LabelError(f"{exc}; {told.check}: {told.detail}") from exc
        raise
    if not isinstance(spec.label.rule, LabelColumn):
        at = np.arange(breaks.rows) if aside is None else np.flatnonzero(~aside)
        known = breaks
        breaks = with_early_outcomes(known, labelled, at, spec, as_of)
        first, aside = aside, _to_set_aside(breaks, landing, spec)
        if breaks is not known and not (first is aside is None):
            kept, labelled = _labelled_without(aside, landing, spec, as_of, reports)
    if aside is None:
        too_many = tuple(_too_many(breaks, landing, spec))
        return Delivered(landing, breaks, landing, SetAside(checks=too_many)), labelled
    apart = SetAside(_with_reasons(aside, breaks, landing), tuple(_told(aside, breaks, landing)))
    return Delivered(landing, breaks, kept, apart), labelled


def _to_set_aside(breaks: Breaks, landing: Landing, spec: ModelSpec) -> Mask | None:
    """Return the rows to set aside; None if there are none, too many, or they may not be."""
    policy = spec.contract.quarantine
    if policy is None:
        return None
    aside = breaks.mask(severity="block", but=(DUPLICATE_KEY,))
    for one in breaks.found:
        if one.rule.check == DUPLICATE_KEY:
            aside[_copies_to_drop(landing.frame, one)] = True
    if not aside.any() and landing.undated.empty:
        return None
    worst = max(_shares(aside, landing, spec).values())
    return aside if worst <= policy.max_share + ROUNDING else None


def _copies_to_drop(frame: pd.DataFrame, twice: Break) -> Positions:
    copies = frame.iloc[twice.rows]
    again = copies.duplicated(keep="first")
    versions = (~again).groupby(copies[twice.rule.column]).transform("sum")
    dropped: Positions = twice.rows[(again | (versions > 1)).to_numpy()]
    return dropped


def _shares(aside: Mask, landing: Landing, spec: ModelSpec) -> dict[str, float]:
    """Return the share of rows to set aside, of all and of each vintage, the largest first."""
    undated = len(landing.undated)
    of_all = (int(aside.sum()) + undated) / max(len(aside) + undated, 1)
    names, position = vintages_of(_delivered_on(landing.frame), spec.time.vintage)
    shares = np.bincount(position, weights=aside) / np.bincount(position)
    found = {ALL: of_all, **dict(zip(names, shares.tolist(), strict=True))}
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _delivered_on(frame: pd.DataFrame) -> pd.Series:
    """Return the day of each row, or of its file: a wrong clock is a fault of the day it came."""
    if DAYS_OFF not in frame:
        return frame[EVENT_DAY]
    return frame[EVENT_DAY] - pd.to_timedelta(frame[DAYS_OFF], unit="D")


def _labelled_without(
    aside: Mask | None, landing: Landing, spec: ModelSpec, as_of: date, reports: Reports | None
) -> tuple[Landing, Labelled]:
    if aside is None:
        return landing, attach_labels(landing.frame, spec, as_of, reports)
    kept = replace(
        landing,
        frame=landing.frame[~aside].reset_index(drop=True),
        breaches=(),  # cells of another type, and rows without a day: all of them are set aside
        ill_typed={},
        undated=pd.DataFrame(),
    )
    if reports is not None:
        reports = _without_strangers(reports, aside, landing, kept)
    return kept, attach_labels(kept.frame, spec, as_of, reports)


def _without_strangers(reports: Reports, aside: Mask, landing: Landing, kept: Landing) -> Reports:
    """Leave out reports of rows set aside, which would otherwise speak of no landed row."""
    gone = set(landing.frame.loc[aside, ROW_ID].dropna())
    if not landing.undated.empty:
        gone |= set(landing.undated[ROW_ID].dropna())
    ids = kept.frame[ROW_ID].astype(object)  # among Arrow text pandas searches for seconds
    gone -= set(ids[ids.isin(gone)])
    of_others = ~reports.frame[ROW_ID].astype(object).isin(gone)
    return replace(reports, frame=reports.frame[of_others].reset_index(drop=True))


def _with_reasons(aside: Mask, breaks: Breaks, landing: Landing) -> pd.DataFrame:
    """Return the rows set aside, each with every blocking rule that it breaks."""
    at = np.flatnonzero(aside)
    words = np.full(len(at), "", dtype=object)
    for one in _blocking(breaks):
        words[np.isin(at, one.rows)] += f"; {_reason(one)}"
    rows = landing.frame.iloc[at]
    rows.insert(2, REASONS, pd.Series(words, index=rows.index, dtype="str").str.lstrip("; "))
    if landing.undated.empty:
        return rows.reset_index(drop=True)
    undated = landing.undated.copy()
    undated.insert(2, REASONS, pd.Series(NO_DAY, index=undated.index, dtype="str"))
    return pd.concat([undated, rows], ignore_index=True)


def _told(aside: Mask, breaks: Breaks, landing: Landing) -> Iterator[Check]:
    """One warning for each rule: how many rows, and masked examples of the cells."""
    of = breaks.rows + len(landing.undated)
    breaches = {(breach.check, breach.column): breach for breach in landing.breaches}
    for one in _blocking(breaks):
        rule = one.rule
        rows = one.rows[aside[one.rows]]
        if rule.check == TYPE:
            shown = breaches[TYPE, rule.column].examples
        elif rule.column in landing.frame:
            shown = seen_in(rule, landing.frame[rule.column].iloc[rows])
        else:
            shown = ()
        detail = f"{len(rows)} of {of} rows set aside, {rule.column!r}{limits(rule)}"
        check = f"quarantined: {rule.check}"
        yield Check("warn", rule.column, check, len(rows), detail, shown)
    if (breach := next((b for b in landing.breaches if b.check == NO_DAY), None)) is not None:
        detail = f"{breach.failing} of {of} rows set aside, no day in {breach.column!r}"
        check = f"quarantined: {NO_DAY}"
        yield Check("warn", breach.column, check, breach.failing, detail, breach.examples)


def _too_many(breaks: Breaks, landing: Landing, spec: ModelSpec) -> Iterator[Check]:
    """Say that rows could not be set aside for their number, where that was allowed at all."""
    policy = spec.contract.quarantine
    broken = breaks.mask(severity="block")
    count = int(broken.sum()) + len(landing.undated)
    if policy is None or not count:
        return
    limit = policy.max_share + ROUNDING
    above = {name: s for name, s in _shares(broken, landing, spec).items() if s > limit}
    vintages = [name for name in above if name != ALL]
    what = counted(len(vintages), "vintage") if vintages else "all rows together"
    told = [f"{name} {_percent(above[name])}" for name in vintages[:MOST_EXAMPLES]]
    told = told or [_percent(above[ALL])]
    more = f", and {len(vintages) - MOST_EXAMPLES} more" if len(vintages) > MOST_EXAMPLES else ""
    detail = f"{what} above max_share {_percent(policy.max_share)} ({', '.join(told)}{more})"
    yield Check("block", None, NOT_USED, count, detail)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _blocking(breaks: Breaks) -> Iterator[Break]:
    return (one for one in breaks.found if one.rule.severity == "block")


def _reason(one: Break) -> str:
    """The rule, and its column unless that is one of FinRisk's own."""
    column = str(one.rule.column)
    return one.rule.check if column.startswith("_") else f"{one.rule.check}: {column}"
