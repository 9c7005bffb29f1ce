from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from finrisk import promotion
from finrisk.errors import (
    ArtifactRejected,
    EvidenceMissing,
    PromotionError,
    PromotionFrozen,
    RollbackRefused,
    StaleChallenger,
    Unreachable,
)
from finrisk.ledger.migrate import migrate
from finrisk.ledger.store import Ledger
from finrisk.promotion import AliasDifference, Reconciliation
from finrisk.records import ModelVersion, PromotionKind, PromotionRecord
from tests.ledger.factories import AT, MODEL, NIGHT, judge, version

NAME = "credit-risk"


@dataclass
class FakeRegistry:
    """Aliases in a dictionary; it can be down, hold rejected artifacts, and miss versions."""

    aliases: dict[str, int] = field(default_factory=dict)
    rejected: set[int] = field(default_factory=set)
    deleted: set[int] = field(default_factory=set)
    down: bool = False

    def set_alias(self, registered_name: str, alias: str, version: int) -> None:
        assert registered_name == NAME
        self._answer()
        self._look_up(version)
        self.aliases[alias] = version

    def alias_version(self, registered_name: str, alias: str) -> int | None:
        assert registered_name == NAME
        self._answer()
        return self.aliases.get(alias)

    def verify(self, registered_name: str, version: ModelVersion) -> None:
        assert registered_name == NAME
        self._look_up(version.version)
        if version.version in self.rejected:
            raise ArtifactRejected(f"version {version.version}: model.ubj was edited")

    def delete(self, version: int) -> None:
        """Do as a person does in MLflow: the version goes, and its aliases with it."""
        self.deleted.add(version)
        self.aliases = {a: shown for a, shown in self.aliases.items() if shown != version}

    def _look_up(self, version: int) -> None:
        if version in self.deleted:
            raise ArtifactRejected(f"version {version} is gone", remedy="promote another")

    def _answer(self) -> None:
        if self.down:
            raise Unreachable("MLflow does not answer")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    migrate(url)
    with Ledger(url, "live") as opened:
        yield opened


@pytest.fixture
def registry() -> FakeRegistry:
    return FakeRegistry()


def force(ledger: Ledger, registry: FakeRegistry, number: int, **changes: Any) -> PromotionRecord:
    now = ledger.champion(MODEL)
    arguments: dict[str, Any] = {
        "expected_version": now and now.version,
        "expected_epoch": now.epoch if now else 0,
        "idem_key": f"force {number} after {now.epoch if now else 0}",
        "kind": PromotionKind.FORCED,
        "evidence_sha256": None,
        "actor": "ada",
        "reason": "a drill",
        "as_of": NIGHT,
        "at": AT,
    }
    return promotion.promote(ledger, registry, NAME, version(number), **{**arguments, **changes})


def by_hand(
    ledger: Ledger, registry: FakeRegistry, number: int, *, force: bool = False, reason: str = ""
) -> PromotionRecord:
    return promotion.promote_by_hand(
        ledger,
        registry,
        NAME,
        MODEL,
        number,
        force=force,
        actor="ada",
        reason=reason,
        as_of=NIGHT,
        at=AT,
    )


def roll_back(
    ledger: Ledger,
    registry: FakeRegistry,
    to_version: int | None = None,
    idem_key: str | None = None,
) -> PromotionRecord:
    return promotion.roll_back(
        ledger,
        registry,
        NAME,
        MODEL,
        to_version=to_version,
        actor="ada",
        reason="complaints",
        as_of=NIGHT,
        at=AT,
        idem_key=idem_key,
    )


def freeze(ledger: Ledger) -> None:
    ledger.freeze(MODEL, NIGHT, reason="year-end", actor="anna", at=AT)


def reconcile(ledger: Ledger, registry: FakeRegistry) -> Reconciliation:
    return promotion.reconcile(ledger, registry, MODEL, NAME)


def test_a_promotion_is_shown_by_both_aliases(ledger: Ledger, registry: FakeRegistry) -> None:
    force(ledger, registry, 1)
    link = force(ledger, registry, 2)

    assert registry.aliases == {"production": 2, "previous": 1}
    assert link.projected
    assert ledger.unprojected(MODEL) == []


def test_an_artifact_that_does_not_verify_is_never_champion(
    ledger: Ledger, registry: FakeRegistry
) -> None:
    registry.rejected = {1}

    with pytest.raises(ArtifactRejected, match="was edited"):
        force(ledger, registry, 1)

    assert ledger.champion(MODEL) is None
    assert registry.aliases == {}


def test_a_promotion_stands_when_the_registry_is_down_and_reconcile_finishes_it(
    ledger: Ledger, registry: FakeRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    force(ledger, registry, 1)
    registry.down = True

    link = force(ledger, registry, 2)

    assert not link.projected
    assert "epoch 2 stands" in caplog.text
    assert [late.epoch for late in ledger.unprojected(MODEL)] == [2]
    with pytest.raises(Unreachable):
        reconcile(ledger, registry)
    registry.down = False
    report = reconcile(ledger, registry)
    assert report.projected == (2,)
    assert registry.aliases == {"production": 2, "previous": 1}
    assert ledger.unprojected(MODEL) == []


def test_a_retry_after_a_lost_reply_promotes_once_and_shows_the_champion_of_now(
    ledger: Ledger, registry: FakeRegistry
) -> None:
    registry.down = True
    first = force(ledger, registry, 1, idem_key="night 1")
    registry.down = False
    force(ledger, registry, 2)

    again = force(ledger, registry, 1, idem_key="night 1", expected_version=None, expected_epoch=0)

    assert again.hash == first.hash
    assert registry.aliases == {"production": 2, "previous": 1}


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


def test_a_deleted_champion_is_reported_every_time_and_the_other_alias_is_repaired(
    ledger: Ledger, registry: FakeRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    force(ledger, registry, 1)
    force(ledger, registry, 2)
    registry.delete(2)
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


def test_by_hand_a_first_champion_needs_evidence_of_the_floors(
    ledger: Ledger, registry: FakeRegistry
) -> None:
    ledger.remember_version(version(1))
    with pytest.raises(EvidenceMissing, match="the floors of a first champion"):
        by_hand(ledger, registry, 1)
    judge(ledger, version(1))

    link = by_hand(ledger, registry, 1)

    assert link.kind is PromotionKind.BOOTSTRAP
    assert link.evidence_sha256 is not None


def test_by_hand_passing_evidence_for_the_champion_of_now_is_enough(
    ledger: Ledger, registry: FakeRegistry
) -> None:
    force(ledger, registry, 1)
    ledger.remember_version(version(2))
    sha256 = judge(ledger, version(2))

    link = by_hand(ledger, registry, 2)

    assert (link.kind, link.evidence_sha256) == (PromotionKind.SUPERIORITY, sha256)


def test_by_hand_evidence_against_an_earlier_champion_is_not_enough(
    ledger: Ledger, registry: FakeRegistry
) -> None:
    force(ledger, registry, 1)
    ledger.remember_version(version(2))
    judge(ledger, version(2))
    force(ledger, registry, 3)

    with pytest.raises(EvidenceMissing, match=r"against champion version 3 at epoch 2.*force"):
        by_hand(ledger, registry, 2)

    assert registry.aliases["production"] == 3


def test_by_force_the_actor_and_the_reason_are_kept(ledger: Ledger, registry: FakeRegistry) -> None:
    force(ledger, registry, 1)
    ledger.remember_version(version(2))
    with pytest.raises(EvidenceMissing, match="an actor and a reason"):
        by_hand(ledger, registry, 2, force=True)

    link = by_hand(ledger, registry, 2, force=True, reason="regulator's order")

    assert (link.kind, link.actor, link.reason) == (
        PromotionKind.FORCED,
        "ada",
        "regulator's order",
    )


def test_by_hand_the_champion_again_is_the_promotion_that_made_it(
    ledger: Ledger, registry: FakeRegistry
) -> None:
    registry.down = True
    first = force(ledger, registry, 1)
    registry.down = False

    again = by_hand(ledger, registry, 1)

    assert again == first.replace(projected=True)
    assert registry.aliases == {"production": 1}


def test_by_hand_an_unknown_version_names_those_there_are(
    ledger: Ledger, registry: FakeRegistry
) -> None:
    force(ledger, registry, 1)

    with pytest.raises(PromotionError, match="no version 7 of credit_risk; expected one of: 1"):
        by_hand(ledger, registry, 7)


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

    with pytest.raises(RollbackRefused, match=r"version 3 does not verify.*version 1 verifies"):
        roll_back(ledger, registry)

    assert ledger.champion(MODEL).version == 4  # type: ignore[union-attr]
    assert roll_back(ledger, registry, to_version=1).version == 1


def test_a_rollback_to_a_deleted_version_is_refused(ledger: Ledger, registry: FakeRegistry) -> None:
    for number in (1, 2, 3):
        force(ledger, registry, number)
    registry.delete(2)

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

    with pytest.raises(RollbackRefused, match=r"version 1 does not verify.*restore its artifact"):
        roll_back(ledger, registry, to_version)


def test_a_rollback_and_a_promotion_at_once_leave_one_winner(
    ledger: Ledger, registry: FakeRegistry
) -> None:
    force(ledger, registry, 1)
    force(ledger, registry, 2)
    roll_back(ledger, registry)

    with pytest.raises(StaleChallenger):
        force(ledger, registry, 3, expected_version=2, expected_epoch=2)

    assert registry.aliases["production"] == 1


@pytest.mark.parametrize("forced", [True, False])
def test_in_a_freeze_nobody_promotes_by_hand_not_even_by_force(
    ledger: Ledger, registry: FakeRegistry, forced: bool
) -> None:
    ledger.remember_version(version(1))
    judge(ledger, version(1))
    freeze(ledger)

    with pytest.raises(PromotionFrozen, match="finrisk freeze credit_risk --lift"):
        by_hand(ledger, registry, 1, force=forced, reason="urgent")

    assert ledger.champion(MODEL) is None
    assert registry.aliases == {}


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
