"""Airflow plugin: a link from a FinRisk task to its MLflow run.

The api-server makes the link when a person opens the task, from the record the task returned, so
old runs get it too and nothing is written at run time. ``MLFLOW_UI_URL`` names the MLflow UI as a
browser reaches it; without it a tracking server's own address serves, and without that no link.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from airflow.plugins_manager import AirflowPlugin
from airflow.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from airflow.models.taskinstancekey import TaskInstanceKey
    from airflow.sdk import BaseOperator

RECORDS = ("return_value", "night")  # XCom keys of a record: `prepare` returns what to train
NO_LINK = ""


def run_url(records: list[Any], ui: str) -> str:
    """Return the address of the MLflow run that one of these XCom values names.

    Examples
    --------
    >>> run_url([["xgboost"], {"run_id": "4f1c"}], "http://127.0.0.1:5000/")
    'http://127.0.0.1:5000/#/runs/4f1c'
    >>> run_url([{"run_id": None}], "http://127.0.0.1:5000/")
    ''
    """
    for record in records:
        run_id = record.get("run_id") if isinstance(record, dict) else None
        if isinstance(run_id, str) and run_id.isalnum():
            return f"{ui.rstrip('/')}/#/runs/{run_id}"
    return NO_LINK


def mlflow_ui(environment: dict[str, str]) -> str:
    """Return where a browser finds MLflow: as told, else the tracking server, if it is one.

    Everybody in Airflow sees the link: a password in the address stays here.
    """
    from finrisk.addresses import without_credentials

    told = environment.get("MLFLOW_UI_URL") or environment.get("MLFLOW_TRACKING_URI", "")
    return without_credentials(told) if told.startswith(("http://", "https://")) else NO_LINK


class MlflowRunLink(BaseOperatorLink):
    """The button *MLflow run* of a task; greyed out where a task has none."""

    name = "MLflow run"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # type: ignore[override] # noqa: ARG002
        """Look the run up in the task's XComs; runs in the api-server."""
        if ui := mlflow_ui(dict(os.environ)):
            return run_url(_records(ti_key), ui)
        return NO_LINK


def _records(ti_key: TaskInstanceKey) -> list[Any]:
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session

    with create_session() as session:
        rows = session.execute(
            XComModel.get_many(
                run_id=ti_key.run_id,
                dag_ids=ti_key.dag_id,
                task_ids=ti_key.task_id,
                map_indexes=ti_key.map_index,
            ).with_only_columns(XComModel.key, XComModel.value)
        ).all()
    return [value for key, value in rows if key in RECORDS]


class FinRiskPlugin(AirflowPlugin):
    """What FinRisk adds to Airflow."""

    name = "finrisk"
    global_operator_extra_links = [MlflowRunLink()]  # noqa: RUF012 - the base declares it so
