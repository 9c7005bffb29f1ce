"""What a backup holds, under which names, and how large each may be."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from finrisk.errors import BackupRejected
from finrisk.ledger.dump import ENDING, ChainHead, DumpedTable
from finrisk.ledger.schema import Base
from finrisk.records import Record
from finrisk.tracking.manifest import FileDigest
from finrisk.tracking.signing import PUBLIC_KEY
from finrisk.tracking.verification import LARGEST_BYTES

FORMAT: Literal["finrisk-backup-1"] = "finrisk-backup-1"
MANIFEST = "manifest.json"
LEDGER, CHAMPIONS, SPECS = "ledger", "champions", "specs"
HEX = "[0-9a-f]{64}"
OF_A_TABLE = re.compile(rf"{LEDGER}/([a-z_]+){re.escape(ENDING)}")
OF_A_COPY = re.compile(rf"{CHAMPIONS}/({HEX})/([A-Za-z_.]+)")
OF_A_SPEC = re.compile(rf"{SPECS}/({HEX})\.json")

MIB = 1024 * 1024
LARGEST_MANIFEST = 32 * MIB
LARGEST_TABLE = 8 * 1024 * MIB - 1  # what a header of a tar can say
LARGEST_SPEC = 4 * MIB
LARGEST_KEY = 4096
ANOTHER = "take another backup, or restore an earlier one"


@dataclass(frozen=True, slots=True)
class BackupManifest(Record):
    """What a backup says of itself: its first member, and the digests of all others.

    Parameters
    ----------
    schema : str
        The ledger's revision, as its rows are.
    code_version : str
        The release that took it.
    at : datetime
    scopes : tuple of str
    tables : dict of str to DumpedTable
    chains : tuple of ChainHead
        The newest link of each model's promotions.
    absent : dict of str to str
        Copies that should be in it and are not, by their sha256, and why.
    members : dict of str to FileDigest
    """

    format: Literal["finrisk-backup-1"]
    schema: str
    code_version: str
    at: datetime
    scopes: tuple[str, ...]
    tables: dict[str, DumpedTable]
    chains: tuple[ChainHead, ...]
    absent: dict[str, str]
    members: dict[str, FileDigest]

    @property
    def copies(self) -> tuple[str, ...]:
        """The sha256 of each champion's artifact that is in it."""
        found = (OF_A_COPY.fullmatch(name) for name in self.members)
        return tuple(sorted({match[1] for match in found if match}))

    @property
    def specs(self) -> tuple[str, ...]:
        """The sha256 of each model spec that is in it."""
        found = (OF_A_SPEC.fullmatch(name) for name in self.members)
        return tuple(sorted(match[1] for match in found if match))

    @property
    def bytes(self) -> int:
        """What its members hold together, unpacked."""
        return sum(member.bytes for member in self.members.values())


def table_member(table: str) -> str:
    """Return the name of a table's rows."""
    return f"{LEDGER}/{table}{ENDING}"


def largest(name: str) -> int:
    """Return how many bytes a member may have.

    Raises
    ------
    BackupRejected
        No backup holds a member of this name: a path that leaves the folder is none either.

    Examples
    --------
    >>> largest("signing.pub.pem")
    4096
    >>> largest("../keys/signing.pem")
    Traceback (most recent call last):
    ...
    finrisk.errors.BackupRejected: the backup holds '../keys/signing.pem'; expected ...
    """
    if name == PUBLIC_KEY:
        return LARGEST_KEY
    if OF_A_SPEC.fullmatch(name):
        return LARGEST_SPEC
    if (table := OF_A_TABLE.fullmatch(name)) and table[1] in Base.metadata.tables:
        return LARGEST_TABLE
    if (copy := OF_A_COPY.fullmatch(name)) and copy[2] in LARGEST_BYTES:
        return LARGEST_BYTES[copy[2]]
    raise BackupRejected(
        f"the backup holds {name[:200]!r}",
        expected=f"{MANIFEST}, {PUBLIC_KEY}, and files of {LEDGER}/, {CHAMPIONS}/ and {SPECS}/",
        remedy=ANOTHER,
    )


def check_members(manifest: BackupManifest) -> None:
    """Check names and sizes before anything is unpacked.

    Raises
    ------
    BackupRejected
        A member is none, is too large, or one that must be there is not.
    """
    for name, member in manifest.members.items():
        if not 0 <= member.bytes <= largest(name):
            raise BackupRejected(
                f"{name} is too large",
                expected=f"at most {largest(name):,} bytes",
                got=f"{member.bytes:,}",
                remedy=ANOTHER,
            )
    of_tables = {table_member(table) for table in manifest.tables}
    there = {name for name in manifest.members if name.startswith(f"{LEDGER}/")}
    missing = (of_tables ^ there) | ({PUBLIC_KEY} - manifest.members.keys())
    for table, dumped in manifest.tables.items():
        stored = manifest.members.get(table_member(table))
        if stored is not None and stored.sha256 != dumped.sha256:
            missing.add(table_member(table))
    if missing or not manifest.tables:
        raise BackupRejected(
            "the manifest does not fit itself",
            expected="a member for each table, and the public key",
            got=f"none, or another, for {', '.join(sorted(missing)) or 'any table'}",
            remedy=ANOTHER,
        )
