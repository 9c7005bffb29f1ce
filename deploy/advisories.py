"""``python -m deploy.advisories``: what known advisories say of the locks.

Ends with 0 where every package was scanned and nothing is open; 1 for an open advisory or an
expired exception; 2 where a lock or the list of exceptions cannot be used; 3 where packages were
not scanned. What nobody knows is no success.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from deploy.advisory_scan import read_pins, scan
from deploy.advisory_verdict import Finding, Verdict, judge, read_exceptions
from finrisk.errors import ConfigurationError
from finrisk.wording import counted

REPOSITORY = Path(__file__).resolve().parents[1]
LOCKS = (
    "requirements.lock",
    "requirements-server.lock",
    "requirements-scale.lock",
    "requirements-bootstrap.txt",
)
MOST_SHOWN = 5


def lines(verdict: Verdict, why_not: str) -> Iterator[str]:
    """Say what was found, worst first, each with its remedy."""
    for finding in verdict.open:
        yield _open(finding)
    for one in verdict.expired:
        yield (
            f"EXPIRED the exception for {one.id} of {one.package}: its last day was {one.until} "
            f"({one.who}); remedy: mend the package and remove it, or judge anew and move the day"
        )
    if missing := verdict.not_scanned:
        shown = ", ".join(f"{pin.name} {pin.version}" for pin in missing[:MOST_SHOWN])
        more = f" and {len(missing) - MOST_SHOWN} more" if len(missing) > MOST_SHOWN else ""
        yield (
            f"NOT SCANNED {counted(len(missing), 'package')}: {shown}{more}; "
            f"the service: {why_not or 'said nothing of them'}; "
            "remedy: run it where pypi.org answers, or name an OSV server by --osv"
        )
    for one in verdict.stale:
        yield (
            f"warning: the exception for {one.id} of {one.package} excuses nothing; "
            "remedy: remove it"
        )


def _open(finding: Finding) -> str:
    also = f" ({', '.join(sorted(finding.aliases))})" if finding.aliases else ""
    mended, remedy = "no version that mends it is known", "replace the package"
    if finding.fixed_in:
        mended = f"fixed in {', '.join(finding.fixed_in)}"
        remedy = "raise its bound in requirements*.txt and run `make lock`"
    return (
        f"OPEN {finding.pin.name} {finding.pin.version}: {finding.id}{also}; {mended}; "
        f"remedy: {remedy}, or except it for a while in deploy/advisories.yaml"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Scan, judge, say it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--on", type=date.fromisoformat, help="the day, ISO; default: today, UTC")
    parser.add_argument("--osv", metavar="URL", help="ask this OSV server; default: PyPI")
    parser.add_argument("--lock", type=Path, action="append", help="default: all of ours")
    parser.add_argument("--exceptions", type=Path, default=REPOSITORY / "deploy/advisories.yaml")
    asked = parser.parse_args(arguments)
    on = asked.on or datetime.now(UTC).date()
    try:
        pins = read_pins(asked.lock or [REPOSITORY / name for name in LOCKS])
        exceptions = read_exceptions(asked.exceptions, on)
    except ConfigurationError as exc:
        print(exc, file=sys.stderr)
        return exc.exit_status
    answer = scan(pins, asked.osv)
    verdict = judge(pins, answer, exceptions, on)
    for line in lines(verdict, answer.why_not):
        print(line)
    scanned = len(pins) - len(verdict.not_scanned)
    print(
        f"{on}: {scanned} of {counted(len(pins), 'package')} scanned, "
        f"{len(verdict.open)} open, {len(verdict.excused)} excused"
    )
    return verdict.exit_status


if __name__ == "__main__":
    sys.exit(main())
