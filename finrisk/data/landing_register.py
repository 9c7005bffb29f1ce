"""What earlier nights read: tells a file that comes late, and one that comes with other bytes.

Of a database it is vintages that are remembered, and told where their content is another.

Only nights that were not blocked are registered, in their order: a night of an earlier day neither
writes nor forgets. A night that is run again finds what it found before, because it is compared
with the nights before its own ``as_of``.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from pydantic import ValidationError

from finrisk.atomic import write_whole
from finrisk.data.masking import MOST_EXAMPLES
from finrisk.data.maturity import Granularity, add_months
from finrisk.records import Check, DataVerdict, Record

NIGHTS_KEPT = 31
LATE, CORRECTED = "late partition", "corrected partition"
CORRECTED_VINTAGE = "corrected vintage"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LandedFile:
    """A file that a night read: its name, the name it first had, its digest, its newest row.

    ``rows`` marks what is no file but a vintage of a database.
    """

    name: str
    first_name: str
    sha256: str
    newest: date | None
    rows: int | None = None

    @property
    def is_vintage(self) -> bool:
        """Whether it came from a database."""
        return self.rows is not None


@dataclass(frozen=True, slots=True)
class KnownFile(Record):
    """What is remembered of a file; ``versions`` counts the different bytes it came with."""

    name: str
    sha256: str
    first_seen: date
    last_changed: date
    versions: int = 1


@dataclass(frozen=True, slots=True)
class SeenNight(Record):
    """A registered night, and the event day of the newest row it saw."""

    as_of: date
    newest: date


@dataclass(frozen=True, slots=True)
class LandingRegister(Record):
    """The files of one model in one scope, by the name they first had, and the newest nights."""

    files: Mapping[str, KnownFile] = field(default_factory=dict)
    nights: tuple[SeenNight, ...] = ()

    def findings(
        self, landed: Iterable[LandedFile], as_of: date, vintage: Granularity
    ) -> tuple[Check, ...]:
        """Tell which files are late, and which are not what they were.

        A file is late if no earlier night knew it, and its newest row is older, by more than a
        vintage, than the newest row of the night before. It is corrected if it was known and came
        with other bytes, whether in place or as a revision. A database's vintage is never late.

        Returns
        -------
        tuple of Check
            Warnings with counts and file names; none on the first night.
        """
        before = max((n for n in self.nights if n.as_of < as_of), key=_night, default=None)
        if before is None:
            return ()
        files = tuple(landed)
        late = [f.name for f in files if self._is_late(f, as_of, before.newest, vintage)]
        corrected = [f for f in files if self._is_corrected(f, as_of)]
        other_bytes = [f.name for f in corrected if not f.is_vintage]
        return (
            *_warning(LATE, late, f"first seen now, with rows older by more than a {vintage}"),
            *_warning(CORRECTED, other_bytes, f"with other bytes than on {before.as_of}"),
            *_vintages_warning([f for f in corrected if f.is_vintage], before.as_of),
        )

    def recorded(self, landed: Iterable[LandedFile], as_of: date) -> LandingRegister:
        """Return the register after this night; the same if it is older than the newest one."""
        files = tuple(landed)
        newest = max((f.newest for f in files if f.newest is not None), default=None)
        if newest is None or any(night.as_of > as_of for night in self.nights):
            return self
        nights = {night.as_of: night for night in (*self.nights, SeenNight(as_of, newest))}
        known = {file.first_name: self._known_now(file, as_of) for file in files}
        return LandingRegister(
            files={**self.files, **known},
            nights=tuple(sorted(nights.values(), key=_night)[-NIGHTS_KEPT:]),
        )

    def _is_late(self, file: LandedFile, as_of: date, newest: date, vintage: Granularity) -> bool:
        known = self.files.get(file.first_name)
        seen_before = known is not None and known.first_seen < as_of
        if file.is_vintage or file.newest is None or seen_before:
            return False
        return _a_vintage_after(file.newest, vintage) < newest

    def _is_corrected(self, file: LandedFile, as_of: date) -> bool:
        known = self.files.get(file.first_name)
        if known is None:
            return False
        told_tonight = known.last_changed == as_of and known.versions > 1
        return known.sha256 != file.sha256 or told_tonight

    def _known_now(self, file: LandedFile, as_of: date) -> KnownFile:
        known = self.files.get(file.first_name)
        if known is None:
            return KnownFile(file.name, file.sha256, first_seen=as_of, last_changed=as_of)
        if known.sha256 == file.sha256:
            return known.replace(name=file.name)
        return known.replace(
            name=file.name,
            sha256=file.sha256,
            last_changed=as_of,
            versions=known.versions + 1,
        )


def read_register(path: Path) -> LandingRegister:
    """Read a register; one that is not there, or cannot be read, is empty.

    It only warns, so a broken one, which is logged, holds no night.
    """
    try:
        return LandingRegister.from_json(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return LandingRegister()
    except (OSError, ValueError, ValidationError) as exc:
        _log.warning("register of landed files %s begins anew: %s", path, type(exc).__name__)
        return LandingRegister()


def write_register(path: Path, register: LandingRegister) -> None:
    """Write a register whole or not at all; an empty one not."""
    if not register.nights:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    content = json.dumps(register.to_json(), indent=1, sort_keys=True)
    write_whole(path, f"{content}\n".encode())


def with_findings(verdict: DataVerdict, findings: Sequence[Check]) -> DataVerdict:
    """Return a data verdict that also warns of these; they never block."""
    if not findings:
        return verdict
    result = "warn" if verdict.result == "pass" else verdict.result
    return verdict.replace(result=result, failed=(*verdict.failed, *findings))


def _warning(check: str, names: Sequence[str], what: str) -> tuple[Check, ...]:
    if not names:
        return ()
    shown = tuple(names[:MOST_EXAMPLES])
    detail = f"{len(names)} partition(s) {what}: {', '.join(shown)}"
    return (Check("warn", None, check, len(names), detail, shown),)


def _vintages_warning(found: Sequence[LandedFile], since: date) -> tuple[Check, ...]:
    if not found:
        return ()
    shown = tuple(f"{file.name}, {file.rows} rows" for file in found[:MOST_EXAMPLES])
    more = f" and {len(found) - len(shown)} more" if len(found) > len(shown) else ""
    detail = f"{'; '.join(shown)}{more}, other content than on {since}"
    return (Check("warn", None, CORRECTED_VINTAGE, len(found), detail, shown),)


def _a_vintage_after(day: date, vintage: Granularity) -> date:
    return add_months(day, 1) if vintage == "month" else day + timedelta(days=1)


def _night(night: SeenNight) -> date:
    return night.as_of
