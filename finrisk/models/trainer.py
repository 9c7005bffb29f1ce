"""Fit one candidate: search, final fit, calibration. The hold-out is never here.

Credit and fraud go the same way: where they differ, the spec has another value (its folds, its
headline metric, an algorithm that knows no labels).

One process and explicit threads: a worker of Airflow may not spawn processes of its own.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.compose import ColumnTransformer

from finrisk.errors import LabelError, NotEnoughData
from finrisk.faults import reach
from finrisk.features.derive import derive_features
from finrisk.gate.figures import label
from finrisk.metrics.calibration import brier_score, expected_calibration_error
from finrisk.metrics.ranking import ranking_metrics
from finrisk.models.calibration import fit_calibrator
from finrisk.models.estimators import Labels
from finrisk.models.folds import Fold, Rows, expanding_folds
from finrisk.models.golden_rows import golden_rows
from finrisk.models.grid import Configuration
from finrisk.models.importance import feature_importance
from finrisk.models.preprocessing import FeatureKinds, column_features
from finrisk.models.prequential import newest_rows, prequential_folds
from finrisk.models.recipe import Recipe
from finrisk.models.trials import OutOfFold, SearchResult
from finrisk.models.tuning import search
from finrisk.specs.model_spec import ModelSpec
from finrisk.specs.training import Candidate
from finrisk.tracking.calibrator import Calibrator, Uncalibrated
from finrisk.tracking.rows import aligned_features
from finrisk.tracking.scoring_model import ScoringModel

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FittedCandidate:
    """A candidate as it came out of training; every figure is of development rows.

    Parameters
    ----------
    candidate : str
        Its name in the spec.
    model : ScoringModel
        Fitted with the best parameters on all development rows, of a spec with prequential folds
        on those of the newest ``train_days``. Calibrated out of fold, unless it is a detector.
    development_score : float
        Mean headline metric over the folds: what candidates are chosen by.
    best_parameters : dict
        Of the estimator.
    search : SearchResult
        Every trial, and the best one's raw out-of-fold scores.
    out_of_fold_metrics : dict of str to float
        Ranking and calibration of the calibrated out-of-fold scores, pooled. The calibrator was
        fitted on these rows, so its Brier score is a little flattered. Of a detector ranking alone.
    seconds : dict of str to float
        Wall time of ``features``, ``search``, ``fit`` and ``calibrate``.
    rows, bads : int
        Of the final fit.
    golden_rows : DataFrame
        Synthetic features for the manifest; nobody's row.
    feature_importance : dict of str to float
        Each feature's share, largest first, sum 1; of what, depends on the algorithm:
        :func:`finrisk.models.importance.feature_importance`.
    """

    candidate: str
    model: ScoringModel
    development_score: float
    best_parameters: Configuration
    search: SearchResult
    out_of_fold_metrics: dict[str, float]
    seconds: dict[str, float]
    rows: int
    bads: int
    golden_rows: pd.DataFrame
    feature_importance: dict[str, float]

    @property
    def calibrated(self) -> bool:
        """Whether its scores are probabilities of bad; a detector's are on a scale of its own."""
        return not isinstance(self.model.calibrator, Uncalibrated)


def fit_candidate(
    development: pd.DataFrame, spec: ModelSpec, candidate: Candidate, *, threads: int
) -> FittedCandidate:
    """Fit one candidate on development rows.

    The same rows, spec and threads give the same scores, bit for bit.

    Parameters
    ----------
    development : DataFrame, one row a loan or a transaction
        A snapshot's development part: ``_label`` (1 = bad, 0 = good), ``_vintage`` and the columns
        that the features are made of, features of windows among them.
    spec : ModelSpec
        Features, seed, folds and calibration.
    candidate : Candidate
        Of this spec.
    threads : int
        Threads of every fit, and of the model's scoring; at least 1.

    Returns
    -------
    FittedCandidate
        Its model gives calibrated probabilities of bad, a detector anomaly scores; higher =
        riskier.

    Raises
    ------
    NotEnoughData
        One class only, or too few vintages to validate forward in time.
    LabelError
        A label that is neither 0 nor 1.
    """
    clock = Stopwatch()
    labels = _labels(development)
    recipe = recipe_of(spec, candidate, threads)
    with clock.phase("features"):
        derived = derive_features(development, spec)
        features = aligned_features(derived, spec.feature_names, recipe.kinds.categorical)
    with clock.phase("search"):
        folds = folds_of(development["_vintage"], spec)
        found = search(features, labels, folds, candidate, recipe, spec.training.search)
    reach("train:during")
    with clock.phase("calibrate"):
        calibrator = calibrator_of(found.out_of_fold, spec, recipe)
    with clock.phase("fit"):
        last = _last_rows(development["_vintage"], labels, spec)
        features, labels = features.iloc[last], labels[last]
        model, importance = _fit_final(features, labels, recipe, found.best.parameters, calibrator)
    return fitted_candidate(
        spec,
        candidate,
        model,
        found,
        clock,
        rows=len(labels),
        bads=int(labels.sum()),
        golden=golden_rows(features, recipe.kinds, seed=recipe.seed),
        importance=importance,
    )


def recipe_of(spec: ModelSpec, candidate: Candidate, threads: int) -> Recipe:
    """Return what all fits of one candidate share."""
    return Recipe(
        candidate.algorithm,
        FeatureKinds.of(spec),
        spec.training.seed,
        threads,
        candidate.monotonic,
        spec.headline_metric,
    )


def _labels(development: pd.DataFrame) -> Labels:
    column = development["_label"]
    strange = int((~column.isin((0, 1))).sum())
    if strange:
        raise LabelError(
            f"{strange} of {len(column)} development rows have no label",
            expected="0 (good) or 1 (bad) in every row",
            remedy="freeze matured rows only",
        )
    labels = column.to_numpy(dtype=np.int64)
    require_both_classes(len(labels), int(labels.sum()), "development")
    return labels


def require_both_classes(rows: int, bads: int, where: str) -> None:
    """Raise ``NotEnoughData`` where all rows are good, or all bad."""
    if bads in (0, rows):
        raise NotEnoughData(
            f"{where}: rows of one class only",
            expected="goods and bads",
            got=f"{rows} rows, {bads} bad",
            remedy="wait for more labels to mature, or check the bad definition",
        )


def folds_of(vintages: ArrayLike, spec: ModelSpec, rows: Sequence[int] | None = None) -> list[Fold]:
    """Cut vintages into the spec's folds; ``rows`` says how many rows each of them stands for."""
    wanted, prequential = spec.training.search.folds, spec.training.prequential
    if prequential is None:
        return expanding_folds(vintages, wanted, rows=rows)
    return prequential_folds(vintages, wanted, prequential)


def _last_rows(vintages: pd.Series, labels: Labels, spec: ModelSpec) -> Rows | slice:
    """Return the rows of the final fit: as long a stretch as a fold trains on, but the newest."""
    prequential = spec.training.prequential
    if prequential is None:
        return slice(None)
    rows = newest_rows(vintages, prequential.train_days)
    require_both_classes(len(rows), int(labels[rows].sum()), newest(prequential.train_days))
    return rows


def newest(days: int) -> str:
    """Return what the rows of a prequential spec's final fit are called."""
    return f"the newest {days} days"


def calibrator_of(out_of_fold: OutOfFold, spec: ModelSpec, recipe: Recipe) -> Calibrator:
    """Fit the spec's calibrator; a detector has none."""
    if recipe.is_detector:
        return Uncalibrated()
    return fit_calibrator(spec.training.calibration, out_of_fold.scores, out_of_fold.labels)


def _fit_final(
    features: pd.DataFrame,
    labels: Labels,
    recipe: Recipe,
    parameters: Configuration,
    calibrator: Calibrator,
) -> tuple[ScoringModel, dict[str, float]]:
    preprocessor = recipe.preprocessor()
    matrix = preprocessor.fit_transform(features)
    estimator = recipe.fit(matrix, labels, parameters)
    columns = column_features(preprocessor, recipe.kinds)
    model = scoring_model(tuple(features.columns), preprocessor, estimator, calibrator, recipe)
    importance = feature_importance(
        estimator, matrix, columns, tuple(features.columns), seed=recipe.seed
    )
    return model, importance


def scoring_model(
    names: tuple[str, ...],
    preprocessor: ColumnTransformer,
    estimator: Any,
    calibrator: Calibrator,
    recipe: Recipe,
) -> ScoringModel:
    """Put together what a candidate scores with, wherever its parts were fitted."""
    return ScoringModel(
        feature_names=names,
        numeric=recipe.kinds.numeric,
        categorical=recipe.kinds.categorical,
        preprocessor=preprocessor,
        estimator=estimator,
        calibrator=calibrator,
        algorithm=recipe.algorithm,
        threads=recipe.threads,
    )


def fitted_candidate(
    spec: ModelSpec,
    candidate: Candidate,
    model: ScoringModel,
    found: SearchResult,
    clock: Stopwatch,
    *,
    rows: int,
    bads: int,
    golden: pd.DataFrame,
    importance: dict[str, float],
) -> FittedCandidate:
    """Tell in the log how a search ended, and return the record of the fit."""
    _tell(spec, candidate, found, clock)
    return FittedCandidate(
        candidate=candidate.name,
        model=model,
        development_score=found.best.mean_score,
        best_parameters=found.best.parameters,
        search=found,
        out_of_fold_metrics=_figures_out_of_fold(found.out_of_fold, model.calibrator),
        seconds=clock.seconds,
        rows=rows,
        bads=bads,
        golden_rows=golden,
        feature_importance=importance,
    )


def _tell(spec: ModelSpec, candidate: Candidate, found: SearchResult, clock: Stopwatch) -> None:
    log.info(
        "%s/%s: mean %s %.4f over %d folds, best of %d configurations (%d dropped), %.1f s",
        spec.name,
        candidate.name,
        label(spec.headline_metric),
        found.best.mean_score,
        len(found.best.fold_scores),
        len(found.trials),
        sum(not trial.complete for trial in found.trials),
        sum(clock.seconds.values()),
    )


def _figures_out_of_fold(out_of_fold: OutOfFold, calibrator: Calibrator) -> dict[str, float]:
    labels, score = out_of_fold.labels, calibrator.calibrate(out_of_fold.scores)
    figures = ranking_metrics(labels, score).named()
    if not isinstance(calibrator, Uncalibrated):
        figures["brier"] = brier_score(labels, score)
        figures["ece"] = expected_calibration_error(labels, score)
    return {**figures, "rows": float(len(out_of_fold.rows))}


class Stopwatch:
    """Wall seconds by phase."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time what happens within."""
        began = perf_counter()
        yield
        self.seconds[name] = perf_counter() - began
