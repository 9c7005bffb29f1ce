"""`finrisk exporter` as a service manager meets it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
from typer.testing import CliRunner

from finrisk.cli import app
from finrisk.commands import exporting
from finrisk.pipelines.exporter import serving


def test_it_serves_until_it_is_told_to_end_and_ends_well(tmp_path: Path) -> None:
    command = [str(Path(sys.executable).with_name("finrisk")), "exporter", "--port=0"]
    environment = os.environ | {"FINRISK_HOME": str(tmp_path), "FINRISK_SCOPE": "replay"}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        told = re.search(r"metrics: (http://127\.0\.0\.1:\d+/metrics)", process.stderr.readline())
        assert told is not None
        answer = httpx.get(told[1])
        process.send_signal(signal.SIGTERM)
        status = process.wait(timeout=30)

    assert 'finrisk_up{tenant="replay"} 0.0' in answer.text
    assert status == 0
    assert not (tmp_path / "ledger.db").exists()


def test_a_scope_that_is_none_is_refused_before_anything_listens() -> None:
    answer = CliRunner().invoke(app, ["exporter", "--scope", "No Scope"])

    assert answer.exit_code == 2
    assert "no scope" in answer.output


def test_its_defaults_are_those_of_the_room_it_stands_before() -> None:
    assert (exporting.HOST, exporting.PORT) == (serving.HOST, serving.PORT)
