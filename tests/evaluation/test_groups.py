from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from finrisk.evaluation.groups import approval, expected_loss, slice_figures
from finrisk.evaluation.judged_rows import JudgedRows
from finrisk.specs.guards import Costs, SliceGuard

RNG = np.random.default_rng(5)
LABELS = (RNG.random(3000) < 0.3).astype(np.int8)
GROUP = RNG.choice(["a", "b", None], size=3000, p=[0.5, 0.4, 0.1])
GOOD = 1 / (1 + np.exp(-(LABELS + RNG.normal(size=3000) - 1)))
UNFAIR = np.clip(GOOD + 0.3 * (GROUP == "b"), 0.0, 1.0)


def rows(**columns: Any) -> JudgedRows:
    frame = pd.DataFrame({"group": GROUP, **columns})
    return JudgedRows("0" * 64, LABELS, frame, frame, frame)


def test_approval_is_compared_between_groups_of_goods() -> None:
    found = approval(rows(), "group", (GOOD, UNFAIR), cutoff=0.5, min_goods=100)

    assert found.challenger is not None
    assert found.champion is not None
    assert (found.challenger.lowest, found.challenger.ratio < 0.8) == ("b", True)
    assert found.challenger.ratio < found.challenger.ratio_upper < 0.8
    assert found.champion.ratio > 0.9
    assert found.left_out == ()


def test_a_group_of_few_goods_is_named_and_not_judged() -> None:
    found = approval(rows(), "group", (GOOD, UNFAIR), cutoff=0.5, min_goods=400)

    assert found.left_out == ("missing",)
    assert approval(rows(), "group", (GOOD, UNFAIR), 0.5, min_goods=5000).challenger is None


def test_where_nobody_is_approved_nothing_is_judged() -> None:
    assert approval(rows(), "group", (GOOD, UNFAIR), cutoff=0.0, min_goods=100).champion is None


def test_slices_with_few_bads_are_left_out() -> None:
    policy = SliceGuard(columns=("group",), min_bads=200)

    found = slice_figures(rows(), (GOOD, UNFAIR), policy, {}, 0.95)

    assert set(found) == {"group=a", "group=b"}
    assert found["group=a"].auc.difference == 0.0
    assert found["group=a"].bads == int(LABELS[GROUP == "a"].sum())


def test_a_slice_without_goods_is_left_out() -> None:
    policy = SliceGuard(columns=("bads",), min_bads=1)

    assert slice_figures(rows(bads=LABELS), (GOOD, UNFAIR), policy, {}, 0.95) == {}


@pytest.mark.parametrize(("cutoff", "each"), [(2.0, 0.3 * 10), (0.0, 0.7 * 1)])
def test_the_loss_is_of_bads_approved_and_goods_declined(cutoff: float, each: float) -> None:
    costs = Costs(bad_approved=10.0, good_declined=1.0)

    found = expected_loss(rows(), (GOOD, GOOD), costs, cutoff, 0.95)

    assert found is not None
    assert found.challenger == pytest.approx(1000 * each, rel=0.1)
    assert (found.difference, found.lower, found.upper) == (0.0, 0.0, 0.0)
    assert expected_loss(rows(), (GOOD, GOOD), None, cutoff, 0.95) is None
