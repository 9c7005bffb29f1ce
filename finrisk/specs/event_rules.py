"""What a spec of daily events must agree on, so that no feature and no model knows a label early.

Each function raises ``ValueError``, which the schema turns into an error that names the key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from finrisk.specs.source import FILE_POSITION
from finrisk.specs.windows import Window

if TYPE_CHECKING:
    from finrisk.specs.model_spec import ModelSpec

NUMBERS = ("integer", "number")


def demand_days(spec: ModelSpec) -> None:
    """Refuse what is made of days where vintages are months, and a fraud model without a budget."""
    for key, given in (
        ("windows", bool(spec.windows)),
        ("training.prequential", spec.training.prequential is not None),
        ("gate.alerts", spec.gate.alerts is not None),
        ("source.partition: day", getattr(spec.source, "partition", "any") == "day"),
    ):
        if given and spec.time.vintage != "day":
            raise ValueError(f"{key} goes with time.vintage: day")
    time = spec.time.column
    if spec.contract.rows_per_hour is not None and (
        time is None or spec.columns[time].type != "moment"
    ):
        raise ValueError("contract.rows_per_hour needs a time.column of type moment")
    if spec.model_type == "fraud_detection" and spec.gate.alerts is None:
        raise ValueError(
            "a fraud model needs gate.alerts: how many alerts a day can be investigated"
        )
    for name in spec.contract.levels:
        if spec.columns[name].type not in NUMBERS:
            raise ValueError(f"contract.levels names {name!r}, which is no number")


def demand_countable_windows(spec: ModelSpec) -> None:
    """Refuse windows that a night could not count whole, or that hold an outcome."""
    if not spec.windows:
        return
    names = [window.name for window in spec.windows]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"windows name {twice[0]!r} twice")
    if spec.time.column is None or spec.training.max_vintages is None:
        raise ValueError(
            "windows need time.column, and training.max_vintages: a night reads what they reach"
        )
    if spec.row_key == FILE_POSITION:
        raise ValueError(
            f"windows need a row_key of their own: by '{FILE_POSITION}' a corrected file would "
            "give its rows the features that others were served"
        )
    if spec.label.performance_window_months:
        raise ValueError("windows go with a label of days, not of months")
    if spec.missing_days != "block":
        raise ValueError("windows need contract.missing_days: block; they would count too few")
    for window in spec.windows:
        _demand_past(window, spec)


def _demand_past(window: Window, spec: ModelSpec) -> None:
    outcome = {*spec.label_columns, *spec.leakage_columns} & set(window.columns)
    if outcome or spec.row_key in window.columns:
        raise ValueError(f"windows {window.name!r}: an outcome, or the row key, is no past")
    if window.mean and spec.columns[window.mean].type not in NUMBERS:
        raise ValueError(f"windows {window.name!r}: mean goes with a numeric column")
    if spec.columns[str(spec.time.column)].type == "date" and not window.shift_days:
        raise ValueError(
            f"windows {window.name!r}: with a time of type date they would hold the rest of the "
            "row's day; declare a moment, or shift_days of 1 or more"
        )


def demand_late_labels(spec: ModelSpec) -> None:
    """Refuse what would know a label before it is believed: a window, a fold, a model's hold-out.

    A window ends a day before its row at least: else it would hold the row's own label.
    """
    delay = spec.label.performance_window_days + spec.label.reporting_lag_days
    for window in spec.windows:
        if window.bad_share and window.shift_days < max(1, delay):
            raise ValueError(
                f"windows {window.name!r}: bad_share with shift_days {window.shift_days} would "
                f"know labels before they are believed; expected at least {max(1, delay)}"
            )
    embargo, prequential = spec.gate.holdout.embargo_days, spec.training.prequential
    if spec.windows and embargo < delay:
        raise ValueError(f"gate.holdout.embargo_days {embargo} is below the label's {delay} days")
    if prequential is None:
        return
    if prequential.delay_days < delay:
        raise ValueError(
            f"training.prequential.delay_days {prequential.delay_days} is below the label's "
            f"{delay} days"
        )
    if spec.training.min_vintages < prequential.days_for(1):
        raise ValueError(
            f"training.min_vintages {spec.training.min_vintages} is below the "
            f"{prequential.days_for(1)} days that one prequential fold takes"
        )
