"""Fit calibrators on out-of-fold scores: what the estimator said of rows it had not seen.

In-sample scores of a boosted model are too sure of themselves, and a calibrator fitted on them
would keep them so.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from finrisk.errors import NotEnoughData
from finrisk.models.estimators import Labels, Scores
from finrisk.tracking.calibrator import (
    Calibrator,
    IsotonicCalibrator,
    PlattCalibrator,
    logit,
    within,
)

Method = Literal["platt", "isotonic"]

FLATTEST_SLOPE = 1e-3
"""Platt's slope where out-of-fold scores know nothing: about the bad rate for all, ranks kept."""


def fit_calibrator(method: Method, scores: Scores, labels: Labels) -> Calibrator:
    """Fit a calibrator to raw out-of-fold scores.

    Parameters
    ----------
    method : {"platt", "isotonic"}
        Platt's two numbers keep every rank and need few bads; isotonic follows any rising shape,
        ties neighbours together, and wants a thousand bads or more.
    scores : (n,) array of float in [0, 1]
        Raw scores, higher = riskier.
    labels : (n,) array of 0 and 1
        1 = bad.

    Raises
    ------
    NotEnoughData
        The labels are all the same.

    References
    ----------
    Platt 1999, "Probabilistic outputs for support vector machines"; Zadrozny & Elkan 2002,
    "Transforming classifier scores into accurate multiclass probability estimates".

    Examples
    --------
    >>> scores, labels = np.array([0.1, 0.2, 0.3, 0.4]), np.array([0, 1, 0, 1])
    >>> fit_calibrator("platt", scores, labels).calibrate(scores).sum().round(3)
    np.float64(2.0)
    """
    if len(np.unique(labels)) != 2:  # noqa: PLR2004 - good and bad
        raise NotEnoughData(
            "nothing to calibrate on",
            expected="goods and bads among the out-of-fold rows",
            got=f"{len(labels)} rows, {int(labels.sum())} bad",
            remedy="wait for more labels to mature",
        )
    return _platt(scores, labels) if method == "platt" else _isotonic(scores, labels)


def _platt(scores: Scores, labels: Labels) -> PlattCalibrator:
    """Fit the line to Platt's softened labels: scores that separate all rows stay finite."""
    bads = int(labels.sum())
    goods = len(labels) - bads
    bad_share = np.where(labels == 1, (bads + 1) / (bads + 2), 1 / (goods + 2))
    lowest, highest = _ends(scores)
    line = LogisticRegression(C=np.inf, tol=1e-8, solver="newton-cholesky").fit(
        np.tile(within(scores, lowest, highest), 2)[:, None],
        np.repeat([1, 0], len(labels)),
        sample_weight=np.concatenate((bad_share, 1.0 - bad_share)),
    )
    slope, intercept = float(line.coef_[0, 0]), float(line.intercept_[0])
    if slope >= FLATTEST_SLOPE:
        return PlattCalibrator(slope, intercept, lowest, highest)
    # a falling line would turn every rank around on the strength of noise
    return PlattCalibrator(FLATTEST_SLOPE, float(logit(labels.mean())), lowest, highest)


def _isotonic(scores: Scores, labels: Labels) -> IsotonicCalibrator:
    # no score is certain: a step of goods alone says 1 / (n + 2), Laplace's rule for n rows
    margin = 1.0 / (len(labels) + 2)
    steps = IsotonicRegression(y_min=margin, y_max=1.0 - margin).fit(scores, labels)
    return IsotonicCalibrator(
        xs=tuple(map(float, steps.X_thresholds_)), ys=tuple(map(float, steps.y_thresholds_))
    )


def _ends(scores: Scores) -> tuple[float, float]:
    """Return the scores between which a line is fitted: 0 and 1 count as the edge of what n tell.

    A forest with small leaves is certain of some rows, and their logits, ±34, would tilt the line.
    """
    margin = 1.0 / (len(scores) + 2)
    open_scores = scores[(scores > 0.0) & (scores < 1.0)]
    lowest = float(open_scores.min(initial=margin))
    return lowest, float(open_scores.max(initial=1.0 - margin))
