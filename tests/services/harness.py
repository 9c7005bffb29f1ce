"""Start real servers from the installed programs, run a command with their addresses, stop them.

``python -m tests.services.harness COMMAND...`` gives the command ``TEST_POSTGRES_URL`` and
``TEST_MLFLOW_URL``, unless the environment names one. As in production the ``mlflow server`` is on
PostgreSQL; ``TEST_MLFLOW_DATABASE`` and ``TEST_MLFLOW_ARTIFACTS`` say where its rows and files are.
Without PostgreSQL's programs, or Prometheus and Alertmanager, their tests are skipped, and the
harness says so.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import mkdtemp

import httpx
import psutil
from sqlalchemy import create_engine, make_url, text

from deploy.postgres_process import postgres_programs, unprivileged_user
from tests.services.stores import MLFLOW, MLFLOW_ARTIFACTS, MLFLOW_DATABASE, POSTGRES

WATCHERS = ("prometheus", "prometheus-alertmanager")  # started by the tests that watch with them
START_SECONDS = 180  # nine when idle; a shared machine may need far longer
STOP_SECONDS = 15


@contextmanager
def mlflow_server(folder: Path, database: str) -> Iterator[str]:
    """Serve MLflow from a database on a free port, one worker; yield its address."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [
        str(Path(sys.executable).with_name("mlflow")),
        "server",
        "--host=127.0.0.1",
        f"--port={port}",
        "--workers=1",
        f"--backend-store-uri={database}",
        f"--artifacts-destination={folder}/artifacts",
    ]
    environment = os.environ | {
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    with running(command, folder / "mlflow.log", env=environment):
        until(lambda: httpx.get(f"{url}/health").is_success, f"mlflow server on {url}")
        yield url


@contextmanager
def postgres_server(folder: Path) -> Iterator[str]:
    """Run PostgreSQL on a free port, without durability; yield an SQLAlchemy address."""
    programs, port = postgres_programs(), free_port()
    if programs is None:
        raise FileNotFoundError("initdb")
    user = unprivileged_user()
    if user is not None:
        shutil.chown(folder, user)
        folder.chmod(0o700)
    own = {"cwd": folder, "user": user} if user else {"cwd": folder}
    subprocess.run(
        [programs / "initdb", "-D", folder / "data", "-U", "finrisk", "-A", "trust", "-E", "UTF8"],
        check=True,
        stdout=subprocess.DEVNULL,
        **own,
    )
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": port,
        "unix_socket_directories": folder,
        "fsync": "off",
    }
    command = [str(programs / "postgres"), "-D", str(folder / "data")]
    command += [f"-c{name}={value}" for name, value in settings.items()]
    with running(command, Path(f"{folder}.log"), **own):
        until(lambda: _answers(port), f"PostgreSQL on port {port}")
        yield f"postgresql+psycopg://finrisk@127.0.0.1:{port}/postgres"


@contextmanager
def running(command: Sequence[str], log: Path, **options: object) -> Iterator[None]:
    """Run a server for the length of the block; stop it with all that it started."""
    with log.open("wb") as output:
        process = subprocess.Popen(  # type: ignore[call-overload]
            command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, **options
        )
        try:
            yield
        except BaseException:
            sys.stderr.write(log.read_text(errors="replace")[-2000:])
            raise
        finally:
            family = [psutil.Process(process.pid)]
            family += family[0].children(recursive=True)
            process.terminate()
            _, alive = psutil.wait_procs(family, timeout=STOP_SECONDS)
            for one in alive:
                one.kill()
            process.wait(STOP_SECONDS)


def until(ready: object, what: str) -> None:
    """Ask until it answers."""
    give_up = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up:
        try:
            if ready():  # type: ignore[operator]
                return
        except (httpx.HTTPError, OSError):
            pass
        time.sleep(0.2)
    raise TimeoutError(f"{what} did not answer within {START_SECONDS} s")


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port), timeout=1):
        return True


def made_database(server: str, name: str) -> str:
    """Make a database on a PostgreSQL server; return its address."""
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}"'))
    engine.dispose()
    return make_url(server).set(database=name).render_as_string(hide_password=False)


@contextmanager
def servers(root: Path) -> Iterator[dict[str, str]]:
    """Start what the environment does not name; yield what a test's environment gets."""
    told: dict[str, str] = {}
    with ExitStack() as started:
        if POSTGRES not in os.environ:
            if postgres_programs() is None:
                sys.stdout.write("no PostgreSQL programs here: its tests are skipped\n")
            else:
                folder = root / "postgresql"
                folder.mkdir()
                told[POSTGRES] = started.enter_context(postgres_server(folder))
        if MLFLOW not in os.environ:
            folder = root / "mlflow"
            folder.mkdir()
            own = told.get(POSTGRES)
            database = made_database(own, "mlflow") if own else f"sqlite:///{folder}/server.db"
            told[MLFLOW] = started.enter_context(mlflow_server(folder, database))
            told |= {MLFLOW_DATABASE: database, MLFLOW_ARTIFACTS: f"{folder}/artifacts"}
        yield told


def main(command: Sequence[str]) -> int:
    """Run the command beside the servers; return its exit status."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # or they outlive us
    with ExitStack() as stack:
        root = Path(mkdtemp(prefix="finrisk-services-"))
        stack.callback(shutil.rmtree, root, ignore_errors=True)
        root.chmod(0o755)
        told = stack.enter_context(servers(root))
        sys.stdout.writelines(f"{name}={value}\n" for name, value in told.items())
        if None in map(shutil.which, WATCHERS):
            sys.stdout.write(f"no {' or '.join(WATCHERS)} here: their tests are skipped\n")
        sys.stdout.flush()
        return subprocess.run(command, env=os.environ | told, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
