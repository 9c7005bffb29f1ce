"""``finrisk reproduce``: fit a registered version again and see that it scores the same.

From what was recorded and signed alone: its snapshot, the spec its night used, its candidate, seed
and threads. With the same libraries the scores are the same bit for bit.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finrisk.data.snapshot_rows import Part
from finrisk.data.spec_archive import SPECS, SpecArchive
from finrisk.errors import ConfigurationError, NotReproduced
from finrisk.features.derive import derive_features
from finrisk.models.engines import fit_from_snapshot
from finrisk.models.trainer import FittedCandidate
from finrisk.pipelines.rooms import Rooms
from finrisk.pipelines.training import places_of
from finrisk.records import ModelVersion, Record
from finrisk.specs.model_spec import ModelSpec
from finrisk.specs.training import Engine
from finrisk.tracking.manifest import Manifest, Provenance, library_versions
from finrisk.tracking.recorded_params import recorded_params
from finrisk.tracking.scoring_model import ScoringModel

log = logging.getLogger(__name__)

SAME_TOLERANCE = 1e-6  # as strict as the golden rows of an artifact
CLUSTER_TOLERANCE = 0.05  # which worker holds which rows decides what is sampled and summed where
OTHER_TOLERANCE = 1e-3  # another library or thread count adds numbers in another order


@dataclass(frozen=True, slots=True)
class Reproduction(Record):
    """How a version scores beside itself fitted again, on all rows of its snapshot.

    Parameters
    ----------
    model, version, candidate : str, int, str
        Which version.
    identical : bool
        Every score is the same, bit for bit.
    largest_difference : float
        Of any two scores; relative where a detector's are above 1.
    tolerance : float
        The largest difference that still counts as reproduced.
    development_rows, holdout_rows : int
        Compared.
    threads : int
        It was fitted again with these.
    threads_recorded : bool
        Its manifest names them; else they are today's setting.
    libraries : dict of str to str
        Where today's differ: "recorded, now". Empty: all are the same.
    same_parameters : bool or None
        The search chose the same again; None where MLflow does not have its run any more.
    seconds : float
        Wall time of the fit.
    """

    model: str
    version: int
    candidate: str
    identical: bool
    largest_difference: float
    tolerance: float
    development_rows: int
    holdout_rows: int
    threads: int
    threads_recorded: bool
    libraries: dict[str, str]
    same_parameters: bool | None
    seconds: float

    @property
    def reproduced(self) -> bool:
        """Whether it is within the tolerance; a difference that is no number is not."""
        return self.largest_difference <= self.tolerance

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why scores may differ, a sentence each."""
        found = [f"{name} was {versions}" for name, versions in sorted(self.libraries.items())]
        if not self.threads_recorded:
            found.append(f"its threads were not recorded; fitted again with {self.threads}")
        if self.same_parameters is False:
            found.append("the search chose other parameters")
        return tuple(found)


def reproduce(rooms: Rooms, number: int) -> Reproduction:
    """Fit one registered version again and compare its scores.

    Parameters
    ----------
    rooms : Rooms
        Of the model, in the scope the version is registered in. Nothing is written.
    number : int
        The version.

    Raises
    ------
    ConfigurationError
        The ledger does not know the version, it has no snapshot, or its spec was not kept.
    ArtifactRejected, SnapshotMismatch, IntegrityError
        Artifact, snapshot or kept spec are not what was recorded.
    NotReproduced
        A score differs by more than the tolerance.
    """
    version = _known(rooms, number)
    recorded, manifest = rooms.registry.open(version)
    origin = manifest.provenance
    if not origin.snapshot_sha256:
        raise ConfigurationError(
            f"{version.model} v{number} cannot be fitted again: it was logged by hand",
            expected="a version that a night trained on a snapshot",
            got="frames that FinRisk never kept",
            remedy="fit it again where its rows are",
        )
    spec = _spec_of(origin, rooms)
    threads = origin.threads or rooms.settings.threads
    began = perf_counter()
    candidate = spec.candidate(origin.candidate)
    again, _ = fit_from_snapshot(
        origin.snapshot_sha256, spec, candidate, places_of(rooms), threads=threads
    )
    seconds = perf_counter() - began
    outcome = Reproduction(
        model=version.model,
        version=number,
        candidate=origin.candidate,
        **_compared(recorded, again.model, origin.snapshot_sha256, spec, rooms),
        tolerance=_tolerance(manifest, candidate.engine),
        threads=threads,
        threads_recorded=origin.threads > 0,
        libraries=changed_libraries(manifest.libraries, library_versions()),
        same_parameters=_same_parameters(version, again, rooms),
        seconds=seconds,
    )
    if not outcome.reproduced:
        raise _not_reproduced(outcome)
    return outcome


def changed_libraries(recorded: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str]:
    """Return the libraries whose version changed, with both versions as text.

    Examples
    --------
    >>> changed_libraries({"numpy": "2.4.5", "skops": "0.16"}, {"numpy": "2.4.6", "skops": "0.16"})
    {'numpy': '2.4.5, is 2.4.6'}
    """
    names = sorted({*recorded, *now})
    return {
        name: f"{recorded.get(name, 'not recorded')}, is {now.get(name, 'not here')}"
        for name in names
        if recorded.get(name) != now.get(name)
    }


def _known(rooms: Rooms, number: int) -> ModelVersion:
    model = rooms.spec.name
    version = rooms.ledger.version(model, number)
    if version is None:
        have = ", ".join(str(v.version) for v in rooms.ledger.versions(model)) or "none"
        raise ConfigurationError(
            f"the ledger knows no version {number} of {model} in scope {rooms.settings.scope}",
            expected=f"one of: {have}",
            remedy="`finrisk history` lists its nights; --scope names another scope",
        )
    return version


def _spec_of(origin: Provenance, rooms: Rooms) -> ModelSpec:
    """Return the spec the version's night used: today's if it is the same, else the kept one."""
    if rooms.spec.sha256 == origin.spec_sha256:
        return rooms.spec
    return SpecArchive(rooms.settings.store / SPECS).open(origin.spec_sha256)


def _compared(
    recorded: ScoringModel, again: ScoringModel, sha256: str, spec: ModelSpec, rooms: Rooms
) -> dict[str, Any]:
    rows: dict[Part, int] = {"development": 0, "holdout": 0}
    identical, largest = True, 0.0
    columns = (*spec.feature_columns, *spec.window_features)
    with rooms.snapshots.reading(sha256) as snapshot:
        for part in rows:
            for frame in snapshot.batches(part, columns):
                features = derive_features(frame, spec)
                same, apart = _apart(recorded.score(features), again.score(features))
                identical &= same
                largest = float(np.maximum(largest, apart))  # one that is no number stays none
                rows[part] += len(frame)
    return {
        "identical": identical,
        "largest_difference": largest,
        "development_rows": rows["development"],
        "holdout_rows": rows["holdout"],
    }


def _apart(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> tuple[bool, float]:
    scale = np.maximum(1.0, np.abs(ours))  # an anomaly score may be in the thousands
    same = bool(np.array_equal(ours, theirs))
    return same, float(np.max(np.abs(ours - theirs) / scale, initial=0.0))


def _tolerance(manifest: Manifest, engine: Engine) -> float:
    if engine == "dask":
        return CLUSTER_TOLERANCE
    same = not changed_libraries(manifest.libraries, library_versions())
    return SAME_TOLERANCE if same and manifest.provenance.threads else OTHER_TOLERANCE


def _same_parameters(version: ModelVersion, again: FittedCandidate, rooms: Rooms) -> bool | None:
    told = recorded_params(rooms.settings, version.run_id)
    if told is None:
        return None
    return all(told.get(name) == str(value) for name, value in again.best_parameters.items())


def _not_reproduced(outcome: Reproduction) -> NotReproduced:
    return NotReproduced(
        f"{outcome.model} v{outcome.version} fitted again scores differently",
        expected=f"a difference of at most {outcome.tolerance:g}",
        got=f"{outcome.largest_difference:.3g}"
        + (f" ({'; '.join(outcome.reasons)})" if outcome.reasons else ""),
        remedy="install the libraries its manifest names and try again; if they are the same, "
        "what the version was fitted on is not what was recorded: train anew",
    )
