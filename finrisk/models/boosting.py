"""What both engines beside memory share: rows that are elsewhere, and folds that judge on them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from xgboost import Booster

from finrisk.models import estimators
from finrisk.models.coded_rows import Mask, RowFacts
from finrisk.models.estimators import Scores
from finrisk.models.folds import Fold, Rows
from finrisk.models.grid import Configuration
from finrisk.models.prepared_folds import headline_of
from finrisk.models.recipe import Recipe
from finrisk.models.wide_rows import preprocessor_of
from finrisk.specs.model_spec import ModelSpec
from finrisk.specs.training import Parameter


class Boosting(Protocol):
    """Training rows, prepared once for all configurations of a fold."""

    def fit(self, parameters: Mapping[str, Parameter]) -> Booster:
        """Fit one configuration."""

    def scores(self, booster: Booster, chosen: Mask) -> NDArray[np.float32]:
        """Return the raw scores of the rows of chosen vintages, in their order."""


class RowsElsewhere(Protocol):
    """Development rows on a disk or on a cluster."""

    facts: RowFacts

    def boosting(self, trained: Mask, preprocessor: ColumnTransformer, recipe: Recipe) -> Boosting:
        """Prepare the rows of some vintages."""

    def sample(self, chosen: Mask, most: int) -> pd.DataFrame:
        """Return aligned features of at most so many rows of chosen vintages, evenly spread."""


@dataclass(slots=True)
class FoldElsewhere:
    """A fold of vintages; its training rows are prepared when it is first judged."""

    spec: ModelSpec
    elsewhere: RowsElsewhere
    trained: Mask
    validated: Mask
    boosting: Boosting | None = None

    @property
    def rows(self) -> Rows:
        """Positions of the validated rows among the development rows."""
        return self.elsewhere.facts.rows_in(self.validated)

    def judge(self, parameters: Configuration, recipe: Recipe) -> tuple[Scores, float]:
        """Fit one configuration; return raw scores of the validated rows, and their headline."""
        if self.boosting is None:
            self.boosting = boosting_on(self.elsewhere, self.trained, self.spec, recipe)[1]
        facts = self.elsewhere.facts
        scores: Any = self.boosting.scores(self.boosting.fit(parameters), self.validated)
        return scores, headline_of(facts.labels[facts.rows_in(self.validated)], scores, recipe)


def folds_elsewhere(
    elsewhere: RowsElsewhere, folds: Sequence[Fold], spec: ModelSpec
) -> Iterator[FoldElsewhere]:
    """Give folds of vintages one after the other; who drops one frees what was prepared for it."""
    for fold in folds:
        trained, validated = (elsewhere.facts.mask(side) for side in (fold.train, fold.validate))
        yield FoldElsewhere(spec, elsewhere, trained, validated)


def boosting_on(
    elsewhere: RowsElsewhere, trained: Mask, spec: ModelSpec, recipe: Recipe
) -> tuple[ColumnTransformer, Boosting]:
    """Return the preprocessor of some vintages' rows, and these rows prepared by it."""
    occurrences = elsewhere.facts.occurrences(trained)
    preprocessor = preprocessor_of(spec.feature_names, recipe.kinds, occurrences)
    return preprocessor, elsewhere.boosting(trained, preprocessor, recipe)


def boosted_parameters(
    parameters: Mapping[str, Parameter], recipe: Recipe, columns: int
) -> tuple[dict[str, Any], int]:
    """Return what ``xgboost.train`` is called with: the classifier's own parameters, and rounds.

    Examples
    --------
    >>> from finrisk.models.preprocessing import FeatureKinds
    >>> recipe = Recipe("xgboost", FeatureKinds(("age",), ()), seed=1, threads=2)
    >>> told, rounds = boosted_parameters({"n_estimators": 30, "max_depth": 3}, recipe, 1)
    >>> told["objective"], told["max_depth"], told["random_state"], rounds
    ('binary:logistic', 3, 1, 30)
    """
    classifier: Any = estimators.build(
        "xgboost",
        parameters,
        seed=recipe.seed,
        threads=recipe.threads,
        signs=recipe.signs(columns),
    )
    told = {k: v for k, v in classifier.get_xgb_params().items() if v is not None}
    return told, int(classifier.get_num_boosting_rounds())
