"""What investigators see: they can take k alerts a day, so a day's k riskiest are what counts.

Figures and words follow Le Borgne, Siblini, Lebichot and Bontempi, "Reproducible Machine Learning
for Credit Card Fraud Detection - Practical Handbook" (2022), chapter 4, "Precision top-k metrics".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finrisk.metrics.card_alerts import card_precision
from finrisk.metrics.days import Days, require_budget, rows_by_day
from finrisk.metrics.inputs import Flags, Floats, labels_and_rankable
from finrisk.metrics.ranking import ranking_metrics
from finrisk.metrics.sort_keys import Score

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class AlertsByDay:
    """What each day's alerts caught; all arrays have shape (D,), in the order of the days.

    ``alerts`` is k, or all ``rows`` of a day that has fewer. ``bads_caught`` is whole unless the
    last place falls into tied rows: then it is the expectation over random tie-breaking.
    """

    days: Days
    rows: Counts
    bads: Counts
    alerts: Counts
    bads_caught: Floats

    @property
    def precision(self) -> Floats:
        """Bads caught ÷ alerts, in [0, 1]; higher is better."""
        return self.bads_caught / self.alerts

    @property
    def recall(self) -> Floats:
        """Bads caught ÷ bads, in [0, 1], higher is better; NaN on a day without bads."""
        unknown = np.full(self.bads.size, np.nan)
        shares: Floats = np.divide(self.bads_caught, self.bads, out=unknown, where=self.bads > 0)
        return shares

    @property
    def daily_precision(self) -> float:
        """Mean of the days' precisions."""
        return float(self.precision.mean())

    @property
    def at_budget(self) -> BudgetMetrics:
        """The figures of all days' alerts together."""
        caught, bads, alerts = (
            float(part.sum()) for part in (self.bads_caught, self.bads, self.alerts)
        )
        return BudgetMetrics(
            precision=caught / alerts, recall=caught / bads, f1=2 * caught / (bads + alerts)
        )


@dataclass(frozen=True, slots=True)
class BudgetMetrics:
    """The figures when the k riskiest rows of each day are flagged, all days taken together.

    Each is in [0, 1] and higher is better. ``precision`` is bads caught ÷ alerts, ``recall`` bads
    caught ÷ bads, ``f1`` their harmonic mean.
    """

    precision: float
    recall: float
    f1: float


def alerts_by_day(y_true: ArrayLike, y_score: ArrayLike, days: ArrayLike, *, k: int) -> AlertsByDay:
    """Count what each day's k riskiest rows catch.

    Parameters
    ----------
    y_true : (n,) array-like of 0 and 1
        1 = bad, 0 = good; both must occur, though not on every day.
    y_score : (n,) array-like of finite floats
        Risk score, higher = riskier; any scale.
    days : (n,) array-like of datetime64 or whole numbers
        The day of each row; of a moment its date counts.
    k : int
        Alerts a day, at least 1; a day with fewer rows alerts on all of them.

    Raises
    ------
    LabelError
        A label is neither 0 nor 1, or all are the same.
    DataError
        No rows, lengths that differ, a score that is not finite, or days that are none.
    ConfigurationError
        A k below 1.

    Examples
    --------
    >>> of = alerts_by_day([1, 0, 0, 1], [0.9, 0.4, 0.8, 0.3], [1, 1, 2, 2], k=1)
    >>> of.bads_caught.tolist(), of.precision.tolist(), of.recall.tolist()
    ([1.0, 0.0], [1.0, 0.0], [1.0, 0.0])
    """
    require_budget(k)
    bad, (score,) = labels_and_rankable(y_true, y_score)
    when, places = rows_by_day(days, bad.size)
    rows = np.array([of_day.size for of_day in places], dtype=np.int64)
    alerts = np.minimum(rows, k)
    caught = [
        _bads_within(bad[of_day], score[of_day], taken)
        for of_day, taken in zip(places, alerts.tolist(), strict=True)
    ]
    return AlertsByDay(
        days=when,
        rows=rows,
        bads=np.array([np.count_nonzero(bad[of_day]) for of_day in places], dtype=np.int64),
        alerts=alerts,
        bads_caught=np.array(caught, dtype=np.float64),
    )


def daily_precision(y_true: ArrayLike, y_score: ArrayLike, days: ArrayLike, *, k: int) -> float:
    """Return precision@k of each day, averaged over the days: in [0, 1], higher is better.

    Parameters and errors are those of :func:`alerts_by_day`.

    Notes
    -----
    The Handbook defines a day's precision as the bads among its alerts over its alerts, and writes
    k for the latter since it takes k to be far below a day's rows. A day with fewer rows than k is
    beyond that definition. Its precision is over its own rows, as ``precision_at_k`` has it: a
    share of the alerts raised, which says nothing about places that no row could have filled.

    Examples
    --------
    >>> daily_precision([1, 0, 0, 1, 1], [0.9, 0.4, 0.8, 0.8, 0.1], [1, 1, 2, 2, 2], k=1)
    0.75
    """
    return alerts_by_day(y_true, y_score, days, k=k).daily_precision


def budget_metrics(
    y_true: ArrayLike, y_score: ArrayLike, days: ArrayLike, *, k: int
) -> BudgetMetrics:
    """Return precision, recall and F1 when the k riskiest rows of each day are flagged.

    Parameters and errors are those of :func:`alerts_by_day`.

    Examples
    --------
    >>> at = budget_metrics([1, 0, 0, 1, 0], [0.9, 0.4, 0.8, 0.3, 0.2], [1, 1, 2, 2, 2], k=1)
    >>> at.precision, at.recall, at.f1
    (0.5, 0.5, 0.5)
    """
    return alerts_by_day(y_true, y_score, days, k=k).at_budget


def fraud_metrics(
    y_true: ArrayLike,
    y_score: ArrayLike,
    days: ArrayLike,
    *,
    k: int,
    cards: ArrayLike | None = None,
    known: ArrayLike | None = None,
) -> dict[str, float]:
    """Return every figure of a fraud model under the flat names that MLflow and the gate use.

    Parameters
    ----------
    y_true, y_score, days, k
        As :func:`alerts_by_day` has them.
    cards, known : (n,) array-likes, optional
        As :func:`card_precision` has them; ``known`` concerns that figure alone. The Handbook
        leaves such rows out of every figure: to do so, leave them out of all columns.

    Returns
    -------
    dict of name to float; higher is better in all of them
        - of all rows, by one call of ``ranking_metrics``: ``auc``, ``gini``, ``ks``,
          ``average_precision``, ``lift_top_1pct``, ``lift_top_5pct``, ``lift_top_10pct``,
          ``detection_rate_at_fpr_1pct``, ``detection_rate_at_fpr_5pct``;
        - ``daily_precision_at_{k}`` and, with cards, ``card_precision_at_{k}``;
        - ``precision``, ``recall``, ``f1_score`` at the alert budget, all days together.

    Raises
    ------
    LabelError, DataError, ConfigurationError, NotEnoughData
        As the functions that measure them.

    Examples
    --------
    >>> days, cards = [1, 1, 2, 2], ["a", "b", "a", "b"]
    >>> of = fraud_metrics([1, 0, 0, 1], [0.9, 0.4, 0.8, 0.3], days, k=1, cards=cards)
    >>> of["auc"], of["daily_precision_at_1"], of["recall"], of["card_precision_at_1"]
    (0.5, 0.5, 0.5, 1.0)
    """
    by_day = alerts_by_day(y_true, y_score, days, k=k)
    at = by_day.at_budget
    figures = ranking_metrics(y_true, y_score, ks=()).named()
    figures[f"daily_precision_at_{k}"] = by_day.daily_precision
    if cards is not None:
        figures[f"card_precision_at_{k}"] = card_precision(
            y_true, y_score, days, cards, k=k, known=known
        )
    return figures | {"precision": at.precision, "recall": at.recall, "f1_score": at.f1}


def _bads_within(bad: Flags, score: Score, places: int) -> float:
    """Count the bads among the riskiest rows, as expected when ties are broken at random."""
    if places == score.size:
        return float(np.count_nonzero(bad))
    last = np.partition(score, score.size - places)[score.size - places]
    above, tied = score > last, score == last
    room = places - np.count_nonzero(above)
    share_taken = room / np.count_nonzero(tied)
    return float(np.count_nonzero(bad & above) + share_taken * np.count_nonzero(bad & tied))
