"""The night watch on a real ledger: red where the newest due night has no record."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from airflow.dag_processing.dagbag import DagBag

from finrisk.config import load_settings
from finrisk.ledger.migrate import migrate
from finrisk.ledger.store import Ledger
from tests.dags.conftest import DAGS, REPOSITORY
from tests.ledger.factories import AT, digest, night_decision


@pytest.fixture
def two_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shipped model and a second one, with a ledger and nothing else."""
    document = yaml.safe_load((REPOSITORY / "conf" / "models" / "credit_risk.yaml").read_text())
    conf = tmp_path / "conf" / "models"
    conf.mkdir(parents=True)
    for name in ("credit_risk", "mortgages"):
        named = document | {"name": name, "registered_name": name.replace("_", "-")}
        (conf / f"{name}.yaml").write_text(yaml.safe_dump(named), encoding="utf-8")
    monkeypatch.setenv("FINRISK_HOME", str(tmp_path))
    migrate(load_settings().ledger_url.get_secret_value())


def record(model: str, as_of: date) -> None:
    with Ledger.open(load_settings()) as ledger:
        ledger.record_night(
            night_decision(as_of, model=model),
            snapshot_sha256=None,
            spec_sha256=digest("spec"),
            holdout_sha256=None,
            at=AT,
        )


def the_dag() -> Any:
    return DagBag(str(DAGS)).dags["finrisk_night_watch"]


def watched() -> dict[str, str]:
    run = the_dag().test()
    return {
        instance.rendered_map_index: str(instance.state) for instance in run.get_task_instances()
    }


def test_a_model_without_the_newest_due_night_is_red_and_the_others_green(
    two_models: None, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    today = datetime.now(UTC).date()
    record("credit_risk", today)
    record("mortgages", today - timedelta(days=9))

    states = watched()

    assert states == {"credit_risk": "success", "mortgages": "failed"}
    shown = caplog.text + "".join(capsys.readouterr())
    assert f"the last record is of {today - timedelta(days=9)}" in shown


def test_a_frozen_night_is_a_record_like_any_other(two_models: None) -> None:
    today = datetime.now(UTC).date()
    with Ledger.open(load_settings()) as ledger:
        for model in ("credit_risk", "mortgages"):
            ledger.freeze(model, today, reason="year-end", actor="anna", at=datetime.now(UTC))
    for model in ("credit_risk", "mortgages"):
        record(model, today)

    assert set(watched().values()) == {"success"}


def test_dag_watches_every_sound_model_every_hour(two_models: None, tmp_path: Path) -> None:
    (tmp_path / "conf" / "models" / "broken.yaml").write_text("name: broken", encoding="utf-8")

    dag = the_dag()

    (task,) = dag.tasks
    assert task.is_mapped
    assert task.op_kwargs_expand_input.value == {"model": ["credit_risk", "mortgages"]}
    assert str(dag.timetable.expression) == "0 * * * *"
    assert (dag.catchup, dag.max_active_runs, dag.owner) == (False, 1, "finrisk")
    assert {"finrisk", "watch"} <= set(dag.tags)
    assert "finrisk missed MODEL" in dag.doc_md
    assert task.partial_kwargs["retry_policy"] is not None
