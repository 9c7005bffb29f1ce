"""Estimators with explicit seeds and threads."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgWarning
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits
from xgboost import XGBClassifier

from finrisk.errors import ConfigurationError
from finrisk.models.detectors import Detector
from finrisk.specs.parameters import DEFAULTS
from finrisk.specs.training import Algorithm, Parameter

log = logging.getLogger(__name__)

Labels = NDArray[np.int64] | NDArray[np.int8]
Scores = NDArray[np.float64]

MOST_ITERATIONS = 1000  # Newton needs 4 to 10; saga up to hundreds
BLOCK_ROWS = 100_000
"""Rows a detector scores together: 100 Nyström features of a million would take 1.6 GB."""


class Estimator(Protocol):
    """What a fitted and an unfitted estimator have in common: scikit-learn's two methods."""

    def fit(self, X: Any, y: Any) -> Self:
        """Fit on rows X and labels y."""

    def get_params(self) -> dict[str, Any]:
        """Return what it was built with."""

    def predict_proba(self, X: Any) -> Any:
        """Return the probabilities of good and bad, shape (n, 2)."""


def build(
    algorithm: Algorithm,
    parameters: Mapping[str, Parameter],
    *,
    seed: int,
    threads: int,
    signs: Sequence[int] | None = None,
) -> Estimator:
    """Return an unfitted estimator of labelled rows; detectors are fitted by ``fit_detector``.

    Parameters
    ----------
    algorithm : {"logistic_regression", "xgboost", "random_forest"}
        Which one.
    parameters : mapping of str to number or text
        Names of ``finrisk.specs.parameters.PARAMETERS``; what is not given is ours
        (``DEFAULTS``), else the library's default.
    seed : int
        Of every random choice the estimator makes.
    threads : int
        XGBoost's and the forest's threads; logistic regression takes its own from :func:`fit`.
    signs : sequence of int, optional
        For each column of the matrix 1 where risk may only rise with it, −1 where it may only
        fall, 0 where it is free. None: all are free. Logistic regression takes none.

    Raises
    ------
    ConfigurationError
        The algorithm is a detector.

    Examples
    --------
    >>> build("xgboost", {"max_depth": 3}, seed=1, threads=2).get_params()["n_jobs"]
    2
    """
    chosen: dict[str, Any] = DEFAULTS.get(algorithm, {}) | dict(parameters)
    if algorithm == "xgboost":
        return _boosted(chosen, seed, threads, signs)
    if algorithm == "random_forest":
        return _forest(chosen, seed, threads, signs)
    if algorithm == "logistic_regression":
        return _linear(chosen, seed)
    raise ConfigurationError(
        f"{algorithm} is no estimator of labelled rows",
        expected="logistic_regression, xgboost or random_forest",
        remedy="fit a detector by finrisk.models.detectors.fit_detector",
    )


def _boosted(
    chosen: dict[str, Any], seed: int, threads: int, signs: Sequence[int] | None
) -> Estimator:
    chosen.setdefault("tree_method", "hist")
    boosted: Estimator = XGBClassifier(
        objective="binary:logistic",
        random_state=seed,
        n_jobs=threads,
        monotone_constraints=None if signs is None else tuple(signs),
        **chosen,
    )
    return boosted


def _forest(
    chosen: dict[str, Any], seed: int, threads: int, signs: Sequence[int] | None
) -> Estimator:
    for share in ("max_features", "max_samples"):
        if isinstance(chosen.get(share), int):  # scikit-learn reads 1 as one column, one row
            chosen[share] = float(chosen[share])
    forest: Estimator = RandomForestClassifier(
        random_state=seed,
        n_jobs=threads,
        # no array: each tree would turn its signs around in place, for the next tree to find
        monotonic_cst=None if signs is None else tuple(signs),
        **chosen,
    )
    return forest


def _linear(chosen: dict[str, Any], seed: int) -> Estimator:
    chosen.setdefault("max_iter", MOST_ITERATIONS)
    # Newton's steps are 3 to 8 times as fast as lbfgs on 20,000 rows × 110 columns, but know no l1
    solver = "saga" if chosen.get("l1_ratio") else "newton-cholesky"
    linear: Estimator = LogisticRegression(solver=solver, random_state=seed, **chosen)
    return linear


def fit(estimator: Estimator, matrix: Any, labels: Labels, *, threads: int) -> Estimator:
    """Fit within ``threads`` threads and return the estimator.

    BLAS and OpenMP would otherwise take every core in each of the workers on a machine. A fit that
    did not converge is logged and kept: the search and the gate judge what it is worth.

    Parameters
    ----------
    estimator : LogisticRegression, XGBClassifier or RandomForestClassifier
        As :func:`build` made it. A fitted forest scores in one thread: with more, its trees are
        added up in the order in which threads finish, and two scores differ in the last digit.
    matrix : (n, m) array of float
        Preprocessed rows.
    labels : (n,) array of 0 and 1
        1 = bad.
    threads : int
        At least 1.
    """
    with within(threads):
        estimator.fit(matrix, labels)
    if isinstance(estimator, RandomForestClassifier):
        estimator.n_jobs = 1
    if isinstance(estimator, LogisticRegression) and estimator.n_iter_[0] >= estimator.max_iter:
        log.warning(
            "logistic regression (C=%s) did not converge in %d iterations",
            estimator.C,
            estimator.max_iter,
        )
    return estimator


@contextmanager
def within(threads: int) -> Iterator[None]:
    """Hold a fit's BLAS and OpenMP to ``threads``, and its warnings back: the fit is logged."""
    with threadpool_limits(limits=threads), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # told with the iterations
        warnings.simplefilter("ignore", LinAlgWarning)  # Newton then goes on with lbfgs
        yield


def raw_score(estimator: Estimator | Detector, matrix: Any, *, threads: int) -> Scores:
    """Return the estimator's own score before calibration, shape (n,), higher = riskier.

    Of an estimator of labels the probability of bad; of a detector the negated ``score_samples``,
    on a scale of its own.
    """
    with threadpool_limits(limits=threads):
        if hasattr(estimator, "score_samples"):
            blocks = (matrix[n : n + BLOCK_ROWS] for n in range(0, len(matrix), BLOCK_ROWS))
            return -np.concatenate([estimator.score_samples(block) for block in blocks])
        return np.asarray(estimator.predict_proba(matrix)[:, 1], dtype=np.float64)
