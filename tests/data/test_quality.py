"""The data-quality report: a score with a formula, and figures of no single person."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from finrisk.data.contracts import validate
from finrisk.data.quality import QualityParts, QualityReport, quality_report
from finrisk.data.quarantine import all_of, set_broken_aside
from finrisk.records import DataVerdict
from tests.data.factories import DATED, a_spec, deliver, landed, rows

AS_OF = date(2024, 7, 2)
FRESH = {"rows_per_vintage": {"history": 2}, "max_age_days": 40}


def report(
    home: Path, frame: pd.DataFrame | None = None, as_of: date = AS_OF, **changes: Any
) -> QualityReport:
    spec = a_spec(**{"contract": FRESH, **changes})
    deliver(home, rows() if frame is None else frame)
    delivered = all_of(landed(home, spec, as_of), spec, as_of)
    delivered, labelled = set_broken_aside(delivered, spec, as_of)
    landing, checks = delivered.landing, delivered.aside.checks
    verdict = validate(landing, labelled, spec, as_of, None, checks)
    return quality_report(spec, as_of, verdict, delivered, labelled)


def test_a_clean_fresh_delivery_has_the_score_1(tmp_path: Path) -> None:
    found = report(tmp_path)

    assert found.parts == QualityParts(1.0, 1.0, 1.0, 1.0)
    assert (found.score, found.result, found.checks_failed) == (1.0, "pass", 0)
    assert (found.rows, found.quarantined) == (240, 0)


def without(column: str, count: int) -> pd.DataFrame:
    frame = rows()
    frame[column] = frame[column].astype(object)
    frame.loc[: count - 1, column] = None
    return frame


# 8 columns are declared, and of each the missing cells are limited: of dependants to a half
FAULTS: dict[str, tuple[pd.DataFrame, tuple[float, float, float, float]]] = {
    "a value is missing": (without("home", 24), (1 - 0.1 / 8, 0.9, 1.0, 1.0)),
    "a value is out of range": (rows(income=-1.0), (1.0, 0.0, 1.0, 1.0)),
    "a key stands twice": (
        pd.concat([rows(), rows().head(60)]),
        (1.0, 1.0, 1 - 120 / 300, 1.0),
    ),
    "more is missing than may be": (
        rows(dependants=np.where(np.arange(240) < 180, np.nan, 1.0)),
        (1 - 0.5 / 8, 1.0, 1.0, 1.0),
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_costs_its_part(tmp_path: Path, fault: str) -> None:
    frame, parts = FAULTS[fault]

    found = report(tmp_path, frame)

    assert found.parts == QualityParts(*(pytest.approx(part) for part in parts))  # type: ignore[arg-type]
    assert found.score == pytest.approx(sum(parts) / 4, abs=1e-6)


def test_an_old_delivery_costs_its_timeliness(tmp_path: Path) -> None:
    found = report(tmp_path, as_of=date(2024, 8, 9))  # the newest row is of 28 June

    assert found.parts.timeliness == 0.0
    assert found.score == pytest.approx(0.75)


def test_what_the_contract_does_not_ask_for_is_no_part_of_the_score(tmp_path: Path) -> None:
    free = {"rows_per_vintage": {"history": 2}}

    found = report(tmp_path, rows(income=-1.0), contract=free, row_key="file_position")

    assert (found.parts.uniqueness, found.parts.timeliness) == (None, None)
    assert found.score == 0.5


def test_the_score_is_the_same_whether_rows_are_set_aside_or_block(tmp_path: Path) -> None:
    frame = without("home", 1)
    frame.loc[5, "income"] = -7.0
    frame.loc[6, "opened"] = pd.NaT
    frame = pd.concat([frame, frame.loc[[7]]])
    policy = {**FRESH, "quarantine": {"max_share": 0.1}}

    blocked = report(tmp_path / "blocked", frame)
    warned = report(tmp_path / "aside", frame, contract=policy)

    assert (blocked.result, warned.result) == ("block", "warn")
    assert (blocked.rows, blocked.quarantined) == (240, 0)
    assert (warned.rows, warned.quarantined) == (237, 4)
    assert blocked.parts == warned.parts
    assert blocked.score == warned.score < 1
    assert blocked.vintages[0].broken_rows == warned.vintages[0].broken_rows == 4
    assert {v.broken_rows for v in warned.vintages[1:]} == {0}


def test_vintages_have_their_rows_missing_cells_and_believed_bad_rate(tmp_path: Path) -> None:
    found = report(tmp_path)

    assert [v.vintage for v in found.vintages] == [f"2024-0{m}" for m in range(1, 7)]
    assert {v.rows for v in found.vintages} == {40}
    assert found.vintages[0].missing_share == pytest.approx(4 / 40 / 8)
    assert [v.bad_rate for v in found.vintages] == [0.25] * 5 + [None]


def test_the_date_of_the_labels_event_is_no_missing_cell(tmp_path: Path) -> None:
    paid = pd.Series(pd.NaT, index=range(240))
    paid[:60] = pd.Timestamp("2024-06-20")
    frame = rows(status="Current", last_paid=paid, dependants=1.0)
    columns = {"status": {"type": "text"}, "last_paid": {"type": "date", "nullable": True}}
    label = {"rule": DATED, "performance_window_months": 1}

    found = report(tmp_path, frame, columns=columns, label=label)

    assert found.missing_share == 0.0
    assert {vintage.missing_share for vintage in found.vintages} == {0.0}
    assert next(c.missing_share for c in found.columns if c.name == "last_paid") == 0.75


def test_a_bad_rate_of_few_labels_is_not_told(tmp_path: Path) -> None:
    found = report(tmp_path, rows(months=2, each=19))

    assert [v.bad_rate for v in found.vintages] == [None, None]


def test_columns_are_told_by_type_and_the_key_without_figures(tmp_path: Path) -> None:
    found = report(tmp_path)

    columns = {column.name: column for column in found.columns}
    assert list(columns) == list(a_spec().columns)
    assert columns["id"].distinct == 240
    assert columns["home"].shares == {"rent": pytest.approx(2 / 3), "own": pytest.approx(1 / 3)}
    assert columns["opened"].last_month == "2024-06"
    assert columns["dependants"].missing_share == pytest.approx(0.1)
    assert found.missing_share == pytest.approx(0.1 / 8)
    assert sum(found.dtypes.values()) == 8
    assert found.dtypes["float64"] == 2


def test_rows_that_could_not_be_labelled_are_described_all_the_same(tmp_path: Path) -> None:
    spec = a_spec(contract=FRESH)
    deliver(tmp_path, rows())
    delivered = all_of(landed(tmp_path, spec, AS_OF), spec, AS_OF)

    found = quality_report(spec, AS_OF, DataVerdict("block"), delivered, None, ("no label",))

    assert (found.rows, found.score) == (240, 1.0)
    assert {v.bad_rate for v in found.vintages} == {None}
    assert found.checks_failed == 1


def test_a_night_that_could_read_nothing_has_the_score_0() -> None:
    found = quality_report(a_spec(), AS_OF, DataVerdict("block"), None, None, ("nothing landed",))

    assert (found.score, found.rows, found.missing_share) == (0.0, 0, None)
    assert found.columns == found.vintages == ()
    assert found.checks_failed == 1


def test_a_delivery_before_its_time_has_the_score_0(tmp_path: Path) -> None:
    assert report(tmp_path, as_of=date(2023, 1, 1)).score == 0.0


def test_a_delivery_without_any_day_is_neither_fresh_nor_valid(tmp_path: Path) -> None:
    frame = rows()
    frame["opened"] = pd.NaT

    found = report(tmp_path, frame)

    assert found.parts.timeliness == found.parts.validity == 0.0
    assert found.parts.uniqueness is None
    assert found.parts.completeness == pytest.approx(7 / 8)


def test_the_same_delivery_gives_the_same_bytes_and_they_can_be_read_back(tmp_path: Path) -> None:
    one, other = report(tmp_path / "a"), report(tmp_path / "b")

    assert one.canonical() == other.canonical()
    assert QualityReport.from_json(json.loads(one.canonical())) == one
    assert one.line.score == one.score
