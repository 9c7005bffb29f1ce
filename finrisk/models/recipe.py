"""What all fits of one candidate share: algorithm, kinds of features, seed and threads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sklearn.compose import ColumnTransformer

from finrisk.models import estimators
from finrisk.models.estimators import Estimator, Labels
from finrisk.models.preprocessing import FeatureKinds, build_preprocessor
from finrisk.specs.training import Algorithm, Parameter


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a candidate is fitted, on any rows and with any parameters."""

    algorithm: Algorithm
    kinds: FeatureKinds
    seed: int
    threads: int

    def preprocessor(self) -> ColumnTransformer:
        """Return a fresh, unfitted preprocessor."""
        return build_preprocessor(self.algorithm, self.kinds)

    def fit(self, matrix: Any, labels: Labels, parameters: Mapping[str, Parameter]) -> Estimator:
        """Return a fresh estimator fitted on preprocessed rows."""
        estimator = estimators.build(
            self.algorithm, parameters, seed=self.seed, threads=self.threads
        )
        return estimators.fit(estimator, matrix, labels, threads=self.threads)
