"""A backup holds every lender; restored, each has its own champion's copy and no other's."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from finrisk.config import Settings
from finrisk.errors import ConfigurationError
from finrisk.ledger.store import Ledger
from finrisk.pipelines.backup.making import back_up
from finrisk.pipelines.backup.restoring import restore
from finrisk.tracking.kept_copies import FOLDER
from tests.tenants.worlds import MODEL, own_settings

AT = datetime(2026, 3, 1, tzinfo=UTC)


def copies(settings: Settings) -> set[str]:
    return {path.name for path in (settings.store / FOLDER).glob("??/*")}


def champion(settings: Settings) -> str:
    with Ledger.open(settings) as ledger:
        found = ledger.champion(MODEL)
    assert found is not None
    return found.artifact_sha256


def test_each_lender_has_its_own_again(own: Settings, tmp_path: Path) -> None:
    report = back_up(own, tmp_path / "all.tar.gz", AT)
    home = tmp_path / "elsewhere"
    shutil.copytree(own.home / "lenders", home / "lenders")
    shutil.copytree(own.keys, home / "keys")
    again = own_settings(home)

    for _ in range(2):  # twice is once
        restore(again, tmp_path / "all.tar.gz")

    acme = again.of_tenant("acme")
    assert (report.copies, report.absent) == (2, {})
    assert champion(acme) == champion(own.of_tenant("acme"))
    assert copies(acme) == {champion(acme)}
    assert champion(again) in copies(again)


def test_a_process_of_one_tenant_takes_no_backup_of_all(own: Settings, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="for every lender at once"):
        back_up(own.of_tenant("acme"), tmp_path / "all.tar.gz", AT)
    with pytest.raises(ConfigurationError, match="unset FINRISK_TENANT"):
        restore(own.of_tenant("acme"), tmp_path / "all.tar.gz")
    assert not (tmp_path / "all.tar.gz").exists()
