"""One row a vintage: how many rows, how many of them missing, how many bad.

Tolerances hold for every vintage on its own; over all rows one broken month would hide among
thirty good ones.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from finrisk.data.daily_profile import (
    days_missing_before,
    level_ratio,
    psi_of_hours,
    repeated_share,
)
from finrisk.data.labels import LABEL, VINTAGE, Labelled
from finrisk.data.landing import EVENT_DAY, Landing
from finrisk.data.maturity import is_mature, last_day, window_end
from finrisk.specs.model_spec import ModelSpec

ROWS = "rows"
RECENT_RATIO = "rows against vintages before, recent"
OLDER_RATIO = "rows against vintages before, older"
BAD_RATE = "bad rate"
BAD_RATE_OF_ALL = "bad rate of all"
AGE_DAYS = "days since the newest row"
FEED_GAP_DAYS = "days that the label feed ends early"
MISSING_DAYS = "days missing before"
PSI_OF_HOURS = "PSI of the hours against days before"
REPEATED = "share of rows that repeat another"
FEWEST_FOR_A_RATE = 100
MOST_RECENT = 6


def missing_share_of(column: str) -> str:
    """Return the profile's column for the missing share of a landed column."""
    return f"missing share of {column}"


def level_of(column: str) -> str:
    """Return the profile's column for the level of a landed column."""
    return f"median of {column} against vintages before"


def watched_for_missing(spec: ModelSpec, landing: Landing) -> list[str]:
    """Return the columns whose missing share has a limit of its own."""
    return [
        name
        for name, column in spec.columns.items()
        if column.nullable and column.max_missing < 1.0 and name not in landing.missing_columns
    ]


def vintage_profile(
    landing: Landing, labelled: Labelled, spec: ModelSpec, as_of: date
) -> pd.DataFrame:
    """Summarise landed rows by vintage.

    Parameters
    ----------
    landing, labelled : Landing, Labelled
        The same rows, at least one.
    spec : ModelSpec
        Whose contract.
    as_of : date
        A vintage counts as complete once its last day has passed.

    Returns
    -------
    DataFrame, one row a vintage in order of time, ``_vintage`` its index
        Months without any row are there with 0 rows. Figures of all vintages together stand in
        the last row only. The bad rate is that of vintages with 100 labelled rows or more: below,
        chance alone breaks any band.
    """
    frame = labelled.frame
    by_vintage = frame.groupby(VINTAGE, observed=True)
    counted = by_vintage.size()
    profile = pd.DataFrame(index=pd.Index(_unbroken(counted.index, spec), name=VINTAGE))
    profile[ROWS] = counted.reindex(profile.index, fill_value=0)
    recent, older = _row_ratios(profile[ROWS], spec, as_of)
    profile[RECENT_RATIO], profile[OLDER_RATIO] = recent, older
    for column in watched_for_missing(spec, landing):
        share = frame[column].isna().groupby(frame[VINTAGE]).mean()
        profile[missing_share_of(column)] = share.reindex(profile.index)
    _add_daily(profile, frame, landing, spec, as_of)
    label = by_vintage[LABEL].agg(["count", "sum"]).reindex(profile.index, fill_value=0)
    rate = (label["sum"] / label["count"].where(label["count"] > 0)).astype("float64")
    profile[BAD_RATE] = rate.where(label["count"] >= FEWEST_FOR_A_RATE)
    known = int(label["count"].sum())
    newest = frame[EVENT_DAY].max().date()
    for name, figure in (
        (BAD_RATE_OF_ALL, float(label["sum"].sum()) / known if known else None),
        (AGE_DAYS, float((as_of - newest).days)),
        (FEED_GAP_DAYS, _feed_gap_days(labelled, spec)),
    ):
        profile[name] = np.nan
        if figure is not None:
            profile.loc[profile.index[-1], name] = figure
    return profile


def _add_daily(
    profile: pd.DataFrame, frame: pd.DataFrame, landing: Landing, spec: ModelSpec, as_of: date
) -> None:
    """Add what the contract watches events for; only what may block is judged, as with rows."""
    contract, time = spec.contract, spec.time.column
    came = [c for c in spec.columns if c not in landing.missing_columns]
    if spec.time.vintage == "day" and spec.missing_days != "ignore":
        profile[MISSING_DAYS] = days_missing_before(profile.index)
    judged = _may_block(profile.index, spec, as_of, contract_history(spec))
    if contract.rows_per_hour is not None and time in came:
        hours = psi_of_hours(frame, str(time), profile.index, contract.rows_per_hour)
        profile[PSI_OF_HOURS] = hours.where(judged)
    for column, rule in contract.levels.items():
        if column in came:
            ratio = level_ratio(frame, column, profile.index, rule)
            profile[level_of(column)] = ratio.where(judged)
    if contract.repeats is not None and set(contract.repeats.columns) <= set(came):
        repeated = repeated_share(frame, list(contract.repeats.columns), profile.index)
        profile[REPEATED] = repeated.where(judged)


def contract_history(spec: ModelSpec) -> int:
    """Return how many of the newest vintages may block a night by their counts and levels."""
    rule = spec.contract.rows_per_vintage
    return rule.history if rule is not None else MOST_RECENT


def _may_block(index: pd.Index, spec: ModelSpec, as_of: date, history: int) -> NDArray[np.bool_]:
    """The newest may block, as they landed, and so may the newest matured, as they may judge.

    Of what windows are made of, all may: features of a broken day are kept. A day in progress is
    not complete, and is not judged.
    """
    complete = np.array([last_day(str(vintage)) < as_of for vintage in index], dtype=bool)
    if spec.windows:
        return complete
    past = index[complete]
    matured = [v for v in past if is_mature(str(v), spec.label, as_of)]
    judging = matured[-spec.gate.holdout.max_vintages :]
    recent: NDArray[np.bool_] = index.isin([*past[-history:], *judging]) & complete
    return recent


def _unbroken(vintages: Iterable[str], spec: ModelSpec) -> list[str]:
    """Put in the months that nothing landed for; a day may be a Sunday."""
    known = sorted(vintages)
    if spec.time.vintage == "day":
        return known
    months = pd.period_range(known[0], known[-1], freq="M")
    return [str(month) for month in months]


def _row_ratios(rows: pd.Series, spec: ModelSpec, as_of: date) -> tuple[pd.Series, pd.Series]:
    """Rows over the median of the vintages before: those that may block, and the older ones."""
    nothing = pd.Series(np.nan, index=rows.index)
    rule = spec.contract.rows_per_vintage
    if rule is None:
        return nothing, nothing
    complete = rows[[last_day(str(vintage)) < as_of for vintage in rows.index]]
    before = complete.shift(1).rolling(rule.history).median()
    ratios = (complete / before.where(before > 0)).reindex(rows.index)
    recent = _may_block(rows.index, spec, as_of, rule.history)
    return ratios.where(recent), ratios.where(~recent)


def _feed_gap_days(labelled: Labelled, spec: ModelSpec) -> float | None:
    """Return how long before the last believed window's end the label feed falls silent."""
    counts = labelled.counts
    if labelled.newest_report is None or not counts:
        return None
    needed = window_end(last_day(counts[-1].vintage), spec.label)
    return float((needed - labelled.newest_report).days)
