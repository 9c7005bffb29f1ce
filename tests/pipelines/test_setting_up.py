from __future__ import annotations

from pathlib import Path

import pytest
from filelock import FileLock

from finrisk import setting_up
from finrisk.config import Settings
from finrisk.errors import SpecError, Unreachable
from finrisk.setting_up import initialise


def test_setting_up_again_changes_nothing(shared: Settings) -> None:
    before = {path.name: path.read_bytes() for path in shared.keys.iterdir()}

    done = initialise(shared)

    assert done["models"] == "credit_risk"
    assert {path.name: path.read_bytes() for path in shared.keys.iterdir()} == before
    assert set(before) == {"signing.pem", "signing.pub.pem", "row-hash.key", "alerts.token"}
    assert "sqlite:///" in done["ledger"]


def test_a_broken_spec_is_told_before_anything_is_made(tmp_path: Path) -> None:
    conf = tmp_path / "conf" / "models"
    conf.mkdir(parents=True)
    (conf / "x.yaml").write_text("name: 3")

    with pytest.raises(SpecError):
        initialise(Settings(home=tmp_path))

    assert not (tmp_path / "ledger.db").exists()


def test_one_at_a_time(shared: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setting_up, "LOCK_SECONDS", 0)

    with (
        FileLock(shared.home / ".finrisk-init.lock"),
        pytest.raises(Unreachable, match="another `finrisk init`"),
    ):
        initialise(shared)
