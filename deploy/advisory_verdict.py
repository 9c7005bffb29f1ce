"""What known advisories mean for the locks: found, excused for a while, or not known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated

import yaml
from packaging.utils import canonicalize_name
from pydantic import Field, StringConstraints, ValidationError

from finrisk.errors import ConfigurationError
from finrisk.specs.base import Closed

MOST_DAYS_AHEAD = 180
OPEN_STATUS = 1
NOT_SCANNED_STATUS = 3

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


@dataclass(frozen=True, order=True)
class Pin:
    """A package as a lock names it: its normal name, and its only version."""

    name: str
    version: str


@dataclass(frozen=True)
class Finding:
    """An advisory that the service knows of a pinned version.

    Parameters
    ----------
    aliases : frozenset of str
        The ids that other databases gave it.
    fixed_in : tuple of str
        The versions that mend it, oldest first; empty: none is known.
    """

    pin: Pin
    id: str
    aliases: frozenset[str] = frozenset()
    fixed_in: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scan:
    """What the service answered; ``why_not`` says what became of the pins it did not answer for."""

    scanned: frozenset[Pin]
    findings: tuple[Finding, ...] = ()
    why_not: str = ""


class ListedException(Closed):
    """An advisory that somebody lives with, until a day, for a reason."""

    id: Annotated[str, Field(pattern=r"^(CVE|GHSA|MAL|OSV|PYSEC)-[0-9A-Za-z-]+$")]
    package: Text
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=20)]
    until: date
    who: Text

    def covers(self, finding: Finding) -> bool:
        """Whether it speaks of this advisory, under whichever id, in this package."""
        same_package = canonicalize_name(self.package) == finding.pin.name
        return same_package and self.id in {finding.id, *finding.aliases}


class _ExceptionList(Closed):
    exceptions: tuple[ListedException, ...]


@dataclass(frozen=True)
class Verdict:
    """What is open, what is excused, what nobody knows.

    Parameters
    ----------
    expired : tuple of ListedException
        Their last day has passed, whether or not the advisory still applies: that is asked of the
        calendar alone, so it holds also where the service is away.
    stale : tuple of ListedException
        Their package was scanned, or is in no lock, and the advisory is not there.
    """

    open: tuple[Finding, ...]
    excused: tuple[Finding, ...]
    expired: tuple[ListedException, ...]
    stale: tuple[ListedException, ...]
    not_scanned: tuple[Pin, ...]

    @property
    def exit_status(self) -> int:
        """0 only where every pin was scanned, and nothing is open or expired."""
        if self.open or self.expired:
            return OPEN_STATUS
        return NOT_SCANNED_STATUS if self.not_scanned else 0


def judge(pins: Set[Pin], scan: Scan, exceptions: Iterable[ListedException], on: date) -> Verdict:
    """Hold what was found against what is excused on that day.

    Examples
    --------
    >>> jinja = Pin("jinja2", "2.4.1")
    >>> scan = Scan(frozenset({jinja}), (Finding(jinja, "CVE-2014-1402"),))
    >>> judge({jinja}, scan, (), date(2026, 3, 1)).exit_status
    1
    >>> half = Scan(frozenset({jinja}))
    >>> judge({jinja, Pin("idna", "3.0")}, half, (), date(2026, 3, 1)).exit_status
    3
    """
    listed = tuple(exceptions)
    holding = [one for one in listed if on <= one.until]
    excused = [f for f in scan.findings if any(one.covers(f) for one in holding)]
    not_scanned = sorted(pins - scan.scanned)
    unknown = {pin.name for pin in not_scanned}
    return Verdict(
        open=tuple(f for f in scan.findings if f not in excused),
        excused=tuple(excused),
        expired=tuple(one for one in listed if one.until < on),
        stale=tuple(
            one
            for one in holding
            if canonicalize_name(one.package) not in unknown
            and not any(one.covers(f) for f in scan.findings)
        ),
        not_scanned=tuple(not_scanned),
    )


def read_exceptions(path: Path, on: date) -> tuple[ListedException, ...]:
    """Read the list of exceptions.

    Raises
    ------
    ConfigurationError
        The file is no such list, an exception stands twice, or one reaches too far ahead.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        listed = _ExceptionList.model_validate(document).exceptions
    except ValidationError as exc:
        places = ", ".join(".".join(map(str, one["loc"])) for one in exc.errors())
        raise ConfigurationError(
            f"{path}: no list of exceptions: {exc.errors()[0]['msg']} (at {places or 'the top'})",
            expected="`exceptions:`, each of them with id, package, reason, until and who",
            remedy="docs/supply-chain.md shows one",
        ) from exc
    except (OSError, ValueError, yaml.YAMLError) as exc:
        raise ConfigurationError(
            f"{path}: cannot be read: {' '.join(str(exc).split())}", expected="a YAML file"
        ) from exc
    _refuse(path, listed, on)
    return listed


def _refuse(path: Path, listed: Sequence[ListedException], on: date) -> None:
    seen: set[tuple[str, str]] = set()
    for one in listed:
        key = (canonicalize_name(one.package), one.id)
        if key in seen:
            raise ConfigurationError(
                f"{path}: {one.id} of {one.package} stands twice", remedy="keep one of them"
            )
        seen.add(key)
        last = on + timedelta(days=MOST_DAYS_AHEAD)
        if one.until > last:
            raise ConfigurationError(
                f"{path}: the exception for {one.id} of {one.package} holds for too long",
                expected=f"a last day no later than {last}, {MOST_DAYS_AHEAD} days ahead",
                got=one.until,
                remedy="name an earlier day, and look at it again then",
            )
