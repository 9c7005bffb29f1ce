"""Paired DeLong: whether the difference of two AUCs on the same rows is more than chance.

DeLong, DeLong & Clarke-Pearson 1988 (Biometrics 44:837), by the midranks of Sun & Xu 2014 (IEEE
SPL 21:1389). For two fixed models on independent rows; clusters are not accounted for here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finrisk.errors import NotEnoughData
from finrisk.metrics.inputs import Flags, Floats, labels_and_scores

FEWEST_PER_CLASS = 2  # a variance of one value is none

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PairedDeLong:
    """Challenger against champion; the difference is challenger − champion.

    ``z`` is 0 where both rank alike (no difference, no variance), and None where they differ
    without variance, so that no test is possible; ``p_value`` is two-sided. ``covariance`` is of
    (champion AUC, challenger AUC); its diagonal holds each model's own DeLong variance.
    """

    champion_auc: float
    challenger_auc: float
    difference: float
    standard_error: float
    z: float | None
    p_value: float | None
    covariance: tuple[tuple[float, float], tuple[float, float]]


@dataclass(frozen=True, slots=True)
class _Placements:
    """Twice the wins of every row over the other class, a tie counting half: whole numbers."""

    bads: Counts  # (P,) 2N · V10
    goods: Counts  # (N,) 2P · V01


def paired_delong(
    y_true: ArrayLike, champion_score: ArrayLike, challenger_score: ArrayLike
) -> PairedDeLong:
    """Compare the AUCs of two risk scores on the same rows.

    Parameters
    ----------
    y_true : (n,) array-like of 0 and 1
        1 = bad, 0 = good; at least two of each.
    champion_score, challenger_score : (n,) array-likes of finite floats
        Risk scores, higher = riskier; each on its own scale, since only the ranks count.

    Returns
    -------
    PairedDeLong

    Raises
    ------
    LabelError
        A label is neither 0 nor 1, or all are the same.
    NotEnoughData
        Fewer than two bads or two goods.
    DataError
        No rows, lengths that differ, or a score that is not finite.

    Examples
    --------
    >>> labels = [0, 0, 0, 1, 1, 1]
    >>> same = paired_delong(labels, [1, 2, 4, 3, 5, 6], [10, 20, 40, 30, 50, 60])
    >>> same.difference, same.z, same.p_value
    (0.0, 0.0, 1.0)
    """
    bad, scores = labels_and_scores(y_true, champion_score, challenger_score)
    bads, goods = int(bad.sum()), int((~bad).sum())
    if min(bads, goods) < FEWEST_PER_CLASS:
        raise NotEnoughData(
            "paired DeLong has no variance to estimate",
            expected=f"at least {FEWEST_PER_CLASS} bads and goods",
            got=f"{bads} bads and {goods} goods",
        )
    champion, challenger = (_placements(bad, score) for score in scores)
    pairs = 2 * bads * goods
    wins_champion, wins_challenger = int(champion.bads.sum()), int(challenger.bads.sum())
    variance = _variance_of_mean(challenger.bads - champion.bads, 2 * goods)
    variance += _variance_of_mean(challenger.goods - champion.goods, 2 * bads)
    difference, standard_error = (wins_challenger - wins_champion) / pairs, math.sqrt(variance)
    z = _z(difference, standard_error)
    return PairedDeLong(
        champion_auc=wins_champion / pairs,
        challenger_auc=wins_challenger / pairs,
        difference=difference,
        standard_error=standard_error,
        z=z,
        p_value=None if z is None else math.erfc(abs(z) / math.sqrt(2.0)),
        covariance=_covariance(champion, challenger),
    )


def _placements(bad: Flags, score: Floats) -> _Placements:
    among_all = _twice_midranks(score)
    bads, goods = among_all[bad], among_all[~bad]
    bads_below = bads - _twice_midranks(score[bad])
    goods_above = 2 * bads.size - (goods - _twice_midranks(score[~bad]))
    return _Placements(bads=bads_below, goods=goods_above)


def _twice_midranks(score: Floats) -> Counts:
    """Return 2 × the midrank of each value, an integer: rows below × 2 + rows tied + 1."""
    _, position, ties = np.unique(score, return_inverse=True, return_counts=True)
    up_to = np.cumsum(ties)
    twice: Counts = (2 * up_to - ties + 1)[position]
    return twice


def _variance_of_mean(twice_wins: Counts, scale: int) -> float:
    """Variance of the mean of ``twice_wins / scale``; exactly 0 where all are the same.

    Shifting by one of the whole numbers keeps equal values at 0: in floats their mean may be off by
    a last digit, and a variance of 1e-33 would turn a difference into a z of 1e15.
    """
    shifted = (twice_wins - twice_wins[0]) / scale
    return float(np.var(shifted, ddof=1)) / twice_wins.size


def _covariance(
    champion: _Placements, challenger: _Placements
) -> tuple[tuple[float, float], tuple[float, float]]:
    bads, goods = champion.bads.size, champion.goods.size
    matrix = np.cov(np.stack([champion.bads, challenger.bads]) / (2 * goods)) / bads
    matrix += np.cov(np.stack([champion.goods, challenger.goods]) / (2 * bads)) / goods
    (a, b), (c, d) = matrix.tolist()
    return (a, b), (c, d)


def _z(difference: float, standard_error: float) -> float | None:
    if standard_error > 0.0:
        return difference / standard_error
    return 0.0 if difference == 0.0 else None
