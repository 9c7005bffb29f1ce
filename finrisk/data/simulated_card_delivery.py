"""How the simulated cards deliver: a partition a day with its sidecar, and now and then a bad one.

Transactions arrive by the day they were made, reports by the day they were made known; either
lands on the day after. The frauds themselves never land, only what was reported of them.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path

import pandas as pd

from finrisk.data.delivering import deliver, feed_place, is_there, landing_place
from finrisk.data.simulated_cards import KEY, LONGEST_TO_REPORT_DAYS, SimulatedCards
from finrisk.specs.model_spec import ModelSpec

CENTS = 100
SENT_TWICE_ROWS = 40
AT_ONCE = 2  # one day is drawn while another is on its way to the disk; more gain nothing


def land(cards: SimulatedCards, spec: ModelSpec, home: Path, as_of: date) -> tuple[str, ...]:
    """Deliver everything that had arrived by ``as_of`` and is not there yet.

    One day at a time is held, so that the world may be of any size.

    Parameters
    ----------
    cards : SimulatedCards
        Who delivers.
    spec : ModelSpec
        Where transactions and reports land.
    home : Path
        What relative paths start from.
    as_of : date
        Days before this one are delivered.

    Returns
    -------
    tuple of str
        The partitions delivered now, transactions first; empty when run again.

    Raises
    ------
    SpecError
        The spec's rows land in no folder, or its label does not come from reports.
    """
    folder, feed = landing_place(spec, home), feed_place(spec, home)
    days = _days_between(cards.first_day, as_of)
    missing = {day for day in days if not is_there(_transaction_partition(folder, day))}
    # nothing is reported on the day it happened, so the first day has no reports to wait for
    unreported = {day for day in days[1:] if not is_there(_report_partition(feed, day))}

    def land_day(day: date) -> tuple[list[str], pd.DataFrame]:
        drawn = cards.day(day)
        landed = []
        if day in missing and len(drawn.transactions):  # without rows it would count as broken
            landed.append(deliver(_transaction_partition(folder, day), drawn.transactions))
        return landed, drawn.reports

    drawn_again = [day for day in days if day in missing or _may_be_reported(day, unreported)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(land_day, drawn_again))
    transactions = [name for landed, _ in found for name in landed]
    reports = [reports for _, reports in found]
    return (*transactions, *_land_reports(feed, reports, unreported))


def land_bad_day(cards: SimulatedCards, spec: ModelSpec, home: Path, day: date) -> str:
    """Deliver one day wrongly: amounts in cents, and some transactions twice."""
    right = cards.transactions(day)
    wrong = pd.concat([right, right.head(SENT_TWICE_ROWS)], ignore_index=True)
    wrong["amount"] = (wrong["amount"] * CENTS).round()
    return deliver(_transaction_partition(landing_place(spec, home), day), wrong)


def mend_day(cards: SimulatedCards, spec: ModelSpec, home: Path, day: date) -> str:
    """Deliver one day again, as it should have been."""
    path = _transaction_partition(landing_place(spec, home), day)
    return deliver(path, cards.transactions(day))


def _land_reports(feed: Path, reports: list[pd.DataFrame], unreported: set[date]) -> list[str]:
    if not reports or not unreported:
        return []
    every = pd.concat(reports, ignore_index=True).sort_values(["reported_on", KEY])
    delivered = []
    for day in sorted(unreported):
        rows = every[every["reported_on"] == pd.Timestamp(day)]
        # also where nothing was reported: a day without a file would be taken for a lost one
        delivered.append(deliver(_report_partition(feed, day), rows))
    return delivered


def _may_be_reported(day: date, unreported: set[date]) -> bool:
    """Tell whether a report of that day's transactions can be among those that are not there."""
    waits = range(1, LONGEST_TO_REPORT_DAYS + 1)
    return any(day + timedelta(days=wait) in unreported for wait in waits)


def _days_between(first: date, as_of: date) -> list[date]:
    """Return the days that were over by ``as_of``."""
    return [first + timedelta(days=n) for n in range((as_of - first).days)]


def _transaction_partition(folder: Path, day: date) -> Path:
    return folder / f"{day}.parquet"


def _report_partition(feed: Path, day: date) -> Path:
    return feed / f"reports_{day}.parquet"


def day_of(text: str) -> date:
    """Return a day written ``YYYY-MM-DD``; ``ValueError`` for anything else.

    Examples
    --------
    >>> day_of("2024-05-06")
    datetime.date(2024, 5, 6)
    """
    day = date.fromisoformat(text)
    if day.isoformat() != text:  # 20240506 and 2024-W19-1 are ISO too, and no name of a partition
        raise ValueError(f"no day written YYYY-MM-DD: {text!r}")
    return day
