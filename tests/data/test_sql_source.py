"""Rows from a database: bound days, nothing written, nothing quoted."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pandas as pd
import pyarrow as pa
import pytest
from sqlalchemy import Engine, create_engine, event, make_url, text

from finrisk.data import sql_source
from finrisk.data.landing import Landing, read_landing
from finrisk.data.maturity import is_mature, vintage_of
from finrisk.data.partitions import Partition
from finrisk.data.split import Split, VintageCount, split_vintages
from finrisk.data.sql_source import EVER, first_day_needed, read_query
from finrisk.errors import LandingError, SettingsError, Unreachable
from finrisk.specs.model_spec import ModelSpec
from finrisk.specs.source import SqlSource
from tests.data.factories import a_spec, deliver, landed, rows

POSTGRES = "TEST_POSTGRES_URL"
AS_OF = date(2024, 5, 10)
QUERY = "SELECT * FROM loans WHERE opened >= :first_day AND opened <= :last_day"


def of_a_table(query: str = QUERY, **changes: Any) -> ModelSpec:
    return a_spec(source={"connection": "dwh", "query": query}, **changes)


def as_sqlite_holds_them(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(opened=frame["opened"].dt.strftime("%Y-%m-%d"))


@pytest.fixture(params=["sqlite", "postgresql"] if POSTGRES in os.environ else ["sqlite"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A table of loans, and its address; on PostgreSQL in a schema that goes with the test."""
    if request.param == "sqlite":
        address = f"sqlite:///{tmp_path}/dwh.db"
        fill(address, as_sqlite_holds_them(rows()))
        yield address
        return
    schema = f"source_{os.getpid()}"
    admin = create_engine(os.environ[POSTGRES])
    with admin.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {schema}"))
    try:
        url = make_url(os.environ[POSTGRES]).update_query_dict(
            {"options": f"-csearch_path={schema}"}
        )
        address = url.render_as_string(hide_password=False)
        fill(address, rows())
        yield address
    finally:
        with admin.begin() as connection:
            connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))
        admin.dispose()


def fill(address: str, frame: pd.DataFrame, table: str = "loans") -> None:
    engine = create_engine(address)
    frame.to_sql(table, engine, index=False)
    engine.dispose()


def made(home: Path, *statements: str) -> str:
    """A SQLite file as these statements leave it."""
    with closing(sqlite3.connect(home / "dwh.db")) as connection, connection:
        for statement in statements:
            connection.execute(statement)
    return f"sqlite:///{home}/dwh.db"


def read(address: str, spec: ModelSpec, as_of: date = AS_OF) -> Landing:
    return read_landing(spec, Path("unused"), as_of, {"dwh": address}.__getitem__)


def table_of(address: str, spec: ModelSpec, as_of: date = AS_OF) -> Partition:
    assert isinstance(spec.source, SqlSource)
    return read_query(spec, spec.source, Path("unused"), as_of, lambda _: address)


class Executed:
    """Statements as they reach the drivers, with their parameters."""

    def __init__(self) -> None:
        self.statements: list[tuple[str, Any]] = []

    def __call__(self, _c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        self.statements.append((statement, parameters))


@pytest.fixture
def executed() -> Iterator[Executed]:
    heard = Executed()
    event.listen(Engine, "before_cursor_execute", heard)
    yield heard
    event.remove(Engine, "before_cursor_execute", heard)


def test_a_table_lands_as_its_files_would(database: str, tmp_path: Path) -> None:
    deliver(tmp_path, rows())

    of_files, of_table = landed(tmp_path, a_spec(), AS_OF), read(database, of_a_table())

    pd.testing.assert_frame_equal(
        of_table.frame.sort_values("_row_id", ignore_index=True), of_files.frame
    )
    assert (of_table.breaches, of_table.problems) == ((), ())
    assert (of_table.unknown_columns, of_table.missing_columns) == ((), ())
    assert (of_table.files, of_table.superseded) == (("dwh",), ())
    assert [told.name for told in of_table.landed] == ["2024-02", "2024-03"]


def test_the_days_are_bound_and_never_written_into_the_query(
    database: str, executed: Executed
) -> None:
    read(database, of_a_table(training={"min_vintages": 2, "max_vintages": 2}))

    (of_loans,) = [one for one in executed.statements if "FROM loans" in one[0]]
    statement, parameters = of_loans
    bound = parameters.values() if isinstance(parameters, dict) else parameters
    assert {str(day) for day in bound} == {"2022-10-01", "2024-05-10"}
    assert "2024" not in statement


def test_only_days_that_the_query_names_are_bound(database: str) -> None:
    spec = of_a_table("SELECT * FROM loans WHERE opened <= :last_day;")

    assert len(read(database, spec).frame) == 174


def test_a_night_sees_no_row_after_its_day_whatever_the_query_says(database: str) -> None:
    spec = of_a_table("SELECT * FROM loans WHERE :last_day IS NOT NULL")

    assert read(database, spec, date(2024, 2, 10)).frame["_event_day"].max() == pd.Timestamp(
        "2024-02-10"
    )


def test_a_query_cannot_write(tmp_path: Path) -> None:
    writes = "WITH old AS (SELECT 1) DELETE FROM loans WHERE opened <= :last_day"
    address = made(tmp_path, "CREATE TABLE loans (id, opened)", "INSERT INTO loans VALUES (1, 2)")

    with pytest.raises(LandingError, match="got OperationalError"):
        table_of(address, of_a_table(writes))

    with closing(sqlite3.connect(tmp_path / "dwh.db")) as connection:
        assert connection.execute("SELECT count(*) FROM loans").fetchone() == (1,)


@pytest.mark.skipif(POSTGRES not in os.environ, reason="names no PostgreSQL")
@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_on_postgresql_the_transaction_is_read_only(database: str, executed: Executed) -> None:
    writes = "WITH gone AS (DELETE FROM loans WHERE opened <= :last_day RETURNING *) SELECT * FROM "

    with pytest.raises(LandingError, match="cannot be run"):
        table_of(database, of_a_table(f"{writes} gone"))
    with pytest.raises(LandingError, match="got ReadOnlySqlTransaction"):
        table_of(database, of_a_table("SELECT * FROM loans WHERE opened <= :last_day FOR UPDATE"))

    assert [s for s, _ in executed.statements].count("SET TRANSACTION READ ONLY") == 2
    assert len(read(database, of_a_table()).frame) == 174


def test_text_of_a_database_is_parsed_as_that_of_a_csv_is(tmp_path: Path) -> None:
    address = made(
        tmp_path,
        "CREATE TABLE loans (id, opened, income, dependants, home, employed, age_band, bad)",
        "INSERT INTO loans VALUES"
        " ('L1 ', '2024-01-05 10:30:00', '1200.5', NULL, 'own', 'true', '18-29', 1),"
        " ('L2', '2024-01-05', 'SECRET', 2, 'own', 'true', '18-29', 0)",
    )

    landing = read(address, of_a_table())

    assert landing.frame["_row_id"].tolist() == ["L1", "L2"]
    assert landing.frame["_event_day"].tolist() == [pd.Timestamp("2024-01-05")] * 2
    assert landing.frame["income"].tolist()[0] == 1200.5
    assert landing.frame["employed"].tolist() == [True, True]
    (breach,) = landing.breaches
    assert (breach.column, breach.failing) == ("income", 1)
    assert "SECRET" not in str(breach)


AWARE = datetime(2024, 1, 1, 23, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("batches", "kind", "values"),
    [
        ([[1, 2]], pa.int64(), [1, 2]),
        ([[1], [2.5]], pa.float64(), [1.0, 2.5]),
        ([[None], ["a"]], pa.string(), [None, "a"]),
        ([[1, "a"]], pa.string(), ["1", "a"]),
        ([[1], ["a"]], pa.string(), ["1", "a"]),
        ([[True, None]], pa.bool_(), [True, None]),
        ([[Decimal("1.5")], [Decimal("10.25")]], pa.decimal128(4, 2), None),
        ([[Decimal("NaN"), Decimal(1)]], pa.string(), ["NaN", "1"]),
        ([[date(2024, 1, 1)]], pa.date32(), [date(2024, 1, 1)]),
        ([[AWARE]], pa.timestamp("us", "UTC"), [AWARE]),
        ([[2**70]], pa.string(), [str(2**70)]),
        ([[2**60], [0.5]], pa.string(), [str(2**60), "0.5"]),
        ([[UUID(int=1)]], pa.string(), [str(UUID(int=1))]),
        ([], pa.null(), []),
    ],
)
def test_cells_keep_the_type_they_agree_on_and_are_text_where_they_do_not(
    batches: list[list[Any]], kind: pa.DataType, values: list[Any] | None
) -> None:
    of_rows = iter([[(cell,) for cell in cells] for cells in batches])

    column = sql_source._table(["x"], of_rows).column("x")

    assert column.type == kind
    assert values is None or column.to_pylist() == values


def test_no_row_at_all_is_an_empty_landing(database: str) -> None:
    landing = read(database, of_a_table(), date(2020, 1, 1))

    assert landing.frame.empty
    assert set(of_a_table().columns) <= set(landing.frame.columns)
    assert (landing.files, landing.problems) == ((), ())


@pytest.mark.parametrize(
    ("query", "absent"),
    [
        ("SELECT opened FROM loans WHERE :last_day > ''", "id"),
        ("SELECT id FROM loans WHERE :last_day > ''", "opened"),
    ],
)
def test_a_query_without_key_or_day_is_a_problem_with_its_own_remedy(
    tmp_path: Path, query: str, absent: str
) -> None:
    address = made(tmp_path, "CREATE TABLE loans (id, opened)", "INSERT INTO loans VALUES (1, 2)")

    assert read(address, of_a_table(query)).problems == (
        f"dwh: no column '{absent}'; remedy: select it in source.query",
    )


def test_columns_that_no_spec_declares_are_named(tmp_path: Path) -> None:
    address = made(
        tmp_path,
        "CREATE TABLE loans (id, opened, surprise)",
        "INSERT INTO loans VALUES (1, '2024-01-01', 3)",
    )

    landing = read(address, of_a_table())

    assert landing.unknown_columns == ("surprise",)
    assert "income" in landing.missing_columns


def chain_of(error: BaseException) -> str:
    """What a traceback would print."""
    shown = str(error)
    while error.__cause__ or (error.__context__ and not error.__suppress_context__):
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
        shown += str(error)
    return shown


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT * FROM nowhere WHERE :last_day > ''", "got OperationalError"),
        ("SELECT id, id FROM loans WHERE :last_day > ''", "gives column 'id' twice"),
        ("SELECT name, :last_day FROM loans", "got OperationalError"),  # sqlite3 quotes the text
    ],
)
def test_a_query_that_cannot_be_run_names_the_model_and_no_row(
    tmp_path: Path, query: str, said: str
) -> None:
    address = made(
        tmp_path,
        "CREATE TABLE loans (id, name)",
        "INSERT INTO loans VALUES (1, CAST(x'ff534543524554' AS TEXT))",  # no UTF-8, then SECRET
    )

    with pytest.raises(LandingError, match="of model 'loans'") as caught:
        table_of(address, of_a_table(query))

    assert said in str(caught.value)
    assert "SECRET" not in chain_of(caught.value)


@pytest.mark.skipif(POSTGRES not in os.environ, reason="names no PostgreSQL")
@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_postgresql_quotes_a_row_and_we_do_not(database: str) -> None:
    spec = of_a_table("SELECT CAST(id AS integer), opened FROM loans WHERE opened <= :last_day")

    with pytest.raises(LandingError, match="got InvalidTextRepresentation") as caught:
        table_of(database, spec)

    assert "L0-" not in chain_of(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        "postgresql+psycopg://risk:hunter2@127.0.0.1:1/lending",
        "sqlite:////nowhere/hunter2.db",
        "sqlite://",
    ],
)
def test_a_database_that_does_not_answer_is_unreachable_and_keeps_its_password(
    address: str,
) -> None:
    with pytest.raises(Unreachable, match="of the connection 'dwh' does not answer") as caught:
        table_of(address, of_a_table())

    assert "hunter2" not in chain_of(caught.value)


def test_a_database_that_goes_away_while_it_is_read_is_unreachable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(context: Any) -> None:
        context.is_disconnect = True

    address = made(tmp_path, "CREATE TABLE loans (id)")
    event.listen(Engine, "handle_error", gone)
    try:
        with pytest.raises(Unreachable, match="got OperationalError"):
            table_of(address, of_a_table("SELECT * FROM gone WHERE :last_day > ''"))
    finally:
        event.remove(Engine, "handle_error", gone)


def test_a_file_that_is_no_database_is_unreachable(tmp_path: Path) -> None:
    (tmp_path / "dwh.db").write_bytes(b"not a database, but long enough to be taken for one" * 40)

    with pytest.raises((Unreachable, LandingError), match="DatabaseError"):
        table_of(f"sqlite:///{tmp_path}/dwh.db", of_a_table())


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("hunter2", "no address that can be used"),
        ("postgres://risk:hunter2@dwh/lending", "no address that can be used"),
        ("postgresql://risk:hunter2@dwh:port/lending", "no address that can be used"),
        ("mssql+pymssql://risk:hunter2@dwh/lending", "needs a database driver; got no module"),
    ],
)
def test_an_address_that_cannot_be_used_is_never_shown(address: str, said: str) -> None:
    with pytest.raises(SettingsError, match=f"connection 'dwh' {said}|'dwh' has {said}") as caught:
        table_of(address, of_a_table())

    assert "hunter2" not in chain_of(caught.value)


def test_a_connection_that_nobody_knows_is_a_setting_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="FINRISK_CONNECTION_DWH"):
        landed(tmp_path, of_a_table())


def test_a_relative_sqlite_address_starts_from_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(tmp_path, "CREATE TABLE loans (id, opened)", "INSERT INTO loans VALUES (1, '2024-01-01')")
    monkeypatch.setenv("FINRISK_CONNECTION_DWH", "sqlite:///dwh.db")

    assert len(landed(tmp_path, of_a_table()).frame) == 1


def split_as_of(spec: ModelSpec, first: date, as_of: date, *, weekdays_only: bool) -> Split:
    """How a night splits rows of every vintage from ``first`` on."""
    days = [first + timedelta(days=n) for n in range((as_of - first).days + 1)]
    days = [day for day in days if not (weekdays_only and day.weekday() > 4)]
    vintages = sorted({vintage_of(day, spec.time.vintage) for day in days})
    counts = [VintageCount(v, 100, 5) for v in vintages if is_mature(v, spec.label, as_of)]
    return split_vintages(counts, spec.gate.holdout, spec.training)


LABEL = {"rule": {"kind": "column", "column": "bad"}}
HOLDOUT = {"target_bads": 10**6, "min_bads": 10}


@pytest.mark.parametrize("as_of", [date(2024, 8, 1), date(2024, 8, 31), date(2024, 3, 1)])
@pytest.mark.parametrize(
    ("label", "holdout", "vintage"),
    [
        ({"performance_window_months": 1}, {"max_vintages": 1}, "month"),
        ({"performance_window_months": 12, "reporting_lag_days": 45}, {"max_vintages": 6}, "month"),
        ({"performance_window_days": 95}, {"max_vintages": 3, "embargo_days": 200}, "month"),
        ({}, {"max_vintages": 12, "embargo_days": 0}, "month"),
        ({"reporting_lag_days": 7}, {"max_vintages": 20}, "day"),
        ({"performance_window_days": 60}, {"max_vintages": 40, "embargo_days": 30}, "day"),
    ],
)
def test_rows_from_the_first_day_on_split_as_all_rows_would(
    label: dict[str, int], holdout: dict[str, int], vintage: str, as_of: date
) -> None:
    spec = of_a_table(
        label=LABEL | label,
        time={"column": "opened", "vintage": vintage},
        training={"max_vintages": 9, "min_vintages": 2, "min_bads": 10},
        gate={"holdout": HOLDOUT | holdout},
    )
    first = first_day_needed(spec, as_of)

    of_some = split_as_of(spec, first, as_of, weekdays_only=vintage == "day")
    of_all = split_as_of(spec, date(2015, 1, 1), as_of, weekdays_only=vintage == "day")

    assert of_some == of_all
    assert len(of_some.development) == 9
    assert first.day == 1
    assert (as_of - first).days < 60 * 30


def test_without_a_bound_on_vintages_or_with_an_enormous_one_everything_is_read() -> None:
    assert first_day_needed(of_a_table(), AS_OF) == EVER
    enormous = of_a_table(training={"min_vintages": 2, "min_bads": 10, "max_vintages": 10**9})
    assert first_day_needed(enormous, AS_OF) == EVER
