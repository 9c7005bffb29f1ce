"""`finrisk score` as a person meets it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from finrisk.cli import app
from finrisk.config import Settings
from finrisk.data.decision_log import DecisionLog
from finrisk.setting_up import initialise
from tests.pipelines.lender import FIRST, applications, deliver, write_spec
from tests.pipelines.scored_worlds import lender_champion

RUN = CliRunner()
JULY = ("--from", "2024-07-01", "--to", "2024-07-31")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("score")
    write_spec(folder / "conf" / "models")
    settings = Settings(home=folder, threads=1, pictures=False)
    initialise(settings)
    deliver(settings, FIRST)
    rooms = lender_champion(settings, "live")
    yield folder
    rooms.ledger.close()


@pytest.fixture(autouse=True)
def environment(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINRISK_HOME", str(home))
    monkeypatch.setenv("FINRISK_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("FINRISK_THREADS", "1")


def score(*arguments: str, status: int = 0) -> Any:
    result = RUN.invoke(app, ["score", "credit_risk", *arguments])
    assert result.exit_code == status, (result.output, result.stderr, result.exception)
    return result


def batch(home: Path, folder: Path) -> Path:
    rows = pd.read_parquet(applications(Settings(home=home), "2024-07"))
    rows.to_csv(folder / "batch.csv", index=False)
    return folder / "batch.csv"


def logged_rows(tmp_path: Path) -> int:
    log = DecisionLog(tmp_path / "store" / "decisions", "live")
    return sum(part.header.rows for part in log.parts("credit_risk", date.min, date.max))


def test_landed_days_are_scored_logged_and_told(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "scores.csv"

    shown = score(*JULY, "--output", str(out))

    rows = len(pd.read_csv(out))
    assert f"credit_risk v1 (champion, epoch 1) scored {rows} rows of 2024-07-01 to" in shown.stdout
    assert f"  in {out}\n  in the decision log" in shown.stdout
    assert "reading 19 files" in shown.stderr
    assert logged_rows(tmp_path) == rows


def test_a_file_is_scored_and_told_as_json(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "scores.parquet"

    result = score("--input", str(batch(home, tmp_path)), "--output", str(out), "--json")

    told = json.loads(result.stdout)
    assert result.stderr == ""
    assert told["rows"] == told["logged"] == len(pd.read_parquet(out))
    assert (told["version"], told["epoch"]) == (1, 1)
    assert sum(told["decisions"].values()) == told["rows"]


def test_another_version_and_no_log(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "scores.csv"
    arguments = ("--version", "2", "--no-log", "--output", str(out))

    shown = score(*JULY, *arguments)

    assert "credit_risk v2 (no champion) scored" in shown.stdout
    assert "decision log" not in shown.stdout
    assert logged_rows(tmp_path) == 0


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        ((), 2, "either --input FILE, or --from DATE"),
        (("--input", "x.csv", *JULY), 2, "either --input FILE, or --from DATE"),
        (("--from", "2024-07-01"), 2, "--from and --to go together"),
        ((*JULY, "--as-of", "2024-08-01"), 2, "--as-of goes with --input"),
        ((*JULY, "--no-log"), 2, "nothing would come of it"),
        ((*JULY, "--version", "0"), 2, "Invalid value for '--version'"),
        (("--from", "July", "--to", "2024-07-31"), 2, "expected a date such as 2024-03-31"),
        (("--from", "2025-07-01", "--to", "2025-07-02"), 3, "no rows of 'credit_risk'"),
        (("--input", "missing.csv"), 2, "no file missing.csv"),
    ],
)
def test_a_wrong_question_has_its_status_and_its_answer(
    arguments: tuple[str, ...], status: int, told: str
) -> None:
    result = score(*arguments, status=status)

    assert told in " ".join(result.stderr.replace("│", " ").split())


def test_an_installation_without_the_key_is_told_to_make_it(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from finrisk.tracking.signing import create_keys

    create_keys(tmp_path / "keys")
    for file in (home / "keys").glob("signing*"):
        (tmp_path / "keys" / file.name).write_bytes(file.read_bytes())
    monkeypatch.setenv("FINRISK_KEYS", str(tmp_path / "keys"))

    result = score(*JULY, status=2)

    assert "the key of row hashes" in result.stderr
    assert "remedy: run `finrisk init`" in result.stderr


def test_help_says_what_a_person_needs() -> None:
    shown = RUN.invoke(app, ["score", "--help"]).stdout

    for option in ("--input", "--from", "--to", "--output", "--as-of", "--version", "--no-log"):
        assert option in shown
