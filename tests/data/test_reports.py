from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd

from finrisk.data.reports import Reports, read_reports, reports_for
from finrisk.specs.data import LabelReports
from tests.data.factories import REPORTS, a_spec, deliver

RULE = LabelReports.model_validate(REPORTS)


def a_feed(*lines: tuple[object, str | None]) -> pd.DataFrame:
    ids, days = zip(*lines, strict=True)
    return pd.DataFrame({"loan_id": ids, "defaulted_on": pd.to_datetime(pd.Series(days))})


def read(home: Path, as_of: date = date(2024, 12, 31)) -> Reports:
    return read_reports(RULE, home, as_of)


def test_of_duplicates_the_earliest_counts_across_partitions(tmp_path: Path) -> None:
    deliver(tmp_path, a_feed(("A", "2024-03-05"), ("B", "2024-03-06")), "1.parquet", "reports")
    deliver(tmp_path, a_feed(("A", "2024-02-05"), ("A", "2024-04-05")), "2.parquet", "reports")

    reports = read(tmp_path)

    assert reports.problems == ()
    assert reports.files == ("1.parquet", "2.parquet")
    assert dict(reports.frame[["_row_id", "_event_on"]].itertuples(index=False)) == {
        "A": pd.Timestamp("2024-02-05"),
        "B": pd.Timestamp("2024-03-06"),
    }


def test_a_corrected_feed_file_replaces_what_it_corrects(tmp_path: Path) -> None:
    deliver(tmp_path, a_feed(("A", "2024-03-05"), ("B", "2024-03-06")), "1.parquet", "reports")
    deliver(tmp_path, a_feed(("A", "2024-03-05")), "1~2.parquet", "reports")

    reports = read(tmp_path)

    assert reports.files == ("1~2.parquet",)
    assert reports.frame["_row_id"].tolist() == ["A"]


def test_reports_of_later_events_are_not_known_yet(tmp_path: Path) -> None:
    deliver(tmp_path, a_feed(("A", "2024-03-05"), ("B", "2024-03-06")), "1.parquet", "reports")

    assert read(tmp_path, as_of=date(2024, 3, 5)).frame["_row_id"].tolist() == ["A"]
    assert read(tmp_path, as_of=date(2024, 3, 1)).files == ()


def test_a_feed_that_never_came_is_a_problem_since_every_row_would_be_good(tmp_path: Path) -> None:
    reports = read(tmp_path)

    assert reports.frame.empty
    assert reports.problems[0].startswith("reports: nothing landed in")


def test_half_written_and_broken_reports_are_problems(tmp_path: Path) -> None:
    deliver(tmp_path, a_feed(("A", "2024-03-05"), ("B", None)), "1.parquet", "reports")
    deliver(tmp_path, a_feed(("A", "2024-03-05")), "2.parquet", "reports").write_bytes(b"PAR1")
    deliver(tmp_path, pd.DataFrame({"loan_id": ["A"]}), "3.parquet", "reports")

    problems = read(tmp_path).problems

    assert [p.split(";")[0] for p in problems] == [
        "2.parquet: not a whole Parquet file",
        "1.parquet: 1 reports lack 'loan_id' or a date in 'defaulted_on'",
        "3.parquet: no column 'defaulted_on'",
    ]


def test_white_space_around_the_keys_of_a_csv_is_no_part_of_them(tmp_path: Path) -> None:
    deliver(tmp_path, a_feed((" A ", "2024-03-05"), ("  ", "2024-03-05")), "1.csv", "reports")

    reports = read_reports(RULE.model_copy(update={"format": "csv"}), tmp_path, date(2024, 12, 31))

    assert reports.frame["_row_id"].tolist() == ["A"]
    assert reports.problems[0].startswith("1.csv: 1 reports lack 'loan_id'")


def test_only_a_rule_of_reports_reads_a_feed(tmp_path: Path) -> None:
    deliver(tmp_path, a_feed((7, "2024-03-05")), "1.parquet", "reports")

    found = reports_for(a_spec(label={"rule": REPORTS}), tmp_path, date(2024, 12, 31))

    assert found is not None
    assert found.frame["_row_id"].tolist() == ["7"]
    assert reports_for(a_spec(), tmp_path, date(2024, 12, 31)) is None
