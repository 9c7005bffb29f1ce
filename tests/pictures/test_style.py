from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

from finrisk.errors import ConfigurationError
from finrisk.pictures import style
from tests.pictures.factories import size_in_pixels, texts


def a_figure(name: str = "challenger v4") -> Figure:
    figure = style.page(style.name_text(name), "hold-out")
    axes = style.panel(figure, x_label="x", y_label="y")
    axes.plot([0, 1], [0, 1], label=f"AUC: {style.name_text(name)}")
    style.legend(axes, "upper left")
    return figure


def test_a_figure_becomes_a_png_of_the_house_size() -> None:
    width, height = size_in_pixels(style.as_png(a_figure()))

    assert (width, height) == (
        round(style.WIDTH_INCHES * style.DOTS_PER_INCH),
        round(style.HEIGHT_INCHES * style.DOTS_PER_INCH),
    )


def test_the_same_figure_gives_the_same_bytes_in_any_thread() -> None:
    with ThreadPoolExecutor(4) as threads:
        drawn = list(threads.map(lambda _: style.as_png(a_figure()), range(4)))

    assert set(drawn) == {style.as_png(a_figure())}


def test_the_bytes_do_not_name_the_version_of_matplotlib() -> None:
    assert b"matplotlib" not in style.as_png(a_figure()).lower()


def test_page_and_axes_stay_white_under_another_librarys_style() -> None:
    dark = {"figure.facecolor": "black", "axes.facecolor": "black", "savefig.bbox": "tight"}
    with mpl.rc_context(dark):
        figure = a_figure()
        size = size_in_pixels(style.as_png(figure))

    assert figure.get_facecolor() == (1.0, 1.0, 1.0, 1.0)
    assert figure.axes[0].get_facecolor() == (1.0, 1.0, 1.0, 1.0)
    assert size == size_in_pixels(style.as_png(a_figure()))


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("challenger v4", "challenger v4"),
        ("_private", "_private"),
        ("a $x$ b", r"a \$x\$ b"),
        ("two\nlines\tand a tab", "two lines and a tab"),
        ("収入", "??"),
        ("доход", "доход"),
    ],
)
def test_a_name_is_one_short_line_without_commands(name: str, shown: str) -> None:
    assert style.name_text(name) == shown
    style.as_png(a_figure(name))  # warnings are errors: a formula or a lacking glyph would be one


def test_a_long_name_keeps_both_ends() -> None:
    names = [f"late_payments_in_the_last_{months}_months" for months in (12, 24)]

    short = [style.name_text(name) for name in names]

    assert short == ["late_payments_in_th…st_12_months", "late_payments_in_th…st_24_months"]


def test_a_dollar_sign_is_drawn_and_starts_no_formula() -> None:
    assert r"fee \$ and \$" in texts(a_figure("fee $ and $"))


def test_no_two_series_look_alike() -> None:
    looks = [style.look_of(place) for place in range(len(style.SERIES))]

    assert len(set(looks)) == len(style.SERIES)
    assert all(a[0] != b[0] and a[1] != b[1] for a, b in pairwise(looks))


@pytest.mark.parametrize("count", [0, 8])
def test_no_series_and_more_than_there_are_colours_are_refused(count: int) -> None:
    with pytest.raises(ConfigurationError, match=f"expected 1 to 7 named series; got {count}"):
        style.require_drawable({str(place): [] for place in range(count)})


def test_the_rows_line_counts_and_rounds() -> None:
    bad = np.zeros(12_345, dtype=np.bool_)
    bad[:1_234] = True

    assert style.rows_line("hold-out", bad) == "hold-out: 12,345 rows, 1,234 bads (10.0 %)"
