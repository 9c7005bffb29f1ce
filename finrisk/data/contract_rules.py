"""The contract as expectations: pure, from a spec and the names of columns.

One suite for rows, strict to the row; one for the profile with one row a vintage, where the shares
and counts have their tolerances.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date

import pandas as pd

from finrisk.data import profile as profiles
from finrisk.data.gx_adapter import Expectation
from finrisk.data.labels import DAYS_TO_EVENT
from finrisk.data.landing import DAYS_OFF, EVENT_DAY, ROW_ID
from finrisk.data.words import TRUTH_WORDS, as_words
from finrisk.specs.data import Column, LabelColumn, Scalar, Severity
from finrisk.specs.model_spec import ModelSpec
from finrisk.specs.source import FILE_POSITION

FEED_MAY_END_EARLY_DAYS = 31
HIDDEN = (ROW_ID, EVENT_DAY, DAYS_TO_EVENT)
CLOCK_SKEW = "clock skew"

_BETWEEN = "ExpectColumnValuesToBeBetween"
_DTYPES = {
    "number": "float64",
    "boolean": "bool",
    "date": "datetime64",
    "moment": "datetime64",
    "category": "str",
    "text": "str",
}


def hidden_columns(spec: ModelSpec) -> tuple[str, ...]:
    """Return the columns of FinRisk's own that a batch of rows shows Great Expectations."""
    of_a_day = getattr(spec.source, "partition", "any") == "day"
    return (*HIDDEN, DAYS_OFF) if of_a_day else HIDDEN


def row_rules(
    spec: ModelSpec,
    as_of: date,
    *,
    missing: Collection[str],
    ill_typed: Collection[str],
    empty: Collection[str] = (),
) -> tuple[Expectation, ...]:
    """Return what every row must keep.

    Parameters
    ----------
    spec : ModelSpec
        Its columns carry their limits.
    as_of : date
        No row may be younger.
    missing, ill_typed : collection of str
        Declared columns that did not come, and those with cells of another type: the schema's
        rules fail for them, and no rule about their values can be asked.
    empty : collection of str
        Columns without any value: Great Expectations finds no least and no greatest date in them,
        and would call that a breach.
    """
    rules = [*_table_rules(spec, missing)]
    for name in (c for c in spec.columns if c not in missing):
        rules.append(_type_rule(name, spec.columns[name]))
        if name not in ill_typed:
            rules += _column_rules(name, spec.columns[name], empty=name in empty)
    if spec.row_key not in (FILE_POSITION, *ill_typed):
        rules.append(_rule("ExpectColumnValuesToNotBeNull", "missing key", "block", spec.row_key))
        rules.append(_rule("ExpectColumnValuesToBeUnique", "duplicate key", "block", spec.row_key))
    rules += _date_rules(EVENT_DAY, None, as_of, "event after as_of", "block")
    if DAYS_OFF in hidden_columns(spec):
        rules.append(_rule(_BETWEEN, CLOCK_SKEW, "block", DAYS_OFF, min_value=0, max_value=0))
    if not isinstance(spec.label.rule, LabelColumn):
        rules.append(_rule(_BETWEEN, "outcome before row", "block", DAYS_TO_EVENT, min_value=0))
    return tuple(rules)


def _table_rules(spec: ModelSpec, missing: Collection[str]) -> Iterator[Expectation]:
    kind = "ExpectTableColumnsToMatchSet"
    declared = list(spec.columns)
    yield _rule(kind, "missing column", "block", column_set=declared, exact_match=False)
    if spec.contract.unknown_columns != "ignore":
        known = [*hidden_columns(spec), *(c for c in declared if c not in missing)]
        severity = spec.contract.unknown_columns
        yield _rule(kind, "unknown column", severity, column_set=known, exact_match=True)


def _type_rule(name: str, column: Column) -> Expectation:
    if column.type == "integer":  # float64 where one is missing; whole numbers all the same
        kind = "ExpectColumnValuesToBeInTypeList"
        return _rule(kind, "type", "block", name, type_list=["int64", "float64"])
    kind = "ExpectColumnValuesToBeOfType"
    return _rule(kind, "type", "block", name, type_=_DTYPES[column.type])


def _column_rules(name: str, column: Column, *, empty: bool) -> Iterator[Expectation]:
    if not column.nullable:
        yield _rule("ExpectColumnValuesToNotBeNull", "missing value", column.severity, name)
    if column.type in ("date", "moment"):
        if not empty:
            yield from _date_rules(name, column.min, column.max, "range", column.severity)
    else:
        bounds = {"min_value": column.min, "max_value": column.max}
        if given := {key: bound for key, bound in bounds.items() if bound is not None}:
            yield _rule(_BETWEEN, "range", column.severity, name, **given)
    if column.values is not None:
        kind = "ExpectColumnValuesToBeInSet"
        yield _rule(
            kind, "unknown value", column.severity, name, value_set=_known(column.values, column)
        )


def profile_rules(spec: ModelSpec, watched: Collection[str]) -> tuple[Expectation, ...]:
    """Return what every vintage must keep; ``watched`` columns have a missing share to keep."""
    contract = spec.contract
    rules = []
    if (volume := contract.rows_per_vintage) is not None:
        limits = {"min_value": volume.min_ratio, "max_value": volume.max_ratio}
        recent, older = profiles.RECENT_RATIO, profiles.OLDER_RATIO
        rules.append(_rule(_BETWEEN, "row count", volume.severity, recent, **limits))
        rules.append(_rule(_BETWEEN, "row count", "warn", older, **limits))
    rules += _daily_rules(spec)
    for name in watched:
        column, share = spec.columns[name], profiles.missing_share_of(name)
        limit = column.max_missing
        rules.append(_rule(_BETWEEN, "missing share", column.severity, share, max_value=limit))
    rate = contract.label_rate
    for name in (profiles.BAD_RATE, profiles.BAD_RATE_OF_ALL):
        band = {"min_value": rate.min, "max_value": rate.max}
        rules.append(_rule(_BETWEEN, "label rate", rate.severity, name, **band))
    if contract.max_age_days is not None:
        limit = contract.max_age_days
        rules.append(_rule(_BETWEEN, "freshness", "block", profiles.AGE_DAYS, max_value=limit))
    gap, most = profiles.FEED_GAP_DAYS, FEED_MAY_END_EARLY_DAYS
    rules.append(_rule(_BETWEEN, "label feed", "warn", gap, max_value=most))
    return tuple(rules)


def _daily_rules(spec: ModelSpec) -> Iterator[Expectation]:
    contract, missing = spec.contract, spec.missing_days
    if spec.time.vintage == "day" and missing != "ignore":
        yield _rule(_BETWEEN, "missing day", missing, profiles.MISSING_DAYS, max_value=0)
    if (hours := contract.rows_per_hour) is not None:
        most = hours.max_psi
        yield _rule(_BETWEEN, "rows by hour", hours.severity, profiles.PSI_OF_HOURS, max_value=most)
    for name, level in contract.levels.items():
        limits = {"min_value": level.min_ratio, "max_value": level.max_ratio}
        yield _rule(_BETWEEN, "level", level.severity, profiles.level_of(name), **limits)
    if (repeats := contract.repeats) is not None:
        most = repeats.max_share
        yield _rule(_BETWEEN, "repeated rows", repeats.severity, profiles.REPEATED, max_value=most)


def _rule(
    kind: str, check: str, severity: Severity, column: str | None = None, **arguments: object
) -> Expectation:
    return Expectation(kind, check, severity, column, arguments)


def _date_rules(
    name: str, low: object, high: object, check: str, severity: Severity
) -> Iterator[Expectation]:
    """Bound dates by their least and greatest: row by row they cost a second per million."""
    if isinstance(low, date):
        least = pd.Timestamp(low)
        yield _rule("ExpectColumnMinToBeBetween", check, severity, name, min_value=least)
    if isinstance(high, date):
        greatest = pd.Timestamp(high)
        yield _rule("ExpectColumnMaxToBeBetween", check, severity, name, max_value=greatest)


def _known(values: Collection[Scalar], column: Column) -> list[Scalar]:
    """Declared values as they land: text in a category, truths in a boolean column."""
    words = as_words(values, column.type)
    if column.type == "boolean":
        return [TRUTH_WORDS.get(word, word) for word in words]
    return list(words) if column.type == "category" else list(values)
