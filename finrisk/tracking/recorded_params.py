"""The parameters an MLflow run was logged with."""

from __future__ import annotations

from finrisk.config import Settings
from finrisk.tracking.client import NOT_THERE, answering, open_client
from finrisk.tracking.quiet_mlflow import MlflowException


def recorded_params(settings: Settings, run_id: str) -> dict[str, str] | None:
    """Return a run's parameters as MLflow keeps them, in text; None if there is no such run.

    Raises
    ------
    Unreachable
        MLflow does not answer.
    """
    client = open_client(settings)
    with answering(settings.tracking_uri):
        try:
            return dict(client.get_run(run_id).data.params)
        except MlflowException as exc:
            if exc.error_code != NOT_THERE:
                raise
            return None
