"""Deterministic keys: the same thing asked twice is one run, one version, one promotion."""

from __future__ import annotations

import hashlib
from datetime import date
from functools import cache
from importlib.metadata import version


@cache
def code_version() -> str:
    """Return the version of the installed ``finrisk``."""
    return version("finrisk")


def run_key(*parts: str) -> str:
    """Return a key of these parts; a changed part is another key.

    Examples
    --------
    >>> run_key("a", "b") == run_key("a", "b")
    True
    >>> run_key("a", "b") == run_key("ab")
    False
    """
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()


def registration_key(registered_name: str, run_id: str, artifact_sha256: str) -> str:
    """Return the key of one registration: the same artifact under the same name is one version."""
    return run_key("register", registered_name, run_id, artifact_sha256)


def alarm_key(model: str, alert: str, began: date, version: int | None) -> str:
    """Return the key of a monitor's alarm: the same on each day that it lasts, of one champion."""
    return run_key(model, alert, str(began), f"v{version}")
