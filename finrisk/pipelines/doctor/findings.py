"""What a check found, in a record; and how many findings become one exit status."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from finrisk.addresses import text_without_credentials
from finrisk.errors import (
    ConfigurationError,
    FinRiskError,
    IntegrityError,
    Unreachable,
)
from finrisk.records import Record

WORST_FIRST = tuple(
    error.exit_status for error in (Unreachable, IntegrityError, ConfigurationError, FinRiskError)
)
LONGEST = 300


class Health(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding(Record):
    """One line of the doctor's answer; ``exit_status`` is what a failure ends the command with."""

    check: str
    outcome: Health
    found: str
    remedy: str | None = None
    exit_status: int = 0


def ok(check: str, found: str) -> Finding:
    """Return that all is well."""
    return Finding(check, Health.OK, found)


def warn(check: str, found: str, remedy: str) -> Finding:
    """Return something to know, which stops no night."""
    return Finding(check, Health.WARN, found, remedy)


def fail(
    check: str, found: str, remedy: str, exit_status: int = ConfigurationError.exit_status
) -> Finding:
    """Return something that stops a night, or makes its answer wrong."""
    return Finding(check, Health.FAIL, found, remedy, exit_status)


def refused(check: str, error: FinRiskError) -> Finding:
    """Return an error of ours as a finding: its message is one already.

    Examples
    --------
    >>> refused("keys", ConfigurationError("no key", got="nothing", remedy="finrisk init"))
    ... # doctest: +NORMALIZE_WHITESPACE
    Finding(check='keys', outcome=<Health.FAIL: 'fail'>, found='no key; got nothing',
            remedy='finrisk init', exit_status=2)
    """
    found = str(error).removesuffix(f"; remedy: {error.remedy}")
    return Finding(check, Health.FAIL, found, error.remedy, error.exit_status)


def guarded(check: str, look: Callable[[], Iterable[Finding]]) -> list[Finding]:
    """Return what a check finds; one that breaks is a finding too, and the next still runs.

    Parameters
    ----------
    check : str
        Its name, for where it raises.
    look : callable
        Returns or yields findings; what it found before it raised is kept.
    """
    found: list[Finding] = []
    try:
        for finding in look():
            found.append(finding)  # noqa: PERF402 - extend would lose those before an error
    except FinRiskError as exc:
        found.append(refused(check, exc))
    except Exception as exc:  # noqa: BLE001 - whatever it is, the other checks still run
        said = text_without_credentials(" ".join(str(exc).split()))[:LONGEST]
        broke = f"the check itself broke: {type(exc).__name__}: {said}"
        found.append(fail(check, broke, "report this line", FinRiskError.exit_status))
    return found


def exit_status(findings: Sequence[Finding]) -> int:
    """Return 0 without a failure; else 6 (no answer) before 4 (integrity) before 2 (configuration).

    Examples
    --------
    >>> exit_status([ok("a", "well"), fail("b", "wrong", "mend it"), fail("c", "away", "wait", 6)])
    6
    """
    failures = {finding.exit_status for finding in findings if finding.outcome is Health.FAIL}
    return next((status for status in WORST_FIRST if status in failures), max(failures, default=0))


def summary(findings: Sequence[Finding]) -> str:
    """Return the counts in one line.

    Examples
    --------
    >>> summary([ok("a", "well"), ok("b", "well"), warn("c", "late", "look")])
    '2 ok, 1 warn, 0 fail'
    """
    counts = Counter(finding.outcome for finding in findings)
    return ", ".join(f"{counts[outcome]} {outcome}" for outcome in Health)
