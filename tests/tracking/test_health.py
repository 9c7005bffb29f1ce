"""Asking MLflow without changing it: servers of three lines, databases with and without tables."""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from finrisk.config import Settings
from finrisk.errors import ConfigurationError, Unreachable
from finrisk.records import TrainedCandidate
from finrisk.tracking.client import find_experiment, open_client
from finrisk.tracking.health import Answer, MlflowHealth
from finrisk.tracking.registry import VersionRegistry
from tests.services.stores import on_files, own


class _Server(BaseHTTPRequestHandler):
    """Answers every path with this status and this body."""

    status, body, stamp = 200, b'{"experiments": []}', True

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._answer()

    def _answer(self) -> None:
        self.send_response_only(self.status)
        if self.stamp:
            self.send_header("Date", self.date_time_string())
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(**changes: object) -> Iterator[str]:
    handler = type("Handler", (_Server,), changes)
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://anna:s3cret@127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def health_of(uri: str, **changes: object) -> MlflowHealth:
    made = {"home": Path("/nonexistent"), "tracking_uri": uri, "registry_uri": ""}
    patience = {"remote_retries": 0, "remote_timeout_seconds": 1}
    return MlflowHealth(Settings(**{**made, **patience, **changes}))  # type: ignore[arg-type]


def test_a_server_answers_with_its_time() -> None:
    with serving() as uri:
        answer = health_of(uri).tracking()

    assert answer.made
    assert answer.server_time is not None
    assert abs(answer.server_time - datetime.now(UTC)) < timedelta(seconds=60)


def test_a_server_without_a_clock_answers_too() -> None:
    with serving(stamp=False) as uri:
        assert health_of(uri).tracking() == Answer(made=True)
    with serving(date_time_string=lambda _: "noon") as uri:
        assert health_of(uri).tracking() == Answer(made=True)


@pytest.mark.parametrize("status", [401, 403, 404, 500])
def test_a_server_that_is_no_mlflow_or_lets_nobody_in_is_unreachable(status: int) -> None:
    with serving(status=status, body=b'{"detail": "no"}') as uri, pytest.raises(Unreachable) as no:
        health_of(uri).tracking()

    assert "s3cret" not in str(no.value)
    assert "remedy" in str(no.value)


def test_a_refused_connection_names_the_address_what_to_start_and_how_to_check(
    refusing_port: int,
) -> None:
    began = time.monotonic()

    with pytest.raises(Unreachable) as raised:
        health_of(f"http://anna:s3cret@127.0.0.1:{refusing_port}").registry()

    said = str(raised.value)
    assert time.monotonic() - began < 5
    assert f"expected an answer from http://127.0.0.1:{refusing_port}" in said
    assert "`mlflow server` starts one" in said
    assert f"`curl http://127.0.0.1:{refusing_port}/health`" in said
    assert "`echo $MLFLOW_TRACKING_URI` shows what is asked" in said
    assert "s3cret" not in said


def test_a_database_that_is_not_there_stays_so(tmp_path: Path) -> None:
    health = health_of("sqlite:///mlflow.db", home=tmp_path)

    assert health.tracking() == Answer(made=False)
    assert health.registry() == Answer(made=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", ["empty", "tables of something else"])
def test_a_database_without_mlflows_tables_is_left_as_it_is(tmp_path: Path, content: str) -> None:
    path = tmp_path / "mlflow.db"
    path.touch()
    if content != "empty":
        with closing(sqlite3.connect(path)) as database:
            database.execute("CREATE TABLE others (x INTEGER)")
    before = path.read_bytes()

    assert health_of("sqlite:///mlflow.db", home=tmp_path).tracking() == Answer(made=False)

    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_is_no_database_is_unreachable(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("this is no database, though it is a file")

    with pytest.raises(Unreachable, match="see that the database is there, is MLflow's"):
        health_of("sqlite:///mlflow.db", home=tmp_path).tracking()


def test_a_database_server_is_waited_for_as_long_as_the_settings_say(hanging_port: int) -> None:
    began = time.monotonic()

    with pytest.raises(Unreachable):
        health_of(
            f"postgresql+psycopg://anna:s3cret@127.0.0.1:{hanging_port}/mlflow",
            remote_timeout_seconds=2,
        ).tracking()

    assert time.monotonic() - began < 8


@on_files("it changes the schema of a SQLite file")
def test_a_database_of_another_mlflow_names_the_upgrade(settings: Settings, tmp_path: Path) -> None:
    shutil.copy(settings.home / "mlflow.db", tmp_path / "mlflow.db")
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as database, database:
        database.execute("UPDATE alembic_version SET version_num = '451aebb31d03'")

    with pytest.raises(Unreachable, match=r"out-of-date database schema.*mlflow db upgrade"):
        health_of("sqlite:///mlflow.db", home=tmp_path).tracking()


@on_files("it compares the bytes of a SQLite file")
def test_mlflows_own_database_answers_and_is_not_changed(settings: Settings) -> None:
    health = MlflowHealth(settings)
    database = settings.home / "mlflow.db"
    before = database.read_bytes()

    assert health.tracking() == Answer(made=True)
    assert health.registry() == Answer(made=True)

    assert database.read_bytes() == before


def test_an_experiment_is_there_missing_or_deleted(settings: Settings) -> None:
    client = open_client(settings)
    scoped = settings.model_copy(update={"scope": "health"})

    assert MlflowHealth(settings).experiment() == find_experiment(client, settings)
    assert MlflowHealth(scoped).experiment() is None

    client.delete_experiment(find_experiment(client, scoped))
    for look in (MlflowHealth(scoped).experiment, lambda: find_experiment(client, scoped)):
        with pytest.raises(ConfigurationError, match=r"was deleted.*mlflow experiments restore"):
            look()


def test_versions_are_told_with_their_runs_over_all_pages(
    registry: VersionRegistry,
    settings: Settings,
    trained: TrainedCandidate,
    fresh_key: Callable[[], str],
) -> None:
    name = own("many")
    for _ in range(3):
        registry.register(name, trained, model="credit_risk", idem_key=fresh_key())
    health = MlflowHealth(settings)
    search = health._client.search_model_versions
    health._client.search_model_versions = lambda *a, **k: search(*a, **k, max_results=2)

    assert health.versions(name) == dict.fromkeys((1, 2, 3), trained.run_id)
    assert health.versions("none") == {}


def test_a_run_is_known_even_deleted_and_one_of_another_database_is_not(
    settings: Settings, trained: TrainedCandidate
) -> None:
    health = MlflowHealth(settings)
    open_client(settings).delete_run(trained.run_id)

    assert health.has_run(trained.run_id)
    assert not health.has_run("0" * 32)
