"""ROC and precision-recall: what every possible cut-off would catch, and at which price."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from finrisk.metrics.inputs import Flags, Floats, labels_and_scores
from finrisk.pictures import palette, style

MOST_POINTS = 2_000
_STEPS = MOST_POINTS // 2 - 2  # kept for either rate, with room for both ends

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Cutoffs:
    """Bads and goods at or above each distinct score, riskiest first."""

    bads: Counts
    goods: Counts

    @property
    def recall(self) -> Floats:
        return _share(self.bads, self.bads[-1:])

    @property
    def false_positive_rate(self) -> Floats:
        return _share(self.goods, self.goods[-1:])

    @property
    def precision(self) -> Floats:
        return _share(self.bads, self.bads + self.goods)

    @property
    def auc(self) -> float:
        x, y = np.insert(self.false_positive_rate, 0, 0.0), np.insert(self.recall, 0, 0.0)
        return float(np.trapezoid(y, x))

    @property
    def average_precision(self) -> float:
        return float(np.sum(np.diff(self.recall, prepend=0.0) * self.precision))

    def thinned(self) -> _Cutoffs:
        """Leave out cut-offs between which neither rate moves by more than about a thousandth."""
        steps = [(counts * _STEPS) // counts[-1] for counts in (self.bads, self.goods)]
        keep = np.zeros(self.bads.size, dtype=np.bool_)
        for step in steps:
            keep[np.flatnonzero(np.diff(step, prepend=-1))] = True
        keep[-1] = True
        return _Cutoffs(bads=self.bads[keep], goods=self.goods[keep])


def roc_picture(
    labels: ArrayLike, scores: Mapping[str, ArrayLike], *, rows: str = style.HOLDOUT
) -> bytes:
    """Return :func:`roc_figure` as PNG bytes."""
    return style.as_png(roc_figure(labels, scores, rows=rows))


def roc_figure(
    labels: ArrayLike, scores: Mapping[str, ArrayLike], *, rows: str = style.HOLDOUT
) -> Figure:
    """Draw the share of bads declined against the share of goods declined, with each AUC.

    Parameters
    ----------
    labels : (n,) array-like of 0 and 1
        1 = bad, 0 = good; both must occur.
    scores : mapping of a series' name to an (n,) array-like of finite floats
        Risk scores of the same rows, higher = riskier; 1 to 7 series, each of 2,000 points at most.
    rows : str
        Which rows these are, for the title.

    Raises
    ------
    LabelError, DataError
        As ``finrisk.metrics.inputs`` has them.
    ConfigurationError
        No series, or more than 7.
    """
    bad, series = _checked(labels, scores)
    figure = style.page("ROC", style.rows_line(rows, bad))
    axes = style.panel(
        figure,
        x_label="goods declined (false-positive rate, lower is better)",
        y_label="bads declined (true-positive rate, higher is better)",
    )
    axes.plot([0, 1], [0, 1], color=palette.GREY, linewidth=1.0, linestyle=":", label="chance")
    for place, (name, score) in enumerate(series.items()):
        cutoffs = _cutoffs(bad, score)
        drawn = cutoffs.thinned()
        colour, dashes = style.look_of(place)
        axes.plot(
            np.insert(drawn.false_positive_rate, 0, 0.0),
            np.insert(drawn.recall, 0, 0.0),
            color=colour,
            linestyle=dashes,
            linewidth=style.LINE_POINTS,
            label=f"AUC {cutoffs.auc:.3f}: {style.name_text(name)}",
        )
    axes.set(xlim=(0.0, 1.0), ylim=(0.0, 1.005))
    style.legend(axes, "lower right")
    return figure


def precision_recall_picture(
    labels: ArrayLike, scores: Mapping[str, ArrayLike], *, rows: str = style.HOLDOUT
) -> bytes:
    """Return :func:`precision_recall_figure` as PNG bytes."""
    return style.as_png(precision_recall_figure(labels, scores, rows=rows))


def precision_recall_figure(
    labels: ArrayLike, scores: Mapping[str, ArrayLike], *, rows: str = style.HOLDOUT
) -> Figure:
    """Draw the share of bads among the declined against the share of bads declined.

    Parameters
    ----------
    labels, scores, rows
        As :func:`roc_figure` has them. The legend says each average precision (AP); the dotted line
        is the bad rate, which a score that knows nothing would reach.

    Raises
    ------
    LabelError, DataError, ConfigurationError
        As :func:`roc_figure`.
    """
    bad, series = _checked(labels, scores)
    figure = style.page("Precision and recall", style.rows_line(rows, bad))
    axes = style.panel(
        figure,
        x_label="recall: share of the bads that are declined (higher is better)",
        y_label="precision: bads among the declined (higher is better)",
    )
    rate = float(bad.mean())
    axes.axhline(
        rate, color=palette.GREY, linewidth=1.0, linestyle=":", label="bad rate of all rows"
    )
    for place, (name, score) in enumerate(series.items()):
        cutoffs = _cutoffs(bad, score)
        drawn = cutoffs.thinned()
        colour, dashes = style.look_of(place)
        axes.plot(
            np.insert(drawn.recall, 0, 0.0),
            np.insert(drawn.precision, 0, drawn.precision[0]),
            drawstyle="steps-pre",  # no cut-off reaches what a sloping line would promise
            color=colour,
            linestyle=dashes,
            linewidth=style.LINE_POINTS,
            label=f"AP {cutoffs.average_precision:.3f}: {style.name_text(name)}",
        )
    axes.set(xlim=(0.0, 1.0), ylim=(0.0, 1.005))
    style.legend(axes, "upper right")
    return figure


def _checked(labels: ArrayLike, scores: Mapping[str, ArrayLike]) -> tuple[Flags, dict[str, Floats]]:
    style.require_drawable(scores)
    bad, checked = labels_and_scores(labels, *scores.values())
    return bad, dict(zip(scores, checked, strict=True))


def _cutoffs(bad: Flags, score: Floats) -> _Cutoffs:
    order = np.argsort(score)[::-1]
    descending = score[order]
    last_of_tie = np.flatnonzero(np.append(descending[1:] != descending[:-1], True))
    bads = np.cumsum(bad[order], dtype=np.int64)[last_of_tie]
    return _Cutoffs(bads=bads, goods=last_of_tie + 1 - bads)


def _share(part: Counts, whole: Counts) -> Floats:
    share: Floats = part / whole
    return share
