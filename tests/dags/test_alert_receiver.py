"""The receiver as Airflow mounts it: guarded by itself, and starting runs in Airflow's database."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
from airflow.models.dagrun import DagRun
from airflow.utils.session import create_session
from sqlalchemy import select
from starlette.applications import Starlette
from starlette.routing import Mount

from finrisk.alerting.starting import AskedRun
from finrisk.alerting.tokens import TOKEN, create_alert_token
from finrisk.config import SHIPPED_CONF, Settings, load_settings
from finrisk.errors import Unreachable
from finrisk.ledger.migrate import migrate
from finrisk.ledger.store import Ledger
from plugins.finrisk_plugin import AlertReceiver, FinRiskPlugin, start_run
from tests.alerting.factories import MODEL, PATH, alert, delivery
from tests.dags.conftest import DAGS

DAG = "credit_risk_retraining"


@pytest.fixture(scope="module", autouse=True)
def known_dags() -> None:
    DagBundlesManager().sync_bundles_to_db()
    sync_bag_to_db(DagBag(str(DAGS)), "dags-folder", None)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    shutil.copytree(SHIPPED_CONF, tmp_path / "conf" / "models")
    monkeypatch.setenv("FINRISK_HOME", str(tmp_path))
    settings = load_settings()
    create_alert_token(settings.keys)
    migrate(settings.ledger_url.get_secret_value())
    return settings


def asked(**conf: Any) -> AskedRun:
    return AskedRun(DAG, f"alert__FinRiskScoreDrift__{uuid4().hex[:8]}", conf)


def runs_of(run_id: str | None) -> list[DagRun]:
    with create_session() as session:
        found = list(session.scalars(select(DagRun).where(DagRun.run_id == run_id)))
        session.expunge_all()
        return found


def test_a_run_is_started_once_in_the_receiver_s_name(settings: Settings) -> None:
    run = asked(look="reserve", reason="drift {{ 7 * 7 }}")

    for _ in range(3):
        start_run(run)

    (started,) = runs_of(run.run_id)
    assert (started.dag_id, str(started.run_type)) == (DAG, "manual")
    assert started.conf == run.conf
    assert started.triggering_user_name == "finrisk alerts"
    assert started.logical_date is None


@pytest.mark.parametrize(
    "run",
    [
        pytest.param(AskedRun("no_such_dag", "alert__x", {}), id="no such Dag"),
        pytest.param(asked(look="free"), id="a look that the form does not have"),
        pytest.param(AskedRun(DAG, "alert__../../x", {}), id="a run id that is a path"),
    ],
)
def test_what_airflow_refuses_was_not_started(settings: Settings, run: AskedRun) -> None:
    with pytest.raises(Unreachable, match=f"did not start {run.dag_id}"):
        start_run(run)

    assert runs_of(run.run_id) == []


class Mounted:
    """The plugin's app under the prefix that it asks Airflow for."""

    def __init__(self) -> None:
        (app,) = FinRiskPlugin.fastapi_apps
        self.prefix = app["url_prefix"]
        self.receiver = AlertReceiver()
        self._app = Starlette(routes=[Mount(self.prefix, self.receiver)])

    def post(self, token: str, document: Any, path: str = PATH) -> httpx.Response:
        async def posted() -> httpx.Response:
            transport = httpx.ASGITransport(app=self._app)
            async with httpx.AsyncClient(transport=transport, base_url="http://airflow") as client:
                headers = {"Authorization": f"Bearer {token}"}
                return await client.post(path, json=document, headers=headers)

        return asyncio.run(posted())


@pytest.fixture
def mounted() -> Iterator[Mounted]:
    made = Mounted()
    yield made
    if (taking := made.receiver.taking) is not None:
        taking.close()


def test_an_alert_posted_to_airflow_is_a_run_there(mounted: Mounted, settings: Settings) -> None:
    token = (settings.keys / TOKEN).read_text().strip()
    began = datetime.now(UTC)

    answers = [mounted.post(token, delivery(alert(began=began))).json() for _ in range(3)]
    assert mounted.receiver.taking is not None
    mounted.receiver.taking.close()  # and with it the start that is under way

    assert answers == [{"accepted": 1}, {"repeated": 1}, {"repeated": 1}]
    with Ledger.open(settings) as ledger:
        (rerun,) = ledger.reruns(MODEL)
    (run,) = runs_of(rerun.run_id)
    assert run.dag_id == DAG
    assert run.conf == {"look": "reserve", "reason": rerun.reason}
    assert rerun.started is not None


def test_airflow_s_door_is_not_ours(mounted: Mounted, settings: Settings) -> None:
    for path in (PATH, "/finrisk/", "/finrisk/healthz", "/finrisk/openapi.json", "/finrisk/docs"):
        assert mounted.post("nobody", delivery(), path).status_code == 401
    assert mounted.prefix == "/finrisk"


def test_settings_that_do_not_fit_take_no_alert_and_harm_nothing_else(
    mounted: Mounted, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINRISK_THREADS", "many")

    assert mounted.post("any", delivery()).status_code == 503


def test_a_task_that_loads_the_plugin_loads_no_web_framework() -> None:
    code = "import sys, plugins.finrisk_plugin; sys.exit('fastapi' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=DAGS.parent, check=False)

    assert done.returncode == 0
