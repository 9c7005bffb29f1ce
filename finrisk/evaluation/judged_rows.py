"""The rows both models are judged on: labels, columns to group them by, features, scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from finrisk.metrics.columns import Columns

Labels = NDArray[Any]
Scores = NDArray[np.float64]

EVENT_DAY = "_event_day"
SEED_DIGITS = 12
MISSING = "missing"


@dataclass(frozen=True)
class JudgedRows:
    """The hold-out, in its own order.

    Parameters
    ----------
    sha256 : str
        Digest of its ids and labels.
    labels : array of shape (n,)
        1 = bad, 0 = good.
    columns : table of n rows
        As landed: what clusters, slices and protected groups are made of.
    features, development_features : table
        Of the hold-out, and of development; with prequential folds the challenger was fitted on
        the newest days of it.
    known_cards : array of bool, shape (n,), or None
        Rows of cards that were known to be compromised, and so blocked, by their day.
    """

    sha256: str
    labels: Labels
    columns: Columns
    features: Columns
    development_features: Columns
    known_cards: NDArray[np.bool_] | None = None

    @property
    def days(self) -> NDArray[np.datetime64]:
        """Event days, shape (n,)."""
        days: NDArray[np.datetime64] = self.columns[EVENT_DAY].to_numpy().astype("datetime64[D]")
        return days

    @property
    def seed(self) -> int:
        """Where resampling starts: the same rows give the same bounds on every machine."""
        return int(self.sha256[:SEED_DIGITS], 16)

    def values(self, column: str) -> NDArray[Any]:
        """Return a column's values as text, 'missing' where there is none."""
        given = self.columns[column]
        words: NDArray[Any] = (
            given.astype("str").where(given.notna(), MISSING).to_numpy(dtype=object)
        )
        return words

    def groups(self, column: str) -> NDArray[np.int64]:
        """Return the group of each row by a column's value, numbered from 0; missing is a group.

        Examples
        --------
        >>> none = pd.DataFrame()
        >>> channel = pd.DataFrame({"channel": ["web", None, "web"]})
        >>> JudgedRows("00", np.array([0, 1, 0]), channel, none, none).groups("channel").tolist()
        [0, 1, 0]
        """
        codes, _ = pd.factorize(self.columns[column], use_na_sentinel=False)
        groups: NDArray[np.int64] = codes.astype(np.int64)
        return groups


@dataclass(frozen=True)
class Scored:
    """Risk scores of the models on the hold-out's rows, in its order; shape (n,) each."""

    challenger: Scores
    champion: Scores | None
    anchor: Scores | None = None

    @property
    def all(self) -> tuple[Scores, ...]:
        """Those that are compared, the challenger's first."""
        return (self.challenger,) if self.champion is None else (self.challenger, self.champion)


def cluster_numbers(ids: pd.Series) -> NDArray[np.int64]:
    """Number what rows move together by; a row without an id belongs to nobody but itself.

    Unlike :meth:`JudgedRows.groups`, where rows without a value are a group of their own.

    Examples
    --------
    >>> cluster_numbers(pd.Series(["t1", None, "t1", None])).tolist()
    [0, 1, 0, 2]
    """
    codes = pd.factorize(ids)[0].astype(np.int64)
    alone = codes < 0
    codes[alone] = codes.max(initial=-1) + 1 + np.arange(int(alone.sum()))
    return codes
