"""Rows that break the contract are set aside, few as they are; the rest is judged as ever."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from finrisk.data.contracts import validate
from finrisk.data.labels import DAYS_TO_EVENT, LABEL, Labelled
from finrisk.data.landing import EVENT_DAY, ROW_ID
from finrisk.data.quarantine import REASONS, Delivered, all_of, set_broken_aside
from finrisk.data.quarantine_store import QuarantineStore
from finrisk.data.reports import reports_for
from finrisk.errors import LabelError
from finrisk.records import Check
from finrisk.specs.model_spec import ModelSpec
from tests.data.factories import DATED, REPORTS, a_spec, deliver, landed, rows

AS_OF = date(2024, 7, 2)
A_TENTH = {"contract": {"rows_per_vintage": {"history": 2}, "quarantine": {"max_share": 0.1}}}


def sorted_out(
    home: Path, frame: pd.DataFrame, **changes: Any
) -> tuple[ModelSpec, Delivered, Labelled]:
    spec = a_spec(**{**A_TENTH, **changes})
    deliver(home, frame)
    landing = landed(home, spec, AS_OF)
    delivered, labelled = set_broken_aside(
        all_of(landing, spec, AS_OF), spec, AS_OF, reports_for(spec, home, AS_OF)
    )
    return spec, delivered, labelled


def spoilt(column: str, *values: object) -> pd.DataFrame:
    """Good rows, the first of which have other values in a column."""
    frame = rows()
    cells = frame[column].astype(object)
    cells.iloc[: len(values)] = list(values)
    return frame.assign(**{column: cells.infer_objects()})


def named(delivered: Delivered) -> dict[str, Check]:
    return {check.check: check for check in delivered.aside.checks}


BROKEN = {
    "missing value": (spoilt("home", None), "home", "missing value: home"),
    "unknown value": (spoilt("home", "castle"), "home", "unknown value: home"),
    "range": (spoilt("income", -7.0, 5e6), "income", "range: income"),
    "type": (spoilt("income", np.inf), "income", "type: income"),
    "missing key": (spoilt("id", None), "id", "missing key: id"),
    "event day": (spoilt("opened", pd.NaT), "opened", "event day"),
}


@pytest.mark.parametrize("check", BROKEN)
def test_a_row_that_breaks_a_blocking_rule_is_set_aside_with_its_reason(
    tmp_path: Path, check: str
) -> None:
    frame, column, reason = BROKEN[check]

    spec, delivered, labelled = sorted_out(tmp_path, frame)

    (told,) = delivered.aside.checks
    count = len(delivered.aside.rows)
    assert (told.severity, told.check, told.column) == ("warn", f"quarantined: {check}", column)
    assert told.failing == count > 0
    assert f"{count} of 240 rows set aside" in told.detail
    assert set(delivered.aside.rows[REASONS]) == {reason}
    verdict = validate(delivered.landing, labelled, spec, AS_OF, None, delivered.aside.checks)
    assert (verdict.result, verdict.failed) == ("warn", (told,))
    assert len(labelled.frame) == len(delivered.landing.frame) == 240 - count


def test_what_is_set_aside_is_the_whole_row_and_no_check_shows_a_value(tmp_path: Path) -> None:
    spec, delivered, _ = sorted_out(tmp_path, spoilt("income", 987654.0, -5.0))

    aside = delivered.aside.rows
    assert list(aside.columns) == [ROW_ID, EVENT_DAY, REASONS, *spec.columns]
    assert aside[ROW_ID].tolist() == ["L0-00000", "L0-00001"]
    assert aside["income"].tolist() == [987654.0, -5.0]
    assert "987654" not in str(delivered.aside.checks)
    assert named(delivered)["quarantined: range"].examples == (
        "number of 6 digits",
        "negative number of 1 digit",
    )


def test_a_row_names_every_rule_that_it_breaks(tmp_path: Path) -> None:
    frame = spoilt("home", "castle")
    frame.loc[0, "income"] = -1.0

    _, delivered, _ = sorted_out(tmp_path, frame)

    assert delivered.aside.rows[REASONS].tolist() == ["range: income; unknown value: home"]
    assert set(named(delivered)) == {"quarantined: range", "quarantined: unknown value"}


def test_without_the_policy_every_row_is_kept_and_the_night_blocks(tmp_path: Path) -> None:
    spec, delivered, labelled = sorted_out(tmp_path, spoilt("income", -7.0), contract={})

    assert delivered.landing is delivered.landed
    assert delivered.aside.checks == ()
    assert delivered.aside.rows.empty
    assert validate(delivered.landing, labelled, spec, AS_OF, None).result == "block"


@pytest.mark.parametrize(("broken", "aside"), [(4, 4), (5, 0)])
def test_above_the_share_of_one_vintage_nothing_is_set_aside(
    tmp_path: Path, broken: int, aside: int
) -> None:
    _, delivered, _ = sorted_out(tmp_path, spoilt("income", *[-7.0] * broken))

    assert len(delivered.aside.rows) == aside
    if not aside:
        (told,) = delivered.aside.checks
        assert (told.severity, told.check, told.failing) == ("block", "quarantine not used", 5)
        assert told.detail == "1 vintage above max_share 10.0 % (2024-01 12.5 %)"


def test_every_vintage_above_the_share_is_told_the_worst_first(tmp_path: Path) -> None:
    frame = spoilt("income", *[-7.0] * 5)
    frame.loc[40:46, "income"] = -7.0

    _, delivered, _ = sorted_out(tmp_path, frame)

    (told,) = delivered.aside.checks
    assert told.detail == "2 vintages above max_share 10.0 % (2024-02 17.5 %, 2024-01 12.5 %)"


def test_rows_without_a_day_count_against_the_share_of_all(tmp_path: Path) -> None:
    few, many = spoilt("opened", *[pd.NaT] * 24), spoilt("opened", *[pd.NaT] * 25)

    _, kept, _ = sorted_out(tmp_path / "few", few)
    _, refused, _ = sorted_out(tmp_path / "many", many)

    assert len(kept.aside.rows) == 24
    assert kept.landing.breaches == ()
    assert refused.aside.rows.empty
    told = named(refused)["quarantine not used"].detail
    assert told == "all rows together above max_share 10.0 % (10.4 %)"


def test_a_rule_that_only_warns_sets_nothing_aside(tmp_path: Path) -> None:
    lenient = {"income": {"type": "number", "min": 0, "severity": "warn"}}

    _, delivered, _ = sorted_out(tmp_path, spoilt("income", -7.0), columns=lenient)

    assert delivered.aside.rows.empty
    assert delivered.breaks.mask().sum() == 1
    assert delivered.breaks.mask(severity="block").sum() == 0


def test_of_copies_alike_one_is_kept_and_of_copies_that_differ_none(tmp_path: Path) -> None:
    frame = rows()
    other = frame.loc[[1]].assign(income=1.0)
    frame = pd.concat([frame, frame.loc[[0, 0]], other], ignore_index=True)

    _, delivered, labelled = sorted_out(tmp_path, frame)

    assert sorted(delivered.aside.rows[ROW_ID]) == ["L0-00000", "L0-00000", "L0-00001", "L0-00001"]
    assert (labelled.frame[ROW_ID] == "L0-00000").sum() == 1
    assert named(delivered)["quarantined: duplicate key"].failing == 4
    assert labelled.frame[ROW_ID].is_unique


def test_rows_without_a_key_of_their_own_are_never_copies(tmp_path: Path) -> None:
    frame = pd.concat([rows(), rows().head(1)])

    _, delivered, _ = sorted_out(tmp_path, frame, row_key="file_position")

    assert delivered.aside.rows.empty


def test_a_label_of_another_type_no_longer_stops_the_night(tmp_path: Path) -> None:
    frame = rows().assign(bad=rows()["bad"].astype("float64"))
    frame.loc[3, "bad"] = 0.5

    with pytest.raises(LabelError):
        sorted_out(tmp_path / "blocked", frame, contract={})
    _, delivered, labelled = sorted_out(tmp_path / "kept", frame)

    assert delivered.aside.rows[REASONS].tolist() == ["type: bad"]
    assert labelled.frame[LABEL].notna().sum() == 199  # June has not matured


DECLARED = {"kind": "column", "column": "bad", "good": [0], "indeterminate": [2]}


def test_a_label_that_is_not_declared_is_set_aside_and_without_the_policy_stops_the_night(
    tmp_path: Path,
) -> None:
    frame = spoilt("bad", 7, 2)
    frame.loc[239, "bad"] = 8  # of June, which has not matured: nobody believes it yet
    label = {"rule": DECLARED, "performance_window_months": 1}

    with pytest.raises(LabelError, match="another label"):
        sorted_out(tmp_path / "blocked", frame, contract={}, label=label)
    _, delivered, labelled = sorted_out(tmp_path / "kept", frame, label=label)

    assert delivered.aside.rows[ROW_ID].tolist() == ["L0-00000"]
    assert delivered.aside.rows[REASONS].tolist() == ["another label: bad"]
    told = named(delivered)["quarantined: another label"]
    assert (told.severity, told.failing, told.examples) == ("warn", 1, ("number of 1 digit",))
    assert labelled.indeterminate == 1


def test_too_many_labels_that_are_not_declared_stop_the_night(tmp_path: Path) -> None:
    label = {"rule": DECLARED, "performance_window_months": 1}

    with pytest.raises(LabelError, match=r"5 matured rows.*quarantine not used: 1 vintage above"):
        sorted_out(tmp_path, spoilt("bad", *[7] * 5), label=label)


@pytest.mark.parametrize("nullable", [True, False])
def test_a_label_that_is_missing_is_one_fault(tmp_path: Path, nullable: bool) -> None:
    columns = {"bad": {"type": "integer", "nullable": nullable}}

    _, delivered, _ = sorted_out(tmp_path, spoilt("bad", None), columns=columns)

    reason = "another label: bad" if nullable else "missing value: bad"
    assert delivered.aside.rows[REASONS].tolist() == [reason]


def test_a_row_whose_outcome_came_before_it_is_set_aside(tmp_path: Path) -> None:
    frame = rows(status="paid", last_paid=pd.Timestamp("2024-06-20"))
    frame.loc[0, ["status", "last_paid"]] = ["Charged Off", pd.Timestamp("2023-06-01")]
    frame.loc[1, "income"] = -1.0
    columns = {"status": {"type": "text"}, "last_paid": {"type": "date"}}

    _, delivered, labelled = sorted_out(tmp_path, frame, columns=columns, label={"rule": DATED})

    assert delivered.aside.rows[REASONS].tolist() == ["outcome before row", "range: income"]
    early = named(delivered)["quarantined: outcome before row"]
    assert (early.failing, early.detail) == (
        1,
        "1 of 240 rows set aside, '_days_to_event' below 0",
    )
    assert not (labelled.frame[DAYS_TO_EVENT] < 0).any()


def test_early_outcomes_may_be_what_is_too_many(tmp_path: Path) -> None:
    frame = rows(status="paid", last_paid=pd.Timestamp("2024-06-20"))
    frame.loc[:3, ["status", "last_paid"]] = ["Charged Off", pd.Timestamp("2023-06-01")]
    frame.loc[4, "income"] = -1.0
    columns = {"status": {"type": "text"}, "last_paid": {"type": "date"}}

    _, delivered, labelled = sorted_out(tmp_path, frame, columns=columns, label={"rule": DATED})

    assert delivered.aside.rows.empty
    assert named(delivered)["quarantine not used"].failing == 5
    assert len(labelled.frame) == 240


def test_reports_of_rows_set_aside_speak_of_no_stranger(tmp_path: Path) -> None:
    feed = [f"L0-{i:05d}" for i in range(0, 240, 16)]
    days = pd.to_datetime(["2024-06-30"] * len(feed))
    deliver(tmp_path, pd.DataFrame({"loan_id": feed, "defaulted_on": days}), folder="reports")
    frame = spoilt("income", -7.0)
    frame.loc[16, "opened"] = pd.NaT
    rule = {"rule": REPORTS, "performance_window_months": 1}

    _, delivered, labelled = sorted_out(tmp_path, frame, label=rule)

    assert sorted(delivered.aside.rows[ROW_ID]) == ["L0-00000", "L0-00016"]
    assert labelled.findings == ()
    assert labelled.problems == ()


def test_columns_that_did_not_come_are_the_schemas_fault_and_set_no_row_aside(
    tmp_path: Path,
) -> None:
    spec, delivered, labelled = sorted_out(tmp_path, rows().drop(columns="home"))

    assert delivered.aside.rows.empty
    verdict = validate(delivered.landing, labelled, spec, AS_OF, None, delivered.aside.checks)
    assert [check.check for check in verdict.failed] == ["missing column"]


@pytest.mark.parametrize("share", [0.0, 0.2, 1.0])
def test_a_share_that_would_hide_a_broken_delivery_is_no_policy(share: float) -> None:
    with pytest.raises(ValidationError, match="max_share"):
        a_spec(contract={"quarantine": {"max_share": share}})


def test_the_policy_is_off_unless_asked_for_and_then_one_in_a_hundred() -> None:
    assert a_spec().contract.quarantine is None
    assert a_spec(contract={"quarantine": {}}).contract.quarantine.max_share == 0.01  # type: ignore[union-attr]


def test_rows_set_aside_are_kept_readable_by_nobody_else(tmp_path: Path) -> None:
    _, delivered, _ = sorted_out(tmp_path, spoilt("income", -7.0, -8.0))
    store = QuarantineStore(tmp_path / "store" / "quarantine" / "live")

    path = store.keep("loans", AS_OF, delivered.aside.rows)

    assert path == tmp_path / "store/quarantine/live/loans/2024-07-02.parquet"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [p.stat().st_mode & 0o777 for p in list(path.parents)[:3]] == [0o700] * 3
    assert pd.read_parquet(path)["income"].tolist() == [-7.0, -8.0]


def test_a_rerun_replaces_what_was_set_aside_and_a_mended_one_removes_it(tmp_path: Path) -> None:
    _, delivered, _ = sorted_out(tmp_path, spoilt("income", -7.0, -8.0))
    store = QuarantineStore(tmp_path / "quarantine" / "live")
    store.keep("loans", AS_OF, delivered.aside.rows)

    path = store.keep("loans", AS_OF, delivered.aside.rows.head(1))
    assert path is not None
    assert len(pd.read_parquet(path)) == 1

    assert store.keep("loans", AS_OF, delivered.aside.rows.head(0)) is None
    assert not path.exists()
