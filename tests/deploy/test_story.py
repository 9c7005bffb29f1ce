from __future__ import annotations

from typing import Any

import pytest

from deploy.embedded.story import CREDIT, FRAUD, SCORED_LAST, STORIES, broken_promises
from finrisk.records import Decision, NightDecision, NightStatus


def nights(**changes: Any) -> list[NightDecision]:
    """A demo as promised; ``changes`` name a night by its number, ``third=None`` leaves it out."""
    told = {
        "first": (NightStatus.READY, Decision.PROMOTE, None),
        "second": (NightStatus.READY, Decision.HOLD, 1),
        "third": (NightStatus.BLOCKED, Decision.HOLD, 1),
        "fourth": (NightStatus.READY, Decision.PROMOTE, 1),
        "fifth": (NightStatus.READY, Decision.HOLD, 2),
    } | changes
    kept = [night for night in told.values() if night is not None]
    return [
        NightDecision(CREDIT, night.as_of, status, decision, (), "pass", champion_version=champion)
        for night, (status, decision, champion) in zip(
            STORIES[CREDIT][: len(kept)], kept, strict=True
        )
    ]


def test_a_demo_as_promised_breaks_nothing() -> None:
    assert broken_promises(CREDIT, nights()) == []
    assert broken_promises(FRAUD, nights()[1:]) == [
        "fraud: 6 nights are decided",
        "fraud: a first model is promoted",
    ]


@pytest.mark.parametrize(
    ("changes", "broken"),
    [
        ({"fifth": None}, "5 nights are decided"),
        ({"first": (NightStatus.READY, Decision.HOLD, None)}, "a first model is promoted"),
        ({"third": (NightStatus.READY, Decision.HOLD, 1)}, "bad data block a night"),
        ({"fourth": (NightStatus.READY, Decision.HOLD, 1)}, "drift earns a later promotion"),
    ],
)
def test_a_promise_that_did_not_come_true_is_named(changes: dict[str, Any], broken: str) -> None:
    assert broken_promises(CREDIT, nights(**changes)) == [f"credit_risk: {broken}"]


@pytest.mark.parametrize("model", STORIES)
def test_nights_follow_one_another_and_what_broke_is_mended(model: str) -> None:
    story = STORIES[model]
    dates = [night.as_of for night in story]

    assert dates == sorted(set(dates))
    assert [n.broken for n in story if n.broken] == [n.mended for n in story if n.mended]
    assert {n.model for n in story} == {model}


def test_a_broken_partition_is_a_month_of_loans_or_a_day_of_cards() -> None:
    landings = [night.landing for story in STORIES.values() for night in story if night.broken]

    assert landings == [
        ("--to", "2024-04-29", "--model", "fraud", "--break-day", "2024-04-28"),
        ("--to", "2024-10-05", "--model", "credit_risk", "--break-month", "2024-09"),
    ]


def test_what_is_scored_last_had_landed_by_the_last_night_of_fraud() -> None:
    first, last = SCORED_LAST

    assert STORIES[FRAUD][-2].as_of <= first <= last < STORIES[FRAUD][-1].as_of


def test_the_last_night_of_all_is_asked_for_by_an_alarm_on_decisions_of_that_champion() -> None:
    *scheduled, asked = [night for story in STORIES.values() for night in story]

    assert asked.watched is not None
    assert asked.watched[0] < asked.watched[1] < asked.as_of
    assert not any(night.watched for night in scheduled)
