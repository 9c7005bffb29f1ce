"""Paired DeLong: whether the difference of two AUCs on the same rows is more than chance.

DeLong, DeLong & Clarke-Pearson 1988 (Biometrics 44:837), by the midranks of Sun & Xu 2014 (IEEE
SPL 21:1389). For two fixed models. Rows that move together make DeLong's variance too small; for
them the rows' influences on the difference are summed by cluster first (in the way of Obuchowski
1997, Biometrics 53:567), and the largest standard error counts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finrisk.errors import NotEnoughData
from finrisk.metrics.clusters import ROWS, Codes, largest, standard_errors
from finrisk.metrics.inputs import Flags, Floats, labels_and_rankable
from finrisk.metrics.sort_keys import Score

FEWEST_PER_CLASS = 2  # a variance of one value is none

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PairedDeLong:
    """Challenger against champion; the difference is challenger − champion.

    ``standard_errors`` holds s by "rows" (independent: DeLong's own), by each declared cluster and
    by each pair of them as "a x b"; ``standard_error`` is the largest and ``variance_by`` its key.
    ``z`` is 0 where both rank alike (no difference, no variance), and None where they differ
    without variance, so that no test is possible; ``p_value`` is two-sided. ``covariance`` is of
    (champion AUC, challenger AUC) for independent rows whatever the clusters; its diagonal holds
    each model's own DeLong variance.
    """

    champion_auc: float
    challenger_auc: float
    difference: float
    standard_error: float
    z: float | None
    p_value: float | None
    covariance: tuple[tuple[float, float], tuple[float, float]]
    standard_errors: Mapping[str, float]
    variance_by: str


@dataclass(frozen=True, slots=True)
class _Placements:
    """Twice the wins of every row over the other class, a tie counting half: whole numbers."""

    bads: Counts  # (P,) 2N · V10
    goods: Counts  # (N,) 2P · V01


def paired_delong(
    y_true: ArrayLike,
    champion_score: ArrayLike,
    challenger_score: ArrayLike,
    *,
    clusters: Mapping[str, ArrayLike] | None = None,
) -> PairedDeLong:
    """Compare the AUCs of two risk scores on the same rows.

    Parameters
    ----------
    y_true : (n,) array-like of 0 and 1
        1 = bad, 0 = good; at least two of each.
    champion_score, challenger_score : (n,) array-likes of finite floats
        Risk scores, higher = riskier; each on its own scale, since only the ranks count.
    clusters : mapping of name to (n,) array-like, optional
        What rows may move together by, such as customer and terminal: the cluster of each row.
        A cluster's variance is ``G/(G−1) · Σ_g (Σ_{i∈g} ψ_i)²`` over its G clusters, with ψ_i the
        influence of row i on the difference; two-way it is a + b − ab.

    Returns
    -------
    PairedDeLong

    Raises
    ------
    LabelError
        A label is neither 0 nor 1, or all are the same.
    NotEnoughData
        Fewer than two bads or two goods, or one cluster only.
    DataError
        No rows, lengths that differ, a score that is not finite, or a missing cluster.
    ConfigurationError
        A cluster named "rows" or like a pair of others.

    Examples
    --------
    >>> labels = [0, 0, 0, 1, 1, 1]
    >>> same = paired_delong(labels, [1, 2, 4, 3, 5, 6], [10, 20, 40, 30, 50, 60])
    >>> same.difference, same.z, same.p_value
    (0.0, 0.0, 1.0)
    >>> month = [1, 1, 2, 2, 3, 3]
    >>> by_month = paired_delong(labels, [1, 2, 4, 3, 5, 6], range(6), clusters={"month": month})
    >>> list(by_month.standard_errors), by_month.variance_by
    (['rows', 'month'], 'month')
    """
    bad, scores = labels_and_rankable(y_true, champion_score, challenger_score)
    bads = int(np.count_nonzero(bad))
    goods = bad.size - bads
    if min(bads, goods) < FEWEST_PER_CLASS:
        raise NotEnoughData(
            "paired DeLong has no variance to estimate",
            expected=f"at least {FEWEST_PER_CLASS} bads and goods",
            got=f"{bads} bads and {goods} goods",
        )
    champion, challenger = (_placements(bad, score) for score in scores)
    pairs = 2 * bads * goods
    wins_champion, wins_challenger = int(champion.bads.sum()), int(challenger.bads.sum())
    gains = _Placements(challenger.bads - champion.bads, challenger.goods - champion.goods)
    by_rows = _variance_of_mean(gains.bads, 2 * goods) + _variance_of_mean(gains.goods, 2 * bads)
    errors = _standard_errors(by_rows, bad, gains, clusters)
    difference = (wins_challenger - wins_champion) / pairs
    z, p_value = z_and_p(difference, errors[largest(errors)])
    return PairedDeLong(
        champion_auc=wins_champion / pairs,
        challenger_auc=wins_challenger / pairs,
        difference=difference,
        standard_error=errors[largest(errors)],
        z=z,
        p_value=p_value,
        covariance=_covariance(champion, challenger),
        standard_errors=errors,
        variance_by=largest(errors),
    )


def z_and_p(difference: float, standard_error: float) -> tuple[float | None, float | None]:
    """Return z = Δ/s and its two-sided p; (0, 1) without difference and s, None without s only.

    Examples
    --------
    >>> z_and_p(0.0, 0.0), z_and_p(0.1, 0.0)
    ((0.0, 1.0), (None, None))
    """
    if standard_error > 0.0:
        z = difference / standard_error
        return z, math.erfc(abs(z) / math.sqrt(2.0))
    return (0.0, 1.0) if difference == 0.0 else (None, None)


def _standard_errors(
    by_rows: float, bad: Flags, gains: _Placements, clusters: Mapping[str, ArrayLike] | None
) -> dict[str, float]:
    if not clusters:
        return {ROWS: math.sqrt(by_rows)}
    psi = _influences(bad, gains)

    def variance_by(codes: Codes) -> float:
        sums = np.bincount(codes, weights=psi).astype(np.float64, copy=False)
        return sums.size / (sums.size - 1) * float(np.square(sums).sum())

    return standard_errors(by_rows, clusters, bad.size, variance_by)


def _influences(bad: Flags, gains: _Placements) -> Floats:
    """Return ψ of each row, what it adds to the difference; exactly 0 where all gain alike."""
    psi: Floats = np.empty(bad.size)
    for rows, gain in ((bad, gains.bads), (~bad, gains.goods)):
        shifted = gain - gain[0]  # whole numbers: equal ones leave exactly 0
        psi[rows] = shifted - shifted.mean()
    psi /= 2.0 * gains.bads.size * gains.goods.size
    return psi


def _placements(bad: Flags, score: Score) -> _Placements:
    """Count the wins along one argsort; tied rows share what lies half-way through their tie."""
    order = np.argsort(score)
    ranked, is_bad = score[order], bad[order]
    last = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))  # of each tie
    bads_up_to = np.cumsum(is_bad, dtype=np.int64)[last]
    goods_up_to = last + 1 - bads_up_to
    twice_goods_below = _with_one_before(goods_up_to)
    twice_bads_above = 2 * bads_up_to[-1] - _with_one_before(bads_up_to)
    if last.size < bad.size:
        ties = np.diff(last, prepend=-1)
        twice_goods_below = np.repeat(twice_goods_below, ties)
        twice_bads_above = np.repeat(twice_bads_above, ties)
    wins = np.empty_like(twice_goods_below)
    wins[order] = np.where(is_bad, twice_goods_below, twice_bads_above)
    return _Placements(bads=wins[bad], goods=wins[~bad])


def _with_one_before(up_to: Counts) -> Counts:
    both = up_to.copy()
    both[1:] += up_to[:-1]
    return both


def _variance_of_mean(twice_wins: Counts, scale: int) -> float:
    """Variance of the mean of ``twice_wins / scale``; exactly 0 where all are the same.

    Shifting by one of the whole numbers keeps equal values at 0: in floats their mean may be off by
    a last digit, and a variance of 1e-33 would turn a difference into a z of 1e15.
    """
    shifted: Floats = (twice_wins - twice_wins[0]) / scale
    return float(np.var(shifted, ddof=1)) / shifted.size


def _covariance(
    champion: _Placements, challenger: _Placements
) -> tuple[tuple[float, float], tuple[float, float]]:
    bads, goods = champion.bads.size, champion.goods.size
    spread = [[0.0, 0.0], [0.0, 0.0]]
    for wins, scale in (
        ((champion.bads, challenger.bads), 2 * goods),
        ((champion.goods, challenger.goods), 2 * bads),
    ):
        about_mean = [own / scale - own.mean() / scale for own in wins]
        rows = about_mean[0].size
        for i, j in ((0, 0), (0, 1), (1, 1)):
            # a plain sum: a threaded product of matrices would depend on the number of threads
            spread[i][j] += float((about_mean[i] * about_mean[j]).sum()) / (rows - 1) / rows
    return (spread[0][0], spread[0][1]), (spread[0][1], spread[1][1])
