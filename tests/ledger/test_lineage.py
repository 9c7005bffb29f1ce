from __future__ import annotations

import pytest

from finrisk.errors import RollbackRefused
from finrisk.ledger.lineage import predecessors, rollback_target
from finrisk.records import PromotionKind, PromotionRecord
from tests.ledger.factories import AT, MODEL, digest


def history(*steps: int) -> list[PromotionRecord]:
    """Return a history of promotions; a negative number is a rollback to that version."""
    return [
        PromotionRecord(
            model=MODEL,
            epoch=epoch,
            version=abs(step),
            previous_version=abs(steps[epoch - 2]) if epoch > 1 else None,
            kind=PromotionKind.ROLLBACK if step < 0 else PromotionKind.SUPERIORITY,
            idem_key=str(epoch),
            artifact_sha256=digest(str(step)),
            evidence_sha256=None,
            actor="ada",
            reason="",
            as_of=None,
            at=AT,
            previous_hash="",
            hash="",
            projected=True,
        )
        for epoch, step in enumerate(steps, start=1)
    ]


@pytest.mark.parametrize(
    ("steps", "older"),
    [
        ((), []),
        ((1,), []),
        ((1, 2), [1]),
        ((1, 2, 3), [2, 1]),
        ((1, 2, 3, -2), [1]),
        ((1, 2, 3, -2, -1), []),
        ((1, 2, 3, -2, 4), [2, 1]),
        ((1, 2, 3, -1, -3), [1]),
        ((1, 2, 1), [2]),
    ],
)
def test_predecessors_are_what_led_here_without_what_was_undone(
    steps: tuple[int, ...], older: list[int]
) -> None:
    assert predecessors(history(*steps)) == older


def test_a_restored_version_stands_where_the_deleted_one_stood() -> None:
    deleted = history(1, 2, 3)
    restored = deleted[-1].replace(epoch=4, version=4, kind=PromotionKind.RESTORED)

    assert predecessors([*deleted, restored]) == [2, 1]
    assert rollback_target(MODEL, [*deleted, restored], None) == 2


def test_rolling_back_twice_goes_two_versions_back() -> None:
    assert rollback_target(MODEL, history(1, 2, 3), None) == 2
    assert rollback_target(MODEL, history(1, 2, 3, -2), None) == 1


def test_a_version_that_was_undone_may_be_asked_for_by_number() -> None:
    assert rollback_target(MODEL, history(1, 2, 3, -2), 3) == 3


@pytest.mark.parametrize(
    ("steps", "asked", "said"),
    [
        ((), None, "credit_risk has no champion yet"),
        ((1,), None, "no predecessor"),
        ((1, 2), 2, "version 2 is champion already"),
        ((1, 2), 7, "version 7 was never champion; expected one of 1, 2; got 7"),
    ],
)
def test_a_target_that_cannot_come_back_is_refused(
    steps: tuple[int, ...], asked: int | None, said: str
) -> None:
    with pytest.raises(RollbackRefused, match=said):
        rollback_target(MODEL, history(*steps), asked)
