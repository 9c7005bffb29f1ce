"""The train step: fit one candidate on the snapshot and log it, or find that it was done."""

from __future__ import annotations

import logging

from finrisk.errors import FinRiskError
from finrisk.faults import step
from finrisk.features.definitions import feature_definitions
from finrisk.models.engines import SCRATCH, Places, fit_from_snapshot
from finrisk.models.latency import one_row_milliseconds
from finrisk.models.trainer import FittedCandidate
from finrisk.monitoring.fitted import keeps_rows
from finrisk.pipelines.exhibits import (
    Days,
    candidate_contents,
    feature_set,
    reference_scores,
    tuning_contents,
)
from finrisk.pipelines.keys import night_key
from finrisk.pipelines.rooms import Rooms
from finrisk.records import PreparedNight, TrainedCandidate
from finrisk.tracking.candidate_log import CandidateLog
from finrisk.tracking.manifest import Provenance

log = logging.getLogger(__name__)


def train_candidate(prepared: PreparedNight, candidate: str, rooms: Rooms) -> TrainedCandidate:
    """Return the candidate's finished MLflow run of this night, fitting it if there is none."""
    if prepared.snapshot is None or prepared.run_id is None:
        raise FinRiskError("a night without a snapshot reached training", expected="status ready")
    key = night_key(prepared, rooms.settings.scope, candidate)
    done = rooms.tracker.find_candidate(key)
    if done is not None:
        log.info("%s: resumed from MLflow run %s", candidate, done.run_id)
        return done
    spec = rooms.spec
    with step("train"):
        fitted, days = fit_from_snapshot(
            prepared.snapshot.sha256,
            spec,
            spec.candidate(candidate),
            places_of(rooms),
            threads=rooms.settings.threads,
        )
    provenance = Provenance(
        model=spec.name,
        model_type=spec.model_type,
        candidate=candidate,
        as_of=prepared.request.as_of,
        run_key=key,
        training_window=prepared.snapshot.development,
        snapshot_sha256=prepared.snapshot.sha256,
        spec_sha256=prepared.spec_sha256,
        seed=spec.training.seed,
        feature_definitions=feature_definitions(spec),
        threads=rooms.settings.threads,
        cutoff=spec.gate.cutoff,
        reference_scores=reference_scores(fitted),
        one_row_ms=one_row_milliseconds(fitted.model, fitted.golden_rows),
    )
    told = as_log(fitted, provenance, rooms, days)
    with step("log_run"):
        return rooms.tracker.log_candidate(prepared.run_id, told)


def places_of(rooms: Rooms) -> Places:
    """Return what a candidate's engine works with."""
    settings = rooms.settings
    return Places(rooms.snapshots, settings.store / SCRATCH, settings.dask_scheduler)


def as_log(
    fitted: FittedCandidate, provenance: Provenance, rooms: Rooms, days: Days | None = None
) -> CandidateLog:
    """Return what MLflow is told of a fitted candidate; ``days`` are of its out-of-fold rows."""
    holds_rows = keeps_rows(fitted.model.preprocessor, fitted.model.estimator)
    if holds_rows:
        log.warning(
            "%s keeps rows it was fitted on: guard its artifact as the data", fitted.candidate
        )
    return CandidateLog(
        provenance=provenance,
        model=fitted.model,
        golden_rows=fitted.golden_rows,
        development_score=fitted.development_score,
        seconds=sum(fitted.seconds.values()),
        contents=candidate_contents(fitted, rooms, days),
        tags={
            "dataset_version": provenance.snapshot_sha256[:12],
            "feature_set": feature_set(provenance.feature_definitions),
            "experiment_type": "nightly_retraining",
            **({"finrisk.holds_rows": "training rows"} if holds_rows else {}),
        },
        tuning=tuning_contents(
            fitted, rooms.spec.headline_metric, pictures=rooms.settings.pictures
        ),
    )
