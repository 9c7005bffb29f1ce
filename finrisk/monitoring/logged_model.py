"""A fitted model and its frames on their way into MLflow: measured, described, pictured, signed."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from time import perf_counter
from typing import Any, Literal
from uuid import uuid4

import numpy as np
import pandas as pd

from finrisk.evaluation.gallery import detector_pictures, importance_pictures, model_pictures
from finrisk.evaluation.statistics import data_statistics, distributions
from finrisk.features.derive import MISSING
from finrisk.keys import run_key
from finrisk.models.golden_rows import golden_rows
from finrisk.models.preprocessing import FeatureKinds
from finrisk.monitoring.anomaly import oriented, score_statistics
from finrisk.monitoring.fitted import as_scoring_model, importance_of, named_features
from finrisk.monitoring.measured import (
    Labels,
    Measured,
    Scores,
    against_given,
    credit_figures,
    fraud_figures,
    labels_of,
)
from finrisk.pictures.features import feature_picture
from finrisk.tracking.candidate_log import CandidateLog
from finrisk.tracking.manifest import Provenance, library_versions
from finrisk.tracking.run_writer import RunContents, run_name
from finrisk.tracking.scoring_model import ScoringModel, aligned_features
from finrisk.tracking.tracker import FinRiskMLflowTracker, plain

log = logging.getLogger(__name__)

ModelType = Literal["credit_risk", "fraud_detection"]
BY_HAND = "logged_by_hand"
REFERENCE_ROWS = 2_000
"""Development rows scored for the PSI; a kernel machine takes minutes over a million."""

LONGEST_TAG = 1000


@dataclass(frozen=True)
class Frames:
    """Development and test rows, as features with names and labels 0 and 1."""

    X_train: pd.DataFrame
    X_test: pd.DataFrame
    y_train: Labels
    y_test: Labels

    @classmethod
    def of(cls, X_train: Any, X_test: Any, y_train: Any, y_test: Any) -> Frames:
        """Return sound frames; raises ``DataError`` and ``LabelError``."""
        train, test = named_features(X_train), named_features(X_test)
        return cls(
            X_train=train,
            X_test=test,
            y_train=labels_of(y_train, "y_train", len(train)),
            y_test=labels_of(y_test, "y_test", len(test)),
        )

    @property
    def sha256(self) -> str:
        """Digest of all rows and labels: which dataset this was, without keeping a row of it."""
        digest = hashlib.sha256()
        for frame, labels in ((self.X_train, self.y_train), (self.X_test, self.y_test)):
            digest.update(pd.util.hash_pandas_object(frame, index=False).to_numpy().tobytes())
            digest.update(labels.tobytes())
        return digest.hexdigest()


def log_model_by_hand(
    tracker: FinRiskMLflowTracker,
    model: Any,
    model_name: str,
    frames: Frames,
    *,
    model_type: ModelType,
    library: str,
    hyperparameters: Mapping[str, Any],
    metrics: Mapping[str, Any],
    feature_importance: Mapping[str, float] | None = None,
    anomaly_scores: Any = None,
) -> str:
    """Log a fitted model with everything that is known of it; return the run's id.

    See ``finrisk.monitoring.mlflow_tracker`` for what the arguments mean.
    """
    began = perf_counter()
    scoring = as_scoring_model(model, frames.X_train)
    test = scoring.score(frames.X_test)
    measured = _measured(scoring, frames, test, model_type, metrics)
    anomalies = _anomalies(scoring, anomaly_scores, test)
    importance, measure = _importance(scoring, feature_importance)
    identity = _tags(scoring, model_name, frames, library, measured)
    contents = RunContents(
        params=dict(hyperparameters),
        metrics=_counts(frames, model_type) | measured.metrics,
        documents={
            **_documents(scoring, model, model_name, frames, hyperparameters),
            **({"feature_importance.json": importance} if importance else {}),
            **anomalies.documents,
        },
        pictures={
            **_pictures(scoring, model_name, frames, test),
            **importance_pictures(importance, name=model_name, measure=measure),
            "feature_distributions": feature_picture(frames.X_train, frames.X_test),
        },
    )
    run_id = tracker.log_fitted_model(
        CandidateLog(
            provenance=_provenance(
                model_name, model_type, frames, measured, threads=scoring.threads
            ),
            model=scoring,
            golden_rows=_golden(scoring, frames.X_train),
            development_score=measured.metrics.get("auc", 0.0),
            seconds=perf_counter() - began,
            contents=contents,
            tags=identity | anomalies.tags,
        ),
        run_name(model_type, model_name),
    )
    for sentence in measured.disagreements:
        log.warning("%s, run %s: %s", model_name, run_id, sentence)
    return run_id


def _measured(
    scoring: ScoringModel,
    frames: Frames,
    test: Scores,
    model_type: ModelType,
    given: Mapping[str, Any],
) -> Measured:
    reference = scoring.score(frames.X_train.iloc[_spread(len(frames.X_train))])
    answers = np.asarray(scoring.predict(frames.X_test))
    flagged = (answers == (-1 if scoring.is_detector else 1)).astype(np.int8)
    credit = model_type == "credit_risk" and not scoring.is_detector
    figures = credit_figures if credit else fraud_figures
    return against_given(figures(frames.y_test, test, flagged, reference), given)


def _spread(rows: int) -> Any:
    """Return positions of at most ``REFERENCE_ROWS`` rows, evenly over all of them."""
    if rows <= REFERENCE_ROWS:
        return slice(None)
    return np.linspace(0, rows - 1, REFERENCE_ROWS).astype(np.int64)


@dataclass(frozen=True)
class _Anomalies:
    documents: dict[str, Any]
    tags: dict[str, str]


def _anomalies(scoring: ScoringModel, given: Any, own: Scores) -> _Anomalies:
    if given is None and not scoring.is_detector:
        return _Anomalies({}, {})
    turned = oriented(own if given is None else given, own)
    if turned.direction == "unrelated":
        log.warning(
            "anomaly_scores do not follow the model's own (rank correlation %.2f): kept as given",
            turned.rank_correlation,
        )
    statistics = {
        "direction": "higher = riskier",
        "given": "by the model" if given is None else turned.direction,
        "rank_correlation_with_the_models_own": turned.rank_correlation,
        **score_statistics(turned.scores),
    }
    return _Anomalies(
        {"anomaly_scores_stats.json": statistics},
        {"finrisk.anomaly_scores": "by the model" if given is None else turned.direction},
    )


def _importance(
    scoring: ScoringModel, given: Mapping[str, float] | None
) -> tuple[dict[str, float], str]:
    if given:
        return {str(name): float(value) for name, value in given.items()}, "as given"
    return importance_of(scoring)


def _tags(
    scoring: ScoringModel, model_name: str, frames: Frames, library: str, measured: Measured
) -> dict[str, str]:
    names = "\n".join(scoring.feature_names)
    told = {
        "model_name": model_name,
        "library": library,
        "dataset_version": frames.sha256[:12],
        "feature_set": hashlib.sha256(names.encode()).hexdigest()[:12],
        "experiment_type": "model_training",
        "finrisk.role": BY_HAND,
    }
    if measured.disagreements:
        told["finrisk.metrics_disagree"] = "; ".join(measured.disagreements)[:LONGEST_TAG]
    return told


def _counts(frames: Frames, model_type: ModelType) -> dict[str, float]:
    rate = "fraud_rate" if model_type == "fraud_detection" else "bad_rate"
    return {
        "train_samples": float(len(frames.X_train)),
        "test_samples": float(len(frames.X_test)),
        "n_features": float(frames.X_train.shape[1]),
        f"{rate}_train": float(frames.y_train.mean()),
        f"{rate}_test": float(frames.y_test.mean()),
    }


def _documents(
    scoring: ScoringModel,
    model: Any,
    model_name: str,
    frames: Frames,
    hyperparameters: Mapping[str, Any],
) -> dict[str, Any]:
    return {
        "model_config.json": {
            "model_name": model_name,
            "algorithm": scoring.algorithm,
            "class": f"{type(model).__module__}.{type(model).__qualname__}",
            "hyperparameters": plain(hyperparameters),
            "features": scoring.kinds,
            "libraries": library_versions(),
        },
        "data_statistics.json": data_statistics(
            frames.X_train, frames.X_test, frames.y_train, frames.y_test
        ),
        "data_distributions.json": distributions(frames.X_train, frames.X_test),
    }


def _pictures(
    scoring: ScoringModel, model_name: str, frames: Frames, test: Scores
) -> dict[str, bytes]:
    if scoring.is_detector:
        return detector_pictures(frames.y_test, test, name=model_name, rows="test rows")
    return model_pictures(frames.y_test, test, name=model_name, rows="test rows", cutoff=None)


def _provenance(
    model_name: str, model_type: ModelType, frames: Frames, measured: Measured, *, threads: int
) -> Provenance:
    ours = {name: v for name, v in measured.metrics.items() if not name.startswith("reported_")}
    return Provenance(
        model=model_name,
        model_type=model_type,
        candidate=model_name,
        as_of=datetime.now(UTC).date(),
        run_key=run_key(BY_HAND, uuid4().hex),
        training_window=None,
        snapshot_sha256="",
        spec_sha256="",
        seed=0,
        feature_definitions={},
        threads=threads,
        evaluation={
            **ours,
            "rows": float(len(frames.y_test)),
            "bads": float(frames.y_test.sum()),
        },
    )


def _golden(scoring: ScoringModel, features: pd.DataFrame) -> pd.DataFrame:
    """Return synthetic rows the model can score: of a category too rare to show, its commonest."""
    aligned = aligned_features(features, scoring.feature_names, scoring.categorical)
    kinds = FeatureKinds(scoring.numeric, scoring.categorical)
    rows = golden_rows(aligned, kinds, seed=0)
    for name in scoring.categorical:
        if (rows[name] == MISSING).all():
            rows[name] = aligned[name].mode().iloc[0]
    return rows
