from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from finrisk.alerting.app import MOUNTED, alert_app
from finrisk.alerting.receiving import Receiver
from finrisk.alerting.tokens import TOKEN, create_alert_token
from finrisk.config import SHIPPED_CONF, Settings
from tests.alerting.factories import Clock, FakeAirflow, Sender
from tests.ledger.databases import migrated_file, postgres_database, sqlite_url, url

__all__ = ["migrated_file", "postgres_database", "sqlite_url", "url"]


@pytest.fixture
def settings(tmp_path: Path, url: str) -> Settings:
    """The shipped models, a token and a migrated ledger."""
    shutil.copytree(SHIPPED_CONF, tmp_path / "conf" / "models")
    create_alert_token(tmp_path / "keys")
    return Settings(home=tmp_path, ledger_url=url)


@pytest.fixture
def airflow() -> FakeAirflow:
    return FakeAirflow()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def receiver(settings: Settings, airflow: FakeAirflow, clock: Clock) -> Iterator[Receiver]:
    made = Receiver(settings, airflow, clock)
    yield made
    made.close()


@pytest.fixture
def token(settings: Settings) -> str:
    return (settings.keys / TOKEN).read_text().strip()


@pytest.fixture
def sender(receiver: Receiver, token: str) -> Iterator[Sender]:
    made = Sender(alert_app(receiver, prefix=MOUNTED), token)
    yield made
    made.close()
