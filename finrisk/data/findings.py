"""A failed expectation, told to a person: where, how often, and what the values look like."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from finrisk.data import profile as profiles
from finrisk.data.gx_adapter import Expectation, Failure
from finrisk.data.landing import Landing
from finrisk.data.masking import MOST_EXAMPLES, examples, masked, masked_category
from finrisk.records import Check
from finrisk.wording import plain

_OF_ALL = (profiles.BAD_RATE_OF_ALL, profiles.AGE_DAYS, profiles.FEED_GAP_DAYS)


def row_finding(failure: Failure, batch: pd.DataFrame, landing: Landing) -> Check:
    """Tell of rows that break a rule; the examples are masked.

    Parameters
    ----------
    failure : Failure
        Of the suite for rows.
    batch : DataFrame
        The rows that were judged.
    landing : Landing
        Knows which columns came and which cells had another type.
    """
    rule = failure.expectation
    if rule.column is None:
        return _schema_finding(rule, landing)
    for breach in landing.breaches:
        if rule.check == breach.check == "type" and rule.column == breach.column:
            return breach
    column = batch[rule.column]
    broken = column[broken_cells(rule, column)]
    failing = failure.failing or len(broken)
    detail = f"{failing} of {len(batch)} rows of {rule.column!r}{limits(rule)}"
    return Check(rule.severity, rule.column, rule.check, failing, detail, seen_in(rule, broken))


def profile_finding(failure: Failure, profile: pd.DataFrame) -> Check:
    """Tell of vintages that break a rule; figures of whole vintages are shown as they are."""
    rule = failure.expectation
    name = str(rule.column)
    broken = profile.loc[_outside(rule, profile[name]), name]
    if name in _OF_ALL:
        shown = tuple(plain(figure, digits=4) for figure in broken)
        detail = f"{name}: {', '.join(shown)}{limits(rule)}"
    else:
        shown = tuple(f"{vintage}: {plain(figure, digits=3)}" for vintage, figure in broken.items())
        detail = f"{name}: {len(broken)} vintage(s){limits(rule)}, the last {shown[-1]}"
    column = name.removeprefix(profiles.missing_share_of(""))
    landed = column if column != name else None
    return Check(rule.severity, landed, rule.check, failure.failing, detail, shown[-MOST_EXAMPLES:])


def _schema_finding(rule: Expectation, landing: Landing) -> Check:
    missing = rule.check == "missing column"
    names = landing.missing_columns if missing else landing.unknown_columns
    shown = ", ".join(names[:MOST_EXAMPLES])
    what = "declared, and lacking in a partition" if missing else "in a partition, and undeclared"
    detail = f"{len(names)} column(s) {what}: {shown}"
    return Check(rule.severity, names[0] if names else None, rule.check, len(names), detail)


def broken_cells(rule: Expectation, column: pd.Series) -> pd.Series:
    """Return which cells break a rule about rows: of a key that stands twice, every copy.

    Parameters
    ----------
    rule : Expectation
        Of the suite for rows, about one column.
    column : Series, n rows

    Returns
    -------
    Series of bool, n rows
    """
    if rule.check == "duplicate key":
        if column.is_unique:  # the usual night, in half the time
            return pd.Series(data=False, index=column.index)
        return column.duplicated(keep=False) & column.notna()
    if rule.check == "unknown value":
        return column.notna() & ~column.isin(rule.arguments["value_set"])
    if rule.check in ("missing value", "missing key"):
        return column.isna()
    return _outside(rule, column)


def seen_in(rule: Expectation, broken: pd.Series) -> tuple[str, ...]:
    """Return masked examples of cells that break a rule, five at most."""
    return examples(_masked(rule, broken))


def _masked(rule: Expectation, broken: pd.Series) -> Iterator[str]:
    category = rule.check == "unknown value" and broken.dtype == "str"
    mask = masked_category if category else masked
    cells = broken.dropna().drop_duplicates().head(MOST_EXAMPLES)
    return (mask(cell) for cell in cells.tolist())


def _outside(rule: Expectation, column: pd.Series) -> pd.Series:
    low, high = rule.arguments.get("min_value"), rule.arguments.get("max_value")
    outside = pd.Series(data=False, index=column.index)
    if low is not None:
        outside |= column < low
    if high is not None:
        outside |= column > high
    return outside


def limits(rule: Expectation) -> str:
    """Return the end of a sentence: the bounds that were broken, else the rule's name."""
    low, high = rule.arguments.get("min_value"), rule.arguments.get("max_value")
    shown = [
        f"{word} {bound.date() if isinstance(bound, pd.Timestamp) else plain(bound)}"
        for word, bound in (("below", low), ("above", high))
        if bound is not None
    ]
    return f" {' or '.join(shown)}" if shown else f": {rule.check}"
