"""The hyperparameters a candidate may set: their kinds and ranges, checked before any night."""

from __future__ import annotations

import math
from typing import NamedTuple


class Number(NamedTuple):
    """A finite number from ``low`` (or above it) to ``high``; ``why`` tells a bound's reason."""

    low: float
    high: float = math.inf
    open_low: bool = False
    whole: bool = False
    why: str = ""

    def admits(self, value: object) -> bool:
        """Say whether the value fits; true and false are no numbers here."""
        if isinstance(value, bool) or not isinstance(value, int if self.whole else int | float):
            return False
        above = value > self.low if self.open_low else value >= self.low
        return above and value <= self.high and math.isfinite(value)

    def __str__(self) -> str:
        """Describe what fits.

        Examples
        --------
        >>> str(Number(0, 1, open_low=True)), str(Number(1, whole=True))
        ('a number above 0, at most 1', 'a whole number of at least 1')
        """
        kind = "a whole number" if self.whole else "a number"
        reason = f" ({self.why})" if self.why else ""
        if self.open_low:
            return f"{kind} above {self.low:g}" + self._or_less(", at most") + reason
        if math.isinf(self.high):
            return f"{kind} of at least {self.low:g}" + reason
        return f"{kind} from {self.low:g}" + self._or_less(" to") + reason

    def _or_less(self, word: str) -> str:
        return "" if math.isinf(self.high) else f"{word} {self.high:.0f}"


class OneOf(NamedTuple):
    """One of these words."""

    words: tuple[str, ...]

    def admits(self, value: object) -> bool:
        """Say whether the value fits."""
        return value in self.words

    def __str__(self) -> str:
        """Describe what fits."""
        return " or ".join(repr(word) for word in self.words)


class NumberOrWord(NamedTuple):
    """A number, or one of these words instead."""

    number: Number
    words: OneOf

    def admits(self, value: object) -> bool:
        """Say whether the value fits."""
        return self.number.admits(value) or self.words.admits(value)

    def __str__(self) -> str:
        """Describe what fits."""
        return f"{self.number}, or {self.words}"


Fits = Number | OneOf | NumberOrWord


def number_of(fits: Fits) -> Number | None:
    """Return the numbers a parameter takes; None where it takes words only.

    Examples
    --------
    >>> number_of(OneOf(("balanced",))) is None
    True
    """
    if isinstance(fits, NumberOrWord):
        return fits.number
    return fits if isinstance(fits, Number) else None


AT_LEAST_0 = Number(0)
ABOVE_0 = Number(0, open_low=True)
ABOVE_0_TO_1 = Number(0, 1, open_low=True)
LEAF_ROWS = Number(
    5,
    whole=True,
    why="leaves of fewer rows make trees of hundreds of megabytes, and no model above 200 MiB "
    "is stored: 100 trees on 160,000 rows are 254 MB at 1 row a leaf, 26 MB at 50",
)

FIT_ROWS = Number(
    1000, 1_000_000, whole=True, why="a seeded sample of the rows: what a detector is fitted on"
)

DEFAULTS: dict[str, dict[str, int | float]] = {
    "random_forest": {"n_estimators": 200, "min_samples_leaf": 50},
    "isolation_forest": {"n_estimators": 100, "max_samples": 256},
    "one_class_svm": {"nu": 0.05, "components": 100, "fit_rows": 50_000},
    "elliptic_envelope": {"fit_rows": 20_000},
}
"""Where ours differ from the library's.

scikit-learn's forest grows each leaf down to one row. The detectors are made to cope with millions
of rows: an isolation tree is grown on 256 of them, as its authors have it; the one-class SVM is
linear on Nyström components of an RBF kernel; the envelope's robust covariance takes a sample.
"""

PARAMETERS: dict[str, dict[str, Fits]] = {
    "logistic_regression": {
        "C": ABOVE_0,
        "l1_ratio": Number(0, 1),
        "max_iter": Number(1, whole=True),
        "class_weight": OneOf(("balanced",)),
        "tol": ABOVE_0,
    },
    "xgboost": {
        "n_estimators": Number(1, 5000, whole=True),
        "max_depth": Number(0, 16, whole=True),  # a level more doubles the memory
        "max_leaves": Number(0, whole=True),
        "learning_rate": ABOVE_0_TO_1,
        "min_child_weight": AT_LEAST_0,
        "subsample": ABOVE_0_TO_1,
        "colsample_bytree": ABOVE_0_TO_1,
        "reg_alpha": AT_LEAST_0,
        "reg_lambda": AT_LEAST_0,
        "gamma": AT_LEAST_0,
        "max_bin": Number(2, 65536, whole=True),
        "grow_policy": OneOf(("depthwise", "lossguide")),
        "scale_pos_weight": ABOVE_0,
        "tree_method": OneOf(("hist", "exact")),
        "base_score": Number(1e-6, 1 - 1e-6),
    },
    "random_forest": {
        "n_estimators": Number(1, 2000, whole=True),
        "max_depth": Number(1, 64, whole=True),
        "min_samples_leaf": LEAF_ROWS,
        "max_features": NumberOrWord(ABOVE_0_TO_1, OneOf(("sqrt", "log2"))),
        "max_leaf_nodes": Number(2, whole=True),
        "max_samples": ABOVE_0_TO_1,
        "class_weight": OneOf(("balanced", "balanced_subsample")),
    },
    "isolation_forest": {
        "n_estimators": Number(1, 2000, whole=True),
        "max_samples": Number(2, 100_000, whole=True),
        "max_features": ABOVE_0_TO_1,
    },
    "one_class_svm": {
        "nu": ABOVE_0_TO_1,
        "gamma": ABOVE_0,
        "components": Number(2, 1000, whole=True),
        "fit_rows": FIT_ROWS,
    },
    "elliptic_envelope": {
        "support_fraction": ABOVE_0_TO_1,
        "fit_rows": FIT_ROWS,
    },
}

DETECTORS = ("isolation_forest", "one_class_svm", "elliptic_envelope")
"""Algorithms that know no labels: their score says how unlike the others a row is."""
