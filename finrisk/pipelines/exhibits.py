"""What a night shows in MLflow beside its models: figures, tables and pictures, for people.

A candidate's are of development rows, out of fold. The hold-out's come after the look was paid for,
and only for the challenger: its run alone carries the documented names (``auc``, ``ks``, ...).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finrisk.evaluation.gallery import contest_pictures, importance_pictures, model_pictures
from finrisk.evaluation.harm import Resampled
from finrisk.evaluation.judged_rows import JudgedRows, Scored
from finrisk.evaluation.statistics import data_statistics, distributions
from finrisk.evidence import Facts
from finrisk.models.credit_risk_trainer import FittedCandidate
from finrisk.pictures.features import feature_picture
from finrisk.pictures.tuning import tuning_picture
from finrisk.pipelines.rooms import Rooms
from finrisk.tracking.run_writer import RunContents

OUT_OF_FOLD = "development, out of fold"
FEATURES = "feature_distributions"
REFERENCE_QUANTILES = 201  # ten bins and what lies between them; 4 kB of a manifest
MEASURE_OF = {
    "xgboost": "share of the gain of all splits",
    "random_forest": "share of the decrease of impurity",
    "logistic_regression": "share of |coefficient| x standard deviation",
}


@dataclass(frozen=True)
class Hearing:
    """The rows a challenger was judged on, and what was said of them."""

    facts: Facts
    rows: JudgedRows
    scored: Scored
    resampled: Resampled
    development_labels: NDArray[Any]
    challenger: str
    champion: str | None
    cutoff: float


def reference_scores(fitted: FittedCandidate) -> tuple[float, ...]:
    """Return quantiles of the calibrated out-of-fold scores: what later scores are held against."""
    calibrated = fitted.model.calibrator.calibrate(fitted.search.out_of_fold.scores)
    shares = np.linspace(0.0, 1.0, REFERENCE_QUANTILES)
    return tuple(np.quantile(calibrated, shares).tolist())


def feature_set(definitions: Mapping[str, str]) -> str:
    """Return the name of a set of features: it changes when one of them changes its meaning."""
    text = json.dumps(dict(definitions), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def candidate_contents(fitted: FittedCandidate, rooms: Rooms) -> RunContents:
    """Return what a candidate's run holds once it is fitted."""
    training = rooms.spec.training
    model = fitted.model
    params = {
        **fitted.best_parameters,
        "seed": training.seed,
        "search": training.search.method,
        "folds": training.search.folds,
        "calibration": training.calibration,
        "features": len(rooms.spec.feature_names),
        "threads": rooms.settings.threads,
    }
    figures = {f"out_of_fold_{name}": v for name, v in fitted.out_of_fold_metrics.items()}
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
        },
        pictures=_candidate_pictures(fitted, rooms) if rooms.settings.pictures else {},
    )


def _candidate_pictures(fitted: FittedCandidate, rooms: Rooms) -> dict[str, bytes]:
    model, out_of_fold = fitted.model, fitted.search.out_of_fold
    return {
        **model_pictures(
            out_of_fold.labels,
            model.calibrator.calibrate(out_of_fold.scores),
            name=fitted.candidate,
            rows=OUT_OF_FOLD,
            cutoff=rooms.spec.gate.cutoff,
        ),
        **importance_pictures(
            fitted.feature_importance,
            name=fitted.candidate,
            measure=MEASURE_OF[model.algorithm],
        ),
    }


def tuning_contents(fitted: FittedCandidate, *, pictures: bool) -> RunContents | None:
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
        pictures={"tuning": tuning_picture(scores, name=fitted.candidate)} if pictures else {},
    )


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
    guards = hearing.facts.guards
    contest = contest_pictures(
        hearing.rows.labels,
        hearing.scored.champion,
        hearing.scored.challenger,
        names=(hearing.champion or "champion", hearing.challenger),
        cutoff=hearing.cutoff,
        resampled=hearing.resampled,
        figures=guards.metrics if guards else {},
    )
    return {FEATURES: features, **contest}


def challenger_exhibits(hearing: Hearing, *, pictures: bool) -> RunContents:
    """Return what the hold-out said of the challenger, under the documented names."""
    shown: dict[str, bytes] = {}
    if pictures:
        shown = model_pictures(
            hearing.rows.labels,
            hearing.scored.challenger,
            name=hearing.challenger,
            rows="hold-out",
            cutoff=hearing.cutoff,
        )
    return RunContents(
        metrics={
            **hearing.facts.challenger_metrics,
            "test_samples": len(hearing.rows.labels),
            "test_bads": int(hearing.rows.labels.sum()),
        },
        pictures={f"holdout_{name}": picture for name, picture in shown.items()},
    )
