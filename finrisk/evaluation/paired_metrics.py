"""Every documented metric of two versions on the same rows, with intervals: a picture for people.

Values are the gate's own, by the gate's own functions. Intervals are ± 1.96 standard errors:
DeLong's for the AUC; for the rest of resampled rows, or of clusters where rows move together.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from finrisk.evaluation.comparison import compare
from finrisk.evaluation.harm import DAILY, widest_way
from finrisk.evaluation.judged_rows import JudgedRows, Scores
from finrisk.evaluation.measuring import REPLICATES, Measuring, ScoredSide, around
from finrisk.evaluation.paired_outcomes import calibrated, decided, stable
from finrisk.evaluation.same_rows import Direction, Measured, MetricPair
from finrisk.metrics.bootstrap import BootstrappedMetric, paired_bootstrap
from finrisk.metrics.daily_bootstrap import paired_daily_precision
from finrisk.metrics.delong import paired_delong
from finrisk.specs.policy import GatePolicy

OWN_REPLICATES = 200  # one version's own interval decides nothing, and costs as much as a pair's

AUC, GINI, AP = "auc", "gini", "average_precision"
RANKING = (AUC, GINI, "ks", AP)
CREDIT_RANKING = ("detection_rate_at_fpr_5pct", "lift_top_10pct")
FRAUD_RANKING = ("detection_rate_at_fpr_1pct", "lift_top_1pct")


@dataclass(frozen=True)
class PairedMetrics:
    """All metrics, and the one column that rows were resampled by ('rows': by themselves)."""

    metrics: tuple[MetricPair, ...]
    variance_by: str


def paired_metrics(
    rows: JudgedRows, a: ScoredSide, b: ScoredSide, policy: GatePolicy, headline: str
) -> PairedMetrics:
    """Measure two versions on the same rows.

    Parameters
    ----------
    rows : JudgedRows
        Their labels have met scores already: a night has judged them.
    a, b : ScoredSide
    policy : GatePolicy
        Its cut-off or alert budget, clusters and secondary metrics.
    headline : str
        Stands first.

    Raises
    ------
    NotEnoughData
        Fewer than two bads or goods, or one cluster only.
    """
    clusters = {column: rows.groups(column) for column in policy.clusters}
    headlined = compare(
        rows.labels,
        champion=a.scores,
        challenger=b.scores,
        metric=headline,
        clusters=clusters,
        replicates=REPLICATES,
        seed=rows.seed,
    )
    of = Measuring(rows, a, b, policy, clusters, widest_way(headlined))
    found = {pair.name: pair for pair in _ranked(of)}
    if headline == AP:  # by the widest of all ways, two at once included, as the gate does
        spread = around(headlined.difference, headlined.standard_error)
        found[AP] = _replaced(found[AP], spread, f"resampled by {headlined.variance_by}")
    for part in (decided(of), calibrated(of), stable(of)):
        found |= {pair.name: pair for pair in part}
    first = {headline: found[headline]} if headline in found else {}
    return PairedMetrics(tuple({**first, **found}.values()), of.drawn_by)


def _ranked(of: Measuring) -> Iterator[MetricPair]:
    """Give the metrics of the ranking, those of the policy's guards among them."""
    both = (of.a.scores, of.b.scores)
    delong = paired_delong(of.rows.labels, *both, clusters=of.clusters)
    extra = FRAUD_RANKING if of.policy.alerts else CREDIT_RANKING
    listed = dict.fromkeys((*RANKING, *extra, *of.policy.guards.secondary))
    daily = [name for name in listed if DAILY.fullmatch(name)]
    drawn = [name for name in listed if name not in (AUC, GINI, *daily)]
    paired = paired_bootstrap(
        of.rows.labels,
        *both,
        metrics=drawn,
        clusters=of.codes,
        replicates=REPLICATES,
        seed=of.rows.seed,
    )
    own_a, own_b = (_own_errors(of, score, drawn) for score in both)
    auc = (delong.champion_auc, delong.challenger_auc)
    how = f"DeLong by {delong.variance_by}"
    yield _pair(AUC, auc, (own_a[AUC], own_b[AUC]), delong.standard_error, how)
    yield _pair(
        GINI,
        (2 * auc[0] - 1, 2 * auc[1] - 1),
        (2 * own_a[AUC], 2 * own_b[AUC]),
        2 * delong.standard_error,
        how,
    )
    for name in drawn:
        figure = paired[name]
        yield _resampled_pair(name, figure, (own_a[name], own_b[name]), of.resampled)
    for name in daily:
        yield _daily_pair(of, name)


def _own_errors(of: Measuring, score: Scores, drawn: list[str]) -> dict[str, float]:
    """Return each metric's standard error of one version: beside a score that tells nothing."""
    chance = np.zeros(score.size)
    ways = {} if of.codes is None else {of.drawn_by: of.codes}
    auc = paired_delong(of.rows.labels, chance, score, clusters=ways)
    found = paired_bootstrap(
        of.rows.labels,
        chance,
        score,
        metrics=drawn,
        clusters=of.codes,
        replicates=OWN_REPLICATES,
        seed=of.rows.seed,
    )
    return {AUC: auc.standard_error} | {name: found[name].standard_error for name in drawn}


def _daily_pair(of: Measuring, name: str) -> MetricPair:
    match = DAILY.fullmatch(name)
    k = int(match[1]) if match else 1

    def against(first: Scores, second: Scores, replicates: int) -> BootstrappedMetric:
        return paired_daily_precision(
            of.rows.labels,
            first,
            second,
            of.rows.days,
            k=k,
            clusters=of.codes,
            replicates=replicates,
            seed=of.rows.seed,
        )

    chance = np.zeros(of.a.scores.size)  # a score that tells nothing: what remains is the own error
    own = tuple(against(chance, s.scores, OWN_REPLICATES).standard_error for s in (of.a, of.b))
    figure = against(of.a.scores, of.b.scores, REPLICATES)
    return _resampled_pair(name, figure, (own[0], own[1]), of.resampled)


def _pair(
    name: str, values: tuple[float, float], own: tuple[float, float], paired: float, how: str
) -> MetricPair:
    return MetricPair(
        name=name,
        direction=Direction.HIGHER,
        a=around(values[0], own[0], name),
        b=around(values[1], own[1], name),
        difference=around(values[1] - values[0], paired),
        interval=how,
    )


def _resampled_pair(
    name: str, figure: BootstrappedMetric, own: tuple[float, float], how: str
) -> MetricPair:
    values = (figure.champion, figure.challenger)
    return _pair(name, values, own, figure.standard_error, how)


def _replaced(pair: MetricPair, difference: Measured, how: str) -> MetricPair:
    return MetricPair(pair.name, pair.direction, pair.a, pair.b, difference, how)
