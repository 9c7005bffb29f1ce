"""Paired average precision: whether a difference is more than chance, rows or clusters resampled.

The headline where bads are rare: the AUC hardly moves with what an investigator sees at the top.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from finrisk.errors import NotEnoughData
from finrisk.metrics.bootstrap import measure_named
from finrisk.metrics.clusters import Codes, largest, standard_errors
from finrisk.metrics.delong import FEWEST_PER_CLASS, z_and_p
from finrisk.metrics.inputs import labels_and_rankable
from finrisk.metrics.paired_rows import paired_rows
from finrisk.metrics.ranking import levels
from finrisk.metrics.resampling import replicate_differences

MEASURE = "average_precision"


@dataclass(frozen=True, slots=True)
class PairedAveragePrecision:
    """Challenger against champion; the difference is challenger − champion.

    ``standard_errors`` holds s by "rows", by each declared cluster and by each pair as "a x b";
    ``standard_error`` is the largest and ``variance_by`` its key. ``z`` is 0 without difference
    and variance, None where the models differ without variance; ``p_value`` is two-sided, normal.
    """

    champion: float
    challenger: float
    difference: float
    standard_error: float
    standard_errors: Mapping[str, float]
    variance_by: str
    z: float | None
    p_value: float | None


def paired_average_precision(
    y_true: ArrayLike,
    champion_score: ArrayLike,
    challenger_score: ArrayLike,
    *,
    clusters: Mapping[str, ArrayLike] | None = None,
    replicates: int = 2000,
    seed: int = 0,
) -> PairedAveragePrecision:
    """Compare the average precisions of two risk scores on the same rows.

    Parameters
    ----------
    y_true : (n,) array-like of 0 and 1
        1 = bad, 0 = good; at least two of each.
    champion_score, challenger_score : (n,) array-likes of finite floats
        Risk scores, higher = riskier; only the ranks count.
    clusters : mapping of name to (n,) array-like, optional
        What rows may move together by, such as customer and terminal: the cluster of each row.
        Each variance is of replicates that draw whole clusters; two-way it is a + b − ab.
    replicates : int
        At least 2; s of 2000 is off by 1.6 % itself.
    seed : int
        The same seed and rows give the same s, whatever the order of the rows.

    Returns
    -------
    PairedAveragePrecision
        Both average precisions are of all rows; above 200,000 rows the replicates draw from all
        bads and at most 50 weighted goods a bad.

    Raises
    ------
    LabelError, DataError
        As ``finrisk.metrics.inputs`` has them, or a missing cluster.
    NotEnoughData
        Fewer than two bads or two goods, or one cluster only.
    ConfigurationError
        Fewer than two replicates; a cluster named "rows" or like a pair of others.

    Examples
    --------
    >>> labels = [0, 0, 0, 1, 1, 1] * 20
    >>> champion, challenger = [1, 4, 2, 3, 5, 6] * 20, [1, 3, 2, 4, 5, 6] * 20
    >>> paired = paired_average_precision(labels, champion, challenger, replicates=99)
    >>> round(paired.champion, 4), round(paired.challenger, 4), paired.variance_by
    (0.9167, 1.0, 'rows')
    """
    bad, (champion, challenger) = labels_and_rankable(y_true, champion_score, challenger_score)
    bads = int(np.count_nonzero(bad))
    if min(bads, bad.size - bads) < FEWEST_PER_CLASS:
        raise NotEnoughData(
            "paired average precision has no variance to estimate",
            expected=f"at least {FEWEST_PER_CLASS} bads and goods",
            got=f"{bads} bads and {bad.size - bads} goods",
        )
    measures = {MEASURE: measure_named(MEASURE)}

    def variance_by(codes: Codes | None) -> float:
        rng = np.random.default_rng(seed)
        rows = paired_rows(bad, champion, challenger, codes, rng)
        varied = replicate_differences(rows, measures, replicates, rng)[MEASURE]
        return float(np.var(varied - varied[0], ddof=1))  # exactly 0 where all are the same

    errors = standard_errors(variance_by(None), clusters, bad.size, variance_by)
    of_champion, of_challenger = (
        levels(bad, score).average_precision() for score in (champion, challenger)
    )
    difference, key = of_challenger - of_champion, largest(errors)
    z, p_value = z_and_p(difference, errors[key])
    return PairedAveragePrecision(
        champion=of_champion,
        challenger=of_challenger,
        difference=difference,
        standard_error=errors[key],
        standard_errors=errors,
        variance_by=key,
        z=z,
        p_value=p_value,
    )
