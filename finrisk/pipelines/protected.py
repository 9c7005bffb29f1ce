"""What retention may never remove, gathered from the ledger of every scope and from MLflow.

Protected is what a rollback, an as-of question or an audit needs. A later kind of need (an anchor,
a version that a person signed) is added to :func:`needed_versions`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from finrisk.config import Settings
from finrisk.ledger.naming import Named
from finrisk.ledger.store import Ledger
from finrisk.names import LIVE
from finrisk.records import ModelVersion
from finrisk.tracking.holdings import NightRun

SnapshotOf = Callable[[ModelVersion], str | None]
COPIES_KEPT = 5  # of each model in each scope: the champion and four to roll back to
VersionKey = tuple[str, str, int]  # scope, model, number


@dataclass(frozen=True, slots=True)
class LedgerFacts:
    """What one scope's ledger says of one model."""

    scope: str
    model: str
    named: Named
    versions: tuple[ModelVersion, ...]
    recent: tuple[str, ...] = ()  # artifacts of the newest champions and of the anchor


@dataclass(frozen=True, slots=True)
class NeededVersions:
    """The registered versions that must stay, and what they are recognised by.

    Parameters
    ----------
    runs, model_uris, artifacts : frozenset of str
        Of the needed versions; whichever a candidate has, it stays.
    known_runs : dict of (scope, model, number) to str
        The MLflow run of every version the ledgers know, needed or not.
    """

    runs: frozenset[str]
    model_uris: frozenset[str]
    artifacts: frozenset[str]
    known_runs: dict[VersionKey, str]


@dataclass(frozen=True, slots=True)
class NeededCopies:
    """The copies of champions that must stay, and the models of those that the ledgers know."""

    artifacts: frozenset[str]
    owners: dict[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class NeededSnapshots:
    """The snapshots that must stay.

    Parameters
    ----------
    named : frozenset of str
        Looked at, fitted on by a needed version, or frozen by a night that is young or the newest.
    owners : dict of str to frozenset of str
        The models whose nights froze a snapshot, of whatever age.
    untold : tuple of str
        Needed versions of which nothing tells the snapshot: while there is one, none is removed.
    """

    named: frozenset[str]
    owners: dict[str, frozenset[str]]
    untold: tuple[str, ...]


def ledger_facts(settings: Settings) -> tuple[LedgerFacts, ...]:
    """Read what the ledger holds of every model in every scope of whose settings these are.

    Raises
    ------
    Unreachable
        The ledger does not answer.
    """
    with Ledger.open(settings) as ledger:
        own = filter(settings.owns_scope, ledger.scopes())
        scopes = sorted({*own, settings.scope, settings.in_scope(LIVE).scope})
    facts = []
    for scope in scopes:
        with Ledger.open(settings.in_scope(scope)) as ledger:
            facts += [_facts(ledger, model) for model in ledger.models()]
    return tuple(facts)


def _facts(ledger: Ledger, model: str) -> LedgerFacts:
    anchor = ledger.anchor(model)
    champions = (link.artifact_sha256 for link in reversed(ledger.history(model)))
    newest = list(dict.fromkeys(champions))[:COPIES_KEPT]
    return LedgerFacts(
        scope=ledger.scope,
        model=model,
        named=ledger.named(model),
        versions=tuple(ledger.versions(model)),
        recent=(*newest, *((anchor.artifact_sha256,) if anchor else ())),
    )


def needed_copies(facts: Iterable[LedgerFacts]) -> NeededCopies:
    """Return the copies that must stay, and whose the others are."""
    needed: set[str] = set()
    owners: dict[str, set[str]] = defaultdict(set)
    for fact in facts:
        needed |= set(fact.recent)
        for version in fact.versions:
            owners[version.artifact_sha256].add(fact.model)
    return NeededCopies(
        artifacts=frozenset(needed),
        owners={sha256: frozenset(models) for sha256, models in owners.items()},
    )


def needed_versions(facts: Iterable[LedgerFacts]) -> NeededVersions:
    """Return the versions that were ever champion, or that evidence or a look names."""
    facts = tuple(facts)
    needed = [version for fact in facts for version in _needed(fact)]
    artifacts = {sha256 for fact in facts for sha256 in fact.named.artifacts}
    return NeededVersions(
        runs=frozenset(version.run_id for version in needed),
        model_uris=frozenset(version.model_uri for version in needed),
        artifacts=frozenset(artifacts | {version.artifact_sha256 for version in needed}),
        known_runs={
            (fact.scope, fact.model, version.version): version.run_id
            for fact in facts
            for version in fact.versions
        },
    )


def needed_snapshots(
    facts: Iterable[LedgerFacts],
    night_runs: Iterable[NightRun],
    older_than: datetime,
    snapshot_of: SnapshotOf,
) -> NeededSnapshots:
    """Return the snapshots that must stay, and whose the others are.

    Parameters
    ----------
    facts : iterable of LedgerFacts
        Of every scope and model: two models may share a snapshot.
    night_runs : iterable of NightRun
        MLflow's; a night that runs just now is not in the ledger yet.
    older_than : datetime
        Nights since then are young.
    snapshot_of : callable
        What a version's signed manifest names; None where nothing proves it.
    """
    named: set[str] = set()
    untold: list[str] = []
    owners: dict[str, set[str]] = defaultdict(set)
    for fact in facts:
        named |= fact.named.snapshots | _of_nights(fact.named, older_than)
        for night in fact.named.nights:
            owners[night.sha256].add(fact.model)
        for version in _needed(fact):
            told = {snapshot_of(version), fact.named.fitted_on.get(version.artifact_sha256)}
            told.discard(None)
            named |= {sha256 for sha256 in told if sha256}
            if not told:
                untold.append(f"{fact.model} v{version.version} in scope {fact.scope}")
    for run in night_runs:
        owners[run.snapshot_sha256].add(run.model)
        if run.started is None or run.started >= older_than:
            named.add(run.snapshot_sha256)
    return NeededSnapshots(
        named=frozenset(named),
        owners={sha256: frozenset(models) for sha256, models in owners.items()},
        untold=tuple(untold),
    )


def _needed(fact: LedgerFacts) -> list[ModelVersion]:
    named = fact.named
    return [
        version
        for version in fact.versions
        if version.version in named.versions or version.artifact_sha256 in named.artifacts
    ]


def _of_nights(named: Named, older_than: datetime) -> set[str]:
    """Return what the newest night froze, and every night younger than the limit."""
    newest = max((night.as_of for night in named.nights), default=None)
    return {
        night.sha256
        for night in named.nights
        if night.as_of == newest or night.as_of >= older_than.date() or night.at >= older_than
    }
