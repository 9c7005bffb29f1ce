"""finrisk promoters: a token is shown once, listed never, and ended by its name."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from finrisk.cli import app
from finrisk.dashboard.acting.promoters import all_promoters, promoter_of

RUN = CliRunner()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FINRISK_HOME", str(tmp_path))
    return tmp_path


def promoters(*arguments: str, status: int = 0) -> str:
    result = RUN.invoke(app, ["promoters", *arguments])
    assert result.exit_code == status, (result.output, result.stderr, result.exception)
    return result.stdout if status == 0 else result.stderr


def answer(*arguments: str) -> Any:
    return json.loads(promoters(*arguments, "--json"))


def test_a_token_is_shown_once_and_lets_its_person_act(home: Path) -> None:
    token, told = promoters("add", "ana").splitlines()

    found = promoter_of(home / "keys", token, datetime.now(UTC))
    assert found is not None
    assert found.name == "ana"
    assert f"ana logs in with it until {found.expires:%Y-%m-%d}" in told
    assert found.expires - found.created == timedelta(days=90)


def test_a_list_says_until_when_and_shows_no_token_and_no_digest(home: Path) -> None:
    assert "nobody yet: finrisk promoters add NAME" in promoters("list")
    token = answer("add", "ana", "--days", "7")["token"]
    promoters("add", "ben")
    promoters("revoke", "ben")

    listed, as_json = promoters("list"), promoters("list", "--json")

    (ana, ben) = listed.splitlines()
    assert ana.startswith("ana: until ")
    assert ben.startswith("ben: revoked ")
    assert [one["name"] for one in json.loads(as_json)] == ["ana", "ben"]
    for secret in (token, all_promoters(home / "keys")[0].sha256):
        assert secret not in listed + as_json


def test_a_revoked_token_opens_nothing(home: Path) -> None:
    token = answer("add", "ana")["token"]

    assert answer("revoke", "ana")["name"] == "ana"

    assert promoter_of(home / "keys", token, datetime.now(UTC)) is None
    assert "revoked already" in promoters("revoke", "ana", status=2)


def test_wrong_names_and_days_are_told() -> None:
    assert "no name of a promoter" in promoters("add", "Ana B", status=2)
    promoters("add", "ana", "--days", "400", status=2)
    promoters("add", "ana")
    assert "finrisk promoters revoke ana" in promoters("add", "ana", status=2)
