"""Paired bootstrap of any ranking figure, and of the Brier score: by rows or by clusters."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike

from finrisk.errors import ConfigurationError
from finrisk.metrics.calibration import brier_score
from finrisk.metrics.clusters import cluster_codes
from finrisk.metrics.inputs import Flags, Floats, labels_and_probabilities, labels_and_rankable
from finrisk.metrics.paired_rows import paired_rows
from finrisk.metrics.ranking import levels
from finrisk.metrics.resampling import (
    Measure,
    Resample,
    replicate_differences,
    sample_differences,
)
from finrisk.metrics.sort_keys import Score

BRIER = "brier"
ONE_SIDED = 0.95
NUMBER = r"(\d+(?:\.\d+)?(?:e-?\d+)?)"


@dataclass(frozen=True, slots=True, eq=False)
class BootstrappedMetric:
    """One metric of both models; the difference is challenger − champion.

    ``lower`` and ``upper`` are one-sided 95 % bounds each (the 5 % and 95 % quantiles of the
    replicates), and so together a two-sided 90 % interval. ``differences`` has shape (B,).
    """

    champion: float
    challenger: float
    difference: float
    standard_error: float
    lower: float
    upper: float
    differences: Floats


@dataclass(frozen=True, slots=True, eq=False)
class PairedBootstrap:
    """Every metric asked for, from the same replicates.

    ``sampled_goods`` says how many goods the replicates drew from, None if from all.
    """

    metrics: Mapping[str, BootstrappedMetric]
    replicates: int
    seed: int
    by_cluster: bool
    sampled_goods: int | None

    def __getitem__(self, metric: str) -> BootstrappedMetric:
        """Return one metric by its name."""
        return self.metrics[metric]


def paired_bootstrap(
    y_true: ArrayLike,
    champion_score: ArrayLike,
    challenger_score: ArrayLike,
    *,
    metrics: Sequence[str],
    clusters: ArrayLike | None = None,
    replicates: int = 2000,
    seed: int,
) -> PairedBootstrap:
    """Resample the same rows, or clusters, for both models and see how their difference varies.

    Parameters
    ----------
    y_true : (n,) array-like of 0 and 1
        1 = bad, 0 = good.
    champion_score, challenger_score : (n,) array-likes of finite floats
        Risk scores, higher = riskier.
    metrics : sequence of str
        Names as ``RankingMetrics.named`` writes them, such as "auc", "precision_at_100",
        "lift_top_5pct", "detection_rate_at_fpr_1pct"; and "brier", where lower is better.
    clusters : (n,) array-like, optional
        The cluster of each row; whole clusters are drawn. Without it rows are drawn, the bads among
        the bads and the goods among the goods.
    replicates : int
        B, at least 2.
    seed : int
        The same seed and rows give the same figures, whatever the order of the rows.

    Returns
    -------
    PairedBootstrap
        The models' figures and Δ are of all rows. Above 200,000 rows the replicates draw from all
        bads and at most 50 weighted goods a bad, and are then moved to lie about that Δ. A ranking
        figure's spread stays within a few percent, since the riskiest goods are all among them;
        the Brier score's, an average over all goods, comes out too wide: at most by the square
        root of all goods over those sampled.

    Raises
    ------
    LabelError, DataError
        As ``finrisk.metrics.inputs`` has them; for "brier" also a score outside [0, 1].
    ConfigurationError
        An unknown metric, none, or fewer than two replicates.
    NotEnoughData
        One cluster only, or clusters of which hardly any draw has both classes.

    Examples
    --------
    >>> labels = [0, 0, 0, 1, 1, 1] * 20
    >>> champion, challenger = [1, 4, 2, 3, 5, 6] * 20, [1, 3, 2, 4, 5, 6] * 20
    >>> of = paired_bootstrap(labels, champion, challenger, metrics=["auc"], replicates=99, seed=1)
    >>> round(of["auc"].difference, 4), of["auc"].lower > 0.0
    (0.1111, True)
    """
    measures = {name: measure_named(name) for name in metrics}
    if not measures:
        raise ConfigurationError("no metric to bootstrap", expected="a name at least", got="none")
    bad, (champion, challenger) = labels_and_rankable(y_true, champion_score, challenger_score)
    if BRIER in measures:
        _, champion = labels_and_probabilities(bad, champion_score)
        _, challenger = labels_and_probabilities(bad, challenger_score)
    codes = None if clusters is None else cluster_codes("clusters", clusters, bad.size)
    rng = np.random.default_rng(seed)
    rows = paired_rows(bad, champion, challenger, codes, rng, probabilities=BRIER in measures)
    of_champion, of_challenger = (_figures(bad, s, measures) for s in (champion, challenger))
    found = replicate_differences(rows, measures, replicates, rng)
    whole = {name: of_challenger[name] - of_champion[name] for name in measures}
    of_sample = whole if rows.sampled_goods is None else sample_differences(rows, measures)
    return PairedBootstrap(
        metrics={
            name: _bootstrapped(of_champion[name], of_challenger[name], of_sample[name], varied)
            for name, varied in found.items()
        },
        replicates=replicates,
        seed=seed,
        by_cluster=codes is not None,
        sampled_goods=rows.sampled_goods,
    )


def measure_named(name: str) -> Measure:
    """Return the measure of this name.

    Raises
    ------
    ConfigurationError
        No metric has this name, or its number is out of range.

    Examples
    --------
    >>> at = levels(np.array([True, False]), np.array([0.9, 0.2]))
    >>> measure_named("precision_at_2")(Resample(at, squared_error=None))
    0.5
    """
    if name in PLAIN:
        return PLAIN[name]
    for pattern, measure in NUMBERED.items():
        if match := re.fullmatch(pattern, name):
            return measure(Fraction(match[1]))  # 0.7 / 100 in floats is not 0.007
    raise ConfigurationError(
        "unknown metric",
        expected="auc, gini, ks, average_precision, brier, precision_at_K, lift_top_Ppct or "
        "detection_rate_at_fpr_Fpct",
        got=name,
    )


def _precision(k: Fraction) -> Measure:
    _require("k", k, "at least 1", k >= 1)
    return lambda resample: resample.levels.precision(int(k))


def _lift(percent: Fraction) -> Measure:
    share = float(percent / 100)
    _require("a share of rows", share, "in (0, 1]", 0.0 < share <= 1.0)
    return lambda resample: resample.levels.lift(share)


def _detection_rate(percent: Fraction) -> Measure:
    fpr = float(percent / 100)
    _require("a false-positive rate", fpr, "in [0, 1]", fpr <= 1.0)
    return lambda resample: resample.levels.detection_rate(fpr)


PLAIN: dict[str, Measure] = {
    "auc": lambda resample: resample.levels.auc_and_gini()[0],
    "gini": lambda resample: resample.levels.auc_and_gini()[1],
    "ks": lambda resample: resample.levels.ks(),
    "average_precision": lambda resample: resample.levels.average_precision(),
    BRIER: lambda resample: _known(resample.squared_error),
}
NUMBERED: dict[str, Callable[[Fraction], Measure]] = {
    r"precision_at_(\d+)": _precision,
    rf"lift_top_{NUMBER}pct": _lift,
    rf"detection_rate_at_fpr_{NUMBER}pct": _detection_rate,
}


def _require(what: str, got: object, expected: str, holds: bool) -> None:
    if not holds:
        raise ConfigurationError(f"{what} is out of range", expected=expected, got=got)


def _known(squared_error: float | None) -> float:
    return math.nan if squared_error is None else squared_error


def _figures(bad: Flags, score: Score, measures: Mapping[str, Measure]) -> dict[str, float]:
    squared_error = brier_score(bad, score) if BRIER in measures else None
    resample = Resample(levels=levels(bad, score), squared_error=squared_error)
    return {name: float(measure(resample)) for name, measure in measures.items()}


def _bootstrapped(
    champion: float, challenger: float, of_sample: float, varied: Floats
) -> BootstrappedMetric:
    difference = challenger - champion
    differences = varied + (difference - of_sample)
    lower, upper = np.quantile(differences, [1.0 - ONE_SIDED, ONE_SIDED])
    return BootstrappedMetric(
        champion=champion,
        challenger=challenger,
        difference=difference,
        standard_error=float(differences.std(ddof=1)),
        lower=float(lower),
        upper=float(upper),
        differences=differences,
    )
