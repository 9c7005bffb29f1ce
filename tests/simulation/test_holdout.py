from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from finrisk.metrics.ranking import ranking_metrics
from finrisk.simulation.holdout import HoldoutShape, MovingHoldout, OwnPart
from tests.simulation.factories import SMALL, in_terminals

LARGE = HoldoutShape(bads=20_000, goods=20_000, blocks=10)
EVEN = np.full(10, 0.80)


def holdout_and_model(shape: HoldoutShape, seed: int = 1) -> tuple[MovingHoldout, OwnPart]:
    holdout = MovingHoldout(shape, np.random.default_rng(seed))
    return holdout, holdout.new_model()


def scores_by_block(holdout: MovingHoldout, model: OwnPart) -> NDArray[np.float64]:
    """Scores of the bads, a line for each place a block can take."""
    return holdout.scores(model, EVEN)[:200].reshape(10, 20)


@pytest.mark.parametrize("terminals", [None, in_terminals().terminals])
def test_the_true_auc_is_the_one_asked_for(terminals: object) -> None:
    holdout, model = holdout_and_model(replace(LARGE, terminals=terminals))

    auc = ranking_metrics(holdout.labels, holdout.scores(model, EVEN)).auc

    assert auc == pytest.approx(0.80, abs=0.01)


def test_two_models_scores_correlate_within_a_class_as_asked() -> None:
    holdout, model = holdout_and_model(LARGE)

    one, other = (holdout.scores(m, EVEN)[:20_000] for m in (model, holdout.new_model()))

    assert np.corrcoef(one, other)[0, 1] == pytest.approx(0.95, abs=0.005)


@pytest.mark.parametrize("shape", [SMALL, in_terminals()])
def test_with_each_look_the_oldest_block_leaves_and_the_others_keep_their_scores(
    shape: HoldoutShape,
) -> None:
    holdout, model = holdout_and_model(shape)
    before = scores_by_block(holdout, model)

    holdout.advance(model)

    moved = (scores_by_block(holdout, model) != before).any(axis=1)
    assert moved.tolist() == [True] + [False] * 9
    assert holdout.block_numbers.tolist() == [1, *range(-8, 1)]


def test_after_as_many_looks_as_blocks_no_row_is_left() -> None:
    holdout, model = holdout_and_model(SMALL)
    before = holdout.scores(model, EVEN)

    for _ in range(SMALL.blocks):
        holdout.advance(model)

    assert abs(np.corrcoef(before, holdout.scores(model, EVEN))[0, 1]) < 0.5
    assert not np.isin(before, holdout.scores(model, EVEN)).any()


def test_each_blocks_bads_stand_as_high_as_its_auc_says() -> None:
    holdout, model = holdout_and_model(SMALL)

    apart = holdout.scores(model, EVEN + np.eye(10)[0] * 0.1) - holdout.scores(model, EVEN)

    assert (apart[:20] > 0.0).all()
    assert not apart[20:].any()


def test_bads_and_goods_come_from_different_terminals() -> None:
    holdout, _ = holdout_and_model(in_terminals())

    assert holdout.terminal is not None
    assert not np.intersect1d(holdout.terminal[:200], holdout.terminal[200:]).size


def test_a_terminal_is_never_taken_again_while_it_has_rows() -> None:
    holdout, model = holdout_and_model(in_terminals(life_days=3))
    assert holdout.terminal is not None
    for _ in range(40):
        holdout.advance(model)

        blocks = np.tile(np.repeat(holdout.block_numbers, 20), 1)
        for terminal in np.unique(holdout.terminal[:200]):
            seen = blocks[holdout.terminal[:200] == terminal]
            assert seen.max() - seen.min() < 3


def test_the_champions_luck_at_a_terminal_lasts_as_long_as_the_terminal() -> None:
    shape = replace(SMALL, terminals=replace(in_terminals().terminals, own_share=0.999999))
    holdout, model = holdout_and_model(shape)
    assert holdout.terminal is not None
    for _ in range(25):
        holdout.advance(model)

    for terminal in np.unique(holdout.terminal):
        assert np.ptp(model.rows[holdout.terminal == terminal]) < 0.02


def test_the_same_seed_gives_the_same_rows() -> None:
    one, other = (holdout_and_model(in_terminals(), seed=4) for _ in range(2))

    assert (one[0].scores(one[1], EVEN) == other[0].scores(other[1], EVEN)).all()
