"""A person's word on a PROMOTE: who is asked, and what an answer does.

Only an approval promotes, by somebody the policy names who did not start the night, with a comment.
Every other answer, and none, is HOLD. The answer is an event of the ledger: the first one stands,
and only a second form that is not approved takes it back. It counts as long as its question did.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta

from finrisk.addresses import run_page
from finrisk.errors import FinRiskError
from finrisk.keys import run_key
from finrisk.ledger.events import Event, EventKind
from finrisk.pipelines.by_hand import behind_the_change
from finrisk.pipelines.evidence_pages import report_of
from finrisk.pipelines.person import Person
from finrisk.pipelines.promoting import carry_out, held, is_done
from finrisk.pipelines.rooms import Rooms
from finrisk.records import Answer, Decision, ModelVersion, NightDecision, Record

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Question(Record):
    """What people are asked about one night: a subject, Markdown, and who may answer."""

    model: str
    night: str
    evidence_sha256: str
    subject: str
    body: str
    approvers: tuple[str, ...]


def question_of(
    decision: NightDecision, asked_by: str, rooms: Rooms, *, mlflow_ui: str = ""
) -> Question | None:
    """Return the question of a night, or None where nobody is asked.

    Nobody is where the night promotes nothing, is a dry run, was carried out or answered before,
    was judged against a champion that is gone, or where the policy names nobody but those who
    started it. A PROMOTE then waits for ``finrisk promote``, as it does without approvers.
    """
    if decision.decision is not Decision.PROMOTE or decision.challenger is None or decision.dry_run:
        return None
    policy, sha256 = rooms.spec.gate, decision.evidence_sha256
    if policy.approval != "person" or sha256 is None:
        return None
    if is_done(decision, rooms) or answered(decision, rooms) is not None:
        return None
    if not _still_fits(decision, rooms):
        return None
    began = behind_the_change(decision, rooms.spec, asked_by)
    approvers = tuple(person for person in policy.approvers if not Person(person).is_one_of(began))
    if not approvers:
        log.warning("%s as of %s: nobody may approve it", decision.model, decision.as_of)
        return None
    return Question(
        model=decision.model,
        night=str(decision.as_of),
        evidence_sha256=sha256,
        subject=_subject(decision, decision.challenger, rooms),
        body=_body(decision, rooms, mlflow_ui),
        approvers=approvers,
    )


def carry_out_answer(
    decision: NightDecision, challenger: ModelVersion, answer: Answer, rooms: Rooms
) -> NightDecision:
    """Keep the answer, then promote in the person's name, or record HOLD with what they said.

    The ledger checks an approval as any promotion: a champion that changed meanwhile makes it too
    late, and a change freeze lets it wait for ``finrisk promote``. So does an approval that is
    older than ``gate.approval_timeout_hours``: nobody's word of last week promotes today.
    """
    if is_done(decision, rooms):  # by an earlier try, or by hand while it waited
        return decision
    first = _keep(decision, challenger, answer, rooms)
    if _answer_in(first).approved and not answer.approved:  # a form that was open twice
        _keep(decision, challenger, answer, rooms, takes_back=True)
    counts = _answers(decision, rooms)[-1]
    answer = _answer_in(counts)
    if counts != first:
        why: str | None = f"after {_answer_in(first).name} approved: {_told(challenger, answer)}"
    else:
        why = _in_the_way(decision, challenger, answer, rooms)
    if why is None:
        lasts = timedelta(hours=rooms.spec.gate.approval_timeout_hours)
        approved = answer if rooms.now() <= counts.at + lasts else None
        return carry_out(decision, challenger, rooms, approved=approved)
    log.warning("%s as of %s is not promoted: %s", decision.model, decision.as_of, why)
    return held(decision, why, rooms)


def answered(decision: NightDecision, rooms: Rooms) -> Answer | None:
    """Return the answer that counts for this night; None: nothing was answered yet.

    That is the first one, unless it approved and a second form was not approved.
    """
    kept = _answers(decision, rooms)
    return _answer_in(kept[-1]) if kept else None


def _answers(decision: NightDecision, rooms: Rooms) -> list[Event]:
    """Return the first answer, and the one that took it back, if any."""
    keys = {_key(decision), _key(decision, takes_back=True)}
    events = rooms.ledger.events(decision.model, EventKind.APPROVAL)
    return [event for event in events if event.key in keys]


def _answer_in(event: Event) -> Answer:
    return Answer.from_json(event.document["answer"])


def _key(decision: NightDecision, *, takes_back: bool = False) -> str:
    named = ("taken back",) if takes_back else ()
    return run_key("approval", decision.evidence_sha256 or "", str(decision.as_of), *named)


def _keep(
    decision: NightDecision,
    challenger: ModelVersion,
    answer: Answer,
    rooms: Rooms,
    *,
    takes_back: bool = False,
) -> Event:
    return rooms.ledger.record_event(
        decision.model,
        kind=EventKind.APPROVAL,
        key=_key(decision, takes_back=takes_back),
        as_of=decision.as_of,
        document={
            "answer": answer.to_json(),
            "version": challenger.version,
            "epoch": decision.champion_epoch,
            "evidence_sha256": decision.evidence_sha256,
            "sentence": _told(challenger, answer),
        },
        at=rooms.now(),
    )


def _in_the_way(
    decision: NightDecision, challenger: ModelVersion, answer: Answer, rooms: Rooms
) -> str | None:
    """Return why the answer promotes nothing; None: it does."""
    by_hand = f"`finrisk promote {decision.model} {challenger.version} --reason WHY`"
    if not answer.actor:
        hours = rooms.spec.gate.approval_timeout_hours
        return f"nobody answered within {hours:g} h; a person still may: {by_hand}"
    if not answer.approved:
        return _told(challenger, answer)
    behind = behind_the_change(decision, rooms.spec, answer.asked_by)
    if Person(answer.name, frozenset({answer.actor})).is_one_of(behind):
        return f"{answer.name} started this night or owns the model, and may not approve it"
    if answer.actor not in rooms.spec.gate.approvers:
        return f"{answer.name} approved it, whom gate.approvers does not name"
    if not answer.comment.strip():
        return f"{answer.name} approved it without a comment: {by_hand}"
    return None


def _still_fits(decision: NightDecision, rooms: Rooms) -> bool:
    now = rooms.ledger.champion(decision.model)
    found = (None, 0) if now is None else (now.version, now.epoch)
    return found == (decision.champion_version, decision.champion_epoch)


def _told(challenger: ModelVersion, answer: Answer) -> str:
    if not answer.actor:
        return f"nobody answered whether v{challenger.version} may be promoted"
    said = "approved" if answer.approved else "rejected"
    return f"{answer.name} {said} v{challenger.version}: {answer.comment.strip() or 'no comment'}"


def _subject(decision: NightDecision, challenger: ModelVersion, rooms: Rooms) -> str:
    mine = f"v{challenger.version}"
    if decision.champion_version is None:
        return f"{rooms.spec.title}: may {mine} become the first champion?"
    return f"{rooms.spec.title}: may {mine} replace the champion v{decision.champion_version}?"


def _body(decision: NightDecision, rooms: Rooms, mlflow_ui: str) -> str:
    """Return the evidence as Markdown: the decision, each guard's figure, and where there is more.

    The reasons alone stand where the evidence has no report.
    """
    evidence = rooms.ledger.evidence(decision.evidence_sha256 or "")
    report = None if evidence is None else report_of(evidence, decision, rooms)
    parts = [report or "\n".join(f"- {reason}" for reason in decision.reasons)]
    if url := _run_url(decision.run_id, rooms, mlflow_ui):
        parts.append(f"[The night's MLflow run]({url})")
    parts.append(
        f"`finrisk gate explain {decision.model} --night {decision.as_of}` shows the same. "
        f"No answer within {rooms.spec.gate.approval_timeout_hours:g} h is HOLD. "
        "Your name and your comment are kept for good."
    )
    return "\n\n".join(parts)


def _run_url(run_id: str | None, rooms: Rooms, mlflow_ui: str) -> str | None:
    if run_id is None:
        return None
    if mlflow_ui:
        return run_page(mlflow_ui, run_id)
    try:
        return rooms.tracker.run_url(run_id)
    except FinRiskError as exc:
        log.warning("%s: the question has no link: %s", rooms.spec.name, exc)
        return None
