from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from finrisk.data.contracts import validate
from finrisk.faults import armed
from finrisk.records import Check, DataVerdict
from tests.data.factories import DATED, REPORTS, a_spec, deliver, labelled, rows

AS_OF = date(2024, 7, 2)
CANARY = "ES9121000418450200051332"


def verdict(
    home: Path,
    frame: pd.DataFrame | None = None,
    as_of: date = AS_OF,
    docs: Path | None = None,
    **changes: Any,
) -> DataVerdict:
    spec = a_spec(**changes)
    deliver(home, rows() if frame is None else frame)
    landing, found = labelled(home, spec, as_of)
    return validate(landing, found, spec, as_of, docs)


def the_check(found: DataVerdict, check: str) -> Check:
    (one,) = [c for c in found.failed if c.check == check]
    return one


@pytest.fixture(scope="module")
def broken_rows(tmp_path_factory: pytest.TempPathFactory) -> DataVerdict:
    """Everything wrong with the rows at once, each in its own column."""
    n = 240
    home = np.where(np.arange(n) < 100, "castle", "own").astype(object)
    home[:30] = None
    frame = rows(
        id=CANARY,
        income=np.where(np.arange(n) < 100, 987654.0, -5.0),
        dependants=["12"] * n,
        home=home,
        iban=CANARY,
    )
    frame["opened"] = frame["opened"].where(frame.index > 1)
    columns = {"opened": {"type": "date", "min": date(2024, 1, 15), "severity": "warn"}}
    return verdict(tmp_path_factory.mktemp("rows"), frame, columns=columns)


@pytest.fixture(scope="module")
def broken_vintages(tmp_path_factory: pytest.TempPathFactory) -> DataVerdict:
    """Rows that are each right, in vintages that are not."""
    frame = pd.concat([rows(months=3, each=120), rows(months=1, each=30, first=3)])
    frame["dependants"] = frame["dependants"].where(frame["opened"] < "2024-04-01")
    contract = {
        "max_age_days": 40,
        "label_rate": {"min": 0.3, "max": 0.5},
        "rows_per_vintage": {"history": 2},
    }
    return verdict(tmp_path_factory.mktemp("vintages"), frame, contract=contract)


def test_rows_that_keep_the_contract_pass(tmp_path: Path) -> None:
    found = verdict(tmp_path)

    assert (found.result, found.failed, found.docs_uri) == ("pass", (), None)
    assert found.sentence == f"{found.checks_run} checks passed"
    assert found.checks_run > 25


@pytest.mark.parametrize(
    ("check", "column", "failing", "detail", "shown"),
    [
        ("missing value", "home", 28, "28 of 238 rows of 'home'", ()),
        ("unknown value", "home", 70, "70 of 238 rows of 'home'", ("ca…",)),
        ("duplicate key", "id", 238, "238 of 238", ("text of 24 characters",)),
        ("type", "dependants", 240, "240 cells that are no integer", ("text of 2 characters",)),
        ("unknown column", "iban", 1, "undeclared: iban", ()),
        ("event day", "opened", 2, "2 rows have no day in 'opened'", ()),
        ("range", "income", 238, "238 of 238 rows of 'income' below 0 or above 50,000", None),
    ],
)
def test_broken_rows_block_and_are_told_without_their_values(
    broken_rows: DataVerdict,
    check: str,
    column: str,
    failing: int,
    detail: str,
    shown: tuple[str, ...] | None,
) -> None:
    (broken,) = [c for c in broken_rows.failed if (c.check, c.column) == (check, column)]

    assert broken_rows.result == broken.severity == "block"
    assert broken.failing == failing
    assert detail in broken.detail
    assert broken.examples == (shown or broken.examples)


def test_no_verdict_shows_a_value(broken_rows: DataVerdict) -> None:
    told = str(broken_rows.to_json())

    assert "number of 6 digits" in told
    assert "negative number of 1 digit" in told
    assert not [value for value in (CANARY, "987654", "castle") if value in told]


def test_a_date_out_of_bounds_is_counted_and_blocking_checks_come_first(
    broken_rows: DataVerdict,
) -> None:
    last = broken_rows.failed[-1]

    assert (last.severity, last.check, last.column) == ("warn", "range", "opened")
    assert last.failing > 0
    assert last.examples == ("a date in 2024",)
    assert last.detail.endswith("below 2024-01-15")
    assert broken_rows.sentence.endswith(f"(+{len(broken_rows.failed) - 1} more)")


@pytest.mark.parametrize(
    ("check", "column", "detail", "shown"),
    [
        ("row count", None, "1 vintage(s) below 0.5 or above 2", ("2024-04: 0.25",)),
        ("missing share", "dependants", "1 vintage(s) above 0.5", ("2024-04: 1",)),
        ("freshness", None, "days since the newest row: 65 above 40", ("65",)),
    ],
)
def test_a_broken_vintage_blocks_though_the_whole_would_not(
    broken_vintages: DataVerdict, check: str, column: str | None, detail: str, shown: tuple[str]
) -> None:
    broken = the_check(broken_vintages, check)

    assert (broken.severity, broken.column) == ("block", column)
    assert detail in broken.detail
    assert broken.examples == shown


def test_the_bad_rate_of_vintages_and_of_all_keeps_its_band(broken_vintages: DataVerdict) -> None:
    each, of_all = [c for c in broken_vintages.failed if c.check == "label rate"]

    assert each.detail == "bad rate: 3 vintage(s) below 0.3 or above 0.5, the last 2024-03: 0.25"
    assert of_all.detail.startswith("bad rate of all: 0.25")


def test_a_thin_vintage_of_long_ago_only_warns(tmp_path: Path) -> None:
    thin = rows(months=1, each=10, first=3)
    frame = pd.concat([rows(months=3), thin, rows(months=4, first=4)])

    one_judges = {"holdout": {"target_bads": 20, "min_bads": 10, "max_vintages": 1}}

    found = verdict(tmp_path, frame, as_of=date(2024, 9, 1), gate=one_judges)

    assert found.result == "warn"
    assert the_check(found, "row count").examples == ("2024-04: 0.25",)


def test_a_thin_vintage_that_may_judge_blocks_however_old(tmp_path: Path) -> None:
    thin = rows(months=1, each=10, first=3)
    frame = pd.concat([rows(months=3), thin, rows(months=4, first=4)])

    assert verdict(tmp_path, frame, as_of=date(2024, 9, 1)).result == "block"


def test_a_missing_column_blocks_and_is_named(tmp_path: Path) -> None:
    broken = the_check(verdict(tmp_path, rows().drop(columns="home")), "missing column")

    assert (broken.severity, broken.column) == ("block", "home")
    assert broken.detail == "1 column(s) declared, and lacking in a partition: home"


def test_two_rows_of_one_key_and_a_row_without_are_found_among_many(tmp_path: Path) -> None:
    frame = pd.concat([rows(), rows().tail(1)], ignore_index=True)
    frame.loc[2, "id"] = None

    found = verdict(tmp_path, frame)

    assert the_check(found, "duplicate key").failing == 2
    assert the_check(found, "missing key").failing == 1


def test_an_outcome_before_its_row_blocks(tmp_path: Path) -> None:
    frame = rows(status="Charged Off", last_paid=pd.Timestamp("2023-06-01"))
    columns = {"status": {"type": "text"}, "last_paid": {"type": "date"}}

    found = verdict(tmp_path, frame, columns=columns, label={"rule": DATED})

    assert the_check(found, "outcome before row").failing == 240


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_a_nullable_date_that_never_came_keeps_its_bounds(tmp_path: Path, ending: str) -> None:
    married = {"type": "date", "nullable": True, "min": date(1950, 1, 1), "max": date(2030, 1, 1)}
    spec = a_spec(columns={"married": married}, source={"path": "landing", "format": ending})
    deliver(tmp_path, rows(married=pd.NaT), f"loans_1.{ending}")
    landing, found = labelled(tmp_path, spec, AS_OF)

    assert validate(landing, found, spec, AS_OF, None).failed == ()


def test_a_table_with_missing_cells_keeps_its_contract_through_csv(tmp_path: Path) -> None:
    n = 240
    columns = {
        "term": {"type": "category", "values": [36, 60], "nullable": True},
        "insured": {"type": "boolean", "values": [1, 0], "nullable": True},
        "grade": {"type": "category", "values": ["NA", "A"]},
    }
    frame = rows(
        term=np.where(np.arange(n) % 9 == 0, np.nan, 36.0),
        insured=np.where(np.arange(n) % 7 == 0, np.nan, np.arange(n) % 2),
        grade=np.where(np.arange(n) % 2 == 0, "NA", "A"),
    )
    spec = a_spec(columns=columns, source={"path": "landing", "format": "csv"})
    deliver(tmp_path, frame, "loans_1.csv")
    landing, found = labelled(tmp_path, spec, AS_OF)

    assert validate(landing, found, spec, AS_OF, None).failed == ()
    assert set(landing.frame["term"].dropna()) == {"36"}


def test_some_reports_of_no_landed_row_warn_with_their_count(tmp_path: Path) -> None:
    ids = [*(f"L0-{i:05d}" for i in range(0, 240, 4)), "0-lost", "1-lost"]
    days = pd.to_datetime(["2024-06-30"] * len(ids))
    deliver(tmp_path, pd.DataFrame({"loan_id": ids, "defaulted_on": days}), folder="reports")

    found = verdict(tmp_path, label={"rule": REPORTS, "performance_window_months": 1})

    broken = the_check(found, "strange reports")
    assert (found.result, broken.severity, broken.failing) == ("warn", "warn", 2)
    assert "2 of 62 keys (3.2%) in 'loan_id' are no landed row" in broken.detail
    assert broken.examples == ("text of 6 characters",)


def test_a_silent_label_feed_warns(tmp_path: Path) -> None:
    feed = pd.DataFrame({"loan_id": ["L0-00000"], "defaulted_on": pd.to_datetime(["2024-01-20"])})
    deliver(tmp_path, feed, folder="reports")

    found = verdict(tmp_path, label={"rule": REPORTS, "performance_window_months": 1})

    assert found.result == "warn"
    assert "days that the label feed ends early" in the_check(found, "label feed").detail


def test_no_rows_block_without_asking_further(tmp_path: Path) -> None:
    found = verdict(tmp_path, as_of=date(2020, 1, 1))

    assert found.result == "block"
    assert found.sentence == "rows: no row of 'loans' landed by 2020-01-01"


def test_data_docs_are_written_anew_and_show_no_value(tmp_path: Path) -> None:
    frame = rows(id=CANARY, home=CANARY)
    verdict(tmp_path, frame, docs=tmp_path / "docs")
    found = verdict(tmp_path, frame, docs=tmp_path / "docs")

    assert found.docs_uri == (tmp_path / "docs/loans/2024-07-02/index.html").as_uri()
    pages = list((tmp_path / "docs").rglob("*.html"))
    assert len([page for page in pages if "validations" in page.parts]) == 2
    assert not [page for page in pages if CANARY in page.read_text(encoding="utf-8")]


def test_data_docs_appear_whole_or_not_at_all(tmp_path: Path) -> None:
    def fail(_: str) -> None:
        raise InterruptedError

    verdict(tmp_path, rows(), docs=tmp_path / "docs")
    before = {path: path.read_bytes() for path in (tmp_path / "docs").rglob("*.html")}

    with pytest.raises(InterruptedError), armed(fail):
        verdict(tmp_path, rows(), docs=tmp_path / "docs")

    assert {path: path.read_bytes() for path in (tmp_path / "docs").rglob("*.html")} == before
