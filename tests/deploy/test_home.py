from __future__ import annotations

from pathlib import Path

import pytest

from deploy.embedded.home import JWT_BYTES, LOOPBACK, Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "demo")


def test_secrets_are_long_private_and_made_once(home: Home) -> None:
    first = home.secrets()

    assert home.secrets() == first
    assert len(first.jwt.encode()) >= JWT_BYTES
    for name in ("secrets.json", "passwords.json"):
        assert (home.airflow / name).stat().st_mode & 0o777 == 0o600


def test_two_homes_share_no_secret(tmp_path: Path) -> None:
    one, other = Home(tmp_path / "a").secrets(), Home(tmp_path / "b").secrets()

    assert {one.password, one.jwt, one.api}.isdisjoint({other.password, other.jwt, other.api})


def test_settings_of_the_caller_do_not_leak_in(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINRISK_LEDGER_URL", "postgresql://production/ledger")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://production:5000")
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")

    environment = home.airflow_environment(8080, "", nightly=False)

    assert "FINRISK_LEDGER_URL" not in environment
    assert environment["MLFLOW_TRACKING_URI"] == f"sqlite:///{home.folder}/mlflow.db"
    assert environment["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"


def test_everything_stays_below_the_home_and_on_loopback(home: Home) -> None:
    environment = home.airflow_environment(8080, "http://127.0.0.1:5000", nightly=True)

    assert environment["AIRFLOW__API__HOST"] == LOOPBACK
    for name in ("AIRFLOW_HOME", "AIRFLOW__LOGGING__BASE_LOG_FOLDER", "FINRISK_HOME"):
        assert environment[name].startswith(str(home.folder))
    assert str(home.folder) in environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]


def test_the_clock_starts_nights_only_where_asked(home: Home) -> None:
    name = "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE"

    assert home.airflow_environment(1, "", nightly=False)[name] == "False"
    assert home.airflow_environment(1, "", nightly=True)[name] == "True"
