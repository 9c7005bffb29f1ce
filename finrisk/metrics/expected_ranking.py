"""How well probabilities rank, if each of them is right: what is known before any label is.

If a row's probability of bad is what its score says, labels can be drawn, and the ranking figures
of such draws are what the true ones will be like. Nothing here has seen a label: where the
probabilities are wrong, so is the figure, and nothing in it tells.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finrisk.errors import ConfigurationError, DataError
from finrisk.metrics.inputs import Floats

AUC, AVERAGE_PRECISION = "auc", "average_precision"
INTERVAL = (0.025, 0.975)


@dataclass(frozen=True, slots=True)
class ExpectedMetric:
    """The mean over draws of labels, and what 95 % of the draws lie between."""

    value: float
    low: float
    high: float


def expected_ranking(
    probability: ArrayLike, *, draws: int = 50, most_rows: int = 200_000, seed: int = 0
) -> dict[str, ExpectedMetric] | None:
    """Return the AUC and the average precision that the probabilities promise.

    Parameters
    ----------
    probability : (n,) array-like of floats in [0, 1]
        Probability of bad, taken for calibrated and each row's outcome for independent.
    draws : int
        At least 2.
    most_rows : int
        Of more rows an even share of them is taken, riskiest first: the figures are theirs, and
        the interval is at most wider.
    seed : int

    Returns
    -------
    dict or None
        None where hardly a draw has both classes.

    Raises
    ------
    DataError
        No rows, or a probability outside [0, 1].
    ConfigurationError
        Fewer than two draws.

    Examples
    --------
    >>> expected = expected_ranking(np.linspace(0.0, 1.0, 4001))
    >>> round(expected["auc"].value, 2)  # 5/6 in the limit
    0.83
    """
    chance = np.asarray(probability, dtype=np.float64)
    if chance.ndim != 1 or not chance.size or not ((chance >= 0.0) & (chance <= 1.0)).all():
        raise DataError("no column of probabilities", expected="rows of numbers in [0, 1]")
    if draws < 2:  # noqa: PLR2004 - an interval of one draw is none
        raise ConfigurationError("too few draws", expected="at least 2", got=draws)
    riskiest_first = np.sort(chance)[::-1][:: -(-chance.size // most_rows)]
    ends = np.append(np.flatnonzero(np.diff(riskiest_first)), riskiest_first.size - 1)
    rng = np.random.default_rng(seed)
    drawn = [_figures(rng.random(riskiest_first.size) < riskiest_first, ends) for _ in range(draws)]
    figures = np.array([pair for pair in drawn if pair is not None])
    if len(figures) < draws // 2 + 1:
        return None
    low, high = np.quantile(figures, INTERVAL, axis=0)
    means = figures.mean(axis=0)
    return {
        name: ExpectedMetric(float(means[at]), float(low[at]), float(high[at]))
        for at, name in enumerate((AUC, AVERAGE_PRECISION))
    }


def _figures(bad: NDArray[np.bool_], ends: NDArray[np.intp]) -> tuple[float, float] | None:
    """Return AUC and average precision of labels, riskiest first; ``ends`` close tied rows."""
    bads_above: Floats = np.cumsum(bad)[ends].astype(np.float64)
    rows_above = ends + 1.0
    bads = bads_above[-1]
    goods = rows_above[-1] - bads
    if bads == 0.0 or goods == 0.0:
        return None
    of_bads, of_rows = np.diff(bads_above, prepend=0.0), np.diff(rows_above, prepend=0.0)
    of_goods = of_rows - of_bads
    # a good is outranked by the bads above it, and half of those beside it
    wins = float(np.sum(of_goods * (bads_above - of_bads / 2.0)))
    precision = float(np.sum(of_bads * bads_above / rows_above))
    return wins / float(bads * goods), precision / float(bads)
