"""Anomaly scores, turned so that higher is riskier, whichever way a library counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from finrisk.errors import DataError

Scores = NDArray[np.float64]

RELATED = 0.5
"""Rank correlation from which two scores are taken to say the same thing."""

QUANTILES = (1, 5, 25, 50, 75, 95, 99)

Direction = Literal["as given", "turned", "unrelated"]


@dataclass(frozen=True, slots=True)
class Oriented:
    """Scores with higher = riskier, and what was done to them.

    ``unrelated`` scores do not follow the model's own; they are kept as they were given.
    """

    scores: Scores
    direction: Direction
    rank_correlation: float


def oriented(given: Any, own: Scores) -> Oriented:
    """Turn given anomaly scores into the direction of the model's own risk scores.

    scikit-learn's ``score_samples`` and ``decision_function`` are lower for what is stranger, and
    people hand over either those or their negation. The name does not tell; the ranks do.

    Parameters
    ----------
    given : (n,) array-like of float
        As the caller has them.
    own : (n,) array
        The model's risk scores of the same rows, higher = riskier.

    Raises
    ------
    DataError
        Another count of scores, or one that is not finite.

    Examples
    --------
    >>> own = np.array([0.1, 0.2, 0.9])
    >>> turned = oriented([-1.0, -2.0, -9.0], own)
    >>> turned.direction, turned.scores.tolist()
    ('turned', [1.0, 2.0, 9.0])
    """
    try:
        scores = np.asarray(given, dtype=np.float64).ravel()
    except (TypeError, ValueError):
        raise DataError(
            "anomaly_scores are no numbers",
            expected=f"{own.size} finite numbers, one for each row of X_test",
            got=type(given).__name__,
        ) from None
    if scores.shape != own.shape or not np.isfinite(scores).all():
        raise DataError(
            "anomaly_scores do not fit the test rows",
            expected=f"{own.size} finite numbers, one for each row of X_test",
            got=f"{scores.size} values, {int(np.isfinite(scores).sum())} finite",
        )
    together = _rank_correlation(scores, own)
    if together <= -RELATED:
        return Oriented(-scores, "turned", together)
    return Oriented(scores, "as given" if together >= RELATED else "unrelated", together)


def score_statistics(scores: Scores) -> dict[str, float]:
    """Return mean, standard deviation and quantiles (1 to 99 %); no single row's extreme.

    Examples
    --------
    >>> score_statistics(np.array([1.0, 2.0, 3.0]))["q50"]
    2.0
    """
    found = np.percentile(scores, QUANTILES)
    return {
        "mean": float(scores.mean()),
        "std": float(scores.std()),
        **{f"q{q}": float(value) for q, value in zip(QUANTILES, found, strict=True)},
    }


def _rank_correlation(one: Scores, other: Scores) -> float:
    """Return Spearman's correlation; 0 where one of them is the same for every row."""
    if one.size < 2 or np.ptp(one) == 0.0 or np.ptp(other) == 0.0:  # noqa: PLR2004 - a pair
        return 0.0
    return float(np.corrcoef(rankdata(one), rankdata(other))[0, 1])
