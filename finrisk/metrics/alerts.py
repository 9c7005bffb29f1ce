"""What investigators see: they can take k alerts a day, so a day's k riskiest are what counts.

Figures and words follow Le Borgne, Siblini, Lebichot and Bontempi, "Reproducible Machine Learning
for Credit Card Fraud Detection - Practical Handbook" (2022), chapter 4, "Precision top-k metrics".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finrisk.errors import ConfigurationError, DataError
from finrisk.metrics.clusters import Codes, cluster_codes
from finrisk.metrics.inputs import Flags, Floats, labels_and_rankable, labels_and_scores
from finrisk.metrics.ranking import ranking_metrics
from finrisk.metrics.sort_keys import Score

Counts = NDArray[np.int64]
Places = NDArray[np.int64]
Days = NDArray[Any]  # datetime64[D], or whole numbers
WIDER = 4  # by how much more of a day is looked at when its riskiest rows are of too few cards


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


def known_compromised(
    y_true: ArrayLike, days: ArrayLike, cards: ArrayLike, *, delay_days: int
) -> Flags:
    """Flag the rows whose card is known to be compromised by their day, and so is blocked.

    Parameters
    ----------
    y_true : (n,) array-like of 0 and 1
        1 = bad, 0 = good; both must occur. Give the days before a hold-out too: a card is often
        found out there.
    days : (n,) array-like of datetime64 or whole numbers
    cards : (n,) array-like
        Ids of one kind that can be ordered; text is slower than whole numbers.
    delay_days : int
        From a bad's day until it is known, at least 0.

    Returns
    -------
    (n,) array of bool
        True where the card has a bad on a day ≤ the row's day − ``delay_days``.

    Raises
    ------
    LabelError, DataError, NotEnoughData
        As ``finrisk.metrics.inputs`` and ``cluster_codes`` have them.
    ConfigurationError
        A negative delay.

    Examples
    --------
    >>> days, cards = [1, 5, 8, 9, 9], ["a", "a", "a", "a", "b"]
    >>> known_compromised([1, 0, 0, 0, 0], days, cards, delay_days=7).tolist()
    [False, False, True, True, False]
    """
    if delay_days < 0:
        raise ConfigurationError("a delay is out of range", expected="0 or more", got=delay_days)
    bad, _ = labels_and_scores(y_true)
    day = _days(days, bad.size).astype(np.int64)
    card = cluster_codes("cards", cards, bad.size)
    first_bad = np.full(int(card.max()) + 1, np.iinfo(np.int64).max)
    np.minimum.at(first_bad, card[bad], day[bad])
    blocked: Flags = first_bad[card] <= day - delay_days
    return blocked


def card_precision(
    y_true: ArrayLike,
    y_score: ArrayLike,
    days: ArrayLike,
    cards: ArrayLike,
    *,
    k: int,
    known: ArrayLike | None = None,
) -> float:
    """Return the share of compromised cards among each day's k riskiest, averaged over the days.

    A card is as risky as its riskiest row of the day, and compromised if any of those rows is bad.
    A compromised card among the k is found out: from the next day on it is blocked, and its rows
    no longer alert. In [0, 1], higher is better, but 1 is out of reach once k is beyond the cards
    that can still be found.

    Parameters
    ----------
    y_true, y_score, days
        As :func:`alerts_by_day` has them.
    cards : (n,) array-like
        Ids of one kind that can be ordered.
    k : int
        Cards that can be looked into a day, at least 1.
    known : (n,) array-like of bool, optional
        Rows whose card is blocked already, as ``known_compromised`` finds them.

    Raises
    ------
    LabelError, DataError, ConfigurationError
        As ``alerts_by_day``; also ``known`` that is no flag a row.
    NotEnoughData
        One card only.

    Notes
    -----
    Always over k, as the Handbook writes it: how many cards are left depends on what the model
    found on the days before, and of two models each would be measured by another count. Of cards
    with the same score the one with the smaller id comes first. An expectation over tie-breaking,
    as for rows, would have to follow every order of the days before.

    Examples
    --------
    >>> days, cards = [1, 1, 2, 2], ["a", "b", "a", "b"]
    >>> card_precision([1, 0, 1, 1], [0.9, 0.4, 0.9, 0.6], days, cards, k=1)
    1.0
    """
    require_budget(k)
    bad, (score,) = labels_and_rankable(y_true, y_score)
    card = cluster_codes("cards", cards, bad.size)
    blocked = _flags("known", known, bad.size)
    found = np.zeros(int(card.max()) + 1, dtype=np.bool_)
    _, places = rows_by_day(days, bad.size)
    precisions = []
    for of_day in places:
        rows = of_day[~(blocked[of_day] | found[card[of_day]])]
        looked_into = _riskiest_cards(card[rows], score[rows], k)
        compromised = np.intersect1d(looked_into, card[rows[bad[rows]]])
        found[compromised] = True
        precisions.append(compromised.size / k)
    return float(np.mean(precisions))


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


def rows_by_day(days: ArrayLike, rows: int) -> tuple[Days, list[Places]]:
    """Return the days that occur, in order, and the places of each one's rows.

    Parameters
    ----------
    days : (n,) array-like of datetime64 or whole numbers
    rows : int
        n.

    Raises
    ------
    DataError
        A length that differs, a missing day, or neither dates nor whole numbers.

    Examples
    --------
    >>> when, places = rows_by_day(np.array(["2024-03-02", "2024-03-01"], "datetime64[m]"), 2)
    >>> when.tolist(), [place.tolist() for place in places]
    ([datetime.date(2024, 3, 1), datetime.date(2024, 3, 2)], [[1], [0]])
    """
    day = _days(days, rows)
    order = np.argsort(day, kind="stable")  # rows that landed day by day are in order already
    in_order = day[order]
    starts = np.flatnonzero(in_order[1:] != in_order[:-1]) + 1
    return in_order[np.append(0, starts)], np.split(order, starts)


def require_budget(k: int) -> None:
    """Refuse an alert budget below 1.

    Raises
    ------
    ConfigurationError
        A k below 1.
    """
    if k < 1:
        raise ConfigurationError("an alert budget is out of range", expected="at least 1", got=k)


def _days(days: ArrayLike, rows: int) -> Days:
    column = np.asarray(days)
    if column.shape != (rows,):
        raise DataError(
            "days are no column of the rows",
            expected=f"shape ({rows},)",
            got=f"shape {column.shape}",
        )
    if column.dtype.kind in "iu":
        return column.astype(np.int64, copy=False)
    if column.dtype.kind != "M":
        raise DataError(
            "days are no days",
            expected="datetime64 or whole numbers",
            got=f"type {column.dtype}",
            remedy="convert dates of other types, and moments of a time zone, to datetime64",
        )
    if missing := int(np.count_nonzero(np.isnat(column))):
        raise DataError(
            "days are missing", expected="a day in every row", got=f"{missing} of {rows} missing"
        )
    return column.astype("datetime64[D]", copy=False)


def _flags(what: str, flags: ArrayLike | None, rows: int) -> Flags:
    if flags is None:
        return np.zeros(rows, dtype=np.bool_)
    column = np.asarray(flags)
    if column.shape != (rows,) or column.dtype.kind != "b":
        raise DataError(
            f"{what} is no flag a row",
            expected=f"shape ({rows},) of booleans",
            got=f"shape {column.shape} of type {column.dtype}",
        )
    return column


def _bads_within(bad: Flags, score: Score, places: int) -> float:
    """Count the bads among the riskiest rows, as expected when ties are broken at random."""
    if places == score.size:
        return float(np.count_nonzero(bad))
    last = np.partition(score, score.size - places)[score.size - places]
    above, tied = score > last, score == last
    room = places - np.count_nonzero(above)
    share_taken = room / np.count_nonzero(tied)
    return float(np.count_nonzero(bad & above) + share_taken * np.count_nonzero(bad & tied))


def _riskiest_cards(card: Codes, score: Score, k: int) -> Codes:
    """Return the k cards whose riskiest rows are riskiest, all of them if there are fewer."""
    taken, top = 0, np.zeros(card.size, dtype=np.bool_)
    while taken < card.size and np.unique(card[top]).size < k:
        taken = min(max(WIDER * taken, k), card.size)
        top = score >= np.partition(score, card.size - taken)[card.size - taken]
    by_risk = card[top][np.lexsort((card[top], -score[top]))]
    first_rows = np.sort(np.unique(by_risk, return_index=True)[1])
    return by_risk[first_rows[:k]]
