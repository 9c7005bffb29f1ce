"""Development rows as numbers in half the bytes, some at a time, and what is known of all of them.

A part is a matrix of float32, what XGBoost makes of numbers anyway, in which a category is a code.
What a fold needs beside it (labels, vintages, how often a category occurs in which vintage) is so
small that one process holds it of all parts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from finrisk.data.labels import LABEL, VINTAGE
from finrisk.data.landing import EVENT_DAY
from finrisk.errors import LabelError
from finrisk.features.derive import derive_features
from finrisk.models.preprocessing import FeatureKinds
from finrisk.specs.model_spec import ModelSpec
from finrisk.tracking.rows import aligned_features

Block = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class PartFacts:
    """What one process knows of a part of the rows.

    Parameters
    ----------
    labels : (n,) array of int8
        1 = bad, 0 = good.
    vintages : tuple of str
        Those that occur.
    vintage_of_row : (n,) array of int32
        Places in ``vintages``.
    days : (n,) array of datetime64[D]
        Event days.
    words : tuple of tuples of str
        Of each categorical feature, the word that each code of the part's block stands for.
    counts : tuple of (vintages, words) arrays of int
        How often each word occurs in each vintage, a categorical feature each.
    """

    labels: NDArray[np.int8]
    vintages: tuple[str, ...]
    vintage_of_row: NDArray[np.int32]
    days: NDArray[np.datetime64]
    words: tuple[tuple[str, ...], ...]
    counts: tuple[NDArray[np.int64], ...]


@dataclass(frozen=True, slots=True)
class RowFacts:
    """The same of all development rows, in their order; parts have an order too."""

    labels: NDArray[np.int8]
    vintages: tuple[str, ...]
    vintage_of_row: NDArray[np.int32]
    days: NDArray[np.datetime64]
    words: tuple[tuple[str, ...], ...]
    counts: tuple[NDArray[np.int64], ...]

    @property
    def rows_of_vintage(self) -> NDArray[np.int64]:
        """How many rows each vintage has."""
        return np.bincount(self.vintage_of_row, minlength=len(self.vintages))

    @property
    def bads_of_vintage(self) -> NDArray[np.int64]:
        """How many of them are bad."""
        of_bads = self.vintage_of_row[self.labels == 1]
        return np.bincount(of_bads, minlength=len(self.vintages))

    def mask(self, vintages: NDArray[np.int64]) -> Mask:
        """Return which vintages these places name, shape (number of vintages,)."""
        chosen = np.zeros(len(self.vintages), dtype=bool)
        chosen[vintages] = True
        return chosen

    def rows_in(self, chosen: Mask) -> NDArray[np.int64]:
        """Return the positions of the rows of chosen vintages, shape (m,)."""
        return np.flatnonzero(chosen[self.vintage_of_row])

    def names(self, chosen: Mask) -> frozenset[str]:
        """Return the names of chosen vintages."""
        return frozenset(v for v, is_one in zip(self.vintages, chosen, strict=True) if is_one)

    def occurrences(self, chosen: Mask) -> list[dict[str, int]]:
        """Return how often each word occurs in chosen vintages, a categorical feature each."""
        sums = (of[chosen].sum(axis=0).tolist() for of in self.counts)
        return [dict(zip(w, n, strict=True)) for w, n in zip(self.words, sums, strict=True)]


def coded(frame: pd.DataFrame, spec: ModelSpec) -> tuple[Block, PartFacts]:
    """Derive the features of some development rows, and code them.

    Parameters
    ----------
    frame : DataFrame of n rows
        With the columns :func:`needed` names.

    Returns
    -------
    block : (features, n) array of float32
        Numbers first, then the codes of categories; both in the order of :class:`FeatureKinds`.
    facts : PartFacts
    """
    kinds = FeatureKinds.of(spec)
    derived = derive_features(frame, spec)
    features = aligned_features(derived, spec.feature_names, kinds.categorical)
    block = np.empty((len(spec.feature_names), len(frame)), dtype=np.float32)
    for place, name in enumerate(kinds.numeric):
        block[place] = features[name].to_numpy()
    # oldest first, as the rows are: names of vintages sort as their days do
    vintage_of_row, vintages = pd.factorize(frame[VINTAGE].to_numpy(dtype=object), sort=True)
    words, counts = [], []
    for place, name in enumerate(kinds.categorical, start=len(kinds.numeric)):
        codes, known = pd.factorize(features[name].to_numpy(dtype=object), sort=True)
        block[place] = codes
        words.append(tuple(known.tolist()))
        cells = np.bincount(
            vintage_of_row * len(known) + codes, minlength=len(vintages) * len(known)
        )
        counts.append(cells.reshape(len(vintages), len(known)))
    facts = PartFacts(
        labels=_labels(frame[LABEL]),
        vintages=tuple(vintages.tolist()),
        vintage_of_row=vintage_of_row.astype(np.int32),
        days=frame[EVENT_DAY].to_numpy().astype("datetime64[D]"),
        words=tuple(words),
        counts=tuple(counts),
    )
    return block, facts


def needed(spec: ModelSpec) -> tuple[str, ...]:
    """Return the columns of a snapshot that :func:`coded` reads."""
    return (LABEL, VINTAGE, EVENT_DAY, *spec.feature_columns, *spec.window_features)


def of_all(parts: Sequence[PartFacts]) -> RowFacts:
    """Put together what is known of the parts, in their order; there is at least one."""
    vintages = tuple(sorted({name for part in parts for name in part.vintages}))
    place_of = {name: place for place, name in enumerate(vintages)}
    places = [np.array([place_of[n] for n in part.vintages], dtype=np.int32) for part in parts]
    features = range(len(parts[0].words))
    words = [tuple(sorted({w for part in parts for w in part.words[f]})) for f in features]
    counts = [np.zeros((len(vintages), len(of)), dtype=np.int64) for of in words]
    for part, own in zip(parts, places, strict=True):
        for f in features:
            column = np.searchsorted(np.array(words[f], dtype=object), list(part.words[f]))
            counts[f][np.ix_(own, column)] += part.counts[f]
    return RowFacts(
        labels=np.concatenate([part.labels for part in parts]),
        vintages=vintages,
        vintage_of_row=np.concatenate(
            [own[part.vintage_of_row] for part, own in zip(parts, places, strict=True)]
        ),
        days=np.concatenate([part.days for part in parts]),
        words=tuple(words),
        counts=tuple(counts),
    )


def coded_frame(
    pieces: Iterable[tuple[Block, Sequence[Sequence[str]]]], kinds: FeatureKinds
) -> pd.DataFrame:
    """Return coded rows as aligned features again: numbers as float64, categories as text.

    Parameters
    ----------
    pieces : iterable of (block, words)
        The words that a block's codes stand for.
    """
    frames = [_uncoded(block, words, kinds) for block, words in pieces]
    return pd.concat(frames, ignore_index=True)


def _uncoded(block: Block, words: Sequence[Sequence[str]], kinds: FeatureKinds) -> pd.DataFrame:
    columns: dict[str, Any] = {
        name: block[place].astype(np.float64) for place, name in enumerate(kinds.numeric)
    }
    for feature, name in enumerate(kinds.categorical):
        codes = block[len(kinds.numeric) + feature].astype(np.int64)
        columns[name] = pd.Series(np.array(words[feature], dtype=object)[codes], dtype="str")
    return pd.DataFrame(columns)


def _labels(column: pd.Series) -> NDArray[np.int8]:
    strange = int((~column.isin((0, 1))).sum())
    if strange:
        raise LabelError(
            f"{strange} of {len(column)} development rows have no label",
            expected="0 (good) or 1 (bad) in every row",
            remedy="freeze matured rows only",
        )
    return column.to_numpy(dtype=np.int8)
