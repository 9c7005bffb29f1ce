"""What the guards read: whether the challenger is worse than the champion in anything but the test.

Everything is measured on the hold-out's rows, both models on the same ones; what cannot be measured
is None, and holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from finrisk.errors import DataError
from finrisk.evaluation.groups import (
    Both,
    Clusters,
    approval,
    difference_in_auc,
    expected_loss,
    slice_figures,
)
from finrisk.evaluation.judged_rows import JudgedRows, Labels, Scored
from finrisk.evidence import Anchor, Calibration, GuardFacts, Operations, PairedFigure
from finrisk.metrics.bootstrap import BootstrappedMetric, paired_bootstrap
from finrisk.metrics.calibration import (
    calibration_in_the_large,
    calibration_slope,
    expected_calibration_error,
)
from finrisk.metrics.columns import Columns
from finrisk.metrics.daily_bootstrap import paired_daily_precision
from finrisk.metrics.stability import (
    characteristic_stability_index,
    population_stability_index,
    psi_limit,
)
from finrisk.records import Comparison
from finrisk.specs.guards import Guards

Resampled = dict[str, NDArray[np.float64]]
"""Differences challenger − champion of each metric, one a replicate of the bootstrap."""

BRIER = "brier"
DAILY = re.compile(r"daily_precision_at_(\d+)")


def guard_facts(
    rows: JudgedRows,
    scored: Scored,
    comparison: Comparison,
    policy: Guards,
    *,
    reference_scores: tuple[tuple[float, ...], tuple[float, ...]],
    probabilities: tuple[bool, bool] = (True, True),
    operations: Operations,
    anchor_version: int | None,
    protected: Iterable[str],
    clusters: Iterable[str],
    cutoff: float,
) -> tuple[GuardFacts, Resampled]:
    """Return everything the guards read, and the resampled differences behind its bounds.

    Parameters
    ----------
    scored : Scored
        All finite; both models' scores are there.
    reference_scores : tuple of two tuples of float
        Quantiles of the champion's and the challenger's out-of-fold scores; empty where not kept.
    probabilities : tuple of two bools
        Whether the champion's and the challenger's scores are probabilities of bad.
    anchor_version : int or None
        The last version a person signed; its scores are in ``scored`` where it can score.
    protected, clusters : iterable of str
        Columns of ``rows.columns``.
    """
    champion = scored.champion
    if champion is None:
        raise DataError("nothing to guard: there is no champion", expected="two models' scores")
    together = {column: rows.groups(column) for column in clusters}
    drawn_by = widest_way(comparison)
    both = (champion, scored.challenger)
    metrics, resampled = _metrics(
        rows, both, policy, together.get(drawn_by), brier=all(probabilities)
    )
    facts = GuardFacts(
        metrics=metrics,
        calibration=_calibrations(rows.labels, both, probabilities),
        score_psi=_score_psis(reference_scores, both),
        feature_psi=_feature_psi(rows.development_features, rows.features),
        fairness={
            column: approval(rows, column, both, cutoff, policy.fairness.min_goods)
            for column in protected
            if probabilities[1]  # a detector declines at no cut-off of probabilities
        },
        operations=operations,
        anchor=_anchor(anchor_version, rows.labels, scored, together, policy.confidence),
        slices=slice_figures(rows, both, policy.slices, together, policy.confidence),
        score_psi_by_chance=_psi_by_chance(reference_scores[1], rows),
        loss_per_1000=expected_loss(rows, both, policy.costs, cutoff, policy.confidence)
        if all(probabilities)
        else None,
        probabilities=probabilities,
    )
    return facts, resampled


def widest_way(comparison: Comparison) -> str:
    """Return the one column whose clusters the guards draw: of two ways, the wider.

    Two ways at once cannot be drawn; rows as if independent would call chance harm.

    Examples
    --------
    >>> errors = {"rows": 0.01, "card": 0.02, "shop": 0.03, "card x shop": 0.031}
    >>> widest_way(Comparison(0.5, 0.6, 0.1, 0.031, 3.2, 0.0, standard_errors=errors,
    ...     variance_by="card x shop"))
    'shop'
    """
    ways = comparison.variance_by.split(" x ")
    return max(ways, key=lambda way: comparison.standard_errors.get(way, 0.0))


def _metrics(
    rows: JudgedRows,
    both: Both,
    policy: Guards,
    clusters: NDArray[np.int64] | None,
    *,
    brier: bool,
) -> tuple[dict[str, PairedFigure], Resampled]:
    """Resample rows, or the clusters that the headline's variance is by, for every metric."""
    found = dict(_bootstrapped(rows, both, policy, clusters, brier=brier))
    figures = {
        name: PairedFigure(
            champion=figure.champion,
            challenger=figure.challenger,
            difference=figure.difference,
            lower=float(np.quantile(figure.differences, 1.0 - policy.confidence)),
            upper=float(np.quantile(figure.differences, policy.confidence)),
        )
        for name, figure in found.items()
    }
    return figures, {name: figure.differences for name, figure in found.items()}


def _bootstrapped(
    rows: JudgedRows,
    both: Both,
    policy: Guards,
    clusters: NDArray[np.int64] | None,
    *,
    brier: bool,
) -> Iterator[tuple[str, BootstrappedMetric]]:
    champion, challenger = both
    daily = {name: match for name in policy.secondary if (match := DAILY.fullmatch(name))}
    ranking = [name for name in policy.secondary if name not in daily]
    if wanted := [*ranking, *([BRIER] if brier else [])]:
        found = paired_bootstrap(
            rows.labels,
            champion,
            challenger,
            metrics=wanted,
            clusters=clusters,
            replicates=policy.replicates,
            seed=rows.seed,
        )
        yield from found.metrics.items()
    for name, match in daily.items():
        yield (
            name,
            paired_daily_precision(
                rows.labels,
                champion,
                challenger,
                rows.days,
                k=int(match[1]),
                clusters=clusters,
                replicates=policy.replicates,
                seed=rows.seed,
            ),
        )


def _calibrations(
    labels: Labels, both: Both, probabilities: tuple[bool, bool]
) -> tuple[Calibration | None, Calibration | None] | None:
    champion, challenger = (
        Calibration(
            offset=calibration_in_the_large(labels, score),
            slope=calibration_slope(labels, score),
            ece=expected_calibration_error(labels, score),
        )
        if is_probability and score.min() >= 0.0 and score.max() <= 1.0
        else None
        for score, is_probability in zip(both, probabilities, strict=True)
    )
    return None if champion is challenger is None else (champion, challenger)


def _score_psis(
    references: tuple[tuple[float, ...], tuple[float, ...]], both: Both
) -> tuple[float | None, float | None]:
    champion, challenger = (
        population_stability_index(reference, score) if reference else None
        for reference, score in zip(references, both, strict=True)
    )
    return champion, challenger


def _psi_by_chance(reference: tuple[float, ...], rows: JudgedRows) -> float | None:
    """Return what the PSI of a score that did not move stays below, 19 times in 20."""
    if not reference:
        return None
    kept = np.linspace(0.0, 1.0, len(reference))
    scores = np.interp(np.linspace(0.0, 1.0, len(rows.development_features)), kept, reference)
    return psi_limit(scores, len(rows.labels), seed=rows.seed)


def _feature_psi(development: Columns, holdout: Columns) -> dict[str, float]:
    return {
        str(name): characteristic_stability_index(development[name], holdout[name])
        for name in holdout.columns
    }


def _anchor(
    version: int | None,
    labels: Labels,
    scored: Scored,
    clusters: Clusters,
    confidence: float,
) -> Anchor | None:
    if version is None:
        return None
    if scored.anchor is None:
        return Anchor(version, None)
    figure = difference_in_auc(labels, scored.anchor, scored.challenger, clusters, confidence)
    return Anchor(version, figure)
