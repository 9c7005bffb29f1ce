from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from finrisk.errors import DataError, LabelError
from finrisk.pictures.versus import flips, versus_figure, versus_picture
from tests.pictures.factories import legend_texts, scored_rows, size_in_pixels, texts

LABELS, CHAMPION, CHALLENGER = scored_rows()
CUTOFF = 0.3
NAMES = ("champion v3", "challenger v4")


def test_the_same_rows_give_the_same_png() -> None:
    png = versus_picture(LABELS, CHAMPION, CHALLENGER, cutoff=CUTOFF)

    assert size_in_pixels(png) == (836, 550)
    assert versus_picture(LABELS, CHAMPION, CHALLENGER, cutoff=CUTOFF) == png
    assert len(png) < 120_000


def test_the_picture_says_who_changes_side_at_the_cutoff() -> None:
    changed = flips(CHAMPION, CHALLENGER, CUTOFF)

    found = texts(versus_figure(LABELS, CHAMPION, CHALLENGER, names=NAMES, cutoff=CUTOFF))

    assert changed.share == pytest.approx(np.mean((CHAMPION >= CUTOFF) != (CHALLENGER >= CUTOFF)))
    assert f"newly declined {100 * changed.newly_declined:.1f} %" in found
    assert f"newly approved {100 * changed.newly_approved:.1f} %" in found
    assert any(f"; {100 * changed.share:.1f} % change side at cut-off 0.3" in t for t in found)
    assert "Risk scores of challenger v4 against champion v3" in found


def test_without_a_cutoff_nobody_changes_side() -> None:
    found = texts(versus_figure(LABELS, CHAMPION, CHALLENGER))

    assert not any("newly" in text or "cut-off" in text for text in found)


def test_every_row_within_the_axes_is_in_a_hexagon() -> None:
    scatter, _ = versus_figure(LABELS, CHAMPION, CHALLENGER).axes

    low, high = scatter.get_xlim()
    within = (np.minimum(CHAMPION, CHALLENGER) >= low) & (np.maximum(CHAMPION, CHALLENGER) <= high)
    (hexagons,) = [c for c in scatter.collections if c.get_array() is not None]
    assert np.sum(hexagons.get_array()) == within.sum() > 0.95 * LABELS.size
    assert scatter.get_ylim() == (low, high)


def test_the_identity_line_runs_from_corner_to_corner() -> None:
    scatter, _ = versus_figure(LABELS, CHAMPION, CHALLENGER).axes

    identity = scatter.get_lines()[0]

    assert list(identity.get_xdata()) == list(scatter.get_xlim())  # type: ignore[arg-type]
    assert list(identity.get_ydata()) == list(scatter.get_ylim())  # type: ignore[arg-type]


def test_the_axes_say_whose_score_and_which_way() -> None:
    scatter, difference = versus_figure(LABELS, CHAMPION, CHALLENGER, names=NAMES).axes

    assert scatter.get_xlabel() == "champion v3 (higher = riskier)"
    assert scatter.get_ylabel() == "challenger v4 (higher = riskier)"
    assert difference.get_xlabel() == "challenger − champion (above 0: riskier now)"


def test_the_difference_is_challenger_minus_champion_by_outcome() -> None:
    _, difference = versus_figure([0, 1] * 50, np.full(100, 0.2), np.tile([0.1, 0.4], 50)).axes

    assert legend_texts(difference) == ["good: 50 rows, mean -0.1", "bad: 50 rows, mean 0.2"]
    low, high = difference.get_xlim()
    assert (low, high) == pytest.approx((-0.1, 0.2))


def test_two_models_that_agree_on_every_row_are_drawn() -> None:
    versus_picture(LABELS, CHAMPION, CHAMPION, cutoff=CUTOFF)
    versus_picture([0, 1], [0.5, 0.5], [0.5, 0.5], cutoff=0.5)

    assert flips(CHAMPION, CHAMPION, CUTOFF).share == 0.0


@pytest.mark.parametrize(
    ("labels", "champion", "challenger", "error"),
    [
        ([1, 1], [0.1, 0.2], [0.1, 0.2], LabelError),
        ([0, 1], [0.1, 0.2], [0.1], DataError),
        ([], [], [], DataError),
    ],
)
def test_what_cannot_be_drawn_is_an_error_and_no_picture(
    labels: Any, champion: Any, challenger: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        versus_picture(labels, champion, challenger)
