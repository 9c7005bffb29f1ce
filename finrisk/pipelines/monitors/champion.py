"""The champion that is watched: its artifact, its decisions' mark, and what it showed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from finrisk.errors import DataError
from finrisk.evaluation.watched import Promise
from finrisk.features.definitions import feature_definitions, redefined
from finrisk.pipelines.rooms import Rooms
from finrisk.pipelines.trial import counts_from
from finrisk.records import ModelVersion, PromotionRecord, Window
from finrisk.tracking.scoring_model import ScoringModel


@dataclass(frozen=True)
class WatchedChampion:
    """Who decided by the end of a day.

    Parameters
    ----------
    promise : Promise
        Of the evidence that made it champion.
    developed_until : date
        The last event day that it was developed or judged on, or the day before it was promoted,
        where no evidence is kept: up to it the world is what the champion was made for.
    """

    version: ModelVersion
    promise: Promise
    developed_until: date


def champion_of(rooms: Rooms, as_of: date) -> WatchedChampion | None:
    """Return the champion of a day; None where there was none yet.

    Of a promotion that counts from a later day nothing was known then.
    """
    name = rooms.spec.name
    link = rooms.ledger.champion_on(name, as_of)
    if link is None:
        return None
    version = rooms.ledger.version(name, link.version)
    if version is None:
        return None
    history = [one for one in rooms.ledger.history(name) if one.epoch <= link.epoch]
    promise = _promise(version, history, rooms)
    first = next(one for one in history if one.artifact_sha256 == version.artifact_sha256)
    until = promise.last_day or counts_from(first) - timedelta(days=1)
    return WatchedChampion(version, promise, until)


def open_model(version: ModelVersion, rooms: Rooms) -> tuple[ScoringModel, Window | None]:
    """Return the verified model, and the days it was fitted on, if its rows had any.

    Raises
    ------
    ArtifactRejected, Unreachable
        As the registry has them.
    DataError
        The spec defines its features otherwise by now.
    """
    model, manifest = rooms.registry.open(version)
    origin = manifest.provenance
    if changed := redefined(origin.feature_definitions, feature_definitions(rooms.spec)):
        raise DataError(f"features changed since it was fitted: {', '.join(changed[:5])}")
    return model, origin.training_window


def _promise(version: ModelVersion, history: list[PromotionRecord], rooms: Rooms) -> Promise:
    """Return what the newest evidence about these very bytes showed, whatever their number."""
    for link in reversed(history):
        if link.evidence_sha256 is None or link.artifact_sha256 != version.artifact_sha256:
            continue
        evidence = rooms.ledger.evidence(link.evidence_sha256)
        if evidence is None or evidence.challenger is None:
            continue
        if evidence.challenger.artifact_sha256 != version.artifact_sha256:
            continue
        facts = evidence.facts
        window = facts.holdout
        return Promise(
            metrics=facts.challenger_metrics,
            rows=0 if window is None else window.rows,
            bads=0 if window is None else window.bads,
            last_day=None if window is None else window.last_day,
        )
    return Promise()
