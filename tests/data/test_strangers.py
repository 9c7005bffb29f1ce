from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from finrisk.data.landing import EVENT_DAY, ROW_ID
from finrisk.data.reports import EVENT_ON, Reports
from finrisk.data.strangers import strange_reports
from tests.data.factories import REPORTS, a_spec

SPEC = a_spec(label={"rule": REPORTS, "performance_window_months": 6})
EARLY, LATE = "2024-03-01", "2024-09-01"  # the first row's window ends on 2024-07-10


def landed(n: int = 200) -> pd.DataFrame:
    days = np.datetime64("2024-01-10") + np.arange(n)
    return pd.DataFrame(
        {
            ROW_ID: pd.Series([f"{i:05d}" for i in range(n)], dtype="str"),
            EVENT_DAY: pd.Series(days).astype("datetime64[us]"),
        }
    )


def feed(known: int, strangers: list[str], day: str = LATE) -> Reports:
    ids = [*(f"{i:05d}" for i in range(known)), *strangers]
    days = pd.to_datetime(pd.Series([LATE] * known + [day] * len(strangers)))
    frame = pd.DataFrame({ROW_ID: pd.Series(ids, dtype="str"), EVENT_ON: days})
    return Reports(frame, ("1",), ())


def test_reports_that_all_name_landed_rows_are_in_order() -> None:
    assert strange_reports(feed(100, []), landed(), SPEC) == ((), ())


@pytest.mark.parametrize(
    ("known", "strange", "problems", "findings"),
    [(98, 2, 0, 0), (97, 3, 0, 1), (80, 20, 0, 1), (79, 21, 1, 0)],
)
def test_few_are_let_be_some_warn_and_a_fifth_holds(
    known: int, strange: int, problems: int, findings: int
) -> None:
    reports = feed(known, [f"X{i}" for i in range(strange)])

    found = strange_reports(reports, landed(), SPEC)

    assert (len(found[0]), len(found[1])) == (problems, findings)


def test_a_problem_names_count_and_share_and_shows_no_key() -> None:
    reports = feed(6, ["SECRET", "199", "198.0", "197"])

    ((problem,), findings) = strange_reports(reports, landed(), SPEC)

    assert problem.startswith("reports: 4 of 10 keys (40.0%) in 'loan_id' are no landed row, 3 of")
    assert problem.endswith(
        "(text of 6 characters, text of 3 characters, text of 5 characters); remedy: compare keys"
    )
    assert "SECRET" not in problem
    assert findings == ()


def test_until_the_first_rows_window_ends_a_stranger_may_be_an_older_row() -> None:
    strangers = [f"X{i}" for i in range(50)]

    assert strange_reports(feed(50, strangers, "2024-07-10"), landed(), SPEC) == ((), ())
    assert strange_reports(feed(50, strangers, "2024-07-11"), landed(), SPEC)[0]


@pytest.mark.parametrize("spelt", ["{}", "{}.0", "{:05d}.0", " {:05d}", "{:05d} "])
def test_a_landed_key_spelt_differently_counts_however_early_its_event(spelt: str) -> None:
    strangers = [spelt.format(i) for i in range(100, 150)]

    assert strange_reports(feed(50, strangers, EARLY), landed(), SPEC)[0]


def test_events_before_the_first_landed_row_are_of_older_rows() -> None:
    assert strange_reports(feed(50, ["199"] * 50, "2024-01-10"), landed(), SPEC) == ((), ())


def test_no_reports_are_not_judged_and_none_of_any_is_a_problem() -> None:
    assert strange_reports(feed(0, []), landed(), SPEC) == ((), ())
    assert strange_reports(feed(0, ["X"]), landed(0), SPEC)[0] == (
        "reports: none of 1 keys in 'loan_id' is a landed row; remedy: compare keys",
    )


def test_where_a_query_leaves_out_old_rows_only_a_misspelt_key_is_a_stranger() -> None:
    query = "SELECT * FROM loans WHERE opened >= :first_day AND opened <= :last_day"
    in_part = a_spec(
        label={"rule": REPORTS, "performance_window_months": 6},
        source={"connection": "dwh", "query": query},
        training={"max_vintages": 4},
    )
    of_older_rows, misspelt = [f"X{i}" for i in range(50)], [str(i) for i in range(100, 150)]

    assert strange_reports(feed(50, of_older_rows), landed(), in_part) == ((), ())
    assert strange_reports(feed(50, misspelt), landed(), in_part)[0]
