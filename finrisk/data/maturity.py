"""When a label is believed: pure date arithmetic.

A vintage matures whole, on its last day + performance window + reporting lag, for goods and bads
alike; letting early bads enter early would show a bad rate that is not there. Months are calendar
months, and a month's end stays a month's end (28 February + 6 months = 31 August), the later and
therefore the cautious reading.
"""

from __future__ import annotations

import calendar
from datetime import date, timedelta
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from finrisk.specs.data import Label

SETTLED_AFTER = 4  # times the maturity

Granularity = Literal["month", "day"]
Days = NDArray[np.datetime64]


def vintage_of(day: date, granularity: Granularity) -> str:
    """Return the name of a day's vintage; names sort as their days do.

    Examples
    --------
    >>> vintage_of(date(2024, 2, 9), "month"), vintage_of(date(2024, 2, 9), "day")
    ('2024-02', '2024-02-09')
    """
    return day.isoformat()[:7] if granularity == "month" else day.isoformat()


def first_day(vintage: str) -> date:
    """Return the first day of a vintage of either granularity.

    Examples
    --------
    >>> first_day("2024-02"), first_day("2024-02-09")
    (datetime.date(2024, 2, 1), datetime.date(2024, 2, 9))
    """
    return date.fromisoformat(vintage if len(vintage) > len("2024-02") else f"{vintage}-01")


def last_day(vintage: str) -> date:
    """Return the last day of a vintage of either granularity.

    Examples
    --------
    >>> last_day("2024-02"), last_day("2024-02-09")
    (datetime.date(2024, 2, 29), datetime.date(2024, 2, 9))
    """
    first = first_day(vintage)
    return first if len(vintage) > len("2024-02") else _month_end(first)


def add_months(day: date, months: int) -> date:
    """Return the day this many calendar months later; a month's end stays one.

    Examples
    --------
    >>> add_months(date(2024, 1, 30), 1), add_months(date(2023, 2, 28), 6)
    (datetime.date(2024, 2, 29), datetime.date(2023, 8, 31))
    """
    if months == 0:
        return day
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    target_end = _month_end(date(year, month + 1, 1))
    return (
        target_end
        if day == _month_end(day)
        else target_end.replace(day=min(day.day, target_end.day))
    )


def window_end(day: date, label: Label) -> date:
    """Return the last day on which a row of this event day can still become bad."""
    months, days = label.performance_window_months, label.performance_window_days
    return add_months(day, months) + timedelta(days=days)


def maturity_day(vintage: str, label: Label) -> date:
    """Return the first day on which the labels of a whole vintage are believed.

    Examples
    --------
    >>> rule = {"kind": "column", "column": "bad"}
    >>> label = Label(rule=rule, performance_window_months=6, reporting_lag_days=30)
    >>> maturity_day("2023-08", label)
    datetime.date(2024, 3, 30)
    """
    return window_end(last_day(vintage), label) + timedelta(days=label.reporting_lag_days)


def maturity_days(label: Label) -> int:
    """Return the days from an event's day to its maturity, for a label whose window is of days."""
    return label.performance_window_days + label.reporting_lag_days


def settled_days(label: Label) -> int:
    """Return the days after which hardly any late report is still to come.

    Examples
    --------
    >>> settled_days(Label(rule={"kind": "column", "column": "bad"}, reporting_lag_days=7))
    28
    """
    return max(1, SETTLED_AFTER * maturity_days(label))


def is_mature(vintage: str, label: Label, as_of: date) -> bool:
    """Tell whether a vintage's whole window, and the lag, have passed by ``as_of``."""
    return maturity_day(vintage, label) <= as_of


def window_ends(days: Days, label: Label) -> Days:
    """Return :func:`window_end` of many days at once; NaT stays NaT."""
    ends = months_later(days, label.performance_window_months)
    return ends + np.timedelta64(label.performance_window_days, "D")


def months_later(days: Days, months: int) -> Days:
    """Return :func:`add_months` of many days at once; NaT stays NaT."""
    days = days.astype("datetime64[D]")
    if months == 0:
        return days
    month = days.astype("datetime64[M]")
    target: Days = np.add(month, np.timedelta64(months, "M"))
    target_end = _month_ends(target)
    same_day = target.astype("datetime64[D]") + (days - month.astype("datetime64[D]"))
    found: Days = np.where(days == _month_ends(month), target_end, np.minimum(same_day, target_end))
    return found


def _month_end(day: date) -> date:
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])


def _month_ends(months: Days) -> Days:
    following: Days = np.add(months, np.timedelta64(1, "M")).astype("datetime64[D]")
    return following - np.timedelta64(1, "D")
