"""Addresses of the other places that know of a night: Airflow's UI and MLflow's."""

from __future__ import annotations

from urllib.parse import quote

from finrisk.addresses import mlflow_page, run_page
from finrisk.config import Settings
from finrisk.names import qualified


def mlflow_run(settings: Settings, run_id: str | None) -> str | None:
    """Return where a browser finds an MLflow run; None where no MLflow UI is known.

    Examples
    --------
    >>> mlflow_run(Settings(mlflow_ui_url="http://127.0.0.1:5000/"), "4f1c")
    'http://127.0.0.1:5000/#/runs/4f1c'
    >>> mlflow_run(Settings(), "4f1c") is None
    True
    """
    ui = mlflow(settings)
    return run_page(ui, run_id) if ui and run_id else None


def mlflow_version(settings: Settings, registered_name: str, version: int) -> str | None:
    """Return where a browser finds a registered version."""
    ui = mlflow(settings)
    return f"{ui}/#/models/{quote(registered_name, safe='')}/versions/{version}" if ui else None


def mlflow(settings: Settings) -> str | None:
    """Return MLflow's UI: as told, else the tracking server, if it is one; never a password."""
    return mlflow_page(settings.mlflow_ui_url, settings.tracking_uri) or None


def retraining(settings: Settings, model: str) -> str | None:
    """Return where a browser finds the runs of a model's nights in Airflow.

    Examples
    --------
    >>> retraining(Settings(airflow_ui_url="http://127.0.0.1:8080"), "fraud")
    'http://127.0.0.1:8080/dags/fraud_retraining/runs'
    """
    return _dag(settings, f"{qualified(settings.tenant, model)}_retraining")


def monitoring(settings: Settings, model: str) -> str | None:
    """Return where a browser finds the runs of a model's monitors in Airflow."""
    return _dag(settings, f"{qualified(settings.tenant, model)}_monitoring")


def dag_run(settings: Settings, model: str, run_id: str | None) -> str | None:
    """Return where a browser finds one run of a model's nights in Airflow.

    Examples
    --------
    >>> dag_run(Settings(airflow_ui_url="http://127.0.0.1:8080"), "fraud", "alert__4f 1c")
    'http://127.0.0.1:8080/dags/fraud_retraining/runs/alert__4f%201c'
    """
    dag = retraining(settings, model)
    return f"{dag}/{quote(run_id, safe=':+')}" if dag and run_id else None


def _dag(settings: Settings, dag_id: str) -> str | None:
    ui = settings.airflow_ui_url or settings.airflow_url
    return f"{ui.rstrip('/')}/dags/{quote(dag_id, safe='')}/runs" if ui else None
