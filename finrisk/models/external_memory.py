"""XGBoost on rows that stay on this machine's disk.

The snapshot is decoded once, into a spool of coded rows (four bytes a value) in a folder of the
store that is gone when the fit is over. XGBoost quantises what a fold trains on from there, keeps
that on disk as well, and reads it back page by page for each level of a tree.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xgboost as xgb
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer

from finrisk.atomic import room_for
from finrisk.data.snapshot_rows import SnapshotRows
from finrisk.models.boosting import boosted_parameters
from finrisk.models.coded_rows import (
    Block,
    Mask,
    PartFacts,
    RowFacts,
    coded,
    coded_frame,
    needed,
    of_all,
)
from finrisk.models.estimators import within
from finrisk.models.preprocessing import FeatureKinds
from finrisk.models.recipe import Recipe
from finrisk.models.wide_rows import Matrix, widening
from finrisk.specs.model_spec import ModelSpec
from finrisk.specs.training import Parameter
from finrisk.tracking.scoring_model import boosted_score

PAGE_ROWS = 1 << 18
"""Rows that XGBoost quantises and reads back together: 26 MB of 25 columns before."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Page:
    """Where some rows lie in the spool, and what the codes of their categories stand for."""

    first_row: int
    rows: int
    words: tuple[tuple[str, ...], ...]


@contextmanager
def spooled(
    snapshot: SnapshotRows, spec: ModelSpec, scratch: Path, *, page_rows: int = PAGE_ROWS
) -> Iterator[SpooledRows]:
    """Decode a snapshot's development rows into a spool, for as long as they are needed.

    Parameters
    ----------
    scratch : Path
        A folder, made where it is not there; whoever may read it may read customers' rows.
    page_rows : int
        More rows a page take more memory and fewer turns.

    Raises
    ------
    DiskFull
        There is no room for the spool.
    """
    scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
    # named as what a killed process leaves, so that retention finds it
    with tempfile.TemporaryDirectory(dir=scratch, prefix=".", suffix=".tmp") as folder:
        rows = SpooledRows(Path(folder), FeatureKinds.of(spec))
        with room_for(folder):
            rows.write(snapshot, spec, page_rows)
        log.info("%s: %d rows, %d pages on disk", spec.name, len(rows.facts.labels), rows.count)
        yield rows


class SpooledRows:
    """Development rows in a file of this machine.

    Parameters
    ----------
    folder : Path
        Empty; what XGBoost keeps on disk goes there as well.
    kinds : FeatureKinds
        Of the features.
    """

    facts: RowFacts

    def __init__(self, folder: Path, kinds: FeatureKinds) -> None:
        self.folder, self.kinds = folder, kinds
        self._path = folder / "rows"
        self._pages: list[Page] = []
        self._features = len(kinds.numeric) + len(kinds.categorical)

    def write(self, snapshot: SnapshotRows, spec: ModelSpec, page_rows: int) -> None:
        """Code the snapshot's development rows, page after page."""
        parts: list[PartFacts] = []
        first = 0
        with self._path.open("wb") as file:
            for frame in snapshot.batches("development", needed(spec), most_rows=page_rows):
                block, facts = coded(frame, spec)
                block.tofile(file)
                self._pages.append(Page(first, len(frame), facts.words))
                parts.append(facts)
                first += len(frame)
        self.facts = of_all(parts)

    @property
    def count(self) -> int:
        """How many pages there are."""
        return len(self._pages)

    def page(self, number: int) -> tuple[Page, Block]:
        """Read one page."""
        page = self._pages[number]
        values = self._features * page.rows
        start = 4 * self._features * page.first_row  # bytes
        block = np.fromfile(self._path, dtype=np.float32, count=values, offset=start)
        return page, block.reshape(self._features, page.rows)

    def boosting(
        self, trained: Mask, preprocessor: ColumnTransformer, recipe: Recipe
    ) -> BoostingOnDisk:
        """Prepare the rows of some vintages."""
        return BoostingOnDisk(self, trained, preprocessor, recipe)

    def sample(self, chosen: Mask, most: int) -> pd.DataFrame:
        """Return aligned features of at most so many rows of chosen vintages, evenly spread."""
        rows = self.facts.rows_in(chosen)
        wanted = np.zeros(len(self.facts.labels), dtype=bool)
        wanted[rows[:: -(-len(rows) // most)]] = True
        pages = (self.page(number) for number in range(self.count))
        pieces = (
            (block[:, wanted[page.first_row : page.first_row + page.rows]], page.words)
            for page, block in pages
        )
        return coded_frame(pieces, self.kinds)

    def matrices(
        self, chosen: Mask, preprocessor: ColumnTransformer
    ) -> Iterator[tuple[Matrix, NDArray[np.int8]]]:
        """Give matrix and labels of the rows of chosen vintages, a page at a time."""
        for number in range(self.count):
            if (found := self.matrix(number, chosen, preprocessor)) is not None:
                yield found

    def matrix(
        self, number: int, chosen: Mask, preprocessor: ColumnTransformer
    ) -> tuple[Matrix, NDArray[np.int8]] | None:
        """Return matrix and labels of a page's rows of chosen vintages; None without such rows."""
        at = self._pages[number]
        place = slice(at.first_row, at.first_row + at.rows)
        rows = chosen[self.facts.vintage_of_row[place]]
        if not rows.any():
            return None
        page, block = self.page(number)
        wide = widening(preprocessor, self.kinds, page.words).matrix(block, rows)
        return wide, self.facts.labels[place][rows]


class _Pages(xgb.DataIter):  # type: ignore[misc]  # xgboost has no types
    """What XGBoost asks for pages, as often as it wants."""

    def __init__(self, rows: SpooledRows, trained: Mask, preprocessor: ColumnTransformer) -> None:
        self._rows, self._trained, self._preprocessor = rows, trained, preprocessor
        self._given = rows.matrices(trained, preprocessor)
        super().__init__(cache_prefix=str(rows.folder / "quantised"))

    def reset(self) -> None:
        self._given = self._rows.matrices(self._trained, self._preprocessor)

    def next(self, input_data: Any) -> bool:
        found = next(self._given, None)
        if found is None:
            return False
        matrix, labels = found
        input_data(data=matrix, label=labels.astype(np.float32))
        return True


class BoostingOnDisk:
    """Training rows of a fold; XGBoost's quantised pages of them lie on disk."""

    def __init__(
        self, rows: SpooledRows, trained: Mask, preprocessor: ColumnTransformer, recipe: Recipe
    ) -> None:
        self._rows, self._trained = rows, trained
        self._preprocessor, self._recipe = preprocessor, recipe
        self._quantised: dict[object, Any] = {}

    def fit(self, parameters: Mapping[str, Parameter]) -> xgb.Booster:
        """Fit one configuration; pages are quantised anew where it has other bins."""
        columns = len(self._preprocessor.get_feature_names_out())
        told, rounds = boosted_parameters(parameters, self._recipe, columns)
        bins = told.get("max_bin")
        if bins not in self._quantised:
            self._quantised.clear()  # first, or both would be on disk
            self._quantised[bins] = xgb.ExtMemQuantileDMatrix(
                _Pages(self._rows, self._trained, self._preprocessor),
                max_bin=bins,
                nthread=self._recipe.threads,
            )
        with within(self._recipe.threads):
            return xgb.train(told, self._quantised[bins], num_boost_round=rounds)

    def scores(self, booster: xgb.Booster, chosen: Mask) -> NDArray[np.float32]:
        """Return the raw scores of the rows of chosen vintages, in their order."""
        booster.set_param({"nthread": self._recipe.threads})
        pages = self._rows.matrices(chosen, self._preprocessor)
        return np.concatenate([boosted_score(booster, matrix) for matrix, _ in pages])
