"""Airflow plugin: links to MLflow and the dashboard, and the receiver of alerts.

The api-server makes the link when a person opens the task, from the record the task returned, so
old runs get it too and nothing is written at run time. ``MLFLOW_UI_URL`` names the MLflow UI as a
browser reaches it; without it a tracking server's own address serves, and without that no link.

``FINRISK_DASHBOARD_URL`` names the dashboard as a browser reaches it: then it is a view in
Airflow's navigation, and a tab of each Dag.

The receiver is mounted under ``/finrisk``. Airflow does not guard it: it lets nobody in who does
not carry its own token, whatever Airflow knows of him.
"""

from __future__ import annotations

import logging
import os
from threading import Lock
from typing import TYPE_CHECKING, Any

from airflow.plugins_manager import AirflowPlugin
from airflow.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from airflow.models.taskinstancekey import TaskInstanceKey
    from airflow.sdk import BaseOperator
    from starlette.types import ASGIApp, Receive, Scope, Send

    from finrisk.alerting.receiving import Receiver
    from finrisk.alerting.starting import AskedRun

log = logging.getLogger(__name__)

RECORDS = ("return_value", "night")  # XCom keys of a record: `prepare` returns what to train
NO_LINK = ""
RECEIVER_PREFIX = "/finrisk"
STARTED_BY = "finrisk alerts"


def run_url(records: list[Any], ui: str) -> str:
    """Return the address of the MLflow run that one of these XCom values names.

    Examples
    --------
    >>> run_url([["xgboost"], {"run_id": "4f1c"}], "http://127.0.0.1:5000/")
    'http://127.0.0.1:5000/#/runs/4f1c'
    >>> run_url([{"run_id": None}], "http://127.0.0.1:5000/")
    ''
    """
    from finrisk.addresses import run_page

    for record in records:
        run_id = record.get("run_id") if isinstance(record, dict) else None
        if isinstance(run_id, str) and run_id.isalnum():
            return run_page(ui, run_id)
    return NO_LINK


def mlflow_ui(environment: dict[str, str]) -> str:
    """Return where a browser finds MLflow, as this process's environment has it."""
    from finrisk.addresses import mlflow_page

    told, tracking = (environment.get(n, "") for n in ("MLFLOW_UI_URL", "MLFLOW_TRACKING_URI"))
    return mlflow_page(told, tracking)


def dashboard_views(environment: dict[str, str]) -> list[dict[str, str]]:
    """Return the views of the dashboard inside Airflow; none where no address of it is known.

    Examples
    --------
    >>> views = dashboard_views({"FINRISK_DASHBOARD_URL": "http://127.0.0.1:8502/"})
    >>> [(view["destination"], view["href"]) for view in views]
    ... # doctest: +NORMALIZE_WHITESPACE
    [('nav', 'http://127.0.0.1:8502/?embed=true'),
     ('dag', 'http://127.0.0.1:8502/promotions?embed=true&dag={DAG_ID}')]
    """
    from finrisk.addresses import without_credentials

    told = environment.get("FINRISK_DASHBOARD_URL", "")
    if not told.startswith(("http://", "https://")):
        return []
    address = without_credentials(told).rstrip("/")
    return [
        {
            "name": "FinRisk",
            "href": f"{address}/?embed=true",
            "destination": "nav",
            "url_route": "finrisk",
        },
        {
            "name": "FinRisk",
            "href": f"{address}/promotions?embed=true&dag={{DAG_ID}}",
            "destination": "dag",
            "url_route": "finrisk_dag",
        },
    ]


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


def start_run(run: AskedRun) -> None:
    """Start a Dag run from within the api-server, or find it there.

    As the REST API starts it: a manual run, so that its form holds for it. It is started in the
    receiver's name, which the night records as its actor.

    Raises
    ------
    Unreachable
        There is no such Dag, its form refuses the params, or the database does not answer.
    """
    from airflow.api.common.trigger_dag import trigger_dag
    from airflow.exceptions import DagRunAlreadyExists
    from airflow.sdk.exceptions import AirflowException
    from airflow.utils.types import DagRunTriggeredByType, DagRunType
    from sqlalchemy.exc import SQLAlchemyError

    from finrisk.errors import Unreachable

    try:
        trigger_dag(
            run.dag_id,
            run_id=run.run_id,
            run_type=DagRunType.MANUAL,
            triggered_by=DagRunTriggeredByType.REST_API,
            triggering_user_name=STARTED_BY,
            conf=run.conf,
        )
    except DagRunAlreadyExists:
        return
    except (AirflowException, SQLAlchemyError, ValueError) as exc:
        raise Unreachable(
            f"Airflow did not start {run.dag_id}", got=f"{type(exc).__name__}: {exc}"
        ) from exc


class AlertReceiver:
    """The receiver as an ASGI app that is made at its first request.

    Every process of Airflow loads plugins, each task's as well, and only the api-server serves
    them: FastAPI, the specs and the ledger are for that one, and after it has forked.
    """

    def __init__(self) -> None:
        self.taking: Receiver | None = None
        self._app: ASGIApp | None = None
        self._making = Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        with self._making:
            if self._app is None:
                self._app = self._made()
        await self._app(scope, receive, send)

    def _made(self) -> ASGIApp:
        from starlette.responses import Response

        from finrisk.alerting.app import alert_app
        from finrisk.alerting.receiving import Receiver
        from finrisk.config import load_settings
        from finrisk.errors import ConfigurationError

        try:
            self.taking = Receiver(load_settings(), start_run)
        except ConfigurationError as exc:
            log.error("no alert is taken: %s", exc)  # noqa: TRY400 - the message says it all
            return Response(status_code=503)
        return alert_app(self.taking)


class FinRiskPlugin(AirflowPlugin):
    """What FinRisk adds to Airflow."""

    name = "finrisk"
    fastapi_apps = [  # noqa: RUF012 - the base declares it so
        {"app": AlertReceiver(), "url_prefix": RECEIVER_PREFIX, "name": "FinRisk alerts"}
    ]
    external_views = dashboard_views(dict(os.environ))
    global_operator_extra_links = [MlflowRunLink()]  # noqa: RUF012 - the base declares it so
