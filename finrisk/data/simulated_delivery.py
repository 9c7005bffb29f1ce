"""How the simulated lender delivers: partitions with sidecars, and now and then a bad one.

Applications arrive by month, reports by half-month of their report: a month's wait on top of the
days until a default is reported would be longer than the spec's reporting lag. A partition lands
the day after its period ends. The true probabilities never land.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from finrisk.data.delivering import deliver, feed_place, is_there, landing_place
from finrisk.data.maturity import add_months, first_day, last_day, vintage_of
from finrisk.data.simulated_lender import FIRST_MONTH, SimulatedLender
from finrisk.specs.model_spec import ModelSpec

CENTS = 100
SENT_TWICE_ROWS = 60
MIDDLE_OF_MONTH = 15


def land(lender: SimulatedLender, spec: ModelSpec, home: Path, as_of: date) -> tuple[str, ...]:
    """Deliver everything that had arrived by ``as_of`` and is not there yet.

    Parameters
    ----------
    lender : SimulatedLender
        Who delivers.
    spec : ModelSpec
        Where applications and reports land.
    home : Path
        What relative paths start from.
    as_of : date
        Periods that ended before this day are delivered.

    Returns
    -------
    tuple of str
        The partitions delivered now; empty when run again.
    """
    delivered = _land_applications(lender, landing_place(spec, home), as_of)
    return (*delivered, *_land_reports(lender, feed_place(spec, home), as_of))


def land_bad_month(lender: SimulatedLender, spec: ModelSpec, home: Path, month: date) -> str:
    """Deliver one month wrongly: incomes in cents, and some applications twice."""
    right = lender.applications(month)
    wrong = pd.concat([right, right.head(SENT_TWICE_ROWS)], ignore_index=True)
    wrong["income"] *= CENTS
    return deliver(_application_partition(landing_place(spec, home), month), wrong)


def mend_month(lender: SimulatedLender, spec: ModelSpec, home: Path, month: date) -> str:
    """Deliver one month again, as it should have been."""
    path = _application_partition(landing_place(spec, home), month)
    return deliver(path, lender.applications(month))


def _land_applications(lender: SimulatedLender, folder: Path, as_of: date) -> list[str]:
    paths = {month: _application_partition(folder, month) for month in _months_before(as_of)}
    return [
        deliver(path, lender.applications(month))
        for month, path in paths.items()
        if not is_there(path)
    ]


def _land_reports(lender: SimulatedLender, folder: Path, as_of: date) -> list[str]:
    ends = [end for month in _months_until(as_of) for end in _half_months(month) if end < as_of]
    missing = [end for end in ends if not is_there(_report_partition(folder, end))]
    if not missing:
        return []
    every = pd.concat(
        [lender.reports(month) for month in _months_until(missing[-1])], ignore_index=True
    ).sort_values(["reported_on", "application_id"])
    reported = every["reported_on"].to_numpy().astype("datetime64[D]")
    delivered = []
    for end in missing:
        start = end.replace(day=1 if end.day == MIDDLE_OF_MONTH else MIDDLE_OF_MONTH + 1)
        rows = every[(reported >= np.datetime64(start)) & (reported <= np.datetime64(end))]
        if len(rows):  # a partition without rows would be taken for a broken one
            delivered.append(deliver(_report_partition(folder, end), rows))
    return delivered


def _months_until(day: date) -> Iterator[date]:
    month = FIRST_MONTH
    while month <= day:
        yield month
        month = add_months(month, 1)


def _months_before(as_of: date) -> list[date]:
    return [m for m in _months_until(as_of) if last_day(vintage_of(m, "month")) < as_of]


def _half_months(month: date) -> tuple[date, date]:
    return month.replace(day=MIDDLE_OF_MONTH), last_day(vintage_of(month, "month"))


def _application_partition(folder: Path, month: date) -> Path:
    return folder / f"applications_{vintage_of(month, 'month')}.parquet"


def _report_partition(folder: Path, end: date) -> Path:
    return folder / f"defaults_{end}.parquet"


def month_of(text: str) -> date:
    """Return the first day of a month written ``YYYY-MM``; ``ValueError`` for anything else."""
    return first_day(vintage_of(date.fromisoformat(f"{text}-01"), "month"))
