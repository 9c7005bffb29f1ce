"""What investigators see of cards: a card that was found out is blocked, and no longer alerts.

Definitions follow the Fraud Detection Handbook (Le Borgne et al. 2022), "Card Precision top-k".
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from finrisk.errors import ConfigurationError, DataError
from finrisk.metrics.clusters import Codes, cluster_codes
from finrisk.metrics.days import day_numbers, require_budget, rows_by_day
from finrisk.metrics.inputs import Flags, labels_and_rankable, labels_and_scores
from finrisk.metrics.sort_keys import Score

WIDER = 4  # by how much more of a day is looked at when its riskiest rows are of too few cards


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
    day = day_numbers(days, bad.size).astype(np.int64)
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
        As :func:`finrisk.metrics.alerts.alerts_by_day` has them.
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


def _riskiest_cards(card: Codes, score: Score, k: int) -> Codes:
    """Return the k cards whose riskiest rows are riskiest, all of them if there are fewer."""
    taken, top = 0, np.zeros(card.size, dtype=np.bool_)
    while taken < card.size and np.unique(card[top]).size < k:
        taken = min(max(WIDER * taken, k), card.size)
        top = score >= np.partition(score, card.size - taken)[card.size - taken]
    by_risk = card[top][np.lexsort((card[top], -score[top]))]
    first_rows = np.sort(np.unique(by_risk, return_index=True)[1])
    return by_risk[first_rows[:k]]
