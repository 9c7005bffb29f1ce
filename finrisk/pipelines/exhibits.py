"""What a night shows in MLflow beside its models: figures, tables and pictures, for people.

A candidate's are of development rows, out of fold. The hold-out's come after the look was paid for,
and only for the challenger: its run alone carries the documented names (``auc``, ``ks``, ...).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finrisk.evaluation.gallery import (
    alert_pictures,
    contest_pictures,
    detector_pictures,
    importance_pictures,
    model_pictures,
)
from finrisk.evaluation.harm import Resampled
from finrisk.evaluation.judged_rows import JudgedRows, Scored
from finrisk.evaluation.statistics import data_statistics, distributions
from finrisk.evidence import Facts
from finrisk.gate.figures import label
from finrisk.metrics.alerts import fraud_metrics
from finrisk.metrics.inputs import Floats
from finrisk.models.trainer import FittedCandidate
from finrisk.monitoring.anomaly import score_statistics
from finrisk.pictures.features import feature_picture
from finrisk.pictures.tuning import tuning_picture
from finrisk.pipelines.rooms import Rooms
from finrisk.records import JsonObject
from finrisk.specs.policy import GatePolicy
from finrisk.tracking.run_writer import RunContents

OUT_OF_FOLD, HOLDOUT = "development, out of fold", "hold-out"
FEATURES = "feature_distributions"
REFERENCE_QUANTILES = 201  # ten bins and what lies between them; 4 kB of a manifest
SHUFFLED = "share of how far the score moves when the feature is shuffled"
MEASURE_OF = {
    "xgboost": "share of the gain of all splits",
    "random_forest": "share of the decrease of impurity",
    "logistic_regression": "share of |coefficient| x standard deviation",
    "isolation_forest": SHUFFLED,
    "one_class_svm": SHUFFLED,
    "elliptic_envelope": SHUFFLED,
}


Days = NDArray[np.datetime64]


@dataclass(frozen=True)
class Hearing:
    """The rows a challenger was judged on, and what was said of them.

    ``probabilities`` tells whether the champion's and the challenger's scores are such.
    """

    facts: Facts
    rows: JudgedRows
    scored: Scored
    resampled: Resampled
    development_labels: NDArray[Any]
    challenger: str
    champion: str | None
    policy: GatePolicy
    probabilities: tuple[bool, bool] = (True, True)


def reference_scores(fitted: FittedCandidate) -> tuple[float, ...]:
    """Return quantiles of the calibrated out-of-fold scores: what later scores are held against."""
    calibrated = fitted.model.calibrator.calibrate(fitted.search.out_of_fold.scores)
    shares = np.linspace(0.0, 1.0, REFERENCE_QUANTILES)
    return tuple(np.quantile(calibrated, shares).tolist())


def feature_set(definitions: Mapping[str, str]) -> str:
    """Return the name of a set of features: it changes when one of them changes its meaning."""
    text = json.dumps(dict(definitions), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def candidate_contents(
    fitted: FittedCandidate, rooms: Rooms, days: Days | None = None
) -> RunContents:
    """Return what a candidate's run holds once it is fitted.

    Parameters
    ----------
    days : (m,) array of datetime64, optional
        Event days of the out-of-fold rows; with an alert budget, its figures are taken by the day.
    """
    training = rooms.spec.training
    model = fitted.model
    params = {
        **fitted.best_parameters,
        "engine": rooms.spec.candidate(fitted.candidate).engine,
        "seed": training.seed,
        "search": training.search.method,
        "folds": training.search.folds,
        "calibration": training.calibration,
        "features": len(rooms.spec.feature_names),
        "threads": rooms.settings.threads,
    }
    measured = fitted.out_of_fold_metrics | _at_the_budget(fitted, rooms, days)
    figures = {f"out_of_fold_{name}": v for name, v in measured.items()}
    return RunContents(
        params=params,
        metrics={
            "development_score": fitted.development_score,
            "train_samples": fitted.rows,
            "train_bads": fitted.bads,
            "n_features": len(model.feature_names),
            "training_seconds": sum(fitted.seconds.values()),
            **figures,
            **{f"{phase}_seconds": value for phase, value in fitted.seconds.items()},
        },
        documents={
            "model_config.json": {
                "model": rooms.spec.name,
                "candidate": fitted.candidate,
                "algorithm": model.algorithm,
                "parameters": fitted.best_parameters,
                "calibrator": model.calibrator.to_json(),
                "cutoff": rooms.spec.gate.cutoff,
                "features": model.kinds,
            },
            "feature_importance.json": fitted.feature_importance,
            **_anomaly_scores(fitted),
        },
        pictures=_candidate_pictures(fitted, rooms, days) if rooms.settings.pictures else {},
    )


def _at_the_budget(fitted: FittedCandidate, rooms: Rooms, days: Days | None) -> dict[str, float]:
    alerts, out_of_fold = rooms.spec.gate.alerts, fitted.search.out_of_fold
    if alerts is None or days is None:
        return {}
    score = fitted.model.calibrator.calibrate(out_of_fold.scores)
    return fraud_metrics(out_of_fold.labels, score, days, k=alerts.per_day)


def _anomaly_scores(fitted: FittedCandidate) -> dict[str, JsonObject]:
    if not fitted.model.is_detector:
        return {}
    spread = score_statistics(fitted.search.out_of_fold.scores)
    return {"anomaly_scores_stats.json": {"direction": "higher = riskier", **spread}}


def _candidate_pictures(
    fitted: FittedCandidate, rooms: Rooms, days: Days | None
) -> dict[str, bytes]:
    model, out_of_fold = fitted.model, fitted.search.out_of_fold
    labels, policy = out_of_fold.labels, rooms.spec.gate
    score = model.calibrator.calibrate(out_of_fold.scores)
    shown = _pictures_of(
        labels,
        score,
        name=fitted.candidate,
        rows=OUT_OF_FOLD,
        cutoff=None if model.is_detector else policy.cutoff,
    )
    if policy.alerts is not None and days is not None:
        k = policy.alerts.per_day
        shown |= alert_pictures(labels, {fitted.candidate: score}, days, k=k, rows=OUT_OF_FOLD)
    return {
        **shown,
        **importance_pictures(
            fitted.feature_importance,
            name=fitted.candidate,
            measure=MEASURE_OF[model.algorithm],
        ),
    }


def _pictures_of(
    labels: NDArray[Any], score: Floats, *, name: str, rows: str, cutoff: float | None
) -> dict[str, bytes]:
    """Draw a model's scores; without a cut-off they are a detector's, on a scale of its own."""
    if cutoff is None:
        return detector_pictures(labels, score, name=name, rows=rows)
    return model_pictures(labels, score, name=name, rows=rows, cutoff=cutoff)


def tuning_contents(
    fitted: FittedCandidate, headline: str, *, pictures: bool
) -> RunContents | None:
    """Return what the search's own run holds; None where there was nothing to choose from."""
    found = fitted.search
    if len(found.trials) < 2:  # noqa: PLR2004 - a choice
        return None
    scores = [trial.mean_score if trial.complete else None for trial in found.trials]
    return RunContents(
        params=dict(found.best_parameters),
        metrics={f"search_{name}": value for name, value in found.performance_summary.items()},
        documents={
            "parameter_grid.json": found.parameter_grid,
            "cv_results.json": found.cv_results,
            "best_parameters.json": dict(found.best_parameters),
            "performance_summary.json": found.performance_summary,
        },
        pictures=_tuning_picture(fitted, headline, scores) if pictures else {},
    )


def _tuning_picture(
    fitted: FittedCandidate, headline: str, scores: Sequence[float | None]
) -> dict[str, bytes]:
    measure = f"{label(headline)}, mean over the folds"
    return {"tuning": tuning_picture(scores, name=fitted.candidate, measure=measure)}


def night_exhibits(hearing: Hearing, *, pictures: bool) -> RunContents:
    """Return what the night's run shows: both parts of the rows, both models on the hold-out."""
    return RunContents(
        documents={
            "data_statistics.json": data_statistics(
                hearing.rows.development_features,
                hearing.rows.features,
                hearing.development_labels,
                hearing.rows.labels,
            ),
            "data_distributions.json": distributions(
                hearing.rows.development_features, hearing.rows.features
            ),
        },
        pictures=_night_pictures(hearing) if pictures else {},
    )


def _night_pictures(hearing: Hearing) -> dict[str, bytes]:
    features = feature_picture(hearing.rows.development_features, hearing.rows.features)
    if hearing.scored.champion is None:
        return {FEATURES: features}
    guards, names = hearing.facts.guards, (hearing.champion or "champion", hearing.challenger)
    both = (hearing.scored.champion, hearing.scored.challenger)
    contest = contest_pictures(
        hearing.rows.labels,
        *both,
        names=names,
        cutoff=hearing.policy.cutoff if all(hearing.probabilities) else None,
        resampled=hearing.resampled,
        figures=guards.metrics if guards else {},
        probabilities=all(hearing.probabilities),
    )
    alerts = _alerts(hearing, dict(zip(names, both, strict=True)))
    return {FEATURES: features, **alerts, **contest}


def _alerts(hearing: Hearing, scores: Mapping[str, Floats]) -> dict[str, bytes]:
    alerts, rows = hearing.policy.alerts, hearing.rows
    if alerts is None:
        return {}
    return alert_pictures(rows.labels, scores, rows.days, k=alerts.per_day, rows=HOLDOUT)


def challenger_exhibits(hearing: Hearing, *, pictures: bool) -> RunContents:
    """Return what the hold-out said of the challenger, under the documented names."""
    shown: dict[str, bytes] = {}
    if pictures:
        name, score = hearing.challenger, hearing.scored.challenger
        shown = _pictures_of(
            hearing.rows.labels,
            score,
            name=name,
            rows=HOLDOUT,
            cutoff=hearing.policy.cutoff if hearing.probabilities[1] else None,
        )
        shown |= _alerts(hearing, {name: score})
    return RunContents(
        metrics={
            **hearing.facts.challenger_metrics,
            "test_samples": len(hearing.rows.labels),
            "test_bads": int(hearing.rows.labels.sum()),
        },
        pictures={f"holdout_{name}": picture for name, picture in shown.items()},
    )
