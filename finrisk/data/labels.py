"""How each row ended, as far as it may be believed by ``as_of``.

A row has a label only when its whole vintage has matured, bads and goods alike, even where a bad
is already known. Indeterminate and immature rows have none, and are counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from finrisk.data.coercion import texts
from finrisk.data.landing import EVENT_DAY, ROW_ID
from finrisk.data.masking import MOST_EXAMPLES, examples, masked
from finrisk.data.maturity import (
    Granularity,
    is_mature,
    maturity_days,
    months_later,
    settled_days,
    window_ends,
)
from finrisk.data.reports import EVENT_ON, KNOWN_ON, Reports
from finrisk.data.split import VintageCount
from finrisk.data.strangers import strange_reports
from finrisk.data.words import as_words, declared_words, missing_words, one_spelling
from finrisk.errors import LabelError
from finrisk.records import Check
from finrisk.specs.data import LabelColumn, LabelDatedEvent, LabelReports
from finrisk.specs.model_spec import ModelSpec

VINTAGE = "_vintage"
LABEL = "_label"
DAYS_TO_EVENT = "_days_to_event"
DAYS_TO_REPORT = "_days_to_report"

FEWEST_REPORTS = 100
COMPLETE = 0.95

Days = NDArray[np.datetime64]
Durations = NDArray[np.timedelta64]
Mask = NDArray[np.bool_]
Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Labelled:
    """Landed rows with their labels.

    Attributes
    ----------
    frame : DataFrame
        The landed rows with ``_vintage`` (text), ``_label`` (Int8: 1 bad, 0 good, missing if
        immature or indeterminate), ``_days_to_event`` (from the row's day to the bad event;
        missing where none is known) and ``_days_to_report`` (to the day it was known).
    indeterminate, immature : int
        Matured rows that are neither bad nor good, and rows of vintages not matured.
    problems : tuple of str
        What is wrong with the label feed; the night holds on any.
    newest_report : date or None
        The last event day of the label feed, where there is one.
    findings : tuple of Check
        What the label feed leaves in doubt; it goes into the data verdict.
    completeness : float or None
        Of the bads that late reports may still find, the share that was known at maturity; None
        where reports do not come late, or are too few to say.
    """

    frame: pd.DataFrame
    indeterminate: int
    immature: int
    problems: tuple[str, ...] = ()
    newest_report: date | None = None
    findings: tuple[Check, ...] = ()
    completeness: float | None = None

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
    """By row: 1 bad, 0 good, NaN neither; when the event came, and when it was known."""

    outcome: Numbers
    event: Days
    known: Days


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
    findings: tuple[Check, ...] = ()
    newest = None
    if isinstance(rule, LabelColumn):
        endings = _by_column(frame, rule, spec, mature)
    elif isinstance(rule, LabelDatedEvent):
        endings = _by_dated_event(frame, rule, spec, days)
    else:
        reports = _demanded(reports, rule)
        endings = _by_reports(frame, reports, spec, days)
        newest = _newest(reports)
        of_strangers, findings = strange_reports(reports, frame, spec)
        problems = reports.problems + of_strangers
    known_in_time = _completeness(endings.known - days, days, spec, as_of)
    findings += _incomplete(known_in_time, spec)
    label = pd.array(np.where(mature, endings.outcome, np.nan), dtype="Int8")
    to_event = (endings.event - days) / np.timedelta64(1, "D")
    to_report = (endings.known - days) / np.timedelta64(1, "D")
    labelled = frame.assign(
        **{
            VINTAGE: vintages,
            LABEL: label,
            DAYS_TO_EVENT: to_event,
            DAYS_TO_REPORT: to_report,
        }
    )
    return Labelled(
        frame=labelled,
        indeterminate=int((mature & np.isnan(endings.outcome)).sum()),
        immature=int((~mature).sum()),
        problems=problems,
        newest_report=newest,
        findings=findings,
        completeness=known_in_time,
    )


def _completeness(to_event: Durations, days: Days, spec: ModelSpec, as_of: date) -> float | None:
    """Return the share of old rows' reports that had come when the rows matured.

    Asked of settled rows only: of younger ones late reports are still to come, which would flatter
    the share.
    """
    rule, label = spec.label.rule, spec.label
    if not isinstance(rule, LabelReports) or rule.after_window == "good":
        return None
    settled = days <= np.datetime64(as_of) - np.timedelta64(settled_days(label), "D")
    waited = (to_event / np.timedelta64(1, "D"))[settled]
    waited = waited[waited >= 0]
    if waited.size < FEWEST_REPORTS:
        return None
    return float((waited <= maturity_days(label)).mean())


def _incomplete(completeness: float | None, spec: ModelSpec) -> tuple[Check, ...]:
    if completeness is None or completeness >= COMPLETE:
        return ()
    detail = (
        f"{completeness:.1%} of the bads are reported within {maturity_days(spec.label)} days, "
        f"expected {COMPLETE:.0%}; remedy: raise label.reporting_lag_days"
    )
    return (Check("warn", None, "label completeness", 0, detail),)


def _vintages(days: Days, spec: ModelSpec, as_of: date) -> tuple[pd.Series, Mask]:
    """Name each row's vintage and tell whether it has matured, one vintage at a time."""
    granularity: Granularity = spec.time.vintage
    unit = "datetime64[M]" if granularity == "month" else "datetime64[D]"
    unique, position = np.unique(days.astype(unit), return_inverse=True)
    names = unique.astype(str)
    mature = np.array([is_mature(str(v), spec.label, as_of) for v in names], dtype=bool)
    return pd.Series(names, dtype="str").take(position).reset_index(drop=True), mature[position]


def undeclared_labels(frame: pd.DataFrame, rule: LabelColumn, spec: ModelSpec, as_of: date) -> Mask:
    """Return the matured rows whose value is not among bad, good and indeterminate, shape (n,)."""
    strange = np.isnan(_told(frame, rule, spec))
    if strange.any():
        strange &= _vintages(frame[EVENT_DAY].to_numpy().astype("datetime64[D]"), spec, as_of)[1]
    return strange


def _told(frame: pd.DataFrame, rule: LabelColumn, spec: ModelSpec) -> Numbers:
    """By row: 1 bad, 0 good, -1 indeterminate, NaN another value."""
    kind = spec.columns[rule.column].type
    words = _words(frame, rule.column, spec)
    bad = words.isin(as_words(rule.bad, kind)).to_numpy()
    neither = words.isin(as_words(rule.indeterminate, kind)).to_numpy()
    others = words.notna() if rule.good is None else words.isin(as_words(rule.good, kind))
    return np.select([bad, neither, others.to_numpy()], [1.0, -1.0, 0.0], np.nan)


def _by_column(frame: pd.DataFrame, rule: LabelColumn, spec: ModelSpec, mature: Mask) -> _Endings:
    told = _told(frame, rule, spec)
    strange = mature & np.isnan(told)
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
    outcome = np.where(told < 0, np.nan, told)
    never = np.full(len(frame), np.datetime64("NaT", "D"))
    return _Endings(outcome, never, never)


def _by_dated_event(
    frame: pd.DataFrame, rule: LabelDatedEvent, spec: ModelSpec, days: Days
) -> _Endings:
    words = _words(frame, rule.column, spec)
    if rule.contains is not None:
        flagged = words.str.contains(rule.contains, regex=False, na=False).to_numpy(dtype=bool)
    else:
        wanted = () if rule.equals is None else (rule.equals,)
        flagged = words.isin(as_words(wanted, spec.columns[rule.column].type)).to_numpy()
    dates = frame[rule.date_column]
    if rule.fallback_date_column is not None:
        dates = dates.fillna(frame[rule.fallback_date_column])
    since = dates.to_numpy().astype("datetime64[D]")
    event = np.where(flagged, months_later(since, rule.date_plus_months), np.datetime64("NaT", "D"))
    outcome = (event <= window_ends(days, spec.label)).astype("float64")
    unknown = words.isna().to_numpy() | (flagged & np.isnat(event))
    return _Endings(np.where(unknown, np.nan, outcome), event, event)


def _by_reports(frame: pd.DataFrame, reports: Reports, spec: ModelSpec, days: Days) -> _Endings:
    told = reports.frame.set_index(ROW_ID)[[EVENT_ON, KNOWN_ON]].reindex(frame[ROW_ID])
    event, known = (told[c].to_numpy().astype("datetime64[D]") for c in (EVENT_ON, KNOWN_ON))
    counts = spec.label.rule.after_window == "bad"  # type: ignore[union-attr]
    in_time = ~np.isnat(event) if counts else event <= window_ends(days, spec.label)
    outcome = np.where(event < days, np.nan, in_time.astype("float64"))
    return _Endings(outcome, event, known)


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


def _words(frame: pd.DataFrame, column: str, spec: ModelSpec) -> pd.Series:
    """Values as text in the spec's spelling, with NULL and the like missing unless declared."""
    cells = frame[column]
    plain = texts(pa.chunked_array([pa.Array.from_pandas(cells)]))
    spelt = one_spelling(pa.chunked_array([pa.Array.from_pandas(plain, type=pa.string())]))
    words: pd.Series = spelt.to_pandas().astype("str").set_axis(cells.index)
    return words.mask(words.str.strip().isin(missing_words(declared_words(spec, column))))
