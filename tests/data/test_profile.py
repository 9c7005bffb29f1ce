from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from finrisk.data import profile as profiles
from finrisk.data.profile import missing_share_of, vintage_profile
from tests.data.factories import REPORTS, a_spec, deliver, labelled, rows


def a_profile(
    home: Path, *frames: pd.DataFrame, as_of: date = date(2025, 1, 1), **changes: Any
) -> pd.DataFrame:
    spec = a_spec(**changes)
    for number, frame in enumerate(frames):
        deliver(home, frame, f"{number}.parquet")
    landing, found = labelled(home, spec, as_of)
    return vintage_profile(landing, found, spec, as_of)


def test_rows_are_held_against_the_median_of_the_vintages_before(tmp_path: Path) -> None:
    one_judges = {"holdout": {"target_bads": 20, "min_bads": 10, "max_vintages": 1}}

    profile = a_profile(
        tmp_path, rows(months=4, each=40), rows(months=1, each=10, first=4), gate=one_judges
    )

    assert profile[profiles.RECENT_RATIO].tolist()[-2:] == [1.0, 0.25]
    assert profile[profiles.OLDER_RATIO].tolist()[2] == 1.0
    assert profile[profiles.OLDER_RATIO].notna().sum() == 1  # two vintages have no history


def test_a_vintage_that_is_not_over_is_not_held_against_the_others(tmp_path: Path) -> None:
    profile = a_profile(tmp_path, rows(months=5), as_of=date(2024, 5, 3))

    assert profile.index[-1] == "2024-05"
    assert pd.isna(profile[profiles.RECENT_RATIO].iloc[-1])


def test_a_month_for_which_nothing_landed_counts_zero_rows(tmp_path: Path) -> None:
    profile = a_profile(tmp_path, rows(months=3), rows(months=1, first=4))

    assert profile.loc["2024-04", profiles.ROWS] == 0
    assert profile.loc["2024-04", profiles.RECENT_RATIO] == 0.0
    assert pd.isna(profile.loc["2024-04", missing_share_of("dependants")])


def test_days_without_rows_are_no_vintages(tmp_path: Path) -> None:
    days = {"column": "opened", "vintage": "day"}

    profile = a_profile(tmp_path, rows(months=2, each=3), time=days)

    assert len(profile) == 6


def test_row_counts_are_not_compared_where_the_contract_does_not_ask(tmp_path: Path) -> None:
    profile = a_profile(tmp_path, rows(months=4), contract={"rows_per_vintage": None})

    assert profile[[profiles.RECENT_RATIO, profiles.OLDER_RATIO]].isna().all(axis=None)


def test_missing_shares_are_those_of_each_vintage(tmp_path: Path) -> None:
    frame = rows(months=2)
    frame["dependants"] = frame["dependants"].where(frame.index < 40)

    shares = a_profile(tmp_path, frame)[missing_share_of("dependants")]

    assert shares.tolist() == [0.1, 1.0]


def test_bad_rates_are_of_matured_vintages_large_enough(tmp_path: Path) -> None:
    frames = rows(months=1, each=99), rows(months=2, each=100, first=1)

    profile = a_profile(tmp_path, *frames, as_of=date(2024, 4, 2))

    assert profile[profiles.BAD_RATE].tolist()[1] == 0.25
    assert profile[profiles.BAD_RATE].notna().sum() == 1
    assert profile[profiles.BAD_RATE_OF_ALL].tolist()[-1] == pytest.approx(50 / 199)


def test_age_is_reckoned_from_the_newest_row(tmp_path: Path) -> None:
    profile = a_profile(tmp_path, rows(months=1), as_of=date(2024, 2, 28))

    assert profile[profiles.AGE_DAYS].tolist() == [31.0]


def test_a_label_feed_that_falls_silent_is_measured(tmp_path: Path) -> None:
    feed = pd.DataFrame({"loan_id": ["L0-00000"], "defaulted_on": pd.to_datetime(["2024-01-20"])})
    deliver(tmp_path, feed, folder="reports")
    label = {"rule": REPORTS, "performance_window_months": 1}

    early = a_profile(tmp_path, rows(months=2), as_of=date(2024, 2, 3), label=label)
    later = a_profile(tmp_path, rows(months=2), as_of=date(2024, 3, 3), label=label)

    assert early[profiles.FEED_GAP_DAYS].isna().all()  # nothing matured, nothing needed
    assert later[profiles.FEED_GAP_DAYS].iloc[-1] == 40.0  # 29 February is a month's end
