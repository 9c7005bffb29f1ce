"""MLflow, imported in one place: telemetry, progress bars and its own chatter off.

MLflow decides about telemetry while it is imported, so the variables must stand before that. Every
other module of this room takes MLflow's names from here.
"""

from __future__ import annotations

import logging
import os

QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",  # a second wall: our loader needs no pickle
}
for _name, _value in QUIET.items():
    os.environ.setdefault(_name, _value)

import mlflow  # noqa: E402
import mlflow.artifacts  # noqa: E402
from mlflow import MlflowClient  # noqa: E402
from mlflow.entities import (  # noqa: E402
    Dataset,
    DatasetInput,
    InputTag,
    LoggedModelOutput,
    Metric,
    Param,
    RunTag,
    ViewType,
)
from mlflow.exceptions import MlflowException  # noqa: E402
from mlflow.models import Model, ModelSignature  # noqa: E402
from mlflow.store.artifact.artifact_repository_registry import (  # noqa: E402
    get_artifact_repository as artifact_repository,
)
from mlflow.tracking._tracking_service.utils import (  # noqa: E402
    _use_tracking_uri as use_tracking_uri,
)
from mlflow.types import ColSpec, Schema  # noqa: E402

logging.getLogger("mlflow").setLevel(logging.WARNING)  # it tells of every table it makes

__all__ = [
    "ColSpec",
    "Dataset",
    "DatasetInput",
    "InputTag",
    "LoggedModelOutput",
    "Metric",
    "MlflowClient",
    "MlflowException",
    "Model",
    "ModelSignature",
    "Param",
    "RunTag",
    "Schema",
    "ViewType",
    "artifact_repository",
    "mlflow",
    "use_tracking_uri",
]
