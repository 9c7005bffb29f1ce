"""Two arms of an experiment on separate rows: how they differ, with intervals, or why unknown.

The arms were drawn by chance, so that a difference is the version's doing and not the rows'. The
intervals hold for one look at a time that was fixed before: whoever looks each day and stops at the
first that leaves 0 out errs far more often than one time in twenty.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from finrisk.errors import NotEnoughData
from finrisk.metrics.one_score import measured_metrics
from finrisk.metrics.share_change import share_change
from finrisk.records import Record

Z = 1.959963984540054  # Φ⁻¹(0.975)
FEWEST_DECISIONS = 100  # of each arm: below it a share is an anecdote
FEWEST_BADS = 30  # of each arm, and as many goods: below it no figure of outcomes is told
RANKINGS = ("auc", "average_precision")
UNEVEN = 0.001
"""Below this chance the arms' sizes are not those that were asked for, and nothing is believed."""

Codes = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Arm:
    """What one arm decided, n rows, and how they ended as far as it is known.

    Parameters
    ----------
    scores : (n,) array of float64
        Risk scores, higher = riskier.
    against : (n,) array of bool
        Declined, or an alert raised.
    outcomes : (n,) array of float64
        1 bad, 0 good, NaN not known.
    clusters : mapping of str to (n,) array of int
        What rows may move together by.
    """

    scores: NDArray[np.float64]
    against: NDArray[np.bool_]
    outcomes: NDArray[np.float64]
    clusters: Mapping[str, Codes]

    @property
    def rows(self) -> int:
        """How many it decided."""
        return self.scores.size

    @property
    def known(self) -> NDArray[np.bool_]:
        """Which of them have an outcome."""
        return ~np.isnan(self.outcomes)


@dataclass(frozen=True, slots=True)
class Difference(Record):
    """One figure of both arms; the difference is challenger − champion.

    Parameters
    ----------
    low, high : float or None
        Of the difference, at 95 %; None with the figures: it is not known, and ``why`` says so.
    rows : tuple of two int
        That the figure is of: champion's, challenger's.
    """

    figure: str
    champion: float | None
    challenger: float | None
    difference: float | None
    low: float | None
    high: float | None
    rows: tuple[int, int]
    why: str = ""


@dataclass(frozen=True, slots=True)
class Balance(Record):
    """Whether the arms are as large as they were meant to be.

    Parameters
    ----------
    chance : float or None
        How often chance alone has the shares at least so far off; None: no rows.
    sound : bool
        False: something else than chance put rows into arms, or lost them. No figure counts then.
    """

    champion_rows: int
    challenger_rows: int
    meant: float
    chance: float | None
    sound: bool


def balance(champion_rows: int, challenger_rows: int, share: float) -> Balance:
    """Hold the arms' sizes against the share that was asked for.

    Examples
    --------
    >>> balance(900, 100, 0.1).sound, balance(900, 200, 0.1).sound
    (True, False)
    """
    rows = champion_rows + challenger_rows
    if not rows:
        return Balance(0, 0, share, None, sound=True)
    spread = math.sqrt(rows * share * (1.0 - share))
    z = (abs(challenger_rows - rows * share) - 0.5) / spread
    chance = math.erfc(max(0.0, z) / math.sqrt(2.0))
    return Balance(champion_rows, challenger_rows, share, chance, sound=chance >= UNEVEN)


def compared(
    champion: Arm, challenger: Arm, *, against: str, let_through: str, seed: int
) -> list[Difference]:
    """Compare two arms: what they decided, and how that ended once labels are known.

    Parameters
    ----------
    against, let_through : str
        The words of the decisions, for the figures' names.
    seed : int
        Of the bootstrap.
    """
    found = [_rate(champion, challenger, against)]
    found.append(_bad_rate(champion, challenger, let_through))
    found += [_ranking(champion, challenger, name, seed) for name in RANKINGS]
    return found


def _rate(champion: Arm, challenger: Arm, against: str) -> Difference:
    figure, rows = f"share decided '{against}'", (champion.rows, challenger.rows)
    if min(rows) < FEWEST_DECISIONS:
        return _unknown(figure, rows, f"fewer than {FEWEST_DECISIONS} decisions of an arm")
    return _shares(figure, _count(champion.against), rows[0], _count(challenger.against), rows[1])


def _bad_rate(champion: Arm, challenger: Arm, let_through: str) -> Difference:
    figure = f"bad rate of '{let_through}'"
    chosen = [arm.outcomes[arm.known & ~arm.against] for arm in (champion, challenger)]
    rows, bads = (chosen[0].size, chosen[1].size), [int(of.sum()) for of in chosen]
    if min(rows) < FEWEST_DECISIONS:
        why = f"fewer than {FEWEST_DECISIONS} of an arm have a known outcome"
        return _unknown(figure, rows, why)
    return _shares(figure, bads[0], rows[0], bads[1], rows[1])


def _ranking(champion: Arm, challenger: Arm, name: str, seed: int) -> Difference:
    """Compare by errors of independent samples: each arm's own, largest by rows and clusters."""
    arms = (champion, challenger)
    rows = (_count(champion.known), _count(challenger.known))
    if (why := _too_few(arms)) is not None:
        return _unknown(name, rows, why)
    try:
        of = [
            measured_metrics(
                arm.outcomes[arm.known].astype(np.int8),
                arm.scores[arm.known],
                metrics=[name],
                clusters={key: codes[arm.known] for key, codes in arm.clusters.items()},
                seed=seed,
            )[name]
            for arm in arms
        ]
    except NotEnoughData as exc:
        return _unknown(name, rows, exc.what)
    difference = of[1].value - of[0].value
    half = Z * math.hypot(of[0].standard_error, of[1].standard_error)
    return Difference(
        name,
        of[0].value,
        of[1].value,
        difference,
        difference - half,
        difference + half,
        rows,
    )


def _too_few(arms: tuple[Arm, Arm]) -> str | None:
    for arm in arms:
        known = arm.outcomes[arm.known]
        bads = int(known.sum())
        if min(bads, known.size - bads) < FEWEST_BADS:
            return f"an arm has fewer than {FEWEST_BADS} known bads or goods"
    return None


def _shares(figure: str, before: int, rows_before: int, now: int, rows_now: int) -> Difference:
    change = share_change(before, rows_before, now, rows_now)
    return Difference(
        figure,
        change.before,
        change.now,
        change.difference,
        change.lower,
        change.upper,
        (rows_before, rows_now),
    )


def _unknown(figure: str, rows: tuple[int, int], why: str) -> Difference:
    return Difference(figure, None, None, None, None, None, rows, why)


def _count(flags: NDArray[np.bool_]) -> int:
    return int(np.count_nonzero(flags))
