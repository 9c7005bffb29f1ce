"""How each row ended, as far as it may be believed by ``as_of``.

A row has a label only when its whole vintage has matured, bads and goods alike, even where a bad
is already known. Indeterminate and immature rows have none, and are counted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from finrisk.data.coercion import texts
from finrisk.data.landing import EVENT_DAY, ROW_ID
from finrisk.data.masking import MOST_EXAMPLES, examples, masked
from finrisk.data.maturity import Granularity, is_mature, months_later, window_ends
from finrisk.data.reports import EVENT_ON, Reports
from finrisk.data.split import VintageCount
from finrisk.errors import LabelError
from finrisk.specs.data import LabelColumn, LabelDatedEvent, LabelReports, Scalar
from finrisk.specs.model_spec import ModelSpec

VINTAGE = "_vintage"
LABEL = "_label"
DAYS_TO_EVENT = "_days_to_event"

Days = NDArray[np.datetime64]
Mask = NDArray[np.bool_]
Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Labelled:
    """Landed rows with their labels.

    Attributes
    ----------
    frame : DataFrame
        The landed rows with ``_vintage`` (text), ``_label`` (Int8: 1 bad, 0 good, missing if
        immature or indeterminate) and ``_days_to_event`` (from the row's day to the bad event;
        missing where none is known).
    indeterminate, immature : int
        Matured rows that are neither bad nor good, and rows of vintages not matured.
    problems : tuple of str
        What is wrong with the label feed; the night holds on any.
    newest_report : date or None
        The last event day of the label feed, where there is one.
    """

    frame: pd.DataFrame
    indeterminate: int
    immature: int
    problems: tuple[str, ...] = ()
    newest_report: date | None = None

    @property
    def counts(self) -> tuple[VintageCount, ...]:
        """Labelled rows and bads of each matured vintage, in order of time."""
        known = self.frame[self.frame[LABEL].notna()]
        grouped = known.groupby(VINTAGE)[LABEL].agg(["size", "sum"])
        return tuple(
            VintageCount(str(vintage), int(rows), int(bads))
            for vintage, rows, bads in grouped.itertuples()
        )


@dataclass(frozen=True, slots=True)
class _Endings:
    """By row: 1 bad, 0 good, NaN neither; and when the event came."""

    outcome: Numbers
    event: Days


def attach_labels(
    frame: pd.DataFrame, spec: ModelSpec, as_of: date, reports: Reports | None = None
) -> Labelled:
    """Label landed rows.

    Parameters
    ----------
    frame : DataFrame, n rows
        ``Landing.frame``.
    spec : ModelSpec
        Whose bad definition and windows.
    as_of : date
        Vintages that mature later have no labels.
    reports : Reports, optional
        The label feed, which a rule of kind ``reports`` needs.

    Raises
    ------
    LabelError
        A matured row's value is not among bad, good and indeterminate, or the feed is not given.
    """
    days = frame[EVENT_DAY].to_numpy().astype("datetime64[D]")
    vintages, mature = _vintages(days, spec, as_of)
    rule = spec.label.rule
    problems: tuple[str, ...] = ()
    newest = None
    if isinstance(rule, LabelColumn):
        endings = _by_column(frame, rule, spec, mature)
    elif isinstance(rule, LabelDatedEvent):
        endings = _by_dated_event(frame, rule, spec, days)
    else:
        reports = _demanded(reports, rule)
        endings = _by_reports(frame, reports, spec, days)
        newest = _newest(reports)
        problems = reports.problems + _strangers(reports, endings, rule)
    label = pd.array(np.where(mature, endings.outcome, np.nan), dtype="Int8")
    to_event = (endings.event - days) / np.timedelta64(1, "D")
    labelled = frame.assign(**{VINTAGE: vintages, LABEL: label, DAYS_TO_EVENT: to_event})
    return Labelled(
        frame=labelled,
        indeterminate=int((mature & np.isnan(endings.outcome)).sum()),
        immature=int((~mature).sum()),
        problems=problems,
        newest_report=newest,
    )


def _vintages(days: Days, spec: ModelSpec, as_of: date) -> tuple[pd.Series, Mask]:
    """Name each row's vintage and tell whether it has matured, one vintage at a time."""
    granularity: Granularity = spec.time.vintage
    unit = "datetime64[M]" if granularity == "month" else "datetime64[D]"
    unique, position = np.unique(days.astype(unit), return_inverse=True)
    names = unique.astype(str)
    mature = np.array([is_mature(str(v), spec.label, as_of) for v in names], dtype=bool)
    return pd.Series(names, dtype="str").take(position).reset_index(drop=True), mature[position]


def _by_column(frame: pd.DataFrame, rule: LabelColumn, spec: ModelSpec, mature: Mask) -> _Endings:
    boolean = spec.columns[rule.column].type == "boolean"
    words = _words(frame[rule.column])
    bad = words.isin(_as_words(rule.bad, boolean=boolean)).to_numpy()
    neither = words.isin(_as_words(rule.indeterminate, boolean=boolean)).to_numpy()
    if rule.good is None:
        good = words.notna().to_numpy() & ~bad & ~neither
    else:
        good = words.isin(_as_words(rule.good, boolean=boolean)).to_numpy()
    strange = mature & ~(bad | good | neither)
    if strange.any():
        values = frame.loc[strange, rule.column].astype(object).head(MOST_EXAMPLES)
        shown = examples(masked(None if pd.isna(value) else value) for value in values)
        raise LabelError(
            f"{int(strange.sum())} matured rows of model {spec.name!r} have another label in "
            f"column {rule.column!r}",
            expected=f"bad {list(rule.bad)}, good {list(rule.good or ['every other value'])} or "
            f"indeterminate {list(rule.indeterminate)}",
            got=", ".join(shown),
            remedy="deliver the rows again, or declare the value in label.rule",
        )
    outcome = np.where(bad, 1.0, np.where(good, 0.0, np.nan))
    return _Endings(outcome, np.full(len(frame), np.datetime64("NaT", "D")))


def _by_dated_event(
    frame: pd.DataFrame, rule: LabelDatedEvent, spec: ModelSpec, days: Days
) -> _Endings:
    words = _words(frame[rule.column])
    if rule.contains is not None:
        flagged = words.str.contains(rule.contains, regex=False, na=False).to_numpy(dtype=bool)
    else:
        boolean = spec.columns[rule.column].type == "boolean"
        wanted = () if rule.equals is None else (rule.equals,)
        flagged = words.isin(_as_words(wanted, boolean=boolean)).to_numpy()
    dates = frame[rule.date_column]
    if rule.fallback_date_column is not None:
        dates = dates.fillna(frame[rule.fallback_date_column])
    since = dates.to_numpy().astype("datetime64[D]")
    event = np.where(flagged, months_later(since, rule.date_plus_months), np.datetime64("NaT", "D"))
    outcome = (event <= window_ends(days, spec.label)).astype("float64")
    unknown = words.isna().to_numpy() | (flagged & np.isnat(event))
    return _Endings(np.where(unknown, np.nan, outcome), event)


def _by_reports(frame: pd.DataFrame, reports: Reports, spec: ModelSpec, days: Days) -> _Endings:
    event_on = reports.frame.set_index(ROW_ID)[EVENT_ON]
    event = event_on.reindex(frame[ROW_ID]).to_numpy().astype("datetime64[D]")
    outcome = (event <= window_ends(days, spec.label)).astype("float64")
    return _Endings(np.where(event < days, np.nan, outcome), event)


def _demanded(reports: Reports | None, rule: LabelReports) -> Reports:
    if reports is None:
        raise LabelError(
            "the label feed was not read", expected=f"the reports of {rule.path!r}", got="none"
        )
    return reports


def _newest(reports: Reports) -> date | None:
    if reports.frame.empty:
        return None
    newest: date = reports.frame[EVENT_ON].max().date()
    return newest


def _strangers(reports: Reports, endings: _Endings, rule: LabelReports) -> tuple[str, ...]:
    """A feed that speaks of no landed row is another lender's, or writes its keys differently."""
    if reports.frame.empty or not np.isnat(endings.event).all():
        return ()
    count = len(reports.frame)
    return (f"reports: none of {count} keys in {rule.key!r} is a landed row; remedy: compare keys",)


def _words(column: pd.Series) -> pd.Series:
    """Values as text, so that 1, 1.0 and '1' are one."""
    return texts(pa.chunked_array([pa.Array.from_pandas(column)])).set_axis(column.index)


def _as_words(values: Iterable[Scalar], *, boolean: bool) -> list[str]:
    if boolean:
        values = [bool(value) if value in (0, 1) else value for value in values]
    return [_as_word(value) for value in values]


def _as_word(value: Scalar) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.0f}" if isinstance(value, float) and value.is_integer() else str(value)
