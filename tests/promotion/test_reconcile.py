from __future__ import annotations

import pytest

from finrisk.ledger.events import EventKind
from finrisk.ledger.lineage import predecessors
from finrisk.ledger.store import Ledger
from finrisk.promotion.reconcile import Damage
from finrisk.records import ModelVersion, PromotionKind
from tests.ledger.factories import MODEL, version
from tests.promotion.factories import FakeRegistry, force, freeze, reconcile, roll_back


def test_with_nothing_amiss_nothing_is_found_and_nothing_told(
    ledger: Ledger, registry: FakeRegistry
) -> None:
    force(ledger, registry, 1)
    force(ledger, registry, 2)

    found = reconcile(ledger, registry)

    assert (found.differences, found.damages, found.open) == ((), (), 0)
    assert ledger.events(MODEL) == []


def test_a_deleted_champion_is_registered_again_from_its_copy(
    ledger: Ledger, registry: FakeRegistry
) -> None:
    force(ledger, registry, 1)
    force(ledger, registry, 2)
    registry.delete(2)

    found = reconcile(ledger, registry)

    restored = ledger.history(MODEL)[-1]
    assert (restored.version, restored.epoch, restored.kind) == (3, 3, PromotionKind.RESTORED)
    assert restored.artifact_sha256 == version(2).artifact_sha256
    assert found.damages == (
        Damage(
            2,
            "version",
            "version 2 is gone",
            "registered again as version 3, epoch 3",
            repaired=True,
        ),
    )
    assert registry.aliases == {"production": 3, "previous": 1}
    assert predecessors(ledger.history(MODEL)) == [1]
    assert ledger.verify(MODEL) == 3
    assert reconcile(ledger, registry).damages == ()


def test_a_deleted_champion_is_restored_in_a_freeze_too(
    ledger: Ledger, registry: FakeRegistry
) -> None:
    force(ledger, registry, 1)
    freeze(ledger)
    registry.delete(1)

    reconcile(ledger, registry)

    assert ledger.champion(MODEL).version == 2  # type: ignore[union-attr]


def test_a_restoring_that_was_cut_short_is_finished_under_one_number(
    ledger: Ledger, registry: FakeRegistry
) -> None:
    class CutShort(FakeRegistry):
        def register_again(self, *args: object, **kwargs: object) -> ModelVersion:
            super().register_again(*args, **kwargs)  # type: ignore[arg-type]
            raise KeyboardInterrupt

    force(ledger, registry, 1)
    registry.delete(1)
    cut = CutShort(**vars(registry))
    with pytest.raises(KeyboardInterrupt):
        reconcile(ledger, cut)

    registry.again = cut.again
    reconcile(ledger, registry)

    assert [link.version for link in ledger.history(MODEL)] == [1, 2]
    assert len(registry.again) == 1


def test_a_champion_that_comes_back_under_its_own_number_needs_no_epoch(
    ledger: Ledger,
) -> None:
    class Razed(FakeRegistry):
        """The whole registered model was deleted: numbers begin at 1 again."""

        def register_again(
            self, registered_name: str, version: ModelVersion, **_: object
        ) -> ModelVersion:
            self.deleted.clear()
            return version

    registry = Razed()
    force(ledger, registry, 1)
    registry.delete(1)

    (damage,) = reconcile(ledger, registry).damages

    assert damage.repair == "registered again under its own number"
    assert [link.epoch for link in ledger.history(MODEL)] == [1]
    assert registry.aliases == {"production": 1}


def test_a_champion_that_was_replaced_meanwhile_is_not_restored(ledger: Ledger) -> None:
    class Overtaken(FakeRegistry):
        def register_again(self, *args: object, **kwargs: object) -> ModelVersion:
            made = super().register_again(*args, **kwargs)  # type: ignore[arg-type]
            force(ledger, FakeRegistry(), 7)
            return made

    registry = Overtaken()
    force(ledger, registry, 1)
    registry.delete(1)

    found = reconcile(ledger, registry)

    assert ledger.champion(MODEL).version == 7  # type: ignore[union-attr]
    assert found.damages == ()
    assert ledger.verify(MODEL) == 2


def test_an_edited_artifact_is_put_back_from_its_copy(
    ledger: Ledger, registry: FakeRegistry
) -> None:
    force(ledger, registry, 1)
    force(ledger, registry, 2)
    registry.rejected = {1, 2}

    found = reconcile(ledger, registry)

    assert [(damage.version, damage.repaired) for damage in found.damages] == [(2, True), (1, True)]
    assert registry.rejected == set()
    assert [link.version for link in ledger.history(MODEL)] == [1, 2]


def test_what_nothing_can_mend_is_reported_as_it_is(ledger: Ledger, registry: FakeRegistry) -> None:
    force(ledger, registry, 1)
    registry.rejected = {1}
    registry.forget(1)

    found = reconcile(ledger, registry)

    assert found.damages == (
        Damage(1, "artifact", "model.ubj was edited", "there is no copy", repaired=False),
    )
    assert found.open == 1


def test_a_predecessor_is_missed_only_where_no_copy_can_bring_it_back(
    ledger: Ledger, registry: FakeRegistry
) -> None:
    force(ledger, registry, 1)
    force(ledger, registry, 2)
    registry.delete(1)
    assert reconcile(ledger, registry).damages == ()

    registry.forget(1)
    (damage,) = reconcile(ledger, registry).damages

    assert (damage.version, damage.place, damage.repaired) == (1, "version", False)


def test_what_was_found_is_among_the_events_once(ledger: Ledger, registry: FakeRegistry) -> None:
    force(ledger, registry, 1)
    registry.rejected = {1}
    registry.forget(1)

    for _ in range(3):
        reconcile(ledger, registry)

    (event,) = ledger.events(MODEL, EventKind.REPAIR)
    assert event.document["damages"][0]["found"] == "model.ubj was edited"


def test_a_moved_alias_is_among_the_events_and_a_late_one_is_not(
    ledger: Ledger, registry: FakeRegistry
) -> None:
    registry.down = True
    force(ledger, registry, 1)
    registry.down = False
    reconcile(ledger, registry)
    assert ledger.events(MODEL) == []

    registry.aliases = {"production": 9}
    reconcile(ledger, registry)

    (event,) = ledger.events(MODEL)
    assert event.document["aliases"][0]["registry_version"] == 9


def test_a_rollback_to_a_deleted_version_ends_with_its_bytes_under_a_new_number(
    ledger: Ledger, registry: FakeRegistry
) -> None:
    force(ledger, registry, 1)
    force(ledger, registry, 2)
    registry.delete(1)
    assert not roll_back(ledger, registry).projected

    reconcile(ledger, registry)

    champion = ledger.champion(MODEL)
    assert champion is not None
    assert champion.artifact_sha256 == version(1).artifact_sha256
    assert registry.aliases == {"production": champion.version, "previous": 2}
    assert ledger.unprojected(MODEL) == []
