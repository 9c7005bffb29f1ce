from __future__ import annotations

from typing import Any

import pytest

from deploy.embedded.story import MODEL, STORY, broken_promises
from finrisk.records import Decision, NightDecision, NightStatus


def nights(**changes: Any) -> list[NightDecision]:
    """A demo as promised; ``changes`` name a night by its number, ``third=None`` leaves it out."""
    told = {
        "first": (NightStatus.READY, Decision.PROMOTE, None),
        "second": (NightStatus.READY, Decision.HOLD, 1),
        "third": (NightStatus.BLOCKED, Decision.HOLD, 1),
        "fourth": (NightStatus.READY, Decision.REJECT, 1),
        "fifth": (NightStatus.READY, Decision.HOLD, 1),
        "sixth": (NightStatus.READY, Decision.PROMOTE, 1),
        "seventh": (NightStatus.READY, Decision.HOLD, 2),
    } | changes
    kept = [night for night in told.values() if night is not None]
    return [
        NightDecision(MODEL, night.as_of, status, decision, (), "pass", champion_version=champion)
        for night, (status, decision, champion) in zip(STORY[: len(kept)], kept, strict=True)
    ]


def test_a_demo_as_promised_breaks_nothing() -> None:
    assert broken_promises(nights()) == []


@pytest.mark.parametrize(
    ("changes", "broken"),
    [
        ({"seventh": None}, "7 nights are decided"),
        ({"first": (NightStatus.READY, Decision.HOLD, None)}, "a first model is promoted"),
        ({"third": (NightStatus.READY, Decision.HOLD, 1)}, "bad data block a night"),
        ({"sixth": (NightStatus.READY, Decision.HOLD, 1)}, "drift earns a later promotion"),
    ],
)
def test_a_promise_that_did_not_come_true_is_named(changes: dict[str, Any], broken: str) -> None:
    assert broken_promises(nights(**changes)) == [broken]


def test_nights_follow_one_another_and_a_broken_month_is_mended() -> None:
    dates = [night.as_of for night in STORY]

    assert dates == sorted(set(dates))
    assert [n.break_month for n in STORY if n.break_month] == [
        n.mend_month for n in STORY if n.mend_month
    ]
