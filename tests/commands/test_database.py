"""`finrisk db`: which schema the ledger has, and bringing it up to date."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from finrisk.cli import app
from finrisk.ledger.migrate import migrate
from finrisk.ledger.schema import HEAD
from tests.ledger.earlier_schemas import set_revision

RUN = CliRunner()


@pytest.fixture
def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("FINRISK_HOME", str(tmp_path / "home"))
    return f"sqlite:///{tmp_path / 'home' / 'ledger.db'}"


def finrisk(*arguments: str, status: int = 0) -> str:
    result = RUN.invoke(app, ["db", *arguments])
    assert result.exit_code == status, (result.output, result.exception)
    return result.stdout + result.stderr


def answer(*arguments: str, status: int = 0) -> Any:
    return json.loads(finrisk(*arguments, "--json", status=status))


def test_an_earlier_schema_is_told_upgraded_and_fits_afterwards(address: str) -> None:
    migrate(address, to="0003")

    assert f"schema 0003, expected {HEAD}: it does not fit: finrisk db upgrade" in finrisk(
        "status", status=2
    )
    assert f"upgraded from schema 0003 to {HEAD}" in finrisk("upgrade")
    assert f"schema {HEAD}, expected {HEAD}: it fits" in finrisk("status")
    assert f"has schema {HEAD} already" in finrisk("upgrade")


def test_both_answer_in_json(address: str) -> None:
    migrate(address, to="0003")

    assert answer("status", status=2) == {"now": "0003", "expected": HEAD, "fits": False}
    assert answer("upgrade") == {"from": "0003", "to": HEAD, "changed": True}
    assert answer("upgrade") == {"from": HEAD, "to": HEAD, "changed": False}
    assert answer("status") == {"now": HEAD, "expected": HEAD, "fits": True}


def test_a_look_makes_nothing_and_an_upgrade_makes_a_ledger(address: str, tmp_path: Path) -> None:
    assert "no schema" in finrisk("status", status=2)
    assert not (tmp_path / "home").exists()

    assert "a new ledger was made" in finrisk("upgrade")
    assert "it fits" in finrisk("status")


def test_a_later_release_s_ledger_is_refused(address: str) -> None:
    migrate(address)
    set_revision(address, "0999")

    assert "use the release that upgraded it" in finrisk("status", status=2)
    assert "newer than this release" in finrisk("upgrade", status=2)
