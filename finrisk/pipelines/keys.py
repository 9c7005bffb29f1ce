"""Deterministic keys: the same night asked twice is one run, one version, one promotion."""

from __future__ import annotations

from finrisk.keys import code_version, run_key
from finrisk.records import PreparedNight


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
