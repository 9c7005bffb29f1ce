from __future__ import annotations

import os
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finrisk.errors import ConfigurationError, ContractBreach
from finrisk.features.windows import window_features, window_rows, write_window_features
from tests.features.transactions import CARD, SHOP, a_spec, counted_one_by_one, some_rows

ROOT = Path(__file__).resolve().parents[2]
HANDBOOK = Path(os.environ.get("SHARED_DATA", ROOT.parent / "shared" / "data"))
HANDBOOK /= "fdh_simulated_raw.parquet"
FIRST, LAST = date(2024, 3, 20), date(2024, 4, 20)
WINDOWS = [
    (CARD,),
    (SHOP,),
    (CARD, SHOP),
    (SHOP, CARD, {"name": "shop_amount", "entity": "shop", "days": [2], "mean": "amount"}),
    ({"name": "share", "entity": "shop", "days": [2, 5], "shift_days": 3, "count": False}
     | {"bad_share": True}, {**SHOP, "name": "of_card", "entity": "card"}),
]  # fmt: skip


def built(rows: pd.DataFrame, spec: Any = None, **changes: Any) -> pd.DataFrame:
    """Features by row id, of all rows unless told otherwise."""
    asked = {"first": FIRST, "last": LAST, "threads": 1} | changes
    return window_features(rows, spec or a_spec(), **asked).set_index("_row_id")


def a_history(*rows: tuple[str, str], shop: str = "x", bad_on: str | None = None) -> pd.DataFrame:
    """Rows of one shop and one card: an id and a time each; the first may be bad."""
    frame = pd.DataFrame(rows, columns=["_row_id", "at"])
    reported = [bad_on] + [None] * (len(rows) - 1)
    return frame.assign(
        at=pd.to_datetime(frame["at"], format="ISO8601").astype("datetime64[us]"),
        card="a",
        shop=shop,
        amount=10.0,
        _bad_on=pd.to_datetime(reported).astype("datetime64[us]"),
    )


@pytest.mark.parametrize("windows", WINDOWS)
@pytest.mark.parametrize("seed", [1, 2])
def test_every_feature_is_what_counting_row_by_row_gives(windows: Any, seed: int) -> None:
    rows, spec = some_rows(seed), a_spec(*windows)

    found = built(rows, spec).drop(columns="_event_day")

    expected = counted_one_by_one(rows, spec).loc[found.index]
    pd.testing.assert_frame_equal(found, expected, rtol=0, atol=1e-10)


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 2**32 - 1), st.integers(0, 3), st.integers(0, 2))
def test_any_lengths_shifts_and_gaps_are_counted_right(seed: int, shift: int, gap: int) -> None:
    share = {"name": "shop", "entity": "shop", "days": [1, 2 + gap], "bad_share": True}
    spec = a_spec(CARD, {**share, "shift_days": 2 + shift, "mean": "amount"})
    rows = some_rows(seed, count=60, days=3 + 10 * gap)

    found = built(rows, spec, last=LAST + timedelta(days=30)).drop(columns="_event_day")

    expected = counted_one_by_one(rows, spec).loc[found.index]
    pd.testing.assert_frame_equal(found, expected, rtol=0, atol=1e-10)


def test_rows_come_by_day_and_id_with_their_days() -> None:
    found = window_features(some_rows(3), a_spec(), FIRST, LAST, threads=1)

    assert tuple(found.columns) == ("_row_id", "_event_day", *a_spec().window_features)
    assert found["_event_day"].dtype == np.dtype("datetime64[us]")
    assert found["_row_id"].dtype == "str"
    assert found.equals(found.sort_values(["_event_day", "_row_id"], ignore_index=True))


@pytest.mark.parametrize(
    ("earlier", "count"),
    [
        ("2024-03-31 12:00:00", 1.0),  # exactly one day old: outside
        ("2024-03-31 12:00:00.000001", 2.0),
        ("2024-04-01 12:00:00", 2.0),  # a peer of the same moment
        ("2024-04-01 12:00:00.000001", 1.0),  # later
    ],
)
def test_a_window_is_open_on_the_left_and_closed_on_the_right(earlier: str, count: float) -> None:
    rows = a_history(("t", "2024-04-01 12:00:00"), ("u", earlier))

    assert built(rows).loc["t", "card_count_1d"] == count


@pytest.mark.parametrize(
    ("earlier", "count"),
    [
        ("2024-03-29 12:00:00", 0.0),  # shift and length old, exactly: outside
        ("2024-03-29 12:00:00.000001", 1.0),
        ("2024-03-30 12:00:00", 1.0),  # the shift old, exactly
        ("2024-03-30 12:00:00.000001", 0.0),  # too young
    ],
)
def test_a_shifted_window_ends_exactly_that_long_before(earlier: str, count: float) -> None:
    rows = a_history(("t", "2024-04-01 12:00:00"), ("u", earlier))

    assert built(rows).loc["t", "shop_count_1d"] == count


@pytest.mark.parametrize(
    ("bad_on", "share"),
    [("2024-03-29", 0.5), ("2024-03-30", 0.5), ("2024-03-31", 0.0), ("2024-03-01", 0.5), (None, 0)],
)
def test_a_bad_counts_once_it_was_reported_a_shift_before_the_rows_day(
    bad_on: str | None, share: float
) -> None:
    history = ("u", "2024-03-29 20:00"), ("v", "2024-03-29 21:00"), ("t", "2024-04-01 06:00")

    found = built(a_history(*history, bad_on=bad_on))

    assert found.loc["t", "shop_bad_share_3d"] == share


def test_a_bad_reported_after_its_windows_had_passed_is_in_none() -> None:
    times = ("u", "2024-03-25 20:00"), ("t", "2024-03-30 06:00"), ("s", "2024-04-08 06:00")

    found = built(a_history(*times, bad_on="2024-04-05"))

    assert not found["shop_bad_share_3d"].any()


def test_without_rows_in_the_window_nothing_is_known_and_nothing_bad() -> None:
    found = built(a_history(("t", "2024-04-01 12:00"))).loc["t"]

    assert found["shop_count_3d"] == found["shop_bad_share_3d"] == 0.0
    assert found["card_count_3d"] == 1.0


def test_a_mean_leaves_missing_and_infinite_values_out() -> None:
    rows = a_history(*((f"t{n}", f"2024-04-01 0{n}:00") for n in range(4)))
    rows["amount"] = [4.0, np.nan, np.inf, 8.0]

    assert built(rows)["card_mean_1d"].tolist() == [4.0, 4.0, 4.0, 6.0]


def test_a_mean_of_no_value_is_missing() -> None:
    rows = a_history(("t", "2024-04-01 12:00")).assign(amount=np.nan)

    assert np.isnan(built(rows).loc["t", "card_mean_1d"])


@pytest.mark.parametrize("shift", [0, 2])
def test_a_row_without_an_entity_is_alone(shift: int) -> None:
    times = ("s", "2024-03-29 20:00"), ("t", "2024-04-01 12:00"), ("u", "2024-04-01 12:00")
    spec = a_spec({**CARD, "entity": "shop", "shift_days": shift}, SHOP)

    found = built(a_history(*times, shop=None, bad_on="2024-03-29"), spec).loc["t"]  # type: ignore[arg-type]

    assert found["card_count_3d"] == (0.0 if shift else 1.0)
    assert found["card_mean_3d"] == pytest.approx(np.nan if shift else 10.0, nan_ok=True)
    assert found["shop_count_3d"] == found["shop_bad_share_3d"] == 0.0


def test_a_label_that_stands_in_the_row_is_summed_over_the_shifted_window() -> None:
    rows, spec = some_rows(5), a_spec(SHOP)
    rows["shop"] = rows["shop"].fillna("z")
    bad = rows["_bad_on"].notna()
    rows["_bad_on"] = rows["at"].dt.normalize().where(bad)

    found = built(rows, spec)

    for row in rows.itertuples():
        old = row.at - timedelta(days=2)
        held = (rows["shop"] == row.shop) & (rows["at"] <= old)
        held &= rows["at"] > old - timedelta(days=3)
        share = bad[held].sum() / held.sum() if held.any() else 0.0
        assert found.loc[str(row._1), "shop_bad_share_3d"] == share


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 2**32 - 1))
def test_no_feature_knows_a_later_row_or_a_label_younger_than_the_delay(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows, spec = some_rows(seed, count=80), a_spec(*WINDOWS[3])
    watched = rows.iloc[int(rng.integers(len(rows)))]
    later = (rows["at"] > watched["at"]).to_numpy()
    told_by = watched["at"].normalize() - timedelta(days=2)
    young = rows["_bad_on"].isna() | (rows["_bad_on"] > told_by)

    changed = rows.copy()
    moved = young & (rng.random(len(rows)) < 0.5)
    new_day = told_by + pd.to_timedelta(rng.integers(1, 9, len(rows)), unit="D")
    new_day = pd.Series(new_day).where(rng.random(len(rows)) < 0.7)
    changed["_bad_on"] = rows["_bad_on"].mask(moved, new_day)
    changed.loc[later, "amount"] = rng.normal(1e6, 1e5, later.sum())
    changed.loc[later, "shop"] = rng.choice(["x", "y"], later.sum())
    added = some_rows(seed + 1, count=40)
    added = added[added["at"] > watched["at"]].assign(_row_id=lambda a: "new" + a["_row_id"])
    kept = changed[~later | (rng.random(len(rows)) < 0.5)]
    changed = pd.concat([kept, added]).sample(frac=1.0, random_state=int(rng.integers(2**31)))

    before, after = built(rows, spec), built(changed, spec, threads=2)

    same = ["_event_day", *spec.window_features]
    pd.testing.assert_series_equal(
        after.loc[watched["_row_id"], same], before.loc[watched["_row_id"], same], check_exact=True
    )


def test_the_order_of_rows_and_the_threads_change_no_digit() -> None:
    rows = some_rows(7, count=600)

    found = built(rows)

    shuffled = built(rows.sample(frac=1.0, random_state=1), threads=2)
    pd.testing.assert_frame_equal(shuffled, found, check_exact=True)


def test_a_day_built_alone_is_the_day_built_among_others() -> None:
    rows, day = some_rows(8, count=400), date(2024, 4, 2)
    since = np.datetime64(day - timedelta(days=a_spec().look_back_days))

    alone = built(rows[rows["at"] >= since], first=day, last=day)

    among = built(rows)
    among = among[among["_event_day"] == np.datetime64(day)]
    assert len(among) > 10
    pd.testing.assert_frame_equal(alone, among, check_exact=True)


def test_a_file_and_a_frame_give_the_same(tmp_path: Path) -> None:
    rows, spec = some_rows(9), a_spec()
    parts = [rows.iloc[:70], rows.iloc[70:]]
    files = [tmp_path / "it's one.parquet", tmp_path / "two.parquet"]
    for part, file in zip(parts, files, strict=True):
        pq.write_table(window_rows(part, spec), file)

    written = write_window_features(
        files,
        spec,
        FIRST,
        LAST,
        tmp_path / "out.parquet",
        carried={"_row_id": "id", "_time": "at"},
        threads=2,
        memory_mb=200,
        spill=tmp_path,
        ordered=True,
    )

    found = pq.read_table(tmp_path / "out.parquet").to_pandas()
    assert written == len(rows)
    assert found["at"].is_monotonic_increasing
    features = list(spec.window_features)
    by_id = found.set_index("id")[features].sort_index()
    assert by_id.equals(built(rows)[features].sort_index().rename_axis("id"))


def test_too_little_memory_is_told(tmp_path: Path) -> None:
    pq.write_table(window_rows(some_rows(9, count=20_000), a_spec()), tmp_path / "rows.parquet")

    with pytest.raises(ConfigurationError, match="do not fit into 1 MB"):
        write_window_features(
            [tmp_path / "rows.parquet"],
            a_spec(),
            FIRST,
            LAST,
            tmp_path / "out.parquet",
            carried={"_row_id": "id"},
            threads=2,
            memory_mb=1,
            spill=tmp_path,
        )


def test_a_column_that_is_not_there_is_named() -> None:
    with pytest.raises(ContractBreach, match=r"1 column\(s\).*_bad_on"):
        built(some_rows(1).drop(columns="_bad_on"))


def test_numbers_too_large_to_be_summed_exactly_are_refused() -> None:
    with pytest.raises(ContractBreach, match="'amount' holds numbers too large"):
        built(some_rows(1).assign(amount=1e19))


def test_days_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="the last day is before the first"):
        built(some_rows(1), first=LAST, last=FIRST)


def test_a_spec_without_windows_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="declares no windows"):
        built(some_rows(1), a_spec().model_copy(update={"windows": ()}))


def test_the_handbooks_windows_are_those_of_pandas() -> None:
    if not HANDBOOK.exists():
        pytest.skip("the Handbook's file is not beside the repository (SHARED_DATA)")
    chosen = [("TERMINAL_ID", "<", 40)]
    table = pd.read_parquet(HANDBOOK, filters=chosen).sort_values("TX_DATETIME")
    bad = table["TX_FRAUD"] == 1
    names = {"TRANSACTION_ID": "_row_id", "TX_DATETIME": "at", "CUSTOMER_ID": "card"}
    names |= {"TERMINAL_ID": "shop", "TX_AMOUNT": "amount"}
    rows = table.rename(columns=names).astype({"_row_id": "str"})
    rows["_bad_on"] = rows["at"].dt.normalize().where(bad)
    spec = a_spec({**CARD, "days": [1, 7, 30]}, {**SHOP, "shift_days": 7, "days": [1, 7, 30]})

    found = built(rows, spec, first=date(2018, 4, 1), last=date(2018, 9, 30))

    assert bad.sum() > 20
    for number, group in rows.assign(bad=bad.astype("float64")).groupby("shop"):
        assert number < 40
        times = group.set_index("at")["bad"]
        delay = times.rolling("7D").agg(["count", "sum"])
        for days in (1, 7, 30):
            shifted = times.rolling(f"{days + 7}D").agg(["count", "sum"]) - delay
            got = found.loc[group["_row_id"]]
            share = (shifted["sum"] / shifted["count"].replace(0, np.nan)).fillna(0.0)
            assert got[f"shop_count_{days}d"].tolist() == shifted["count"].tolist()
            assert got[f"shop_bad_share_{days}d"].to_numpy() == pytest.approx(share.to_numpy())
    for _, group in rows.groupby("card"):
        for days in (1, 7, 30):
            mean = group.set_index("at")["amount"].rolling(f"{days}D").mean().to_numpy()
            got = found.loc[group["_row_id"], f"card_mean_{days}d"].to_numpy()
            assert got == pytest.approx(mean)
