"""What is said in the morning: one good record, and what each single change of it makes of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from finrisk.dashboard.overview.facts import MorningFacts
from finrisk.dashboard.overview.findings import Finding, Urgency, findings_of
from finrisk.dashboard.overview.morning import Morning, morning_of, overall
from finrisk.gate.budget import Spent, year_budget
from finrisk.ledger.events import Event, EventKind
from finrisk.ledger.freezes import Freeze
from finrisk.ledger.inbox import Outcome, Rerun
from finrisk.ledger.readings import Reading, State
from finrisk.ledger.recent import Recent
from finrisk.ledger.standing import Inbox
from finrisk.monitoring.notices import WAITS
from finrisk.records import Champion, Decision, NightStatus, PromotionKind
from finrisk.specs.policy import ErrorBudget
from tests.dashboard.night_worlds import (
    LAST_NIGHT,
    NOW,
    held,
    link_of,
    morning_facts,
    promoted,
    standing,
    stored_night,
)
from tests.ledger.factories import MODEL, digest, version

V2 = Champion(MODEL, 2, 2, version(2).artifact_sha256)
DONE: dict[str, Any] = {
    "standing": standing(champion=V2),
    "history": (link_of(), link_of(2, 2)),
}


def recent(**changes: Any) -> Recent:
    return replace(Recent((stored_night(held()),), (), (), None), **changes)


def reading(state: State, number: int | None = 1, **changes: Any) -> Reading:
    good = Reading(
        model=MODEL,
        as_of=LAST_NIGHT,
        monitor="score_drift",
        subject="",
        version=number,
        value=0.3,
        low=None,
        high=None,
        threshold=0.1,
        state=state,
        detail={},
    )
    return good.replace(**changes)


def event(kind: EventKind, **document: Any) -> Event:
    return Event(MODEL, 1, kind, "key", LAST_NIGHT, document, NOW - timedelta(hours=6))


def rerun(**changes: Any) -> Rerun:
    good = Rerun(
        model=MODEL,
        key="ab" * 32,
        alert="FinRiskScoreDrift",
        source="monitor",
        reason="score PSI 0.31 (limit 0.10)",
        began=NOW,
        received=NOW - timedelta(hours=1),
        deliveries=1,
        outcome=Outcome.ACCEPTED,
        run_id="alert__1",
        started=None,
    )
    return good.replace(**changes)


def rolled_back(actor: str, as_of: date, at: datetime = NOW) -> tuple[Any, ...]:
    back = link_of(
        3,
        1,
        kind=PromotionKind.ROLLBACK,
        actor=actor,
        as_of=as_of,
        at=at,
        previous_version=2,
        reason="PSI",
    )
    return (link_of(), link_of(2, 2), back)


def pending(since: timedelta) -> dict[str, Any]:
    inbox = Inbox({}, 1, 1, NOW - since)
    return {"standing": standing(inbox=inbox), "recent": recent(reruns=(rerun(),))}


def test_a_good_morning_has_nothing_to_say() -> None:
    said = morning_of(morning_facts())

    assert said.findings == ()
    assert said.urgency is None
    assert said.when == f"Last night, as of {LAST_NIGHT}"


HEADLINES: list[tuple[str, MorningFacts]] = [
    ("v2 was held: v1 stays", morning_facts()),
    ("v2 was held", morning_facts(sentence="v1 stays: not enough evidence.")),
    ("v2 was rejected: v1 stays", morning_facts(held(decision=Decision.REJECT))),
    ("v2 was promoted over v1", morning_facts(promoted(), **DONE)),
    (
        "v1 became the first champion",
        morning_facts(
            promoted(
                challenger=version(1),
                champion_version=None,
                champion_epoch=0,
                evidence_sha256=digest("evidence 1"),
            )
        ),
    ),
    (
        "v2 earned its promotion and waits for a person",
        morning_facts(promoted(reasons=(f"{WAITS}an approval",)), by_person=True),
    ),
    (
        "v2 earned its promotion and waits",
        morning_facts(promoted(reasons=(f"{WAITS}change freeze",)), standing=standing(frozen=True)),
    ),
    ("v2 earned its promotion, which is not carried out yet", morning_facts(promoted())),
    (
        "v2 earned its promotion too late: the champion had changed",
        morning_facts(promoted(evidence_sha256=digest("other")), **DONE),
    ),
    (
        "Blocked by its data: v1 stays",
        morning_facts(held(status=NightStatus.BLOCKED, data_result="block")),
    ),
    ("Nothing new: v1 stays", morning_facts(held(status=NightStatus.NOTHING_NEW))),
    (
        "Too little to judge: nobody decides yet",
        morning_facts(held(status=NightStatus.TOO_LITTLE), standing=standing(champion=None)),
    ),
    ("No night yet", morning_facts(recent=recent(nights=()))),
    (
        "v2 was promoted over v1, approved by anna",
        morning_facts(
            promoted(),
            standing=standing(champion=V2),
            history=(link_of(), link_of(2, 2, kind=PromotionKind.APPROVED, actor="anna")),
        ),
    ),
    (
        "Rolled back by itself, from v2 to v1; v2 was held",
        morning_facts(
            history=rolled_back("finrisk bake", LAST_NIGHT, NOW - timedelta(hours=7)),
        ),
    ),
    (
        "v2 was promoted over v1; since then rolled back by anna, from v2 to v1",
        morning_facts(promoted(), history=rolled_back("anna", LAST_NIGHT)),
    ),
    (
        "v2 was held; since then v2 became champion (refresh, signed by a person; by anna)",
        morning_facts(
            standing=standing(champion=V2),
            history=(
                link_of(),
                link_of(2, 2, kind=PromotionKind.REFRESH, actor="anna", as_of=LAST_NIGHT, at=NOW),
            ),
        ),
    ),
]


@pytest.mark.parametrize(("headline", "facts"), HEADLINES)
def test_the_headline_says_what_the_night_did(headline: str, facts: MorningFacts) -> None:
    assert morning_of(facts).headline == headline


FINDINGS: list[tuple[str, Urgency, str, MorningFacts]] = [
    (
        "The data of 2026-03-01 are blocked: range: 3 rows (and 1 more check)",
        Urgency.ACT,
        "quality",
        morning_facts(held(status=NightStatus.BLOCKED, reasons=("range: 3 rows", "duplicate"))),
    ),
    (
        "The data of 2026-03-01 warn",
        Urgency.KNOW,
        "quality",
        morning_facts(held(data_result="warn")),
    ),
    (
        "1 alarm of 2026-03-01: score drift",
        Urgency.ACT,
        "monitoring",
        morning_facts(standing=standing(readings=(reading(State.ALARM),))),
    ),
    (
        "1 alarm of 2026-03-01 was about v1, which decides no more",
        Urgency.KNOW,
        "monitoring",
        morning_facts(
            standing=standing(champion=V2, readings=(reading(State.ALARM),)),
            history=DONE["history"],
        ),
    ),
    (
        "The monitors have 1 warning and 1 reading unknown",
        Urgency.KNOW,
        "monitoring",
        morning_facts(standing=standing(readings=(reading(State.WARN), reading(State.UNKNOWN)))),
    ),
    (
        "Missed: no record of the night of 2026-03-01",
        Urgency.ACT,
        "airflow",
        morning_facts(missed=(LAST_NIGHT,)),
    ),
    (
        "v2, decided as of 2026-03-01, waits: an approval",
        Urgency.ACT,
        "registry",
        morning_facts(promoted(reasons=(f"{WAITS}an approval",)), by_person=True),
    ),
    (
        "v2, decided as of 2026-03-01, waits: change freeze",
        Urgency.KNOW,
        "registry",
        morning_facts(promoted(reasons=(f"{WAITS}change freeze",)), standing=standing(frozen=True)),
    ),
    (
        "v2, decided as of 2026-03-01, waits: it cools down",
        Urgency.KNOW,
        "registry",
        morning_facts(promoted(reasons=(f"{WAITS}it cools down",)), cooling_until=date(2026, 3, 9)),
    ),
    (
        "v2, decided as of 2026-03-01, was not carried out",
        Urgency.ACT,
        "registry",
        morning_facts(promoted()),
    ),
    (
        "it is void",
        Urgency.KNOW,
        "promotions",
        morning_facts(promoted(evidence_sha256=digest("other")), **DONE),
    ),
    (
        "do not show epoch 1 yet",
        Urgency.ACT,
        "registry",
        morning_facts(history=(link_of(projected=False),)),
    ),
    (
        "Not mended by reconciliation on 2026-03-01: the copy is gone",
        Urgency.ACT,
        "registry",
        morning_facts(
            recent=recent(
                events=(
                    event(
                        EventKind.REPAIR,
                        sentence="the copy is gone",
                        damages=[{"repaired": False}],
                    ),
                )
            )
        ),
    ),
    (
        "Mended by reconciliation",
        Urgency.KNOW,
        "registry",
        morning_facts(
            recent=recent(
                events=(
                    event(
                        EventKind.REPAIR, sentence="alias set right", aliases=[{"repaired": True}]
                    ),
                )
            )
        ),
    ),
    (
        "Rolled back by itself, v2 to v1",
        Urgency.ACT,
        "promotions",
        morning_facts(history=rolled_back("finrisk bake", LAST_NIGHT)),
    ),
    (
        "No promotion but a person's until 2026-03-09",
        Urgency.ACT,
        "promotions",
        morning_facts(
            history=rolled_back("finrisk bake", date(2026, 2, 23)),
            cooling_until=date(2026, 3, 9),
            standing=standing(readings=(reading(State.QUIET),)),
        ),
    ),
    (
        "Rolled back to v1 as of 2026-03-01 by anna",
        Urgency.KNOW,
        "promotions",
        morning_facts(history=rolled_back("anna", LAST_NIGHT)),
    ),
    (
        "An automatic rollback was refused: the copy does not verify",
        Urgency.ACT,
        "registry",
        morning_facts(
            recent=recent(
                events=(
                    event(
                        EventKind.BAKE,
                        epoch=1,
                        refused="gone",
                        sentence="the copy does not verify",
                    ),
                )
            )
        ),
    ),
    (
        "On matured labels: v1 is worse",
        Urgency.ACT,
        "promotions",
        morning_facts(
            recent=recent(
                events=(
                    event(EventKind.REALISED, epoch=1, finding="worse", sentence="v1 is worse"),
                )
            )
        ),
    ),
    (
        "Nothing is promoted: change freeze until 2026-03-09 by anna: audit",
        Urgency.KNOW,
        "registry",
        morning_facts(
            standing=standing(frozen=True),
            recent=recent(freeze=Freeze(MODEL, 1, date(2026, 3, 9), "audit", "anna", NOW)),
        ),
    ),
    (
        "used up for scheduled nights",
        Urgency.KNOW,
        "promotions",
        morning_facts(
            budget=year_budget(ErrorBudget(), Spent(scheduled_looks=12, scheduled_alpha=0.04))
        ),
    ),
    (
        "nearly used: 8 % is left",
        Urgency.KNOW,
        "promotions",
        morning_facts(
            budget=year_budget(
                ErrorBudget(looks_per_year=100),
                Spent(scheduled_looks=9, scheduled_alpha=0.037, reserve_alpha=0.009),
            )
        ),
    ),
    (
        "The reserve is used up",
        Urgency.KNOW,
        "promotions",
        morning_facts(budget=year_budget(ErrorBudget(), Spent(reserve_looks=4))),
    ),
    (
        "30 nights in a row without a promotion",
        Urgency.KNOW,
        "promotions",
        morning_facts(standing=standing(held=30), held_limit=30),
    ),
    (
        "Nobody watches v1: no monitor has read a day of the last three, none ever did",
        Urgency.ACT,
        "monitoring",
        morning_facts(history=(link_of(as_of=date(2026, 2, 20)),)),
    ),
    (
        "the newest reading is of 2026-02-25",
        Urgency.ACT,
        "monitoring",
        morning_facts(
            history=(link_of(as_of=date(2026, 2, 20)),),
            standing=standing(readings=(reading(State.QUIET, as_of=date(2026, 2, 25)),)),
        ),
    ),
    (
        "FinRiskScoreDrift asked for a night on 2026-03-01 07:00 UTC, and it has not started",
        Urgency.ACT,
        "monitoring",
        morning_facts(**pending(timedelta(hours=1))),
    ),
    (
        "and it has not started",
        Urgency.KNOW,
        "monitoring",
        morning_facts(**pending(timedelta(minutes=1))),
    ),
    (
        "The chain of promotions does not verify",
        Urgency.ACT,
        "promotions",
        morning_facts(broken=("The chain of promotions does not verify: epoch 2.",)),
    ),
    (
        "No version decides",
        Urgency.ACT,
        "registry",
        morning_facts(standing=standing(champion=None), history=()),
    ),
    (
        "No night is on record yet",
        Urgency.KNOW,
        "",
        morning_facts(recent=recent(nights=()), standing=standing(champion=None), history=()),
    ),
]


@pytest.mark.parametrize(("text", "urgency", "page", "facts"), FINDINGS)
def test_each_thing_that_is_wrong_is_told_alone_and_with_where_to_look(
    text: str, urgency: Urgency, page: str, facts: MorningFacts
) -> None:
    (found,) = findings_of(facts)

    assert text in found.text
    assert (found.urgency, found.page) == (urgency, page)


def test_what_needs_a_person_comes_first() -> None:
    facts = morning_facts(
        standing=standing(readings=(reading(State.WARN), reading(State.ALARM))), held_limit=0
    )

    urgencies = [finding.urgency for finding in findings_of(facts)]

    assert urgencies == [Urgency.ACT, Urgency.KNOW, Urgency.KNOW]


def test_a_replay_of_the_past_misses_no_night_that_anybody_must_run() -> None:
    past = held(as_of=date(2024, 3, 1))

    (found,) = findings_of(
        morning_facts(past, NOW, missed=(LAST_NIGHT,), history=(link_of(as_of=past.as_of),))
    )

    assert found.urgency is Urgency.KNOW
    assert found.text.startswith("A replay of the past, run on 2026-03-01")


def test_a_promotion_that_waits_since_an_earlier_night_is_still_told() -> None:
    waits = promoted(as_of=date(2026, 2, 28), reasons=(f"{WAITS}an approval",))
    nights = (stored_night(held(status=NightStatus.NOTHING_NEW)), stored_night(waits))

    (found,) = findings_of(morning_facts(recent=recent(nights=nights), by_person=True))

    assert "decided as of 2026-02-28, waits: an approval" in found.text
    assert found.night == "2026-02-28"


def test_what_a_later_night_has_judged_since_is_no_more_made_up_for_by_itself() -> None:
    undone = promoted(as_of=date(2026, 2, 28))
    later = held(challenger=version(3), evidence_sha256=digest("evidence 3"))
    nights = (stored_night(later), stored_night(undone))

    (found,) = findings_of(morning_facts(recent=recent(nights=nights)))

    assert found.urgency is Urgency.ACT
    assert "next night" not in found.text
    assert "only a person may promote it now" in found.text


def test_a_freeze_that_is_over_is_no_longer_waited_for() -> None:
    (found,) = findings_of(morning_facts(promoted(reasons=(f"{WAITS}change freeze",))))

    assert "waits for nothing any more; the next night makes up for it" in found.text
    assert found.urgency is Urgency.KNOW


BAKES: list[tuple[str, str | None]] = [
    ("roll back", "An automatic rollback was decided and not carried out: PSI 0.4"),
    ("cooling down", "The fresh champion breaches: PSI 0.4"),
    ("baking", None),
    ("passed", None),
]


@pytest.mark.parametrize(("verdict", "said"), BAKES)
def test_only_the_newest_reading_of_the_bake_counts(verdict: str, said: str | None) -> None:
    refused = event(EventKind.BAKE, epoch=1, refused="gone", sentence="gone")
    newest = event(EventKind.BAKE, reading={"epoch": 1}, verdict=verdict, sentence="PSI 0.4")

    found = findings_of(morning_facts(recent=recent(events=(newest, refused))))

    assert [finding.text for finding in found] == ([] if said is None else [f"{said}."])


def test_readings_of_two_days_are_told_with_both() -> None:
    older = reading(State.ALARM, monitor="performance", subject="auc", as_of=date(2026, 2, 27))
    facts = morning_facts(standing=standing(readings=(reading(State.ALARM), older)))

    (found,) = findings_of(facts)

    assert found.text.startswith("2 alarms of 2026-02-27 to 2026-03-01: ")
    assert "performance of AUC" in found.text


def test_warnings_are_of_the_day_that_they_were_read_on() -> None:
    older = reading(State.WARN, monitor="performance", as_of=date(2026, 2, 27))
    facts = morning_facts(standing=standing(readings=(reading(State.QUIET), older)))

    (found,) = findings_of(facts)

    assert found.text == "The monitors have 1 warning as of 2026-02-27."


def test_a_scope_without_a_schedule_misses_no_night_and_nobody_has_to_watch_it() -> None:
    facts = morning_facts(
        scheduled=False, history=(link_of(as_of=date(2026, 2, 20)),), recent=recent(nights=())
    )

    found = findings_of(facts)

    assert [finding.urgency for finding in found] == [Urgency.KNOW, Urgency.KNOW]
    assert found[0].text == "This scope has no night of the model."
    assert found[1].text.startswith("Nobody watches v1")


def test_readings_of_a_refused_rollback_of_an_earlier_champion_are_history() -> None:
    refused = event(EventKind.BAKE, epoch=1, refused="gone", sentence="gone")
    facts = morning_facts(**DONE, recent=recent(events=(refused,)))

    assert findings_of(facts) == ()


@pytest.mark.parametrize(
    ("asked_by", "reruns", "said"),
    [
        ("airflow", (), ()),
        ("", (), ()),
        ("anna", (), ("Asked for by anna.",)),
        ("alert", (), ("Asked for by an alert.",)),
        (
            "alert",
            (rerun(as_of=LAST_NIGHT),),
            ("Asked for by the alert FinRiskScoreDrift: score PSI 0.31 (limit 0.10)",),
        ),
    ],
)
def test_the_reader_hears_who_asked_for_the_night(
    asked_by: str, reruns: tuple[Rerun, ...], said: tuple[str, ...]
) -> None:
    facts = morning_facts(
        held(actor=asked_by),
        recent=recent(nights=(stored_night(held(actor=asked_by)),), reruns=reruns),
        sentence="v1 stays: too little.",
    )

    assert morning_of(facts).why == ("v1 stays: too little.", *said)


def test_the_alert_is_found_by_the_dag_run_that_decided() -> None:
    night = held(actor="alert", dag_run="alert__2")
    other, mine = rerun(alert="FinRiskFeatureDrift"), rerun(run_id="alert__2")
    facts = morning_facts(recent=recent(nights=(stored_night(night),), reruns=(other, mine)))

    assert "FinRiskScoreDrift" in morning_of(facts).why[1]


def test_without_evidence_the_nights_own_reasons_are_told() -> None:
    assert morning_of(morning_facts(held(reasons=("too few bads",)))).why == ("Too few bads.",)


def test_what_the_night_said_of_who_stays_is_of_the_night_once_that_has_changed() -> None:
    facts = morning_facts(
        promoted(), sentence="v2 replaces v1.", history=rolled_back("anna", LAST_NIGHT)
    )

    assert morning_of(facts).why == ("The night said: v2 replaces v1.",)


def test_an_old_night_says_how_old_it_is() -> None:
    facts = morning_facts(held(as_of=date(2026, 2, 26)))

    assert morning_of(facts).when == "Last decided night, as of 2026-02-26: 3 days ago"


def morning(title: str, urgency: Urgency | None) -> Morning:
    findings = () if urgency is None else (Finding(urgency, "Something."),)
    return Morning(title, title, "", "", (), findings)


@pytest.mark.parametrize(
    ("urgencies", "said"),
    [
        ((None, None), "All is well: nothing is wrong with 2 models"),
        ((None, Urgency.KNOW), "Nothing needs you. There is something to know about B."),
        ((Urgency.ACT, Urgency.KNOW), "1 of 2 models needs you: A."),
        ((Urgency.ACT, Urgency.ACT), "2 of 2 models need you: A, B."),
    ],
)
def test_one_sentence_answers_for_all_models(
    urgencies: tuple[Urgency | None, ...], said: str
) -> None:
    mornings = [morning(title, one) for title, one in zip("AB", urgencies, strict=True)]

    assert overall(mornings).startswith(said)
