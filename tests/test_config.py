from __future__ import annotations

from pathlib import Path

import pytest

from finrisk.config import SHIPPED_CONF, Settings, connection_from_environment, load_settings
from finrisk.errors import SettingsError


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "MLFLOW_EXPERIMENT_NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FINRISK_HOME", str(tmp_path))


def test_the_documented_defaults_are_anchored_to_home(tmp_path: Path) -> None:
    settings = load_settings()

    assert settings.tracking_uri == f"sqlite:///{tmp_path}/mlflow.db"
    assert settings.registry_uri == settings.tracking_uri
    assert settings.experiment_name == "finrisk-experiments"
    assert settings.ledger_url.get_secret_value() == f"sqlite:///{tmp_path}/ledger.db"
    assert settings.store == tmp_path / "store"
    assert settings.scope == "live"


def test_the_documented_names_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow:5000")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "mine")

    settings = load_settings()

    assert settings.tracking_uri == settings.registry_uri == "http://mlflow:5000"
    assert settings.experiment_name == "mine"


def test_absolute_locations_stay_where_they_are(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", "sqlite:////elsewhere/registry.db")
    monkeypatch.setenv("FINRISK_STORE", str(tmp_path.parent / "store"))

    settings = load_settings()

    assert settings.registry_uri == "sqlite:////elsewhere/registry.db"
    assert settings.store == tmp_path.parent / "store"


def test_an_unknown_name_is_refused_with_the_nearest_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINRISK_LEDGER_URI", "sqlite:///x.db")

    with pytest.raises(SettingsError, match="did you mean FINRISK_LEDGER_URL"):
        load_settings()


def test_a_wrong_value_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINRISK_THREADS", "many")

    with pytest.raises(SettingsError, match=r"FINRISK_THREADS does not fit.*got 'many'"):
        load_settings()


def test_the_ledger_address_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINRISK_LEDGER_URL", "postgresql://finrisk:hunter2@db/finrisk")

    assert "hunter2" not in repr(load_settings())


def test_conf_is_the_homes_own_or_the_shipped_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert load_settings().conf_locations == (SHIPPED_CONF,)

    (tmp_path / "conf" / "models").mkdir(parents=True)
    assert load_settings().conf_locations == (tmp_path / "conf" / "models",)

    monkeypatch.setenv("FINRISK_CONF", "mine:/theirs/x.yaml")
    assert load_settings().conf_locations == (tmp_path / "mine", Path("/theirs/x.yaml"))


def test_a_scope_is_written_as_one(tmp_path: Path) -> None:
    assert Settings(home=tmp_path).in_scope("backtest-1").scope == "backtest-1"
    with pytest.raises(SettingsError, match="got 'My Scope'"):
        Settings(home=tmp_path).in_scope("My Scope")


def test_a_replay_has_names_of_its_own(tmp_path: Path) -> None:
    live = Settings(home=tmp_path)
    replay = Settings(home=tmp_path, scope="replay")

    assert live.scoped_registered_name("loans") == "loans"
    assert replay.scoped_registered_name("loans") == "loans-replay"
    assert live.scoped_experiment == "finrisk-experiments"
    assert replay.scoped_experiment == "finrisk-experiments-replay"


def test_a_connection_is_an_address_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINRISK_CONNECTION_LENDER_DWH", "sqlite:///dwh.db")

    load_settings()

    assert connection_from_environment("lender_dwh") == "sqlite:///dwh.db"


@pytest.mark.parametrize("value", [None, ""])
def test_a_connection_without_an_address_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    if value is not None:
        monkeypatch.setenv("FINRISK_CONNECTION_DWH", value)

    with pytest.raises(
        SettingsError, match=r"'dwh'; expected FINRISK_CONNECTION_DWH .*remedy: exp"
    ):
        connection_from_environment("dwh")


@pytest.mark.parametrize(
    "name", ["FINRISK_CONNECTION_", "FINRISK_CONNECTIONS_DWH", "FINRISK_CONNECTION_dwh"]
)
def test_only_connections_are_open_names(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "sqlite:///dwh.db")

    with pytest.raises(SettingsError, match=f"unknown setting {name}"):
        load_settings()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "sqlite+pysqlite:///:memory:"])
def test_sqlite_in_memory_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", url)

    with pytest.raises(SettingsError, match="in memory"):
        load_settings()


@pytest.mark.parametrize(
    "name", ["MLFLOW_UI_URL", "FINRISK_AIRFLOW_UI_URL", "FINRISK_DASHBOARD_URL"]
)
def test_an_address_for_browsers_holds_no_password(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "https://anna:s3cret@risk.example")

    with pytest.raises(SettingsError, match=name) as refused:
        load_settings()

    assert "s3cret" not in str(refused.value)


SERVER = "postgresql+psycopg://ledger@postgres:5432/ledger"


def test_the_ledgers_password_comes_from_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "password").write_text("hunter/2@\n")
    monkeypatch.setenv("FINRISK_LEDGER_URL", SERVER)
    monkeypatch.setenv("FINRISK_LEDGER_PASSWORD_FILE", "password")  # from the home on, as ever

    settings = load_settings()

    address = settings.ledger_url.get_secret_value()
    assert address == "postgresql+psycopg://ledger:hunter%2F2%40@postgres:5432/ledger"
    assert "hunter" not in repr(settings)
    again = Settings.model_validate(settings.model_dump())
    assert again.ledger_url == settings.ledger_url


@pytest.mark.parametrize(
    ("content", "wrong"), [(None, "cannot be read"), ("", "is empty"), (" \n", "is empty")]
)
def test_a_ledger_without_its_password_is_refused(
    content: str | None, wrong: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "password").write_text(content)
    monkeypatch.setenv("FINRISK_LEDGER_URL", SERVER)
    monkeypatch.setenv("FINRISK_LEDGER_PASSWORD_FILE", str(tmp_path / "password"))

    with pytest.raises(SettingsError, match=f"FINRISK_LEDGER_PASSWORD_FILE .*{wrong}"):
        load_settings()


def test_a_password_needs_somebody_whose_it_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "password").write_text("hunter2")
    monkeypatch.setenv("FINRISK_LEDGER_PASSWORD_FILE", str(tmp_path / "password"))

    with pytest.raises(SettingsError, match="a user and a host"):
        load_settings()


def test_an_error_of_all_settings_repeats_none_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINRISK_LEDGER_URL", "postgresql://finrisk:hunter2@db/finrisk")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite://")

    with pytest.raises(SettingsError, match="in memory") as refused:
        load_settings()

    assert "hunter2" not in str(refused.value)
