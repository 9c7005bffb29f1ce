"""Where the scores lie: goods against bads, and anomaly scores with whatever labels are known."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from finrisk.errors import DataError, LabelError
from finrisk.metrics.inputs import Floats, labels_and_scores
from finrisk.pictures import palette, style
from finrisk.pictures.densities import DENSITY, TAILS, draw_densities

ClassNames = tuple[str, str]
"""What 0 and what 1 are called: good and bad, or genuine and fraud."""

CREDIT: ClassNames = ("good", "bad")


def score_distribution_picture(
    labels: ArrayLike,
    score: ArrayLike,
    *,
    name: str,
    cutoff: float | None = None,
    classes: ClassNames = CREDIT,
    rows: str = style.HOLDOUT,
) -> bytes:
    """Return :func:`score_distribution_figure` as PNG bytes."""
    return style.as_png(
        score_distribution_figure(
            labels, score, name=name, cutoff=cutoff, classes=classes, rows=rows
        )
    )


def score_distribution_figure(
    labels: ArrayLike,
    score: ArrayLike,
    *,
    name: str,
    cutoff: float | None = None,
    classes: ClassNames = CREDIT,
    rows: str = style.HOLDOUT,
) -> Figure:
    """Draw the density of the risk score for goods and for bads, each with area 1.

    Parameters
    ----------
    labels : (n,) array-like of 0 and 1
        1 = bad, 0 = good; both must occur.
    score : (n,) array-like of finite floats
        Risk score, higher = riskier.
    name : str
        Whose scores.
    cutoff : float, optional
        Score at and above which a row is declined; drawn as a line.
    classes : pair of str
        What 0 and 1 are called.
    rows : str
        Which rows these are, for the title.

    Raises
    ------
    LabelError, DataError
        As ``finrisk.metrics.inputs`` has them.
    """
    bad, (values,) = labels_and_scores(labels, score)
    figure = style.page(
        f"Risk score of {style.name_text(name)}, by outcome", style.rows_line(rows, bad)
    )
    axes = style.panel(figure, x_label=f"{style.RISK_SCORE}; {TAILS}", y_label=DENSITY)
    good_name, bad_name = (style.name_text(word) for word in classes)
    drawn = {
        good_name: (values[~bad], palette.GOOD_COLOUR),
        bad_name: (values[bad], palette.BAD_COLOUR),
    }
    draw_densities(axes, drawn, cutoff)
    if cutoff is not None:
        _draw_cutoff(axes, cutoff, float(np.mean(values >= cutoff)))
    style.legend(axes, "upper right")
    return figure


def anomaly_picture(
    score: ArrayLike,
    labels: ArrayLike | None = None,
    *,
    name: str,
    classes: ClassNames = ("genuine", "fraud"),
    rows: str = style.HOLDOUT,
) -> bytes:
    """Return :func:`anomaly_figure` as PNG bytes."""
    return style.as_png(anomaly_figure(score, labels, name=name, classes=classes, rows=rows))


def anomaly_figure(
    score: ArrayLike,
    labels: ArrayLike | None = None,
    *,
    name: str,
    classes: ClassNames = ("genuine", "fraud"),
    rows: str = style.HOLDOUT,
) -> Figure:
    """Draw the density of an anomaly score, apart for each class that is known.

    Parameters
    ----------
    score : (n,) array-like of finite floats
        Anomaly score, higher = stranger.
    labels : (n,) array-like of 0, 1 and NaN, optional
        1 = bad, 0 = good, NaN = not known yet. One class alone is drawn as it is: the detector
        never saw a label.
    name, classes, rows
        As in :func:`score_distribution_figure`.

    Raises
    ------
    DataError
        No rows, lengths that differ, or a score that is not finite.
    LabelError
        A label that is neither 0, 1 nor missing.
    """
    values = _finite_column(score)
    outcome = _known_outcomes(labels, values.size)
    known = f"{int(np.isfinite(outcome).sum()):,} with a known label"
    figure = style.page(
        f"Anomaly score of {style.name_text(name)}", f"{rows}: {values.size:,} rows, {known}"
    )
    axes = style.panel(
        figure, x_label=f"anomaly score (higher = stranger); {TAILS}", y_label=DENSITY
    )
    good_name, bad_name = (style.name_text(word) for word in classes)
    by_class = {
        "label not known": (values[np.isnan(outcome)], palette.GREY),
        good_name: (values[outcome == 0], palette.GOOD_COLOUR),
        bad_name: (values[outcome == 1], palette.BAD_COLOUR),
    }
    draw_densities(axes, {word: drawn for word, drawn in by_class.items() if drawn[0].size})
    style.legend(axes, "upper right")
    return figure


def _draw_cutoff(axes: Axes, cutoff: float, declined: float) -> None:
    axes.axvline(
        cutoff,
        color=palette.BLACK,
        linewidth=1.2,
        linestyle="--",
        label=f"cut-off {cutoff:.3g}: {100 * declined:.1f} % declined",
    )


def _finite_column(score: ArrayLike) -> Floats:
    values = np.asarray(score)
    if values.ndim != 1 or values.size == 0 or values.dtype.kind not in "biuf":
        raise DataError(
            "anomaly scores are no column of numbers",
            expected="a non-empty column of floats",
            got=f"shape {values.shape} of type {values.dtype}",
        )
    strange = int(np.count_nonzero(~np.isfinite(values)))
    if strange:
        raise DataError(
            "scores are not finite",
            expected="finite numbers",
            got=f"{strange} of {values.size} NaN or infinite",
        )
    return values.astype(np.float64)


def _known_outcomes(labels: ArrayLike | None, rows: int) -> NDArray[np.float64]:
    if labels is None:
        return np.full(rows, np.nan)
    try:
        outcome = np.asarray(labels, dtype=np.float64)
    except (TypeError, ValueError) as exc:
        raise LabelError("labels are no numbers", expected="0, 1 or missing") from exc
    if outcome.shape != (rows,):
        raise DataError(
            "labels and scores differ in length", expected=f"{rows} labels", got=outcome.size
        )
    strange = ~np.isnan(outcome) & (outcome != 0) & (outcome != 1)
    if strange.any():
        raise LabelError(
            "labels other than 0 and 1",
            expected="0, 1 or missing",
            got=f"{int(strange.sum())} of {rows} others",
        )
    return outcome
