"""Reconcile: find what people and machines did to a champion behind the ledger's back, mend it.

The aliases are shown anew; an artifact that was edited or lost is put back from its copy; a
champion whose version was deleted is registered again under a new number, which the ledger records
as an epoch of its own. Everything found is reported, and kept among the model's events.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Literal, Protocol

from finrisk.errors import ArtifactRejected, StaleChallenger
from finrisk.ledger.events import EventKind
from finrisk.ledger.lineage import previous
from finrisk.ledger.store import Ledger
from finrisk.promotion.aliases import AliasDifference, AliasRegistry, show_champion
from finrisk.promotion.swap import known_version
from finrisk.records import JsonObject, ModelVersion, PromotionKind, PromotionRecord
from finrisk.tracking.champion_registry import Condition

log = logging.getLogger(__name__)

ACTOR = "finrisk reconcile"
RESTORE = "restore"
Place = Literal["version", "artifact", "copy"]


class ChampionRegistry(AliasRegistry, Protocol):
    """What reconciling needs of the model registry beside its aliases."""

    def examine(self, registered_name: str, version: ModelVersion) -> Condition:
        """Say what is wrong with a version; a lost copy is made anew where that can be."""
        ...

    def put_back(self, version: ModelVersion) -> None:
        """Replace the artifact in the store by the kept copy, or raise ``ArtifactRejected``."""
        ...

    def register_again(
        self,
        registered_name: str,
        version: ModelVersion,
        *,
        idem_key: str,
        known: Sequence[ModelVersion],
    ) -> ModelVersion:
        """Register the same bytes under a new number, or raise ``ArtifactRejected``."""
        ...


@dataclass(frozen=True, slots=True)
class Damage:
    """Something of a champion, or of the one before it, that was not as the ledger has it.

    ``repair`` says what was done about it, or why nothing could be.
    """

    version: int
    place: Place
    found: str
    repair: str
    repaired: bool


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What a reconciliation found and did; ``projected`` are the epochs the aliases now show."""

    model: str
    epoch: int
    differences: tuple[AliasDifference, ...]
    projected: tuple[int, ...]
    damages: tuple[Damage, ...] = ()

    @property
    def open(self) -> int:
        """How many of the things found are as they were."""
        aliases = sum(not one.repaired for one in self.differences)
        return aliases + sum(not one.repaired for one in self.damages)


def reconcile(
    ledger: Ledger,
    registry: ChampionRegistry,
    model: str,
    registered_name: str,
    *,
    as_of: date,
    at: datetime,
) -> Reconciliation:
    """Mend what stands under the champion, then let the aliases show it; report all of it.

    The champion and its predecessor are examined: the one serves, the other is what a rollback
    brings back.

    Parameters
    ----------
    as_of : date
        The day from which a champion that had to be registered again counts under its new number.
    at : datetime
        With its zone; when this happened, for the record.

    Raises
    ------
    Unreachable
        MLflow or the ledger does not answer; what was not mended is found the next time.
    """
    damages: list[Damage] = []
    if (champion := ledger.champion(model)) is not None:
        history = ledger.history(model)
        damages += _mended(ledger, registry, registered_name, history[-1], as_of, at)
        before = previous(history)
        if before is not None and before != champion.version:
            damages += _standing(registry, registered_name, known_version(ledger, model, before))
    shown = show_champion(ledger, registry, model, registered_name)
    found = Reconciliation(model, shown.epoch, shown.differences, shown.projected, tuple(damages))
    _keep(ledger, found, set(shown.projected), at)
    return found


def _mended(
    ledger: Ledger,
    registry: ChampionRegistry,
    registered_name: str,
    link: PromotionRecord,
    as_of: date,
    at: datetime,
) -> list[Damage]:
    champion = known_version(ledger, link.model, link.version)
    condition = registry.examine(registered_name, champion)
    if condition.registered is None:
        return _of_artifact(registry, champion, condition)
    try:
        told = _restored(ledger, registry, registered_name, link, champion, as_of, at)
    except ArtifactRejected as exc:
        return [Damage(champion.version, "version", condition.registered, exc.what, repaired=False)]
    except StaleChallenger:  # promoted meanwhile: the deleted one serves no more
        return []
    return [Damage(champion.version, "version", condition.registered, told, repaired=True)]


def _standing(
    registry: ChampionRegistry, registered_name: str, version: ModelVersion
) -> list[Damage]:
    """Examine a version that only a rollback would need: deleted ones come back from their copy."""
    condition = registry.examine(registered_name, version)
    if condition.registered is not None and condition.copy is None:
        return []
    if condition.registered is not None:
        lost = "neither MLflow nor a copy has it: it cannot be rolled back to"
        return [Damage(version.version, "version", condition.registered, lost, repaired=False)]
    return _of_artifact(registry, version, condition)


def _of_artifact(
    registry: ChampionRegistry, version: ModelVersion, condition: Condition
) -> list[Damage]:
    number = version.version
    if condition.artifact is None:
        if condition.copy is None:
            return []
        return [Damage(number, "copy", condition.copy, "kept anew", repaired=True)]
    try:
        registry.put_back(version)
    except ArtifactRejected as exc:
        return [Damage(number, "artifact", condition.artifact, exc.what, repaired=False)]
    return [Damage(number, "artifact", condition.artifact, "put back from its copy", repaired=True)]


def _restored(
    ledger: Ledger,
    registry: ChampionRegistry,
    registered_name: str,
    link: PromotionRecord,
    champion: ModelVersion,
    as_of: date,
    at: datetime,
) -> str:
    """Register the champion's bytes again, and record it: one number and one epoch if rerun.

    Where the whole registered model was deleted, MLflow may give the very number again; then the
    ledger is right as it is.
    """
    parts = (RESTORE, ledger.scope, link.model, str(link.epoch), champion.artifact_sha256)
    key = hashlib.sha256("/".join(parts).encode()).hexdigest()
    ledger.begin_intent(key, RESTORE, {"version": champion.version, "epoch": link.epoch}, at)
    again = registry.register_again(
        registered_name, champion, idem_key=key, known=ledger.versions(link.model)
    )
    ledger.finish_intent(key, again.to_json())
    if again == champion:
        return "registered again under its own number"
    restored = ledger.promote(
        link.model,
        again,
        link.version,
        link.epoch,
        key,
        kind=PromotionKind.RESTORED,
        evidence_sha256=None,
        actor=ACTOR,
        reason=f"version {link.version} was deleted in MLflow: the same artifact, a new number",
        as_of=as_of,
        at=at,
    )
    return f"registered again as version {restored.version}, epoch {restored.epoch}"


def _keep(ledger: Ledger, found: Reconciliation, late: set[int], at: datetime) -> None:
    """Keep what was amiss among the events; the same finding is told once, not every night."""
    differences = [asdict(one) for one in found.differences if not (late and one.repaired)]
    damages = [asdict(one) for one in found.damages]
    for damage in found.damages:
        level = logging.WARNING if damage.repaired else logging.ERROR
        log.log(level, "%s version %d: %s: %s", found.model, damage.version, *_words(damage))
    if not (differences or damages):
        return
    document: JsonObject = {
        "sentence": _sentence(found, aliases=bool(differences)),
        "epoch": found.epoch,
        "aliases": differences,
        "damages": damages,
    }
    told = ledger.events(found.model, EventKind.REPAIR)
    if told and told[-1].document == document:
        return
    ledger.record_event(
        found.model,
        kind=EventKind.REPAIR,
        key=f"repair {len(told) + 1} epoch {found.epoch}",
        as_of=None,
        document=document,
        at=at,
    )


def _words(damage: Damage) -> tuple[str, str]:
    return f"{damage.place}: {damage.found}", damage.repair


def _sentence(found: Reconciliation, *, aliases: bool) -> str:
    said = [
        f"version {one.version}, {one.place}: {one.found}: {one.repair}" for one in found.damages
    ]
    for one in found.differences if aliases else ():
        shown = "nothing" if one.registry_version is None else f"v{one.registry_version}"
        ending = "set right" if one.repaired else f"left so: {one.reason or 'no champion yet'}"
        said.append(f"alias {one.alias} showed {shown}: {ending}")
    return "; ".join(said)
