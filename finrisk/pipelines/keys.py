"""Deterministic keys: the same night asked twice is one run, one version, one promotion."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import version

from finrisk.records import PreparedNight


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


def night_key(prepared: PreparedNight, scope: str, *further: str) -> str:
    """Return the key of a night, or with ``further`` of a candidate in it."""
    request, snapshot = prepared.request, prepared.snapshot
    return run_key(
        scope,
        request.model,
        request.as_of.isoformat(),
        "dry" if request.dry_run else "wet",
        snapshot.sha256 if snapshot else "no snapshot",
        prepared.spec_sha256,
        code_version(),
        *further,
    )
