"""What people hand over as tables and mappings, made plain: searches, data-quality figures."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from finrisk.errors import ConfigurationError
from finrisk.tracking.run_writer import RunContents, file_name

SCORES = "mean_test_score"
OF_METRIC = "mean_test_"
MOST_DEEP = 20


def search_contents(
    param_grid: Any, cv_results: Any, best_params: Any, best_score: Any
) -> RunContents:
    """Return what a search's run holds; a search on several metrics is summed up on the best's.

    Raises
    ------
    ConfigurationError
        The results or the best parameters are no mapping, or the best score is no number.
    """
    results = _mapping(cv_results, "cv_results", "search.cv_results_")
    best = _mapping(best_params, "best_params", "search.best_params_")
    if _number(best_score) is None:
        raise ConfigurationError("best_score is no number", expected="search.best_score_")
    tried = max((len(column) for column in map(_column, results.values())), default=0)
    scores = _scores(results, float(best_score))
    summary = {
        "best_score": float(best_score),
        "configurations": tried,
        SCORES: float(scores.mean()) if scores.size else None,
        "worst_test_score": float(scores.min()) if scores.size else None,
    }
    return RunContents(
        params=best,
        metrics={"best_score": float(best_score), "configurations": float(tried)},
        documents={
            "parameter_grid.json": plain(param_grid),
            "cv_results.json": plain(results),
            "best_parameters.json": plain(best),
            "performance_summary.json": plain(summary),
        },
    )


def quality_contents(figures: Any) -> RunContents:
    """Return what a data-quality run holds: numbers as metrics, the rest as JSON.

    Raises
    ------
    ConfigurationError
        The figures are no mapping.

    Examples
    --------
    >>> contents = quality_contents({"rows": np.int64(3), "by column": pd.Series({"age": 0.1})})
    >>> contents.metrics, contents.documents["by column.json"]
    ({'rows': 3.0}, {'age': 0.1})
    """
    told = _mapping(figures, "data_quality_metrics", "a mapping from names to figures")
    numbers = {name: number for name in told if (number := _number(told[name])) is not None}
    others = {name: value for name, value in told.items() if name not in numbers}
    return RunContents(
        metrics=numbers,
        documents={
            **{f"{file_name(name)}.json": plain(value) for name, value in others.items()},
            "data_quality.json": plain(told),
        },
    )


def plain(value: Any) -> Any:
    """Return JSON values of numpy's and pandas' own; what is unknown becomes its text.

    A Series becomes a mapping from its index, a frame one from its columns; numbered rows a list.

    Examples
    --------
    >>> plain({"score": np.array([0.5, np.nan]), 3: np.int64(2)})
    {'score': [0.5, None], '3': 2}
    """
    return _plain(value, deep=0)


def _plain(value: Any, deep: int) -> Any:
    if deep > MOST_DEEP:  # a mapping that holds itself has no end
        return "..."
    value = _untabled(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item, deep + 1) for key, item in value.items()}
    if callable(getattr(value, "tolist", None)):  # arrays, Series and numpy's scalars
        return _plain(value.tolist(), deep + 1)
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item, deep + 1) for item in value]
    if value is pd.NA or value is pd.NaT or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return value if value is None or isinstance(value, str | int | float) else str(value)


def _untabled(value: Any) -> Any:
    if isinstance(value, pd.DataFrame):
        return {name: value[name] for name in value.columns.unique()}
    if isinstance(value, pd.Series) and not isinstance(value.index, pd.RangeIndex):
        return dict(zip(value.index, value.tolist(), strict=True))
    return value


def _mapping(given: Any, what: str, expected: str) -> dict[Any, Any]:
    if isinstance(given, pd.DataFrame | Mapping):
        return {name: given[name] for name in given}
    raise ConfigurationError(f"{what} is no mapping", expected=expected, got=type(given).__name__)


def _number(value: Any) -> float | None:
    """Return a number as a float, numpy's and an array of one, too; truth values are none."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    return float(value)


def _column(values: Any) -> NDArray[Any]:
    return np.ravel(np.asarray(values, dtype=object))


def _scores(results: Mapping[Any, Any], best_score: float) -> NDArray[np.float64]:
    """Return the mean scores of what was tried: the column that holds the best score."""
    columns = [results[SCORES]] if SCORES in results else [
        values for name, values in results.items() if str(name).startswith(OF_METRIC)
    ]  # fmt: skip
    found = [pd.to_numeric(pd.Series(_column(v)), errors="coerce").dropna() for v in columns]
    if SCORES not in results:
        found = [scores for scores in found if (scores == best_score).any()]
    return np.asarray(found[0] if len(found) == 1 else [], dtype=np.float64)
