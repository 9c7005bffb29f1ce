"""A fitted model and its frames on their way into MLflow: measured, described, pictured, signed."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sized
from dataclasses import dataclass
from datetime import UTC, date, datetime
from time import perf_counter
from typing import Any, Literal
from uuid import uuid4

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from finrisk.errors import ConfigurationError, DataError
from finrisk.evaluation.gallery import detector_pictures, importance_pictures, model_pictures
from finrisk.evaluation.statistics import data_statistics, distributions
from finrisk.features.derive import MISSING
from finrisk.keys import run_key
from finrisk.models.golden_rows import golden_rows
from finrisk.models.preprocessing import FeatureKinds
from finrisk.monitoring.anomaly import oriented, score_statistics
from finrisk.monitoring.first_champion import Named
from finrisk.monitoring.fitted import as_scoring_model, keeps_rows
from finrisk.monitoring.frames import Frames
from finrisk.monitoring.importance import importance_given, importance_of
from finrisk.monitoring.measured import (
    Labels,
    Measured,
    Scores,
    against_given,
    credit_figures,
    fraud_figures,
)
from finrisk.monitoring.same_answers import check_same_answers
from finrisk.pictures.features import feature_picture
from finrisk.tracking.candidate_log import CandidateLog
from finrisk.tracking.manifest import Provenance, library_versions
from finrisk.tracking.names import NOT_LOGGED, checked_name
from finrisk.tracking.rows import aligned_features
from finrisk.tracking.run_writer import RunContents, run_name
from finrisk.tracking.scoring_model import ScoringModel
from finrisk.tracking.tables import plain
from finrisk.tracking.tracker import FinRiskMLflowTracker

log = logging.getLogger(__name__)

ModelType = Literal["credit_risk", "fraud_detection"]
BY_HAND = "logged_by_hand"
REFERENCE_ROWS = 2_000
"""Development rows scored for the PSI; a kernel machine takes minutes over a million."""

LONGEST_TAG = 1000


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
    feature_importance: Any = None,
    anomaly_scores: Any = None,
) -> str:
    """Log a fitted model with everything that is known of it; return the run's id.

    See ``finrisk.monitoring.mlflow_tracker`` for what the arguments mean.
    """
    began = perf_counter()
    checked_name(model_name, without=NOT_LOGGED)
    scoring = as_scoring_model(model, frames.X_train)
    check_same_answers(model, scoring, frames.given_train, frames.X_train, "X_train")
    check_same_answers(model, scoring, frames.given_test, frames.X_test, "X_test")
    test = scoring.score(frames.X_test)
    measured = _measured(scoring, frames, test, model_type, metrics)
    anomalies = _anomalies(scoring, anomaly_scores, test)
    importance, measure = _importance(scoring, feature_importance)
    identity = _tags(scoring, model_name, frames, library, measured)
    contents = RunContents(
        params=dict(hyperparameters),
        metrics=measured.metrics | _counts(frames, model_type),
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
                model_name,
                model_type,
                frames,
                measured,
                threads=scoring.threads,
                as_of=Named.of(tracker.settings, model_name).local(datetime.now(UTC)).date(),
            ),
            model=scoring,
            golden_rows=_golden(scoring, frames.X_train),
            development_score=measured.measured.get("auc", 0.0),
            seconds=perf_counter() - began,
            contents=contents,
            tags=identity | anomalies.tags,
        ),
        run_name(model_type, model_name),
    )
    for sentence in measured.disagreements:
        log.warning("%s, run %s: %s", model_name, run_id, sentence)
    if keeps_rows(scoring.preprocessor, scoring.estimator):
        log.warning(
            "%s, run %s: the stored model holds rows it was fitted on",
            model_name,
            run_id,
        )
    if measured.not_logged:
        log.warning(
            "%s, run %s: metrics that are no finite number are not logged: %s",
            model_name,
            run_id,
            ", ".join(measured.not_logged),
        )
    return run_id


def mapping_of(given: Any, what: str) -> dict[str, Any]:
    """Return names and values as handed over; none is an empty mapping.

    Raises
    ------
    ConfigurationError
        It is no mapping, a list of pairs for example.
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise ConfigurationError(
            f"{what} is no mapping", expected="{'auc': 0.85, ...}", got=type(given).__name__
        )
    return {str(name): value for name, value in given.items()}


def _measured(
    scoring: ScoringModel,
    frames: Frames,
    test: Scores,
    model_type: ModelType,
    given: Mapping[str, Any],
) -> Measured:
    reference = scoring.score(frames.X_train.iloc[_spread(len(frames.X_train))])
    flagged = _flagged(scoring, frames.X_test, test)
    credit = model_type == "credit_risk" and not scoring.is_detector
    figures = credit_figures if credit else fraud_figures
    return against_given(figures(frames.y_test, test, flagged, reference), given)


def _flagged(scoring: ScoringModel, features: pd.DataFrame, score: Scores) -> Labels:
    """Return 1 where the model's own ``predict`` says bad or anomalous.

    A detector's is its score against its offset; asking it again would double what it takes.
    """
    estimator = scoring.estimator
    last = estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator
    offset = getattr(last, "offset_", None)
    if scoring.is_detector and offset is not None:
        flagged = -score < float(np.ravel(offset)[0])  # one number, and an array of one
    else:
        flagged = np.asarray(scoring.predict(features)) == (-1 if scoring.is_detector else 1)
    return np.asarray(flagged, dtype=np.int8)


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


def _importance(scoring: ScoringModel, given: Any) -> tuple[dict[str, float], str]:
    nothing = given is None or (isinstance(given, Sized) and not len(given))
    return importance_of(scoring) if nothing else importance_given(given, scoring)


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
    if keeps_rows(scoring.preprocessor, scoring.estimator):
        told["finrisk.holds_rows"] = "support_vectors"
    if measured.not_logged:
        told["finrisk.metrics_not_logged"] = ", ".join(measured.not_logged)[:LONGEST_TAG]
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
    model_name: str,
    model_type: ModelType,
    frames: Frames,
    measured: Measured,
    *,
    threads: int,
    as_of: date,
) -> Provenance:
    return Provenance(
        model=model_name,
        model_type=model_type,
        candidate=model_name,
        as_of=as_of,
        run_key=run_key(BY_HAND, uuid4().hex),
        training_window=None,
        snapshot_sha256="",
        spec_sha256="",
        seed=0,
        feature_definitions={},
        threads=threads,
        evaluation={
            **measured.measured,
            "rows": float(len(frames.y_test)),
            "bads": float(frames.y_test.sum()),
        },
    )


def _golden(scoring: ScoringModel, features: pd.DataFrame) -> pd.DataFrame:
    """Return synthetic rows the model can score: of a category too rare to show, its commonest."""
    aligned = aligned_features(features, scoring.feature_names, scoring.categorical)
    kinds = FeatureKinds(scoring.numeric, scoring.categorical)
    for shared_only in (False, True):
        rows = golden_rows(aligned, kinds, seed=0, shared_only=shared_only)
        for name in scoring.categorical:
            if (rows[name] == MISSING).all():
                commonest = aligned[name].mode()
                rows[name] = commonest.iloc[0] if len(commonest) else np.nan
        try:
            scoring.score(rows)
        except DataError:
            continue
        return rows
    raise ConfigurationError(
        "the model scores no synthetic rows, by which it is proved when it is loaded",
        expected="rounded numbers and common categories to be scored",
        remedy='OneHotEncoder(handle_unknown="ignore"), so that an unseen value raises nothing',
    )
