"""Transactions by the day: what a night opens, what it believes, and what it does not let pass."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest

from finrisk.data.labels import DAYS_TO_REPORT, LABEL
from finrisk.data.landing import EVENT_DAY, ROW_ID, read_landing
from finrisk.data.reach import first_day_read
from tests.data.cards import (
    AS_OF,
    EACH,
    FIRST,
    REPORTS,
    a_fraud_spec,
    frauds,
    land,
    land_day,
    land_reports,
    nothing_reported,
    read_cards,
    transactions,
)
from tests.data.factories import deliver

LAST = AS_OF - timedelta(days=1)
THIRD_LAST = AS_OF - timedelta(days=3)


def blocked_by(home: Path, **changes: object) -> str:
    delivered, labelled, verdict = read_cards(home, a_fraud_spec(**changes))
    problems = (*delivered.landed.problems, *labelled.problems)
    return "; ".join((*problems, *verdict.blocking))


def test_good_days_keep_their_contract(tmp_path: Path) -> None:
    land(tmp_path)

    _, labelled, verdict = read_cards(tmp_path, a_fraud_spec())

    assert verdict.result == "pass", verdict.failed
    assert labelled.problems == ()


def test_a_night_opens_the_days_it_needs_and_no_older_one(tmp_path: Path) -> None:
    spec = a_fraud_spec()
    reach = first_day_read(spec, AS_OF)
    assert reach is not None
    for name in (f"{reach}.parquet", f"{reach - timedelta(days=1)}.parquet"):
        deliver(tmp_path, transactions(date.fromisoformat(name[:10])), name)
    (tmp_path / "landing" / f"{reach - timedelta(days=2)}.parquet").write_bytes(b"not opened")
    (tmp_path / "landing" / f"{AS_OF + timedelta(days=1)}.parquet").write_bytes(b"nor this")

    landing = read_landing(spec, tmp_path, AS_OF)

    assert landing.files == (f"{reach}.parquet",)
    assert landing.problems == ()


def test_rows_of_one_long_file_are_cut_to_the_days_a_night_needs(tmp_path: Path) -> None:
    spec = a_fraud_spec(source={"path": "landing"})
    reach = first_day_read(spec, AS_OF)
    assert reach is not None
    days = [reach - timedelta(days=1), reach, AS_OF, AS_OF + timedelta(days=1)]
    deliver(tmp_path, pd.concat([transactions(day) for day in days]), "all.parquet")

    landing = read_landing(spec, tmp_path, AS_OF)

    assert sorted(landing.frame[EVENT_DAY].dt.date.unique()) == [reach, AS_OF]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("march.parquet", "march.parquet: carries no day; remedy: name it by its day"),
        (f"again_{LAST}.parquet", f"{LAST} was delivered twice: {LAST}.parquet"),
    ],
)
def test_a_file_without_a_day_and_a_day_in_two_files_hold_the_night(
    tmp_path: Path, name: str, said: str
) -> None:
    land(tmp_path)
    land_day(tmp_path, LAST, name=name)

    assert said in blocked_by(tmp_path)


def test_a_correction_of_a_day_is_read_in_its_place(tmp_path: Path) -> None:
    land(tmp_path)
    land_day(tmp_path, LAST, transactions(LAST).head(EACH - 1), name=f"{LAST}~2.parquet")

    landing = read_landing(a_fraud_spec(), tmp_path, AS_OF)

    assert landing.superseded == (f"{LAST}.parquet",)
    assert (landing.frame[EVENT_DAY] == pd.Timestamp(LAST)).sum() == EACH - 1


def hundredfold(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(amount=rows["amount"] * 100 % 20_000)


def negative(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(amount=rows["amount"].where(rows.index % 20 > 0, -5.0))


def other_zone(rows: pd.DataFrame) -> pd.DataFrame:
    day = rows["at"].dt.normalize()
    return rows.assign(at=day + (rows["at"] + pd.Timedelta(hours=8) - day) % pd.Timedelta(days=1))


def clock_ahead(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(at=rows["at"].where(rows.index > 2, rows["at"] + pd.Timedelta(days=400)))


def twice_booked(rows: pd.DataFrame) -> pd.DataFrame:
    again = rows.head(20)
    return pd.concat([rows, again.assign(tx=again["tx"] + "b")], ignore_index=True)


def twice_sent(rows: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([rows, rows.head(20)], ignore_index=True)


def new_category(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(kind=rows["kind"].where(rows.index > 40, "casino"))


def half_of_them(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.head(EACH // 4)


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (hundredfold, "level: median of amount against vintages before"),
        (negative, "range: 24 of"),
        (other_zone, "rows by hour: PSI of the hours against days before"),
        (clock_ahead, "clock skew: 3 of"),
        (twice_booked, "repeated rows: share of rows that repeat another"),
        (twice_sent, "duplicate key: 40 of"),
        (new_category, "unknown value: 41 of"),
        (half_of_them, "row count: rows against vintages before"),
    ],
)
def test_a_broken_day_blocks_with_its_reason(
    tmp_path: Path, broken: Callable[[pd.DataFrame], pd.DataFrame], said: str
) -> None:
    land(tmp_path)
    land_day(tmp_path, LAST, broken(transactions(LAST)))

    assert said in blocked_by(tmp_path)


def test_the_reason_says_which_day_broke(tmp_path: Path) -> None:
    land(tmp_path)
    land_day(tmp_path, LAST, hundredfold(transactions(LAST)))

    assert f"the last {LAST}: " in blocked_by(tmp_path)


def test_rows_of_another_clock_are_set_aside_where_the_contract_lets_a_few(tmp_path: Path) -> None:
    land(tmp_path)
    land_day(tmp_path, LAST, clock_ahead(transactions(LAST)))
    spec = a_fraud_spec(contract={"quarantine": {"max_share": 0.01}})

    delivered, _, verdict = read_cards(tmp_path, spec)

    assert verdict.blocking == ()
    assert set(delivered.aside.rows["reasons"].str.contains("clock skew")) == {True}
    assert len(delivered.aside.rows) == 3


def test_a_missing_day_blocks_since_windows_would_count_too_little(tmp_path: Path) -> None:
    land(tmp_path, without=(THIRD_LAST,))

    assert f"the last {THIRD_LAST + timedelta(days=1)}: 1" in blocked_by(tmp_path)


def test_the_newest_day_that_is_missing_is_a_feed_that_is_late(tmp_path: Path) -> None:
    land(tmp_path, without=(LAST,))

    assert "freshness: days since the newest row: 2" in blocked_by(tmp_path)


def test_a_half_written_day_is_left_alone_and_said(tmp_path: Path) -> None:
    land(tmp_path)
    path = tmp_path / "landing" / f"{LAST}.parquet"
    path.write_bytes(path.read_bytes()[:-40])

    assert f"{LAST}.parquet: not a whole Parquet file" in blocked_by(tmp_path)


def labels_of(home: Path, as_of: date) -> dict[str, int]:
    _, labelled, _ = read_cards(home, a_fraud_spec(), as_of)
    known = labelled.frame[labelled.frame[LABEL].notna()]
    return dict(zip(known[ROW_ID], known[LABEL].astype(int), strict=True))


def test_a_row_is_genuine_at_its_maturity_until_a_later_report_says_otherwise(
    tmp_path: Path,
) -> None:
    land(tmp_path)
    unreported = transactions(FIRST)["tx"][transactions(FIRST)["amount"] < 100].iloc[0]
    late = FIRST + timedelta(days=12)
    land_reports(tmp_path, pd.DataFrame({"tx": [unreported], "reported_on": [pd.Timestamp(late)]}))

    told = {
        n: labels_of(tmp_path, FIRST + timedelta(days=n)).get(unreported) for n in (1, 2, 12, 13)
    }

    # reported on the twelfth day, whose file is read once that day has passed
    assert told == {1: None, 2: 0, 12: 0, 13: 1}


def test_the_share_of_reports_that_come_in_time_is_told(tmp_path: Path) -> None:
    land(tmp_path)
    spec = a_fraud_spec(label={"rule": REPORTS, "reporting_lag_days": 1})

    in_time = read_cards(tmp_path, a_fraud_spec())[1].completeness
    _, labelled, verdict = read_cards(tmp_path, spec)

    assert in_time == 1.0
    assert labelled.completeness == pytest.approx(0.5, abs=0.1)
    (check,) = [c for c in verdict.failed if c.check == "label completeness"]
    assert "raise label.reporting_lag_days" in check.detail


def test_reports_of_unknown_transactions_hold_the_night_where_they_are_many(tmp_path: Path) -> None:
    days = land(tmp_path)
    told = frauds(transactions(days[-6]))
    strangers = told.assign(tx="nobody" + told["tx"])
    late = pd.Timestamp(AS_OF - timedelta(days=2))
    many = pd.concat([strangers.assign(tx=strangers["tx"] + str(n)) for n in range(12)])
    land_reports(tmp_path, many.assign(reported_on=late))

    assert "are no landed row" in blocked_by(tmp_path)


def test_a_report_dated_before_its_transaction_blocks_or_is_set_aside(tmp_path: Path) -> None:
    land(tmp_path)
    rows = transactions(LAST)
    early = pd.DataFrame({"tx": rows["tx"].head(2), "reported_on": pd.Timestamp(FIRST)})
    land_reports(tmp_path, early)
    spec = a_fraud_spec(contract={"quarantine": {"max_share": 0.01}})

    delivered, _, verdict = read_cards(tmp_path, spec)

    assert "outcome before row: 2 of" in blocked_by(tmp_path)
    assert verdict.blocking == ()
    assert sorted(delivered.aside.rows[ROW_ID]) == sorted(early["tx"])


def test_a_night_without_a_single_fraud_is_labelled_genuine_throughout(tmp_path: Path) -> None:
    land(tmp_path)
    nothing_reported(tmp_path, since=FIRST + timedelta(days=4))

    _, labelled, verdict = read_cards(tmp_path, a_fraud_spec())

    newest = labelled.counts[-1]
    assert (newest.bads, newest.rows) == (0, EACH)
    assert "label feed" not in verdict.blocking


def test_a_day_of_reports_that_is_lost_blocks_since_its_frauds_would_be_genuine(
    tmp_path: Path,
) -> None:
    land(tmp_path)
    (tmp_path / "reports" / f"{THIRD_LAST}.parquet").unlink()

    assert f"reports: no file of {THIRD_LAST}; remedy: deliver it" in blocked_by(tmp_path)


def test_a_file_without_a_report_says_that_nothing_was_reported(tmp_path: Path) -> None:
    land(tmp_path)
    nothing_reported(tmp_path, since=LAST, until=LAST)

    assert blocked_by(tmp_path) == ""


def test_reports_that_are_dated_after_their_file_hold_the_night(tmp_path: Path) -> None:
    land(tmp_path)
    path = tmp_path / "reports" / f"{THIRD_LAST}.parquet"
    told = pd.read_parquet(path)
    deliver(tmp_path, told.assign(reported_on=pd.Timestamp(LAST)), path.name, "reports")

    assert "reports are dated after their file's day" in blocked_by(tmp_path)


def test_a_backdated_report_was_known_when_its_file_came(tmp_path: Path) -> None:
    land(tmp_path)
    path = tmp_path / "reports" / f"{THIRD_LAST}.parquet"
    told = pd.read_parquet(path)
    ids = set(told["tx"])
    early = told["reported_on"] - pd.Timedelta(days=1)
    deliver(tmp_path, told.assign(reported_on=early), path.name, "reports")

    _, labelled, _ = read_cards(tmp_path, a_fraud_spec())

    rows = labelled.frame[labelled.frame[ROW_ID].isin(ids)]
    known = rows[EVENT_DAY] + pd.to_timedelta(rows[DAYS_TO_REPORT], unit="D")
    assert set(known) == {pd.Timestamp(THIRD_LAST)}


def test_a_broken_day_of_development_blocks_like_the_newest(tmp_path: Path) -> None:
    land(tmp_path)
    day = FIRST + timedelta(days=10)
    land_day(tmp_path, day, transactions(day).assign(amount=lambda t: t["amount"] * 30))

    assert "level" in blocked_by(tmp_path)


@pytest.mark.parametrize(("home", "as_of"), [("empty", FIRST), ("half", FIRST + timedelta(days=1))])
def test_a_landing_without_a_whole_day_is_a_blocked_night_and_no_crash(
    tmp_path: Path, home: str, as_of: date
) -> None:
    path = land_day(tmp_path, FIRST)
    land_reports(tmp_path, frauds(transactions(FIRST)))
    if home == "half":
        path.write_bytes(path.read_bytes()[:-40])

    _, _, verdict = read_cards(tmp_path, a_fraud_spec(), as_of)

    assert verdict.result == "block"
