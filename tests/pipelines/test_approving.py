"""A person's answer: who is asked, what promotes, and that everything else is HOLD."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from finrisk.config import Settings
from finrisk.ledger.events import EventKind
from finrisk.pipelines import steps
from finrisk.pipelines.rooms import Rooms
from finrisk.promotion.by_hand import promote_by_hand
from finrisk.records import (
    Answer,
    Decision,
    NightDecision,
    NightRequest,
    PromotionKind,
    TrainedCandidate,
)
from tests.ledger.factories import MODEL
from tests.pipelines.challenges import crown, fitted, registered, won
from tests.pipelines.lender import FIRST

NIGHT = FIRST + timedelta(days=1)
YES = Answer(approved=True, actor="anna", name="Anna B.", comment="read the evidence, agreed")


def with_policy(rooms: Rooms, **changes: Any) -> Rooms:
    """The rooms of a spec whose gate asks anna and ben."""
    asking = {"approval": "person", "approvers": ("anna", "ben")} | changes
    gate = rooms.spec.gate.model_copy(update=asking)
    return replace(rooms, spec=rooms.spec.model_copy(update={"gate": gate}))


@pytest.fixture(scope="module")
def trained(shared: Settings) -> list[TrainedCandidate]:
    """Two fitted candidates of the small lender, which each test registers in its own scope."""
    rooms = Rooms.open(MODEL, shared.in_scope("t-approving"))
    candidates = fitted(rooms)[1]
    rooms.ledger.close()
    return candidates


@pytest.fixture
def waiting(rooms: Rooms, trained: list[TrainedCandidate]) -> tuple[Rooms, NightDecision]:
    """A night whose challenger beat the champion, under a policy that asks people."""
    asking = with_policy(rooms)
    crown(registered(trained[0], "first", rooms), rooms)
    return asking, won(registered(trained[1], "second", rooms), NIGHT, asking)


Waiting = tuple[Rooms, NightDecision]


def test_the_question_shows_the_evidence_and_names_who_may_answer(waiting: Waiting) -> None:
    rooms, decision = waiting

    question = steps.ask(
        decision.replace(run_id="4f1c"), "", rooms, mlflow_ui="http://127.0.0.1:5000/"
    )

    assert question is not None
    assert question.approvers == ("anna", "ben")
    assert question.subject == "Retail credit risk: may v2 replace the champion v1?"
    assert "v2 lr" in question.body
    assert "0.0300" in question.body, "the difference that was judged"
    assert "(http://127.0.0.1:5000/#/runs/4f1c)" in question.body
    assert "`finrisk gate explain credit_risk --night 2024-08-06`" in question.body
    assert "No answer within 20 h is HOLD" in question.body


def test_whoever_started_the_night_is_not_asked(waiting: Waiting) -> None:
    rooms, decision = waiting

    by_its_run = steps.ask(decision, "ben", rooms)
    by_its_first_run = steps.ask(decision.replace(actor="anna"), "", rooms)

    assert by_its_run is not None
    assert by_its_run.approvers == ("anna",)
    assert by_its_first_run is not None
    assert by_its_first_run.approvers == ("ben",)
    assert steps.ask(decision.replace(actor="anna"), "ben", rooms) is None, "nobody is left"


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"decision": Decision.HOLD}, id="nothing to promote"),
        pytest.param({"dry_run": True}, id="a dry run"),
        pytest.param({"challenger": None}, id="no challenger"),
        pytest.param({"champion_epoch": 7}, id="judged against a champion that is gone"),
    ],
)
def test_nobody_is_asked_where_nothing_can_be_promoted(
    waiting: Waiting, changes: dict[str, Any]
) -> None:
    rooms, decision = waiting

    assert steps.ask(decision.replace(**changes), "", rooms) is None


def test_nobody_is_asked_where_the_policy_asks_nobody(waiting: Waiting) -> None:
    rooms, decision = waiting

    assert steps.ask(decision, "", with_policy(rooms, approvers=())) is None
    assert steps.ask(decision, "", with_policy(rooms, approval="automatic")) is None


def test_an_approval_promotes_in_the_persons_name_and_signs(waiting: Waiting) -> None:
    rooms, decision = waiting

    ended = steps.promote(decision, rooms, answer=YES)

    link = rooms.ledger.history(MODEL)[-1]
    anchor = rooms.ledger.anchor(MODEL)
    assert ended.decision is Decision.PROMOTE
    assert (link.kind, link.version, link.epoch) == (PromotionKind.APPROVED, 2, 2)
    assert (link.actor, link.reason) == ("Anna B.", "read the evidence, agreed")
    assert link.evidence_sha256 == decision.evidence_sha256
    assert anchor is not None
    assert (anchor.version, anchor.actor) == (2, "Anna B.")
    assert rooms.registry.alias_version(rooms.registered_name, "production") == 2
    assert steps.ask(decision, "", rooms) is None, "a rerun asks nobody again"
    assert steps.promote(decision, rooms, answer=YES).decision is Decision.PROMOTE
    assert len(rooms.ledger.history(MODEL)) == 2


def test_a_first_champion_that_a_person_approves_is_a_signed_bootstrap(
    rooms: Rooms, trained: list[TrainedCandidate]
) -> None:
    asking = with_policy(rooms)
    decision = won(registered(trained[0], "first", rooms), NIGHT, asking)

    question = steps.ask(decision, "", asking)
    steps.promote(decision, asking, answer=YES)

    assert question is not None
    assert question.subject == "Retail credit risk: may v1 become the first champion?"
    (link,) = rooms.ledger.history(MODEL)
    assert (link.kind, link.actor) == (PromotionKind.BOOTSTRAP, "Anna B.")
    assert rooms.ledger.anchor(MODEL) is not None


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        pytest.param(
            YES.replace(approved=False, comment="group 3 is too small"),
            "Anna B. rejected v2: group 3 is too small",
            id="rejected",
        ),
        pytest.param(
            Answer(approved=False),
            "nobody answered within 20 h; a person still may: "
            "`finrisk promote credit_risk 2 --reason WHY`",
            id="nobody answered",
        ),
        pytest.param(
            Answer(approved=True), "nobody answered", id="approved by nobody is no approval"
        ),
        pytest.param(
            YES.replace(comment="  "), "Anna B. approved it without a comment", id="no comment"
        ),
        pytest.param(
            YES.replace(actor="mallory", name="Mallory"),
            "Mallory approved it, whom gate.approvers does not name",
            id="not assigned, on a server that lets everybody answer",
        ),
        pytest.param(
            YES.replace(asked_by="anna"), "Anna B. started this night", id="their own run"
        ),
        pytest.param(
            YES.replace(asked_by="Anna B."),
            "Anna B. started this night",
            id="their own run, by the name the server shows",
        ),
        pytest.param(
            YES.replace(asked_by="ANNA@lender.example"),
            "Anna B. started this night",
            id="their own run, by an address of theirs",
        ),
    ],
)
def test_anything_but_an_approval_is_hold_and_is_kept(
    waiting: Waiting, answer: Answer, why: str
) -> None:
    rooms, decision = waiting

    ended = steps.promote(decision, rooms, answer=answer)

    stored = rooms.ledger.night(MODEL, NIGHT)
    (event,) = rooms.ledger.events(MODEL, EventKind.APPROVAL)
    assert ended.decision is Decision.HOLD
    assert ended.reasons[0].startswith(why)
    assert ended.reasons[1:] == decision.reasons
    assert stored is not None
    assert stored.decision == ended
    assert Answer.from_json(event.document["answer"]) == answer
    assert (event.document["version"], event.document["epoch"]) == (2, 1)
    assert len(rooms.ledger.history(MODEL)) == 1
    assert steps.ask(ended, "", rooms) is None, "a night that was answered is not asked again"


def test_the_first_answer_stands(waiting: Waiting) -> None:
    rooms, decision = waiting
    steps.promote(decision, rooms, answer=YES.replace(approved=False, comment="no"))

    again = steps.promote(decision, rooms, answer=YES)

    assert again.decision is Decision.HOLD
    assert len(rooms.ledger.events(MODEL, EventKind.APPROVAL)) == 1


NO = Answer(approved=False, actor="ben", name="Ben", comment="group 3 is too small")


def approved_in_a_freeze(rooms: Rooms, decision: NightDecision) -> None:
    """Anna approves while nothing may be promoted; then the freeze is lifted."""
    told: dict[str, Any] = {"reason": "year-end", "actor": "carla", "at": rooms.now()}
    rooms.ledger.freeze(MODEL, rooms.now().date() + timedelta(days=30), **told)
    assert steps.promote(decision, rooms, answer=YES).decision is Decision.HOLD
    rooms.ledger.freeze(MODEL, None, **told)


def test_who_answered_is_not_asked_again_and_a_rerun_goes_by_the_answer(waiting: Waiting) -> None:
    """Airflow clears approve and promote: the decision is the PROMOTE of before."""
    rooms, decision = waiting
    approved_in_a_freeze(rooms, decision)

    assert steps.ask(decision, "", rooms) is None
    ended = steps.promote(decision, rooms)

    assert ended.decision is Decision.PROMOTE
    assert rooms.ledger.history(MODEL)[-1].actor == "Anna B."


@pytest.mark.parametrize("answer", [NO, Answer(approved=False)])
def test_a_rerun_keeps_the_recorded_hold(waiting: Waiting, answer: Answer) -> None:
    rooms, decision = waiting
    first = steps.promote(decision, rooms, answer=answer)

    assert steps.ask(decision, "", rooms) is None
    again = steps.promote(decision, rooms)

    stored = rooms.ledger.night(MODEL, NIGHT)
    assert again == first
    assert stored is not None
    assert stored.decision == first


def test_a_rejection_in_a_form_that_was_open_twice_takes_the_approval_back_for_good(
    waiting: Waiting,
) -> None:
    rooms, decision = waiting
    approved_in_a_freeze(rooms, decision)

    ended = steps.promote(decision, rooms, answer=NO)
    reruns = [steps.promote(decision, rooms, answer=again) for again in (None, YES, NO)]

    assert ended.decision is Decision.HOLD
    assert ended.reasons[0] == ("after Anna B. approved: Ben rejected v2: group 3 is too small")
    assert {again.decision for again in reruns} == {Decision.HOLD}
    assert len(rooms.ledger.history(MODEL)) == 1
    said = [event.document["sentence"] for event in rooms.ledger.events(MODEL, EventKind.APPROVAL)]
    assert said == [
        "Anna B. approved v2: read the evidence, agreed",
        "Ben rejected v2: group 3 is too small",
    ]


@pytest.mark.parametrize(("hours", "champion"), [(19.9, 2), (20.1, 1)])
def test_an_approval_counts_as_long_as_its_question_did(
    waiting: Waiting, hours: float, champion: int
) -> None:
    rooms, decision = waiting
    approved_in_a_freeze(rooms, decision)
    (event,) = rooms.ledger.events(MODEL, EventKind.APPROVAL)

    steps.promote(decision, replace(rooms, now=lambda: event.at + timedelta(hours=hours)))

    stored, now = rooms.ledger.night(MODEL, NIGHT), rooms.ledger.champion(MODEL)
    assert now is not None
    assert now.version == champion
    assert stored is not None
    assert stored.decision.decision is Decision.PROMOTE, "it waits for `finrisk promote`"


def test_an_approval_comes_too_late_where_the_champion_changed_while_it_waited(
    waiting: Waiting,
) -> None:
    rooms, decision = waiting
    assert decision.challenger is not None
    rooms.ledger.promote(
        MODEL,
        decision.challenger,
        1,
        1,
        "somebody else",
        kind=PromotionKind.FORCED,
        evidence_sha256=None,
        actor="somebody",
        reason="was quicker",
        as_of=NIGHT,
        at=rooms.now(),
    )

    ended = steps.promote(decision, rooms, answer=YES)

    assert ended.decision is Decision.HOLD
    assert "was judged against another champion" in ended.reasons[0]
    assert [link.kind for link in rooms.ledger.history(MODEL)][1:] == [PromotionKind.FORCED]
    assert rooms.ledger.events(MODEL, EventKind.APPROVAL), "what was said is kept all the same"


def test_who_promoted_by_hand_while_it_waited_is_not_overruled_by_the_form(
    waiting: Waiting,
) -> None:
    rooms, decision = waiting
    promote_by_hand(
        rooms.ledger,
        rooms.registry,
        rooms.registered_name,
        MODEL,
        2,
        force=False,
        actor="ben",
        reason="on the phone with the desk",
        as_of=NIGHT,
        at=rooms.now(),
    )

    ended = steps.promote(decision, rooms, answer=Answer(approved=False))

    assert ended.decision is Decision.PROMOTE
    assert rooms.ledger.history(MODEL)[-1].actor == "ben"


def test_no_later_night_carries_out_what_was_not_approved(waiting: Waiting) -> None:
    rooms, decision = waiting
    steps.promote(decision, rooms, answer=Answer(approved=False))

    steps.prepare(NightRequest(MODEL, NIGHT + timedelta(days=1)), with_policy(rooms, approvers=()))

    assert len(rooms.ledger.history(MODEL)) == 1
