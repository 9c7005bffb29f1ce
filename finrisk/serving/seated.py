"""One version, ready to answer: everything that a request needs, exchanged as one."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

import numpy as np
import pandas as pd

from finrisk.config import Settings
from finrisk.data.decision_rows import DecidedBy
from finrisk.data.row_hashing import RowHasher
from finrisk.errors import ConfigurationError
from finrisk.ledger.challenges import Challenge
from finrisk.ledger.store import Ledger
from finrisk.pipelines.decider import decider_of
from finrisk.serving.compiled import Scorer, compiled
from finrisk.serving.plain_features import PlainFeatures
from finrisk.serving.problems import Refused
from finrisk.serving.reasons import Explainer, Reason, explainer, principal_reasons
from finrisk.serving.remembered import Pointer
from finrisk.serving.requests import RequestSchema
from finrisk.specs.loader import find_spec
from finrisk.specs.model_spec import ModelSpec
from finrisk.tracking.calibrator import Scores
from finrisk.tracking.champion_registry import ChampionRegistry
from finrisk.tracking.manifest import Manifest
from finrisk.tracking.scoring_model import ScoringModel


@dataclass(frozen=True)
class Seated:
    """A verified version in use.

    Parameters
    ----------
    pointer : Pointer
        Which version, by which promotion.
    by : DecidedBy
        What its rows in the decision log say of it.
    words : tuple of two str
        What is decided at or above the cut-off, and below it.
    explains : Explainer, optional
        None: its contributions are not known.
    since : datetime
        When it was loaded.
    """

    pointer: Pointer
    spec: ModelSpec
    spec_sha256: str
    model: ScoringModel
    by: DecidedBy
    words: tuple[str, str]
    schema: RequestSchema
    scorer: Scorer
    explains: Explainer | None
    since: datetime

    @property
    def gives_probability(self) -> bool:
        """Whether its score is a probability of bad."""
        return not self.model.is_detector

    @property
    def headers(self) -> dict[str, str]:
        """What every answer says of the version that gave it."""
        return {
            "X-FinRisk-Model-Version": str(self.by.version),
            "X-FinRisk-Epoch": "" if self.by.epoch is None else str(self.by.epoch),
            "X-FinRisk-Artifact-SHA256": self.by.artifact_sha256,
        }

    def score(self, features: PlainFeatures) -> Scores:
        """Return the risk score, shape (n,), higher = riskier.

        Raises
        ------
        Refused
            The model gives a row no score.
        DataError
            It does not take these rows at all.
        """
        scores = self.scorer.score(features)
        if not np.isfinite(scores).all():
            raise Refused(
                422,
                "no-score",
                f"{self.by.model} v{self.by.version} gives a row no score",
                remedy="see to numbers far from any that it was fitted on",
            )
        return scores

    def decisions(self, scores: Scores) -> list[str | None]:
        """Return what is decided of each; None where the version has no cut-off."""
        if self.by.cutoff is None:
            return [None] * len(scores)
        at, below = self.words
        return [at if declined else below for declined in (scores >= self.by.cutoff).tolist()]

    def predictions(self, scores: Scores, features: PlainFeatures) -> list[Any]:
        """Return 1 where it decides against a row, else 0; of a detector 1 and −1 (anomalous)."""
        if self.by.cutoff is not None:
            return (scores >= self.by.cutoff).astype(int).tolist()  # type: ignore[no-any-return]
        frame = self.schema.derivation.frame(features)
        return np.asarray(self.model.predict(frame)).tolist()  # type: ignore[no-any-return]

    def reasons(self, features: PlainFeatures) -> list[list[Reason]] | None:
        """Return up to four reasons of each row; None where the model cannot be explained."""
        if self.explains is None:
            return None
        derivation = self.schema.derivation
        return principal_reasons(self.explains, features, self.spec.reasons, derivation)

    def of_epoch(self, pointer: Pointer, since: datetime) -> Seated:
        """Return the same bytes, as another promotion brought them back."""
        by = self.by.replace(version=pointer.version.version, epoch=pointer.epoch)
        return replace(self, pointer=pointer, by=by, since=since)


class ChampionSeats:
    """Where champions come from: the ledger says which, a verified artifact is it.

    Parameters
    ----------
    settings : Settings
        One thread a model, whatever they say: a row on a busy machine must not wait for others.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings.model_copy(update={"threads": 1})
        self._registry = ChampionRegistry(self.settings)
        self._ledger: Ledger | None = None

    def pointer(self, model: str) -> Pointer | None:
        """Ask the ledger who serves; None: nobody ever did.

        Raises
        ------
        Unreachable
            It does not answer.
        """
        ledger = self._opened()
        champion = ledger.champion(model)
        if champion is None:
            return None
        version = ledger.version(model, champion.version)
        if version is None:
            raise ConfigurationError(
                f"the ledger does not know the champion's version {champion.version} of {model}",
                remedy="finrisk doctor",
            )
        return Pointer(version, champion.epoch)

    def challenges(self, model: str) -> list[Challenge]:
        """Ask the ledger for a model's challengers; ``Unreachable`` where it does not answer."""
        return self._opened().challenges(model)

    def load_challenger(self, challenge: Challenge, now: datetime) -> Seated:
        """Make a challenger ready, of no epoch; raises as :meth:`load` does.

        Raises
        ------
        ConfigurationError
            The ledger does not know the version, or it is of other bytes.
        """
        version = self._opened().version(challenge.model, challenge.version)
        if version is None or version.artifact_sha256 != challenge.artifact_sha256:
            raise ConfigurationError(
                f"the ledger does not know version {challenge.version} of {challenge.model} as it "
                f"was when {challenge.name} began",
                remedy=f"finrisk {challenge.kind} stop {challenge.model}",
            )
        seated = self.load(challenge.model, Pointer(version, 0), now)
        return replace(seated, by=seated.by.replace(epoch=None))

    def hasher(self) -> RowHasher:
        """Return what hashes row keys; ``ConfigurationError`` where there is no key."""
        return RowHasher.load(self.settings.row_hash_keys)

    def spec_sha256(self, model: str) -> str:
        """Return what tells whether a spec's file was changed."""
        return _digest(find_spec(self.settings.conf_locations, model))

    def load(self, model: str, pointer: Pointer, now: datetime) -> Seated:
        """Verify a version's artifact and make it ready to answer.

        Raises
        ------
        ArtifactRejected
            It does not verify, or does not score its golden rows as it did.
        Unreachable
            There is no kept copy of it, and MLflow does not answer.
        DataError
            The spec's features are not those that it was fitted on any more.
        """
        spec = find_spec(self.settings.conf_locations, model)
        loaded, manifest = self._registry.open(pointer.version)
        decider = decider_of(
            pointer.version, loaded, manifest.provenance, spec=spec, epoch=pointer.epoch
        )
        schema = RequestSchema.of(spec, loaded.feature_names)
        scorer = compiled(loaded, schema.derivation, golden_frame(manifest))
        return Seated(
            pointer=pointer,
            spec=spec,
            spec_sha256=_digest(spec),
            model=loaded,
            by=decider.by,
            words=decider.words,
            schema=schema,
            scorer=scorer,
            explains=explainer(loaded, scorer),
            since=now,
        )

    def _opened(self) -> Ledger:
        """Return the ledger, opened at the first call that finds it."""
        if self._ledger is None:
            self._ledger = Ledger.open(self.settings)
        return self._ledger


def golden_frame(manifest: Manifest) -> pd.DataFrame:
    """Return a manifest's golden rows as the model sees them."""
    frame = pd.DataFrame(list(manifest.golden.rows), columns=list(manifest.feature_names))
    kinds = dict.fromkeys(manifest.names_of("number"), "float64")
    return frame.astype(kinds | dict.fromkeys(manifest.names_of("category"), "str"))


def _digest(spec: ModelSpec) -> str:
    """Digest all of a spec: its reasons and its monitors' limits too."""
    return hashlib.sha256(spec.model_dump_json().encode()).hexdigest()


def day_of(spec: ModelSpec, now: datetime) -> date:
    """Return today by the clock of the model's nights."""
    return spec.schedule.local(now).date()
