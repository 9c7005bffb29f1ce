from __future__ import annotations

import os
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from finrisk.data.simulated_cards import (
    CATEGORIES,
    KEY,
    LARGE_AMOUNT,
    LONGEST_TO_REPORT_DAYS,
    SOON_DAYS,
    SimulatedCards,
)
from finrisk.errors import ConfigurationError

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("SHARED_DATA", ROOT.parent / "shared" / "data"))
DATA = SHARED / "fdh_simulated_raw.parquet"
FIRST = date(2024, 1, 1)
CARDS = SimulatedCards(seed=7, customers=1_000, terminals=2_000, first_day=FIRST)
QUANTILES = [0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99]


def several(cards: SimulatedCards, days: int, first: date | None = None) -> pd.DataFrame:
    """Transactions of some days, with the truth (``scenario``, 0: genuine) and its reports."""
    drawn = [cards.day((first or cards.first_day) + timedelta(days=n)) for n in range(days)]
    frame = pd.concat([one.transactions for one in drawn], ignore_index=True)
    truth = pd.concat([one.frauds for one in drawn]).set_index(KEY)["scenario"]
    reported = pd.concat([one.reports for one in drawn]).set_index(KEY)["reported_on"]
    frame["scenario"] = truth.reindex(frame[KEY]).fillna(0).to_numpy().astype(int)
    frame["reported_on"] = reported.reindex(frame[KEY]).to_numpy()
    return frame


@pytest.fixture(scope="module")
def seen() -> pd.DataFrame:
    return several(CARDS, 90)


def test_a_day_is_a_pure_function_of_seed_and_day() -> None:
    day = date(2024, 3, 1)
    fresh, other = replace(CARDS), replace(CARDS, seed=8)

    for mine, same in zip(CARDS.day(day), fresh.day(day), strict=True):
        pd.testing.assert_frame_equal(mine, same)
    pd.testing.assert_frame_equal(fresh.transactions(day), CARDS.day(day).transactions)
    pd.testing.assert_frame_equal(fresh.frauds(day), CARDS.day(day).frauds)
    pd.testing.assert_frame_equal(fresh.reports(day), CARDS.day(day).reports)
    assert not set(other.transactions(day)[KEY]) & set(CARDS.transactions(day)[KEY])
    assert not other.transactions(day)["amount"].equals(CARDS.transactions(day)["amount"])


def test_transactions_have_the_columns_of_the_shipped_spec_and_no_truth(seen: pd.DataFrame) -> None:
    document = yaml.safe_load((ROOT / "conf" / "models" / "fraud.yaml").read_text())
    frame = CARDS.transactions(date(2024, 2, 9))

    assert list(frame.columns) == list(document["columns"])
    assert sorted(CATEGORIES) == document["columns"]["merchant_category"]["values"]
    assert (frame["transaction_time"].dt.date == date(2024, 2, 9)).all()
    assert frame["transaction_time"].is_monotonic_increasing
    assert (frame["transaction_time"].dt.microsecond == 0).all()
    assert (frame["amount"].round(2) == frame["amount"]).all()
    assert seen["amount"].between(0, document["columns"]["amount"]["max"]).all()


def test_a_merchant_category_is_the_terminals(seen: pd.DataFrame) -> None:
    assert (seen.groupby("terminal_id")["merchant_category"].nunique() == 1).all()
    assert set(seen["merchant_category"]) == set(CATEGORIES)


def test_an_id_stands_once_and_tells_neither_order_nor_fraud(seen: pd.DataFrame) -> None:
    numbers = pd.Series([int(text, 16) / 2**64 for text in seen[KEY]])
    n, frauds = len(seen), int((seen["scenario"] > 0).sum())

    assert seen[KEY].is_unique
    assert seen[KEY].str.fullmatch("[0-9a-f]{16}").all()
    # of independent numbers: 4 standard deviations of a correlation, and of a uniform's mean
    assert abs(np.corrcoef(numbers, np.arange(n))[0, 1]) < 4 / np.sqrt(n)
    assert abs(numbers[seen["scenario"] > 0].mean() - 0.5) < 4 / np.sqrt(12 * frauds)
    for bits in (4, 8):  # the last ones too
        low = pd.Series([int(text, 16) % 2**bits for text in seen[KEY]])
        counts = low.value_counts()
        assert len(counts) == 2**bits
        assert counts.max() < n / 2**bits + 6 * np.sqrt(n / 2**bits)


def test_a_customer_uses_the_terminals_within_reach(seen: pd.DataFrame) -> None:
    used = seen.groupby("customer_id")["terminal_id"].nunique()
    here = replace(CARDS, radius=0.0)
    everywhere = replace(CARDS, customers=20, radius=150.0)

    # 2,000 terminals on 100 × 100 have 15.7 in a circle of radius 5
    assert used.mean() < 2_000 * np.pi * 25 / 10_000
    assert used.max() < 40
    assert len(here.transactions(FIRST)) == 0
    assert several(everywhere, 60)["terminal_id"].nunique() > 1_000


def test_a_large_amount_is_fraud_to_the_cent(seen: pd.DataFrame) -> None:
    large = seen["amount"] > LARGE_AMOUNT

    assert (seen.loc[large, "scenario"] > 0).all()
    assert (seen.loc[seen["scenario"] == 1, "amount"] > LARGE_AMOUNT).all()


def test_a_compromised_terminal_is_all_fraud_for_28_days() -> None:
    cards = replace(CARDS, customers=2_000, terminals=200, cards_stolen_a_day=0)
    seen = several(cards, 100)
    daily = seen.assign(
        day=(seen["transaction_time"] - pd.Timestamp(FIRST)).dt.days, bad=seen["scenario"] == 2
    )
    per_day = daily.groupby(["terminal_id", "day"])["bad"].agg(["mean", "max"]).reset_index()

    assert set(per_day["mean"]) == {0.0, 1.0}  # everything there, or nothing
    table = per_day.pivot_table(index="terminal_id", columns="day", values="mean").dropna()
    lengths = [run for row in table.to_numpy() for run in _inner_runs(row)]
    assert len(lengths) > 50
    assert min(lengths) == 28  # longer where one was drawn again before it was over


def _inner_runs(row: np.ndarray[Any, Any]) -> list[int]:
    """Lengths of the runs of ones that begin and end within the row."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], row, [0]])))
    runs = zip(edges[::2], edges[1::2], strict=True)
    return [int(end - start) for start, end in runs if start > 0 and end < len(row)]


def test_a_third_of_a_stolen_cards_transactions_are_fraud_at_five_times_the_amount() -> None:
    cards = replace(CARDS, terminals_compromised_a_day=0, cards_stolen_a_day=1)
    safe = replace(cards, cards_stolen_a_day=0)
    seen, usual = several(cards, 120), several(safe, 120)
    stolen = seen["scenario"] == 3
    days = (seen["transaction_time"] - pd.Timestamp(FIRST)).dt.days
    spans = days[stolen].groupby(seen["customer_id"][stolen]).agg(["min", "max"])

    np.testing.assert_allclose(seen["amount"][stolen], 5 * usual["amount"][stolen], rtol=1e-12)
    pd.testing.assert_series_equal(seen["amount"][~stolen], usual["amount"][~stolen])
    assert (spans["max"] - spans["min"]).median() < 14
    # 1 card a day × 14 days × 1.9 transactions × ⅓ = 9 a day; 4 standard deviations of clusters
    assert stolen.sum() / 113 == pytest.approx(9.0, rel=0.3)


def test_no_card_is_stolen_before_its_day_and_until_then_nothing_differs() -> None:
    begins = date(2024, 2, 1)
    drifting = replace(CARDS, stolen_cards_from=begins)
    never = replace(CARDS, cards_stolen_a_day=0)

    before, after = several(drifting, 31), several(drifting, 20, begins)

    pd.testing.assert_frame_equal(before, several(never, 31))
    assert set(before["scenario"]) == {0, 1, 2}
    assert set(after["scenario"]) == {0, 1, 2, 3}


def test_most_frauds_are_reported_within_seven_days_some_later_some_never() -> None:
    seen = several(replace(CARDS, terminals_compromised_a_day=20), 60)
    frauds = seen[seen["scenario"] > 0]
    waited = (frauds["reported_on"] - frauds["transaction_time"].dt.normalize()).dt.days
    in_time = frauds["reported_on"].notna() & (waited < max(SOON_DAYS))
    n = len(frauds)

    assert seen.loc[seen["scenario"] == 0, "reported_on"].isna().all()
    assert waited.dropna().between(1, LONGEST_TO_REPORT_DAYS).all()
    assert n > 5_000  # so that 0.01 is 3 standard deviations of the shares below
    assert (waited <= max(SOON_DAYS)).mean() > 0.94
    assert (waited > max(SOON_DAYS)).mean() == pytest.approx(0.028, abs=0.01)
    assert waited.isna().mean() == pytest.approx(0.02, abs=0.01)
    # of all reports, those that landed by the morning on which the label is believed
    assert in_time.sum() / waited.notna().sum() == pytest.approx(0.952, abs=0.01)


def test_nothing_happens_before_the_first_day() -> None:
    with pytest.raises(ConfigurationError, match=r"no simulated card .* 2024-01-01 or later"):
        CARDS.transactions(date(2023, 12, 31))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": -1}, "such seed; expected 0 to"),
        ({"customers": 0}, "such customers; expected 1 to"),
        ({"terminals": 0}, "such terminals; expected 1 to"),
        ({"radius": -0.1}, "such radius; expected 0.0 to"),
        ({"terminals_compromised_a_day": 2_001}, "a_day; expected 0 to 2000; got 2001"),
        ({"cards_stolen_a_day": 1_001}, "a_day; expected 0 to 1000; got 1001"),
    ],
)
def test_a_world_that_cannot_be_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        replace(CARDS, **change)


# How far two worlds lie apart was measured: over eight seeds a figure's standard deviation is as
# each test says. A tolerance is 3 to 4 times that of a difference of two (√2 of it), for the figure
# of a test that varies most.


@pytest.fixture(scope="module")
def handbook() -> pd.DataFrame:
    """The Handbook's own transactions, under the names of ours."""
    if not DATA.exists():
        pytest.skip("the Handbook's transactions are not beside the repository (SHARED_DATA)")
    names = {
        "TX_DATETIME": "transaction_time",
        "CUSTOMER_ID": "customer_id",
        "TERMINAL_ID": "terminal_id",
        "TX_AMOUNT": "amount",
        "TX_FRAUD_SCENARIO": "scenario",
    }
    return pd.read_parquet(DATA, columns=list(names)).rename(columns=names)


@pytest.fixture(scope="module")
def ours() -> pd.DataFrame:
    """The same 183 days of a world of the same size."""
    return several(SimulatedCards(), 183)


def a_day(frame: pd.DataFrame) -> pd.Series:
    return frame.groupby(frame["transaction_time"].dt.normalize()).size()


def test_the_handbooks_days_have_as_many_transactions(
    ours: pd.DataFrame, handbook: pd.DataFrame
) -> None:
    mine, theirs = a_day(ours), a_day(handbook)
    weekend = [frame["transaction_time"].dt.day_of_week.ge(5).mean() for frame in (ours, handbook)]

    # 0.6 % a world, as 5,000 usual numbers of uniform(0, 4) give: 4/√12 · √5000 of 10,000 is 0.8 %
    assert mine.mean() == pytest.approx(theirs.mean(), rel=0.035)
    # given those, a day is Poisson: 183 days know its deviation to 1/√366 = 5 %; 6 % measured
    assert mine.std() == pytest.approx(theirs.std(), rel=0.25)
    assert len(mine) == len(theirs) == 183
    # no day of the week is special: 1.75 M rows know a share to 0.0003
    assert weekend[0] == pytest.approx(weekend[1], abs=0.002)


def test_the_handbooks_amounts_are_ours(ours: pd.DataFrame, handbook: pd.DataFrame) -> None:
    genuine, fraud = (
        [frame.loc[(frame["scenario"] > 0) == bad, "amount"] for frame in (ours, handbook)]
        for bad in (False, True)
    )
    genuine, fraud = ([part.quantile(QUANTILES) for part in kind] for kind in (genuine, fraud))

    # 0.4 % (the 99 % quantile) to 2.4 % (the 10 % quantile) a world
    np.testing.assert_allclose(genuine[0], genuine[1], rtol=0.10)
    # 2.4 to 5 % a world: a stolen card brings 9 frauds of one usual amount. The tail is theirs a
    # little more: up to 2,628, which five times an amount cannot reach, and 25 times can
    np.testing.assert_allclose(fraud[0], fraud[1], rtol=0.20)


def test_the_handbooks_hours_are_ours(ours: pd.DataFrame, handbook: pd.DataFrame) -> None:
    mine, theirs = (
        frame["transaction_time"].dt.hour.value_counts(normalize=True).sort_index()
        for frame in (ours, handbook)
    )

    # an hour's share p of 1.75 M rows is known to √(p/n) < 0.0002; two to 0.0003
    np.testing.assert_allclose(mine, theirs, atol=0.0012)


def test_the_handbooks_customers_and_terminals_are_as_busy(
    ours: pd.DataFrame, handbook: pd.DataFrame
) -> None:
    for column, total, tolerance in (("customer_id", 5_000, 0.20), ("terminal_id", 10_000, 0.08)):
        mine, theirs = (frame.groupby(column).size() / 183 for frame in (ours, handbook))

        assert len(mine) == pytest.approx(len(theirs), abs=total * 0.005)
        # a tenth of the customers: 5 % a world; of the terminals: 2 %; other quantiles below
        np.testing.assert_allclose(
            mine.quantile([0.1, 0.25, 0.5, 0.75, 0.9]),
            theirs.quantile([0.1, 0.25, 0.5, 0.75, 0.9]),
            rtol=tolerance,
        )


def test_the_handbooks_share_of_fraud_is_ours_by_scenario(
    ours: pd.DataFrame, handbook: pd.DataFrame
) -> None:
    mine, theirs = (frame["scenario"].value_counts(normalize=True) for frame in (ours, handbook))

    # 1: few customers whose usual amount is above 90 bring them; 6 % a world
    assert mine[1] == pytest.approx(theirs[1], rel=0.30)
    # 2: 366 terminals, some busier; 2 % a world
    assert mine[2] == pytest.approx(theirs[2], rel=0.10)
    # 3: 549 cards, used 0 to 4 times a day; 3.3 % a world
    assert mine[3] == pytest.approx(theirs[3], rel=0.15)
    # together 1.4 % a world
    assert 1 - mine[0] == pytest.approx(1 - theirs[0], rel=0.07)
