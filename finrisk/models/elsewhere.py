"""Fit one candidate on rows that are not in this process's memory: search, calibrate, final fit.

The same steps as :mod:`finrisk.models.trainer`, and the same record of them. What a fold is, which
configurations are tried and how scores are calibrated is the very same code.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack

import numpy as np
from numpy.typing import NDArray

from finrisk.faults import reach
from finrisk.models.boosting import RowsElsewhere, boosting_on, folds_elsewhere
from finrisk.models.coded_rows import Mask, RowFacts
from finrisk.models.folds import Fold
from finrisk.models.golden_rows import golden_rows
from finrisk.models.importance import feature_importance
from finrisk.models.prepared_folds import usable_folds
from finrisk.models.preprocessing import column_features
from finrisk.models.prequential import newest_rows
from finrisk.models.trainer import (
    FittedCandidate,
    Stopwatch,
    calibrator_of,
    fitted_candidate,
    folds_of,
    newest,
    recipe_of,
    require_both_classes,
    scoring_model,
)
from finrisk.models.tuning import search_folds
from finrisk.specs.model_spec import ModelSpec
from finrisk.specs.training import Candidate

SAMPLED_ROWS = 200_000
"""Rows that golden rows are made of: all of a snapshot with fewer, else every second, third, …"""

Days = NDArray[np.datetime64]


def fit_elsewhere(
    opened: AbstractContextManager[RowsElsewhere],
    spec: ModelSpec,
    candidate: Candidate,
    *,
    threads: int,
) -> tuple[FittedCandidate, Days]:
    """Fit one XGBoost candidate on development rows that an engine keeps.

    Parameters
    ----------
    opened : context manager of RowsElsewhere
        Entered here, so that its time counts as that of the features.
    spec, candidate, threads
        As :func:`finrisk.models.trainer.fit_candidate` takes them.

    Returns
    -------
    fitted : FittedCandidate
    days : (m,) array of datetime64[D]
        Event days of its out-of-fold rows.

    Raises
    ------
    NotEnoughData, LabelError
        As :func:`finrisk.models.trainer.fit_candidate`.
    """
    clock, recipe = Stopwatch(), recipe_of(spec, candidate, threads)
    with ExitStack() as stack:
        with clock.phase("features"):
            rows = stack.enter_context(opened)
        facts = rows.facts
        with clock.phase("search"):
            folds = folds_elsewhere(rows, _folds(facts, spec), spec)
            found = search_folds(folds, facts.labels, candidate, recipe, spec.training.search)
        reach("train:during")
        with clock.phase("calibrate"):
            calibrator = calibrator_of(found.out_of_fold, spec, recipe)
        last = _last(facts, spec)
        with clock.phase("fit"):
            preprocessor, boosting = boosting_on(rows, last, spec, recipe)
            booster = boosting.fit(found.best.parameters)
            del boosting  # what is quantised of the rows
        sample = rows.sample(last, SAMPLED_ROWS)[list(spec.feature_names)]
    model = scoring_model(spec.feature_names, preprocessor, booster, calibrator, recipe)
    columns = column_features(preprocessor, recipe.kinds)
    fitted = fitted_candidate(
        spec,
        candidate,
        model,
        found,
        clock,
        rows=int(facts.rows_of_vintage[last].sum()),
        bads=int(facts.bads_of_vintage[last].sum()),
        golden=golden_rows(sample, recipe.kinds, seed=recipe.seed),
        importance=feature_importance(
            booster, np.empty((0, len(columns))), columns, spec.feature_names
        ),
    )
    return fitted, facts.days[found.out_of_fold.rows]


def _folds(facts: RowFacts, spec: ModelSpec) -> list[Fold]:
    """Return the folds as places of vintages: rows of a vintage are never parted."""
    rows, bads = facts.rows_of_vintage, facts.bads_of_vintage
    require_both_classes(int(rows.sum()), int(bads.sum()), "development")
    return usable_folds(folds_of(facts.vintages, spec, rows.tolist()), bads, rows)


def _last(facts: RowFacts, spec: ModelSpec) -> Mask:
    """Return the vintages of the final fit: as long a stretch as a fold trains on, the newest."""
    prequential = spec.training.prequential
    if prequential is None:
        return np.ones(len(facts.vintages), dtype=bool)
    chosen = facts.mask(newest_rows(facts.vintages, prequential.train_days))
    rows, bads = (int(of[chosen].sum()) for of in (facts.rows_of_vintage, facts.bads_of_vintage))
    require_both_classes(rows, bads, newest(prequential.train_days))
    return chosen
