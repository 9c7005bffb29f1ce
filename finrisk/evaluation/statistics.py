"""What the rows of a night look like, as plain JSON values: shares, quantiles, stability, counts.

It goes to MLflow beside the models, so nobody's row may be read from it: numbers have no minimum
and no maximum, quantiles and bin edges are rounded, nothing is said of fewer than
:data:`FEWEST_ROWS` values, and a category with fewer rows has no name.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from finrisk.errors import DataError, LabelError
from finrisk.metrics.columns import Columns
from finrisk.metrics.stability import population_stability_index
from finrisk.records import JsonObject

FEWEST_ROWS = 20
MOST_CATEGORIES = 100
RARE = "(rare)"
QUANTILES = (0.05, 0.25, 0.50, 0.75, 0.95)
SIGNIFICANT_DIGITS = 4
"""Of quantiles and edges: an income of 54,321 is one person's, 54,320 is a place on an axis."""
BINS = 10

DEVELOPMENT, HOLDOUT = "development", "holdout"
NUMBER, CATEGORY, OTHER = "number", "category", "other"

Numbers = NDArray[np.float64]


def data_statistics(
    train: Columns, test: Columns, y_train: ArrayLike, y_test: ArrayLike
) -> JsonObject:
    """Summarise development and hold-out features, for ``data_statistics.json``.

    Parameters
    ----------
    train, test : tables of n and m rows and k columns
        Features of the development and of the hold-out rows, the same columns.
    y_train, y_test : (n,) and (m,) array-likes of 0 and 1
        1 = bad, 0 = good; one class alone is counted as it is.

    Returns
    -------
    dict of plain JSON values
        - ``rows``: for either part rows, goods, bads and bad rate (None without rows);
        - ``features``: how many; ``dtypes``: how many of each; ``feature_info``: names and kinds;
        - ``statistics``: for each feature its kind, for either part its missing share (NaN and
          infinite count as missing), for a number mean, standard deviation and quantiles (None
          where fewer than 20 are known), for a category the shares of its known rows; and for a
          number the PSI of hold-out against development (None where it cannot be had).

    Raises
    ------
    DataError
        The parts differ in their columns, a name stands for two, or labels and rows differ in
        number.
    LabelError
        A label is neither 0 nor 1.

    Examples
    --------
    >>> features = pd.DataFrame({"income": [10.0, 20.0, None, 30.0] * 10})
    >>> found = data_statistics(features, features, [0, 0, 0, 1] * 10, [0, 0, 0, 1] * 10)
    >>> found["rows"]["holdout"]
    {'rows': 40, 'goods': 30, 'bads': 10, 'bad_rate': 0.25}
    >>> found["statistics"]["income"]["development"]["quantiles"]["50%"]
    20.0
    """
    _demand_alike(train, test)
    return {
        "rows": {
            DEVELOPMENT: _class_counts(y_train, len(train)),
            HOLDOUT: _class_counts(y_test, len(test)),
        },
        "features": len(train.columns),
        "dtypes": {
            str(kind): int(n) for kind, n in train.dtypes.astype(str).value_counts().items()
        },
        "feature_info": feature_info(train),
        "statistics": {
            str(name): _statistics(kind, train[name], _named(test, name))
            for name, kind in _kinds(train)
        },
    }


def feature_info(frame: Columns) -> JsonObject:
    """Return the features' names, in order, and the kind of each: number, category or other.

    Examples
    --------
    >>> feature_info(pd.DataFrame({"income": [1.0], "home": ["rent"]}))
    {'names': ['income', 'home'], 'kinds': {'income': 'number', 'home': 'category'}}
    """
    kinds = {str(name): kind for name, kind in _kinds(frame)}
    return {"names": list(kinds), "kinds": kinds}


def distributions(train: Columns, test: Columns) -> JsonObject:
    """Count both parts over one set of bins a feature, for ``data_distributions.json``.

    Parameters
    ----------
    train, test : tables of n and m rows and k columns
        Features of the development and of the hold-out rows, the same columns.

    Returns
    -------
    dict of plain JSON values, one entry a feature
        A number has ``edges``, the deciles of the development rows (rounded, so that bins hold
        about a tenth each; none where fewer than 20 values are known): counts are one more than
        edges, open at both ends and closed to the right. A category has ``values``: those that 20
        development rows share, the others pooled as ``"(rare)"`` in the last place. Missing rows
        are counted apart.

    Raises
    ------
    DataError
        The parts differ in their columns, or a name stands for two.

    Examples
    --------
    >>> counted = distributions(
    ...     pd.DataFrame({"home": ["rent"] * 30 + ["castle"]}), pd.DataFrame({"home": ["boat"]})
    ... )
    >>> counted["home"]["values"], counted["home"]["development"], counted["home"]["holdout"]
    (['rent', '(rare)'], [30, 1], [0, 1])
    """
    _demand_alike(train, test)
    count = {NUMBER: _number_counts, CATEGORY: _category_counts}
    return {
        str(name): count[kind](train[name], _named(test, name))
        for name, kind in _kinds(train)
        if kind in count
    }


def _demand_alike(train: Columns, test: Columns) -> None:
    """Return once it is sure that both stand for the same features."""
    ours, theirs = ([str(name) for name in table.columns] for table in (train, test))
    if len(set(ours)) < len(ours) or len(set(theirs)) < len(theirs):
        raise DataError("two features have one name", expected="names that differ")
    apart = sorted(set(ours) ^ set(theirs))
    if apart:
        raise DataError(
            "development and hold-out differ in their features",
            expected="the same columns in both",
            got=f"{len(apart)} in one of them only: {', '.join(apart[:5])}",
        )


def _named(table: Columns, name: Any) -> pd.Series[Any]:
    """Return the column of a name; a number and its digits are one name."""
    own = next(one for one in table.columns if str(one) == str(name))
    column: pd.Series[Any] = table[own]
    return column


def _class_counts(labels: ArrayLike, rows: int) -> JsonObject:
    column = np.asarray(labels)
    if column.shape != (rows,):
        raise DataError(
            "labels and rows differ in number", expected=f"{rows} labels", got=column.shape
        )
    bads, goods = int(np.count_nonzero(column == 1)), int(np.count_nonzero(column == 0))
    if bads + goods != rows:
        raise LabelError(
            "labels other than 0 and 1", expected="0 or 1", got=f"{rows - bads - goods} others"
        )
    return {"rows": rows, "goods": goods, "bads": bads, "bad_rate": bads / rows if rows else None}


def _kinds(frame: Columns) -> Iterator[tuple[Any, str]]:
    for name, dtype in zip(frame.columns, frame.dtypes, strict=True):
        if pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_complex_dtype(dtype):
            yield name, NUMBER
        elif isinstance(dtype, pd.StringDtype | pd.CategoricalDtype) or dtype.kind == "O":
            yield name, CATEGORY
        else:  # a date may be a birthday
            yield name, OTHER


def _statistics(kind: str, before: pd.Series, after: pd.Series) -> JsonObject:
    if kind == NUMBER:
        development, holdout = _numbers(before), _numbers(after)
        return {
            "kind": kind,
            DEVELOPMENT: _of_numbers(development),
            HOLDOUT: _of_numbers(holdout),
            "psi": _psi(development, holdout),
        }
    summary = _of_categories if kind == CATEGORY else _of_others
    return {"kind": kind, DEVELOPMENT: summary(before), HOLDOUT: summary(after)}


def _numbers(column: pd.Series) -> Numbers:
    """Return float64 with NaN for missing and for infinite, as the features have it."""
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    finite: Numbers = np.where(np.isfinite(values), values, np.nan)
    return finite


def _of_numbers(values: Numbers) -> JsonObject:
    known = values[~np.isnan(values)]
    document: JsonObject = {
        "missing_share": _share_missing(values.size - known.size, values.size),
        "mean": None,
        "std": None,
        "quantiles": None,
    }
    if known.size >= FEWEST_ROWS:
        quantiles = np.quantile(known, QUANTILES).tolist()
        document["mean"] = _rounded(float(known.mean()))
        document["std"] = _rounded(float(known.std(ddof=1)))
        document["quantiles"] = {
            f"{100 * q:g}%": _rounded(value) for q, value in zip(QUANTILES, quantiles, strict=True)
        }
    return document


def _of_categories(column: pd.Series) -> JsonObject:
    counted = _counted(column)
    known = int(counted.sum())
    shared = counted[counted >= FEWEST_ROWS].iloc[:MOST_CATEGORIES]
    shares = {str(value): int(rows) / known for value, rows in shared.items()}
    if rare := known - int(shared.sum()):
        shares[RARE] = shares.get(RARE, 0.0) + rare / known
    return {
        "missing_share": _share_missing(len(column) - known, len(column)),
        "values": len(counted),
        "shares": shares,
    }


def _of_others(column: pd.Series) -> JsonObject:
    return {"missing_share": _share_missing(int(column.isna().sum()), len(column))}


def _share_missing(missing: int, rows: int) -> float | None:
    return missing / rows if rows else None


def _psi(development: Numbers, holdout: Numbers) -> float | None:
    if holdout.size == 0 or np.isnan(development).all():
        return None
    return population_stability_index(development, holdout, bins=BINS)


def _number_counts(before: pd.Series, after: pd.Series) -> JsonObject:
    parts = {DEVELOPMENT: _numbers(before), HOLDOUT: _numbers(after)}
    edges = _edges(parts[DEVELOPMENT])
    document: JsonObject = {"kind": NUMBER, "edges": edges.tolist(), "missing": {}}
    for part, values in parts.items():
        known = values[~np.isnan(values)]
        bin_of_row = np.searchsorted(edges, known, side="left")
        document[part] = np.bincount(bin_of_row, minlength=edges.size + 1).tolist()
        document["missing"][part] = values.size - known.size
    return document


def _edges(values: Numbers) -> Numbers:
    known = values[~np.isnan(values)]
    if known.size < FEWEST_ROWS:
        return np.empty(0)
    deciles = np.quantile(known, np.linspace(0.0, 1.0, BINS + 1)[1:-1])
    return np.unique([_rounded(value) for value in deciles.tolist()])


def _category_counts(before: pd.Series, after: pd.Series) -> JsonObject:
    counted = _counted(before)
    shared = counted[counted >= FEWEST_ROWS].iloc[:MOST_CATEGORIES].index
    document: JsonObject = {
        "kind": CATEGORY,
        "values": [*map(str, shared), RARE],
        "missing": {DEVELOPMENT: int(before.isna().sum()), HOLDOUT: int(after.isna().sum())},
    }
    for part, counts in ((DEVELOPMENT, counted), (HOLDOUT, _counted(after))):
        named = counts.reindex(shared).fillna(0).astype(np.int64).tolist()
        document[part] = [*named, int(counts.sum()) - sum(named)]
    return document


def _counted(column: pd.Series) -> pd.Series[Any]:
    """Count the known values as text, most frequent first; equals in order of their text."""
    known = column.dropna()
    counts = known.astype("str").value_counts()
    return counts.sort_index().sort_values(ascending=False, kind="stable")


def _rounded(value: float) -> float:
    return float(f"{value:.{SIGNIFICANT_DIGITS}g}")
