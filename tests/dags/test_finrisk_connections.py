"""A spec's connection in a task: the environment first, else a connection of Airflow's."""

from __future__ import annotations

import pytest
from airflow.sdk import Connection
from sqlalchemy import make_url

from dags.finrisk_connections import connection_address, sqlalchemy_address
from finrisk.errors import SettingsError


@pytest.mark.parametrize(
    ("uri", "address"),
    [
        (
            "postgres://risk:p%40ss%2Fw@dwh:5433/lending?sslmode=require",
            "postgresql+psycopg://risk:p%40ss%2Fw@dwh:5433/lending?sslmode=require",
        ),
        ("postgresql://dwh/lending", "postgresql+psycopg://dwh/lending"),
        ("sqlite:////srv/dwh.db", "sqlite:////srv/dwh.db"),
        ("mssql+pyodbc://risk@dwh/lending", "mssql+pyodbc://risk@dwh/lending"),
    ],
)
def test_an_airflow_connection_is_written_as_sqlalchemy_reads_it(uri: str, address: str) -> None:
    found = sqlalchemy_address(Connection(conn_id="dwh", uri=uri))

    assert make_url(found) == make_url(address)


@pytest.mark.parametrize("place", ["host", "schema"])
def test_a_file_of_sqlite_may_be_told_as_host_or_as_schema(place: str) -> None:
    connection = Connection(conn_id="dwh", conn_type="sqlite", **{place: "/srv/dwh.db"})

    assert sqlalchemy_address(connection) == "sqlite:////srv/dwh.db"


def test_extras_that_are_no_text_do_not_travel() -> None:
    connection = Connection(
        conn_id="dwh", conn_type="postgres", host="dwh", extra='{"sslmode": "require", "iam": true}'
    )

    assert make_url(sqlalchemy_address(connection)).query == {"sslmode": "require"}


def test_the_environments_address_comes_before_airflows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_LENDER_DWH", "postgres://risk:secret@dwh/lending")

    assert connection_address("lender_dwh") == ("postgresql+psycopg://risk:secret@dwh/lending")

    monkeypatch.setenv("FINRISK_CONNECTION_LENDER_DWH", "sqlite:///dwh.db")
    assert connection_address("lender_dwh") == "sqlite:///dwh.db"


def test_a_connection_that_neither_knows_says_how_to_make_it() -> None:
    with pytest.raises(SettingsError, match="FINRISK_CONNECTION_NOWHERE") as caught:
        connection_address("nowhere")

    assert "airflow connections add nowhere" in str(caught.value)
