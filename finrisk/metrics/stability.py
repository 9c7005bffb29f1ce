"""Stability: how far a score, or a feature, has moved away from where it was."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finrisk.errors import ConfigurationError
from finrisk.metrics.bins import Bins, bins_of, number_bins
from finrisk.metrics.clusters import cluster_codes
from finrisk.metrics.inputs import Floats

EMPTY_BIN_ROWS = 0.5  # what an empty bin counts as, so that the logarithm stays finite

Counts = NDArray[np.int64]


def population_stability_index(
    reference: ArrayLike, current: ArrayLike, *, bins: int = 10
) -> float:
    """Return Σ (q − r) · ln(q / r) over bins fixed on the reference's quantiles.

    Bins are open at both ends and closed to the right. A value that holds more than one quantile
    has a bin of its own, so that a shift out of it shows on either side; missing values (NaN) have
    one too. A bin that is empty on one side counts as half a row there; on both sides it counts
    nothing.

    Parameters
    ----------
    reference : (n,) array-like of floats
        The values the model was fitted on: for a score, its **out-of-fold** scores.
    current : (m,) array-like of floats
        The values seen now.
    bins : int
        Quantile bins of the reference, at least 2.

    Returns
    -------
    float
        At least 0; 0 where both are spread alike. Scorecard practice reads 0.10 as a shift to look
        at and 0.25 as a large one; ``psi_limit`` says what chance alone reaches. Its sampling
        spread is in Yurdakul & Naranjo 2020, Statistical properties of the population stability
        index (Journal of Risk Model Validation 14:4).

    Raises
    ------
    DataError
        No rows, values that are no numbers, an infinite one, or a reference of missing values only.
    ConfigurationError
        ``bins`` is below 2.

    Examples
    --------
    >>> reference = list(range(100))
    >>> population_stability_index(reference, reference)
    0.0
    >>> population_stability_index(reference, [value + 30 for value in reference]) > 0.25
    True
    """
    return _moved(number_bins(reference, bins), reference, current)


def characteristic_stability_index(
    reference: ArrayLike, current: ArrayLike, *, bins: int = 10
) -> float:
    """Return the same index for a feature: numbers by quantile bins, categories by kind.

    A reference of a numeric type (flags included) is numbers, one of text or objects is
    categories. A category that the reference has not seen falls into one bin of its own, missing
    values (None, NaN) into another.

    Parameters
    ----------
    reference : (n,) array-like
        The feature's values in development.
    current : (m,) array-like
        The values seen now, of the same kind.
    bins : int
        Quantile bins of numbers, at least 2; of no meaning for categories.

    Returns
    -------
    float
        At least 0, read as ``population_stability_index``.

    Raises
    ------
    DataError
        No rows, numbers against categories, an infinite number, or a reference of missing values.
    ConfigurationError
        ``bins`` is below 2.

    Examples
    --------
    >>> characteristic_stability_index(["own", "rent"], ["rent", "own"])
    0.0
    >>> characteristic_stability_index(["own", "rent"] * 50, ["boat", "rent"] * 50) > 0.25
    True
    """
    return _moved(bins_of(reference, bins), reference, current)


def psi_limit(
    reference: ArrayLike,
    rows: int,
    *,
    clusters: ArrayLike | None = None,
    share: float = 0.95,
    replicates: int = 1000,
    bins: int = 10,
    seed: int,
) -> float:
    """Return the index that ``share`` of current samples without any drift stay below.

    Two samples of one source differ by chance, more so when they are small or when rows move
    together. So both sides are drawn again from the reference, as many rows as each has, and the
    index is taken of each pair. Beside 0.10 and 0.25 it tells a shift from the noise of a sample.

    Parameters
    ----------
    reference : (n,) array-like
        Numbers or categories, as ``characteristic_stability_index`` takes them.
    rows : int
        Rows of the current sample, at least 1.
    clusters : (n,) array-like, optional
        The cluster of each reference row: whole clusters are drawn, as many as hold about
        ``rows`` rows.
    share : float
        In (0, 1).
    replicates : int
        At least 1.
    bins : int
        Quantile bins of numbers, at least 2.
    seed : int
        The same seed gives the same limit, whatever the order of the rows.

    Returns
    -------
    float
        Above 0. For k bins and independent rows about ``(1/n + 1/rows)`` times the same quantile
        of χ² with k − 1 degrees of freedom (Yurdakul & Naranjo 2020).

    Raises
    ------
    DataError, NotEnoughData
        As ``characteristic_stability_index``, a missing cluster, or one cluster only.
    ConfigurationError
        ``rows``, ``share``, ``replicates`` or ``bins`` out of range.

    Examples
    --------
    >>> 0.015 < psi_limit(range(2000), 2000, seed=1) < 0.019  # (2 / 2000) · 16.9
    True
    """
    if rows < 1 or replicates < 1 or not 0.0 < share < 1.0:
        raise ConfigurationError(
            "a limit on the stability index cannot be drawn",
            expected="rows and replicates of at least 1, a share in (0, 1)",
            got=f"rows {rows}, replicates {replicates}, share {share}",
        )
    fixed = bins_of(reference, bins)
    bin_of_row = fixed.bin_of("reference", reference)
    rng = np.random.default_rng(seed)
    if clusters is None:
        shares = np.bincount(bin_of_row, minlength=fixed.size) / bin_of_row.size
        before = rng.multinomial(bin_of_row.size, shares, size=replicates)
        now = rng.multinomial(rows, shares, size=replicates)
    else:
        codes = cluster_codes("clusters", clusters, bin_of_row.size)
        held = _held(codes, bin_of_row, fixed.size)
        before = _drawn(held, held.shape[0], replicates, rng)
        drawn = max(1, round(rows * held.shape[0] / bin_of_row.size))
        now = _drawn(held, drawn, replicates, rng)
    return float(np.quantile(_index(before, now), share))


def _moved(fixed: Bins, reference: ArrayLike, current: ArrayLike) -> float:
    before, now = (
        np.bincount(fixed.bin_of(which, values), minlength=fixed.size)
        for which, values in (("reference", reference), ("current", current))
    )
    return float(_index(before, now))


def _index(before: Counts, now: Counts) -> Floats:
    """Take the index of counts over the last axis."""
    either = (before > 0) | (now > 0)
    r, q = _shares(before), _shares(now)
    parts: Floats = (q - r) * np.log(q / r)
    summed: Floats = np.sum(parts, axis=-1, where=either)
    return summed


def _shares(counts: Counts) -> Floats:
    shares: Floats = np.maximum(counts, EMPTY_BIN_ROWS) / counts.sum(axis=-1, keepdims=True)
    return shares


def _held(codes: Counts, bin_of_row: Counts, bins: int) -> Counts:
    """Count the rows of each cluster in each bin, shape (G, bins)."""
    clusters = int(codes.max()) + 1
    held = np.bincount(codes * bins + bin_of_row, minlength=clusters * bins)
    return held.reshape(clusters, bins)


def _drawn(held: Counts, clusters: int, replicates: int, rng: np.random.Generator) -> Counts:
    """Draw clusters with replacement, and count the rows of a draw in each bin."""
    drawn = np.empty((replicates, held.shape[1]), dtype=np.int64)
    for number in range(replicates):
        times = np.bincount(rng.integers(held.shape[0], size=clusters), minlength=held.shape[0])
        drawn[number] = times @ held
    return drawn
