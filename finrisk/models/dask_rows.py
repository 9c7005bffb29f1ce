"""XGBoost on a Dask cluster: rows go from the store to the workers, and never through the night.

Each worker reads stretches of the snapshot and keeps them coded. This process has of each row its
label, its vintage and its day. What a lost worker held is read again by the others, and a training
that it was part of starts over.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xgboost as xgb
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer

from finrisk.data.snapshot_rows import SnapshotRows, Stretch, reading
from finrisk.models import dask_tasks
from finrisk.models.boosting import boosted_parameters
from finrisk.models.coded_rows import Mask, PartFacts, RowFacts, of_all
from finrisk.models.dask_cluster import connected, insist
from finrisk.models.preprocessing import FeatureKinds
from finrisk.models.recipe import Recipe
from finrisk.specs.model_spec import ModelSpec
from finrisk.specs.training import Parameter

STRETCH_ROWS = 1 << 20
"""Rows of a task, at most: what a snapshot's row group holds."""

STRETCHES_A_WORKER = 4

log = logging.getLogger(__name__)


@contextmanager
def on_cluster(path: Path, sha256: str, spec: ModelSpec, address: str) -> Iterator[RowsOnCluster]:
    """Have a cluster read a snapshot's development rows, for as long as they are needed.

    Parameters
    ----------
    path : Path
        Of the snapshot; every worker sees it there.
    address : str
        Of the scheduler.

    Raises
    ------
    ConfigurationError, Unreachable
        As :func:`finrisk.models.dask_cluster.connected`.
    SnapshotMismatch
        What this process or a worker reads is not what was frozen.
    """
    with connected(address) as client, reading(path, sha256) as snapshot:
        where = _stretches(snapshot, client)

        def read_all() -> tuple[list[Any], list[PartFacts | None]]:
            coded = list(_submitted(client, where, path, sha256, spec))
            return coded, client.gather([client.submit(dask_tasks.facts_of, one) for one in coded])

        read, told = insist("reading the snapshot", client, read_all)
        parts = [
            _Part(one, len(facts.labels))
            for one, facts in zip(read, told, strict=True)
            if facts is not None
        ]
        facts = of_all([one for one in told if one is not None])
        log.info("%s: %d rows in %d parts on %s", spec.name, len(facts.labels), len(parts), address)
        yield RowsOnCluster(client, spec, parts, facts)


def cluster_scores(
    path: Path,
    sha256: str,
    spec: ModelSpec,
    scores: Sequence[dask_tasks.Score],
    address: str,
) -> list[NDArray[np.float64]]:
    """Have a cluster score the hold-out; each model's scores are those of one machine.

    Raises
    ------
    ConfigurationError, Unreachable, SnapshotMismatch
        As :func:`on_cluster`.
    """
    with connected(address) as client, reading(path, sha256) as snapshot:
        where = _stretches(snapshot, client)
        sent = client.scatter([list(scores)], broadcast=True)[0]

        def score() -> Any:
            ask = dask_tasks.holdout_scores
            return client.gather(
                [client.submit(ask, path, sha256, one, spec, sent, pure=False) for one in where]
            )

        found = insist("scoring the hold-out", client, score)
    return [np.concatenate(of_model) for of_model in zip(*found, strict=True)]


@dataclass(frozen=True, slots=True)
class _Part:
    """A stretch that some worker keeps coded."""

    coded: Any
    rows: int


class RowsOnCluster:
    """Development rows in the memory of a cluster's workers."""

    def __init__(
        self, client: Any, spec: ModelSpec, parts: Sequence[_Part], facts: RowFacts
    ) -> None:
        self.client, self.spec, self.facts = client, spec, facts
        self._parts = parts

    def boosting(
        self, trained: Mask, preprocessor: ColumnTransformer, recipe: Recipe
    ) -> BoostingOnCluster:
        """Prepare the rows of some vintages."""
        return BoostingOnCluster(self, trained, preprocessor, recipe)

    def sample(self, chosen: Mask, most: int) -> pd.DataFrame:
        """Return aligned features of at most so many rows of chosen vintages, evenly spread."""
        rows = self.facts.rows_in(chosen)
        wanted = np.zeros(len(self.facts.labels), dtype=bool)
        wanted[rows[:: -(-len(rows) // most)]] = True
        kinds = FeatureKinds.of(self.spec)

        def ask() -> list[pd.DataFrame]:
            found: list[pd.DataFrame] = self.client.gather(
                [
                    self.client.submit(dask_tasks.sampled, part.coded, mask, kinds, pure=False)
                    for part, mask in self.masks(wanted)
                ]
            )
            return found

        frames = insist("sampling rows", self.client, ask)
        return pd.concat(frames, ignore_index=True)

    def chosen(self, vintages: Mask) -> list[tuple[_Part, Mask]]:
        """Return the parts with rows of some vintages, and which of their rows these are."""
        return list(self.masks(vintages[self.facts.vintage_of_row]))

    def masks(self, rows: Mask) -> Iterator[tuple[_Part, Mask]]:
        """Cut a mask over all rows into those of the parts; parts without a row are left out."""
        first = 0
        for part in self._parts:
            mask = rows[first : first + part.rows]
            first += part.rows
            if mask.any():
                yield part, mask


class BoostingOnCluster:
    """Training rows of a fold, quantised on the workers that hold them."""

    def __init__(
        self, rows: RowsOnCluster, trained: Mask, preprocessor: ColumnTransformer, recipe: Recipe
    ) -> None:
        self._rows, self._trained = rows, trained
        self._preprocessor, self._recipe = preprocessor, recipe
        self._width = len(preprocessor.get_feature_names_out())

    def fit(self, parameters: Mapping[str, Parameter]) -> xgb.Booster:
        """Fit one configuration; where a worker is lost, anew on those that are there."""
        from xgboost import dask as dxgb

        told, rounds = boosted_parameters(parameters, self._recipe, self._width)
        del told["n_jobs"]  # of this machine; a worker knows its own threads
        client = self._rows.client

        def train() -> xgb.Booster:
            matrix, labels = self._arrays()
            quantised = dxgb.DaskQuantileDMatrix(
                client, matrix, labels, max_bin=told.get("max_bin")
            )
            booster: xgb.Booster = dxgb.train(client, told, quantised, num_boost_round=rounds)[
                "booster"
            ]
            return booster

        return insist("training XGBoost", client, train, together=True)

    def scores(self, booster: xgb.Booster, chosen: Mask) -> NDArray[np.float32]:
        """Return the raw scores of the rows of chosen vintages, in their order."""
        client, spec = self._rows.client, self._rows.spec

        def score() -> Any:
            return client.gather(
                [
                    client.submit(
                        dask_tasks.scores_of,
                        booster,
                        part.coded,
                        mask,
                        self._preprocessor,
                        spec,
                        pure=False,
                    )
                    for part, mask in self._rows.chosen(chosen)
                ]
            )

        return np.concatenate(insist("scoring a fold", client, score))

    def _arrays(self) -> tuple[Any, Any]:
        """Return matrix and labels as Dask's arrays, a chunk for each part."""
        import dask
        import dask.array as da

        matrices, labels = [], []
        for part, mask in self._rows.chosen(self._trained):
            rows = int(mask.sum())
            wide = dask.delayed(dask_tasks.matrix_of)(
                part.coded, mask, self._preprocessor, self._rows.spec
            )
            of = dask.delayed(dask_tasks.labels_of)(part.coded, mask)
            matrices.append(da.from_delayed(wide, (rows, self._width), np.float32))
            labels.append(da.from_delayed(of, (rows,), np.float32))
        return da.concatenate(matrices), da.concatenate(labels)


def _submitted(
    client: Any, where: Sequence[Stretch], path: Path, sha256: str, spec: ModelSpec
) -> Iterator[Any]:
    """Deal the stretches out in order, as many to each worker: as many workers, the same model."""
    workers = _workers(client)
    for place, one in enumerate(where):
        yield client.submit(
            dask_tasks.coded_stretch,
            path,
            sha256,
            one,
            spec,
            pure=False,
            workers=[workers[place * len(workers) // len(where)]],
            allow_other_workers=True,  # it may be lost by then
        )


def _workers(client: Any) -> list[str]:
    """Return the workers' addresses in the order of their names."""
    told = client.scheduler_info(n_workers=-1)["workers"]
    return sorted(told, key=lambda address: (str(told[address]["name"]), address))


def _stretches(snapshot: SnapshotRows, client: Any) -> list[Stretch]:
    most = -(-snapshot.all_rows // (STRETCHES_A_WORKER * max(1, len(_workers(client)))))
    return snapshot.stretches(min(max(most, 1), STRETCH_ROWS))
