"""Keys by the command: shown once, listed without their digests, revoked by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from finrisk.cli import app
from finrisk.serving.api_keys import KEYS_FILE, ApiKeys

RUN = CliRunner()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FINRISK_HOME", str(tmp_path))
    monkeypatch.setenv("FINRISK_SCOPE", "live")
    return tmp_path


def finrisk(*arguments: str, status: int = 0) -> str:
    result = RUN.invoke(app, list(arguments))
    assert result.exit_code == status, (result.output, result.exception)
    return result.stdout


def told(*arguments: str) -> Any:
    return json.loads(finrisk(*arguments, "--json"))


def test_a_key_is_shown_once(home: Path) -> None:
    key = told("keys", "add", "loan-desk", "--rate", "5", "--model", "credit_risk")["key"]

    (held,) = ApiKeys.load(home / "keys").keys
    assert ApiKeys.load(home / "keys").holder(key) == held
    assert (held.rate, held.models, held.tenant) == (5.0, ("credit_risk",), "live")
    listed = finrisk("keys", "list")
    assert listed.startswith("loan-desk: live, credit_risk, 5/s")
    for text in (
        listed,
        finrisk("keys", "list", "--json"),
        (home / "keys" / KEYS_FILE).read_text(),
    ):
        assert key not in text
    assert "sha256" not in finrisk("keys", "list", "--json")


def test_a_revoked_key_is_listed_so(home: Path) -> None:
    key = finrisk("keys", "add", "loan-desk").splitlines()[0]

    finrisk("keys", "revoke", "loan-desk")

    assert "revoked" in finrisk("keys", "list")
    assert ApiKeys.load(home / "keys").holder(key) is None


def test_what_is_wrong_is_said(home: Path) -> None:
    finrisk("keys", "add", "loan-desk")

    finrisk("keys", "add", "loan-desk", status=2)
    finrisk("keys", "revoke", "nobody", status=2)
    finrisk("keys", "add", "other", "--tenant", "Not A Scope", status=2)
