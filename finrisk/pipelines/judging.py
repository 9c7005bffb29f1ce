"""The decide step: choose on development data, register, pay for the look, compare, record."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from contextlib import ExitStack

from finrisk.errors import FinRiskError
from finrisk.evidence import Evidence, Verdict
from finrisk.faults import step
from finrisk.gate.decision import hold
from finrisk.gate.figures import label
from finrisk.keys import code_version, registration_key
from finrisk.ledger.looks import LookGrant
from finrisk.pipelines.comparing import Compared, Contest, compare_contest, has_look
from finrisk.pipelines.evidence_pages import report_of, show_evidence
from finrisk.pipelines.exhibits import FEATURES, Hearing, challenger_exhibits, night_exhibits
from finrisk.pipelines.night_record import keep_night, spent_a_look
from finrisk.pipelines.rooms import Rooms
from finrisk.records import Champion, NightDecision, PreparedNight, TrainedCandidate

log = logging.getLogger(__name__)
REGISTER = "register"


def undecided(prepared: PreparedNight, rooms: Rooms) -> NightDecision:
    """Record a HOLD for a night that has nothing to compare: blocked, nothing new, too little."""
    decision = _decision(prepared, hold(*prepared.reasons), rooms.ledger.champion(_model(prepared)))
    if prepared.request.dry_run:
        return decision
    stored = rooms.ledger.night(_model(prepared), prepared.request.as_of)
    if stored is not None and _same_outcome(stored.decision, decision):
        return stored.decision  # as it was told then, with the champion of then
    return keep_night(decision, prepared, rooms)


def decided_before(prepared: PreparedNight, rooms: Rooms) -> NightDecision:
    """Return the decision of a night that was decided before, as it was recorded.

    A night that was stopped before it wrote its page has it written now, if its policy still holds.
    """
    stored = rooms.ledger.night(_model(prepared), prepared.request.as_of)
    if stored is None:
        raise FinRiskError("a night without a record came as decided", expected="its record")
    evidence = rooms.ledger.evidence(stored.decision.evidence_sha256 or "")
    if evidence is not None and evidence.policy_sha256 == rooms.spec.sha256:
        show_evidence(evidence, stored.decision, {}, rooms)
    return stored.decision


def dry_run(
    prepared: PreparedNight, trained: Sequence[TrainedCandidate], rooms: Rooms
) -> NightDecision:
    """Return a HOLD that names the candidate development data choose; no look, no record."""
    chosen = choose(trained)
    verdict = hold(
        f"dry run: development data choose {chosen.candidate} "
        f"({label(rooms.spec.headline_metric)} {chosen.development_score:.4f} in time-aware "
        "folds); "
        "the hold-out was not looked at"
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
    with step("register"):
        contest = _registered(prepared, chosen, rooms)
    with ExitStack() as stack:
        with step("evaluate"):
            snapshot = stack.enter_context(rooms.snapshots.reading(contest.snapshot.sha256))
            found = compare_contest(contest, snapshot, rooms)
        evidence, decision, pictures = _recorded(prepared, contest, found, rooms)
    kept = keep_night(decision, prepared, rooms)  # last: a night on record is not judged again
    show_evidence(evidence, kept, pictures, rooms)
    return kept


def _recorded(
    prepared: PreparedNight, contest: Contest, found: Compared, rooms: Rooms
) -> tuple[Evidence, NightDecision, Mapping[str, bytes]]:
    """Keep the evidence and show it, as long as the rows it is of can be read."""
    chosen, grant = contest.chosen, found.grant
    evidence, evidence_sha256 = _keep_evidence(contest, found, rooms)
    decision = _decision(prepared, found.verdict, _judged_against(contest, grant)).replace(
        challenger=contest.challenger,
        candidate=chosen.candidate,
        comparison=found.facts.comparison,
        evidence_sha256=evidence_sha256,
        budget_left=grant.budget_left if grant else None,
    )
    _log_evidence(contest, grant, evidence, decision, rooms)
    pictures: Mapping[str, bytes] = {}
    if found.hearing is not None and prepared.run_id is not None:
        pictures = _exhibit(prepared.run_id, chosen.run_id, found.hearing, rooms)
    return evidence, decision, pictures


def choose(trained: Sequence[TrainedCandidate]) -> TrainedCandidate:
    """Return the candidate that development data prefer; of equals, the first that was named."""
    return max(trained, key=lambda candidate: candidate.development_score)


def _registered(prepared: PreparedNight, chosen: TrainedCandidate, rooms: Rooms) -> Contest:
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
    return Contest(prepared, prepared.snapshot, chosen, version, rooms.ledger.champion(model))


def _exhibit(
    night_run_id: str, challenger_run_id: str, hearing: Hearing, rooms: Rooms
) -> Mapping[str, bytes]:
    """Show in MLflow what the hold-out said; for people, and no reason to lose a decision."""
    drawn = rooms.settings.pictures
    try:
        exhibits = night_exhibits(hearing, pictures=drawn)
        rooms.tracker.log_comparison(
            night_run_id,
            exhibits,
            challenger_run_id,
            challenger_exhibits(hearing, pictures=drawn),
        )
    except Exception:
        log.warning("%s: the comparison could not be shown", rooms.spec.name, exc_info=True)
        return {}
    return {name: png for name, png in exhibits.pictures.items() if name != FEATURES}


def _judged_against(contest: Contest, grant: LookGrant | None) -> Champion | None:
    """Return the champion of the look: a rerun may come after its own verdict was carried out."""
    look = grant.evidence.look if grant is not None and grant.evidence is not None else None
    if look is None:
        return contest.champion
    if look.champion_version is None or look.champion_sha256 is None:
        return None
    return Champion(look.model, look.champion_version, look.champion_epoch, look.champion_sha256)


def _keep_evidence(contest: Contest, found: Compared, rooms: Rooms) -> tuple[Evidence, str]:
    grant = found.grant
    if grant is not None and grant.evidence is not None and grant.evidence_sha256 is not None:
        return grant.evidence, grant.evidence_sha256
    evidence = Evidence(
        facts=found.facts,
        verdict=found.verdict,
        look=grant.look if grant else None,
        challenger=contest.challenger,
        budget_left=grant.budget_left if grant else None,
        policy_sha256=rooms.spec.sha256,
        code_version=code_version(),
    )
    with step("evidence"):
        sha256 = rooms.ledger.save_evidence(evidence, rooms.now())
    # as it is stored, its keys sorted: a page that a rerun makes of it is the same
    return Evidence.from_json(json.loads(evidence.canonical())), sha256


def _log_evidence(
    contest: Contest,
    grant: LookGrant | None,
    evidence: Evidence,
    decision: NightDecision,
    rooms: Rooms,
) -> None:
    spent = (grant is None or grant.look is None) and has_look(contest, rooms)
    if contest.prepared.run_id is not None and not spent and decision.evidence_sha256 is not None:
        report = report_of(evidence, decision, rooms)
        rooms.tracker.log_decision(
            contest.prepared.run_id, evidence, decision.evidence_sha256, report
        )


def _decision(
    prepared: PreparedNight, verdict: Verdict, champion: Champion | None
) -> NightDecision:
    request = prepared.request
    return NightDecision(
        model=request.model,
        as_of=request.as_of,
        status=prepared.status,
        decision=verdict.decision,
        reasons=(*verdict.reasons, *prepared.notices),
        data_result=prepared.data.result,
        run_id=prepared.run_id,
        champion_version=champion.version if champion else None,
        champion_epoch=champion.epoch if champion else 0,
        z_needed=verdict.z_needed,
        dry_run=request.dry_run,
        actor=request.actor,
        missed=prepared.missed,
        dag_run=request.dag_run,
    )


def _decided(night: NightDecision, chosen: TrainedCandidate, rooms: Rooms) -> bool:
    """Say whether this very challenger had its look on this night; a fault before it may mend."""
    same = night.challenger and night.challenger.artifact_sha256 == chosen.artifact_sha256
    return bool(same) and spent_a_look(night, rooms)


def _same_outcome(one: NightDecision, other: NightDecision) -> bool:
    return (one.status, one.decision, one.reasons) == (other.status, other.decision, other.reasons)


def _model(prepared: PreparedNight) -> str:
    return prepared.request.model
