"""What a removal did: how much of each kind went, and how many stayed for which reason."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from finrisk.records import Record


@dataclass(frozen=True, slots=True)
class Removed(Record):
    """How many things of one kind went, and how many bytes they held on this machine."""

    count: int
    bytes: int


@dataclass(frozen=True, slots=True)
class RetentionReport(Record):
    """What one run of the retention did, or would do in a dry run.

    Parameters
    ----------
    models : tuple of str
        Whose things may go.
    keep_days : int
        What is younger stays.
    older_than : datetime
        The same as a moment.
    dry_run : bool
        Nothing was removed.
    removed : dict of str to Removed
        By kind: candidates, snapshots, champions (their copies), data_docs, quarantine,
        data_quality, evidence, decisions (days of them), unfinished.
    kept : dict of str to dict of str to int
        By kind, how many stay for which reason.
    left : tuple of str
        What should go and could not, a sentence each.
    """

    models: tuple[str, ...]
    keep_days: int
    older_than: datetime
    dry_run: bool
    removed: dict[str, Removed]
    kept: dict[str, dict[str, int]]
    left: tuple[str, ...]
