from __future__ import annotations

from collections.abc import Iterator

import pytest

from finrisk.errors import ArtifactRejected, DataError, Unreachable
from finrisk.pipelines.doctor.findings import (
    Finding,
    Health,
    exit_status,
    fail,
    guarded,
    ok,
    refused,
    summary,
    warn,
)


def failing(*statuses: int) -> list[Finding]:
    return [fail("x", "wrong", "mend it", status) for status in statuses]


@pytest.mark.parametrize(
    ("findings", "status"),
    [
        ([], 0),
        ([ok("a", "well"), warn("b", "late", "look")], 0),
        (failing(2), 2),
        (failing(2, 4), 4),
        (failing(4, 6, 2), 6),
        (failing(1, 2), 2),
        (failing(1), 1),
        (failing(3), 3),
    ],
)
def test_the_exit_status_is_the_worst_failures(findings: list[Finding], status: int) -> None:
    assert exit_status(findings) == status


def test_an_error_of_ours_keeps_its_parts_and_its_status() -> None:
    error = Unreachable("it is away", expected="an answer", got="none", remedy="start it")

    found = refused("MLflow", error)

    assert found == Finding(
        "MLflow", Health.FAIL, "it is away; expected an answer; got none", "start it", 6
    )


def test_an_error_without_a_remedy_is_whole() -> None:
    assert refused("x", DataError("no rows")) == Finding("x", Health.FAIL, "no rows", None, 3)


def test_what_was_found_before_an_error_is_kept() -> None:
    def look() -> Iterator[Finding]:
        yield ok("keys", "the first is well")
        raise ArtifactRejected("the second is not")

    assert [f.outcome for f in guarded("keys", look)] == [Health.OK, Health.FAIL]


def test_a_check_that_breaks_is_a_finding_without_a_password() -> None:
    def look() -> Iterator[Finding]:
        raise RuntimeError("no way to\n  http://anna:s3cret@mlflow:5000")

    (found,) = guarded("MLflow", look)

    assert found.exit_status == 1
    assert found.found == "the check itself broke: RuntimeError: no way to http://mlflow:5000"


def test_a_finding_survives_json() -> None:
    found = warn("clock", "7 s behind", "NTP")

    assert Finding.from_json(found.to_json()) == found
    assert summary([found]) == "0 ok, 1 warn, 0 fail"
