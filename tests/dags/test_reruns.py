"""The drainer on a real ledger and a real Airflow database: what waits is started once."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
import yaml
from airflow.dag_processing.dagbag import DagBag
from airflow.models.dagrun import DagRun
from airflow.utils.session import create_session
from sqlalchemy import select

from dags.retraining import request_of
from finrisk.alerting.asking import limits_of
from finrisk.alerting.starting import run_of
from finrisk.config import load_settings
from finrisk.ledger.inbox import Asked, Rerun
from finrisk.ledger.looks import LookRequest
from finrisk.ledger.migrate import migrate
from finrisk.ledger.store import Ledger
from finrisk.records import LookKind
from finrisk.specs.loader import load_spec
from finrisk.specs.monitoring import Reruns
from finrisk_defaults import task_defaults
from tests.dags.conftest import DAGS, REPOSITORY
from tests.ledger.factories import digest, force, request, version

NOW = datetime.now(UTC).replace(microsecond=0)
REASON = "alert FinRiskScoreDrift, firing since {{ 7 * 7 }} ${HOME} (alertmanager)"


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """Two models and an empty ledger; ``dag.test`` itself tells Airflow of every Dag."""
    document = yaml.safe_load((REPOSITORY / "conf" / "models" / "credit_risk.yaml").read_text())
    conf = tmp_path / "conf" / "models"
    conf.mkdir(parents=True)
    for name in ("credit_risk", "mortgages"):
        named = document | {"name": name, "registered_name": name.replace("_", "-")}
        (conf / f"{name}.yaml").write_text(yaml.safe_dump(named), encoding="utf-8")
    monkeypatch.setenv("FINRISK_HOME", str(tmp_path))
    migrate(load_settings().ledger_url.get_secret_value())
    return Ledger.open(load_settings())


def ask(ledger: Ledger, name: str, model: str = "credit_risk", days_ago: int = 0) -> Rerun:
    at = NOW - timedelta(days=days_ago)
    asked = Asked(model, digest(f"{name} {uuid4()}"), name, "alertmanager", REASON, at)
    return ledger.receive_alert(asked, limits_of(Reruns()), at)


def drained() -> Any:
    return DagBag(str(DAGS)).dags["finrisk_reruns"].test()


def states(run: Any) -> dict[str, str]:
    return {
        f"{one.task_id}{'' if one.map_index < 0 else f'[{one.map_index}]'}": str(one.state)
        for one in run.get_task_instances()
    }


def started_runs(*reruns: Rerun) -> list[DagRun]:
    with create_session() as session:
        found = session.scalars(
            select(DagRun).where(DagRun.run_id.in_([rerun.run_id for rerun in reruns]))
        ).all()
        session.expunge_all()
        return list(found)


def test_what_waits_is_started_with_its_reason_and_noted(ledger: Ledger) -> None:
    loans = ask(ledger, "FinRiskScoreDrift", days_ago=2)
    mortgages = ask(ledger, "FinRiskPerformanceLoss", "mortgages")

    run = drained()

    assert run.state == "success"
    assert ledger.pending_reruns() == []
    assert ledger.reruns("credit_risk")[0].started is not None
    runs = {one.dag_id: one for one in started_runs(loans, mortgages)}
    assert set(runs) == {"credit_risk_retraining", "mortgages_retraining"}
    started = runs["credit_risk_retraining"]
    assert (str(started.run_type), started.logical_date) == ("operator_triggered", None)
    assert started.conf == {"look": "reserve", "reason": REASON}, "no template was filled in"


def test_the_night_it_starts_pays_from_the_reserve_and_says_why(ledger: Ledger) -> None:
    rerun = ask(ledger, "FinRiskScoreDrift")
    drained()
    (run,) = started_runs(rerun)
    form = DagBag(str(DAGS)).dags["credit_risk_retraining"].params.dump()

    asked = request_of({"dag_run": run, "params": form | run.conf}, "credit_risk", "UTC")  # type: ignore[typeddict-item]

    assert (asked.look, asked.reason, asked.dry_run) == (LookKind.RESERVE, REASON, False)
    assert (asked.actor, asked.as_of) == ("alert", run.run_after.date())


def test_with_the_reserve_used_up_the_night_gets_no_look_and_is_told_so(ledger: Ledger) -> None:
    budget = load_spec(REPOSITORY / "conf" / "models" / "credit_risk.yaml").gate.error_budget
    force(ledger, version(1))
    champion = ledger.champion("credit_risk")

    def look(night: date) -> LookRequest:
        asked = run_of(ask(ledger, "FinRiskScoreDrift", days_ago=(NOW.date() - night).days))
        kind = LookKind(asked.conf["look"])
        return request(night, champion=champion, kind=kind, snapshot=str(night))

    this_year = [date(NOW.year, month, 1) for month in range(1, 10)]
    nights = this_year[: budget.reserve_looks_per_year + 1]
    grants = [ledger.spend_look(look(night), budget, NOW) for night in nights]

    assert all(grant.look is not None for grant in grants[:-1])
    assert grants[-1].look is None
    assert "reserve" in str(grants[-1].refused)


def test_a_run_that_is_there_already_is_skipped_and_noted(ledger: Ledger) -> None:
    rerun = ask(ledger, "FinRiskScoreDrift")
    drained()
    with ledger._write("credit_risk") as session:  # as if the note had been lost
        from finrisk.ledger.schema import RerunRow

        session.get(RerunRow, ("live", "credit_risk", rerun.key)).started = None
    assert len(ledger.pending_reruns()) == 1

    run = drained()

    assert run.state == "success"
    assert states(run)["start[0]"] == "skipped"
    assert states(run)["note"] == "success"
    assert ledger.pending_reruns() == []
    assert len(started_runs(rerun)) == 1


def test_nothing_waits_and_it_ends_green(ledger: Ledger) -> None:
    run = drained()

    assert run.state == "success"
    assert states(run) == {"waiting": "success", "start": "skipped", "note": "success"}


def test_a_run_that_cannot_be_started_leaves_its_alert_pending_and_is_red(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def retried_at_once(owner: str) -> dict[str, Any]:
        return task_defaults(owner) | {"retry_delay": timedelta(0)}

    monkeypatch.setattr("finrisk_defaults.task_defaults", retried_at_once)
    spec = tmp_path / "conf" / "models" / "mortgages.yaml"
    document = yaml.safe_load(spec.read_text(encoding="utf-8"))
    cars = document | {"name": "cars", "registered_name": "cars"}
    spec.with_name("cars.yaml").write_text(yaml.safe_dump(cars), encoding="utf-8")
    dag: Any = DagBag(str(DAGS)).dags["finrisk_reruns"]
    spec.with_name("cars.yaml").unlink()  # and with it cars_retraining
    there, lost = ask(ledger, "FinRiskScoreDrift"), ask(ledger, "FinRiskScoreDrift", "cars")

    run = dag.test()

    assert run.state == "failed"
    assert states(run)["note"] == "failed"
    assert [rerun.key for rerun in ledger.pending_reruns()] == [lost.key]
    assert [one.run_id for one in started_runs(there, lost)] == [there.run_id]


def test_what_was_not_accepted_is_not_started(ledger: Ledger) -> None:
    ask(ledger, "FinRiskScoreDrift")
    ledger.mark_started(ledger.pending_reruns()[0], NOW)
    capped = ask(ledger, "FinRiskPerformanceLoss")

    assert drained().state == "success"

    assert capped.run_id is None
    assert [one.started for one in ledger.reruns("credit_risk") if one.key == capped.key] == [None]


def test_a_model_that_lost_its_spec_waits_and_holds_nobody_up(
    ledger: Ledger, tmp_path: Path
) -> None:
    ask(ledger, "FinRiskScoreDrift", "mortgages")
    ask(ledger, "FinRiskScoreDrift")
    (tmp_path / "conf" / "models" / "mortgages.yaml").unlink()

    run = drained()

    assert run.state == "success"
    assert [rerun.model for rerun in ledger.pending_reruns()] == ["mortgages"]


def test_it_comes_when_it_is_told_and_every_five_minutes(ledger: Ledger) -> None:
    dag: Any = DagBag(str(DAGS)).dags["finrisk_reruns"]

    assert dag.timetable.asset_condition.name == "finrisk_reruns_asked"
    assert dag.timetable.timetable.expression == "*/5 * * * *"
    assert (dag.catchup, dag.max_active_runs, dag.owner) == (False, 1, "finrisk")
    assert {"finrisk", "alerts"} <= set(dag.tags)
    assert "finrisk alerts list MODEL" in dag.doc_md


def test_a_run_started_by_a_person_says_who() -> None:
    run = SimpleNamespace(
        run_type="manual",
        run_id="alert__FinRiskScoreDrift__20260301T023000__4f1c4f1c",
        triggering_user_name="anna",
        logical_date=None,
        run_after=NOW,
    )
    form: Any = {"as_of": None, "dry_run": False, "candidates": [], "look": "reserve", "reason": ""}

    assert request_of({"dag_run": run, "params": form}, "m", "UTC").actor == "anna"  # type: ignore[typeddict-item]
