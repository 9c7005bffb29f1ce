"""The two forms of a source: files, as ever, and one SELECT on a named connection."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from finrisk.errors import SpecError
from finrisk.specs.loader import load_spec
from finrisk.specs.model_spec import ModelSpec
from finrisk.specs.source import FileSource, SqlSource
from tests.specs.factories import changed, good_document, written

QUERY = "SELECT * FROM loans WHERE opened >= :first_day AND opened <= :last_day"
SQL = {"connection": "lender_dwh", "query": QUERY}


def source(query: str) -> SqlSource:
    return SqlSource(connection="lender_dwh", query=query)


def test_a_source_without_a_query_is_the_file_source_it_always_was() -> None:
    spec = ModelSpec.model_validate(good_document())

    assert isinstance(spec.source, FileSource)
    assert spec.model_dump(mode="json")["source"] == {
        "path": "landing/loans",
        "format": "csv",
        "digest_sidecar": "if_present",
        "partition": "any",
    }


def test_a_source_with_a_query_survives_json() -> None:
    spec = ModelSpec.model_validate(changed("source", SQL))

    again = ModelSpec.model_validate(spec.model_dump(mode="json"))

    assert again.source == spec.source == SqlSource(**SQL)
    assert again.sha256 == spec.sha256
    assert ModelSpec.model_validate(changed("source", source(QUERY))).source == spec.source


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"connection": "Dwh!"}, "source.connection: expected a name of small letters"),
        ({"query": "SELECT * FROM loans"}, "source.query: expected a bound ':last_day'"),
        ({"format": "csv"}, "source.format: unknown key; expected one of connection, query"),
        ({"qurey": QUERY}, "source.qurey: unknown key; did you mean 'query'?"),
    ],
)
def test_a_fault_in_a_query_source_names_the_key_that_was_written(
    tmp_path: Path, given: dict[str, str], said: str
) -> None:
    with pytest.raises(SpecError) as caught:
        load_spec(written(tmp_path, changed("source", SQL | given)))

    assert said in str(caught.value)


def test_a_query_without_a_connection_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"source\.connection: missing"):
        load_spec(written(tmp_path, changed("source", {"query": QUERY})))


@pytest.mark.parametrize(
    "given",
    [
        SQL | {"connection": "postgresql://risk:hunter2@dwh/lending"},
        "postgresql://risk:hunter2@dwh/lending",
        SQL | {"url": "postgresql://risk:hunter2@dwh/lending"},
    ],
)
def test_an_address_in_a_spec_is_refused_and_never_shown(tmp_path: Path, given: Any) -> None:
    with pytest.raises(SpecError) as caught:
        load_spec(written(tmp_path, changed("source", given)))

    chain = f"{caught.value} {caught.value.__cause__}"
    assert "hunter2" not in chain
    assert "source" in str(caught.value)


@pytest.mark.parametrize(
    "query",
    [
        QUERY,
        f"  {QUERY};  ",
        "with recent as (select 1) select * from loans where opened <= :last_day",
        "SELECT ';' AS x, opened::date FROM loans WHERE opened <= :last_day -- it's; all",
        "SELECT '12\\:30' FROM loans WHERE opened <= :last_day",
    ],
)
def test_one_bounded_select_is_accepted(query: str) -> None:
    assert source(query).query == query


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("DELETE FROM loans WHERE opened <= :last_day", "begins with SELECT or WITH"),
        ("SELECTED :last_day", "begins with SELECT or WITH"),
        ("SELECT 1 WHERE :last_day > 1; DROP TABLE loans", "one statement"),
        ("SELECT ';' WHERE :last_day > 1; DROP TABLE loans", "one statement"),
        ("SELECT * FROM loans", "expected a bound ':last_day'"),
        ("SELECT * FROM loans -- :last_day", "expected a bound ':last_day'"),
        ("SELECT ':last_day' FROM loans /* :last_day */", "expected a bound ':last_day'"),
        ("SELECT * FROM loans WHERE opened <= :last_day AND x = :channel", "binds ':channel'"),
        (
            f"{QUERY} -- from :first_day on",
            r"':first_day' stands in .* a comment.*Write '\\:first_",
        ),
        (f"{QUERY} /* not :then */", "':then' stands in"),
        ("SELECT ':last_day' FROM loans WHERE opened <= :last_day", "':last_day' stands in"),
        ("", "begins with SELECT or WITH"),
    ],
)
def test_anything_but_one_bounded_select_is_refused(query: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        source(query)


def test_a_colon_that_is_meant_as_it_stands_binds_nothing() -> None:
    meant = source("SELECT '\\:first_day' FROM loans WHERE opened <= :last_day -- \\:first_day")

    assert meant.bound == ("last_day",)
    assert not meant.is_bounded_below


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("row_key", "file_position", "row_key 'file_position' goes with files"),
        (
            "time",
            {"release": {"nights": 9, "first_night": "2024-01-01"}, "vintage": "day"},
            "time.release goes with files",
        ),
    ],
)
def test_what_counts_on_the_order_of_files_is_refused_with_a_query(
    key: str, value: Any, said: str
) -> None:
    document = changed(key, value) | {"source": SQL}

    with pytest.raises(ValidationError, match=said):
        ModelSpec.model_validate(document)


@pytest.mark.parametrize(
    ("given", "max_vintages", "in_part"),
    [
        (SQL, 12, True),
        (SQL, None, False),
        (SQL | {"query": "SELECT * FROM loans WHERE opened <= :last_day"}, 12, False),
        ({"path": "landing/loans"}, 12, False),
    ],
)
def test_a_source_is_read_in_part_if_its_query_begins_at_a_first_day(
    given: dict[str, str], max_vintages: int | None, in_part: bool
) -> None:
    document = changed("source", given) | {"training": {"max_vintages": max_vintages}}

    assert ModelSpec.model_validate(document).is_read_in_part is in_part
