"""Where a spec's named connection leads, in a task: the environment first, else Airflow's own.

Imported inside task bodies: Airflow keeps connections for running tasks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from finrisk.config import connection_from_environment
from finrisk.errors import SettingsError

if TYPE_CHECKING:
    from airflow.sdk import Connection

# Airflow's connection types, where SQLAlchemy's dialect and driver are called something else.
DRIVERS = {"postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg"}


def connection_address(name: str) -> str:
    """Return the SQLAlchemy address of a connection.

    Raises
    ------
    SettingsError
        Neither the environment nor Airflow knows the connection.
    """
    from airflow.sdk import Connection
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        return connection_from_environment(name)
    except SettingsError as missing:
        try:
            return sqlalchemy_address(Connection.get(name))
        except AirflowNotFoundException:
            raise SettingsError(
                missing.what,
                expected=f"a connection {name!r} of Airflow's, or an address in the environment",
                remedy=f"{missing.remedy}, or airflow connections add {name}",
            ) from missing


def sqlalchemy_address(connection: Connection) -> str:
    """Write an Airflow connection as SQLAlchemy reads it.

    Airflow quotes slashes in its own form, and puts extras into it that drivers do not know; of the
    extras those that are text travel, as ``sslmode`` does. SQLite's file may stand as the host.
    """
    from sqlalchemy import URL

    kind = connection.conn_type or ""
    extras = {k: v for k, v in connection.extra_dejson.items() if isinstance(v, str)}
    host, database = connection.host or None, connection.schema or None
    if kind == "sqlite":
        host, database = None, database or host
    address = URL.create(
        DRIVERS.get(kind, kind),
        username=connection.login or None,
        password=connection.password or None,
        host=host,
        port=connection.port,
        database=database,
        query=extras,
    )
    return address.render_as_string(hide_password=False)
