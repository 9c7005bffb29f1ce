"""Stability: how far a score, or a feature, has moved away from where it was."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finrisk.errors import ConfigurationError, DataError
from finrisk.metrics.inputs import Floats

FEWEST_BINS = 2
EMPTY_BIN_ROWS = 0.5  # what an empty bin counts as, so that the logarithm stays finite


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
        at and 0.25 as a large one; its sampling spread is in Yurdakul & Naranjo 2020, Statistical
        properties of the population stability index (Journal of Risk Model Validation 14:4).

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
    if bins < FEWEST_BINS:
        raise ConfigurationError("too few bins", expected=f"at least {FEWEST_BINS}", got=bins)
    before, now = _values("reference", reference), _values("current", current)
    if np.isnan(before).all():
        raise DataError("the reference is missing throughout", expected="values to make bins of")
    edges = _edges(before, bins)
    r, q = _shares(before, edges), _shares(now, edges)
    seen = (r > 0.0) | (q > 0.0)
    r = np.where(r > 0.0, r, EMPTY_BIN_ROWS / before.size)[seen]
    q = np.where(q > 0.0, q, EMPTY_BIN_ROWS / now.size)[seen]
    return float(np.sum((q - r) * np.log(q / r)))


def _values(which: str, values: ArrayLike) -> Floats:
    column = np.asarray(values)
    if column.ndim != 1 or column.size == 0 or column.dtype.kind not in "biuf":
        raise DataError(
            f"the {which} is no column of numbers",
            expected="a non-empty column of floats",
            got=f"shape {column.shape} of type {column.dtype}",
        )
    floats = column.astype(np.float64)
    if np.isinf(floats).any():
        raise DataError(
            f"the {which} holds infinite values",
            expected="finite or missing values",
            got=f"{int(np.isinf(floats).sum())} of {floats.size} infinite",
        )
    return floats


def _edges(reference: Floats, bins: int) -> Floats:
    present = np.sort(reference[~np.isnan(reference)])
    # ranks in whole numbers: 3 / 10 in floats is above 0.3, and would take the next row's value
    ranks = (np.arange(bins + 1) * present.size + bins - 1) // bins
    quantiles = present[np.maximum(ranks - 1, 0)]
    values, held = np.unique(quantiles, return_counts=True)
    just_below = np.nextafter(values[held > 1], -np.inf)
    edges: Floats = np.unique(np.concatenate([quantiles[1:-1], just_below]))
    return edges


def _shares(values: Floats, edges: Floats) -> NDArray[np.float64]:
    """Share of the rows in each bin, the missing ones last."""
    missing = np.isnan(values)
    bin_of_row = np.where(missing, edges.size + 1, np.searchsorted(edges, values, side="left"))
    return np.bincount(bin_of_row, minlength=edges.size + 2) / values.size
