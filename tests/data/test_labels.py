from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from finrisk.data.labels import DAYS_TO_EVENT, LABEL, VINTAGE, Labelled, attach_labels
from finrisk.data.landing import EVENT_DAY, ROW_ID
from finrisk.data.reports import EVENT_ON, KNOWN_ON, Reports
from finrisk.errors import LabelError
from finrisk.specs.model_spec import ModelSpec
from tests.data.factories import DATED, REPORTS, a_spec, deliver, labelled, rows

LATE = date(2026, 1, 1)


def frame(*days: str, **columns: Any) -> pd.DataFrame:
    hidden = {
        ROW_ID: pd.Series([f"L{i}" for i in range(len(days))], dtype="str"),
        EVENT_DAY: pd.to_datetime(pd.Series(days)).astype("datetime64[us]"),
    }
    return pd.DataFrame({**hidden, **columns})


def column_spec(**rule: Any) -> ModelSpec:
    label = {"kind": "column", "column": "bad", **rule}
    kind = {"type": "category"} if any(isinstance(v, str) for v in rule.get("bad", ())) else None
    columns = {"bad": kind or {"type": "integer"}}
    return a_spec(columns=columns, label={"rule": label, "performance_window_months": 1})


def event_spec(kind: dict[str, Any], **window: int) -> ModelSpec:
    columns = {"status": {"type": "text"}, "last_paid": {"type": "date"}}
    window = window or {"performance_window_months": 6}
    return a_spec(columns=columns, label={"rule": kind, **window})


def labels(found: Labelled) -> list[int | None]:
    return [None if pd.isna(v) else int(v) for v in found.frame[LABEL]]


def reports(*lines: tuple[str, str], problems: tuple[str, ...] = ()) -> Reports:
    ids, days = zip(*lines, strict=True) if lines else ((), ())
    feed = {
        ROW_ID: pd.Series(ids, dtype="str"),
        EVENT_ON: pd.Series(pd.to_datetime(list(days))).astype("datetime64[us]"),
    }
    feed[KNOWN_ON] = feed[EVENT_ON]
    return Reports(pd.DataFrame(feed), ("1",), problems)


def test_a_vintage_that_has_not_matured_has_no_labels_even_for_known_bads() -> None:
    landed = frame("2024-01-05", "2024-02-05", bad=[1, 1])

    found = attach_labels(landed, column_spec(), date(2024, 3, 1))

    assert labels(found) == [1, None]
    assert (found.immature, found.indeterminate) == (1, 0)
    assert found.frame[VINTAGE].tolist() == ["2024-01", "2024-02"]


def test_an_early_report_waits_for_its_vintage_too() -> None:
    landed = frame("2024-01-05", "2024-01-20")

    early = attach_labels(
        landed, event_spec(REPORTS), date(2024, 7, 30), reports(("L0", "2024-02-01"))
    )
    mature = attach_labels(
        landed, event_spec(REPORTS), date(2024, 7, 31), reports(("L0", "2024-02-01"))
    )

    assert labels(early) == [None, None]
    assert labels(mature) == [1, 0]


def test_declared_values_make_bad_good_and_indeterminate() -> None:
    spec = column_spec(bad=("Charged Off",), good=("Paid",), indeterminate=("Withdrawn",))
    landed = frame(*["2024-01-05"] * 4, bad=["Charged Off", "Paid", "Withdrawn", "Paid"])

    found = attach_labels(landed, spec, LATE)

    assert labels(found) == [1, 0, None, 0]
    assert found.indeterminate == 1


def test_without_declared_goods_every_other_value_is_good() -> None:
    spec = column_spec(bad=("Charged Off",), good=None)

    assert labels(attach_labels(frame("2024-01-05", bad=["Paid"]), spec, LATE)) == [0]


@pytest.mark.parametrize(
    ("values", "dtype"), [([1, 0], "int64"), ([1.0, 0.0], "float64"), ([True, False], "boolean")]
)
def test_one_and_zero_mean_bad_and_good_however_they_are_stored(
    values: list[Any], dtype: str
) -> None:
    kind = {"boolean": "boolean", "float64": "number"}.get(dtype, "integer")
    spec = a_spec(columns={"bad": {"type": kind}})
    landed = frame("2024-01-05", "2024-01-06", bad=pd.array(values, dtype=dtype))

    assert labels(attach_labels(landed, spec, LATE)) == [1, 0]


@pytest.mark.parametrize(
    ("kind", "declared"),
    [
        *[(kind, value) for kind in ("integer", "number") for value in (36, 36.0, "36", "36.0")],
        *[(kind, value) for kind in ("category", "text") for value in (36, 36.0, "36", "36.0")],
    ],
)
@pytest.mark.parametrize("written", ["36", "36.0"])
def test_a_number_is_one_label_however_it_is_declared_and_written(
    tmp_path: Path, kind: str, declared: Any, written: str
) -> None:
    spec = a_spec(
        columns={"bad": {"type": kind}},
        source={"path": "landing", "format": "csv"},
        label={"rule": {"kind": "column", "column": "bad", "bad": [declared], "good": [0]}},
    )
    deliver(tmp_path, rows(months=1, each=3, bad=[written, "0", "0.0"]), "loans_1.csv")

    _, found = labelled(tmp_path, spec)

    assert labels(found) == [1, 0, 0]


@pytest.mark.parametrize("declared", [True, 1, 1.0, "1.0", "true", "True"])
def test_a_truth_is_one_label_however_it_is_declared(declared: Any) -> None:
    rule = {"kind": "column", "column": "bad", "bad": [declared], "good": [False]}
    spec = a_spec(columns={"bad": {"type": "boolean"}}, label={"rule": rule})
    landed = frame("2024-01-05", "2024-01-06", bad=pd.array([True, False], dtype="boolean"))

    assert labels(attach_labels(landed, spec, LATE)) == [1, 0]


@pytest.mark.parametrize("word", ["", "NA", "NULL", " nan", None])
@pytest.mark.parametrize("kind", ["category", "text"])
def test_a_missing_label_is_no_good_row_even_where_every_other_value_is(
    tmp_path: Path, kind: str, word: str | None
) -> None:
    rule = {"kind": "column", "column": "bad", "bad": ["default"], "good": None}
    csv = {"path": "landing", "format": "csv"}
    spec = a_spec(columns={"bad": {"type": kind}}, source=csv, label={"rule": rule})
    deliver(tmp_path, rows(months=1, each=2, bad=["default", word]), "loans_1.csv")

    with pytest.raises(LabelError, match="1 matured rows of model 'loans' have another label"):
        labelled(tmp_path, spec)


@pytest.mark.parametrize("kind", ["category", "text"])
def test_a_declared_label_word_is_not_missing(tmp_path: Path, kind: str) -> None:
    rule = {"kind": "column", "column": "bad", "bad": ["D"], "good": None, "indeterminate": ["NA"]}
    csv = {"path": "landing", "format": "csv"}
    spec = a_spec(columns={"bad": {"type": kind}}, source=csv, label={"rule": rule})
    deliver(tmp_path, rows(months=1, each=3, bad=["D", "NA", "paid"]), "loans_1.csv")

    _, found = labelled(tmp_path, spec)

    assert labels(found) == [1, None, 0]
    assert found.indeterminate == 1


def test_a_dated_event_is_unknown_where_its_word_stands_for_missing() -> None:
    day = pd.to_datetime(["2024-03-01"] * 3)
    landed = frame(*["2024-01-10"] * 3, status=["NULL", "Charged Off", "Paid"], last_paid=day)

    assert labels(attach_labels(landed, event_spec(DATED), LATE)) == [None, 1, 0]


@pytest.mark.parametrize("strange", [2, -1, 1234567, None])
def test_another_label_among_matured_rows_is_an_error_that_shows_no_value(
    strange: int | None,
) -> None:
    landed = frame("2024-01-05", "2024-01-06", bad=[0.0, np.nan if strange is None else strange])

    with pytest.raises(LabelError) as caught:
        attach_labels(landed, column_spec(), LATE)

    message = str(caught.value)
    assert message.startswith("1 matured rows of model 'loans' have another label in column 'bad'")
    assert "expected bad [1], good [0]" in message
    assert "1234567" not in message


def test_another_label_among_immature_rows_is_not_looked_at() -> None:
    landed = frame("2024-01-05", "2024-02-06", bad=[0, 9])

    assert labels(attach_labels(landed, column_spec(), date(2024, 3, 1))) == [0, None]


def test_an_event_counts_only_within_the_rows_own_window() -> None:
    landed = frame(
        *["2024-01-10"] * 6,
        status=["Charged Off", "Policy: Charged Off", "Charged Off", "Paid", "Charged Off", None],
        last_paid=pd.to_datetime(
            ["2024-06-10", "2024-03-01", "2024-06-11", "2024-02-01", None, "2024-02-01"]
        ),
    )

    found = attach_labels(landed, event_spec(DATED), LATE)

    assert labels(found) == [1, 1, 0, 0, None, None]
    assert found.indeterminate == 2
    assert found.frame[DAYS_TO_EVENT].iloc[0] == 182  # 2024-07-10, a month after the last payment
    assert np.isnan(found.frame[DAYS_TO_EVENT].iloc[3])


def test_an_event_without_a_date_of_its_own_is_reckoned_from_the_fallback() -> None:
    landed = frame("2024-01-10", status=["Charged Off"], last_paid=pd.to_datetime([None]))
    landed["opened"] = pd.to_datetime("2024-01-10")
    without, fallback = event_spec(DATED), event_spec({**DATED, "fallback_date_column": "opened"})

    assert labels(attach_labels(landed, without, LATE)) == [None]
    assert labels(attach_labels(landed, fallback, LATE)) == [1]


def test_an_event_can_be_flagged_by_a_value() -> None:
    rule = {k: v for k, v in DATED.items() if k != "contains"} | {"equals": "D"}
    landed = frame(
        "2024-01-10", "2024-01-10", status=["D", "DD"], last_paid=pd.to_datetime(["2024-03-01"] * 2)
    )

    assert labels(attach_labels(landed, event_spec(rule), LATE)) == [1, 0]


def test_reports_count_from_the_event_day_to_the_windows_end() -> None:
    landed = frame(*["2024-01-10"] * 5)
    feed = reports(
        ("L0", "2024-01-10"), ("L1", "2024-07-10"), ("L2", "2024-07-11"), ("L3", "2024-01-09")
    )

    found = attach_labels(landed, event_spec(REPORTS), LATE, feed)

    assert labels(found) == [1, 1, 0, None, 0]
    assert found.frame[DAYS_TO_EVENT].iloc[3] == -1
    assert found.newest_report == date(2024, 7, 11)


def test_the_feeds_problems_travel_with_the_labels() -> None:
    found = attach_labels(frame("2024-01-10"), event_spec(REPORTS), LATE, reports(problems=("x",)))

    assert found.problems == ("x",)
    assert found.newest_report is None


def test_a_feed_that_knows_no_landed_row_is_a_problem() -> None:
    feed = reports(("00L0", "2024-02-01"))

    found = attach_labels(frame("2024-01-10"), event_spec(REPORTS), LATE, feed)

    assert found.problems[0].startswith("reports: none of 1 keys in 'loan_id' is a landed row")


def test_a_feed_that_lost_leading_zeros_in_part_is_a_problem_though_most_keys_match() -> None:
    landed = frame(*["2024-01-10"] * 40)
    landed[ROW_ID] = pd.Series([f"{i:04d}" for i in range(40)], dtype="str")
    lines = [(f"{i:04d}" if i < 14 else str(i), "2024-02-01") for i in range(20)]

    found = attach_labels(landed, event_spec(REPORTS), LATE, reports(*lines))

    assert found.problems[0].startswith("reports: 6 of 20 keys (30.0%) in 'loan_id'")


def test_a_rule_of_reports_demands_the_feed() -> None:
    with pytest.raises(LabelError, match="label feed was not read; expected the reports of"):
        attach_labels(frame("2024-01-10"), event_spec(REPORTS), LATE)


def test_counts_are_of_labelled_rows_by_vintage(tmp_path: Path) -> None:
    deliver(tmp_path, rows(months=3))

    _, found = labelled(tmp_path, a_spec(), date(2024, 4, 1))

    assert [(c.vintage, c.rows, c.bads) for c in found.counts] == [
        ("2024-01", 40, 10),
        ("2024-02", 40, 10),
    ]


def test_no_rows_have_no_labels() -> None:
    found = attach_labels(frame(bad=pd.Series(dtype="int64")), column_spec(), LATE)

    assert found.counts == ()
    assert (found.immature, found.indeterminate) == (0, 0)


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.integers(min_value=0, max_value=400), st.integers(min_value=0, max_value=2**32 - 1))
def test_no_label_depends_on_rows_or_reports_that_came_later(days_on: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    opened = np.sort(np.datetime64("2024-01-01") + rng.integers(0, 300, 60))
    defaulted = opened + rng.integers(1, 300, 60)
    landed = frame(*opened.astype(str))
    feed = reports(*((f"L{i}", str(d)) for i, d in enumerate(defaulted)))
    as_of = (np.datetime64("2024-01-01") + days_on).item()
    known = landed[landed[EVENT_DAY] <= np.datetime64(as_of)]
    heard = Reports(feed.frame[feed.frame[EVENT_ON] <= np.datetime64(as_of)], ("1",), ())

    with_future = attach_labels(landed, event_spec(REPORTS), as_of, feed)
    without = attach_labels(known, event_spec(REPORTS), as_of, heard)

    assert labels(with_future)[: len(known)] == labels(without)
    assert with_future.counts == without.counts
