"""The registry's aliases: a picture of the ledger, drawn after it and mended when it differs.

For people and for MLflow's own tools. If drawing it fails the promotion stands, and ``reconcile``
draws it later.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from finrisk.errors import ArtifactRejected
from finrisk.faults import reach, step
from finrisk.ledger.lineage import previous
from finrisk.ledger.store import Ledger
from finrisk.records import ModelVersion, PromotionRecord

log = logging.getLogger(__name__)

PRODUCTION = "production"
PREVIOUS = "previous"
MOST_ROUNDS = 5  # a promotion during a reconciliation starts another round, and they are rare


class AliasRegistry(Protocol):
    """What promotion needs of the model registry."""

    def set_alias(self, registered_name: str, alias: str, version: int) -> None:
        """Point the alias at the version.

        Raises
        ------
        ArtifactRejected
            There is no such version any more.
        """
        ...

    def alias_version(self, registered_name: str, alias: str) -> int | None:
        """Return the version the alias points at, if it exists."""
        ...

    def verify(self, registered_name: str, version: ModelVersion) -> None:
        """Check that it is registered, signature and digests, load it, reproduce golden scores.

        A copy of it is kept on this machine.

        Raises
        ------
        ArtifactRejected
            It is gone, not what was signed, or does not score as it did.
        """
        ...

    def verify_copy(self, version: ModelVersion) -> None:
        """Check the kept copy alike, without the registry.

        Raises
        ------
        ArtifactRejected
            There is none, it is not what was signed, or does not score as it did.
        """
        ...


@dataclass(frozen=True, slots=True)
class AliasDifference:
    """An alias that did not show what the ledger says; None is an alias that should not be.

    ``reason`` says why the registry could not repair it, where that was tried.
    """

    alias: str
    ledger_version: int | None
    registry_version: int | None
    repaired: bool
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """What the aliases were brought to show; ``projected`` are the epochs that they now show."""

    epoch: int
    differences: tuple[AliasDifference, ...]
    projected: tuple[int, ...]


def show_champion(
    ledger: Ledger, registry: AliasRegistry, model: str, registered_name: str
) -> Shown:
    """Make the aliases show what the ledger says, and report every one that did not.

    An alias that should not exist (before the first champion) is reported and left alone. One
    whose version somebody deleted is reported every time, for it can never be shown; an epoch
    counts as projected once the production alias shows its champion, whatever became of the
    previous one.
    """
    differences: list[AliasDifference] = []
    projected: list[int] = []
    epoch = 0
    for _ in range(MOST_ROUNDS):
        history = ledger.history(model)
        epoch = history[-1].epoch if history else 0
        with step("project_alias"):
            found = _align(registry, registered_name, history)
            differences += found
            for link in history:
                if not link.projected and _champion_is_shown(found):
                    ledger.mark_projected(model, link.epoch)
                    projected.append(link.epoch)
        champion = ledger.champion(model)
        if epoch == (0 if champion is None else champion.epoch):
            break
    return Shown(epoch, tuple(differences), tuple(projected))


def projected(
    ledger: Ledger, registry: AliasRegistry, registered_name: str, record: PromotionRecord
) -> PromotionRecord:
    """Let the aliases show a promotion that is committed; a registry that fails changes nothing."""
    try:
        show_champion(ledger, registry, record.model, registered_name)
        missing = {link.epoch for link in ledger.unprojected(record.model)}
    except Exception:  # it is committed: nothing the registry does may make it look undone
        log.warning(
            "%s epoch %d stands, but its aliases could not be set; reconcile will",
            record.model,
            record.epoch,
            exc_info=True,
        )
        return record
    return record.replace(projected=record.epoch not in missing)


def _align(
    registry: AliasRegistry, registered_name: str, history: Sequence[PromotionRecord]
) -> list[AliasDifference]:
    last = history[-1] if history else None
    level = logging.INFO if last is not None and not last.projected else logging.WARNING
    wanted = (
        (PRODUCTION, None if last is None else last.version),
        (PREVIOUS, previous(history)),
    )
    differences = []
    for alias, version in wanted:
        found = registry.alias_version(registered_name, alias)
        if found == version:
            continue
        log.log(level, "%s@%s was %s, the ledger says %s", registered_name, alias, found, version)
        reason = None if version is None else _set(registry, registered_name, alias, version)
        repaired = version is not None and reason is None
        differences.append(AliasDifference(alias, version, found, repaired, reason))
        reach("project_alias:during")
    return differences


def _set(registry: AliasRegistry, registered_name: str, alias: str, version: int) -> str | None:
    """Point the alias at the version, or return why the registry cannot."""
    try:
        registry.set_alias(registered_name, alias, version)
    except ArtifactRejected as exc:
        log.warning("%s@%s cannot be set: %s", registered_name, alias, exc)
        return exc.what
    return None


def _champion_is_shown(differences: Sequence[AliasDifference]) -> bool:
    return all(found.repaired for found in differences if found.alias == PRODUCTION)
