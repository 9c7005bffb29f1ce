"""One row a vintage: how many rows, how many of them missing, how many bad.

Tolerances hold for every vintage on its own; over all rows one broken month would hide among
thirty good ones.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import numpy as np
import pandas as pd

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
FEWEST_FOR_A_RATE = 100


def missing_share_of(column: str) -> str:
    """Return the profile's column for the missing share of a landed column."""
    return f"missing share of {column}"


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


def _unbroken(vintages: Iterable[str], spec: ModelSpec) -> list[str]:
    """Put in the months that nothing landed for; a day may be a Sunday."""
    known = sorted(vintages)
    if spec.time.vintage == "day":
        return known
    months = pd.period_range(known[0], known[-1], freq="M")
    return [str(month) for month in months]


def _row_ratios(rows: pd.Series, spec: ModelSpec, as_of: date) -> tuple[pd.Series, pd.Series]:
    """Rows over the median of the vintages before: those that may block, and the older ones.

    The newest may block, as they landed, and so may the newest matured, as they may judge.
    """
    nothing = pd.Series(np.nan, index=rows.index)
    rule = spec.contract.rows_per_vintage
    if rule is None:
        return nothing, nothing
    complete = rows[[last_day(str(vintage)) < as_of for vintage in rows.index]]
    before = complete.shift(1).rolling(rule.history).median()
    ratios = complete / before.where(before > 0)
    matured = [v for v in ratios.index if is_mature(str(v), spec.label, as_of)]
    judging = matured[-spec.gate.holdout.max_vintages :]
    may_block = ratios.index.isin([*ratios.index[-rule.history :], *judging])
    return (
        ratios[may_block].reindex(rows.index),
        ratios[~may_block].reindex(rows.index),
    )


def _feed_gap_days(labelled: Labelled, spec: ModelSpec) -> float | None:
    """Return how long before the last believed window's end the label feed falls silent."""
    counts = labelled.counts
    if labelled.newest_report is None or not counts:
        return None
    needed = window_end(last_day(counts[-1].vintage), spec.label)
    return float((needed - labelled.newest_report).days)
