"""Folds where labels come late: train, wait until labels would have been known, validate.

Dal Pozzolo et al. 2018, "Credit card fraud detection: a realistic modeling and a novel learning
strategy", and the Fraud Detection Handbook's chapter on prequential validation. Pure arithmetic on
calendar days: one without rows counts as a day, and is empty.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finrisk.errors import NotEnoughData
from finrisk.models.folds import Fold, Rows
from finrisk.specs.training import Prequential

Days = NDArray[np.datetime64]


def prequential_folds(vintages: ArrayLike, folds: int, prequential: Prequential) -> list[Fold]:
    """Split rows into folds that each train on as many days, and step back in time.

    The newest fold validates on the newest ``validate_days``, and trains on the ``train_days`` that
    end ``delay_days`` before them; each older one lies ``validate_days`` earlier.

    Parameters
    ----------
    vintages : (n,) array-like of text
        Each row's day, as 2024-03-01. Rows may stand in any order.
    folds : int
        Folds wished for; fewer days than ``prequential.days_for(folds)`` give fewer.
    prequential : Prequential
        Lengths in days.

    Returns
    -------
    list of Fold
        Oldest first; the validated blocks are disjoint.

    Raises
    ------
    NotEnoughData
        The days do not reach for one fold.

    Examples
    --------
    >>> days = [f"2024-03-{n:02d}" for n in range(1, 7)]
    >>> lengths = Prequential(train_days=2, delay_days=1, validate_days=1)
    >>> [(f.train.tolist(), f.validate.tolist()) for f in prequential_folds(days, 2, lengths)]
    [([1, 2], [4]), ([2, 3], [5])]
    """
    age = _ages(vintages)
    step, wait = prequential.validate_days, prequential.delay_days
    span = int(age.max()) + 1 if age.size else 0
    fitting = min(folds, (span - prequential.train_days - wait) // step)
    if fitting < 1:
        raise NotEnoughData(
            "too few days to train, to wait for labels and to validate",
            expected=f"at least {prequential.days_for(1)}",
            got=span,
            remedy="wait for more days to mature",
        )
    return [
        _fold(age, step * back, step, wait, prequential.train_days)
        for back in reversed(range(fitting))
    ]


def newest_rows(vintages: ArrayLike, days: int) -> Rows:
    """Return the positions of the rows of the newest ``days`` calendar days, shape (m,).

    Examples
    --------
    >>> newest_rows(["2024-03-03", "2024-03-01", "2024-03-04"], days=2).tolist()
    [0, 2]
    """
    return np.flatnonzero(_ages(vintages) < days)


def _fold(age: NDArray[np.int64], newest: int, validate: int, wait: int, train: int) -> Fold:
    """Cut by age in days: ``newest`` is that of the last validated day."""
    trained = newest + validate + wait
    return Fold(
        train=np.flatnonzero((age >= trained) & (age < trained + train)),
        validate=np.flatnonzero((age >= newest) & (age < newest + validate)),
    )


def _ages(vintages: ArrayLike) -> NDArray[np.int64]:
    """Return how many days before the newest day each row's lies."""
    days: Days = np.asarray(vintages, dtype=str).astype("datetime64[D]")
    return (days.max() - days).astype(np.int64) if days.size else np.empty(0, dtype=np.int64)
