from __future__ import annotations

import os
import time

import pytest

from finrisk.config import Settings
from finrisk.errors import SettingsError, Unreachable
from finrisk.tracking.patience import (
    LONGEST_CALL_SECONDS,
    bound_every_call,
    longest_wait,
    retries_that_fit,
)
from finrisk.tracking.registry import VersionRegistry
from tests.faults.proxy import Call, Fault, fault_proxy

NOWHERE = "http://127.0.0.1:9"  # nothing is forwarded


@pytest.mark.parametrize("fault", [Fault.BUSY, Fault.LIMITED])
def test_a_server_that_asks_to_come_back_in_an_hour_is_given_up_within_seconds(
    settings: Settings, fault: Fault
) -> None:
    with fault_proxy(NOWHERE) as proxy:
        proxy.arm(fault, Call("GET", "/registered-models/alias", times=None))
        remote = settings.model_copy(
            update={"tracking_uri": proxy.url, "registry_uri": proxy.url, "remote_retries": 1}
        )
        began = time.monotonic()

        with pytest.raises(Unreachable):
            VersionRegistry(remote).alias_version("credit-risk", "production")

    assert time.monotonic() - began < 30
    assert len(proxy.seen) == 2


@pytest.mark.parametrize("seconds", [1, 10, 30, 60])
@pytest.mark.parametrize("retries", [0, 3, 10])
def test_no_call_waits_longer_than_five_minutes_whatever_is_set(seconds: int, retries: int) -> None:
    fitting = retries_that_fit(seconds, retries)

    assert fitting <= retries
    assert longest_wait(seconds, fitting) <= LONGEST_CALL_SECONDS


def test_a_try_of_more_than_a_minute_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from finrisk.config import load_settings

    monkeypatch.setenv("FINRISK_REMOTE_TIMEOUT_SECONDS", "61")

    with pytest.raises(SettingsError, match="FINRISK_REMOTE_TIMEOUT_SECONDS"):
        load_settings()


def test_pauses_differ_by_chance_and_no_file_is_sent_in_parts(settings: Settings) -> None:
    bound_every_call(settings)

    assert float(os.environ["MLFLOW_HTTP_REQUEST_BACKOFF_JITTER"]) > 0
    assert os.environ["MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD"] == "false"  # parts have no deadline
