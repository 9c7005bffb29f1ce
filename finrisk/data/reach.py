"""How far back a night reads: the days that its split may use, and what their windows look back on.

A night of a model with windows costs the same after thirty days and after three years, because it
opens nothing older.
"""

from __future__ import annotations

from datetime import date, timedelta

from finrisk.specs.model_spec import ModelSpec

DAYS_FOR_MEDIANS = 31
"""What the contract compares the oldest days with; a limit over more of them is met by fewer."""


def first_day_read(spec: ModelSpec, as_of: date) -> date | None:
    """Return the oldest event day that a night reads; None where it reads all there is.

    Counted back from ``as_of``: the days until a label is believed, the hold-out, the embargo and
    the day beside it, development, what windows reach back, and some days for the contract.

    Examples
    --------
    >>> from finrisk.specs.training import Training
    >>> first_day_read(ModelSpec.model_construct(training=Training()), date(2024, 8, 5)) is None
    True
    """
    development = spec.training.max_vintages
    if development is None or not spec.windows:
        return None
    holdout, label = spec.gate.holdout, spec.label
    waiting = 1 + label.performance_window_days + label.reporting_lag_days
    judged = holdout.max_vintages + holdout.embargo_days + 1
    days = waiting + judged + development + max(spec.look_back_days, DAYS_FOR_MEDIANS)
    return as_of - timedelta(days=days)
