"""The dashboard over a ledger on PostgreSQL and a real ``mlflow server``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from finrisk.config import load_settings
from finrisk.dashboard.acting.promoters import add_promoter
from finrisk.dashboard.pages import PAGES
from finrisk.pipelines.rooms import Rooms
from finrisk.promotion.by_hand import promote_by_hand
from finrisk.setting_up import initialise
from tests.dashboard.conftest import Show, show, texts  # noqa: F401 - a fixture
from tests.dashboard.promoter_worlds import log_in
from tests.pipelines.lender import FIRST, SECOND, deliver, night, write_spec
from tests.services.stores import POSTGRES, SERVER, served_environment

MODEL = "credit_risk"

pytestmark = [
    pytest.mark.skipif(not SERVER, reason="TEST_MLFLOW_URL names no mlflow server"),
    pytest.mark.skipif(POSTGRES not in os.environ, reason="TEST_POSTGRES_URL names no database"),
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A lender of two nights and two champions, all of it on the servers."""
    folder = tmp_path_factory.mktemp("served")
    write_spec(folder / "conf" / "models")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FINRISK_HOME", str(folder))
        patch.setenv("FINRISK_THREADS", "1")
        patch.setenv("FINRISK_PICTURES", "false")
        for variable, value in served_environment().items():
            patch.setenv(variable, value)
        settings = load_settings()
        initialise(settings)
        deliver(settings, SECOND)
        rooms = Rooms.open(MODEL, settings)
        for as_of in (FIRST, SECOND):
            night(rooms, as_of)
        _crown_the_newest(rooms)
        rooms.ledger.close()
        yield folder


def _crown_the_newest(rooms: Rooms) -> None:
    promote_by_hand(
        rooms.ledger,
        rooms.registry,
        rooms.registered_name,
        MODEL,
        max(version.version for version in rooms.ledger.versions(MODEL)),
        force=True,
        actor="ben",
        reason="a test needs a predecessor",
        as_of=SECOND,
        at=rooms.local_now(),
    )


@pytest.mark.parametrize("name", [page.name for page in PAGES])
def test_a_page_shows_what_the_servers_have(name: str, home: Path, show: Show) -> None:  # noqa: F811
    at = show(home, name)

    assert not at.exception, at.exception
    assert not at.error, texts(at)


def test_runs_and_aliases_come_from_the_server(home: Path, show: Show) -> None:  # noqa: F811
    runs = show(home, "experiments")
    assert f"{MODEL}_{SECOND}" in _cells(runs)

    versions = show(home, "registry")
    assert "MLflow shows what the ledger says" in texts(versions)
    assert "production" in _cells(versions)


def test_a_person_rolls_back_on_servers(home: Path, show: Show) -> None:  # noqa: F811
    settings = load_settings()
    token, _ = add_promoter(settings.keys, "ada", at=datetime.now(UTC))
    at = show(home, "registry")
    log_in(at, token)

    at.segmented_control(key="registry_action").select("Roll back").run()
    at.text_area[0].input("the newest declines too many good applications")
    at.checkbox[0].check()
    next(button for button in at.button if "Roll back to v1" in button.label).click().run()

    assert not at.exception
    assert "v1 is champion after v2" in texts(at)
    rooms = Rooms.open(MODEL, settings)
    assert rooms.ledger.history(MODEL)[-1].actor == "ada"
    assert rooms.ledger.verify(MODEL) == 3
    assert rooms.registry.alias_version(rooms.registered_name, "production") == 1
    rooms.ledger.close()


def _cells(at: AppTest) -> str:
    return "\n".join(frame.value.to_string() for frame in at.dataframe)
