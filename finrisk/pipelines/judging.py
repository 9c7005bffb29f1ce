"""The decide step: choose on development data, register, pay for the look, compare, record."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from finrisk.data.labels import LABEL
from finrisk.errors import FinRiskError
from finrisk.evaluation.facts import after_look, before_look, score_both
from finrisk.features.derive import derive_features
from finrisk.gate.decision import decide, hold, may_look
from finrisk.keys import code_version, registration_key
from finrisk.ledger.looks import LookGrant, LookRequest
from finrisk.pipelines.contenders import champion_contender, contender
from finrisk.pipelines.exhibits import Hearing, challenger_exhibits, night_exhibits
from finrisk.pipelines.night_record import keep_night, spent_a_look
from finrisk.pipelines.rooms import Rooms
from finrisk.records import (
    Champion,
    Evidence,
    Facts,
    ModelVersion,
    NightDecision,
    PreparedNight,
    SnapshotRef,
    TrainedCandidate,
    Verdict,
)

log = logging.getLogger(__name__)
REGISTER = "register"


@dataclass(frozen=True)
class _Night:
    """What the decide step has at hand once a snapshot is there."""

    prepared: PreparedNight
    snapshot: SnapshotRef
    chosen: TrainedCandidate
    challenger: ModelVersion
    champion: Champion | None


def undecided(prepared: PreparedNight, rooms: Rooms) -> NightDecision:
    """Record a HOLD for a night that has nothing to compare: blocked, nothing new, too little."""
    decision = _decision(prepared, hold(*prepared.reasons), rooms.ledger.champion(_model(prepared)))
    if prepared.request.dry_run:
        return decision
    stored = rooms.ledger.night(_model(prepared), prepared.request.as_of)
    if stored is not None and _same_outcome(stored.decision, decision):
        return stored.decision  # as it was told then, with the champion of then
    return keep_night(decision, prepared, rooms)


def dry_run(
    prepared: PreparedNight, trained: Sequence[TrainedCandidate], rooms: Rooms
) -> NightDecision:
    """Return a HOLD that names the candidate development data choose; no look, no record."""
    chosen = choose(trained)
    verdict = hold(
        f"dry run: development data choose {chosen.candidate} "
        f"(AUC {chosen.development_score:.4f} in time-aware folds); the hold-out was not looked at"
    )
    champion = rooms.ledger.champion(_model(prepared))
    return _decision(prepared, verdict, champion).replace(candidate=chosen.candidate)


def judge(
    prepared: PreparedNight, trained: Sequence[TrainedCandidate], rooms: Rooms
) -> NightDecision:
    """Compare the chosen candidate with the champion under the gate, and record what came of it.

    A night that was decided on the same snapshot and the same artifact is not decided twice: its
    decision is returned as it was.
    """
    chosen = choose(trained)
    stored = rooms.ledger.night(_model(prepared), prepared.request.as_of)
    if stored is not None and _decided(stored.decision, chosen, rooms):
        return stored.decision
    night = _registered(prepared, chosen, rooms)
    facts, verdict, grant, hearing = _compared(night, rooms)
    evidence_sha256 = _keep_evidence(night, facts, verdict, grant, rooms)
    decision = _decision(prepared, verdict, _judged_against(night, grant)).replace(
        challenger=night.challenger,
        candidate=chosen.candidate,
        comparison=facts.comparison,
        evidence_sha256=evidence_sha256,
        budget_left=grant.budget_left if grant else None,
    )
    kept = keep_night(decision, prepared, rooms)
    if hearing is not None and prepared.run_id is not None:
        _exhibit(prepared.run_id, chosen.run_id, hearing, rooms)
    return kept


def choose(trained: Sequence[TrainedCandidate]) -> TrainedCandidate:
    """Return the candidate that development data prefer; of equals, the first that was named."""
    return max(trained, key=lambda candidate: candidate.development_score)


def _registered(prepared: PreparedNight, chosen: TrainedCandidate, rooms: Rooms) -> _Night:
    """Make the chosen candidate a registered version, once however often the night is run."""
    if prepared.snapshot is None:
        raise FinRiskError("a night without a snapshot reached the gate", expected="status ready")
    model = _model(prepared)
    key = registration_key(rooms.registered_name, chosen.run_id, chosen.artifact_sha256)
    rooms.ledger.begin_intent(key, REGISTER, {"run_id": chosen.run_id}, rooms.now())
    version = rooms.registry.register(
        rooms.registered_name,
        chosen,
        model=model,
        idem_key=key,
        description=f"{chosen.candidate} as of {prepared.request.as_of}",
        known=rooms.ledger.versions(model),
    )
    rooms.ledger.finish_intent(key, version.to_json())
    rooms.ledger.remember_version(version)
    return _Night(prepared, prepared.snapshot, chosen, version, rooms.ledger.champion(model))


def _exhibit(night_run_id: str, challenger_run_id: str, hearing: Hearing, rooms: Rooms) -> None:
    """Show in MLflow what the hold-out said; for people, and no reason to lose a decision."""
    drawn = rooms.settings.pictures
    try:
        rooms.tracker.log_comparison(
            night_run_id,
            night_exhibits(hearing, pictures=drawn),
            challenger_run_id,
            challenger_exhibits(hearing, pictures=drawn),
        )
    except Exception:
        log.warning("%s: the comparison could not be shown", rooms.spec.name, exc_info=True)


def _compared(
    night: _Night, rooms: Rooms
) -> tuple[Facts, Verdict, LookGrant | None, Hearing | None]:
    """Gather the facts in their order: those before the look, the look, the scores."""
    spec = rooms.spec
    challenger = contender(night.challenger, rooms)
    champion = champion_contender(night.champion, rooms)
    development, holdout = rooms.snapshots.parts(night.snapshot.sha256)
    development_features = derive_features(development, spec)
    facts = before_look(
        model=spec.name,
        as_of=night.prepared.request.as_of,
        snapshot=night.snapshot,
        holdout=holdout,
        development=development,
        development_features=development_features,
        numeric=_numeric(rooms),
        challenger=challenger,
        champion=champion,
        embargo_days=spec.gate.holdout.embargo_days,
        allowed_strong_features=spec.gate.allowed_strong_features,
    ).replace(frozen=_frozen(night, rooms))
    if not may_look(facts, spec.gate):
        return facts, decide(facts, spec.gate), None, None
    grant = _paid_look(night, rooms)
    if grant.evidence is not None:
        return grant.evidence.facts, grant.evidence.verdict, grant, None
    if grant.look is None:
        facts = facts.replace(look_refused=grant.refused)
        return facts, decide(facts, spec.gate), grant, None
    features, labels = derive_features(holdout, spec), holdout[LABEL].to_numpy(dtype=np.int8)
    scored = score_both(features, challenger, champion)
    facts = after_look(
        facts,
        alpha=grant.look.alpha,
        labels=labels,
        scored=scored,
        reference_scores=challenger.reference_scores,
        cutoff=spec.gate.cutoff,
    )
    hearing = None
    if scored is not None and facts.scores_usable:
        hearing = Hearing(
            facts=facts,
            scored=scored,
            labels=labels,
            features=features,
            development_labels=development[LABEL].to_numpy(dtype=np.int8),
            development_features=development_features,
            challenger=f"v{night.challenger.version} {night.chosen.candidate}",
            champion=f"v{night.champion.version}" if night.champion else None,
            cutoff=spec.gate.cutoff,
        )
    return facts, decide(facts, spec.gate), grant, hearing


def _frozen(night: _Night, rooms: Rooms) -> str | None:
    """Return the change freeze that holds on this night as a sentence, if one does.

    A look that was paid for before the freeze is no matter of it: what it found may only wait.
    """
    if _has_look(night, rooms):
        return None
    freeze = rooms.ledger.frozen(rooms.spec.name, night.prepared.request.as_of)
    return None if freeze is None else freeze.sentence


def _paid_look(night: _Night, rooms: Rooms) -> LookGrant:
    request = LookRequest(
        model=rooms.spec.name,
        night=night.prepared.request.as_of,
        kind=night.prepared.request.look,
        holdout_sha256=night.snapshot.holdout_sha256,
        snapshot_sha256=night.snapshot.sha256,
        challenger_sha256=night.challenger.artifact_sha256,
        champion=night.champion,
    )
    return rooms.ledger.spend_look(request, rooms.spec.gate.error_budget, rooms.now())


def _judged_against(night: _Night, grant: LookGrant | None) -> Champion | None:
    """Return the champion of the look: a rerun may come after its own verdict was carried out."""
    look = grant.evidence.look if grant is not None and grant.evidence is not None else None
    if look is None:
        return night.champion
    if look.champion_version is None or look.champion_sha256 is None:
        return None
    return Champion(look.model, look.champion_version, look.champion_epoch, look.champion_sha256)


def _keep_evidence(
    night: _Night, facts: Facts, verdict: Verdict, grant: LookGrant | None, rooms: Rooms
) -> str:
    if grant is not None and grant.evidence is not None and grant.evidence_sha256 is not None:
        evidence, sha256 = grant.evidence, grant.evidence_sha256
    else:
        evidence = Evidence(
            facts=facts,
            verdict=verdict,
            look=grant.look if grant else None,
            challenger=night.challenger,
            budget_left=grant.budget_left if grant else None,
            policy_sha256=rooms.spec.sha256,
            code_version=code_version(),
        )
        sha256 = rooms.ledger.save_evidence(evidence, rooms.now())
    spent = (grant is None or grant.look is None) and _has_look(night, rooms)
    if night.prepared.run_id is not None and not spent:
        rooms.tracker.log_decision(night.prepared.run_id, evidence, sha256)
    return sha256


def _has_look(night: _Night, rooms: Rooms) -> bool:
    """Say whether this night spent its look before, on something else."""
    as_of = night.prepared.request.as_of
    return any(look.night == as_of for look in rooms.ledger.looks(rooms.spec.name))


def _decision(
    prepared: PreparedNight, verdict: Verdict, champion: Champion | None
) -> NightDecision:
    request = prepared.request
    return NightDecision(
        model=request.model,
        as_of=request.as_of,
        status=prepared.status,
        decision=verdict.decision,
        reasons=verdict.reasons,
        data_result=prepared.data.result,
        run_id=prepared.run_id,
        champion_version=champion.version if champion else None,
        champion_epoch=champion.epoch if champion else 0,
        z_needed=verdict.z_needed,
        dry_run=request.dry_run,
        actor=request.actor,
        missed=prepared.missed,
    )


def _decided(night: NightDecision, chosen: TrainedCandidate, rooms: Rooms) -> bool:
    """Say whether this very challenger had its look on this night; a fault before it may mend."""
    same = night.challenger and night.challenger.artifact_sha256 == chosen.artifact_sha256
    return bool(same) and spent_a_look(night, rooms)


def _same_outcome(one: NightDecision, other: NightDecision) -> bool:
    return (one.status, one.decision, one.reasons) == (other.status, other.decision, other.reasons)


def _numeric(rooms: Rooms) -> tuple[str, ...]:
    columns = rooms.spec.columns
    return tuple(
        name
        for name in rooms.spec.feature_names
        if name not in columns or columns[name].type != "category"
    )


def _model(prepared: PreparedNight) -> str:
    return prepared.request.model
