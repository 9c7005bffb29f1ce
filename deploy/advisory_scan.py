"""Ask pip-audit which advisories are known of the locks' packages; its silence is no answer.

pip-audit alone passes what it does not know: it ends with 0 where the service has none of the
packages, or answers without advisories, and it leaves out a package whose marker is for another
machine. So each pin is asked for without its marker, and counts as scanned only where the report
names it; and a version that is known to be bad is asked for first.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version
from pydantic import BaseModel, ValidationError

from deploy.advisory_verdict import Finding, Pin, Scan
from finrisk.errors import ConfigurationError

KNOWN_BAD = Pin("pyyaml", "5.3.1")  # PYSEC-2021-142, CVE-2020-14343; no lock may have it
REQUEST_SECONDS = 15
SCAN_SECONDS = 900
MOST_LETTERS = 200
CAUSE = re.compile(r"^(?:ERROR:pip_audit[\w.]*:|(?=[\w.]+(?:Error|Timeout|Exception)\b))(.+)", re.M)
LOGIN = re.compile(r"//[^/@\s]+@")


class _Vulnerability(BaseModel):
    id: str
    fix_versions: list[str]
    aliases: list[str]


class _Dependency(BaseModel):
    name: str
    version: str | None = None
    skip_reason: str = ""
    vulns: list[_Vulnerability] = []


class _Report(BaseModel):
    dependencies: list[_Dependency]


def read_pins(locks: Iterable[Path]) -> frozenset[Pin]:
    """Return each package and version that one of the locks names, for whichever machine.

    Raises
    ------
    ConfigurationError
        A lock cannot be read, names nothing, or names a package without one version or a hash.
    """
    return frozenset().union(*(_pins(lock) for lock in locks))


def _pins(lock: Path) -> frozenset[Pin]:
    try:
        text = lock.read_text(encoding="utf-8").replace("\\\n", " ")
    except OSError as exc:
        raise ConfigurationError(f"{lock}: cannot be read ({exc.strerror})") from exc
    lines = (re.sub(r"(^|\s)#.*", "", line).strip() for line in text.splitlines())
    pins = frozenset(_pin(lock, line) for line in lines if line)
    if not pins:
        raise ConfigurationError(f"{lock}: names no package", remedy="make lock")
    return pins


def _pin(lock: Path, line: str) -> Pin:
    told, *hashes = re.split(r"\s+--hash=", line)
    pin = _pinned(told)
    if pin is None or not hashes:
        raise ConfigurationError(
            f"{lock}: no pinned package with a hash",
            expected="name==version --hash=sha256:…",
            got=repr(told[:80]) + ("" if hashes else " without a hash"),
            remedy="make lock",
        )
    return pin


def _pinned(told: str) -> Pin | None:
    try:
        requirement = Requirement(told)
        (specifier,) = requirement.specifier
        version = Version(specifier.version)
    except (InvalidRequirement, InvalidVersion, ValueError):
        return None
    if specifier.operator != "==":
        return None
    return Pin(canonicalize_name(requirement.name), str(version))


def scan(pins: frozenset[Pin], osv: str | None = None) -> Scan:
    """Ask PyPI, or an OSV server at that address, for advisories of the pins.

    Nothing counts as scanned where the service does not know the version that is known to be bad.
    """
    proof = _ask([KNOWN_BAD], osv)
    if not proof.findings:
        why = proof.why_not or "it answers, and has no advisories"
        return Scan(
            frozenset(),
            why_not=f"{why}; asked first for {KNOWN_BAD.name} "
            f"{KNOWN_BAD.version}, of which advisories are known",
        )
    answers = [_ask(layer, osv) for layer in _layers(pins)]
    return Scan(
        frozenset().union(*(one.scanned for one in answers)),
        tuple(finding for one in answers for finding in one.findings),
        next((one.why_not for one in answers if one.why_not), ""),
    )


def _layers(pins: frozenset[Pin]) -> Iterator[list[Pin]]:
    """Split pins so that a name stands once in each part: pip-audit refuses two versions of it."""
    left = sorted(pins)
    while left:
        layer = {pin.name: pin for pin in left}
        yield sorted(layer.values())
        left = sorted(set(left) - set(layer.values()))


def _ask(pins: Iterable[Pin], osv: str | None) -> Scan:
    with TemporaryDirectory(prefix="finrisk-audit-") as folder:
        asked = Path(folder) / "pins.txt"
        asked.write_text("".join(f"{p.name}=={p.version}\n" for p in pins), encoding="utf-8")
        # An empty cache of its own: no advisory is newer than the answer.
        command = [
            *(sys.executable, "-m", "pip_audit", "-r", str(asked), "--no-deps", "--disable-pip"),
            *("--format=json", "--aliases=on", "--desc=off", "--progress-spinner=off"),
            *(f"--timeout={REQUEST_SECONDS}", f"--cache-dir={folder}/cache"),
            *(("--vulnerability-service=osv", f"--osv-url={osv}") if osv else ("-s", "pypi")),
        ]
        ours = {k: v for k, v in os.environ.items() if not k.startswith("PIP_AUDIT_")}
        try:
            done = subprocess.run(
                command, env=ours, capture_output=True, text=True, check=False, timeout=SCAN_SECONDS
            )
        except subprocess.TimeoutExpired:
            return Scan(frozenset(), why_not=f"no report within {SCAN_SECONDS} seconds")
    try:
        return read_report(done.stdout)
    except ValidationError:  # it ends with 1 for findings and for faults alike
        return Scan(frozenset(), why_not=_cause(done.stderr))


def read_report(text: str) -> Scan:
    """Read pip-audit's JSON.

    Raises
    ------
    ValidationError
        The text is no report.

    Examples
    --------
    >>> read_report('{"dependencies": [{"name": "idna", "skip_reason": "not on PyPI"}]}')
    Scan(scanned=frozenset(), findings=(), why_not='not on PyPI')
    """
    told = _Report.model_validate_json(text).dependencies
    known = {Pin(one.name, one.version): one.vulns for one in told if one.version is not None}
    return Scan(
        frozenset(known),
        tuple(
            Finding(pin, one.id, frozenset(one.aliases), tuple(one.fix_versions))
            for pin, vulns in known.items()
            for one in vulns
        ),
        next((one.skip_reason for one in told if one.skip_reason), ""),
    )


def _cause(stderr: str) -> str:
    """Return the first error that pip-audit names, without a password in an address."""
    found = CAUSE.search(stderr)
    return LOGIN.sub("//", found[1])[:MOST_LETTERS] if found else "pip-audit gave no report"
