"""A part of a snapshot as evaluation asks for it: column by column, and scored piece by piece.

A frame of ten million rows and forty columns is 5 GB, and its features once more; a column of it is
80 MB. Both classes answer as a frame would, with the same values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from finrisk.data.snapshot_rows import Part, SnapshotRows
from finrisk.features.derive import columns_of, derive_features
from finrisk.metrics.columns import Columns
from finrisk.specs.model_spec import ModelSpec

Scores = NDArray[np.float64]
Score = Callable[[Any], Scores]


class StoredPart:
    """The columns of a part as they were frozen.

    Parameters
    ----------
    snapshot : SnapshotRows
        Open for as long as a column is asked for.
    """

    def __init__(self, snapshot: SnapshotRows, part: Part) -> None:
        self._snapshot, self._part = snapshot, part

    @property
    def columns(self) -> pd.Index[Any]:
        """Names, in order."""
        return pd.Index(self._snapshot.columns)

    @property
    def dtypes(self) -> pd.Series[Any]:
        """The type of each column, by its name."""
        return self._snapshot.nothing().dtypes

    def __len__(self) -> int:
        return self._snapshot.rows(self._part)

    def __contains__(self, name: object) -> bool:
        return name in self._snapshot.columns

    def __getitem__(self, name: Any, /) -> Any:
        return self._snapshot.column(self._part, name)


class StoredFeatures:
    """The features of a part, derived whenever they are asked for."""

    def __init__(self, snapshot: SnapshotRows, part: Part, spec: ModelSpec) -> None:
        self._snapshot, self._part, self._spec = snapshot, part, spec

    @property
    def columns(self) -> pd.Index[Any]:
        """Names, in the order of the spec."""
        return pd.Index(self._spec.feature_names)

    @property
    def dtypes(self) -> pd.Series[Any]:
        """The type of each feature, by its name."""
        return derive_features(self._snapshot.nothing(), self._spec).dtypes

    def __len__(self) -> int:
        return self._snapshot.rows(self._part)

    def __getitem__(self, name: Any, /) -> Any:
        columns = columns_of(name, self._spec)
        pieces = [
            derive_features(frame, self._spec, only=name)[name]
            for frame in self._snapshot.batches(self._part, columns)
        ]
        nothing = derive_features(self._snapshot.nothing(), self._spec, only=name)[name]
        return pd.concat(pieces or [nothing], ignore_index=True)

    def pieces(self) -> Iterator[pd.DataFrame]:
        """Give all features, some rows at a time."""
        wanted = (*self._spec.feature_columns, *self._spec.window_features)
        for frame in self._snapshot.batches(self._part, wanted):
            yield derive_features(frame, self._spec)


def one_by_one(features: Columns, scores: Sequence[Score]) -> list[Scores]:
    """Return what each model says of a table's rows, in their order, shape (n,)."""
    if not isinstance(features, StoredFeatures):
        return [score(features) for score in scores]
    pieces = [[score(piece) for score in scores] for piece in features.pieces()]
    return [np.concatenate([np.empty(0), *of_model]) for of_model in zip(*pieces, strict=True)]
