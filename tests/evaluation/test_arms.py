from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from finrisk.evaluation import arms
from finrisk.evaluation.arms import FEWEST_BADS, Arm, Difference, balance, compared

CUT = 0.3


def an_arm(rows: int, seed: int, *, skill: float = 1.0, known: float = 1.0, **changes: Any) -> Arm:
    """Rows of one population; the scores see the risk as far as the skill goes."""
    random = np.random.default_rng(seed)
    risk = random.beta(2, 6, rows)
    scores = np.clip(skill * risk + (1.0 - skill) * random.beta(2, 6, rows), 0.0, 1.0)
    outcomes = (random.random(rows) < risk).astype(np.float64)
    outcomes[random.random(rows) >= known] = np.nan
    made = {"scores": scores, "against": scores >= CUT, "outcomes": outcomes, "clusters": {}}
    return Arm(**(made | changes))


def figures(champion: Arm, challenger: Arm) -> dict[str, Difference]:
    told = compared(champion, challenger, against="decline", let_through="approve", seed=1)
    return {of.figure: of for of in told}


def test_a_better_version_shows_in_every_figure_with_its_interval() -> None:
    told = figures(an_arm(9000, 1, skill=0.3), an_arm(3000, 2, skill=1.0))

    assert list(told) == [
        "share decided 'decline'",
        "bad rate of 'approve'",
        "auc",
        "average_precision",
    ]
    for of in told.values():
        assert of.low is not None
        assert of.high is not None
        assert of.difference == pytest.approx(of.challenger - of.champion)
        assert of.low < of.difference < of.high
    assert told["auc"].low > 0.0
    assert told["bad rate of 'approve'"].high < 0.0


def test_the_interval_of_a_difference_of_auc_covers_no_difference_where_there_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """300 experiments of two arms that are alike: 95 of 100 intervals have 0 in them."""
    monkeypatch.setattr(arms, "RANKINGS", ("auc",))
    hits = 0
    for seed in range(300):
        pair = (an_arm(1200, 2 * seed), an_arm(400, 2 * seed + 1))
        of = compared(*pair, against="decline", let_through="approve", seed=seed)[2]
        hits += of.low <= 0.0 <= of.high

    assert 273 <= hits <= 297  # 285 ± 3 standard errors


def test_nothing_is_told_before_there_is_enough() -> None:
    told = figures(an_arm(9000, 1), an_arm(50, 2))
    assert all(of.difference is None and of.low is None for of in told.values())
    assert told["share decided 'decline'"].why == "fewer than 100 decisions of an arm"

    unlabelled = figures(an_arm(9000, 1, known=0.0), an_arm(900, 2, known=0.0))
    assert unlabelled["share decided 'decline'"].difference is not None
    assert unlabelled["bad rate of 'approve'"].why
    assert unlabelled["auc"].why == f"an arm has fewer than {FEWEST_BADS} known bads or goods"


def test_an_empty_arm_is_unknown_and_no_error() -> None:
    nobody = an_arm(0, 1)

    assert {of.difference for of in figures(nobody, nobody).values()} == {None}


def test_rows_that_move_together_widen_the_interval() -> None:
    champion, challenger = an_arm(4000, 1), an_arm(1000, 2)
    wide = an_arm(1000, 2, clusters={"customer": np.arange(1000) // 50})
    twice = np.tile(np.arange(500), 2)
    copied = an_arm(
        1000,
        2,
        scores=challenger.scores[twice],
        against=challenger.against[twice],
        outcomes=challenger.outcomes[twice],
        clusters={"customer": twice},
    )
    alone = Arm(copied.scores, copied.against, copied.outcomes, {})

    def width(of: Difference) -> float:
        return of.high - of.low

    assert width(figures(champion, wide)["auc"]) >= width(figures(champion, challenger)["auc"])
    ratio = width(figures(champion, copied)["auc"]) / width(figures(champion, alone)["auc"])
    assert 1.15 < ratio < 1.5  # the challenger's part of the error by √2, the champion's not


def test_arms_of_another_size_than_asked_for_are_told() -> None:
    assert balance(9000, 1000, 0.1).sound
    assert balance(9050, 950, 0.1).sound
    lost = balance(9500, 500, 0.1)
    assert not lost.sound
    assert lost.chance < 1e-6
    assert balance(0, 0, 0.1).chance is None
