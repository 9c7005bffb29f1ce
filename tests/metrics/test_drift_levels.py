from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from finrisk.errors import ConfigurationError, DataError
from finrisk.metrics.day_counts import RowDays, row_days
from finrisk.metrics.drift import ColumnDrift
from finrisk.metrics.drift_levels import DriftLevel, DriftPolicy, judged_columns
from finrisk.metrics.table_drift import table_counts, table_drift, table_references

QUIET, WARN, ALARM, UNKNOWN = DriftLevel


def drifted(**changes: Any) -> ColumnDrift:
    return ColumnDrift(**({"column": "x", "rows": 5_000, "psi": 0.3, "p_value": 1e-9} | changes))


def level(*drifts: ColumnDrift, policy: DriftPolicy | None = None) -> DriftLevel:
    return judged_columns(drifts, policy)[0].level


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ALARM),
        ({"psi": 0.099}, QUIET),
        ({"psi": 0.10}, ALARM),
        ({"p_value": 0.01 / 365}, ALARM),
        ({"p_value": 0.011 / 365}, WARN),
        ({"p_value": 0.05}, WARN),
        ({"p_value": 0.051}, QUIET),
        ({"p_value": None}, UNKNOWN),
        ({"p_value": None, "psi": 0.05}, QUIET),
        ({"psi": None, "p_value": None}, UNKNOWN),
    ],
    ids=str,
)
def test_a_lone_column_is_judged_by_psi_and_chance(
    changes: dict[str, Any], expected: DriftLevel
) -> None:
    assert level(drifted(**changes)) is expected


def test_many_columns_share_the_budget_of_an_alarm_and_the_list_of_a_warning() -> None:
    others = [drifted(psi=0.01, p_value=0.5)] * 29

    assert level(drifted(p_value=0.01 / 365 / 30), *others) is ALARM
    assert level(drifted(p_value=0.01 / 365), *others) is WARN
    assert level(drifted(p_value=0.01), *others) is QUIET
    assert level(drifted(p_value=0.01), *[drifted()] * 29) is WARN  # among so many true ones


def test_columns_that_nothing_is_known_of_count_among_those_looked_at() -> None:
    unknown = [drifted(p_value=None)] * 29

    assert level(drifted(p_value=0.01), *unknown) is QUIET


def test_an_alarm_is_rarer_where_there_are_more_looks() -> None:
    monthly, nightly = DriftPolicy(looks_a_year=12), DriftPolicy()
    found = drifted(p_value=5e-4)

    assert level(found, policy=monthly) is ALARM
    assert level(found, policy=nightly) is WARN


def test_no_columns_are_judged_to_nothing() -> None:
    assert judged_columns([]) == ()


@pytest.mark.parametrize(
    "wrong",
    [
        {"least_psi": 0.0},
        {"false_discoveries": 0.0},
        {"false_discoveries": 1.0},
        {"alarm_years": 1.5},
        {"looks_a_year": 0},
        {"least_psi": float("nan")},
    ],
    ids=str,
)
def test_a_policy_out_of_range_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="a drift policy out of range"):
        DriftPolicy(**wrong)


def table(seed: int, days: int, first: int, shift: float = 0.0) -> tuple[dict[str, Any], RowDays]:
    rng = np.random.default_rng(seed)
    rows = 200 * days
    kinds = np.array(["a", "b", "c", None], dtype=object)
    columns = {
        "amount": shift + rng.normal(size=rows),
        "age": rng.normal(size=rows),
        "home": kinds[rng.integers(0, 4, rows)],
    }
    return columns, row_days(
        first + rng.integers(0, days, rows), first=first, last=first + days - 1
    )


def test_the_column_that_moved_alarms_and_no_other() -> None:
    references = table_references(*table(1, 56, 0), look_back_days={"age": 7})
    assert {name: of.look_back_days for name, of in references.items()} == {
        "amount": 0,
        "age": 7,
        "home": 0,
    }

    judged = table_drift(references, table_counts(references, *table(2, 7, 60, shift=0.5)))

    assert {name: of.level for name, of in judged.items()} == {
        "amount": ALARM,
        "age": QUIET,
        "home": QUIET,
    }
    amount = judged["amount"]
    assert amount.alarm_limit is not None
    assert amount.drift.psi is not None
    assert 0.10 <= amount.alarm_limit <= amount.drift.psi


def test_a_table_gives_the_same_twice() -> None:
    references = table_references(*table(1, 56, 0))
    counts = table_counts(references, *table(2, 7, 60))

    once, again = table_drift(references, counts), table_drift(references, counts)

    assert [of.drift.p_value for of in once.values()] == [of.drift.p_value for of in again.values()]


def test_nights_without_drift_do_not_alarm() -> None:
    references = table_references(*table(1, 56, 0))

    levels = [
        of.level
        for seed in range(100, 140)
        for of in table_drift(
            references, table_counts(references, *table(seed, 1, 60 + seed))
        ).values()
    ]

    assert set(levels) == {QUIET}


def test_a_monitored_column_that_is_not_there_is_an_error() -> None:
    references = table_references(*table(1, 56, 0))
    columns, days = table(2, 7, 60)
    counts = table_counts(references, columns, days)
    del columns["age"], counts["home"]

    with pytest.raises(DataError, match=r"monitored columns are absent; .*without age"):
        table_counts(references, columns, days)
    with pytest.raises(DataError, match=r"monitored columns have no window; .*without home"):
        table_drift(references, counts)
