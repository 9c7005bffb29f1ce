"""The error tree. Each message says what happened, what was expected, what was got, the remedy.

FinRiskError                      exit status 1
├── ConfigurationError            exit status 2: the program was told something wrong
│   ├── SettingsError                 an environment variable
│   ├── SpecError                     a file in conf/
│   ├── UnknownModel                  a model name that no spec declares
│   └── UnknownRun                    a run id that MLflow does not have
├── DataError                     exit status 3: what landed cannot be used
│   ├── LandingError                  a partition is missing, incomplete, empty or unreadable
│   │   └── NothingLanded                 the days asked for have no row
│   ├── ContractBreach                rows break the data contract
│   ├── LabelError                    labels that cannot be 0 or 1
│   └── NotEnoughData                 too few matured rows or labels to train or to judge
├── IntegrityError                exit status 4: bytes are not what was signed or recorded
│   ├── ArtifactRejected              a model artifact fails verification
│   ├── SnapshotMismatch              a snapshot's bytes do not give its name
│   ├── LedgerCorrupted               the hash chain does not verify
│   ├── BackupRejected                a backup is cut short, edited, or holds what none holds
│   └── NotReproduced                 a version fitted again scores differently
├── PromotionError                exit status 5: the champion stays
│   ├── StaleChallenger               the champion changed since the challenger was judged
│   ├── EvidenceMissing               no passing evidence for this champion and epoch
│   ├── NotAllowed                    this person may not decide that
│   ├── PromotionFrozen               a change freeze holds; only a rollback passes
│   └── RollbackRefused               the target was never champion, or does not verify
└── Unreachable                   exit status 6: MLflow, the ledger or a table's database is away
    └── DiskFull                      what has to be written finds no room
"""

from __future__ import annotations

from typing import ClassVar

LONGEST_PART = 2_000


class FinRiskError(Exception):
    """The root of the tree.

    Parameters
    ----------
    what : str
        What happened, one clause.
    expected, got, remedy : object, optional
        What should have been there, what was there, and what to do about it.

    Examples
    --------
    >>> print(FinRiskError("no partition", expected="a file", got="none", remedy="deliver it"))
    no partition; expected a file; got none; remedy: deliver it
    """

    exit_status: ClassVar[int] = 1

    def __init__(
        self, what: str, *, expected: object = None, got: object = None, remedy: str | None = None
    ) -> None:
        parts = [what]
        if expected is not None:
            parts.append(f"expected {expected}")
        if got is not None:
            parts.append(f"got {got}")
        if remedy is not None:
            parts.append(f"remedy: {remedy}")
        super().__init__("; ".join(map(_bounded, parts)))
        self.what = _bounded(what)
        self.remedy = remedy


def _bounded(part: str) -> str:
    """Shorten what quotes more than anybody reads, as a name of a megabyte would."""
    if len(part) <= LONGEST_PART:
        return part
    return f"{part[:LONGEST_PART]}… ({len(part):,} characters)"


class ConfigurationError(FinRiskError):
    """The program was told something wrong."""

    exit_status = 2


class SettingsError(ConfigurationError):
    """An environment variable is unknown, ill-typed or unsafe."""


class SpecError(ConfigurationError):
    """A file in conf/ does not describe a model."""


class UnknownModel(ConfigurationError):
    """No spec declares a model of this name."""


class UnknownRun(ConfigurationError):
    """MLflow has no run of this id."""


class DataError(FinRiskError):
    """What landed cannot be used."""

    exit_status = 3


class LandingError(DataError):
    """A partition is missing, incomplete, empty or unreadable, or a query cannot be run."""


class NothingLanded(LandingError):
    """The days asked for have no row, or none yet."""


class ContractBreach(DataError):
    """Rows break the data contract."""


class LabelError(DataError):
    """A label is neither bad, good nor declared indeterminate."""


class NotEnoughData(DataError):
    """Too few matured rows or labels to train or to judge."""


class IntegrityError(FinRiskError):
    """Bytes are not what was signed or recorded."""

    exit_status = 4


class ArtifactRejected(IntegrityError):
    """A model artifact fails verification, before any parser saw it."""


class SnapshotMismatch(IntegrityError):
    """A snapshot's bytes do not give its name."""


class LedgerCorrupted(IntegrityError):
    """The ledger's hash chain does not verify."""


class BackupRejected(IntegrityError):
    """A backup is not what was written: cut short, edited, or with members that none has."""


class NotReproduced(IntegrityError):
    """A version fitted again from what was recorded scores differently."""


class PromotionError(FinRiskError):
    """The champion stays."""

    exit_status = 5


class StaleChallenger(PromotionError):
    """The champion changed since the challenger was judged."""


class EvidenceMissing(PromotionError):
    """No passing evidence for this champion version and epoch."""


class NotAllowed(PromotionError):
    """Nobody is logged in who may decide that, or it takes a second person."""


class PromotionFrozen(PromotionError):
    """A change freeze holds on that day; only a rollback passes it."""


class RollbackRefused(PromotionError):
    """The target was never champion, does not verify, or is champion already."""


class Unreachable(FinRiskError):
    """MLflow, the ledger or the database of a source does not answer."""

    exit_status = 6


class DiskFull(Unreachable):
    """A file or the ledger could not be written for want of room; nothing was half-done."""
