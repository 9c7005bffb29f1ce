"""The spec's features, row by row. What looks at other rows, ``windows``, comes in as columns.

Numbers arrive as float64 with NaN for missing, categories as text with :data:`MISSING` for missing:
a missing category is a category of its own, which every encoder can carry, and which scikit-learn
and skops store without a special case.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from finrisk.errors import ContractBreach
from finrisk.specs.model_spec import ModelSpec
from finrisk.specs.training import (
    DerivedFeature,
    Hours,
    LeadingNumber,
    MonthsBetween,
    Ratio,
    Weekend,
)

MISSING = "missing"
SATURDAY = 5
FIRST_NUMBER = r"((?:(?<!\w)-)?\d+(?:\.\d+)?)"

Numbers = NDArray[np.float64]


def derive_features(
    frame: pd.DataFrame, spec: ModelSpec, *, only: str | None = None
) -> pd.DataFrame:
    """Return what the model sees: one column a feature, in the spec's order.

    Parameters
    ----------
    frame : DataFrame, n rows
        Landed or frozen rows that hold at least ``spec.feature_columns``, and the features of the
        spec's windows as :mod:`finrisk.features.windows` made them.
    spec : ModelSpec
        Whose features.
    only : str, optional
        One feature; the frame needs no more than the columns of it.

    Returns
    -------
    DataFrame, n rows × ``len(spec.feature_names)``
        The frame's index; float64 (missing and infinite: NaN; boolean: 0 or 1) for numbers,
        text (missing: ``"missing"``) for categories.

    Raises
    ------
    ContractBreach
        A column that a feature is made of is not there.
    """
    names = spec.feature_names if only is None else (only,)
    needed = tuple(dict.fromkeys(c for name in names for c in columns_of(name, spec)))
    if absent := [c for c in needed if c not in frame.columns]:
        raise ContractBreach(
            f"{len(absent)} feature column(s) are not there: {', '.join(absent[:5])}",
            expected=f"the {len(needed)} columns of model {spec.name!r}",
            remedy="pass rows of the landed table",
        )
    columns: dict[str, Numbers | pd.Series] = {}
    derived = {f.name: f for f in spec.features if not isinstance(f, str)}
    for name in names:
        if name in derived:
            columns[name] = _derived(frame, derived[name])
        elif name in spec.categorical_features:
            columns[name] = _categories(frame[name])
        else:
            columns[name] = _numbers(frame[name])
    return pd.DataFrame(columns, index=frame.index, columns=list(names))


def columns_of(feature: str, spec: ModelSpec) -> tuple[str, ...]:
    """Return the columns that one feature is made of; of a window's feature, its own."""
    for one in spec.features:
        if not isinstance(one, str) and one.name == feature:
            return one.columns
    return (feature,)


def months_between(first: pd.Series, second: pd.Series) -> Numbers:
    """Return the whole months from one date to another, rounded down; NaN where one is missing.

    Examples
    --------
    >>> opened = pd.Series(pd.to_datetime(["2003-01-15", "2003-01-15"]))
    >>> applied = pd.Series(pd.to_datetime(["2007-12-14", "2007-12-15"]))
    >>> months_between(opened, applied).tolist()
    [58.0, 59.0]
    """
    start, end = pd.to_datetime(first), pd.to_datetime(second)
    months = (end.dt.year - start.dt.year) * 12 + (end.dt.month - start.dt.month)
    return _numbers(months - (end.dt.day < start.dt.day).astype("int64"))


def ratio(numerator: pd.Series, denominator: pd.Series) -> Numbers:
    """Return the first over the second; NaN where the second is 0 or either is missing.

    Examples
    --------
    >>> ratio(pd.Series([900.0, 1.0]), pd.Series([3000.0, 0.0])).tolist()
    [0.3, nan]
    """
    above, below = _numbers(numerator), _numbers(denominator)
    with np.errstate(over="ignore"):
        quotient = np.divide(above, below, out=np.full(len(above), np.nan), where=below != 0)
    return _finite(quotient)


def leading_number(column: pd.Series) -> Numbers:
    """Return the first number in each text; NaN where there is none.

    Examples
    --------
    >>> leading_number(pd.Series(["10+ years", "< 1 year", " 36 months", "n/a"])).tolist()
    [10.0, 1.0, 36.0, nan]
    """
    if pd.api.types.is_numeric_dtype(column):
        return _numbers(column)
    found = column.astype("str").str.extract(FIRST_NUMBER, expand=False)
    return _numbers(found.astype("float64"))


def weekend(times: pd.Series) -> Numbers:
    """Return 1 on Saturday and Sunday, else 0; NaN where the time is missing.

    Examples
    --------
    >>> weekend(pd.Series(pd.to_datetime(["2018-04-01", "2018-04-02"]))).tolist()
    [1.0, 0.0]
    """
    of_week = pd.to_datetime(times).dt.day_of_week
    return np.where(times.isna(), np.nan, (of_week >= SATURDAY).astype("float64"))


def in_hours(times: pd.Series, first: int, last: int) -> Numbers:
    """Return 1 from the first hour to the last, else 0; NaN where the time is missing.

    Examples
    --------
    >>> at = pd.Series(pd.to_datetime(["2018-04-01 06:59", "2018-04-01 07:00", "2018-04-01 23:10"]))
    >>> in_hours(at, 0, 6).tolist(), in_hours(at, 22, 6).tolist()
    ([1.0, 0.0, 0.0], [1.0, 0.0, 1.0])
    """
    hour = pd.to_datetime(times).dt.hour
    after, before = hour >= first, hour <= last
    within = (after & before) if first <= last else (after | before)
    return np.where(times.isna(), np.nan, within.astype("float64"))


def _derived(frame: pd.DataFrame, feature: DerivedFeature) -> Numbers:
    match feature:
        case MonthsBetween(months_between=(first, second)):
            return months_between(frame[first], frame[second])
        case Ratio(ratio=(above, below)):
            return ratio(frame[above], frame[below])
        case LeadingNumber(leading_number=column):
            return leading_number(frame[column])
        case Weekend(weekend=column):
            return weekend(frame[column])
        case Hours(hours=(first, last), of=column):
            return in_hours(frame[column], first, last)


def _numbers(column: pd.Series) -> Numbers:
    if column.dtype == object:  # booleans with a missing value among them
        column = column.astype("Float64")
    return _finite(column.to_numpy(dtype="float64", na_value=np.nan))


def _finite(values: Numbers) -> Numbers:
    """Make infinities missing: no estimator takes them, and the contract has reported them."""
    return np.where(np.isfinite(values), values, np.nan)


def _categories(column: pd.Series) -> pd.Series:
    return column.astype("str").fillna(MISSING)
