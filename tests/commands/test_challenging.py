"""`finrisk shadow` and `finrisk ab` as a person meets them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from finrisk.cli import app
from finrisk.config import Settings
from finrisk.ledger.store import Ledger
from finrisk.setting_up import initialise
from tests.pipelines.lender import FIRST, deliver, write_spec
from tests.pipelines.scored_worlds import lender_champion

RUN = CliRunner()
MODEL = "credit_risk"
WHO = ("--actor", "anna", "--reason", "fewer declines?")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("challenging")
    write_spec(folder / "conf" / "models")
    settings = Settings(home=folder, threads=1, pictures=False)
    initialise(settings)
    deliver(settings, FIRST)
    rooms = lender_champion(settings, "live")
    yield folder
    rooms.ledger.close()


@pytest.fixture(autouse=True)
def environment(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("FINRISK_HOME", str(home))
    monkeypatch.setenv("FINRISK_THREADS", "1")
    yield
    with Ledger.open(Settings(home=home)) as ledger:
        for one in ledger.challenges(MODEL):
            if one.ended is None:
                RUN.invoke(app, [one.kind, "stop", MODEL, *WHO])


def run(*arguments: str, status: int = 0) -> Any:
    result = RUN.invoke(app, list(arguments))
    assert result.exit_code == status, (result.output, result.stderr, result.exception)
    return result


def test_a_shadow_from_its_start_to_its_end() -> None:
    begun = json.loads(run("shadow", "start", MODEL, "2", *WHO, "--json").stdout)
    status = json.loads(run("shadow", "status", MODEL, "--json").stdout)
    told = run("shadow", "status", MODEL).stdout
    ended = run("shadow", "stop", MODEL, *WHO).stdout

    assert (begun["kind"], begun["version"], begun["share"]) == ("shadow", 2, None)
    assert status["challenge"] == begun
    assert (status["scored"], status["swaps"]) == (0, None)
    assert "version 2 scores silently beside version 1" in told
    assert "no row was scored by both yet" in told
    assert "by anna: fewer declines?" in ended


def test_an_experiment_from_its_start_to_its_end() -> None:
    run("ab", "start", MODEL, "2", "--share", "0.1", *WHO)
    refused = run("ab", "start", MODEL, "2", "--share", "0.2", *WHO, status=2)
    status = json.loads(run("ab", "status", MODEL, "--json").stdout)
    told = run("ab", "status", MODEL).stdout
    run("ab", "stop", MODEL, *WHO)
    over = json.loads(run("ab", "status", MODEL, "--json").stdout)

    assert "one runs already: ab-" in refused.stderr
    assert status["challenge"]["share"] == 0.1
    assert {of["low"] for of in status["differences"]} == {None}
    assert all(of["why"] for of in status["differences"])
    assert "unknown" in told
    assert over["challenge"]["ended_by"] == "anna"


@pytest.mark.parametrize("missing", ["--actor", "--reason"])
@pytest.mark.parametrize("kind", ["shadow", "ab"])
def test_nobody_starts_one_anonymously(kind: str, missing: str) -> None:
    at = WHO.index(missing)
    given = WHO[:at] + WHO[at + 2 :]
    share = ("--share", "0.1") if kind == "ab" else ()

    result = run(kind, "start", MODEL, "2", *share, *given, status=2)

    assert f"{missing} is missing" in result.stderr


def test_too_large_a_share_is_refused_and_says_where_the_bound_stands() -> None:
    result = run("ab", "start", MODEL, "2", "--share", "0.5", *WHO, status=2)

    assert "at most 0.2 (serving: most_ab_share)" in result.stderr


@pytest.mark.parametrize("kind", ["shadow", "ab"])
def test_an_earlier_one_that_never_was_is_said(kind: str) -> None:
    result = run(kind, "status", MODEL, "--number", "77", status=2)

    assert f"has no {kind}-77" in result.stderr or "never ran" in result.stderr
