"""The version that decides: the champion by the ledger, or another one that a person names."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from finrisk.data.decision_rows import DecidedBy
from finrisk.errors import ConfigurationError, DataError
from finrisk.features.definitions import feature_definitions, redefined
from finrisk.pipelines.rooms import Rooms
from finrisk.records import ModelVersion
from finrisk.specs.model_spec import ModelSpec
from finrisk.tracking.manifest import Provenance
from finrisk.tracking.scoring_model import ScoringModel
from finrisk.wording import counted

WORDS = {"credit_risk": ("decline", "approve"), "fraud_detection": ("alert", "pass")}
"""What is decided at or above the cut-off, and below it."""


@dataclass(frozen=True)
class Decider:
    """A verified version, and what it says at which risk score."""

    by: DecidedBy
    model: ScoringModel
    words: tuple[str, str]

    def decide(self, features: pd.DataFrame) -> tuple[pa.Array, pa.Array]:
        """Return risk scores, higher = riskier, and decisions, both of n rows.

        A decision is null where the version has no cut-off: an anomaly detector's scores are on a
        scale of their own.

        Raises
        ------
        DataError
            The model does not take these rows, or gives one no score.
        """
        scores = self.model.score(features)
        if lacking := int(np.count_nonzero(~np.isfinite(scores))):
            raise DataError(
                f"{self.by.model} v{self.by.version} gives {counted(lacking, 'row')} no score",
                expected="a finite number for each row",
            )
        told = pa.array(scores)
        if self.by.cutoff is None:
            return told, pa.nulls(len(told), pa.string())
        return told, pc.if_else(pc.greater_equal(told, self.by.cutoff), *self.words)


def open_decider(rooms: Rooms, version: int | None = None) -> Decider:
    """Open the version that is to decide.

    Parameters
    ----------
    version : int, optional
        Another than the champion; its decisions are of no epoch, unless it is the champion.

    Raises
    ------
    ConfigurationError
        There is no champion, or the ledger knows no such version.
    ArtifactRejected
        Its artifact does not verify.
    DataError
        The spec's features are not those that it was fitted on any more.
    """
    spec = rooms.spec
    champion = rooms.ledger.champion(spec.name)
    if version is None:
        if champion is None:
            raise ConfigurationError(
                f"{spec.name} has no champion in scope {rooms.settings.scope}",
                expected="a version that was promoted",
                remedy="run a night, or name a registered version",
            )
        version = champion.version
    found = _known(rooms, version)
    model, manifest = rooms.registry.open(found)
    serves = champion is not None and champion.version == version
    epoch = champion.epoch if champion is not None and serves else None
    return decider_of(found, model, manifest.provenance, spec=spec, epoch=epoch)


def decider_of(
    version: ModelVersion,
    model: ScoringModel,
    origin: Provenance,
    *,
    spec: ModelSpec,
    epoch: int | None,
) -> Decider:
    """Return what a verified version decides by; raises as :func:`open_decider` of its features.

    Parameters
    ----------
    origin : Provenance
        Of its manifest.
    epoch : int or None
        Of the promotion by which it is champion; None: it is not.
    """
    _demand_same_features(version, model, origin, spec)
    by = DecidedBy(
        model=spec.name,
        version=version.version,
        epoch=epoch,
        artifact_sha256=version.artifact_sha256,
        cutoff=None if model.is_detector else spec.gate.cutoff,
    )
    return Decider(by, model, WORDS[spec.model_type])


def _known(rooms: Rooms, number: int) -> ModelVersion:
    model = rooms.spec.name
    found = rooms.ledger.version(model, number)
    if found is None:
        have = ", ".join(str(v.version) for v in rooms.ledger.versions(model)) or "none"
        raise ConfigurationError(
            f"the ledger knows no version {number} of {model} in scope {rooms.settings.scope}",
            expected=f"one of: {have}",
        )
    return found


def _demand_same_features(
    version: ModelVersion, model: ScoringModel, origin: Provenance, spec: ModelSpec
) -> None:
    changed = redefined(origin.feature_definitions, feature_definitions(spec))
    gone = tuple(n for n in model.feature_names if n not in spec.feature_names)
    if wrong := tuple(dict.fromkeys((*changed, *gone))):
        raise DataError(
            f"{version.model} v{version.version} cannot score rows of this spec: "
            f"{counted(len(wrong), 'feature')} gone or defined otherwise since it was fitted",
            got=", ".join(wrong[:5]),
            remedy="restore them in the spec, or promote a version of the changed spec",
        )
