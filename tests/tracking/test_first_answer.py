from __future__ import annotations

import time

import pytest
from sqlalchemy.exc import SQLAlchemyError

from finrisk.config import Settings
from finrisk.errors import ConfigurationError, Unreachable
from finrisk.tracking.client import open_client
from finrisk.tracking.first_answer import see_that_it_answers


@pytest.mark.parametrize("uri", ["http://127.0.0.1:1", "sqlite:////nowhere/mlflow.db"])
def test_a_server_and_a_file_are_not_asked(uri: str) -> None:
    see_that_it_answers(uri, 1)


def test_a_database_that_refuses_is_asked_once_and_quietly(
    settings: Settings, refusing_port: int, capfd: pytest.CaptureFixture[str]
) -> None:
    uri = f"postgresql+psycopg://anna:s3cret@127.0.0.1:{refusing_port}/mlflow"
    refused = settings.model_copy(update={"tracking_uri": uri, "registry_uri": uri})
    began = time.monotonic()

    with pytest.raises(Unreachable) as raised:
        open_client(refused)

    assert time.monotonic() - began < 5
    assert "s3cret" not in str(raised.value)
    assert capfd.readouterr().err == ""


def test_one_that_never_answers_is_given_up_on(hanging_port: int) -> None:
    with pytest.raises(SQLAlchemyError):
        see_that_it_answers(f"postgresql+psycopg://anna@127.0.0.1:{hanging_port}/mlflow", 2)


def test_a_driver_that_is_not_installed_is_named() -> None:
    with pytest.raises(ConfigurationError, match="no driver for MLflow's database"):
        see_that_it_answers("mysql+mysqldb://anna@127.0.0.1/mlflow", 1)
