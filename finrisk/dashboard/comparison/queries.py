"""Two versions of one model: which there are, what the gate saw of them, how they score."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import streamlit as st

from finrisk.dashboard.sources import Whose, remembered, sources
from finrisk.errors import ConfigurationError, FinRiskError, UnknownModel, Unreachable
from finrisk.evaluation.same_rows import FrozenRows, Origin, SameRows
from finrisk.evidence import Evidence, PairedFigure
from finrisk.ledger.lineage import previous
from finrisk.pipelines.evidence_pages import spec_of_then
from finrisk.records import Comparison, Decision, ModelVersion, Window

if TYPE_CHECKING:
    from finrisk.pipelines.rooms import Rooms

MOST_PICTURES = 100
"""Kept by the digests they follow from, however often the ledger changes: 50 kB each."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A version that may be chosen, and what it is; the same bytes have the same digest."""

    version: int
    role: str
    artifact_sha256: str
    run_id: str


@dataclass(frozen=True, slots=True)
class Choices:
    """All versions, the newest first, and which two are looked at unless people choose others."""

    versions: tuple[Choice, ...]
    a: int | None
    b: int | None

    def of(self, version: int) -> Choice:
        """Return one of them."""
        return next(choice for choice in self.versions if choice.version == version)


@dataclass(frozen=True, slots=True)
class GatesView:
    """What a night's evidence says of exactly these two; the difference is challenger − champion.

    Parameters
    ----------
    metrics : dict of str to PairedFigure
        Bounds are one-sided, each at ``confidence``; empty where the guards measured nothing.
    confidence : float or None
        None where the spec that the night judged under was not kept.
    """

    night: date
    champion: int
    challenger: int
    decision: Decision
    reasons: tuple[str, ...]
    comparison: Comparison | None
    z_needed: float | None
    alpha: float
    holdout: Window | None
    metrics: dict[str, PairedFigure]
    confidence: float | None


@remembered
def choices(whose: Whose) -> Choices:
    """Return the versions, and the two that matter now: who serves, and who wants to or did."""
    ledger = sources().ledger(whose.scope)
    versions = ledger.versions(whose.model)[::-1]
    champion = ledger.champion(whose.model)
    history = ledger.history(whose.model)
    before = previous(history)
    newest = next(iter(ledger.judged_looks(whose.model, 1)), None)
    asked = newest.look.challenger_sha256 if newest is not None else None
    challenger = next((v.version for v in versions if v.artifact_sha256 == asked), None)
    once = {link.version for link in history}
    serves = champion.version if champion is not None else None
    roles = dict.fromkeys(once, "was champion")
    if challenger is not None and challenger not in once:
        roles[challenger] = "newest challenger"
    roles |= {before: "champion before"} if before is not None else {}
    roles |= {serves: "champion"} if serves is not None else {}
    numbers = [version.version for version in versions]
    a, b = _first_two(numbers, serves, before, challenger)
    return Choices(
        versions=tuple(
            Choice(v.version, roles.get(v.version, ""), v.artifact_sha256, v.run_id)
            for v in versions
        ),
        a=a,
        b=b,
    )


def _first_two(
    numbers: list[int], champion: int | None, before: int | None, challenger: int | None
) -> tuple[int | None, int | None]:
    """Return the champion and its newer challenger, or the champion after its predecessor."""
    if champion is None:
        newest = numbers[:2][::-1]
        return (newest[0], newest[1]) if len(newest) > 1 else (None, None)
    if challenger is not None and challenger > champion:
        return champion, challenger
    if before is not None and before in numbers and before != champion:
        return before, champion
    others = [number for number in numbers if number != champion]
    return (champion, others[0]) if others else (None, None)


@remembered
def gates_view(whose: Whose, a: int, b: int) -> GatesView | None:
    """Return the newest evidence in which one of the two challenged the other; None: there is none.

    Raises
    ------
    LedgerCorrupted
        The evidence was edited.
    """
    ledger = sources().ledger(whose.scope)
    one, other = _version(whose, a), _version(whose, b)
    judged = ledger.judged_between(one, other)
    evidence = None if judged is None else ledger.evidence(judged.evidence_sha256)
    if judged is None or evidence is None:
        return None
    facts, verdict = evidence.facts, evidence.verdict
    b_challenged = judged.look.challenger_sha256 == other.artifact_sha256
    return GatesView(
        night=judged.look.night,
        champion=a if b_challenged else b,
        challenger=b if b_challenged else a,
        decision=verdict.decision,
        reasons=verdict.reasons,
        comparison=facts.comparison,
        z_needed=verdict.z_needed,
        alpha=judged.look.alpha,
        holdout=facts.holdout,
        metrics=dict(facts.guards.metrics) if facts.guards is not None else {},
        confidence=_confidence(evidence, whose),
    )


def _confidence(evidence: Evidence, whose: Whose) -> float | None:
    """Return at which confidence the bounds were drawn; None where that night's spec is gone."""
    try:
        spec, note = spec_of_then(evidence, sources().settings.in_scope(whose.scope))
    except FinRiskError:
        return None
    return None if note else spec.gate.guards.confidence


def origin(whose: Whose, number: int) -> Origin:
    """Return where a version comes from, as its signed manifest says; read once a process.

    Raises
    ------
    ArtifactRejected, Unreachable
        As ``side_by_side.origin_of``.
    UnknownModel
        No spec declares the model.
    """
    rooms, version = _rooms(whose), _version(whose, number)
    if not rooms.registry.copies.folder(version.artifact_sha256).exists():
        _demand_mlflow(whose.scope, "no copy of the artifact is kept here: it never was champion")
    return _origin(version, rooms)


def same_rows(whose: Whose, a: int, b: int) -> SameRows:
    """Return both versions on the newest frozen rows that may be shown; measured once a process.

    Raises
    ------
    NotEnoughData
        There are no such rows, or a version has had no look: the message says what would help.
    ArtifactRejected, SnapshotMismatch, Unreachable, DataError
        As ``side_by_side.on_the_same_rows``.
    """
    from finrisk.pipelines.side_by_side import demand_judged, shared_rows

    rooms = _rooms(whose)
    both = _version(whose, a), _version(whose, b)
    for version in both:
        demand_judged(version, rooms)
    shared = shared_rows(origin(whose, a), origin(whose, b), rooms)
    return _same_rows(*both, shared, rooms)


@remembered
def parameters(whose: Whose, run_id: str) -> dict[str, str] | None:
    """Return the parameters of an MLflow run; None where MLflow has no such run any more.

    Raises
    ------
    Unreachable
        MLflow does not answer.
    """
    from finrisk.tracking.recorded_params import recorded_params

    _demand_mlflow(whose.scope, "the parameters of a run are kept there alone")
    return recorded_params(sources().settings.in_scope(whose.scope), run_id)


def _judged_by(rooms: Rooms) -> tuple[str, str]:
    """Return what of the rooms an answer depends on, besides versions and rows."""
    return rooms.settings.scope, rooms.spec.sha256


_BY_DIGESTS: dict[str | type[Any], Any] = {"finrisk.pipelines.rooms.Rooms": _judged_by}


@st.cache_resource(max_entries=4 * MOST_PICTURES, show_spinner=False, hash_funcs=_BY_DIGESTS)
def _origin(version: ModelVersion, rooms: Rooms) -> Origin:
    from finrisk.pipelines.side_by_side import origin_of

    return origin_of(version, rooms)


@st.cache_resource(max_entries=MOST_PICTURES, show_spinner=False, hash_funcs=_BY_DIGESTS)
def _same_rows(
    a: ModelVersion, b: ModelVersion, shared: tuple[FrozenRows, ...], rooms: Rooms
) -> SameRows:
    from finrisk.pipelines.side_by_side import on_the_same_rows

    return on_the_same_rows(a, b, shared, rooms)


@remembered
def _away(scope: str) -> str | None:
    """Say that MLflow is away, if it is: remembered, for each question costs a time-out."""
    from finrisk.tracking.health import MlflowHealth

    try:
        answer = MlflowHealth(sources().settings.in_scope(scope)).tracking()
    except Unreachable as exc:
        return exc.what
    return None if answer.made else "MLflow's store is empty"


def _demand_mlflow(scope: str, why: str) -> None:
    if (away := _away(scope)) is not None:
        raise Unreachable(
            f"{away}, and {why}", remedy="it is asked again within a minute; see Settings"
        )


def _version(whose: Whose, number: int) -> ModelVersion:
    found = sources().ledger(whose.scope).version(whose.model, number)
    if found is None:
        raise ConfigurationError(
            f"{whose.model} has no version {number}", expected="a version the ledger knows"
        )
    return found


def _rooms(whose: Whose) -> Rooms:
    from finrisk.data.snapshots import SnapshotStore
    from finrisk.pipelines.rooms import Rooms
    from finrisk.tracking.champion_registry import ChampionRegistry
    from finrisk.tracking.night_tracker import NightTracker

    spec = sources().spec(whose)
    if spec is None:
        raise UnknownModel(
            f"no spec declares {whose.model}",
            expected="a YAML in the folder of specs",
            remedy="what judges a model stands there; docs/own-data.md shows how to write one",
        )
    settings = sources().settings.in_scope(whose.scope)
    return Rooms(
        settings=settings,
        spec=spec,
        ledger=sources().ledger(whose.scope),
        tracker=NightTracker(settings),
        registry=ChampionRegistry(settings),
        snapshots=SnapshotStore(settings.store / "snapshots"),
    )
