"""`finrisk backup` and `finrisk restore` as a person meets them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from finrisk.cli import app
from finrisk.ledger.migrate import migrate
from finrisk.ledger.store import Ledger
from finrisk.tracking.signing import create_keys
from tests.ledger.factories import MODEL, force, version

RUN = CliRunner()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ledger that is set up, and keys; no champion yet."""
    home = tmp_path / "home"
    create_keys(home / "keys")
    migrate(f"sqlite:///{home / 'ledger.db'}")
    monkeypatch.setenv("FINRISK_HOME", str(home))
    return home


@pytest.fixture
def new_home(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where `restored` restores to, with the same keys."""
    shutil.copytree(home / "keys", tmp_path / "new" / "keys")
    return tmp_path / "new"


def finrisk(*arguments: str, status: int = 0) -> str:
    result = RUN.invoke(app, list(arguments))
    assert result.exit_code == status, (result.output, result.exception)
    return result.stdout + result.stderr


def answer(*arguments: str, status: int = 0) -> Any:
    result = RUN.invoke(app, [*arguments, "--json"])
    assert result.exit_code == status, (result.output, result.exception)
    return json.loads(result.stdout)


def champion_without_a_copy(home: Path) -> None:
    with Ledger(f"sqlite:///{home / 'ledger.db'}", "live") as ledger:
        force(ledger, version(1))


def test_a_backup_says_what_is_in_it_and_what_is_not(home: Path, tmp_path: Path) -> None:
    told = finrisk("backup", str(tmp_path / "night.tar.gz"))

    assert "night.tar.gz: 0.0 MiB, schema" in told
    assert "not in it: keys/ (keep a copy elsewhere)" in told


def test_a_backup_that_lacks_the_model_that_decides_is_written_and_ends_with_4(
    home: Path, new_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    champion_without_a_copy(home)
    sha256 = version(1).artifact_sha256
    target = tmp_path / "night.tar.gz"

    report = answer("backup", str(target), status=4)

    assert report["serving_absent"] == {sha256: f"{MODEL} in scope live"}
    assert report["rows"]["promotions"] == 1
    assert report["bytes"] == target.stat().st_size
    told = finrisk("backup", str(tmp_path / "again"), status=4)
    assert f"{sha256[:12]}… is the champion of {MODEL} in scope live" in told
    monkeypatch.setenv("FINRISK_HOME", str(new_home))
    told = finrisk("restore", str(target))
    assert "restored: " in told
    assert f"not in the backup: copy {sha256[:12]}…: no copy on this machine" in told
    assert "finrisk reconcile MODEL" in told
    assert "chain verified: 1 link" in finrisk("history", MODEL, "--verify")
    assert "there already: " in finrisk("restore", str(target))
    assert answer("restore", str(target))["loaded"] is False


def test_a_machine_without_keys_is_told_what_it_lacks(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finrisk("backup", str(tmp_path / "night.tar.gz"))
    monkeypatch.setenv("FINRISK_HOME", str(tmp_path / "new"))

    told = finrisk("restore", str(tmp_path / "night.tar.gz"))

    assert "the public key is the backup's own, sha256" in told
    assert "models serve, none can be trained" in told


def test_what_cannot_be_done_is_one_error_with_its_status(home: Path, tmp_path: Path) -> None:
    target = tmp_path / "night.tar.gz"
    finrisk("backup", str(target))
    champion_without_a_copy(home)

    assert "a backup replaces nothing" in finrisk("backup", str(target), status=2)
    assert "a ledger is never overwritten" in finrisk("restore", str(target), status=5)
    target.write_bytes(target.read_bytes()[:-9])
    assert answer("restore", str(target), status=4)["kind"] == "BackupRejected"
