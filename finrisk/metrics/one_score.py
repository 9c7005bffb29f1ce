"""How well one score ranks, with the error that chance leaves it: by rows, clusters and days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from finrisk.errors import NotEnoughData
from finrisk.metrics.bootstrap import paired_bootstrap
from finrisk.metrics.clusters import ROWS, cluster_codes, largest
from finrisk.metrics.delong import paired_delong
from finrisk.metrics.inputs import Flags, labels_and_rankable
from finrisk.metrics.sort_keys import Score

AUC = "auc"
FEWEST_PER_CLASS = 10
FEWEST_CLUSTERS = 10  # a variance of fewer is a guess, and of bads without a second one a wide one


@dataclass(frozen=True, slots=True)
class MeasuredMetric:
    """A figure, the largest standard error it has, and by what rows move together for that."""

    value: float
    standard_error: float
    variance_by: str


def measured_metrics(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    metrics: Sequence[str],
    clusters: Mapping[str, ArrayLike] | None = None,
    replicates: int = 200,
    seed: int = 0,
) -> dict[str, MeasuredMetric]:
    """Measure one score; each error is the largest of those by rows and by each kind of cluster.

    Parameters
    ----------
    y_true : (n,) array-like of 0 and 1
        1 = bad, 0 = good; at least ten of each.
    y_score : (n,) array-like of finite floats
        Risk score, higher = riskier.
    metrics : sequence of str
        Names as ``measure_named`` knows them.
    clusters : mapping of name to (n,) array-like, optional
        What rows may move together by: terminal, customer, day. One of fewer than ten clusters is
        left out.
    replicates : int
        Of the bootstrap that every metric but the AUC takes; at 200 an error is off by 5 % itself.
    seed : int

    Raises
    ------
    LabelError, DataError, ConfigurationError
        As ``paired_bootstrap``.
    NotEnoughData
        Fewer than ten bads or goods.

    Notes
    -----
    The AUC's error is that of ``paired_delong`` against a score that is the same for all rows, the
    others' that of ``paired_bootstrap`` against it: such a score's figures hardly vary.

    Examples
    --------
    >>> labels, scores = [0, 0, 1, 0, 1] * 20, [1, 2, 3, 4, 5] * 20
    >>> measured = measured_metrics(labels, scores, metrics=["auc", "ks"])
    >>> round(measured["auc"].value, 4), round(measured["auc"].standard_error, 3)
    (0.8333, 0.041)
    """
    bad, (score,) = labels_and_rankable(y_true, y_score)
    bads = int(np.count_nonzero(bad))
    if min(bads, bad.size - bads) < FEWEST_PER_CLASS:
        raise NotEnoughData(
            "too few rows to measure a score on",
            expected=f"at least {FEWEST_PER_CLASS} bads and goods",
            got=f"{bads} bads and {bad.size - bads} goods",
        )
    ways = _ways(clusters or {}, bad.size)
    found: dict[str, MeasuredMetric] = {}
    if AUC in metrics:
        found[AUC] = _auc(bad, score, ways)
    if others := [name for name in metrics if name != AUC]:
        found |= _resampled(bad, score, others, ways, replicates, seed)
    return {name: found[name] for name in metrics}


def _ways(clusters: Mapping[str, ArrayLike], rows: int) -> dict[str, ArrayLike]:
    ways: dict[str, ArrayLike] = {}
    for name, ids in clusters.items():
        try:
            codes = cluster_codes(name, ids, rows)
        except NotEnoughData:
            continue
        if int(codes.max()) + 1 >= FEWEST_CLUSTERS:
            ways[name] = codes
    return ways


def _auc(bad: Flags, score: Score, ways: Mapping[str, ArrayLike]) -> MeasuredMetric:
    of = paired_delong(bad, np.zeros(bad.size), score, clusters=ways)
    return MeasuredMetric(of.challenger_auc, of.standard_error, of.variance_by)


def _resampled(
    bad: Flags,
    score: Score,
    metrics: Sequence[str],
    ways: Mapping[str, ArrayLike],
    replicates: int,
    seed: int,
) -> dict[str, MeasuredMetric]:
    constant = np.zeros(bad.size)
    every: dict[str, ArrayLike | None] = {ROWS: None, **ways}
    runs = {
        name: paired_bootstrap(
            bad,
            constant,
            score,
            metrics=metrics,
            clusters=codes,
            replicates=replicates,
            seed=seed,
        )
        for name, codes in every.items()
    }
    found: dict[str, MeasuredMetric] = {}
    for metric in metrics:
        errors = {name: run[metric].standard_error for name, run in runs.items()}
        by = largest(errors)
        found[metric] = MeasuredMetric(runs[by][metric].challenger, errors[by], by)
    return found
