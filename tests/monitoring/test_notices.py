"""What is on record turned into messages: which of it, once, and without anybody's data."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from finrisk.ledger.events import Event, EventKind
from finrisk.ledger.nights import StoredNight
from finrisk.monitoring.notices import (
    LONGEST_TEXT,
    Notice,
    NoticeKind,
    Severity,
    notice,
    notices_of,
    of_failure,
    of_late,
    of_missed,
    of_question,
)
from finrisk.records import Decision, NightStatus, PromotionKind, PromotionRecord
from tests.ledger.factories import AT, MODEL, NIGHT, digest, night_decision, version

HOUR = timedelta(hours=1)


def stored(as_of: date = NIGHT, at: datetime = AT, **changes: Any) -> StoredNight:
    return StoredNight(night_decision(as_of, **changes), None, digest("spec"), None, at)


def link(**changes: Any) -> PromotionRecord:
    good = PromotionRecord(
        model=MODEL,
        epoch=2,
        version=7,
        previous_version=4,
        kind=PromotionKind.SUPERIORITY,
        idem_key="k",
        artifact_sha256=digest("artifact"),
        evidence_sha256=digest("evidence"),
        actor="airflow",
        reason="z 3.0 ≥ 2.71",
        as_of=NIGHT,
        at=AT,
        previous_hash="",
        hash="",
        projected=True,
    )
    return good.replace(**changes)


def told(
    *nights: StoredNight,
    links: tuple[PromotionRecord, ...] = (),
    events: tuple[Event, ...] = (),
    held_nights: int = 30,
    scope: str = "live",
) -> list[Notice]:
    return notices_of(
        nights,
        links,
        events,
        model=MODEL,
        scope=scope,
        held_nights=held_nights,
        since=AT - HOUR,
    )


def held(count: int, **changes: Any) -> list[StoredNight]:
    days = [NIGHT - timedelta(days=n) for n in reversed(range(count))]
    return [stored(day, AT - (NIGHT - day), **changes) for day in days]


def test_a_blocked_night_is_told_with_its_reasons() -> None:
    (found,) = told(stored(status=NightStatus.BLOCKED, reasons=("income: 9 rows out of range",)))

    assert found.kind is NoticeKind.BLOCKED
    assert found.title == "FinRisk credit_risk: the night of 2026-03-01 is blocked by its data"
    assert "- income: 9 rows out of range" in found.text
    assert found.severity is Severity.WARNING


def test_a_promotion_is_told_with_who_and_why() -> None:
    (found,) = told(links=(link(),))

    assert (found.kind, found.severity) == (NoticeKind.PROMOTION, Severity.INFO)
    assert found.title == "FinRisk credit_risk: v7 is champion now after v4"
    assert found.text == (
        "superiority at epoch 2, counting from 2026-03-01, by airflow: z 3.0 ≥ 2.71"
    )


@pytest.mark.parametrize(
    ("changes", "kind", "severity"),
    [
        pytest.param({"kind": PromotionKind.APPROVED}, "promotion", "info", id="approved"),
        pytest.param({"kind": PromotionKind.FORCED}, "promotion", "warning", id="forced"),
        pytest.param(
            {"kind": PromotionKind.ROLLBACK, "actor": "finrisk bake"},
            "rollback",
            "warning",
            id="nobody asked for it",
        ),
    ],
)
def test_each_change_of_champion_has_its_kind_and_severity(
    changes: dict[str, Any], kind: str, severity: str
) -> None:
    (found,) = told(links=(link(**changes),))

    assert (found.kind, found.severity) == (kind, severity)
    assert link(**changes).actor in found.text


def test_a_restored_champion_is_the_same_bytes_and_no_news() -> None:
    assert told(links=(link(kind=PromotionKind.RESTORED),)) == []


def test_a_refused_automatic_rollback_is_critical_and_other_events_are_no_news() -> None:
    def event(document: dict[str, Any], kind: EventKind = EventKind.BAKE) -> Event:
        return Event(MODEL, 1, kind, "bake of epoch 2 refused", NIGHT, document, AT)

    refused = event({"refused": "v4 does not verify", "sentence": "v7 stays champion though"})
    reading = event({"reading": {}, "sentence": "all quiet"})
    repair = event({"refused": "x", "sentence": "alias"}, EventKind.REPAIR)

    (found,) = told(events=(refused, reading, repair))

    assert (found.kind, found.severity) == (NoticeKind.ROLLBACK, Severity.CRITICAL)
    assert found.text == "v7 stays champion though"


def test_a_promotion_that_waits_is_told() -> None:
    (found,) = told(
        stored(
            decision=Decision.PROMOTE,
            challenger=version(7),
            reasons=("z 3.0 ≥ 2.71", "waits: a change freeze holds"),
        )
    )

    assert found.kind is NoticeKind.WAITING
    assert found.title.endswith("the promotion of v7, decided as of 2026-03-01, waits")
    assert "- waits: a change freeze holds" in found.text


def test_a_night_that_held_is_a_normal_night() -> None:
    assert told(stored()) == []


@pytest.mark.parametrize(
    ("count", "tells"), [(1, False), (2, False), (3, True), (4, False), (5, False), (6, True)]
)
def test_nights_that_held_are_told_at_each_multiple_of_the_policys_figure(
    count: int, tells: bool
) -> None:
    found = told(*held(count), held_nights=3)

    assert [one.kind for one in found] == [NoticeKind.HELD] * tells
    if tells:
        oldest = NIGHT - timedelta(days=count - 1)
        assert f"no promotion on {count} nights, since {oldest}" in found[0].title


def test_nights_with_nothing_new_do_not_count_and_do_not_end_the_row() -> None:
    quiet = {"status": NightStatus.NOTHING_NEW}
    nights = [*held(5)[:2], *held(3, **quiet)[:2], *held(1)]

    (found,) = told(*nights, held_nights=3)

    assert "no promotion on 3 nights" in found.title


def test_a_promote_ends_the_row() -> None:
    nights = held(4)
    nights[1] = stored(nights[1].decision.as_of, nights[1].at, decision=Decision.PROMOTE)

    assert told(*nights, held_nights=3) == []
    assert len(told(*nights, held_nights=2)) == 1


def test_what_is_older_than_the_news_is_not_told() -> None:
    old = AT - 2 * HOUR

    assert told(stored(at=old, status=NightStatus.BLOCKED), links=(link(at=old),)) == []
    assert told(*held(2)[:1], held_nights=1) == []


def test_news_come_in_the_order_in_which_they_were_recorded() -> None:
    blocked = stored(at=AT + HOUR, status=NightStatus.BLOCKED)

    kinds = [one.kind for one in told(blocked, links=(link(),))]

    assert kinds == [NoticeKind.PROMOTION, NoticeKind.BLOCKED]


def test_what_is_told_has_a_key_of_its_own() -> None:
    every = [
        *told(stored(status=NightStatus.BLOCKED), links=(link(), link(epoch=3))),
        *told(*held(3), held_nights=3),
        *told(*held(6), held_nights=3),
        of_missed(MODEL, "live", NIGHT, "", ""),
        of_failure(MODEL, "live", "credit_risk_retraining", "r1", []),
        of_failure(MODEL, "live", "credit_risk_retraining", "r2", []),
        of_late(MODEL, "live", "credit_risk_retraining", "r1", 4.0),
        of_question(MODEL, "live", digest("evidence"), "", (), ""),
    ]

    assert len({one.key for one in every}) == len(every)


def test_a_scope_that_is_not_live_is_in_the_title() -> None:
    (found,) = told(links=(link(),), scope="replay")

    assert found.title.startswith("FinRisk credit_risk (replay): ")


def test_a_title_is_one_line_and_a_text_ends() -> None:
    made = notice(NoticeKind.FAILED, MODEL, "live", "x", "two\r\nBcc: them", "y" * 9999)

    assert made.title == "FinRisk credit_risk: two Bcc: them"
    assert len(made.text) == LONGEST_TEXT


def test_failures_late_and_missed_nights_name_the_run_and_what_to_do() -> None:
    failed = of_failure(MODEL, "live", "credit_risk_retraining", "scheduled__1", ["train"])
    late = of_late(MODEL, "live", "credit_risk_retraining", "scheduled__1", 4.0)
    missed = of_missed(MODEL, "live", NIGHT, "no record of 2 nights", "see the scheduler")

    assert failed.text == "Run scheduled__1 failed in train. The champion stays."
    assert late.title.endswith("credit_risk_retraining has not ended within 4 h")
    assert missed.text == "no record of 2 nights\n\nsee the scheduler"
    assert {failed.severity, missed.severity} == {Severity.CRITICAL}
    assert late.severity is Severity.WARNING


def test_a_notice_survives_json() -> None:
    (found,) = told(links=(link(),))

    assert Notice.from_json(found.to_json()) == found
