"""Calibrators: a raw score in, a probability of bad out. Plain numbers, stored as JSON.

They are fitted in ``models/`` on out-of-fold scores; here they are only applied, so that a stored
model needs neither scikit-learn's calibration classes nor a pickle.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import isfinite

import numpy as np
import numpy.typing as npt

from finrisk.records import JsonObject

Scores = npt.NDArray[np.float64]

SMALLEST_PROBABILITY = 1e-15  # the logit of 0 or 1 has no value
ENDS = ("lowest", "highest")  # of a line; artifacts made before lines had ends lack them


@dataclass(frozen=True, slots=True)
class PlattCalibrator:
    """Platt's scaling: a straight line on the logit of the raw score.

    Parameters
    ----------
    slope, intercept : float
        ``logit(probability) = slope · logit(raw) + intercept``; slope 1 and intercept 0 change
        nothing, a positive slope keeps every ranking.
    lowest, highest : float
        Raw scores between which the line was fitted. A forest on rare bads says 0 of most rows,
        which the line knows nothing of, and would answer with a logit of −34: see :func:`within`.

    Examples
    --------
    >>> PlattCalibrator(slope=1.0, intercept=0.0).calibrate(np.array([0.25, 0.5])).round(12)
    array([0.25, 0.5 ])
    """

    slope: float
    intercept: float
    lowest: float = 0.0
    highest: float = 1.0

    def __post_init__(self) -> None:
        if not (isfinite(self.slope) and isfinite(self.intercept)):
            raise ValueError(
                f"Platt: slope {self.slope} and intercept {self.intercept}: not finite"
            )
        if not 0.0 <= self.lowest < self.highest <= 1.0:
            raise ValueError(f"Platt: no line between {self.lowest} and {self.highest}")

    def calibrate(self, raw: Scores) -> Scores:
        """Return the probability of bad, shape (n,), for raw scores in [0, 1], shape (n,)."""
        line = self.slope * within(raw, self.lowest, self.highest) + self.intercept
        probability: Scores = np.exp(-np.logaddexp(0.0, -line))
        return probability

    def to_json(self) -> JsonObject:
        """Return plain JSON values; floats come back bit for bit."""
        return {
            "kind": "platt",
            "slope": self.slope,
            "intercept": self.intercept,
            "lowest": self.lowest,
            "highest": self.highest,
        }


@dataclass(frozen=True, slots=True)
class IsotonicCalibrator:
    """A rising step line through fitted points, straight between them, flat outside.

    Parameters
    ----------
    xs : tuple of float
        Raw scores, not falling.
    ys : tuple of float
        The probability of bad at each, not falling, in [0, 1].

    Examples
    --------
    >>> steps = IsotonicCalibrator(xs=(0.2, 0.4), ys=(0.1, 0.3))
    >>> steps.calibrate(np.array([0.0, 0.3, 1.0])).round(12)
    array([0.1, 0.2, 0.3])
    """

    xs: tuple[float, ...]
    ys: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.xs) != len(self.ys) or not self.xs:
            raise ValueError(f"isotonic: {len(self.xs)} xs and {len(self.ys)} ys")
        if not all(isfinite(value) for value in (*self.xs, *self.ys)):
            raise ValueError("isotonic: a point is not finite")
        for name, values in (("xs", self.xs), ("ys", self.ys)):
            if any(after < before for before, after in pairwise(values)):
                raise ValueError(f"isotonic: {name} fall somewhere; both must rise or stay")
        if self.ys[0] < 0.0 or self.ys[-1] > 1.0:
            raise ValueError("isotonic: ys leave [0, 1]")

    def calibrate(self, raw: Scores) -> Scores:
        """Return the probability of bad, shape (n,), for raw scores in [0, 1], shape (n,)."""
        probability: Scores = np.interp(raw, self.xs, self.ys)
        return probability

    def to_json(self) -> JsonObject:
        """Return plain JSON values; floats come back bit for bit."""
        return {"kind": "isotonic", "xs": list(self.xs), "ys": list(self.ys)}


@dataclass(frozen=True, slots=True)
class Uncalibrated:
    """The raw score as it is: a model that was logged as somebody fitted it.

    Examples
    --------
    >>> Uncalibrated().calibrate(np.array([0.25, -3.0]))
    array([ 0.25, -3.  ])
    """

    def calibrate(self, raw: Scores) -> Scores:
        """Return the raw scores; an anomaly score is no probability, and may be any number."""
        return raw

    def to_json(self) -> JsonObject:
        """Return plain JSON values."""
        return {"kind": "none"}


Calibrator = PlattCalibrator | IsotonicCalibrator | Uncalibrated


def calibrator_from_json(document: JsonObject) -> Calibrator:
    """Rebuild a calibrator.

    Raises
    ------
    ValueError
        The kind is unknown, or the numbers do not describe a calibrator.

    Examples
    --------
    >>> calibrator_from_json({"kind": "platt", "slope": 1.0, "intercept": 0.0})
    PlattCalibrator(slope=1.0, intercept=0.0, lowest=0.0, highest=1.0)
    """
    try:
        if document["kind"] == "none":
            return Uncalibrated()
        if document["kind"] == "platt":
            ends = {name: float(document[name]) for name in ENDS if name in document}
            return PlattCalibrator(float(document["slope"]), float(document["intercept"]), **ends)
        if document["kind"] == "isotonic":
            xs, ys = document["xs"], document["ys"]
            return IsotonicCalibrator(tuple(map(float, xs)), tuple(map(float, ys)))
    except (KeyError, TypeError) as exc:
        raise ValueError(f"no calibrator: {exc!r}") from exc
    raise ValueError(f"no calibrator of kind {document['kind']!r}")


def within(raw: Scores, lowest: float, highest: float) -> Scores:
    """Return the logit of raw scores, shape (n,), which beyond both ends goes on by one at most.

    It rises everywhere, so that no rank is lost; the trainer fits Platt's line on this very form.

    Examples
    --------
    >>> within(np.array([0.0, 0.5, 1.0]), 0.25, 0.75).round(3).tolist()
    [-2.099, 0.0, 2.099]
    >>> within(np.array([0.0]), 0.0, 1.0) == logit(np.array([0.0]))
    array([ True])
    """
    kept = np.clip(raw, lowest, highest)
    beyond = raw - kept  # 0 throughout where a line has no ends
    room = np.where(beyond < 0.0, lowest, 1.0 - highest)
    steps = np.divide(beyond, room, out=np.zeros_like(beyond), where=beyond != 0.0)
    found: Scores = logit(kept) + np.clip(steps, -1.0, 1.0)
    return found


def logit(probability: Scores) -> Scores:
    """Return ``log(p / (1 − p))``, shape (n,), with p kept within [1e-15, 1 − 1e-15]."""
    kept = np.clip(probability, SMALLEST_PROBABILITY, 1.0 - SMALLEST_PROBABILITY)
    odds: Scores = np.log(kept) - np.log1p(-kept)
    return odds
