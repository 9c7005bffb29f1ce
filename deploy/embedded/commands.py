"""Run the ``finrisk`` command in a stack's home, as a person would."""

from __future__ import annotations

import json
import subprocess

from deploy.embedded.home import Home
from deploy.embedded.stack import StackError, executable
from finrisk.ledger.inbox import Rerun
from finrisk.records import NightDecision

COMMAND_SECONDS = 300.0


def finrisk(home: Home, *arguments: str) -> str:
    """Run one command and return what it printed.

    Raises
    ------
    StackError
        Its exit status is not 0; the message holds what it wrote to stderr.
    """
    done = subprocess.run(
        [executable("finrisk"), *arguments],
        env=home.finrisk_environment(),
        cwd=home.folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise StackError(
            f"finrisk {' '.join(arguments)}: exit status {done.returncode}\n{done.stderr[-3000:]}"
        )
    return done.stdout


def nights(home: Home, model: str) -> list[NightDecision]:
    """Return the nights the ledger knows of a model, oldest first."""
    history = json.loads(finrisk(home, "history", model, "--json"))
    return [NightDecision.from_json(night) for night in history["nights"]]


def alerts(home: Home, model: str) -> list[Rerun]:
    """Return the alerts of a model, oldest first, and what became of each."""
    listed = json.loads(finrisk(home, "alerts", "list", model, "--json"))
    return [Rerun.from_json(rerun) for rerun in listed]
