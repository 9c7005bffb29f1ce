"""A tenant's folder makes Dags of its own; another tenant's faults take none of them away."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from airflow.dag_processing.dagbag import DagBag
from airflow.models.dagrun import DagRun
from airflow.utils.session import create_session
from sqlalchemy import select

from finrisk.alerting.asking import limits_of
from finrisk.config import load_settings
from finrisk.ledger.inbox import Asked
from finrisk.ledger.store import Ledger
from finrisk.setting_up import initialise
from finrisk.specs.monitoring import Reruns
from tests.dags.conftest import DAGS
from tests.dags.test_reruns import NOW
from tests.ledger.factories import digest
from tests.pipelines.lender import FIRST, deliver, small_document
from tests.tenants.worlds import add_tenant

KINDS = ("monitoring", "retraining", "rollback", "scoring")
OF_A_LENDER = ("night_watch", "reruns", "retention")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    conf = tmp_path / "conf" / "models"
    conf.mkdir(parents=True)
    (conf / "credit_risk.yaml").write_text(yaml.safe_dump(small_document(), sort_keys=False))
    add_tenant(tmp_path, title="Acme Bank", pool="acme")
    monkeypatch.setenv("FINRISK_HOME", str(tmp_path))
    monkeypatch.setenv("FINRISK_TENANTS", "lenders")
    monkeypatch.setenv("FINRISK_PICTURES", "false")
    return tmp_path


def bag() -> Any:
    return DagBag(str(DAGS))


def test_each_lender_has_its_own_and_the_first_ones_keep_their_names(home: Path) -> None:
    found = bag()

    first = {f"credit_risk_{kind}" for kind in KINDS} | {f"finrisk_{of}" for of in OF_A_LENDER}
    acme = {f"acme__credit_risk_{kind}" for kind in KINDS} | {f"acme__{of}" for of in OF_A_LENDER}
    assert set(found.dags) == first | acme
    assert not found.import_errors
    for name in acme:
        dag = found.dags[name]
        assert "tenant:acme" in dag.tags
        assert {task.pool for task in dag.tasks} == {"acme"}
        assert "Acme Bank" in (dag.doc_md or "")
    for name in first:
        dag = found.dags[name]
        assert {task.pool for task in dag.tasks} == {"default_pool"}
        assert not [tag for tag in dag.tags if tag.startswith("tenant:")]


def test_no_asset_of_one_wakes_a_dag_of_another(home: Path) -> None:
    found = bag().dags

    assets: dict[str, set[str]] = {"": set(), "acme": set()}
    for name, dag in found.items():
        whose = "acme" if name.startswith("acme__") else ""
        condition = getattr(dag.timetable, "asset_condition", None)
        if condition is not None:
            assets[whose].add(condition.name)
        for task in dag.tasks:
            assets[whose] |= {outlet.name for outlet in task.outlets}

    assert not assets[""] & assets["acme"]
    assert all(name.startswith("acme__") for name in assets["acme"])
    assert {name.removeprefix("acme__") for name in assets["acme"]} >= {
        "credit_risk_landing",
        "reruns_asked",
    }


@pytest.mark.parametrize(
    ("file", "text"),
    [("models/credit_risk.yaml", "name: [\n"), ("tenant.yaml", "tittle: Spoiled\n")],
)
def test_a_broken_tenant_loses_its_own_dags_alone_and_is_told(
    home: Path, file: str, text: str
) -> None:
    folder = add_tenant(home, "spoiled")
    (folder / file).write_text(text)

    found = bag()

    assert not [name for name in found.dags if name.startswith("spoiled__credit_risk")]
    assert {"credit_risk_retraining", "acme__credit_risk_retraining"} <= set(found.dags)
    ((where, told),) = found.import_errors.items()
    assert where.endswith("broken_specs.py")
    assert str(folder / file) in told


def test_a_first_lenders_model_cannot_take_a_tenants_dag(home: Path) -> None:
    document = small_document() | {"name": "acme__credit_risk", "registered_name": "other"}
    path = home / "conf" / "models" / "thief.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False))

    found = bag()

    assert "tenant:acme" in found.dags["acme__credit_risk_retraining"].tags
    assert "is that of a tenant's model" in "".join(found.import_errors.values())


def test_a_night_of_the_second_lender_runs_in_airflow_with_its_own_champion(home: Path) -> None:
    settings = load_settings()
    initialise(settings)
    acme = settings.of_tenant("acme")
    deliver(acme, FIRST)

    run = bag().dags["acme__credit_risk_retraining"].test(run_conf={"as_of": str(FIRST)})

    assert str(run.state) == "success"
    with Ledger.open(acme) as ledger:
        champion = ledger.champion("credit_risk")
        assert champion is not None
        assert ledger.nights("credit_risk")[0].dag_run == run.run_id
    with Ledger.open(settings) as ledger:
        assert ledger.models() == []
    assert not (settings.store / "snapshots").exists()


def test_a_night_that_an_alert_asked_of_a_tenant_is_started_in_the_tenants_dag(home: Path) -> None:
    settings = load_settings()
    initialise(settings)
    with Ledger.open(settings.of_tenant("acme")) as ledger:
        asked = Asked("credit_risk", digest("a"), "FinRiskScoreDrift", "monitor", "drift", NOW)
        rerun = ledger.receive_alert(asked, limits_of(Reruns()), NOW)

    run = bag().dags["acme__reruns"].test()

    assert str(run.state) == "success"
    with create_session() as session:
        dags = session.scalars(select(DagRun.dag_id).where(DagRun.run_id == rerun.run_id)).all()
    assert dags == ["acme__credit_risk_retraining"]
    with Ledger.open(settings.of_tenant("acme")) as ledger:
        assert ledger.pending_reruns() == []
