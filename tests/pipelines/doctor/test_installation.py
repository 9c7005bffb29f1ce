from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from finrisk.config import Settings
from finrisk.data.row_hashing import ROW_HASH_KEY, create_row_hash_key
from finrisk.errors import ConfigurationError
from finrisk.pipelines.doctor.findings import Health
from finrisk.pipelines.doctor.installation import (
    key_findings,
    others_may_swap,
    row_key_findings,
    settings_found,
    specs_found,
)
from finrisk.tracking.signing import create_keys
from tests.specs.factories import good_document, written


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINRISK_HOME", str(tmp_path))


def test_each_location_is_told_without_a_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINRISK_LEDGER_URL", "postgresql+psycopg://anna:x/s3cret@db/finrisk")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://anna:s3cret@mlflow:5000")
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", "postgresql://db/mlflow?user=a&password=s3cret")

    settings, (found,) = settings_found()

    assert found.outcome is Health.OK
    assert f"home {tmp_path}" in found.found
    assert "ledger postgresql+psycopg://db/finrisk" in found.found
    assert "tracking http://mlflow:5000" in found.found
    assert "s3cret" not in found.found
    assert settings.home == tmp_path


def test_an_unknown_setting_fails_and_the_others_still_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINRISK_LEDGER_URI", "sqlite:///x.db")
    monkeypatch.setenv("FINRISK_STORE", "elsewhere")

    settings, (wrong, _) = settings_found()

    assert (wrong.outcome, wrong.exit_status) == (Health.FAIL, 2)
    assert "unknown setting FINRISK_LEDGER_URI" in wrong.found
    assert wrong.remedy == "did you mean FINRISK_LEDGER_URL?"
    assert settings.store == tmp_path / "elsewhere"


def test_a_value_that_does_not_fit_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINRISK_REMOTE_RETRIES", "many")

    settings, (wrong, _) = settings_found()

    assert "FINRISK_REMOTE_RETRIES does not fit" in wrong.found
    assert settings.remote_retries == 3
    assert settings.home == tmp_path


def test_a_home_that_is_not_there_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINRISK_HOME", str(tmp_path / "nowhere"))

    _, (found,) = settings_found()

    assert found.outcome is Health.FAIL
    assert found.remedy == "correct FINRISK_HOME"


def in_conf(home: Path) -> Settings:
    (home / "conf" / "models").mkdir(parents=True)
    return Settings(home=home)


def test_sound_specs_are_named(tmp_path: Path) -> None:
    settings = in_conf(tmp_path)
    written(tmp_path / "conf" / "models", good_document())

    specs, (found,) = specs_found(settings, None)

    assert list(specs) == [good_document()["name"]]
    assert found.found == f"1 sound: {good_document()['name']}"


def test_each_broken_spec_is_named_and_the_sound_ones_are_looked_at(tmp_path: Path) -> None:
    settings = in_conf(tmp_path)
    written(tmp_path / "conf" / "models", good_document())
    (tmp_path / "conf" / "models" / "a.yaml").write_text("name: 3")
    (tmp_path / "conf" / "models" / "b.yml").write_text("{")

    specs, findings = specs_found(settings, None)

    assert list(specs) == [good_document()["name"]]
    assert [(f.check, f.outcome) for f in findings] == [
        ("spec a.yaml", Health.FAIL),
        ("spec b.yml", Health.FAIL),
        ("specs", Health.OK),
    ]


def test_two_files_that_declare_one_model_fail(tmp_path: Path) -> None:
    settings = in_conf(tmp_path)
    for name in ("one.yaml", "two.yaml"):
        (tmp_path / "conf" / "models" / name).write_text(yaml.safe_dump(good_document()))

    _, (found,) = specs_found(settings, None)

    assert found.outcome is Health.FAIL
    assert "is already that of" in found.found


@pytest.mark.parametrize("conf", ["", "nowhere.yaml"])
def test_no_model_at_all_fails(tmp_path: Path, conf: str) -> None:
    settings = in_conf(tmp_path).model_copy(update={"conf": conf})

    specs, findings = specs_found(settings, None)

    assert specs == {}
    assert findings[-1].found == "no model can be read"


def test_a_model_that_nobody_declares_fails_and_one_that_is_asked_for_is_alone(
    tmp_path: Path,
) -> None:
    settings = in_conf(tmp_path)
    written(tmp_path / "conf" / "models", good_document())
    other = good_document() | {"name": "other", "registered_name": "other"}
    (tmp_path / "conf" / "models" / "other.yaml").write_text(yaml.safe_dump(other))

    unknown, findings = specs_found(settings, "nobodys")
    alone, _ = specs_found(settings, "other")

    assert unknown == {}
    assert findings[-1].exit_status == 2
    assert "no model 'nobodys'" in findings[-1].found
    assert list(alone) == ["other"]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = Settings(home=tmp_path)
    create_keys(made.keys)
    return made


def test_a_pair_of_keys_is_well(settings: Settings) -> None:
    (found,) = key_findings(settings)

    assert found.outcome is Health.OK


def no_private_key(settings: Settings) -> None:
    (settings.keys / "signing.pem").unlink()


def readable_by_the_group(settings: Settings) -> None:
    (settings.keys / "signing.pem").chmod(0o640)


def writable_folder(settings: Settings) -> None:
    settings.keys.chmod(0o770)


def another_pair(settings: Settings) -> None:
    create_keys(settings.home / "others")
    (settings.home / "others" / "signing.pub.pem").replace(settings.keys / "signing.pub.pem")


@pytest.mark.parametrize(
    ("change", "outcome", "found"),
    [
        (no_private_key, Health.WARN, "signing.pub.pem alone"),
        (readable_by_the_group, Health.FAIL, "has mode 640: others may use it"),
        (writable_folder, Health.FAIL, "has mode 770: others may swap"),
        (another_pair, Health.FAIL, "are no pair"),
    ],
)
def test_keys_that_are_not_safe(
    settings: Settings, change: Callable[[Settings], None], outcome: Health, found: str
) -> None:
    change(settings)

    (finding,) = key_findings(settings)

    assert finding.outcome is outcome
    assert found in finding.found
    assert finding.remedy


@pytest.mark.parametrize(
    ("mode", "mount", "may"),
    [
        (0o40700, 0, False),
        (0o40755, 0, False),
        (0o40720, 0, True),
        (0o40702, 0, True),
        (0o41777, 0, True),
        (0o43777, os.ST_RDONLY | os.ST_NOSUID, False),  # a Secret, as Kubernetes mounts it
    ],
)
def test_others_swap_what_is_in_a_folder_that_they_may_write_to(
    mode: int, mount: int, may: bool
) -> None:
    assert others_may_swap(mode, mount) is may


@pytest.mark.parametrize("place", ["store", "artifacts"])
def test_keys_inside_a_store_fail(settings: Settings, place: str) -> None:
    inside = settings.model_copy(update={place: settings.home})

    (found,) = key_findings(inside)

    assert f"is inside the {place} folder" in found.found


def test_no_keys_are_an_error_that_names_init(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="finrisk init"):
        list(key_findings(Settings(home=tmp_path)))


def test_a_key_of_row_hashes_is_well_or_told(settings: Settings) -> None:
    (missing,) = row_key_findings(settings)
    create_row_hash_key(settings.keys)
    (well,) = row_key_findings(settings)
    (settings.keys / ROW_HASH_KEY).chmod(0o640)
    (readable,) = row_key_findings(settings)
    (settings.keys / ROW_HASH_KEY).write_text("nonsense")

    assert (missing.outcome, missing.remedy) == (Health.WARN, "finrisk init")
    assert well.outcome is Health.OK
    assert readable.outcome is Health.FAIL
    with pytest.raises(ConfigurationError, match="holds no key of row hashes"):
        list(row_key_findings(settings))
