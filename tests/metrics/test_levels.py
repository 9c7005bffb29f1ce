from __future__ import annotations

import numpy as np
import pytest

from finrisk.metrics.levels import Levels


def levels(weight: float = 1) -> Levels:
    """Two bads at the top; below a good, one bad and two goods tied; then five goods."""
    kind = np.int64 if isinstance(weight, int) else np.float64
    bads, tied, above = (weight * np.array(n, dtype=kind) for n in ([2, 1], [0, 2], [0, 3]))
    return Levels.of(bads, tied, above, 8 * weight)


@pytest.mark.parametrize("weight", [1, 1.0, 2.5])
def test_weights_that_are_all_alike_change_no_figure(weight: float) -> None:
    at = levels(weight)

    auc = (2 * 8 + 5 + 2 * 0.5) / 24
    assert at.auc_and_gini() == pytest.approx((auc, 2 * auc - 1))
    assert at.ks() == pytest.approx(2 / 3)
    assert at.average_precision() == pytest.approx((1 + 1 + 3 / 6) / 3)
    assert at.precision(6 * weight) == pytest.approx(0.5)
    assert at.detection_rate(0.37) == pytest.approx(2 / 3)
    assert at.detection_rate(0.38) == 1.0


@pytest.mark.parametrize(
    ("k", "bads"), [(1, 1), (2, 2), (3, 2), (4, 2 + 1 / 3), (6, 3), (9, 3), (11, 3), (50, 3)]
)
def test_places_among_goods_only_hold_no_further_bad(k: int, bads: float) -> None:
    assert levels().precision(k) == pytest.approx(bads / min(k, 11))


def test_a_score_that_a_resample_left_out_changes_nothing() -> None:
    full = levels()
    padded = Levels.of(
        np.array([0, 2, 0, 1, 0]), np.array([0, 0, 0, 2, 0]), np.array([0, 0, 1, 3, 3]), 8
    )

    for figure in ("auc_and_gini", "ks", "average_precision"):
        assert getattr(padded, figure)() == getattr(full, figure)()
    assert [padded.precision(k) for k in range(1, 12)] == [full.precision(k) for k in range(1, 12)]
    assert padded.lift(0.2) == full.lift(0.2)
    assert padded.detection_rate(0.1) == full.detection_rate(0.1)
