from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from finrisk.metrics import paired_rows as module
from finrisk.metrics.levels import Levels
from finrisk.metrics.paired_rows import BinnedModel, PairedRows, paired_rows
from finrisk.metrics.ranking import levels
from tests.metrics.factories import shared_signal


def rows_of(labels: Any, a: Any, b: Any, codes: Any = None, **wanted: bool) -> PairedRows:
    rng = np.random.default_rng(1)
    return paired_rows(np.asarray(labels) == 1, a, b, codes, rng, **wanted)


def levels_of(model: BinnedModel) -> Levels:
    goods = np.bincount(model.of_goods, minlength=2 * model.depth + 1)
    bads = np.bincount(model.of_bads, minlength=model.depth)
    up_to = np.cumsum(goods)
    return Levels.of(bads, goods[1::2], up_to[1::2], int(up_to[-1]))


@pytest.mark.parametrize("decimals", [1, 16])
def test_the_bins_hold_what_the_sort_finds(decimals: int) -> None:
    labels, a, b = (np.round(column, decimals) for column in shared_signal(3_000, seed=1))

    rows = rows_of(labels, a, b)

    for model, score in ((rows.champion, a), (rows.challenger, b)):
        binned, ranked = levels_of(model), levels(labels == 1, score)
        for field in ("bads", "tied", "bads_above", "goods_above"):
            assert np.array_equal(getattr(binned, field), getattr(ranked, field))


def test_the_order_of_the_rows_leaves_no_trace() -> None:
    labels, a, b = (np.round(column, 1) for column in shared_signal(2_000, seed=2))
    codes = np.random.default_rng(3).integers(0, 9, size=2_000)
    order = np.random.default_rng(4).permutation(2_000)

    rows = rows_of(labels, a, b, codes)
    again = rows_of(labels[order], a[order], b[order], codes[order])

    assert np.array_equal(rows.cluster_of_goods, again.cluster_of_goods)
    for model, other in ((rows.champion, again.champion), (rows.challenger, again.challenger)):
        assert np.array_equal(model.of_bads, other.of_bads)
        assert np.array_equal(model.of_goods, other.of_goods)


def test_swapped_models_keep_the_order_of_the_rows() -> None:
    labels, a, b = shared_signal(500, seed=5)

    there, back = rows_of(labels, a, b), rows_of(labels, b, a)

    assert np.array_equal(there.champion.of_goods, back.challenger.of_goods)
    assert np.array_equal(there.challenger.of_bads, back.champion.of_bads)


def test_squared_errors_are_there_for_probabilities_only() -> None:
    labels, a, b = shared_signal(100, seed=6)

    assert rows_of(labels, a, b).champion.error_of_bads is None
    errors = rows_of(labels, a, b, probabilities=True).champion.error_of_goods
    assert errors is not None
    assert np.sort(errors) == pytest.approx(np.sort(a[labels == 0] ** 2))


def test_many_rows_keep_every_bad_and_the_riskiest_goods_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "ROWS_TAKEN_WHOLE", 1_000)
    labels, a, b = shared_signal(20_000, seed=7, bad_rate=0.01)
    bads = int(labels.sum())

    rows = rows_of(labels, a, b)

    assert rows.champion.of_bads.size == rows.bads == bads
    assert rows.sampled_goods == 50 * bads
    assert rows.near == 25 * bads
    far = rows.sampled_goods - rows.near
    assert rows.near + far * rows.far_weight == pytest.approx(20_000 - bads)
    every = levels(labels == 1, a)
    near = np.bincount(rows.champion.of_goods[: rows.near], minlength=2 * bads + 1)
    top = bads // 4  # the riskiest quarter of the bads: none of the goods above them is left out
    assert np.cumsum(near)[1::2][top] == every.goods_above[top]


def test_few_rows_are_taken_whole() -> None:
    rows = rows_of(*shared_signal(20_000, seed=7, bad_rate=0.01))

    assert rows.sampled_goods is None
    assert rows.far_weight == 1.0
