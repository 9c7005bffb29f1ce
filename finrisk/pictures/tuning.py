"""A search over parameters: what each trial scored, and the best so far."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from finrisk.errors import DataError
from finrisk.metrics.inputs import Floats
from finrisk.pictures import palette, style


def tuning_picture(
    scores: Sequence[float | None],
    *,
    name: str,
    measure: str = "AUC, mean over the folds",
    higher_is_better: bool = True,
) -> bytes:
    """Return :func:`tuning_figure` as PNG bytes."""
    return style.as_png(
        tuning_figure(scores, name=name, measure=measure, higher_is_better=higher_is_better)
    )


def tuning_figure(
    scores: Sequence[float | None],
    *,
    name: str,
    measure: str = "AUC, mean over the folds",
    higher_is_better: bool = True,
) -> Figure:
    """Draw each trial's score by its number, with the best so far as a line.

    Parameters
    ----------
    scores : sequence of float or None
        One a trial, in order; None or not finite where a trial was pruned or failed: counted, and
        marked on the lower edge.
    name : str
        Whose search.
    measure : str
        What a score measures, with the rows it is measured on.
    higher_is_better : bool
        Which end is the best.

    Raises
    ------
    DataError
        No trial has a score.
    """
    values = np.array([np.nan if score is None else score for score in scores], dtype=np.float64)
    if not np.isfinite(values).any():
        raise DataError(
            "no finished trial to draw",
            expected="at least one score",
            got=f"{values.size} trials, none with a score",
        )
    best = _best_so_far(values, higher_is_better=higher_is_better)
    direction = "higher" if higher_is_better else "lower"
    figure = style.page(f"Search for {style.name_text(name)}", _summary(values, best))
    axes = style.panel(
        figure,
        (0.12, 0.12, 0.85, 0.73),
        x_label="trial, in order",
        y_label=f"{measure} ({direction} is better)",
    )
    _draw_trials(axes, values)
    axes.step(
        range(1, values.size + 1),
        best,
        where="post",
        color=palette.BLUE,
        linewidth=style.LINE_POINTS,
        label="best so far",
    )
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.set_xlim(0.5, values.size + 0.5)
    style.legend(axes, "lower right" if higher_is_better else "upper right")
    return figure


def _draw_trials(axes: Axes, values: Floats) -> None:
    """Draw a dot a finished trial, and a cross on the lower edge for any other."""
    trials, finished = np.arange(1, values.size + 1), np.isfinite(values)
    axes.plot(
        trials[finished],
        values[finished],
        color=palette.SKY_BLUE,
        linestyle="none",
        marker="o",
        markersize=4.5,
        label="trial",
    )
    if not finished.all():
        axes.plot(
            trials[~finished],
            np.zeros(int((~finished).sum())),
            transform=axes.get_xaxis_transform(),
            color=palette.VERMILION,
            linestyle="none",
            marker="x",
            markersize=5,
            clip_on=False,
            label="pruned or failed",
        )


def _best_so_far(values: Floats, *, higher_is_better: bool) -> Floats:
    """Return the running best; NaN until a trial finishes."""
    best_of = np.fmax if higher_is_better else np.fmin
    running: Floats = best_of.accumulate(np.where(np.isfinite(values), values, np.nan))
    return running


def _summary(values: Floats, best: Floats) -> str:
    failed = int(values.size - np.isfinite(values).sum())
    first = int(np.flatnonzero(values == best[-1])[0]) + 1
    return (
        f"{values.size} trials, {failed} of them pruned or failed; "
        f"best {best[-1]:.4f} in trial {first}"
    )
