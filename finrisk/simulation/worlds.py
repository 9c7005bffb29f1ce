"""What a simulated year is like: how good the champion truly is, and tonight's challenger."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

NEVER = float("inf")


@dataclass(frozen=True, slots=True)
class TrueModel:
    """What a simulated model is truly worth, which no gate ever sees.

    ``auc`` holds on event days before ``decays_from``; after it, each day costs the world's
    ``decay_per_day``.
    """

    auc: float
    decays_from: float = NEVER


@dataclass(frozen=True, slots=True)
class World:
    """A rule for tonight's challenger, given the champion of then.

    Parameters
    ----------
    name : str
        Its key in the report.
    gain : float
        True AUC of each challenger minus that of the champion it is measured from, higher = better.
    from_first : bool
        Measure the gain from the year's first champion; else from the champion of then, so that
        losses add up.
    decay_per_day : float
        AUC the champion loses with each event day after day 0.
    challengers_see : {"all", "development"}
        Whether challengers follow the decay at once, or only up to the last day they could be
        trained on, which lies before the hold-out.
    ends_with_promotion : bool
        Nothing after the first promotion is of interest.
    """

    name: str
    gain: float = 0.0
    from_first: bool = False
    decay_per_day: float = 0.0
    challengers_see: str = "all"
    ends_with_promotion: bool = False

    def first_champion(self, auc: float) -> TrueModel:
        """Return the champion of day 0; it decays from then on if anything does here."""
        return TrueModel(auc, decays_from=0.0 if self.decay_per_day else NEVER)

    def challenger(self, champion: TrueModel, first: TrueModel, trained_until: float) -> TrueModel:
        """Return tonight's challenger.

        Parameters
        ----------
        champion, first : TrueModel
            The champion of then, and the year's first.
        trained_until : float
            Last event day the challenger could be trained on, counted from the year's day 0.
        """
        measured_from = first if self.from_first else champion
        sees_all = self.challengers_see == "all"
        decays_from = NEVER if sees_all else max(0.0, trained_until)
        return TrueModel(measured_from.auc + self.gain, decays_from)

    def auc_on(self, model: TrueModel, event_days: Floats) -> Floats:
        """Return a model's true AUC on each event day, shape as given.

        Examples
        --------
        >>> drift = World("drift", decay_per_day=0.001)
        >>> drift.auc_on(TrueModel(0.80, decays_from=0.0), np.array([-5.0, 10.0])).tolist()
        [0.8, 0.79]
        """
        if not self.decay_per_day or model.decays_from == NEVER:
            return np.full(event_days.shape, model.auc)
        return model.auc - self.decay_per_day * np.maximum(0.0, event_days - model.decays_from)


DRIFT_PER_DAY = 0.0002
"""0.073 of AUC in a year: a fraud model left alone; a credit model loses less."""

EQUAL = World("equal")
CREEP = World("creep", gain=-0.001)
WORSE = World("worse", gain=-0.01, from_first=True)
DRIFT = World("drift", decay_per_day=DRIFT_PER_DAY, ends_with_promotion=True)
DRIFT_LEARNT_LATE = World(
    "drift",
    decay_per_day=DRIFT_PER_DAY,
    challengers_see="development",
    ends_with_promotion=True,
)


def better(gain: float) -> World:
    """Return the world whose challengers are all better than the first champion by this much."""
    return World("better", gain=gain, from_first=True, ends_with_promotion=True)
