"""Parts of the hold-out: protected groups, slices of the business, and what decisions cost."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from finrisk.evaluation.judged_rows import JudgedRows, Labels, Scores
from finrisk.evidence import Fairness, GroupApproval, PairedFigure, SliceFigure
from finrisk.metrics.delong import paired_delong
from finrisk.metrics.fairness import ApprovalByGroup, approval_by_group
from finrisk.specs.guards import Costs, SliceGuard

Both = tuple[Scores, Scores]
"""The champion's scores, then the challenger's."""

Clusters = dict[str, NDArray[np.int64]]
FEWEST = 2  # of each class: below it DeLong has no variance


def approval(rows: JudgedRows, column: str, both: Both, cutoff: float, min_goods: int) -> Fairness:
    """Return how both models treat the groups of a protected column among their goods.

    Parameters
    ----------
    cutoff : float
        Risk score at and above which a row is declined.
    min_goods : int
        A group with fewer is left out; with fewer than two groups nobody is judged.
    """
    groups = rows.values(column)
    champion, challenger = (
        approval_by_group(rows.labels, score, groups, cutoff, min_goods=min_goods) for score in both
    )
    return Fairness(
        champion=_as_record(champion),
        challenger=_as_record(challenger),
        left_out=tuple(group.group for group in challenger.too_small),
    )


def slice_figures(
    rows: JudgedRows, both: Both, policy: SliceGuard, clusters: Clusters, confidence: float
) -> dict[str, SliceFigure]:
    """Return AUC of both models on each value of the policy's columns that has enough bads."""
    found = {}
    for column in policy.columns:
        values = rows.values(column)
        for value in sorted(set(values)):
            inside = values == value
            bads = int(rows.labels[inside].sum())
            if bads >= policy.min_bads and int(inside.sum()) - bads >= FEWEST:
                found[f"{column}={value}"] = SliceFigure(
                    bads=bads,
                    auc=difference_in_auc(
                        rows.labels[inside],
                        both[0][inside],
                        both[1][inside],
                        {name: group[inside] for name, group in clusters.items()},
                        confidence,
                    ),
                )
    return found


def difference_in_auc(
    labels: Labels, one: Scores, other: Scores, clusters: Clusters, confidence: float
) -> PairedFigure:
    """Return the AUCs of two scores, and DeLong's one-sided bounds of other − one."""
    found = paired_delong(labels, one, other, clusters=clusters)
    margin = NormalDist().inv_cdf(confidence) * found.standard_error
    return PairedFigure(
        champion=found.champion_auc,
        challenger=found.challenger_auc,
        difference=found.difference,
        lower=found.difference - margin,
        upper=found.difference + margin,
    )


def expected_loss(
    rows: JudgedRows, both: Both, costs: Costs | None, cutoff: float, confidence: float
) -> PairedFigure | None:
    """Return what both models' decisions cost per 1000 rows; lower is better; None without costs.

    The bounds are of a mean of paired differences over independent rows.
    """
    if costs is None:
        return None
    champion, challenger = (_row_costs(rows.labels, score, costs, cutoff) for score in both)
    difference = challenger - champion
    spread = float(difference.std(ddof=1)) / float(np.sqrt(difference.size))
    margin = NormalDist().inv_cdf(confidence) * spread
    mean = float(difference.mean())
    return PairedFigure(
        champion=1000.0 * float(champion.mean()),
        challenger=1000.0 * float(challenger.mean()),
        difference=1000.0 * mean,
        lower=1000.0 * (mean - margin),
        upper=1000.0 * (mean + margin),
    )


def _row_costs(labels: Labels, score: Scores, costs: Costs, cutoff: float) -> Scores:
    bad, declined = labels == 1, score >= cutoff
    return np.where(
        bad,
        np.where(declined, 0.0, costs.bad_approved),
        np.where(declined, costs.good_declined, 0.0),
    )


def _as_record(found: ApprovalByGroup) -> GroupApproval | None:
    if found.approval_ratio is None or found.approval_groups is None:
        return None
    lowest, highest = found.approval_groups
    ends = {group.group: group.approval_interval or (0.0, 1.0) for group in found.judged}
    least = ends[highest][0]
    return GroupApproval(
        lowest=lowest,
        highest=highest,
        ratio=found.approval_ratio,
        ratio_upper=ends[lowest][1] / least if least > 0.0 else 1.0,
        tpr_gap=found.detection_gap,
    )
