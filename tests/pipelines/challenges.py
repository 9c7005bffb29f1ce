"""Nights that a challenger won, without training: a champion, another version, a look on record."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from finrisk.keys import code_version
from finrisk.pipelines import steps
from finrisk.pipelines.rooms import Rooms
from finrisk.records import (
    Decision,
    ModelVersion,
    NightDecision,
    NightRequest,
    NightStatus,
    TrainedCandidate,
)
from tests.ledger.factories import digest, evidence, facts, force, request
from tests.pipelines.lender import FIRST


def fitted(rooms: Rooms) -> tuple[str | None, list[TrainedCandidate]]:
    """Fit the small lender's candidates; return the night's MLflow run as well."""
    prepared = steps.prepare(NightRequest(rooms.spec.name, FIRST), rooms)
    return prepared.run_id, [steps.train(prepared, name, rooms) for name in prepared.candidates]


def registered(trained: TrainedCandidate, key: str, rooms: Rooms) -> ModelVersion:
    """Make a candidate a registered version of this scope; another key, another version."""
    version = rooms.registry.register(
        rooms.registered_name,
        trained,
        model=rooms.spec.name,
        idem_key=f"{rooms.settings.scope}-{key}",
        known=rooms.ledger.versions(rooms.spec.name),
    )
    rooms.ledger.remember_version(version)
    return version


def crown(version: ModelVersion, rooms: Rooms) -> None:
    """Make a version champion, whatever the gate would say."""
    force(rooms.ledger, version, as_of=FIRST)


def won(
    challenger: ModelVersion, night: date, rooms: Rooms, run_id: str | None = None
) -> NightDecision:
    """Record a night whose look the challenger won against the champion of now."""
    model, ledger = challenger.model, rooms.ledger
    champion = ledger.champion(model)
    asked = replace(request(night, champion=champion, challenger=challenger), model=model)
    grant = ledger.spend_look(asked, rooms.spec.gate.error_budget, rooms.now())
    assert grant.look is not None, grant.refused
    found = evidence(
        challenger,
        grant.look,
        facts=facts(night).replace(model=model),
        policy_sha256=rooms.spec.sha256,
        code_version=code_version(),
    )
    decision = NightDecision(
        model=model,
        as_of=night,
        status=NightStatus.READY,
        decision=Decision.PROMOTE,
        reasons=("z 3.0 ≥ 2.71",),
        data_result="pass",
        run_id=run_id,
        champion_version=None if champion is None else champion.version,
        champion_epoch=0 if champion is None else champion.epoch,
        challenger=challenger,
        candidate="lr",
        comparison=found.facts.comparison,
        evidence_sha256=ledger.save_evidence(found, rooms.now()),
        actor="airflow",
    )
    ledger.record_night(
        decision,
        snapshot_sha256=digest("snapshot"),
        spec_sha256=rooms.spec.sha256,
        holdout_sha256=asked.holdout_sha256,
        at=rooms.now(),
    )
    return decision
