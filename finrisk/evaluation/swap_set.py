"""Who would be decided otherwise: a challenger's decisions beside the champion's on the same rows.

Swap-set analysis as lenders know it: rows that both decline, rows that neither does, and the two
kinds that would change sides. Outcomes fill in as labels mature; where a decline has none, the rows
that would come in stay unknown, and are said to be.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from finrisk.errors import DataError
from finrisk.metrics.fairness import wilson_interval
from finrisk.records import Record

BANDS = 10
"""Of the champion's probability, as wide as each other."""

Scores = NDArray[np.float64]
Flags = NDArray[np.bool_]
Outcomes = NDArray[np.float64]
"""1 bad, 0 good, NaN not known."""


@dataclass(frozen=True, slots=True)
class Part(Record):
    """Rows of one kind.

    Parameters
    ----------
    share, low, high : float
        Of all rows compared, with Wilson's 95 % interval.
    lowest, middle, highest : float or None
        The champion's score of these rows; None without rows.
    labelled, bads : int
        Rows whose outcome is known, and those of them that were bad.
    bad_rate, bad_rate_low, bad_rate_high : float or None
        Of the labelled, with Wilson's 95 % interval; None: no outcome is known.
    """

    rows: int
    share: float
    low: float
    high: float
    lowest: float | None
    middle: float | None
    highest: float | None
    labelled: int
    bads: int
    bad_rate: float | None
    bad_rate_low: float | None
    bad_rate_high: float | None


@dataclass(frozen=True, slots=True)
class Band(Record):
    """Rows whose champion's score lies in ``[low, high)``; the last band has its upper end, too."""

    low: float
    high: float
    rows: int
    would_be_declined: int
    would_be_let_through: int


@dataclass(frozen=True, slots=True)
class SwapSet(Record):
    """What would change if the challenger decided.

    Parameters
    ----------
    rows : int
        Decided by both.
    would_be_declined : Part
        The champion lets them through, the challenger would not.
    would_be_let_through : Part
        The other way round.
    both_decline, neither_declines : Part
        Where they agree.
    mean_difference : float
        Challenger's score minus champion's, mean over rows.
    rank_correlation : float or None
        Spearman's, of the scores; None where one of them is the same for all rows.
    bands : tuple of Band
        Only those that have rows.
    """

    rows: int
    would_be_declined: Part
    would_be_let_through: Part
    both_decline: Part
    neither_declines: Part
    mean_difference: float
    rank_correlation: float | None
    bands: tuple[Band, ...]


def swap_set(
    champion: Scores,
    challenger: Scores,
    champion_declines: Flags,
    challenger_declines: Flags,
    outcomes: Outcomes | None = None,
) -> SwapSet:
    """Compare two versions' decisions of the same n rows.

    Parameters
    ----------
    champion, challenger : (n,) arrays of float64
        Probabilities of bad.
    champion_declines, challenger_declines : (n,) arrays of bool
        Whether each decides against the row: declines, or raises an alert.
    outcomes : (n,) array of float64, optional
        1 bad, 0 good, NaN where it is not known.

    Raises
    ------
    DataError
        No rows, lengths that differ, or a score that is no probability.

    Examples
    --------
    >>> found = swap_set(
    ...     np.array([0.1, 0.28, 0.4, 0.9]),
    ...     np.array([0.1, 0.35, 0.2, 0.8]),
    ...     np.array([False, False, True, True]),
    ...     np.array([False, True, False, True]),
    ... )
    >>> found.would_be_declined.rows, found.would_be_let_through.rows, found.both_decline.rows
    (1, 1, 1)
    >>> [(band.low, band.rows) for band in found.bands]
    [(0.1, 1), (0.2, 1), (0.4, 1), (0.9, 1)]
    """
    known = np.full(champion.size, np.nan) if outcomes is None else outcomes
    _demand_sound(champion, challenger, champion_declines, challenger_declines, known)

    def part(chosen: Flags) -> Part:
        return _part(champion[chosen], known[chosen], champion.size)

    ins, outs = champion_declines & ~challenger_declines, ~champion_declines & challenger_declines
    return SwapSet(
        rows=champion.size,
        would_be_declined=part(outs),
        would_be_let_through=part(ins),
        both_decline=part(champion_declines & challenger_declines),
        neither_declines=part(~champion_declines & ~challenger_declines),
        mean_difference=float(np.mean(challenger - champion)),
        rank_correlation=_spearman(champion, challenger),
        bands=_bands(champion, outs, ins),
    )


def _demand_sound(champion: Scores, challenger: Scores, *others: NDArray[np.generic]) -> None:
    alike = {array.shape for array in (champion, challenger, *others)} == {(champion.size,)}
    scores = np.concatenate([champion.ravel(), challenger.ravel()])
    if not champion.size or not alike or not bool(((scores >= 0.0) & (scores <= 1.0)).all()):
        raise DataError(
            "decisions that cannot be compared",
            expected="the same rows of both, with probabilities of bad",
            got=f"{champion.size} and {challenger.size} rows",
        )


def _part(scores: Scores, outcomes: Outcomes, of: int) -> Part:
    rows = scores.size
    low, high = wilson_interval(rows, of)
    known = outcomes[~np.isnan(outcomes)]
    labelled, bads = known.size, int(known.sum())
    rate = (bads / labelled, *wilson_interval(bads, labelled)) if labelled else (None, None, None)
    at = [float(q) for q in np.quantile(scores, [0.0, 0.5, 1.0])] if rows else [None] * 3
    return Part(
        rows=rows,
        share=rows / of,
        low=low,
        high=high,
        lowest=at[0],
        middle=at[1],
        highest=at[2],
        labelled=labelled,
        bads=bads,
        bad_rate=rate[0],
        bad_rate_low=rate[1],
        bad_rate_high=rate[2],
    )


def _bands(champion: Scores, outs: Flags, ins: Flags) -> tuple[Band, ...]:
    edges = np.linspace(0.0, 1.0, BANDS + 1).round(12)
    place = np.minimum(np.searchsorted(edges, champion, side="right") - 1, BANDS - 1)
    counts = [np.bincount(place[chosen], minlength=BANDS) for chosen in (outs, ins)]
    rows = np.bincount(place, minlength=BANDS)
    return tuple(
        Band(
            low=float(edges[at]),
            high=float(edges[at + 1]),
            rows=int(rows[at]),
            would_be_declined=int(counts[0][at]),
            would_be_let_through=int(counts[1][at]),
        )
        for at in np.flatnonzero(rows)
    )


def _spearman(first: Scores, second: Scores) -> float | None:
    ranks = [_midranks(scores) for scores in (first, second)]
    if any(np.ptp(of) == 0.0 for of in ranks):
        return None
    centred = [of - of.mean() for of in ranks]
    both = float((centred[0] * centred[1]).sum())
    return both / float(np.sqrt((centred[0] ** 2).sum() * (centred[1] ** 2).sum()))


def _midranks(scores: Scores) -> Scores:
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    middles: Scores = (ends - (counts - 1) / 2.0)[place]
    return middles
