"""Whether a database answers at all: asked once and shortly, before MLflow asks ten times over."""

from __future__ import annotations

from sqlalchemy import create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

from finrisk.errors import ConfigurationError

TAKES_A_TIMEOUT = ("postgresql", "mysql")


def see_that_it_answers(uri: str, seconds: int) -> None:
    """Connect to a database once; return at once for a SQLite file or a server.

    MLflow tries a database that refuses it ten times, half a minute to minutes, and tells of each.

    Parameters
    ----------
    uri : str
        SQLAlchemy's address, or a server's.
    seconds : int
        How long to wait for it.

    Raises
    ------
    SQLAlchemyError
        It does not answer, or is no address.
    ConfigurationError
        No driver for it is installed.
    """
    if not uri.startswith(TAKES_A_TIMEOUT):
        return
    try:
        engine = create_engine(
            make_url(uri), poolclass=NullPool, connect_args={"connect_timeout": seconds}
        )
    except ImportError as exc:
        raise ConfigurationError(
            "no driver for MLflow's database",
            expected=f"the package {exc.name}",
            remedy="name the driver that is installed: postgresql+psycopg://user@host/mlflow",
        ) from None  # the address may hold a password
    try:
        engine.connect().close()
    finally:
        engine.dispose()
