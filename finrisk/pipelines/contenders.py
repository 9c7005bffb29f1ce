"""Challenger and champion as their verified artifacts and their snapshots let them be read."""

from __future__ import annotations

import logging
from time import process_time

import pandas as pd

from finrisk.data.landing import ROW_ID
from finrisk.data.snapshot_rows import rows_among
from finrisk.errors import IntegrityError, SnapshotMismatch
from finrisk.evaluation.facts import Contender, DevelopedAmong
from finrisk.evidence import Operations
from finrisk.features.definitions import feature_definitions, redefined
from finrisk.pipelines.rooms import Rooms
from finrisk.records import Champion, ModelVersion

log = logging.getLogger(__name__)
UNREADABLE = Contender(
    verified=False, score=None, train_end=None, developed_among=None, features_changed=None
)


def contender(version: ModelVersion, rooms: Rooms) -> Contender:
    """Read one artifact through verification; one that fails is a fact, not a crash."""
    began = process_time()
    try:
        model, manifest = rooms.registry.open(version)
    except IntegrityError as exc:
        log.warning("%s v%s: %s", version.model, version.version, exc)
        return UNREADABLE
    load_seconds, origin = process_time() - began, manifest.provenance
    return Contender(
        verified=True,
        score=model.score,
        train_end=origin.training_window.last_day if origin.training_window else None,
        developed_among=_developed_among(origin.snapshot_sha256, rooms),
        reference_scores=origin.reference_scores,
        features_changed=redefined(origin.feature_definitions, feature_definitions(rooms.spec)),
        operations=Operations(
            one_row_ms=origin.one_row_ms,
            artifact_mb=sum(file.bytes for file in manifest.files.values()) / 1e6,
            load_seconds=load_seconds,
        ),
        gives_probability=not model.is_detector,
    )


def champion_contender(champion: Champion | None, rooms: Rooms) -> Contender | None:
    """Read the champion's artifact, if there is a champion."""
    if champion is None:
        return None
    version = rooms.ledger.version(champion.model, champion.version)
    if version is None:
        return UNREADABLE
    return contender(version, rooms)


def anchor_contender(
    champion: Champion | None, read: Contender | None, rooms: Rooms
) -> tuple[int | None, Contender | None]:
    """Read the last version a person signed, if any was; one that is champion was read before."""
    if champion is None or (signature := rooms.ledger.anchor(rooms.spec.name)) is None:
        return None, None
    if signature.version == champion.version:
        return signature.version, read
    version = rooms.ledger.version(signature.model, signature.version)
    return signature.version, UNREADABLE if version is None else contender(version, rooms)


def _developed_among(snapshot_sha256: str, rooms: Rooms) -> DevelopedAmong:
    """Return what counts ids of rows a version was fitted on; None where its snapshot is gone."""

    def among(ids: pd.Series) -> int | None:
        try:
            with rooms.snapshots.reading(snapshot_sha256) as snapshot:
                return rows_among(ids, snapshot.batches("development", [ROW_ID]), ROW_ID)
        except SnapshotMismatch:  # gone or altered
            return None

    return among
