"""What chance alone makes of a window: the law by which its PSI moves without drift.

Rows of a day, a customer, a terminal move together, so a table of χ² is far too narrow. How much
windows really move, the reference shows by its own: every run of so many days in it is a window
without drift. They are taken as they lie, in blocks (Politis & Romano 1994, Ann. Statist. 22:2031),
so that whatever binds their rows binds them here too. All of them are taken; nothing is drawn.

Their number does not reach the tail that a year's false alarms ask for, one window in a million. So
the windows give only what they can: how large their moves are and in how many directions. The tail
is that of squared normal numbers of such a size (Yurdakul & Naranjo 2020 for independent rows),
widened by how few windows the size is known from. Few independent windows, a wide limit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finrisk.errors import ConfigurationError
from finrisk.metrics.day_counts import DAYS_OF_A_WEEK, DayCounts
from finrisk.metrics.inputs import Floats
from finrisk.metrics.psi_parts import moves, tempered_parts
from finrisk.metrics.quadratic_forms import share_beyond, times_beyond

Counts = NDArray[np.int64]

FEWEST_ROWS = 100  # of a window: with fewer, chance alone makes a PSI of 0.10 out of ten bins
FEWEST_DEGREES = 2.0  # independent windows beyond those that the means take
FEWEST_SPANS = 1.5  # of a window and its look-back, or all windows tell of the same month
BINS_OF_A_ROW = 1.0  # expected rows from which a bin counts as one that varies


@dataclass(frozen=True, slots=True, eq=False)
class ChanceLaw:
    """The tempered PSI of windows without drift: of one length, beginning on one weekday.

    Parameters
    ----------
    weights : (r,) array of float
        How the moves are spread over directions; only ratios count.
    psi_of_a_row : float
        The mean times the rows of a window: k − 1 or so if rows are independent.
    degrees : float
        Independent windows that it is known from.
    offset : float
        Root of what the weekdays alone make, at least 0; 0 for whole weeks.
    usual_rows : float
        Rows of the reference's windows; more rows are not believed to move less.
    shares : (K,) array of float
        The reference's.
    reference_rows : int
    """

    weights: Floats
    psi_of_a_row: float
    degrees: float
    offset: float
    usual_rows: float
    shares: Floats
    reference_rows: int

    def p_values(self, tempered: ArrayLike, rows: ArrayLike) -> Floats:
        """Return the share of windows without drift that reach each tempered PSI.

        Parameters
        ----------
        tempered : (w,) array-like of floats
            At least 0.
        rows : (w,) array-like of int
            Rows of each window.

        Returns
        -------
        (w,) array of float
            In [0, 1], lower is stranger; NaN, unknown, for a window below 100 rows.
        """
        seen, n = (np.asarray(values, dtype=np.float64) for values in (tempered, rows))
        # its root is nearly a distance: what the weekdays explain is taken off it
        excess = np.maximum(np.sqrt(seen) - self.offset, 0.0) ** 2
        at = excess / self._mean(np.maximum(n, 1.0))
        return np.where(n < FEWEST_ROWS, np.nan, share_beyond(self.weights, self.degrees, at))

    def limit(self, share: float, rows: int) -> float | None:
        """Return the tempered PSI that a share of windows without drift reach.

        Parameters
        ----------
        share : float
            In (0, 1); at 0.01 one window in a hundred lies above.
        rows : int
            Rows of the window.

        Returns
        -------
        float or None
            None below 100 rows.

        Raises
        ------
        ConfigurationError
            A share out of range.
        """
        if rows < FEWEST_ROWS:
            return None
        mean = float(self._mean(np.array([rows], dtype=np.float64))[0])
        times = times_beyond(self.weights, self.degrees, share)
        return (self.offset + math.sqrt(times * mean)) ** 2

    def _mean(self, rows: Floats) -> Floats:
        """Return the mean over windows of so many rows, never below that of independent rows."""
        varying = (rows[:, None] * self.shares >= BINS_OF_A_ROW).sum(axis=1)
        independent = np.maximum(varying - 1, 1) * (1.0 / rows + 1.0 / self.reference_rows)
        mean: Floats = np.maximum(
            self.psi_of_a_row / np.minimum(rows, self.usual_rows), independent
        )
        return mean


def chance_law(
    reference: DayCounts, first_day: int, days: int, look_back_days: int = 0
) -> ChanceLaw | None:
    """Learn from a reference how the tempered PSI of a window against it varies without drift.

    Parameters
    ----------
    reference : DayCounts
        Of days without drift.
    first_day, days : int
        The window's first day, numbered as the reference's are, and its length.
    look_back_days : int
        How many days before its own a value still depends on: 0 of a plain column, 30 of a count
        over 30 days. What happens on one day then stays in the column for a month; windows of the
        same month tell the same thing, and count as one.

    Returns
    -------
    ChanceLaw or None
        None where the reference holds too few independent windows to learn from: fewer than two
        beyond its means. For whole weeks, one and a half times ``days + look_back_days`` days with
        rows are enough for an answer, three times for a narrow one.

    Raises
    ------
    ConfigurationError
        ``days`` below 1 or ``look_back_days`` below 0.

    Notes
    -----
    Windows that are no whole weeks are held against the mean of those that begin on the same
    weekday. The degrees of freedom of overlapping windows follow from how far they overlap, days
    and look-back taken together, by Satterthwaite 1946 (Biometrics Bull. 2:110). A dependence that
    is neither within the window nor in the look-back (a population that changes over months) is
    not seen.

    Examples
    --------
    >>> day = np.array([[60, 40], [55, 45], [65, 35], [60, 40], [58, 42], [62, 38], [61, 39]])
    >>> reference = DayCounts(0, weekly=False, counts=np.tile(5 * day, (4, 1)))
    >>> law = chance_law(reference, 100, 1)
    >>> round(law.degrees), law.limit(0.01, 500) < 0.10 < law.limit(1e-6, 200)
    (27, True)
    """
    if days < 1 or look_back_days < 0:
        raise ConfigurationError(
            "a window out of range",
            expected="at least 1 day, a look-back of at least 0",
            got=f"{days} days, look-back {look_back_days}",
        )
    cycle = DAYS_OF_A_WEEK if reference.weekly and days % DAYS_OF_A_WEEK else 1
    served = int(np.count_nonzero(reference.rows_by_day))
    if served < FEWEST_SPANS * (days + look_back_days):
        return None
    windows, starts = _windows(reference, days)
    weekday = (reference.first_day + starts) % cycle
    mine = first_day % cycle
    if not np.any(weekday == mine):
        return None
    known = _knowledge(
        tuple(starts.tolist()), days, look_back_days, reference.first_day % cycle, cycle
    )
    if known is None:
        return None
    rows = windows.sum(axis=1)
    means = np.stack([windows[weekday == of].sum(axis=0) for of in range(cycle)])
    moved = moves(means[weekday], windows) * np.sqrt(rows)[:, None]
    weights = np.maximum(np.linalg.eigvalsh(moved.T @ moved), 0.0)
    overall = reference.by_bin
    apart = float(tempered_parts(overall, means[mine]).sum()) if cycle > 1 else 0.0
    return ChanceLaw(
        weights=weights if weights.max() > 0.0 else np.ones(1),
        psi_of_a_row=float(weights.sum()) / known.windows * known.widening[mine],
        degrees=known.degrees,
        offset=math.sqrt(max(apart, 0.0)),
        usual_rows=float(rows[weekday == mine].mean()),
        shares=overall / overall.sum(),
        reference_rows=int(overall.sum()),
    )


def _windows(reference: DayCounts, days: int) -> tuple[Counts, Counts]:
    """Return all runs of so many days that have rows, shape (N, K), and where they begin."""
    bins = reference.counts.shape[1]
    sums = np.vstack([np.zeros((1, bins), dtype=np.int64), np.cumsum(reference.counts, axis=0)])
    windows = sums[days:] - sums[:-days]
    starts = np.flatnonzero(windows.sum(axis=1) > 0)
    return windows[starts], starts


@dataclass(frozen=True, slots=True)
class _Knowledge:
    """What N overlapping windows are worth.

    ``windows``: their sum of squares about the means is so many times a window's variance.
    ``widening``: a new window's variance about its weekday's mean, in that of a window.
    """

    windows: float
    degrees: float
    widening: tuple[float, ...]


@lru_cache(maxsize=64)
def _knowledge(
    starts: tuple[int, ...], days: int, look_back_days: int, first_day: int, cycle: int
) -> _Knowledge | None:
    at = np.array(starts)
    together = _overlap(days, look_back_days)[
        np.minimum(np.abs(at[:, None] - at), days + look_back_days)
    ]
    weekday = (first_day + at) % cycle
    begun = np.bincount(weekday, minlength=cycle)
    averaging = (weekday[:, None] == weekday) / begun[weekday]
    left = together - averaging @ together
    windows = float(np.trace(left))
    if windows <= 0.0:
        return None
    degrees = windows**2 / float(np.sum(left * left.T))
    if degrees < FEWEST_DEGREES:
        return None
    of_mean = [
        float(together[np.ix_(weekday == of, weekday == of)].mean()) if begun[of] else math.nan
        for of in range(cycle)
    ]
    return _Knowledge(windows, degrees, tuple(1.0 + part for part in of_mean))


def _overlap(days: int, look_back_days: int) -> Floats:
    """Return how windows so many days apart correlate, from 0 to ``days + look_back_days``."""
    felt = np.convolve(np.ones(days), np.ones(look_back_days + 1))  # how often a day is in one
    at_lag = np.correlate(felt, felt, mode="full")[felt.size - 1 :]
    return np.append(at_lag / at_lag[0], 0.0)
