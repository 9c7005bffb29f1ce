"""Where the embedded stack lives, and the environment its processes run in.

Everything is below one folder (``var/demo``), which can be deleted whole. The configuration is that
of one person on one machine: SQLite, the local executor, the simple login, loopback only.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
LOOPBACK = "127.0.0.1"
USER = "admin"
PASSWORD_BYTES = 12
JWT_BYTES = 64  # shorter, and Airflow's HS512 tokens are weaker than they look

# Airflow's own defaults suit a cluster: a night has four tasks in a row, and each would wait for
# the next round of a loop that sleeps a second.
PACE = {
    "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.1",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "1",
    "AIRFLOW__CORE__PARALLELISM": "4",
    # Also how late a worker may notice that its task has ended, and is free for the next one.
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
    "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "60",
    "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "60",
}

# Candidates train side by side. Threads of XGBoost that outnumber the processors spin while they
# wait for each other: 200 trees on 20,000 rows took 25 s that way, and 2 s when they sleep instead.
FEW_THREADS = {
    "FINRISK_THREADS": str(max(1, (os.cpu_count() or 1) // 2)),
    "OMP_WAIT_POLICY": "PASSIVE",
}

QUIET = {
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    "AIRFLOW__LOGGING__NAMESPACE_LEVELS": "great_expectations=WARNING alembic=WARNING",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "GX_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "true",
}


@dataclass(frozen=True)
class Secrets:
    """What the processes of one stack share, and what a person logs in with."""

    password: str
    jwt: str
    api: str

    @classmethod
    def of(cls, path: Path) -> Secrets:
        """Read them, or make them readable by their owner only."""
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            made = cls(
                password=secrets.token_urlsafe(PASSWORD_BYTES),
                jwt=secrets.token_urlsafe(JWT_BYTES),
                api=secrets.token_urlsafe(JWT_BYTES),
            )
            _write_private(path, json.dumps(made.__dict__))
        return cls(**json.loads(path.read_text(encoding="utf-8")))


@dataclass(frozen=True)
class Home:
    """One stack's folder, and which specs and scope its nights work with; empty: the defaults."""

    folder: Path
    conf: str = ""
    scope: str = ""

    @property
    def airflow(self) -> Path:
        """Airflow's own folder: its database, its logs."""
        return self.folder / "airflow"

    @property
    def run(self) -> Path:
        """Who runs here: one file for each process."""
        return self.folder / "run"

    @property
    def logs(self) -> Path:
        """What the processes wrote to their terminals."""
        return self.folder / "logs"

    @property
    def task_logs(self) -> Path:
        """What the tasks logged."""
        return self.airflow / "logs"

    @property
    def mlflow_store(self) -> str:
        """Where MLflow keeps runs and versions."""
        return f"sqlite:///{self.folder}/mlflow.db"

    @property
    def artifacts(self) -> Path:
        """Where MLflow keeps models."""
        return self.folder / "artifacts"

    def secrets(self) -> Secrets:
        """Return this stack's secrets, made at the first call."""
        made = Secrets.of(self.airflow / "secrets.json")
        _write_private(self._passwords, json.dumps({USER: made.password}))
        return made

    @property
    def _passwords(self) -> Path:
        return self.airflow / "passwords.json"

    def finrisk_environment(self) -> dict[str, str]:
        """Return the environment of a ``finrisk`` command: ours, nothing of the caller's."""
        kept = {name: value for name, value in os.environ.items() if not _is_setting(name)}
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
        ours = {"FINRISK_HOME": str(self.folder), "MLFLOW_TRACKING_URI": self.mlflow_store}
        named = {"FINRISK_CONF": self.conf, "FINRISK_SCOPE": self.scope}
        ours |= {name: value for name, value in named.items() if value}
        return kept | QUIET | FEW_THREADS | ours | {"PATH": path}

    def airflow_environment(
        self, port: int, mlflow_ui: str, *, nightly: bool, dashboard: str = ""
    ) -> dict[str, str]:
        """Return the environment of Airflow's processes.

        Parameters
        ----------
        port : int
            The api-server's.
        mlflow_ui : str
            Address of the MLflow UI for the links of tasks; empty if none is served.
        nightly : bool
            Whether the clock starts nights; the demo starts its own, and no other may interfere.
        dashboard : str
            Address of the dashboard for Airflow's views of it; empty if none is served.
        """
        made = self.secrets()
        address = f"http://{LOOPBACK}:{port}"
        return (
            self.finrisk_environment()
            | PACE
            | {
                "AIRFLOW_HOME": str(self.airflow),
                "AIRFLOW__CORE__DAGS_FOLDER": str(REPOSITORY / "dags"),
                "AIRFLOW__CORE__PLUGINS_FOLDER": str(REPOSITORY / "plugins"),
                "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
                "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
                "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
                "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{address}/execution/",
                "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
                "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self._passwords),
                "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self.airflow}/airflow.db",
                "AIRFLOW__API__HOST": LOOPBACK,
                "AIRFLOW__API__PORT": str(port),
                "AIRFLOW__API__BASE_URL": address,
                "AIRFLOW__API__WORKERS": "1",
                "AIRFLOW__API__SECRET_KEY": made.api,
                "AIRFLOW__API_AUTH__JWT_SECRET": made.jwt,
                "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(self.task_logs),
                "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": str(nightly),
                "MLFLOW_UI_URL": mlflow_ui,
                "FINRISK_DASHBOARD_URL": dashboard,
            }
        )


def _is_setting(name: str) -> bool:
    return name.startswith(("FINRISK_", "MLFLOW_", "AIRFLOW_"))


def _write_private(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
