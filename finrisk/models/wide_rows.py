"""From coded rows to the matrix that a fitted preprocessor would make of them, a part at a time.

The preprocessor is scikit-learn's own, and equal to one fitted on the rows themselves: what it
learns of numbers is nothing, and of categories which occur and which are rare. So it is fitted on a
few made-up rows in which they occur as often, as far as it matters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer

from finrisk.models.coded_rows import Block, Mask
from finrisk.models.preprocessing import (
    RARE_ROWS,
    FeatureKinds,
    build_preprocessor,
    columns_of,
)

Matrix = NDArray[np.float32]


def preprocessor_of(
    feature_names: Sequence[str], kinds: FeatureKinds, occurrences: Sequence[Mapping[str, int]]
) -> ColumnTransformer:
    """Return XGBoost's preprocessor as it would be fitted on rows with these categories.

    Parameters
    ----------
    feature_names : sequence of str
        In the order of the model.
    occurrences : sequence of mappings of str to int
        How often each word occurs in the rows, a categorical feature each.
    """
    columns = [_as_often(of) for of in occurrences]
    rows = max((len(of) for of in columns), default=1)
    frame = pd.DataFrame(dict.fromkeys(feature_names, 0.0), index=range(rows))
    for name, of in zip(kinds.categorical, columns, strict=True):
        padded = [*of, *[of[-1]] * (rows - len(of))]
        frame[name] = pd.Series(padded, dtype="str")
    return build_preprocessor("xgboost", kinds).fit(frame)


def _as_often(occurrences: Mapping[str, int]) -> list[str]:
    """Return words, the most frequent last, in which each is as rare or as frequent as it was.

    The encoder asks which words have fewer than :data:`RARE_ROWS` rows, and, of more words than it
    may have columns, which are the most frequent: there equals go by their text, the later one
    first. Above :data:`RARE_ROWS` the order of the counts is therefore all that has to stay, and
    the last word may stand there once more, or a thousand times. Where even that one is rare, every
    row is in the list, and no other list is longer.
    """
    known = {word: rows for word, rows in occurrences.items() if rows}
    frequent = sorted({rows for rows in known.values() if rows >= RARE_ROWS})
    times = {rows: RARE_ROWS + rank for rank, rows in enumerate(frequent)}
    ordered = sorted(known, key=lambda word: (known[word], word))
    return [word for word in ordered for _ in range(times.get(known[word], known[word]))]


@dataclass(frozen=True, slots=True)
class Widening:
    """How coded rows become a matrix; of each category the cells of each code, float32."""

    numbers: int
    cells: tuple[Matrix, ...]

    @property
    def width(self) -> int:
        """Columns of the matrix."""
        return self.numbers + sum(int(of.shape[1]) for of in self.cells)

    def matrix(self, block: Block, rows: Mask | slice = slice(None)) -> Matrix:
        """Return the matrix of some rows of a block, shape (m, width)."""
        chosen = block[:, rows]
        wide = np.empty((chosen.shape[1], self.width), dtype=np.float32)
        wide[:, : self.numbers] = chosen[: self.numbers].T
        first = self.numbers
        for codes, cells in zip(chosen[self.numbers :], self.cells, strict=True):
            wide[:, first : first + cells.shape[1]] = cells[codes.astype(np.int64)]
            first += cells.shape[1]
        return wide


def widening(
    preprocessor: ColumnTransformer, kinds: FeatureKinds, words: Sequence[Sequence[str]]
) -> Widening:
    """Return how rows whose codes stand for these words are widened by a fitted preprocessor."""
    if not kinds.categorical:
        return Widening(len(kinds.numeric), ())
    encoder: Any = preprocessor.named_transformers_["categorical"]
    rows = max(map(len, words))
    padded = {
        name: pd.Series([*of, *[of[0]] * (rows - len(of))], dtype="str")
        for name, of in zip(kinds.categorical, words, strict=True)
    }
    wide = encoder.transform(pd.DataFrame(padded)).astype(np.float32)
    ends = np.cumsum([columns_of(encoder, place) for place in range(len(words))])
    of_each = np.split(wide, ends[:-1], axis=1)
    cells = tuple(
        np.ascontiguousarray(of[: len(known)]) for of, known in zip(of_each, words, strict=True)
    )
    return Widening(len(kinds.numeric), cells)
