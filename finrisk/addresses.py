"""Addresses as they may be shown: without a user, a password or another secret.

Read with SQLAlchemy's own grammar, in which a password ends at the next ``@`` and may hold ``/``.
"""

from __future__ import annotations

import re
from urllib.parse import quote

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

HTTP = ("http://", "https://")
# psycopg takes a password from the query, ODBC a whole connection string.
SECRET = re.compile(r"pass|pwd|secret|token|odbc_connect", re.IGNORECASE)

_BEFORE_HOST = re.compile(r"(?<=//)[^@\s]*@")
_IN_QUERY = re.compile(rf"(\b\w*(?:{SECRET.pattern})\w*=)[^&\s'\"]+", re.IGNORECASE)


def without_credentials(address: str) -> str:
    """Return an address without its user, its password and the secrets of its query.

    Examples
    --------
    >>> without_credentials("postgresql+psycopg://anna:s/3@db/risk?password=x&sslmode=require")
    'postgresql+psycopg://db/risk?sslmode=require'
    >>> without_credentials("http://anna:secret@mlflow:5000/api")
    'http://mlflow:5000/api'
    """
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        return text_without_credentials(address)
    query = {name: told for name, told in url.query.items() if not SECRET.search(name)}
    if url.username is None and url.password is None and len(query) == len(url.query):
        return address
    host = None if url.host is None else url.host.rpartition("@")[2]  # an @ that was not quoted
    shown = URL.create(url.drivername, host=host, port=url.port, database=url.database, query=query)
    return shown.render_as_string()


def with_password(address: str, password: str) -> str:
    """Return an address with this password of its user, quoted as an address needs it.

    Raises
    ------
    ValueError
        It is no address of a server, or names no user.

    Examples
    --------
    >>> with_password("postgresql+psycopg://ledger@db/risk", "s/3@")
    'postgresql+psycopg://ledger:s%2F3%40@db/risk'
    """
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        raise ValueError("expected a database's address") from None
    if not url.username or not url.host:
        raise ValueError("a password needs an address with a user and a host")
    return url.set(password=password).render_as_string(hide_password=False)


def mlflow_page(told: str, tracking_uri: str) -> str:
    """Return where a browser finds MLflow: as told, else the tracking server, if it is one.

    Everybody sees the links to it: a password in the address stays here. Empty: nobody knows.

    Examples
    --------
    >>> mlflow_page("", "http://anna:secret@mlflow:5000/")
    'http://mlflow:5000'
    >>> mlflow_page("", "sqlite:///mlflow.db")
    ''
    """
    address = told or tracking_uri
    return without_credentials(address).rstrip("/") if address.startswith(HTTP) else ""


def run_page(mlflow: str, run_id: str) -> str:
    """Return where a browser finds a run of the MLflow at an address.

    Examples
    --------
    >>> run_page("http://127.0.0.1:5000/", "4f1c")
    'http://127.0.0.1:5000/#/runs/4f1c'
    """
    return f"{mlflow.rstrip('/')}/#/runs/{quote(run_id, safe='')}"


def text_without_credentials(text: str, *addresses: str) -> str:
    """Return a text, as an error's, without credentials of the addresses in it.

    Parameters
    ----------
    text : str
    *addresses : str
        Those that are known; of others whatever stands between ``//`` and ``@`` is left out.

    Examples
    --------
    >>> text_without_credentials("no answer from http://anna:se/cret@mlflow:5000")
    'no answer from http://mlflow:5000'
    """
    for address in filter(None, addresses):
        text = text.replace(address, without_credentials(address))
    return _IN_QUERY.sub(r"\1***", _BEFORE_HOST.sub("", text))
