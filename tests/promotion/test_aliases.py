from __future__ import annotations

import pytest

from finrisk.ledger.store import Ledger
from finrisk.promotion.aliases import AliasDifference
from tests.ledger.factories import MODEL
from tests.promotion.factories import (
    FakeRegistry,
    force,
    reconcile,
    roll_back,
)


def test_an_alias_without_a_champion_is_reported_and_left_alone(
    ledger: Ledger, registry: FakeRegistry
) -> None:
    registry.aliases = {"production": 4}

    report = reconcile(ledger, registry)

    assert (report.epoch, report.projected) == (0, ())
    assert report.differences == (
        AliasDifference("production", ledger_version=None, registry_version=4, repaired=False),
    )
    assert registry.aliases == {"production": 4}


def test_a_deleted_champion_without_a_copy_is_reported_every_time_and_the_other_alias_repaired(
    ledger: Ledger, registry: FakeRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    force(ledger, registry, 1)
    force(ledger, registry, 2)
    registry.delete(2)
    registry.forget(2)
    registry.aliases = {}

    first, second = reconcile(ledger, registry), reconcile(ledger, registry)

    gone = AliasDifference("production", 2, None, repaired=False, reason="version 2 is gone")
    assert first.differences == (gone, AliasDifference("previous", 1, None, repaired=True))
    assert second.differences == (gone,)
    assert registry.aliases == {"previous": 1}
    assert "credit-risk@production cannot be set: version 2 is gone; remedy" in caplog.text


def test_an_epoch_whose_champion_was_deleted_is_not_projected_until_another_is_shown(
    ledger: Ledger, registry: FakeRegistry
) -> None:
    force(ledger, registry, 1)
    registry.down = True
    force(ledger, registry, 2)
    registry.down = False
    registry.delete(2)
    registry.forget(2)

    report = reconcile(ledger, registry)

    assert report.projected == ()
    assert [late.epoch for late in ledger.unprojected(MODEL)] == [2]
    assert roll_back(ledger, registry).projected
    assert ledger.unprojected(MODEL) == []


def test_a_deleted_previous_champion_does_not_keep_an_epoch_unprojected(
    ledger: Ledger, registry: FakeRegistry
) -> None:
    force(ledger, registry, 1)
    registry.delete(1)

    link = force(ledger, registry, 2)

    assert link.projected
    assert ledger.unprojected(MODEL) == []
    assert registry.aliases == {"production": 2}
    assert reconcile(ledger, registry).differences == (
        AliasDifference("previous", 1, None, repaired=False, reason="version 1 is gone"),
    )


def test_a_promotion_whose_version_is_deleted_at_once_stands_and_is_not_projected(
    ledger: Ledger,
) -> None:
    class Pruned(FakeRegistry):
        def alias_version(self, registered_name: str, alias: str) -> int | None:
            self.delete(1)
            return super().alias_version(registered_name, alias)

    link = force(ledger, Pruned(), 1)

    assert not link.projected
    assert [late.epoch for late in ledger.unprojected(MODEL)] == [1]


def test_a_promotion_during_a_reconciliation_is_shown_in_the_end(ledger: Ledger) -> None:
    class Overtaken(FakeRegistry):
        def set_alias(self, registered_name: str, alias: str, version: int) -> None:
            if version == 2 and ledger.champion(MODEL).epoch == 2:  # type: ignore[union-attr]
                force(ledger, FakeRegistry(), 3)
            super().set_alias(registered_name, alias, version)

    registry = Overtaken()
    force(ledger, registry, 1)

    force(ledger, registry, 2)

    assert registry.aliases == {"production": 3, "previous": 2}


def test_an_alias_moved_by_hand_is_repaired_and_reported_once(
    ledger: Ledger, registry: FakeRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    force(ledger, registry, 1)
    force(ledger, registry, 2)
    registry.aliases = {"production": 9}

    report = reconcile(ledger, registry)

    assert report.differences == (
        AliasDifference("production", ledger_version=2, registry_version=9, repaired=True),
        AliasDifference("previous", ledger_version=1, registry_version=None, repaired=True),
    )
    assert "credit-risk@production was 9, the ledger says 2" in caplog.text
    assert registry.aliases == {"production": 2, "previous": 1}
    assert reconcile(ledger, registry).differences == ()
