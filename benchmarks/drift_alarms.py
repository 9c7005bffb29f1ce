"""How often drift alarms are false, and whether drifts that are there are seen.

    python benchmarks/drift_alarms.py --data fdh_simulated_raw.parquet [--years N]
        [--reference-days N] [--json]

The file is the Fraud Detection Handbook's simulated transactions, in which no feature drifts: one
population of customers and terminals from the first day to the last. Of its 183 days those are left
out whose 30-day windows reach back before the first. A year is made of blocks of 35 of the others,
drawn at random and joined weekday to weekday; 112 days are the reference (or the last of
them), each night of the 365
after them is a look at 14 columns (the weekend flag, a calendar feature, is left out). Bins are
fixed once a portfolio, on all of its days. Small portfolios are customers drawn from all, anew
every 20 years.

Years of resampled days come from one summer. So there are years of another making too, no two days
alike: 300 customers whose rates never change and whose days rise and fall together by a fifth, with
counts over 1, 7 and 30 days and an amount.

A shift is put into one column of a night at a time: as large a share of each bin's rows moves one
bin up as gives the reference a PSI of 0.25.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from features import FIRST, LAST, handbook_spec
from scipy.stats import chi2

from finrisk.metrics.day_counts import DayCounts, count_by_day, row_days
from finrisk.metrics.drift_bins import bin_of_rows, column_bins
from finrisk.metrics.drift_levels import DriftPolicy
from finrisk.metrics.drift_limits import chance_law
from finrisk.metrics.false_discoveries import discoveries
from finrisk.metrics.psi_parts import psi_parts, tempered_parts
from finrisk.pipelines.feature_building import build_features
from finrisk.simulation.intervals import binomial_interval

BURNT_IN = 37  # days: 30 of a window, 7 of the labels' delay
BLOCK, REFERENCE, YEAR = 35, 112, 365
LENGTHS = (1, 7)
PORTFOLIOS = {"all 4,990 customers": None, "500 customers": 500, "100 customers": 100}
YEARS_OF_A_PORTFOLIO = 20
SHIFTED_NIGHTS = 4  # of a year, each once for every column
SHIFT_PSI = 0.25
POLICY = DriftPolicy()

Counts = dict[str, Any]  # column to (days, bins)


@dataclass
class Tally:
    """What was counted over years of one portfolio and one length of window."""

    rows_a_day: float = 0.0
    years: int = 0
    nights: int = 0
    alarmed_years: int = 0
    psi_years: int = 0
    chi_squared_years: int = 0
    warned_nights: int = 0
    unknown: int = 0
    shifts: int = 0
    shifts_warned: int = 0
    shifts_alarmed: int = 0
    seen_by_column: dict[str, list[int]] = field(default_factory=dict)

    def figures(self) -> dict[str, Any]:
        worst = min(self.seen_by_column.items(), key=lambda of: of[1][0] / of[1][1])
        return {
            "rows_a_day": round(self.rows_a_day),
            "years": self.years,
            "false_alarm_years": self.alarmed_years / self.years,
            "at_most": binomial_interval(self.alarmed_years, self.years)[1],
            "years_by_psi_alone": self.psi_years / self.years,
            "years_by_chi_squared": self.chi_squared_years / self.years,
            "nights_with_a_false_warning": self.warned_nights / self.nights,
            "shifts_warned": self.shifts_warned / self.shifts,
            "shifts_alarmed": self.shifts_alarmed / self.shifts,
            "worst_column": worst[0],
            "worst_column_warned": worst[1][0] / worst[1][1],
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="fdh_simulated_raw.parquet")
    parser.add_argument("--years", type=int, default=400, help="of each portfolio and length")
    parser.add_argument("--reference-days", type=int, default=REFERENCE, help="at most 112")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    if not asked.data.is_file():
        print(f"Drift alarms skipped: no {asked.data}")
        return
    found = {}
    for name, years in portfolios(asked.data):
        for days in LENGTHS:
            rng = np.random.default_rng([days, 7])
            tally = simulated(years, days, asked.years, asked.reference_days, rng)
            found[f"{name}, {days} d"] = tally.figures()
            if not asked.json:
                _show(f"{name}, {days} d", found[f"{name}, {days} d"])
    if asked.json:
        print(json.dumps(found, indent=2))


def _show(name: str, figures: dict[str, Any]) -> None:
    print(name)
    for key, figure in figures.items():
        shown = f"{figure:.4f}" if isinstance(figure, float) else f"{figure}"
        print(f"  {key:<30}{shown:>24}", flush=True)


def portfolios(data: Path) -> Iterator[tuple[str, Callable[[int, Any], Counts]]]:
    """Yield a name and what gives the days of a simulated year, whose number it is told."""
    table, day = transactions(data)
    for name, customers in PORTFOLIOS.items():
        yield name, _resampled(table, day, customers)
    yield "no day twice, 300 customers", lambda _, rng: fresh_days(rng)


def transactions(data: Path) -> tuple[pd.DataFrame, Any]:
    """Return the columns to monitor, with the customer, and the day of each row."""
    with tempfile.TemporaryDirectory() as home:
        out = Path(home) / "features.parquet"
        build_features(handbook_spec(data.name), data.resolve().parent, FIRST, LAST, out, threads=2)
        features = pd.read_parquet(out)
    raw = pd.read_parquet(data, columns=["TRANSACTION_ID", "CUSTOMER_ID", "TX_AMOUNT"])
    features["TRANSACTION_ID"] = features["TRANSACTION_ID"].astype("int64")
    table = features.merge(raw, on="TRANSACTION_ID", validate="one_to_one")
    day = (table["TX_DATETIME"].dt.normalize() - pd.Timestamp(FIRST)).dt.days.to_numpy() - BURNT_IN
    table = table.drop(columns=["TRANSACTION_ID", "TX_DATETIME", "weekend"])
    return table[day >= 0], day[day >= 0]


def _resampled(
    table: pd.DataFrame, day: Any, customers: int | None
) -> Callable[[int, Any], Counts]:
    held: Counts = {}

    def of_year(number: int, rng: Any) -> Counts:
        if not held or (customers is not None and number % YEARS_OF_A_PORTFOLIO == 0):
            held.update(_counts(table, day, customers, rng))
        some = next(iter(held.values()))
        drawn = _blocks(len(some), rng)
        return {name: counts[drawn] for name, counts in held.items()}

    return of_year


def _counts(table: pd.DataFrame, day: Any, customers: int | None, rng: Any) -> Counts:
    ids = table["CUSTOMER_ID"].to_numpy()
    if customers is not None:
        of = np.isin(ids, rng.choice(np.unique(ids), customers, replace=False))
        table, day = table[of], day[of]
    days = row_days(day)
    columns = table.drop(columns="CUSTOMER_ID")
    return {name: _counted(values.to_numpy(), days) for name, values in columns.items()}


def _counted(values: Any, days: Any) -> Any:
    bins = column_bins("column", values)
    return count_by_day(bin_of_rows(bins, "column", values), bins.size, days).counts


def _blocks(days: int, rng: Any) -> Any:
    """Draw blocks of consecutive days, each beginning on the weekday after the last one's end."""
    drawn: list[int] = []
    while len(drawn) < REFERENCE + YEAR:
        weekday = len(drawn) % 7
        starts = np.arange(weekday, days - BLOCK + 1, 7)
        start = int(rng.choice(starts))
        drawn += range(start, start + BLOCK)
    return np.array(drawn[: REFERENCE + YEAR])


def fresh_days(rng: Any) -> Counts:
    """Return days of customers whose rates stay as they are."""
    customers, longest = 300, 30
    days = longest + REFERENCE + YEAR
    rates = rng.gamma(2.0, 1.0, customers) * np.exp(0.2 * rng.normal(size=(days, 1)))
    made = rng.poisson(rates)
    so_far = np.vstack([np.zeros((1, customers), dtype=np.int64), made.cumsum(axis=0)])
    made = made[longest:]
    rows = row_days(np.repeat(np.arange(len(made)), made.sum(axis=1)))
    columns = {}
    for length in (1, 7, 30):
        last = so_far[longest + 1 :]
        window = last - so_far[longest + 1 - length : len(so_far) - length]
        columns[f"customer_count_{length}d"] = np.repeat(window.ravel(), made.ravel())
    means = np.repeat(np.tile(rng.gamma(4.0, 12.0, customers), len(made)), made.ravel())
    columns["amount"] = rng.normal(means, means / 2.0)
    return {name: _counted(values.astype(float), rows) for name, values in columns.items()}


def simulated(
    days_of: Callable[[int, Any], Counts], length: int, years: int, reference_days: int, rng: Any
) -> Tally:
    tally = Tally()
    for number in range(years):
        days = days_of(number, rng)
        looks = {
            name: Looks.of(name, counts, length, reference_days) for name, counts in days.items()
        }
        share = POLICY.alarm_share(len(looks))
        p = np.stack([of.p_values for of in looks.values()], axis=1)  # nights by columns
        shown = np.apply_along_axis(discoveries, 1, p, POLICY.false_discoveries)
        some = next(iter(looks.values()))
        tally.rows_a_day += float(some.rows.mean()) / length / years
        tally.years += 1
        tally.nights += len(p)
        tally.alarmed_years += bool((p <= share).any())
        tally.psi_years += any((of.psi >= POLICY.least_psi).any() for of in looks.values())
        tally.chi_squared_years += any(of.beyond_chi_squared(share) for of in looks.values())
        tally.warned_nights += int(shown.any(axis=1).sum())
        _shift(tally, looks, p, share, rng)
    return tally


@dataclass
class Looks:
    """All windows of a year of one column: shares, PSI, and p-values with 1 below 0.10."""

    reference: DayCounts
    back: int
    windows: Any
    psi: Any
    p_values: Any

    @classmethod
    def of(cls, name: str, counts: Any, length: int, reference_days: int) -> Looks:
        first = REFERENCE - reference_days
        reference = DayCounts(first, weekly=True, counts=counts[first:REFERENCE])
        sums = np.vstack([np.zeros((1, counts.shape[1]), np.int64), counts[REFERENCE:].cumsum(0)])
        windows = sums[length:] - sums[:-length]
        end = name.rsplit("_", 1)[-1]
        back = int(end[:-1]) if end[:-1].isdigit() else 0
        looks = cls(reference, back, windows, None, None)
        looks.psi, looks.p_values = looks.judged(windows, np.arange(len(windows)), length)
        return looks

    @property
    def rows(self) -> Any:
        return self.windows.sum(axis=1)

    def judged(self, windows: Any, nights: Any, length: int) -> tuple[Any, Any]:
        before = np.broadcast_to(self.reference.by_bin, windows.shape)
        psi, tempered = (
            parts(before, windows).sum(axis=1) for parts in (psi_parts, tempered_parts)
        )
        p = np.ones(len(windows))
        cycle = 7 if length % 7 else 1
        for weekday in range(cycle):
            of = (nights % cycle == weekday) & (psi >= POLICY.least_psi)
            if of.any():
                law = chance_law(self.reference, REFERENCE + weekday, length, self.back)
                rows = windows[of].sum(axis=1)
                p[of] = np.nan if law is None else law.p_values(tempered[of], rows)
        return psi, p

    def beyond_chi_squared(self, share: float) -> bool:
        occupied = int(np.count_nonzero(self.reference.by_bin))
        limit = chi2.isf(share, max(occupied - 1, 1)) * (1 / self.rows + 1 / self.reference.rows)
        return bool(((self.psi >= POLICY.least_psi) & (self.psi > limit)).any())


def _shift(tally: Tally, looks: Mapping[str, Looks], p: Any, share: float, rng: Any) -> None:
    length = YEAR + 1 - len(p)
    for at, (name, of) in enumerate(looks.items()):
        moved = _moved_share(of.reference.by_bin)
        if moved is None:
            continue
        nights = rng.choice(len(p), SHIFTED_NIGHTS, replace=False)
        shifted = _one_bin_up(of.windows[nights], of.reference.by_bin, moved, rng)
        _, found = of.judged(shifted, nights, length)
        with_it = p[nights]
        with_it[:, at] = found
        warned = np.apply_along_axis(discoveries, 1, with_it, POLICY.false_discoveries)[:, at]
        tally.shifts += len(nights)
        tally.shifts_warned += int(warned.sum())
        tally.shifts_alarmed += int((found <= share).sum())
        seen = tally.seen_by_column.setdefault(name, [0, 0])
        seen[0] += int(warned.sum())
        seen[1] += len(nights)


def _moved_share(before: Any) -> float | None:
    """Return the share of each bin's rows to move up for a PSI of 0.25; None if none does it."""
    low, high = 0.0, 1.0
    held = before[before > 0].astype(float)

    def psi(share: float) -> float:
        after = held * (1.0 - share)
        after[1:] += held[:-1] * share
        after[-1] += held[-1] * share
        return float(psi_parts(held, after).sum())

    if held.size < 2 or psi(1.0) < SHIFT_PSI:
        return None
    for _ in range(50):
        middle = (low + high) / 2.0
        low, high = (middle, high) if psi(middle) < SHIFT_PSI else (low, middle)
    return high


def _one_bin_up(windows: Any, before: Any, share: float, rng: Any) -> Any:
    held = np.flatnonzero(before > 0)
    shifted = windows.copy()
    for low, high in pairwise(held):
        leaving = rng.binomial(windows[:, low], share)
        shifted[:, low] -= leaving
        shifted[:, high] += leaving
    return shifted


if __name__ == "__main__":
    main()
