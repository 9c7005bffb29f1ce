"""A correction in a database is told, and what only grew older is not."""

from __future__ import annotations

from datetime import date
from typing import Any

import pandas as pd
import pytest

from finrisk.data.landing import EVENT_DAY, Landing, read_landing
from finrisk.data.landing_register import CORRECTED_VINTAGE, LandingRegister
from finrisk.data.vintage_digests import vintage_digests
from finrisk.specs.model_spec import ModelSpec
from tests.data.factories import DATED, a_spec, rows
from tests.data.test_sql_source import as_sqlite_holds_them, fill, of_a_table

AS_OF = date(2024, 5, 10)
NEXT = date(2024, 5, 11)
STATUS = {
    "status": {"type": "text", "nullable": True},
    "last_paid": {"type": "date", "nullable": True},
}


def digests(frame: pd.DataFrame, spec: ModelSpec, as_of: date = AS_OF) -> dict[str, str]:
    return {
        told.first_name: told.sha256
        for told in vintage_digests(frame, frame["opened"], spec, as_of)
    }


def names(frame: pd.DataFrame, spec: ModelSpec, as_of: date = AS_OF) -> list[tuple[str, Any]]:
    return [(told.name, told.rows) for told in vintage_digests(frame, frame["opened"], spec, as_of)]


def test_matured_vintages_are_told_but_the_oldest_which_may_be_read_in_part() -> None:
    assert names(rows(), a_spec()) == [("2024-02", 40), ("2024-03", 40)]
    assert names(rows(), a_spec(), date(2024, 2, 1)) == []
    assert names(rows().iloc[:0], a_spec()) == []


def test_the_order_of_rows_does_not_count() -> None:
    shuffled = rows().sample(frac=1, random_state=1)

    assert digests(shuffled, a_spec()) == digests(rows(), a_spec())


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("income", 1.0),
        ("home", None),
        ("employed", False),
        ("bad", 1),
        ("age_band", "60+"),
        ("dependants", 9.0),
        ("id", "another"),
    ],
)
def test_a_changed_cell_changes_its_vintage_alone(column: str, value: Any) -> None:
    corrected = rows()
    corrected.loc[46, column] = value

    before, after = digests(rows(), a_spec()), digests(corrected, a_spec())

    assert [name[:7] for name in before if before[name] != after[name]] == ["2024-02"]


def test_a_row_that_came_twice_or_late_changes_its_vintage() -> None:
    more = pd.concat([rows(), rows().iloc[[45]]], ignore_index=True)

    assert digests(more, a_spec()) != digests(rows(), a_spec())


def test_what_is_known_only_after_the_outcome_may_change() -> None:
    frame = rows().assign(status="Current", last_paid=pd.Timestamp("2024-04-01"))
    spec = a_spec(
        columns=STATUS,
        label={"rule": DATED, "performance_window_months": 1},
        leakage_columns=["bad"],
    )
    older = frame.assign(status="Charged Off", last_paid=pd.Timestamp("2024-05-01"), bad=1)

    assert digests(older, spec) == digests(frame, spec)


def test_another_list_of_columns_is_compared_with_nothing() -> None:
    frame = rows().assign(more=1.0)
    wider = a_spec(columns={"more": {"type": "number"}})

    assert not set(digests(frame, wider)) & set(digests(frame, a_spec()))


def test_a_correction_in_a_database_is_told_with_its_vintage_rows_and_night(tmp_path: Any) -> None:
    spec = of_a_table()

    def read(name: str, frame: pd.DataFrame, as_of: date) -> Landing:
        address = f"sqlite:///{tmp_path}/{name}.db"
        fill(address, as_sqlite_holds_them(frame))
        return read_landing(spec, tmp_path, as_of, lambda _: address)

    corrected = rows()
    corrected.loc[corrected["opened"].dt.month == 3, "income"] *= 2
    first = read("first", rows(), AS_OF)
    register = LandingRegister().recorded(first.landed, AS_OF)

    same = register.findings(read("same", rows(), NEXT).landed, NEXT, "month")
    found = register.findings(read("corrected", corrected, NEXT).landed, NEXT, "month")

    assert EVENT_DAY in first.frame
    assert same == ()
    assert [f"{check.check}: {check.detail}" for check in found] == [
        f"{CORRECTED_VINTAGE}: 2024-03, 40 rows, other content than on 2024-05-10"
    ]
    assert {check.severity for check in found} == {"warn"}
