"""The hyperparameters a candidate may set: their kinds and ranges, checked before any night."""

from __future__ import annotations

import math
from typing import NamedTuple


class Number(NamedTuple):
    """A finite number from ``low`` (or above it) to ``high``."""

    low: float
    high: float = math.inf
    open_low: bool = False
    whole: bool = False

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
        if self.open_low:
            return f"{kind} above {self.low:g}" + self._or_less(", at most")
        if math.isinf(self.high):
            return f"{kind} of at least {self.low:g}"
        return f"{kind} from {self.low:g}" + self._or_less(" to")

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


AT_LEAST_0 = Number(0)
ABOVE_0 = Number(0, open_low=True)
ABOVE_0_TO_1 = Number(0, 1, open_low=True)

PARAMETERS: dict[str, dict[str, Number | OneOf]] = {
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
    },
}
