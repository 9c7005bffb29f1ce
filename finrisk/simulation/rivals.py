"""Other gates that people run, to compare with; none of them ever decides on a real model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from finrisk.metrics.delong import paired_delong

Floats = NDArray[np.float64]
Labels = NDArray[np.int8]
Clusters = Mapping[str, NDArray[np.int64]]

ONE_SIDED_5_PCT = NormalDist().inv_cdf(0.95)
MARGIN_AUC = 0.005


@dataclass(frozen=True, slots=True)
class ScoredHoldout:
    """Both models' risk scores on tonight's rows, bads first; shape (n,) each."""

    labels: Labels
    champion: Floats
    challenger: Floats
    clusters: Clusters | None = None


class NightlyGate(Protocol):
    """A gate that remembers what it needs from night to night."""

    def promotes(self, scored: ScoredHoldout) -> bool:
        """Say whether tonight's challenger becomes champion."""


class LoggedMetric:
    """Tonight's AUC of the challenger is above the AUC that was logged when the champion came."""

    def __init__(self) -> None:
        self._logged: float | None = None

    def promotes(self, scored: ScoredHoldout) -> bool:
        """Compare figures of different nights."""
        if self._logged is None:
            self._logged = _auc(scored.labels, scored.champion)
        tonight = _auc(scored.labels, scored.challenger)
        if tonight <= self._logged:
            return False
        self._logged = tonight
        return True


class HigherTonight:
    """The challenger's AUC is above the champion's on the same rows, by a margin or by anything."""

    def __init__(self, margin: float = 0.0) -> None:
        self._margin = margin

    def promotes(self, scored: ScoredHoldout) -> bool:
        """Compare tonight's figures."""
        champion = _auc(scored.labels, scored.champion)
        return _auc(scored.labels, scored.challenger) > champion + self._margin


class NightlyDeLong:
    """Paired DeLong, one-sided at 5 % each night, as if no night came before or after."""

    def promotes(self, scored: ScoredHoldout) -> bool:
        """Test tonight's difference."""
        z = paired_delong(scored.labels, scored.champion, scored.challenger).z
        return z is not None and z >= ONE_SIDED_5_PCT


class NonInferiority:
    """The 95 % lower bound of the difference is above −0.005: whatever is not clearly worse."""

    def promotes(self, scored: ScoredHoldout) -> bool:
        """Test tonight's difference against the margin."""
        found = paired_delong(scored.labels, scored.champion, scored.challenger)
        return found.difference - ONE_SIDED_5_PCT * found.standard_error > -MARGIN_AUC


RIVALS: Mapping[str, Callable[[], NightlyGate]] = {
    "logged_metric": LoggedMetric,
    "higher": HigherTonight,
    "higher_by_0.005": lambda: HigherTonight(MARGIN_AUC),
    "nightly_delong": NightlyDeLong,
    "non_inferiority": NonInferiority,
}


def _auc(labels: NDArray[np.int8], score: Floats) -> float:
    """AUC of scores without ties: one sort of the goods, a fifth of the time of every figure."""
    bad = labels == 1
    goods = np.sort(score[~bad])
    return float(np.searchsorted(goods, score[bad]).mean()) / goods.size
