"""Rows in the one form that models are fitted on and score, whatever they come in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from finrisk.errors import DataError

Rows = pd.DataFrame | np.ndarray[Any, Any] | Mapping[str, Any] | Sequence[Any]
ROWS_AND_COLUMNS = 2


def aligned_features(
    features: pd.DataFrame,
    feature_names: tuple[str, ...],
    categorical: tuple[str, ...],
) -> pd.DataFrame:
    """Return the features in the model's order: numbers as float64, categories as text.

    The trainer fits on exactly this form, so that a row scores the same whether it comes from a
    snapshot (int8, category), a request (object) or a manifest's golden rows (JSON).

    Parameters
    ----------
    features : DataFrame of shape (n, at least the features)
        Other columns are left out.
    feature_names : tuple of str
        All features, in the order the model sees them.
    categorical : tuple of str
        Those that are categories; every other one is a number. Missing stays missing.

    Raises
    ------
    DataError
        A feature has no column, or a numeric one holds something that is no number.
    """
    check_columns(features, feature_names)
    kinds = {name: "str" if name in categorical else "float64" for name in feature_names}
    try:
        return features.loc[:, list(feature_names)].astype(kinds)
    except (TypeError, ValueError, OverflowError):
        wrong = [n for n in feature_names if kinds[n] == "float64" and not _numeric(features[n])]
        raise DataError(
            f"features that are no numbers: {', '.join(wrong)}",
            expected="numbers, or missing",
            got=", ".join(f"{name}: {features[name].dtype}" for name in wrong),
            remedy="declare the column a category, or correct the values",
        ) from None  # pandas' own error quotes the value, and a traceback would print it


def check_columns(features: pd.DataFrame, feature_names: tuple[str, ...]) -> None:
    """Raise ``DataError`` where a feature has no column, or two."""
    missing = [name for name in feature_names if name not in features.columns]
    if missing:
        raise DataError(
            f"features without a column: {', '.join(missing)}",
            expected=f"{len(feature_names)} columns: {', '.join(feature_names)}",
            got=", ".join(map(str, features.columns)) or "no column",
        )
    if not features.columns.is_unique:
        twice = {str(name) for name in features.columns[features.columns.duplicated()]}
        if doubled := sorted(twice & set(feature_names)):
            raise DataError(f"features with two columns: {', '.join(doubled)}", expected="one each")


def _numeric(column: pd.Series[Any]) -> bool:
    try:
        column.astype("float64")
    except (TypeError, ValueError, OverflowError):
        return False
    return True


def as_frame(rows: Rows, feature_names: tuple[str, ...]) -> pd.DataFrame:
    """Return rows as a frame of features.

    Parameters
    ----------
    rows : DataFrame, array-like of shape (n, n_features), mapping or sequence of mappings
        An array has its columns in the model's order; a mapping from feature to value is one row.

    Raises
    ------
    DataError
        An array of another width, or a mapping without one of the features: None says missing.

    Examples
    --------
    >>> as_frame({"income": 900, "age": 31}, ("age", "income")).shape
    (1, 2)
    >>> list(as_frame([[31, 900]], ("age", "income")).columns)
    ['age', 'income']
    """
    if isinstance(rows, pd.DataFrame):
        return rows
    if isinstance(rows, Mapping):
        return _frame_of([rows], feature_names)
    if isinstance(rows, Sequence) and rows and isinstance(rows[0], Mapping):
        return _frame_of(rows, feature_names)
    cells = _cells(rows)
    if cells.ndim != ROWS_AND_COLUMNS or cells.shape[1] != len(feature_names):
        raise DataError(
            "rows that do not fit the model",
            expected=f"shape (n, {len(feature_names)}), columns {', '.join(feature_names)}",
            got=f"shape {cells.shape}",
        )
    return pd.DataFrame(cells, columns=list(feature_names))


def _frame_of(rows: Sequence[Any], feature_names: tuple[str, ...]) -> pd.DataFrame:
    """Return mappings as a frame; a misspelt feature would else be scored as a missing value."""
    for position, row in enumerate(rows):
        lacks = [n for n in feature_names if not isinstance(row, Mapping) or n not in row]
        if lacks:
            raise DataError(
                f"row {position} has no value for: {', '.join(lacks)}",
                expected=f"every feature by its name: {', '.join(feature_names)}",
                remedy="give each row every feature; None (null in JSON) says that one is missing",
            )
    return pd.DataFrame([{name: row[name] for name in feature_names} for row in rows])


def _cells(rows: Any) -> Any:
    try:
        return np.asarray(rows)
    except ValueError:  # rows of different lengths
        raise DataError(
            "rows that do not fit the model", expected="rows of one length each"
        ) from None
