"""Scored rows and PNG readers for the pictures' tests."""

from __future__ import annotations

import struct

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from numpy.typing import NDArray

Labels = NDArray[np.int64]
Scores = NDArray[np.float64]

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def scored_rows(rows: int = 2_000, *, seed: int = 1) -> tuple[Labels, Scores, Scores]:
    """Labels, a champion's probabilities, and a challenger's that know more."""
    chance = np.random.default_rng(seed)
    risk = chance.normal(size=rows)
    bad = (chance.random(rows) < _probability(risk)).astype(np.int64)
    bad[:2] = (0, 1)
    champion = _probability(0.7 * risk + 0.6 * chance.normal(size=rows))
    return bad, champion, _probability(0.9 * risk + 0.3 * chance.normal(size=rows))


def feature_rows(rows: int = 600, *, seed: int = 1) -> pd.DataFrame:
    """Numbers, a count, a share that misses values, a category and a boolean."""
    chance = np.random.default_rng(seed)
    share = chance.beta(2, 5, size=rows)
    share[: rows // 4] = np.nan
    return pd.DataFrame(
        {
            "income": chance.lognormal(10, 0.6, size=rows),
            "dependants": chance.poisson(1.2, size=rows),
            "share_of_income": share,
            "home": chance.choice(["rent", "own", "mortgage"], size=rows, p=[0.5, 0.3, 0.2]),
            "employed": chance.random(rows) < 0.8,
        }
    )


def size_in_pixels(png: bytes) -> tuple[int, int]:
    """Read width and height from a PNG's header."""
    assert png.startswith(PNG_SIGNATURE)
    width, height = struct.unpack(">II", png[16:24])
    return int(width), int(height)


def texts(figure: Figure) -> list[str]:
    """Return every text that the figure draws, titles, labels, ticks and legends included."""
    figure.draw_without_rendering()
    return [found.get_text() for found in figure.findobj(Text) if found.get_text()]  # type: ignore[attr-defined]


def legend_texts(axes: Axes) -> list[str]:
    legend = axes.get_legend()
    assert legend is not None
    return [text.get_text() for text in legend.get_texts()]


def _probability(logit: Scores) -> Scores:
    return np.asarray(1.0 / (1.0 + np.exp(-(logit - 1.5))))
