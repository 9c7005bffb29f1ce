"""Approval by group: whether goods of one group are approved less often than goods of another.

A screen, not a statement of compliance: it sees only outcomes of those who were accepted before.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from finrisk.errors import ConfigurationError, DataError
from finrisk.metrics.bins import is_missing
from finrisk.metrics.inputs import Flags, labels_and_scores

CONFIDENCE_Z = NormalDist().inv_cdf(0.975)  # a two-sided 95 % interval
MISSING = "missing"

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class GroupApproval:
    """One group at the cut-off; rates lie in [0, 1], intervals are Wilson's at 95 %.

    ``approval_rate`` is the share of goods below the cut-off, ``detection_rate`` (TPR) the share
    of bads at or above it; None, with its interval, where there is nobody to take a share of.
    """

    group: str
    goods: int
    bads: int
    approval_rate: float | None
    approval_interval: Interval | None
    detection_rate: float | None
    detection_interval: Interval | None


@dataclass(frozen=True, slots=True)
class ApprovalByGroup:
    """The groups that can be judged, those that cannot, and the largest distance between two.

    ``approval_ratio`` is the lowest approval rate over the highest, in [0, 1]; None with fewer than
    two judged groups, or where no good of any is approved. ``detection_gap`` is the highest TPR −
    the lowest among judged groups with enough bads; None with fewer than two of them. Each stands
    beside the names of its (lowest, highest) group.
    """

    cutoff: float
    judged: tuple[GroupApproval, ...]
    too_small: tuple[GroupApproval, ...]
    approval_ratio: float | None
    approval_groups: tuple[str, str] | None
    detection_gap: float | None
    detection_groups: tuple[str, str] | None


def approval_by_group(
    y_true: ArrayLike,
    score: ArrayLike,
    groups: ArrayLike,
    cutoff: float,
    *,
    min_goods: int = 200,
    min_bads: int = 50,
) -> ApprovalByGroup:
    """Measure approval of goods, and detection of bads, by group at one cut-off.

    Parameters
    ----------
    y_true : (n,) array-like of 0 and 1
        1 = bad, 0 = good; both must occur.
    score : (n,) array-like of finite floats
        Risk score, higher = riskier; a row is approved below the cut-off, declined at or above it.
    groups : (n,) array-like
        The group of each row, by its text; rows without one are the group "missing".
    cutoff : float
        On the score's scale.
    min_goods : int
        A group with fewer goods is listed apart and never judged. At 200, a rate of one half is
        known to about ± 7 points.
    min_bads : int
        A judged group with fewer bads takes no part in ``detection_gap``. At 50, a rate of one half
        is known to about ± 13 points.

    Returns
    -------
    ApprovalByGroup
        Groups in the order of their names.

    Raises
    ------
    LabelError, DataError
        As ``finrisk.metrics.inputs`` has them, or groups of another length.
    ConfigurationError
        A cut-off that is not finite, or a least count below 1.

    Examples
    --------
    >>> labels, score = [0, 0, 0, 0, 1, 1], [0.1, 0.2, 0.1, 0.9, 0.9, 0.8]
    >>> found = approval_by_group(labels, score, list("aabbab"), 0.5, min_goods=2, min_bads=1)
    >>> found.approval_ratio, found.approval_groups, found.detection_gap
    (0.5, ('b', 'a'), 0.0)
    """
    if not math.isfinite(cutoff) or min(min_goods, min_bads) < 1:
        raise ConfigurationError(
            "groups cannot be measured so",
            expected="a finite cut-off, least counts of at least 1",
            got=f"cut-off {cutoff}, min_goods {min_goods}, min_bads {min_bads}",
        )
    bad, (risk,) = labels_and_scores(y_true, score)
    measured = [
        _measured(name, bad[rows], risk[rows] >= cutoff)
        for name, rows in _rows_by_group(groups, bad.size).items()
    ]
    judged = tuple(group for group in measured if group.goods >= min_goods)
    approvals = {g.group: g.approval_rate for g in judged if g.approval_rate is not None}
    detections = {
        g.group: g.detection_rate
        for g in judged
        if g.detection_rate is not None and g.bads >= min_bads
    }
    approval_ends, detection_ends = _ends(approvals), _ends(detections)
    return ApprovalByGroup(
        cutoff=cutoff,
        judged=judged,
        too_small=tuple(group for group in measured if group.goods < min_goods),
        approval_ratio=_ratio(approvals, approval_ends),
        approval_groups=approval_ends,
        detection_gap=_gap(detections, detection_ends),
        detection_groups=detection_ends,
    )


def wilson_interval(hits: float, trials: float) -> Interval:
    """Return Wilson's 95 % interval of a share (Wilson 1927, JASA 22:209).

    Rows that move together count as fewer, and as no whole number.

    Examples
    --------
    >>> [round(end, 4) for end in wilson_interval(0, 10)]
    [0.0, 0.2775]
    """
    z_squared = CONFIDENCE_Z**2
    middle = (hits + z_squared / 2.0) / (trials + z_squared)
    share = hits / trials
    spread = share * (1.0 - share) / trials + z_squared / (4.0 * trials**2)
    half = CONFIDENCE_Z * math.sqrt(spread) / (1.0 + z_squared / trials)
    low = 0.0 if hits == 0 else middle - half  # at both ends exactly, where floats may miss them
    high = 1.0 if hits == trials else middle + half
    return low, high


def _rows_by_group(groups: ArrayLike, rows: int) -> dict[str, Flags]:
    column = np.asarray(groups)
    if column.shape != (rows,):
        raise DataError(
            "groups are no column of the rows",
            expected=f"shape ({rows},)",
            got=f"shape {column.shape}",
        )
    names = [MISSING if is_missing(value) else str(value) for value in column.tolist()]
    distinct, position = np.unique(np.array(names, dtype=object), return_inverse=True)
    return {name: position == number for number, name in enumerate(distinct.tolist())}


def _measured(name: str, bad: Flags, declined: Flags) -> GroupApproval:
    bads = int(np.count_nonzero(bad))
    goods = bad.size - bads
    caught = int(np.count_nonzero(bad & declined))
    approved = int(np.count_nonzero(~bad & ~declined))
    return GroupApproval(
        group=name,
        goods=goods,
        bads=bads,
        approval_rate=approved / goods if goods else None,
        approval_interval=wilson_interval(approved, goods) if goods else None,
        detection_rate=caught / bads if bads else None,
        detection_interval=wilson_interval(caught, bads) if bads else None,
    )


def _ends(rates: dict[str, float]) -> tuple[str, str] | None:
    """Return the groups of the lowest and the highest rate, the first by name of equal ones."""
    if len(rates) < 2:  # noqa: PLR2004 - a distance takes two
        return None
    return min(rates, key=lambda g: rates[g]), max(rates, key=lambda g: rates[g])


def _ratio(rates: dict[str, float], ends: tuple[str, str] | None) -> float | None:
    if ends is None or rates[ends[1]] == 0.0:
        return None
    return rates[ends[0]] / rates[ends[1]]


def _gap(rates: dict[str, float], ends: tuple[str, str] | None) -> float | None:
    return None if ends is None else rates[ends[1]] - rates[ends[0]]
