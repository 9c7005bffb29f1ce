"""Figures as the gate reads and writes them: a number or unknown, and text a person reads."""

from __future__ import annotations

import math
import re

from finrisk.evidence import Outcome, PairedFigure

RARE = 0.01  # a Brier score below it has a limit that four decimals show as nothing
LOWER_IS_BETTER = frozenset({"brier", "psi"})
LABELS = {
    "auc": "AUC",
    "ks": "KS",
    "gini": "Gini",
    "average_precision": "average precision",
    "brier": "Brier",
    "psi": "PSI",
    "f1_score": "F1",
}
PATTERNS = (
    (re.compile(r"precision_at_(\d+)"), r"precision at \1"),
    (re.compile(r"daily_precision_at_(\d+)"), r"precision at \1 a day"),
    (re.compile(r"card_precision_at_(\d+)"), r"card precision at \1 a day"),
    (re.compile(r"lift_top_([\d.]+)pct"), r"lift in the top \1 %"),
    (re.compile(r"detection_rate_at_fpr_([\d.]+)pct"), r"detection rate at FPR \1 %"),
)


def known(figure: float | None) -> float | None:
    """Return the figure, or None where it is NaN or infinite: such a one was not measured."""
    return figure if figure is not None and math.isfinite(figure) else None


def passes(holds: bool) -> Outcome:
    """Return how a rule came out whose figure is known."""
    return Outcome.PASS if holds else Outcome.FAIL


def label(metric: str) -> str:
    """Return a metric's name as people write it.

    Examples
    --------
    >>> label("ks"), label("detection_rate_at_fpr_5pct"), label("precision_at_100")
    ('KS', 'detection rate at FPR 5 %', 'precision at 100')
    """
    for pattern, text in PATTERNS:
        if pattern.fullmatch(metric):
            return pattern.sub(text, metric)
    return LABELS.get(metric, metric)


def small_form(champion: float) -> str:
    """Return the format of a figure near 0: rare events' Brier scores need more than four decimals.

    Examples
    --------
    >>> f"{0.12:{small_form(0.12)}}", f"{0.0033828:{small_form(0.0033828)}}"
    ('0.1200', '0.003383')
    """
    return ".6f" if champion < RARE else ".4f"


def signed(value: float) -> str:
    """Return a difference with its sign; one that rounds to nothing has none.

    Examples
    --------
    >>> signed(0.0312), signed(-0.02), signed(-0.0)
    ('+0.0312', '-0.0200', '0')
    """
    return f"{value:+.4f}" if round(value, 4) else "0"


def with_bounds(figure: PairedFigure, form: str = "+.4f") -> str:
    """Return a difference with its two one-sided bounds, where there are any.

    Examples
    --------
    >>> with_bounds(PairedFigure(0.7, 0.71, 0.01, lower=0.002, upper=0.018))
    '+0.0100 (+0.0020 to +0.0180)'
    """
    text = f"{figure.difference:{form}}"
    lower, upper = known(figure.lower), known(figure.upper)
    return text if lower is None or upper is None else f"{text} ({lower:{form}} to {upper:{form}})"
