from __future__ import annotations

import numpy as np
import pytest

from finrisk.errors import DataError
from finrisk.evaluation.swap_set import SwapSet, swap_set

SEED = 11
CUT = 0.3


def found(rows: int = 4000, noise: float = 0.1, *, labels: bool = False) -> tuple[SwapSet, dict]:
    """Two versions that see the same risk with errors of their own."""
    random = np.random.default_rng(SEED)
    risk = random.beta(2, 6, rows)
    scores = [np.clip(risk + random.normal(0, noise, rows), 0, 1) for _ in range(2)]
    declines = [score >= CUT for score in scores]
    outcomes = (random.random(rows) < risk).astype(float)
    outcomes[random.random(rows) < 0.5] = np.nan
    made = swap_set(*scores, *declines, outcomes if labels else None)
    return made, {"scores": scores, "declines": declines, "outcomes": outcomes}


def test_every_row_is_of_one_part_and_of_one_band() -> None:
    made, of = found()
    champion, challenger = of["declines"]

    parts = (
        made.both_decline,
        made.would_be_declined,
        made.would_be_let_through,
        made.neither_declines,
    )
    assert [part.rows for part in parts] == [
        int((champion & challenger).sum()),
        int((~champion & challenger).sum()),
        int((champion & ~challenger).sum()),
        int((~champion & ~challenger).sum()),
    ]
    assert sum(part.share for part in parts) == pytest.approx(1.0)
    assert sum(band.rows for band in made.bands) == made.rows == 4000
    assert sum(band.would_be_declined for band in made.bands) == made.would_be_declined.rows
    assert sum(band.would_be_let_through for band in made.bands) == made.would_be_let_through.rows


def test_flips_lie_on_their_side_of_the_cut_off() -> None:
    made, _ = found()

    assert made.would_be_declined.highest is not None
    assert made.would_be_declined.highest < CUT <= (made.would_be_let_through.lowest or 0.0)
    for band in made.bands:
        assert band.high <= CUT + 1e-9 or band.would_be_declined == 0
        assert band.low >= CUT - 1e-9 or band.would_be_let_through == 0


def test_the_interval_covers_the_share_it_is_of() -> None:
    """1000 samples of 400 rows: Wilson's 95 % interval covers in 95 of 100, give or take."""
    whole, of = found(rows=200_000)
    truth = whole.would_be_declined.share
    random = np.random.default_rng(SEED)
    hits = 0
    for _ in range(1000):
        at = random.integers(0, 200_000, 400)
        part = swap_set(*(s[at] for s in (*of["scores"], *of["declines"]))).would_be_declined
        hits += part.low <= truth <= part.high

    assert 930 <= hits <= 970


def test_outcomes_fill_in_as_they_are_known_and_are_unknown_before() -> None:
    before, _ = found()
    made, of = found(labels=True)
    chosen = ~of["declines"][0] & of["declines"][1]
    known = of["outcomes"][chosen]
    known = known[~np.isnan(known)]

    assert before.would_be_declined.bad_rate is None
    assert before.would_be_declined.labelled == 0
    assert made.would_be_declined.labelled == known.size
    assert made.would_be_declined.bad_rate == pytest.approx(known.mean())


def test_the_same_version_twice_changes_nobody() -> None:
    scores = np.linspace(0.0, 1.0, 101)
    made = swap_set(scores, scores, scores >= CUT, scores >= CUT)

    assert made.would_be_declined.rows == made.would_be_let_through.rows == 0
    assert made.would_be_declined.high > 0.0  # none of 101 is not never
    assert (made.rank_correlation, made.mean_difference) == (pytest.approx(1.0), 0.0)
    assert made.bands[-1].rows == 11  # 1.0 is in the last band


@pytest.mark.parametrize(
    "scores", [[], [0.1, np.nan], [0.1, 1.5], [-0.1, 0.5]], ids=["none", "nan", "above", "below"]
)
def test_what_is_no_probability_is_refused(scores: list[float]) -> None:
    column = np.array(scores, dtype=np.float64)
    flags = np.zeros(column.size, dtype=bool)

    with pytest.raises(DataError, match="cannot be compared"):
        swap_set(column, column, flags, flags)


def test_rows_of_another_length_are_refused() -> None:
    two, three = np.array([0.1, 0.2]), np.array([0.1, 0.2, 0.3])

    with pytest.raises(DataError, match="2 and 3 rows"):
        swap_set(two, three, two > 0, two > 0)
