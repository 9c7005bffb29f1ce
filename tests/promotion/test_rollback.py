from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from finrisk.errors import RollbackRefused, StaleChallenger, Unreachable
from finrisk.ledger.store import Ledger
from finrisk.records import PromotionKind
from tests.ledger.factories import MODEL
from tests.promotion.factories import (
    FakeRegistry,
    force,
    freeze,
    roll_back,
)


def test_a_rollback_brings_back_the_predecessor_without_evidence(
    ledger: Ledger, registry: FakeRegistry
) -> None:
    for number in (1, 2, 3):
        force(ledger, registry, number)

    first = roll_back(ledger, registry)
    second = roll_back(ledger, registry)

    assert [(link.version, link.kind) for link in (first, second)] == [
        (2, PromotionKind.ROLLBACK),
        (1, PromotionKind.ROLLBACK),
    ]
    assert registry.aliases == {"production": 1, "previous": 2}
    assert ledger.verify(MODEL) == 5
    decided = ledger.champion_on(MODEL, date(2026, 3, 2))
    assert decided is not None
    assert decided.version == 1


def test_a_rollback_needs_a_champion(ledger: Ledger, registry: FakeRegistry) -> None:
    with pytest.raises(RollbackRefused, match="no champion yet"):
        roll_back(ledger, registry)


def test_a_target_that_does_not_verify_offers_the_next_older_and_takes_none(
    ledger: Ledger, registry: FakeRegistry
) -> None:
    for number in (1, 2, 3, 4):
        force(ledger, registry, number)
    registry.rejected = {3, 2}
    registry.forget(3, 2)

    with pytest.raises(RollbackRefused, match=r"version 3 does not verify.*version 1 verifies"):
        roll_back(ledger, registry)

    assert ledger.champion(MODEL).version == 4  # type: ignore[union-attr]
    assert roll_back(ledger, registry, to_version=1).version == 1


def test_a_rollback_to_a_deleted_version_without_a_copy_is_refused(
    ledger: Ledger, registry: FakeRegistry
) -> None:
    for number in (1, 2, 3):
        force(ledger, registry, number)
    registry.delete(2)
    registry.forget(2)

    with pytest.raises(RollbackRefused, match=r"version 2 is gone.*version 1 verifies"):
        roll_back(ledger, registry)

    assert ledger.champion(MODEL).version == 3  # type: ignore[union-attr]


@pytest.mark.parametrize("to_version", [None, 1])
def test_where_nothing_verifies_nothing_is_offered(
    ledger: Ledger, registry: FakeRegistry, to_version: int | None
) -> None:
    force(ledger, registry, 1)
    force(ledger, registry, 2)
    registry.rejected = {1}
    registry.forget(1)

    with pytest.raises(RollbackRefused, match=r"version 1 does not verify.*restore its artifact"):
        roll_back(ledger, registry, to_version)


@pytest.mark.parametrize(
    "fault",
    [{"deleted": {1}}, {"rejected": {1}}, {"away": True}],
    ids=lambda fault: next(iter(fault)),
)
def test_a_rollback_goes_by_the_kept_copy_where_mlflow_fails(
    ledger: Ledger, registry: FakeRegistry, fault: dict[str, Any]
) -> None:
    force(ledger, registry, 1)
    force(ledger, registry, 2)
    for name, value in fault.items():
        setattr(registry, name, value)

    link = roll_back(ledger, registry)

    assert (link.version, link.kind) == (1, PromotionKind.ROLLBACK)
    assert ledger.champion(MODEL).version == 1  # type: ignore[union-attr]


def test_without_mlflow_and_without_a_copy_a_rollback_says_what_is_away(
    ledger: Ledger, registry: FakeRegistry
) -> None:
    force(ledger, registry, 1)
    force(ledger, registry, 2)
    registry.away = True
    registry.forget(1)

    with pytest.raises(Unreachable, match="MLflow is away"):
        roll_back(ledger, registry)

    assert ledger.champion(MODEL).version == 2  # type: ignore[union-attr]


def test_a_rollback_and_a_promotion_at_once_leave_one_winner(
    ledger: Ledger, registry: FakeRegistry
) -> None:
    force(ledger, registry, 1)
    force(ledger, registry, 2)
    roll_back(ledger, registry)

    with pytest.raises(StaleChallenger):
        force(ledger, registry, 3, expected_version=2, expected_epoch=2)

    assert registry.aliases["production"] == 1


def test_in_a_freeze_a_rollback_goes_through(ledger: Ledger, registry: FakeRegistry) -> None:
    force(ledger, registry, 1)
    force(ledger, registry, 2)
    freeze(ledger)

    assert roll_back(ledger, registry).version == 1
    assert registry.aliases == {"production": 1, "previous": 2}


def test_a_rollback_asked_for_again_by_its_key_goes_no_further_back(
    ledger: Ledger, registry: FakeRegistry
) -> None:
    for number in (1, 2, 3):
        force(ledger, registry, number)

    links = [roll_back(ledger, registry, idem_key="run 1") for _ in range(2)]

    assert [link.version for link in links] == [2, 2]
    assert links[0].hash == links[1].hash
    assert roll_back(ledger, registry, idem_key="run 2").version == 1
