"""What all fits of one candidate share: algorithm, features, constraints, seed and threads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sklearn.compose import ColumnTransformer

from finrisk.models import estimators
from finrisk.models.detectors import Detector, fit_detector
from finrisk.models.estimators import Estimator, Labels
from finrisk.models.preprocessing import FeatureKinds, build_preprocessor
from finrisk.specs.parameters import DETECTORS
from finrisk.specs.policy import Headline
from finrisk.specs.training import Algorithm, Direction, Parameter

SIGNS: dict[Direction, int] = {"increasing": 1, "decreasing": -1}


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a candidate is fitted, on any rows and with any parameters.

    Parameters
    ----------
    algorithm : str
        Which estimator.
    kinds : FeatureKinds
        Of the features.
    seed, threads : int
        Of every fit.
    monotonic : mapping of str to {"increasing", "decreasing"}
        How risk may move with a numeric feature, all others held. It binds the feature's own
        column: a flag for missing, and a feature derived from it, stay free.
    headline : str
        What a fit is judged by, out of fold; higher is better.
    """

    algorithm: Algorithm
    kinds: FeatureKinds
    seed: int
    threads: int
    monotonic: Mapping[str, Direction] = field(default_factory=dict)
    headline: Headline = "auc"

    def preprocessor(self) -> ColumnTransformer:
        """Return a fresh, unfitted preprocessor."""
        return build_preprocessor(self.algorithm, self.kinds)

    @property
    def is_detector(self) -> bool:
        """Whether the algorithm knows no labels, and gives no probability."""
        return self.algorithm in DETECTORS

    def fit(
        self, matrix: Any, labels: Labels, parameters: Mapping[str, Parameter]
    ) -> Estimator | Detector:
        """Return a fresh estimator fitted on preprocessed rows; a detector looks at no label."""
        if self.is_detector:
            with estimators.within(self.threads):
                return fit_detector(
                    self.algorithm, matrix, parameters, seed=self.seed, threads=self.threads
                )
        estimator = estimators.build(
            self.algorithm,
            parameters,
            seed=self.seed,
            threads=self.threads,
            signs=self.signs(matrix.shape[1]),
        )
        return estimators.fit(estimator, matrix, labels, threads=self.threads)

    def signs(self, columns: int) -> tuple[int, ...] | None:
        """Return the constraint of each matrix column; None where there is none.

        The preprocessor puts the numeric features first, one column each.

        Examples
        --------
        >>> kinds = FeatureKinds(numeric=("age", "income"), categorical=("home",))
        >>> Recipe("xgboost", kinds, 1, 1, {"income": "decreasing"}).signs(columns=4)
        (0, -1, 0, 0)
        """
        if not self.monotonic:
            return None
        own = [SIGNS[self.monotonic[n]] if n in self.monotonic else 0 for n in self.kinds.numeric]
        return (*own, *[0] * (columns - len(own)))
