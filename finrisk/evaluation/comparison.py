"""Champion and challenger on the same labels: the figures the gate reads."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from finrisk.evaluation.judged_rows import JudgedRows, Labels, Scores
from finrisk.metrics.alerts import fraud_metrics
from finrisk.metrics.average_precision import PairedAveragePrecision, paired_average_precision
from finrisk.metrics.calibration import brier_score
from finrisk.metrics.cutoff import cutoff_metrics
from finrisk.metrics.delong import PairedDeLong, paired_delong
from finrisk.metrics.ranking import ranking_metrics
from finrisk.records import Comparison
from finrisk.specs.policy import AlertBudget, GatePolicy


def compare(
    labels: Labels,
    champion: Scores,
    challenger: Scores,
    *,
    metric: str = "auc",
    clusters: Mapping[str, NDArray[np.int64]] | None = None,
    replicates: int = 2000,
    seed: int = 0,
) -> Comparison:
    """Return the paired comparison of two models' risk scores on the same rows.

    Parameters
    ----------
    labels : array of shape (n,)
        1 = bad, 0 = good.
    champion, challenger : arrays of shape (n,)
        Risk scores, higher = riskier. The difference is challenger − champion.
    metric : str
        The headline: 'auc' by paired DeLong, 'average_precision' by resampling.
    clusters : mapping of str to array of shape (n,)
        What moves together, by the column's name; the largest standard error decides.
    replicates, seed : int
        Of the resampling; DeLong needs none.
    """
    found: PairedDeLong | PairedAveragePrecision
    if metric == "auc":
        found = paired_delong(labels, champion, challenger, clusters=clusters)
        theirs, mine = found.champion_auc, found.challenger_auc
    else:
        found = paired_average_precision(
            labels, champion, challenger, clusters=clusters, replicates=replicates, seed=seed
        )
        theirs, mine = found.champion, found.challenger
    return Comparison(
        champion=theirs,
        challenger=mine,
        difference=found.difference,
        standard_error=found.standard_error,
        z=found.z,
        p_value=found.p_value,
        metric=metric,
        standard_errors=dict(found.standard_errors),
        variance_by=found.variance_by,
    )


def model_metrics(
    rows: JudgedRows, score: Scores, is_probability: bool, policy: GatePolicy
) -> dict[str, float]:
    """Return the documented figures of one model on the hold-out, by name.

    With an alert budget they are fraud's, at that budget; without one they are credit's.

    Parameters
    ----------
    score : array of shape (n,)
        Risk score, higher = riskier.
    is_probability : bool
        Whether it is a probability of bad, which a detector's is not.
    """
    if policy.alerts is None:
        if not is_probability:
            return ranking_metrics(rows.labels, score).named()
        return credit_metrics(rows.labels, score, policy.cutoff)
    figures = _at_the_budget(rows, score, policy.alerts)
    return figures | ({"brier": brier_score(rows.labels, score)} if is_probability else {})


def _at_the_budget(rows: JudgedRows, score: Scores, alerts: AlertBudget) -> dict[str, float]:
    card = alerts.card
    return fraud_metrics(
        rows.labels,
        score,
        rows.days,
        k=alerts.per_day,
        cards=None if card is None else rows.groups(card),
        known=rows.known_cards,
    )


def credit_metrics(labels: Labels, probability: Scores, cutoff: float) -> dict[str, float]:
    """Return the documented credit figures of one model, by name.

    Parameters
    ----------
    labels : array of shape (n,)
        1 = bad, 0 = good; both must occur.
    probability : array of shape (n,)
        Calibrated probability of bad, in [0, 1].
    cutoff : float
        A row at or above it counts as declined. Precision is left out where nothing is declined.
    """
    ranking = ranking_metrics(labels, probability)
    at_cutoff = cutoff_metrics(labels, probability, cutoff)
    figures: dict[str, float | None] = {
        "auc": ranking.auc,
        "gini": ranking.gini,
        "ks": ranking.ks,
        "average_precision": ranking.average_precision,
        "brier": brier_score(labels, probability),
        "precision": at_cutoff.precision,
        "recall": at_cutoff.recall,
        "f1_score": at_cutoff.f1,
        "accuracy": at_cutoff.accuracy,
    }
    return {name: float(figure) for name, figure in figures.items() if figure is not None}


def usable(*scores: Scores) -> bool:
    """Say whether all scores are finite and none is the same for every row."""
    return all(
        bool(np.isfinite(values).all()) and bool((values != values[:1]).any()) for values in scores
    )
