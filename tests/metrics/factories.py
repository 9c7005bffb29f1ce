"""Rows for the metrics' tests: labels with scores, tied or not."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

Labels = NDArray[np.int64]
Scores = NDArray[np.float64]


def scored_rows(
    rows: int, *, seed: int, levels: int | None = None, bad_rate: float = 0.3
) -> tuple[Labels, Scores]:
    """Labels and risk scores that know something; ``levels`` scores make ties."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(rows) < bad_rate).astype(np.int64)
    labels[:2] = (0, 1)
    scores = 1.0 / (1.0 + np.exp(-(rng.normal(size=rows) + labels - 1.0)))
    return labels, scores if levels is None else np.round(scores * levels) / levels


@st.composite
def few_tied_rows(draw: st.DrawFn, most: int = 30) -> tuple[list[int], list[int]]:
    """A handful of rows of both classes with whole-number scores, ties likely."""
    scores = draw(st.lists(st.integers(0, 6), min_size=4, max_size=most))
    rest = draw(st.lists(st.integers(0, 1), min_size=len(scores) - 4, max_size=len(scores) - 4))
    return [0, 1, 0, 1, *rest], scores


def shared_signal(
    rows: int, *, seed: int, bad_rate: float = 0.2, noise: float = 0.5
) -> tuple[Labels, Scores, Scores]:
    """Labels and the probabilities of two equal models that agree for the most part."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(rows) < bad_rate).astype(np.int64)
    labels[:4] = (0, 1, 0, 1)
    signal = labels + rng.normal(size=rows) - 1.5
    a, b = (1.0 / (1.0 + np.exp(-(signal + noise * rng.normal(size=rows)))) for _ in range(2))
    return labels, a, b


def terminals(
    count: int, size: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], Labels, Scores, Scores]:
    """Terminal, label and two equal models' scores, whose errors a terminal's rows share."""
    terminal = np.repeat(np.arange(count), size)
    hit = rng.random(count) < 0.25
    labels = (rng.random(terminal.size) < np.where(hit, 0.7, 0.02)[terminal]).astype(np.int64)
    labels[: 2 * size : size] = (0, 1)
    a, b = (
        labels + rng.normal(size=terminal.size) + rng.normal(size=count)[terminal] for _ in range(2)
    )
    return terminal, labels, a, b


def auc_by_definition(labels: Any, scores: Any) -> Fraction:
    """Share of (bad, good) pairs in which the bad has the higher score, a tie counting half."""
    bads = [s for y, s in zip(labels, scores, strict=True) if y]
    goods = [s for y, s in zip(labels, scores, strict=True) if not y]
    won = sum(2 * (b > g) + (b == g) for b in bads for g in goods)
    return Fraction(int(won), 2 * len(bads) * len(goods))
