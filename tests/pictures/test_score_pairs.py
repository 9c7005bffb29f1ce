from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from finrisk.errors import DataError, LabelError
from finrisk.pictures.score_pairs import MOST_POINTS, score_pairs_figure, score_pairs_picture
from tests.pictures.factories import scored_rows, size_in_pixels, texts

LABELS, CHAMPION, CHALLENGER = scored_rows()
NAMES = ("v3", "v4 xgb")


def test_the_same_rows_give_the_same_png() -> None:
    png = score_pairs_picture(LABELS, CHAMPION, CHALLENGER, cutoff=0.5)

    assert size_in_pixels(png) == (836, 550)
    assert score_pairs_picture(LABELS, CHAMPION, CHALLENGER, cutoff=0.5) == png
    assert len(png) < 120_000


def test_goods_and_bads_have_a_panel_each_that_says_how_many_are_riskier_now() -> None:
    found = texts(score_pairs_figure(LABELS, CHAMPION, CHALLENGER, names=NAMES))

    for word, members in (("goods", LABELS == 0), ("bads", LABELS == 1)):
        riskier = 100 * np.mean(CHALLENGER[members] > CHAMPION[members])
        assert f"{word}: {riskier:.1f} % above the line (riskier now)" in found
    assert "Scores of v4 xgb against v3, by outcome" in found


def test_few_rows_are_points_and_each_is_there() -> None:
    goods, bads = score_pairs_figure(LABELS, CHAMPION, CHALLENGER).axes

    for axes, members in ((goods, LABELS == 0), (bads, LABELS == 1)):
        (points,) = axes.collections
        assert len(points.get_offsets()) == members.sum()  # type: ignore[arg-type]


def test_many_rows_are_hexagons_that_count_them() -> None:
    labels, champion, challenger = scored_rows(3 * MOST_POINTS)

    goods, _ = score_pairs_figure(labels, champion, challenger).axes

    (hexagons,) = goods.collections
    counted = np.sum(hexagons.get_array())
    assert 0.95 * (labels == 0).sum() < counted <= (labels == 0).sum()


def test_both_panels_have_one_scale_and_say_whose_score_is_where() -> None:
    goods, bads = score_pairs_figure(LABELS, CHAMPION, CHALLENGER, names=NAMES).axes

    assert goods.get_xlim() == goods.get_ylim() == bads.get_xlim() == bads.get_ylim()
    assert goods.get_xlabel() == bads.get_xlabel() == "v3 (higher = riskier)"
    assert goods.get_ylabel() == "v4 xgb (higher = riskier)"


def test_two_models_that_agree_on_every_row_are_drawn() -> None:
    score_pairs_picture([0, 1], [0.5, 0.5], [0.5, 0.5], cutoff=0.5)


@pytest.mark.parametrize(
    ("labels", "champion", "challenger", "error"),
    [
        ([1, 1], [0.1, 0.2], [0.1, 0.2], LabelError),
        ([0, 1], [0.1, 0.2], [0.1], DataError),
        ([0, 1], [0.1, np.nan], [0.1, 0.2], DataError),
        ([], [], [], DataError),
    ],
)
def test_what_cannot_be_drawn_is_an_error_and_no_picture(
    labels: Any, champion: Any, challenger: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        score_pairs_picture(labels, champion, challenger)
