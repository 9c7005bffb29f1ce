"""The one place that opens an MLflow client, and that says when MLflow does not answer."""

from __future__ import annotations

import fcntl
import json
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import requests
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SADeprecationWarning, SQLAlchemyError

from finrisk.addresses import text_without_credentials, without_credentials
from finrisk.atomic import room_for
from finrisk.config import Settings
from finrisk.errors import ConfigurationError, Unreachable
from finrisk.tracking.first_answer import see_that_it_answers
from finrisk.tracking.patience import bound_every_call
from finrisk.tracking.quiet_mlflow import MlflowClient, MlflowException, use_tracking_uri

TRACKING_URI = "MLFLOW_TRACKING_URI"
NOT_THERE = "RESOURCE_DOES_NOT_EXIST"
ACTIVE = "active"
NO_CONNECTION = (
    requests.RequestException,
    json.JSONDecodeError,  # half a text, where nobody had said how long it would be
    ConnectionError,
    TimeoutError,
)
DOUBLED = re.compile("unique constraint|duplicate", re.IGNORECASE)  # what a repeated call meets
NO_ANSWER = frozenset(
    {
        "INTERNAL_ERROR",
        "TEMPORARILY_UNAVAILABLE",
        "REQUEST_LIMIT_EXCEEDED",
        "UNAUTHENTICATED",
        "PERMISSION_DENIED",
        "DEADLINE_EXCEEDED",
    }
)


def open_client(settings: Settings) -> Any:
    """Return an ``MlflowClient`` on the addresses of these settings, with bounded patience.

    A SQLite store that does not exist yet is made first, one process at a time: four processes
    meeting a fresh store crashed four times out of four.

    Raises
    ------
    Unreachable
        The store cannot be opened.
    """
    bound_every_call(settings)
    for uri in dict.fromkeys((settings.tracking_uri, settings.registry_uri)):
        with answering(uri):
            see_that_it_answers(uri, settings.remote_timeout_seconds)
    with answering(settings.tracking_uri), ExitStack() as stack:
        fresh = [stack.enter_context(_made_by_one(path)) for path in _sqlite_files(settings)]
        with warnings.catch_warnings():  # MLflow's mappers, read on first use of a SQL store
            warnings.filterwarnings("ignore", "The ``noload`` loader", SADeprecationWarning)
            client = MlflowClient(settings.tracking_uri, settings.registry_uri)
            if any(fresh):
                client.search_registered_models(max_results=1)  # the registry migrates on first use
    return client


def initialise_store(settings: Settings) -> None:
    """Make the store and the experiment, so that parallel first users find both.

    Raises
    ------
    Unreachable
        The server does not answer, or the database cannot be opened.
    """
    find_experiment(open_client(settings), settings)


def find_experiment(client: Any, settings: Settings) -> str:
    """Return the id of this scope's experiment, made if it is not there.

    Without a server, artifacts go where the settings say; a server knows its own place.

    Raises
    ------
    ConfigurationError
        Somebody deleted the experiment: MLflow keeps its name, and takes no run into it.
    Unreachable
        MLflow does not answer.
    """
    name = settings.scoped_experiment
    with answering(settings.tracking_uri):
        if (found := client.get_experiment_by_name(name)) is not None:
            if found.lifecycle_stage != ACTIVE:
                raise deleted_experiment(name, str(found.experiment_id))
            return str(found.experiment_id)
        location = None if has_server(settings) else settings.artifacts.as_uri()
        try:
            return str(client.create_experiment(name, artifact_location=location))
        except MlflowException as exc:
            if exc.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            return str(client.get_experiment_by_name(name).experiment_id)


def deleted_experiment(name: str, experiment_id: str) -> ConfigurationError:
    """Say that the experiment is in MLflow's trash, and how it comes back."""
    return ConfigurationError(
        f"the MLflow experiment {name!r} was deleted",
        expected="one that takes runs",
        remedy=f"`mlflow experiments restore --experiment-id {experiment_id}`, or name another "
        "in MLFLOW_EXPERIMENT_NAME",
    )


def has_server(settings: Settings) -> bool:
    """Whether runs go to a tracking server, not straight into a database."""
    return settings.tracking_uri.startswith(("http://", "https://"))


@contextmanager
def answering(uri: str) -> Iterator[None]:
    """Turn "MLflow did not answer" inside the block into ``Unreachable``, its no into an error.

    Raises
    ------
    Unreachable
        There was no answer.
    ConfigurationError
        MLflow answered, and refused what it was asked.
    DiskFull
        A file for MLflow could not be written on this machine.
    """
    try:
        with room_for("what MLflow keeps"):
            yield
    except (MlflowException, SQLAlchemyError, *NO_CONNECTION) as exc:
        shown = without_credentials(uri)
        # a chained traceback would print the address, password and all
        cause = None if shown != uri else exc
        said = text_without_credentials(str(exc), uri)[:300]
        if isinstance(exc, MlflowException) and exc.error_code not in NO_ANSWER:
            raise ConfigurationError(
                "MLflow refused what it was asked",
                expected="names and values that MLflow takes",
                got=f"{exc.error_code}: {said}",
                remedy=f"see that {shown} is the MLflow that has it",
            ) from cause
        raise Unreachable(
            "MLflow does not answer",
            expected=f"an answer from {shown}",
            got=f"{type(exc).__name__}: {said}",
            remedy=_what_to_start(uri),
        ) from cause


def _what_to_start(uri: str) -> str:
    again = "then run the same command again"
    shown = "`echo $MLFLOW_TRACKING_URI` shows"
    if uri.startswith(("http://", "https://")):
        ask = f"`curl {without_credentials(uri).rstrip('/')}/health` answers OK where it runs"
        return (
            "start it, or correct MLFLOW_TRACKING_URI (or MLFLOW_REGISTRY_URI): "
            f"`mlflow server` starts one, {ask}, {shown} what is asked; {again}"
        )
    return (
        "start it, or correct MLFLOW_TRACKING_URI (or MLFLOW_REGISTRY_URI): see that the database "
        f"is there, is MLflow's and lets this user in; {shown} what is asked; {again}"
    )


@contextmanager
def process_default(uri: str) -> Iterator[None]:
    """Point MLflow's process-wide default at this store for the length of the block.

    MLflow's SQL registry looks a version's logged model up there, not at the client's address.
    """
    before = os.environ.get(TRACKING_URI)
    try:
        with use_tracking_uri(uri):
            yield
    finally:
        if before is not None:  # MLflow unsets what it did not set, and Settings read it
            os.environ[TRACKING_URI] = before


def _sqlite_files(settings: Settings) -> list[Path]:
    uris = (
        uri for uri in (settings.tracking_uri, settings.registry_uri) if uri.startswith("sqlite")
    )
    return sorted({Path(name) for uri in uris if (name := make_url(uri).database)})


@contextmanager
def _made_by_one(path: Path) -> Iterator[bool]:
    """Hold others back while a fresh store is made; where it stands already, nobody waits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = not path.exists() or path.stat().st_size == 0
    held = path.with_name(f"{path.name}.init.lock")
    if not fresh and not held.exists():  # brought here whole: whoever makes one, locks it first
        yield False
        return
    with held.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX if fresh else fcntl.LOCK_SH)
        yield fresh  # the lock is freed when the file closes, even by a crash
