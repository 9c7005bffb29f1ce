"""Rows that a model was fitted and tested on, made sound: features with names, labels 0 and 1."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import issparse

from finrisk.errors import DataError, LabelError
from finrisk.monitoring.measured import Labels, labels_of
from finrisk.tracking.rows import as_frame


@dataclass(frozen=True)
class Frames:
    """Development and test rows: features with names, labels 0 and 1, and features as given."""

    X_train: pd.DataFrame
    X_test: pd.DataFrame
    y_train: Labels
    y_test: Labels
    given_train: Any
    given_test: Any

    @classmethod
    def of(cls, X_train: Any, X_test: Any, y_train: Any, y_test: Any) -> Frames:
        """Return sound frames; raises ``DataError`` and ``LabelError``."""
        train, test = named_features(X_train), named_features(X_test)
        check_same_order(X_train, y_train, "y_train")
        check_same_order(X_test, y_test, "y_test")
        return cls(
            X_train=train,
            X_test=test,
            y_train=labels_of(y_train, "y_train", len(train)),
            y_test=labels_of(y_test, "y_test", len(test)),
            given_train=X_train,
            given_test=X_test,
        )

    @property
    def sha256(self) -> str:
        """Digest of all rows and labels: which dataset this was, without keeping a row of it."""
        digest = hashlib.sha256()
        for frame, labels in ((self.X_train, self.y_train), (self.X_test, self.y_test)):
            digest.update(pd.util.hash_pandas_object(frame, index=False).to_numpy().tobytes())
            digest.update(labels.tobytes())
        return digest.hexdigest()


def named_features(rows: Any) -> pd.DataFrame:
    """Return rows as a frame whose columns have names; an array's are ``feature_0``, ...

    Raises
    ------
    DataError
        Not two-dimensional, empty, sparse, two columns of one name, or a column of a kind that no
        model scores.
    """
    if rows is None:
        raise DataError("rows that are None", expected="a frame or an array of features")
    if issparse(rows):
        raise DataError(
            "rows in a sparse matrix",
            expected="a frame or an array",
            remedy="fit and log the model on X.toarray(), or on the frame before it was encoded",
        )
    if not isinstance(rows, pd.DataFrame):
        cells = np.asarray(rows)
        width = cells.shape[1] if cells.ndim == 2 else 0  # noqa: PLR2004 - rows and columns
        rows = as_frame(cells, tuple(f"feature_{number}" for number in range(width)))
    frame: pd.DataFrame = rows.set_axis([str(name) for name in rows.columns], axis="columns")
    _check_columns(frame)
    return frame


def _check_columns(frame: pd.DataFrame) -> None:
    if frame.empty:
        raise DataError(
            "there is nothing to measure on",
            expected="at least one row and one column",
            got=f"{len(frame)} rows, {frame.shape[1]} columns",
        )
    twice = frame.columns[frame.columns.duplicated()].unique()
    if len(twice):
        raise DataError(
            f"columns of one name: {', '.join(twice)}",
            expected="each name once",
            remedy="rename or drop them before fitting",
        )
    strange = [name for name in names_of(frame) if _is_strange(frame[name])]
    if strange:
        raise DataError(
            f"features of a kind that no model scores: {', '.join(strange)}",
            expected="numbers, truth values or text",
            got=", ".join(f"{name}: {frame[name].dtype}" for name in strange),
            remedy="make numbers of them before fitting",
        )


def _is_strange(column: pd.Series[Any]) -> bool:
    if isinstance(column.dtype, pd.PeriodDtype | pd.IntervalDtype) or column.dtype.kind in "mMc":
        return True
    if column.dtype != object:
        return False
    try:
        pd.util.hash_pandas_object(column, index=False)
    except TypeError:  # lists, dicts
        return True
    return False


def names_of(frame: pd.DataFrame) -> tuple[str, ...]:
    """Return the columns' names."""
    return tuple(map(str, frame.columns))


def check_same_order(rows: Any, labels: Any, what: str) -> None:
    """Refuse labels whose index names the rows in another order: they would be read in theirs.

    Raises
    ------
    LabelError
        The same index in another order.
    """
    if not (isinstance(rows, pd.DataFrame) and isinstance(labels, pd.Series | pd.DataFrame)):
        return
    if rows.index.equals(labels.index) or len(rows) != len(labels):
        return
    if rows.index.is_unique and not len(rows.index.symmetric_difference(labels.index)):
        raise LabelError(
            f"{what} has the rows of its features in another order",
            expected="the same index in the same order",
            remedy=f"{what}.loc[X.index]",
        )
