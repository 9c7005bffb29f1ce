"""Whether what is stored answers as the fitted model does, on the rows as its maker has them.

What is stored sees numbers as float64 and categories as text, whatever a row comes from. A model
that was fitted on another form (codes, truth values or None among categories) would score those
rows differently once it is loaded, and nobody would notice.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import xgboost as xgb
from numpy.typing import NDArray

from finrisk.errors import ConfigurationError, DataError
from finrisk.tracking.rows import check_columns
from finrisk.tracking.scoring_model import ScoringModel, answered, best_rounds

Positions = NDArray[np.int64]

TOLERANCE = 1e-6
SPREAD_ROWS = 400
"""Rows spread evenly over a frame; a kernel machine takes a second for some thousands."""

MOST_OF_A_KIND = 50
MOST_ROWS = 1_000


def check_same_answers(
    model: Any, scoring: ScoringModel, given: Any, features: pd.DataFrame, what: str
) -> None:
    """Compare the caller's model on the caller's rows with what will be stored.

    Parameters
    ----------
    model : estimator
        As it was fitted.
    scoring : ScoringModel
        The same model, as it will be stored.
    given : DataFrame or array-like of shape (n, n_features)
        Rows as the caller has them.
    features : DataFrame of shape (n, at least the features)
        The same rows from ``named_features``; further columns are left out.
    what : str
        What the caller calls them: ``X_test``.

    Raises
    ------
    DataError
        A feature has no column, or the model itself cannot score these rows.
    ConfigurationError
        What would be stored scores them differently, by more than 1e-6 of the score.
    """
    check_columns(features, scoring.feature_names)
    at = telling_rows(features, scoring)
    rows = _rows(given, features, scoring, at)
    with answered(what):
        score, answer = _own(model, rows, predicts=isinstance(scoring.estimator, xgb.Booster))
    try:
        stored = scoring.score(features.iloc[at])
        said = answer if answer is None else np.asarray(scoring.predict(features.iloc[at]))
    except DataError as exc:
        raise _differs(scoring, features, what, "cannot score") from exc
    off = np.abs(stored - score) / np.maximum(1.0, np.abs(score))
    if not np.all(off <= TOLERANCE):
        raise _differs(scoring, features, what, f"scores {np.mean(off > TOLERANCE):.0%} of")
    if answer is not None and said is not None and not np.array_equal(answer, said):
        raise _differs(scoring, features, what, "predicts otherwise for some of")


def telling_rows(features: pd.DataFrame, scoring: ScoringModel) -> Positions:
    """Return positions of rows to compare: spread evenly, each category, and a gap of each column.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from finrisk.monitoring.fitted import as_scoring_model
    >>> rows = pd.DataFrame({"income": [1.0, 2.0, 3.0]})
    >>> model = LogisticRegression().fit(rows, [0, 1, 1])
    >>> telling_rows(rows, as_scoring_model(model, rows)).tolist()
    [0, 1, 2]
    """
    chosen = [np.linspace(0, len(features) - 1, min(SPREAD_ROWS, len(features))).astype(np.int64)]
    for name in scoring.feature_names:
        if name in scoring.categorical:
            chosen.append(np.flatnonzero(~features[name].duplicated())[:MOST_OF_A_KIND])
        chosen.append(np.flatnonzero(features[name].isna())[:1])
    _, first = np.unique(found := np.concatenate(chosen), return_index=True)
    return np.sort(found[np.sort(first)][:MOST_ROWS])


def _rows(given: Any, features: pd.DataFrame, scoring: ScoringModel, at: Positions) -> Any:
    """Return the caller's own rows, their columns in the model's order."""
    if not isinstance(given, pd.DataFrame):
        return np.asarray(given)[at]
    names = list(features.columns)
    own = [names.index(name) for name in scoring.feature_names]
    return given.iloc[at].iloc[:, own]


def _own(model: Any, rows: Any, *, predicts: bool) -> tuple[NDArray[np.float64], Any]:
    """Return the fitted model's risk scores, and its ``predict`` if asked; a Booster has none.

    Asked where the stored form has a rule of its own, XGBoost's. Other estimators are stored whole:
    where they score alike they predict alike, and a second pass would double what this takes.
    """
    if isinstance(model, xgb.Booster):
        matrix = xgb.DMatrix(rows)
        return np.asarray(model.predict(matrix, iteration_range=best_rounds(model))), None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an array where a frame was fitted, and the reverse
        if hasattr(model, "predict_proba"):
            score = model.predict_proba(rows)[:, 1]
        else:
            score = -model.score_samples(rows)
        answer = np.asarray(model.predict(rows)) if predicts else None
        return np.asarray(score, dtype=np.float64), answer


def _differs(
    scoring: ScoringModel, features: pd.DataFrame, what: str, how: str
) -> ConfigurationError:
    suspects = [name for name in scoring.categorical if _is_not_text(features[name])]
    of = f" of {', '.join(suspects)}" if suspects else ""
    return ConfigurationError(
        f"the model as FinRisk stores it {how} {what}{' otherwise' if '%' in how else ''}",
        expected="the answers of the model as it was fitted; categories are stored as text, "
        "numbers as float64",
        got=f"other values{of} than the model was fitted on",
        remedy=f"make text of the categories{of} before fitting, a word for a missing one too",
    )


def _is_not_text(column: pd.Series[Any]) -> bool:
    return not all(isinstance(value, str) for value in column.unique())
