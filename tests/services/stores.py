"""Where a test's settings keep things: in files of its own, or on the servers that are named.

``make test`` names none. ``make test-services`` starts an ``mlflow server`` and PostgreSQL and
names them, so that the same tests hold for both. Test workers share the servers: what a test makes
there has a name that no other process uses.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

MLFLOW, POSTGRES = "TEST_MLFLOW_URL", "TEST_POSTGRES_URL"
MLFLOW_DATABASE, MLFLOW_ARTIFACTS = "TEST_MLFLOW_DATABASE", "TEST_MLFLOW_ARTIFACTS"

SERVER = os.environ.get(MLFLOW, "")
OF_THIS_PROCESS = uuid4().hex[:8]


def own(name: str) -> str:
    """Return the name as it is where nobody else is; on a server, one of this process alone."""
    return f"{name}-{OF_THIS_PROCESS}" if SERVER else name


def mlflow_settings(experiment: str) -> dict[str, Any]:
    """Return the fields of ``Settings`` that say where runs and versions go."""
    if not SERVER:
        return {"experiment_name": experiment}
    return {"tracking_uri": SERVER, "experiment_name": own(experiment)}


def served_environment() -> dict[str, str]:
    """Return what an environment says of the servers, in a scope of its own; nothing on files.

    Nobody makes a server's ledger by the way: ``initialise`` must follow.
    """
    if not SERVER:
        return {}
    fresh = uuid4().hex[:8]
    told = {
        "MLFLOW_TRACKING_URI": SERVER,
        "MLFLOW_EXPERIMENT_NAME": f"served-{fresh}",
        "FINRISK_SCOPE": f"s{fresh}",
    }
    ledger = os.environ.get(POSTGRES)
    return told if ledger is None else told | {"FINRISK_LEDGER_URL": ledger}


def mlflow_database(tracking_uri: str) -> str:
    """Return the database under MLflow: the address itself, unless a server is asked."""
    if not SERVER:
        return tracking_uri
    return _told(MLFLOW_DATABASE, "the database under the mlflow server is not known here")


def mlflow_artifacts(artifacts: Path) -> Path:
    """Return the folder of MLflow's files: the settings' own, unless a server has them."""
    if not SERVER:
        return artifacts
    return Path(_told(MLFLOW_ARTIFACTS, "the mlflow server's files are not on this machine"))


def on_files(reason: str) -> pytest.MarkDecorator:
    """Leave a test to ``make test``: its subject is files, which no server has."""
    return pytest.mark.skipif(bool(SERVER), reason=f"left to make test: {reason}")


def _told(variable: str, otherwise: str) -> str:
    if variable not in os.environ:
        pytest.skip(f"{variable} is not set: {otherwise}")
    return os.environ[variable]
