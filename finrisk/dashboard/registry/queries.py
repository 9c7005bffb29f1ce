"""What people ask about registered versions: the ledger's register, and what MLflow shows of it.

The ledger is the truth and is asked first; MLflow adds when a version was registered, its aliases
and its words. Where MLflow does not answer, that is told, and remembered for a while: a server that
hangs must not hold the page at every click.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import zip_longest
from zoneinfo import ZoneInfo

from finrisk.dashboard import links
from finrisk.dashboard.experiments.queries import ShownRun, looker, runs_named
from finrisk.dashboard.sources import Whose, remembered, sources
from finrisk.errors import ConfigurationError, FinRiskError, Unreachable
from finrisk.ledger.freezes import Freeze
from finrisk.ledger.lineage import predecessors, previous
from finrisk.ledger.register import OnRegister
from finrisk.ledger.signatures import Signature
from finrisk.pipelines.trial import counts_from
from finrisk.records import Champion, PromotionRecord

PAGE_VERSIONS = 20
PRODUCTION, PREVIOUS, STAGING = "production", "previous", "staging"


@dataclass(frozen=True, slots=True)
class Reign:
    """Business days on which a version was champion; ``until`` is its successor's first one."""

    since: date
    until: date | None

    @property
    def text(self) -> str:
        """The days as people read them.

        Examples
        --------
        >>> Reign(date(2024, 8, 5), None).text, Reign(date(2024, 8, 5), date(2024, 12, 5)).text
        ('since 2024-08-05', '2024-08-05 to 2024-12-05')
        """
        return f"since {self.since}" if self.until is None else f"{self.since} to {self.until}"


@dataclass(frozen=True, slots=True)
class Throne:
    """Who serves, who served before, and what binds who comes next: all as the ledger has it.

    Parameters
    ----------
    champion, since : Champion or None, date or None
        And the business day it counts from.
    previous : int or None
        The version that the alias of this name belongs on.
    back_to : tuple of int
        Versions that a rollback may bring back, the predecessor first.
    predecessor : int or None
        The one that a rollback brings back unless another is named.
    reigns : dict of int to tuple of Reign
        When each version that ever was champion was it, oldest first.
    signatures : tuple of Signature
        Oldest first; the last one is the anchor.
    freeze : Freeze or None
        The one that holds today.
    freezes : int
        How many decisions about the freeze there are.
    """

    champion: Champion | None
    since: date | None
    previous: int | None
    predecessor: int | None
    back_to: tuple[int, ...]
    reigns: Mapping[int, tuple[Reign, ...]]
    signatures: tuple[Signature, ...]
    freeze: Freeze | None
    today: date
    freezes: int = 0

    @property
    def epoch(self) -> int:
        """The epoch that fences the champion; 0 before the first."""
        return 0 if self.champion is None else self.champion.epoch

    @property
    def anchor(self) -> Signature | None:
        """The signature that counts."""
        return self.signatures[-1] if self.signatures else None


@dataclass(frozen=True, slots=True)
class InMlflow:
    """What MLflow shows of a page of versions.

    Parameters
    ----------
    away : str or None
        Why it could not be asked; everything else is empty then.
    there : bool
        Whether MLflow has the registered model.
    registered, descriptions : dict
        By the version's number.
    """

    away: str | None = None
    there: bool = False
    aliases: Mapping[str, int] = field(default_factory=dict)
    registered: Mapping[int, datetime] = field(default_factory=dict)
    descriptions: Mapping[int, str] = field(default_factory=dict)
    runs: Mapping[str, ShownRun] = field(default_factory=dict)

    def aliases_of(self, number: int) -> tuple[str, ...]:
        """Return the aliases that MLflow points at a version."""
        return tuple(sorted(alias for alias, to in self.aliases.items() if to == number))


@dataclass(frozen=True, slots=True)
class Prospect:
    """What would become of promoting a version now.

    Parameters
    ----------
    earned_on : date or None
        The night whose evidence lets it replace the champion of now.
    in_the_way : tuple of str
        What keeps it from a refresh; empty: nothing.
    """

    earned_on: date | None
    in_the_way: tuple[str, ...]


@remembered
def register(whose: Whose, page: int) -> tuple[list[OnRegister], int]:
    """Return one page of the versions, newest first, and how many there are; pages count from 1."""
    return (
        sources()
        .ledger(whose.scope)
        .register(whose.model, limit=PAGE_VERSIONS, offset=PAGE_VERSIONS * (page - 1))
    )


@remembered
def throne(whose: Whose) -> Throne:
    """Return who serves and what binds who comes next."""
    ledger, zone = sources().ledger(whose.scope), zone_of(whose)
    history = ledger.history(whose.model)
    champion = ledger.champion(whose.model)
    today = datetime.now(ZoneInfo(zone)).date()
    led_to = predecessors(history)
    served = list(dict.fromkeys(link.version for link in reversed(history)))
    others = [n for n in served if champion is not None and n != champion.version]
    return Throne(
        champion=champion,
        since=counts_from(history[-1]) if history else None,
        previous=previous(history),
        predecessor=led_to[0] if led_to else None,
        back_to=tuple(dict.fromkeys([*led_to[:1], *others])),
        reigns=reigns(history),
        signatures=tuple(ledger.signatures(whose.model)),
        freeze=ledger.frozen(whose.model, today),
        today=today,
        freezes=len(ledger.freezes(whose.model)),
    )


@remembered
def in_mlflow(whose: Whose, lowest: int, highest: int, run_ids: tuple[str, ...]) -> InMlflow:
    """Return what MLflow shows of versions between two numbers, or why it could not be asked."""
    try:
        found = looker(whose.scope).registered(registered_name(whose), lowest, highest)
        runs = runs_named(whose.scope, run_ids)
    except (Unreachable, ConfigurationError) as exc:
        return InMlflow(away=without_remedy(exc))
    return InMlflow(
        there=found.there,
        aliases=dict(found.aliases),
        registered={number: one.registered for number, one in found.versions.items()},
        descriptions={number: one.description for number, one in found.versions.items()},
        runs=runs,
    )


@remembered
def prospect(whose: Whose, number: int) -> Prospect:
    """Return what the stored evidence would let a version do now."""
    ledger = sources().ledger(whose.scope)
    version, champion = ledger.version(whose.model, number), ledger.champion(whose.model)
    if version is None:
        return Prospect(None, ("the ledger does not know it",))
    sha256 = ledger.passing_evidence(version, champion)
    evidence = None if sha256 is None else ledger.evidence(sha256)
    if champion is None:
        obstacles: tuple[str, ...] = ("there is no champion to refresh",)
    else:
        obstacles = ledger.refresh_evidence(version, champion)[1]
    return Prospect(None if evidence is None else evidence.facts.as_of, obstacles)


def differences(throne: Throne, shown: InMlflow, versions: Sequence[OnRegister]) -> list[str]:
    """Return a sentence for each thing that MLflow shows otherwise than the ledger has it.

    Nothing is said of an MLflow that was not asked.

    Examples
    --------
    >>> nobody = Throne(None, None, None, None, (), {}, (), None, date(2024, 8, 5))
    >>> differences(nobody, InMlflow(there=True, aliases={"production": 2}), [])
    ['MLflow shows the alias production on v2; the ledger says on no version']
    """
    if shown.away is not None:
        return []
    champion = None if throne.champion is None else throne.champion.version
    said = [
        f"MLflow shows the alias {alias} on {_version(shown.aliases.get(alias))}; the ledger says "
        f"on {_version(number)}"
        for alias, number in ((PRODUCTION, champion), (PREVIOUS, throne.previous))
        if shown.aliases.get(alias) != number
    ]
    own = [one.version.version for one in versions]
    gone = [number for number in own if number not in shown.registered]
    said += [f"{_version(number)} is gone from MLflow; the ledger still has it" for number in gone]
    foreign = sorted(set(shown.registered) - set(own), reverse=True)
    return said + [
        f"MLflow has {_version(number)}, which the ledger does not know" for number in foreign
    ]


def stage(number: int, throne: Throne, shown: InMlflow) -> str | None:
    """Return a version's stage: Production as the ledger says, Staging as MLflow's alias does.

    None where only MLflow would know, and it does not answer.
    """
    if throne.champion is not None and throne.champion.version == number:
        return "Production"
    if shown.away is not None:
        return None
    return "Staging" if shown.aliases.get(STAGING) == number else "Development"


def reigns(history: Sequence[PromotionRecord]) -> dict[int, tuple[Reign, ...]]:
    """Return the days on which each version was champion, from a model's promotions in order."""
    found: dict[int, tuple[Reign, ...]] = {}
    for link, following in zip_longest(history, history[1:]):
        until = None if following is None else counts_from(following)
        reign = Reign(counts_from(link), until)
        found[link.version] = (*found.get(link.version, ()), reign)
    return found


def zone_of(whose: Whose) -> str:
    """Return the time zone of a model's nights; UTC where no spec declares it."""
    spec = sources().spec(whose)
    return "UTC" if spec is None else spec.schedule.timezone


def registered_name(whose: Whose) -> str:
    """Return the registered model's name in its scope, as MLflow has it."""
    spec = sources().spec(whose)
    settings = sources().settings.in_scope(whose.scope)
    return settings.scoped_registered_name(whose.model if spec is None else spec.registered_name)


def url_of(whose: Whose, number: int) -> str | None:
    """Return where a browser finds a version in MLflow."""
    return links.mlflow_version(sources().settings, registered_name(whose), number)


def without_remedy(error: FinRiskError) -> str:
    """Return what an error says, without what to do about it."""
    return str(error).removesuffix(f"; remedy: {error.remedy}")


def _version(number: int | None) -> str:
    return "no version" if number is None else f"v{number}"
