"""The command as a person meets it: answers, JSON, errors and exit statuses."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from finrisk.cli import app
from tests.pipelines.lender import FIRST, small_document, write_spec
from tests.specs.factories import CREDIT_RISK, changed, good_document, written

RUN = CliRunner()


def finrisk(*arguments: str, status: int = 0) -> str:
    result = RUN.invoke(app, list(arguments))
    assert result.exit_code == status, (result.output, result.stderr, result.exception)
    return result.stdout


def answer(*arguments: str, status: int = 0) -> Any:
    return json.loads(finrisk(*arguments, "--json", status=status))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli")
    write_spec(folder / "conf" / "models")
    return folder


@pytest.fixture(autouse=True)
def environment(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINRISK_HOME", str(home))
    monkeypatch.setenv("FINRISK_THREADS", "1")
    monkeypatch.setenv("FINRISK_ACTOR", "anna")


@pytest.fixture(scope="module")
def decided(home: Path) -> Any:
    """The first night, run through the command."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FINRISK_HOME", str(home))
        patch.setenv("FINRISK_THREADS", "1")
        patch.setenv("FINRISK_ACTOR", "anna")
        assert "keys" in answer("init")
        assert len(answer("simulate", "--to", str(FIRST))["landed"]) > 50
        return answer("retrain", "credit_risk", "--as-of", str(FIRST), "--candidate", "lr")


def test_help_teaches_every_command() -> None:
    shown = finrisk("--help")

    for command in ("init", "retrain", "replay", "promote", "rollback", "history", "as-of", "spec"):
        assert f"\n  {command} " in shown


def test_help_is_quick_and_loads_nothing_heavy() -> None:
    heavy = "{'numpy', 'pandas', 'mlflow', 'sklearn', 'xgboost', 'great_expectations'}"
    code = f"import sys, finrisk.cli; print(sorted({heavy} & set(sys.modules)))"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_a_night_is_decided_and_told_as_json(decided: Any) -> None:
    assert (decided["decision"], decided["status"]) == ("PROMOTE", "ready")
    assert decided["challenger"]["version"] == 1


def test_a_night_is_told_as_a_table(decided: Any) -> None:
    shown = finrisk("retrain", "credit_risk", "--as-of", str(FIRST), "--candidate", "lr")

    assert "PROMOTE" in shown
    assert "v1 lr" in shown


def test_history_lists_nights_and_promotions(decided: Any) -> None:
    history = answer("history", "credit_risk", "--verify")

    assert [night["decision"] for night in history["nights"]] == ["PROMOTE"]
    assert history["promotions"][0]["actor"] == "anna"
    assert history["champion"]["version"] == 1
    assert history["verified_links"] == 1
    shown = finrisk("history", "credit_risk", "--verify")
    assert "v1 is champion (epoch 1, bootstrap, by anna)" in shown
    assert "chain verified: 1 link\n" in shown


def test_an_empty_scope_names_the_scopes_there_are(decided: Any) -> None:
    assert "nothing in scope empty; scopes: ['live'" in finrisk(
        "history", "credit_risk", "--scope", "empty"
    )


def test_as_of_answers_who_decided(decided: Any) -> None:
    assert "credit_risk v1 decided" in finrisk("as-of", "credit_risk", "2024-09-01")
    assert answer("as-of", "credit_risk", "2024-09-01")["version"] == 1


def test_as_of_a_day_before_is_an_error_with_its_status(decided: Any) -> None:
    error = answer("as-of", "credit_risk", "2020-01-01", status=2)

    assert error["kind"] == "UnknownModel"


def test_a_rollback_without_a_predecessor_is_refused(decided: Any) -> None:
    result = RUN.invoke(app, ["rollback", "credit_risk", "--reason", "drill"])

    assert result.exit_code == 5
    assert "no predecessor" in result.stderr


def test_promotion_without_evidence_is_refused_and_by_force_is_recorded(decided: Any) -> None:
    assert finrisk("promote", "credit_risk", "7", "--reason", "why not", status=5) == ""
    assert answer("promote", "credit_risk", "7", "--reason", "x", status=5)["kind"]


@pytest.mark.parametrize("decision", [["promote", "credit_risk", "1"], ["rollback", "credit_risk"]])
def test_nobody_is_champion_from_a_day_that_has_not_come(decided: Any, decision: list[str]) -> None:
    error = answer(*decision, "--reason", "x", "--as-of", "2199-01-01", status=2)

    assert "as_of 2199-01-01 has not come yet" in error["error"]


def test_reconcile_repairs_an_alias_that_a_person_moved(decided: Any, home: Path) -> None:
    from finrisk.pipelines.rooms import Rooms

    rooms = Rooms.open("credit_risk")
    rooms.registry._client.delete_registered_model_alias(rooms.registered_name, "production")

    shown = finrisk("reconcile", "credit_risk")

    assert "alias production: ledger v1, MLflow vNone: repaired" in shown
    assert answer("reconcile", "credit_risk")["differences"] == []


def test_a_replay_keeps_to_its_own_scope(decided: Any, tmp_path: Path) -> None:
    table = tmp_path / "table.md"
    period = ["--from", "2024-07-05", "--to", "2024-08-05", "--every", "month"]

    replay = answer("replay", "credit_risk", *period, "--markdown", str(table))

    assert replay["scope"] == "replay"
    assert [night["decision"] for night in replay["nights"]] == ["PROMOTE", "HOLD"] or [
        night["decision"] for night in replay["nights"]
    ] == ["PROMOTE", "REJECT"]
    assert len(table.read_text().splitlines()) == 4
    assert len(answer("history", "credit_risk")["nights"]) == 1
    assert "2024-07-05" in finrisk("history", "credit_risk", "--scope", "replay")


def test_a_replay_may_not_take_the_live_scope(decided: Any) -> None:
    period = ["--from", "2024-07-05", "--to", "2024-08-05", "--scope", "live"]

    error = answer("replay", "credit_risk", *period, status=2)

    assert "would promote and spend for real" in error["error"]


def test_a_blocked_night_has_a_status_of_its_own(decided: Any, home: Path) -> None:
    answer("simulate", "--to", "2024-09-05", "--break-month", "2024-08")

    blocked = answer("retrain", "credit_risk", "--as-of", "2024-09-05", status=3)
    assert blocked["data_result"] == "block"

    answer("simulate", "--to", "2024-09-05", "--mend-month", "2024-08")


def test_a_model_nobody_declared_is_one_clear_error() -> None:
    result = RUN.invoke(app, ["history", "credit_rsk"])

    assert result.exit_code == 2
    assert "did you mean credit_risk?" in result.stderr


def test_a_day_that_is_none_is_a_usage_error() -> None:
    assert RUN.invoke(app, ["retrain", "credit_risk", "--as-of", "soon"]).exit_code == 2


def test_a_ledger_that_was_never_set_up_names_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINRISK_HOME", str(tmp_path))

    error = answer("history", "credit_risk", status=6)

    assert "remedy: finrisk init" in error["error"]


def test_a_good_spec_is_confirmed(tmp_path: Path) -> None:
    shown = finrisk("spec", "check", str(CREDIT_RISK))

    assert "credit_risk is a good spec" in shown
    file = written(tmp_path, good_document())
    assert answer("spec", "check", str(file))["candidates"] == ["lr"]


def test_a_bad_spec_is_one_error_with_file_and_key(tmp_path: Path) -> None:
    file = written(tmp_path, changed("time.vintag", "day"))

    error = answer("spec", "check", str(file), status=2)

    assert str(file) in error["error"]
    assert "time.vintag" in error["error"]


def test_the_json_schema_is_closed_and_accepts_the_shipped_spec(tmp_path: Path) -> None:
    from jsonschema import Draft202012Validator

    out = tmp_path / "schema.json"
    finrisk("spec", "schema", "--out", str(out))
    schema = json.loads(out.read_text())
    validator = Draft202012Validator(schema)

    assert schema["additionalProperties"] is False
    assert list(validator.iter_errors(yaml.safe_load(CREDIT_RISK.read_text()))) == []
    assert list(validator.iter_errors({**small_document(), "surprise": 1})) != []
    assert json.loads(finrisk("spec", "schema")) == schema
