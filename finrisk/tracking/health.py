"""Looking at MLflow without changing it: whether it answers, and what it still knows.

Opening a client makes a database that is not there, and MLflow makes its tables in one that has
none. So the address is asked first, and only what is MLflow's already is opened.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import requests
from sqlalchemy import create_engine, inspect
from sqlalchemy.engine import URL, make_url

from finrisk.addresses import text_without_credentials
from finrisk.config import Settings
from finrisk.errors import ConfigurationError, Unreachable
from finrisk.tracking.client import (
    ACTIVE,
    answering,
    deleted_experiment,
    open_client,
)
from finrisk.tracking.logged_runs import NO_SUCH_RUN
from finrisk.tracking.quiet_mlflow import MlflowException

RUNS_TABLE = "experiments"
VERSIONS_TABLE = "registered_models"
LONGEST = 300
HTTP = ("http://", "https://")


@dataclass(frozen=True, slots=True)
class Answer:
    """What an address said: whether MLflow was ever set up there, and a server's time if any."""

    made: bool
    server_time: datetime | None = None


class MlflowHealth:
    """Questions to MLflow that leave it as it is; each waits as long as the settings say.

    Parameters
    ----------
    settings : Settings
        Where MLflow is, and the patience with it.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @cached_property
    def _client(self) -> Any:
        return open_client(self.settings)

    def tracking(self) -> Answer:
        """Ask the tracking address.

        Raises
        ------
        Unreachable
            Nothing answers there, or it is no MLflow that lets us in.
        """
        return self._asked(self.settings.tracking_uri, RUNS_TABLE, self._list_experiments)

    def registry(self) -> Answer:
        """Ask the registry's address; raises as ``tracking`` does."""
        return self._asked(self.settings.registry_uri, VERSIONS_TABLE, self._list_models)

    def experiment(self) -> str | None:
        """Return the id of this scope's experiment; None if nobody made it yet.

        Raises
        ------
        ConfigurationError
            It was deleted.
        """
        name = self.settings.scoped_experiment
        with answering(self.settings.tracking_uri):
            found = self._client.get_experiment_by_name(name)
        if found is None:
            return None
        if found.lifecycle_stage != ACTIVE:
            raise deleted_experiment(name, str(found.experiment_id))
        return str(found.experiment_id)

    def versions(self, registered_name: str) -> dict[int, str]:
        """Return the MLflow run behind each version there is, by number."""
        with answering(self.settings.registry_uri):
            found = list(_pages(self._client.search_model_versions, f"name = '{registered_name}'"))
        return {int(version.version): str(version.run_id) for version in found}

    def has_run(self, run_id: str) -> bool:
        """Say whether MLflow knows the run, be it deleted: its trash outlives no reset."""
        with answering(self.settings.tracking_uri):
            try:
                self._client.get_run(run_id)
            except MlflowException as exc:
                if exc.error_code not in NO_SUCH_RUN:
                    raise
                return False
        return True

    def _asked(self, uri: str, table: str, call: Callable[[], object]) -> Answer:
        with answering(uri):
            if uri.startswith(HTTP):
                answer = _server(uri, self.settings)
            else:
                answer = _database(uri, table, self.settings)
            if answer.made:
                _as_mlflow(call)
        return answer

    def _list_experiments(self) -> object:
        return self._client.search_experiments(max_results=1)

    def _list_models(self) -> object:
        return self._client.search_registered_models(max_results=1)


def _server(uri: str, settings: Settings) -> Answer:
    """Ask for the page that a server answers before anything else; its Date header is its clock."""
    asked = requests.get(f"{uri.rstrip('/')}/health", timeout=settings.remote_timeout_seconds)
    stamp = asked.headers.get("Date")
    return Answer(made=True, server_time=_moment(stamp) if stamp else None)


def _moment(stamp: str) -> datetime | None:
    try:
        return parsedate_to_datetime(stamp).astimezone(UTC)
    except ValueError:
        return None


def _database(uri: str, table: str, settings: Settings) -> Answer:
    address = make_url(uri)
    if address.get_backend_name() == "sqlite" and not _holds_something(address.database):
        return Answer(made=False)
    engine = create_engine(address, connect_args=_patience(address, settings))
    try:
        with engine.connect() as connection:
            return Answer(made=inspect(connection).has_table(table))
    finally:
        engine.dispose()


def _holds_something(database: str | None) -> bool:
    path = Path(database or "")
    return path.is_file() and path.stat().st_size > 0


def _patience(address: URL, settings: Settings) -> dict[str, int]:
    named = {"sqlite": "timeout", "postgresql": "connect_timeout", "mysql": "connect_timeout"}
    name = named.get(address.get_backend_name())
    return {} if name is None else {name: settings.remote_timeout_seconds}


def _as_mlflow(call: Callable[[], object]) -> None:
    """Make a first call; what refuses it is no MLflow, another one, or lets nobody in."""
    try:
        call()
    except (MlflowException, ConfigurationError) as exc:
        raise Unreachable(
            "what is there does not answer as MLflow does",
            got=text_without_credentials(" ".join(str(exc).split()))[:LONGEST],
            remedy="see that MLFLOW_TRACKING_URI names MLflow itself, with user and password if "
            "it asks for them, that `--allowed-hosts` of the server has its name, and that its "
            "database is of this version (`mlflow db upgrade`)",
        ) from None  # MLflow's own error quotes the address, password and all


def _pages(search: Callable[..., Any], wanted: str) -> list[Any]:
    found: list[Any] = []
    token: str | None = None
    while True:
        page = search(wanted, page_token=token)
        found += page
        token = page.token
        if not token:
            return found
