from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from finrisk.data.coercion import Coerced, coerce, texts
from finrisk.specs.data import ColumnType


def coerced(
    values: list[Any] | pa.Array,
    declared: ColumnType,
    parse: bool = False,
    timezone: str = "UTC",
) -> Coerced:
    array = values if isinstance(values, pa.Array) else pa.array(values)
    return coerce(pa.chunked_array([array]), declared, parse=parse, timezone=timezone)


@pytest.mark.parametrize(
    ("declared", "values", "expected", "dtype"),
    [
        ("integer", [1, 2], [1, 2], "int64"),
        ("integer", [1, None], [1.0, None], "float64"),
        ("integer", [1.0, 3.0], [1, 3], "int64"),
        ("number", [1, 2], [1.0, 2.0], "float64"),
        ("number", [1.5, None], [1.5, None], "float64"),
        ("number", [Decimal("1.50"), None], [1.5, None], "float64"),
        ("number", [None, None], [None, None], "float64"),
        ("boolean", [True, None], [True, None], "boolean"),
        ("boolean", [1, 0], [True, False], "boolean"),
        ("category", [1, None], ["1", None], "str"),
        ("category", [3.0, float("nan")], ["3", None], "str"),
        ("category", ["rent", ""], ["rent", None], "str"),
        ("category", [True, False], ["true", "false"], "str"),
        ("text", [12345678.0, 1.0], ["12345678", "1"], "str"),
        ("text", [" 36 months", None], [" 36 months", None], "str"),
        ("category", pa.array(["a", None]).dictionary_encode(), ["a", None], "str"),
    ],
)
def test_what_fits_its_declared_type_is_taken(
    declared: ColumnType, values: Any, expected: list[Any], dtype: str
) -> None:
    found = coerced(values, declared)

    assert not found.wrong.any()
    pd.testing.assert_series_equal(found.values, pd.Series(expected, dtype=dtype))


@pytest.mark.parametrize(
    ("declared", "values", "wrong"),
    [
        ("integer", [1.0, 3.5, None], [False, True, False]),
        ("integer", ["1", None], [True, False]),
        ("integer", [True, None], [True, False]),
        ("number", ["1.5", None], [True, False]),
        ("number", [1.0, float("inf")], [False, True]),
        ("number", [date(2024, 1, 1)], [True]),
        ("boolean", ["true"], [True]),
        ("boolean", [0, 2], [False, True]),
        ("date", [20240131], [True]),
        (
            "date",
            ["2024-02-30", "31/01/2024", "20240131", "2024-01", "2024-01-31"],
            [True] * 4 + [False],
        ),
    ],
)
def test_what_does_not_fit_is_marked_and_missing(
    declared: ColumnType, values: list[Any], wrong: list[bool]
) -> None:
    found = coerced(values, declared)

    assert found.wrong.tolist() == wrong
    assert found.values[found.wrong].isna().all()


@pytest.mark.parametrize(
    ("declared", "values", "expected", "wrong"),
    [
        ("integer", ["3", " 3.0 ", "", "NA"], [3.0, 3.0, None, None], [False] * 4),
        ("integer", ["3.5", "three"], [None, None], [True, True]),
        (
            "number",
            ["1e3", "-2.5", "null", "1,5"],
            [1000.0, -2.5, None, None],
            [False] * 3 + [True],
        ),
        ("number", ["inf", "0x1F"], [None, None], [True, True]),
        ("boolean", ["True", "0", "", "maybe"], [True, False, None, None], [False] * 3 + [True]),
        ("boolean", ["1.0", "0.0", "NaN"], [True, False, None], [False] * 3),
        ("category", ["NA", " NULL ", "nan", "", "own"], [None] * 4 + ["own"], [False] * 5),
        ("category", ["36", "36.0", "036", "2.5", "True"], ["36", "36", "036", "2.5", "true"], []),
    ],
)
def test_text_of_a_csv_is_parsed(
    declared: ColumnType, values: list[str], expected: list[Any], wrong: list[bool]
) -> None:
    found = coerced(values, declared, parse=True)

    assert found.wrong.tolist() == (wrong or [False] * len(values))
    assert [None if pd.isna(v) else v for v in found.values] == expected


@pytest.mark.parametrize(
    "values",
    [
        [date(2024, 1, 31)],
        [datetime(2024, 1, 31, 23, 30)],  # noqa: DTZ001
        pa.array([datetime(2024, 1, 30, 23, 30, tzinfo=UTC)], pa.timestamp("ns", "UTC")),
        ["2024-01-31"],
        ["2024-01-31T23:30:00"],
        ["2024-01-30T23:30:00Z"],
        ["2024-01-31 08:00:00+02:00"],
    ],
)
def test_a_date_is_the_day_in_the_specs_time_zone(values: Any) -> None:
    found = coerced(values, "date", timezone="Europe/Madrid")

    assert not found.wrong.any()
    assert found.values.dtype == "datetime64[us]"
    assert found.values.tolist() == [pd.Timestamp("2024-01-31")]


FAR, EVER = 2**62, 253_402_214_400  # the last second of which int64 knows; 9999-12-31


@pytest.mark.parametrize(
    "kind",
    [pa.timestamp("s"), pa.timestamp("s", "UTC"), pa.timestamp("us"), pa.timestamp("us", "UTC")],
)
@pytest.mark.parametrize("sign", [1, -1])
def test_a_moment_outside_the_calendar_is_wrong(kind: pa.DataType, sign: int) -> None:
    cells = pa.array([0, None, sign * FAR], pa.int64()).cast(kind)

    found = coerced(cells, "date", timezone="Asia/Tokyo")

    assert found.wrong.tolist() == [False, False, True]
    assert found.values.isna().tolist() == [False, True, True]


def test_the_last_day_of_the_calendar_may_stand_for_never() -> None:
    found = coerced(pa.array([EVER], pa.timestamp("s")), "date")

    assert not found.wrong.any()
    assert str(found.values[0].date()) == "9999-12-31"
    assert coerced(pa.array([2**31 - 1], pa.date32()), "date").wrong.tolist() == [True]


def test_texts_with_and_without_an_offset_may_stand_side_by_side() -> None:
    found = coerced(
        ["2024-01-30T23:30:00Z", "2024-01-31", None, "x"], "date", timezone="Asia/Tokyo"
    )

    assert found.wrong.tolist() == [False, False, False, True]
    assert found.values[:2].tolist() == [pd.Timestamp("2024-01-31")] * 2


def test_a_word_that_the_spec_declares_is_not_missing_nor_is_any_in_parquet() -> None:
    cells = pa.chunked_array([["NA", "NULL"]])

    declared = coerce(cells, "category", parse=True, meant=["NA"]).values
    of_parquet = coerce(cells, "category", parse=False).values

    assert [None if pd.isna(v) else v for v in declared] == ["NA", None]
    assert of_parquet.tolist() == ["NA", "NULL"]


def test_numbers_with_a_fraction_stay_readable_as_text() -> None:
    assert texts(pa.chunked_array([pa.array([2.5, 3.0])])).tolist() == ["2.5", "3"]


def test_no_cells_have_every_type() -> None:
    for declared in ("integer", "number", "boolean", "date", "category", "text"):
        found = coerced(pa.nulls(0), declared)
        assert len(found.values) == 0
        assert found.wrong.dtype == np.bool_
