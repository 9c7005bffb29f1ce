"""``python -m deploy.first_start``: everything that must exist once, before the servers work.

Airflow's schema and administrator, MLflow's three accounts, FinRisk's ledger, keys, experiment.
Safe to repeat: it runs at every ``docker compose up``, and the secrets' files are the truth of
passwords, so that a changed file and a restart are a changed password.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

from finrisk.config import load_settings
from finrisk.tenants import Tenant, tenants_of

SECONDS = 60.0
NOT_FOUND = HTTPStatus.NOT_FOUND
GRANTS = "3.0/mlflow/users/permissions"
TRAINER = "trainer"
MLFLOW_USERS = (TRAINER, "promoter", "scorer")
EVERYBODY_READS = 0o444  # in a volume of its own, which Alertmanager alone has mounted besides us


def main() -> int:
    """Make it, both halves at once."""
    with ThreadPoolExecutor(2) as at_once:
        halves = [at_once.submit(half) for half in (airflow, finrisk)]
        for half in halves:
            half.result()
    return 0


def airflow() -> None:
    """Migrate Airflow's database and give the administrator the password of the file."""
    _run("airflow", "db", "migrate")
    # by its name: only the servers' packages have it, and checks run without them
    users = import_module("airflow.providers.fab.auth_manager.cli_commands.utils")
    name, password = os.environ["AIRFLOW_ADMIN_USER"], _secret("airflow_admin_password")
    with users.get_application_builder() as builder:
        manager = builder.sm
        if (user := manager.find_user(name)) is not None:
            manager.reset_password(user.id, password)
        else:
            role = manager.find_role("Admin")
            if not manager.add_user(name, name, "FinRisk", f"{name}@localhost", role, password):
                raise SystemExit(f"Airflow made no user {name}")
    for pool in pools_of(tenants_of(load_settings())):
        _run("airflow", "pools", "set", *pool)


def finrisk() -> None:
    """Make MLflow's accounts, then what ``finrisk init`` makes; hand Alertmanager its token.

    Who makes an experiment or a registered model may do everything with it: that is the promoter,
    as whom this and the deciding tasks run. The trainer logs runs, and may register nothing.
    """
    for user in MLFLOW_USERS:
        _mlflow_user(user, _secret(f"mlflow_{user}_password"))
    _run("finrisk", "init")
    for one in tenants_of(load_settings()):  # it also deletes what it left unfinished
        _grant(TRAINER, "experiment", _experiment(one.settings.scoped_experiment), "MANAGE")
    _grant(TRAINER, "registered_model", "*", "DENY")
    token = Path(os.environ["FINRISK_KEYS"]) / "alerts.token"
    handed = Path(os.environ["ALERTS_FOLDER"]) / "alerts.token"
    handed.unlink(missing_ok=True)
    handed.write_bytes(token.read_bytes())
    handed.chmod(EVERYBODY_READS)


def pools_of(tenants: Iterable[Tenant]) -> list[tuple[str, str, str]]:
    """Return the pools that tenants name: name, slots and what to say of it; each once.

    A task of a pool that there is not waits for ever.
    """
    slots: dict[str, int] = {}
    for one in tenants:
        if one.file.pool and one.file.pool != "default_pool":
            slots[one.file.pool] = max(one.file.pool_slots, slots.get(one.file.pool, 0))
    return [(name, str(many), "tasks of a FinRisk tenant") for name, many in slots.items()]


def _mlflow_user(user: str, password: str) -> None:
    found = _mlflow("GET", f"2.0/mlflow/users/get?username={quote(user)}")
    how, to = ("POST", "create") if found.status == NOT_FOUND else ("PATCH", "update-password")
    login = {"username": user, "password": password}
    if _mlflow(how, f"2.0/mlflow/users/{to}", login).status != HTTPStatus.OK:
        raise SystemExit(f"MLflow did not take the user {user}")


def _grant(user: str, kind: str, which: str, permission: str) -> None:
    asked = {"username": user, "resource_type": kind, "resource_id": which}
    made = _mlflow("POST", f"{GRANTS}/grant", {**asked, "permission": permission})
    if made.status != HTTPStatus.OK and made.body.get("error_code") != "RESOURCE_ALREADY_EXISTS":
        raise SystemExit(f"MLflow did not give {user} {permission} on {kind} {which}: {made.body}")


def _experiment(name: str) -> str:
    found = _mlflow("GET", f"2.0/mlflow/experiments/get-by-name?experiment_name={quote(name)}")
    return str(found.body["experiment"]["experiment_id"])


class Answer(NamedTuple):
    """What MLflow answered."""

    status: int
    body: Mapping[str, Any]


def _mlflow(method: str, path: str, body: Mapping[str, str] | None = None) -> Answer:
    login = f"admin:{_secret('mlflow_admin_password')}".encode()
    headers = {
        "Authorization": f"Basic {base64.b64encode(login).decode('ascii')}",
        "Content-Type": "application/json",
    }
    data = None if body is None else json.dumps(body).encode()
    address = f"{os.environ['MLFLOW_TRACKING_URI']}/api/{path}"
    request = Request(address, data, headers, method=method)  # noqa: S310 - compose names it
    try:
        with urlopen(request, timeout=SECONDS) as answer:  # noqa: S310
            return Answer(answer.status, json.loads(answer.read() or b"{}"))
    except HTTPError as exc:
        return Answer(exc.code, json.loads(exc.read() or b"{}"))


def _secret(name: str) -> str:
    folder = Path(os.environ["SECRETS_FOLDER"])
    return (folder / name).read_text(encoding="utf-8").strip()


def _run(*command: str) -> None:
    if status := subprocess.run(command, check=False).returncode:
        raise SystemExit(f"{' '.join(command)}: exit status {status}")


if __name__ == "__main__":
    sys.exit(main())
