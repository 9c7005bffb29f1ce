from __future__ import annotations

import hashlib
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from finrisk.data.landing import EVENT_DAY, ROW_ID, read_landing
from finrisk.errors import LandingError
from tests.data.factories import a_spec, deliver, landed, rows

RELEASED = {"release": {"nights": 5, "first_night": date(2024, 1, 1)}, "vintage": "day"}


def test_rows_after_as_of_are_not_known_yet(tmp_path: Path) -> None:
    deliver(tmp_path, rows(months=3))

    landing = landed(tmp_path, a_spec(), as_of=date(2024, 2, 10))

    assert landing.frame[EVENT_DAY].max() == pd.Timestamp("2024-02-10")
    assert landing.files == ("loans_1.parquet",)
    assert list(landing.frame.columns)[:2] == [ROW_ID, EVENT_DAY]
    assert set(a_spec().columns) <= set(landing.frame.columns)


def test_parquet_and_csv_land_alike(tmp_path: Path) -> None:
    deliver(tmp_path, rows(), folder="a")
    deliver(tmp_path, rows(), "loans_1.csv", folder="b")

    one = landed(tmp_path, a_spec(source={"path": "a"}))
    other = landed(tmp_path, a_spec(source={"path": "b", "format": "csv"}))

    assert one.breaches == other.breaches == ()
    pd.testing.assert_frame_equal(one.frame, other.frame)


def test_a_partition_that_begins_after_as_of_says_nothing_about_tonight(tmp_path: Path) -> None:
    deliver(tmp_path, rows(months=1), "a.parquet")
    deliver(tmp_path, rows(months=1, first=5, home=1, strange=2), "b.parquet")

    tonight = landed(tmp_path, a_spec(), as_of=date(2024, 2, 1))
    later = landed(tmp_path, a_spec(), as_of=date(2024, 7, 1))

    assert (tonight.files, tonight.unknown_columns) == (("a.parquet",), ())
    assert later.unknown_columns == ("strange",)


def test_a_half_written_partition_is_a_problem_and_the_others_still_land(tmp_path: Path) -> None:
    deliver(tmp_path, rows(months=1), "a.parquet")
    deliver(tmp_path, rows(months=1, first=1), "b.parquet").write_bytes(b"PAR1")

    landing = landed(tmp_path, a_spec())

    assert landing.files == ("a.parquet",)
    assert len(landing.problems) == 1
    assert landing.problems[0].startswith("b.parquet: not a whole Parquet file; remedy:")


def test_with_nothing_whole_there_is_an_empty_frame_of_declared_columns(tmp_path: Path) -> None:
    deliver(tmp_path, rows(months=1)).write_bytes(b"")

    landing = landed(tmp_path, a_spec())

    assert landing.frame.empty
    assert set(a_spec().columns) <= set(landing.frame.columns)
    assert landing.frame[EVENT_DAY].dtype == "datetime64[us]"


def test_nothing_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LandingError, match="nothing landed"):
        read_landing(a_spec(), tmp_path, date(2024, 1, 1))


def test_cells_of_a_wrong_type_are_counted_and_masked_by_column(tmp_path: Path) -> None:
    income = np.linspace(1000.0, 9000.0, 40)
    income[:7] = np.inf
    deliver(tmp_path, rows(months=1), "a.parquet")
    deliver(tmp_path, rows(months=1, first=1, income=income, dependants=2.5), "b.parquet")

    breaches = {check.column: check for check in landed(tmp_path, a_spec()).breaches}

    assert breaches["income"].failing == 7
    assert breaches["income"].examples == ("a number that is not finite",)
    assert breaches["dependants"].failing == 40
    assert breaches["dependants"].detail == "column 'dependants' has 40 cells that are no integer"
    assert all(check.severity == "block" for check in breaches.values())


def test_a_column_retyped_to_text_is_wrong_in_every_cell_and_shows_no_value(tmp_path: Path) -> None:
    frame = rows(months=1)
    deliver(tmp_path, frame.assign(income=frame["income"].astype(str)))

    (breach,) = landed(tmp_path, a_spec()).breaches

    assert breach.failing == len(frame)
    assert breach.examples[0].startswith("text of ")


def test_rows_without_a_day_are_in_no_frame_but_in_the_verdict(tmp_path: Path) -> None:
    frame = rows(months=1)
    frame.loc[:2, "opened"] = pd.NaT
    deliver(tmp_path, frame)

    landing = landed(tmp_path, a_spec())

    assert len(landing.frame) == len(frame) - 3
    (breach,) = landing.breaches
    assert (breach.check, breach.failing, breach.column) == ("event day", 3, "opened")


def test_missing_and_unknown_columns_are_named(tmp_path: Path) -> None:
    deliver(tmp_path, rows(months=1).drop(columns="home"), "a.parquet")
    deliver(tmp_path, rows(months=1, first=1, extra=1), "b.parquet")

    landing = landed(tmp_path, a_spec())

    assert landing.missing_columns == ("home",)
    assert landing.unknown_columns == ("extra",)
    assert landing.frame["home"].isna().sum() == 40
    assert "extra" not in landing.frame


@pytest.mark.parametrize("column", ["id", "opened"])
def test_a_partition_without_key_or_day_is_a_problem(tmp_path: Path, column: str) -> None:
    deliver(tmp_path, rows(months=1).drop(columns=column))

    landing = landed(tmp_path, a_spec())

    assert landing.frame.empty
    assert landing.problems[0].startswith(f"loans_1.parquet: no column '{column}'")


def test_rows_without_a_key_are_named_by_their_place(tmp_path: Path) -> None:
    deliver(tmp_path, rows(months=1, each=3), "b.parquet")
    deliver(tmp_path, rows(months=1, each=2), "a.parquet", folder="landing/sub")

    landing = landed(tmp_path, a_spec(row_key="file_position"))

    assert landing.frame[ROW_ID].tolist() == ["b#0", "b#1", "b#2", "sub/a#0", "sub/a#1"]


def test_a_numeric_key_is_text_without_a_fraction(tmp_path: Path) -> None:
    spec = a_spec(columns={"id": {"type": "integer"}})
    deliver(tmp_path, rows(months=1, each=2, id=[7.0, 8.0]))

    assert landed(tmp_path, spec).frame[ROW_ID].tolist() == ["7", "8"]


def test_undated_rows_are_released_in_file_order(tmp_path: Path) -> None:
    spec = a_spec(time=RELEASED, label={"rule": {"kind": "column", "column": "bad"}})
    deliver(tmp_path, rows(months=1, each=7), "a.parquet")
    deliver(tmp_path, rows(months=1, each=3, first=1), "b.parquet")

    landing = landed(tmp_path, spec, as_of=date(2024, 1, 4))

    expected = [date(2024, 1, 1) + timedelta(days=i * 5 // 10) for i in range(8)]
    assert landing.frame[EVENT_DAY].dt.date.tolist() == expected
    assert landing.files == ("a.parquet", "b.parquet")


def test_rows_of_a_sorted_file_can_be_dealt_to_the_nights_by_hash(tmp_path: Path) -> None:
    hashed = {**RELEASED, "release": {**RELEASED["release"], "order": "hashed"}}
    spec = a_spec(time=hashed, label={"rule": {"kind": "column", "column": "bad"}})
    deliver(tmp_path, rows(months=1, each=500), "a.parquet")

    frame = landed(tmp_path, spec, as_of=date(2024, 1, 31)).frame

    days = frame[EVENT_DAY].dt.date
    assert days.value_counts().tolist() == [100] * 5
    assert not days.is_monotonic_increasing
    again = landed(tmp_path, spec, as_of=date(2024, 1, 31)).frame
    assert again[EVENT_DAY].tolist() == frame[EVENT_DAY].tolist()


def test_white_space_around_the_keys_of_a_csv_is_no_part_of_them(tmp_path: Path) -> None:
    deliver(tmp_path, rows(months=1, each=2, id=[" 007", "8 "]), "loans_1.csv")

    frame = landed(tmp_path, a_spec(source={"path": "landing", "format": "csv"})).frame

    assert frame["_row_id"].tolist() == frame["id"].tolist() == ["007", "8"]


def test_a_corrected_partition_lands_instead_of_the_one_it_replaces(tmp_path: Path) -> None:
    deliver(tmp_path, rows(months=1, home="own"), "a.parquet")
    path = deliver(tmp_path, rows(months=1, home="rent"), "a~2.parquet")

    landing = landed(tmp_path, a_spec())

    assert set(landing.frame["home"]) == {"rent"}
    assert (landing.files, landing.superseded) == (("a~2.parquet",), ("a.parquet",))
    (file,) = landing.landed
    assert (file.name, file.first_name) == ("a~2.parquet", "a.parquet")
    assert file.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert file.newest == date(2024, 1, 28)


def test_the_newest_row_of_a_file_is_the_newest_known_by_as_of(tmp_path: Path) -> None:
    frame = rows(months=3)
    frame.loc[0, "opened"] = pd.NaT
    deliver(tmp_path, frame, "a.parquet")
    deliver(tmp_path, rows(months=1, first=5).assign(opened=pd.NaT), "undated.parquet")

    landing = landed(tmp_path, a_spec(), as_of=date(2024, 2, 10))

    assert [file.newest for file in landing.landed] == [date(2024, 2, 10), None]


def test_a_corrected_row_without_a_key_stays_the_row_it_was(tmp_path: Path) -> None:
    deliver(tmp_path, rows(months=1, each=2), "a.csv")
    deliver(tmp_path, rows(months=1, each=2), "a~2.csv")
    source = {"path": "landing", "format": "csv"}

    landing = landed(tmp_path, a_spec(source=source, row_key="file_position"))

    assert landing.frame[ROW_ID].tolist() == ["a#0", "a#1"]


def test_cells_of_a_wrong_type_are_marked_by_row_and_rows_without_a_day_are_kept_apart(
    tmp_path: Path,
) -> None:
    first, second = rows(months=1), rows(months=2, first=1)
    first.loc[3, "income"] = np.inf
    second.loc[[0, 1], "opened"] = pd.NaT
    second.loc[2, "dependants"] = 2.5
    deliver(tmp_path, first, "a.parquet")
    deliver(tmp_path, second, "b.parquet")

    landing = landed(tmp_path, a_spec(), as_of=date(2024, 2, 20))

    assert {c: np.flatnonzero(m).tolist() for c, m in landing.ill_typed.items()} == {
        "income": [3],
        "dependants": [40],
    }
    assert len(landing.ill_typed["income"]) == len(landing.frame)
    assert landing.undated["id"].tolist() == ["L1-00000", "L1-00001"]
    assert list(landing.undated.columns) == list(landing.frame.columns)
