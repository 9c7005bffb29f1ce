"""A registry of aliases in a dictionary, and one model's promotions as a person asks for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from finrisk.errors import ArtifactRejected, Unreachable
from finrisk.ledger.store import Ledger
from finrisk.promotion import by_hand as promotions_by_hand
from finrisk.promotion import reconcile as reconciling
from finrisk.promotion import rollback, swap
from finrisk.promotion.reconcile import Reconciliation
from finrisk.records import ModelVersion, PromotionKind, PromotionRecord
from finrisk.tracking.champion_registry import Condition
from tests.ledger.factories import AT, MODEL, NIGHT, version

NAME = "credit-risk"


@dataclass
class FakeRegistry:
    """Aliases in a dictionary; it can hold rejected artifacts, and miss versions.

    ``down``: it takes no aliases. ``away``: it answers nothing.
    """

    aliases: dict[str, int] = field(default_factory=dict)
    rejected: set[int] = field(default_factory=set)
    deleted: set[int] = field(default_factory=set)
    copies: set[str] = field(default_factory=set)
    again: dict[str, ModelVersion] = field(default_factory=dict)
    down: bool = False
    away: bool = False

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
        self._be_there()
        self._look_up(version.version)
        if version.version in self.rejected:
            raise ArtifactRejected(f"version {version.version}: model.ubj was edited")
        self.copies.add(version.artifact_sha256)

    def verify_copy(self, version: ModelVersion) -> None:
        if version.artifact_sha256 not in self.copies:
            raise ArtifactRejected("there is no copy")

    def examine(self, registered_name: str, version: ModelVersion) -> Condition:
        assert registered_name == NAME
        self._be_there()
        copy = None if version.artifact_sha256 in self.copies else "there is none"
        if version.version in self.deleted:
            return Condition(registered=f"version {version.version} is gone", copy=copy)
        if version.version in self.rejected:
            return Condition(artifact="model.ubj was edited", copy=copy)
        self.copies.add(version.artifact_sha256)
        return Condition()

    def put_back(self, version: ModelVersion) -> None:
        self._be_there()
        self.verify_copy(version)
        self.rejected.discard(version.version)

    def register_again(
        self,
        registered_name: str,
        version: ModelVersion,
        *,
        idem_key: str,
        known: Sequence[ModelVersion],
    ) -> ModelVersion:
        assert registered_name == NAME
        self._be_there()
        self.verify_copy(version)
        if idem_key not in self.again:
            number = max((*self.deleted, *(one.version for one in known))) + 1
            self.again[idem_key] = version.replace(version=number)
        return self.again[idem_key]

    def delete(self, version: int) -> None:
        """Do as a person does in MLflow: the version goes, and its aliases with it."""
        self.deleted.add(version)
        self.aliases = {a: shown for a, shown in self.aliases.items() if shown != version}

    def forget(self, *versions: int) -> None:
        """Lose the copies of these versions."""
        self.copies -= {version(number).artifact_sha256 for number in versions}

    def _look_up(self, version: int) -> None:
        if version in self.deleted:
            raise ArtifactRejected(f"version {version} is gone", remedy="promote another")

    def _answer(self) -> None:
        if self.down:
            raise Unreachable("MLflow does not answer")
        self._be_there()

    def _be_there(self) -> None:
        if self.away:
            raise Unreachable("MLflow is away")


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
    return swap.promote(ledger, registry, NAME, version(number), **{**arguments, **changes})


def by_hand(
    ledger: Ledger,
    registry: FakeRegistry,
    number: int,
    *,
    force: bool = False,
    reason: str = "",
    signs: bool = True,
) -> PromotionRecord:
    return promotions_by_hand.promote_by_hand(
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
        signs=signs,
    )


def refresh(ledger: Ledger, registry: FakeRegistry, number: int, **changes: Any) -> PromotionRecord:
    arguments: dict[str, Any] = {
        "most_a_year": 4,
        "actor": "ada",
        "reason": "the library is at its end",
        "as_of": NIGHT,
        "at": AT,
    }
    return promotions_by_hand.refresh(
        ledger, registry, NAME, MODEL, number, **{**arguments, **changes}
    )


def roll_back(
    ledger: Ledger,
    registry: FakeRegistry,
    to_version: int | None = None,
    idem_key: str | None = None,
    expected_epoch: int | None = None,
) -> PromotionRecord:
    return rollback.roll_back(
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
        expected_epoch=expected_epoch,
    )


def freeze(ledger: Ledger) -> None:
    ledger.freeze(MODEL, NIGHT, reason="year-end", actor="anna", at=AT)


def reconcile(ledger: Ledger, registry: FakeRegistry) -> Reconciliation:
    return reconciling.reconcile(ledger, registry, MODEL, NAME, as_of=NIGHT, at=AT)
