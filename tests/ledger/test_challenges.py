"""A challenger runs beside a champion with a name and a reason, one of a kind, and not for long."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from finrisk.errors import ConfigurationError, PromotionFrozen
from finrisk.ledger.challenges import Challenge, ChallengeKind
from finrisk.ledger.store import Ledger
from finrisk.records import PromotionKind
from tests.ledger.factories import AT, MODEL, NIGHT, force, version

AB, SHADOW = ChallengeKind.AB, ChallengeKind.SHADOW


@pytest.fixture
def served(ledger: Ledger) -> Ledger:
    """Version 1 is champion at epoch 1; 2 and 3 are known."""
    force(ledger, version(1))
    for number in (2, 3):
        ledger.remember_version(version(number))
    return ledger


def begun(ledger: Ledger, kind: ChallengeKind = AB, number: int = 2, **changes: Any) -> Challenge:
    share, salt = (0.1, "5a17") if kind is AB else (None, None)
    given: dict[str, Any] = {
        "share": share,
        "salt": salt,
        "actor": "anna",
        "reason": "fewer declines?",
        "at": AT,
    }
    return ledger.begin_challenge(MODEL, kind, number, **{**given, **changes})


def test_a_challenge_comes_back_as_it_was_begun_and_ended(served: Ledger) -> None:
    made = begun(served)

    assert served.challenges(MODEL) == [made]
    assert (made.name, made.champion_version, made.epoch) == ("ab-1", 1, 1)
    assert made.artifact_sha256 == version(2).artifact_sha256
    assert Challenge.from_json(json.loads(json.dumps(made.to_json()))) == made
    later = AT + timedelta(days=9)
    ended = served.end_challenge(MODEL, AB, actor="bert", reason="enough", at=later)
    assert ended == made.replace(ended=later, ended_by="bert", ended_because="enough")
    assert served.challenges(MODEL, AB) == [ended]
    assert [event.document["sentence"] for event in served.events(MODEL)] == [
        "ab-1: version 2 decides 10% beside version 1 since 2026-03-01 by anna: fewer declines?",
        "ab-1 ended by bert: enough",
    ]


def test_pressing_twice_begins_and_ends_once(served: Ledger) -> None:
    first = begun(served)

    assert begun(served, salt="another") == first
    assert begun(served, actor=" anna", reason="fewer declines?\n") == first
    ended = served.end_challenge(MODEL, AB, actor="a", reason="b", at=AT)
    assert served.end_challenge(MODEL, AB, actor="c", reason="d", at=AT) == ended
    assert len(served.events(MODEL)) == 2


def test_one_of_a_kind_runs_and_a_shadow_beside_it(served: Ledger) -> None:
    begun(served)

    with pytest.raises(ConfigurationError, match="one runs already: ab-1: version 2"):
        begun(served, number=3)
    with pytest.raises(ConfigurationError, match="finrisk ab stop"):
        begun(served, share=0.2)
    assert begun(served, SHADOW, 3).name == "shadow-1"
    served.end_challenge(MODEL, AB, actor="a", reason="b", at=AT)
    assert begun(served, number=3).name == "ab-2"


@pytest.mark.parametrize("missing", [{"actor": " "}, {"reason": ""}])
@pytest.mark.parametrize("kind", list(ChallengeKind))
def test_nobody_begins_or_ends_one_anonymously(
    served: Ledger, kind: ChallengeKind, missing: dict[str, str]
) -> None:
    with pytest.raises(ConfigurationError, match="an actor and a reason"):
        begun(served, kind, **missing)
    begun(served, kind)
    with pytest.raises(ConfigurationError, match="an actor and a reason"):
        served.end_challenge(MODEL, kind, **{"actor": "a", "reason": "b", "at": AT} | missing)
    assert served.challenges(MODEL, kind)[0].ended is None


def test_what_cannot_run_beside_a_champion_is_refused(ledger: Ledger) -> None:
    ledger.remember_version(version(2))
    with pytest.raises(ConfigurationError, match="has no champion"):
        begun(ledger)
    force(ledger, version(1))
    with pytest.raises(ConfigurationError, match="is the champion"):
        begun(ledger, number=1)
    with pytest.raises(ConfigurationError, match="no version 9"):
        begun(ledger, number=9)
    with pytest.raises(ConfigurationError, match="never had a challenger"):
        ledger.end_challenge(MODEL, AB, actor="a", reason="b", at=AT)
    assert ledger.challenges(MODEL) == []


def test_a_freeze_holds_back_who_would_decide_and_not_who_only_scores(served: Ledger) -> None:
    served.freeze(MODEL, NIGHT, reason="year-end", actor="anna", at=AT)

    with pytest.raises(PromotionFrozen, match="change freeze until"):
        begun(served)
    begun(served, SHADOW)
    assert begun(served, at=AT + timedelta(days=1)).name == "ab-1"


@pytest.mark.parametrize("promoted", [1, 2, 3])
def test_a_promotion_ends_the_experiment_in_its_own_transaction(
    served: Ledger, promoted: int
) -> None:
    force(served, version(3))
    begun(served, number=2)

    link = force(served, version(promoted), kind=PromotionKind.FORCED, idem_key="next")

    (ended,) = served.challenges(MODEL, AB)
    assert ended.ended == link.at
    assert ended.ended_because == f"epoch 3: version {promoted} became champion (forced)"
    assert begun(served, number=3 if promoted != 3 else 2).epoch == 3


def test_a_rollback_ends_the_experiment(served: Ledger) -> None:
    force(served, version(2))
    begun(served, number=3)

    force(served, version(1), kind=PromotionKind.ROLLBACK, idem_key="back")

    (ended,) = served.challenges(MODEL, AB)
    assert ended.ended is not None
    assert "(rollback)" in ended.ended_because


def test_a_shadow_goes_on_until_its_own_version_is_champion(served: Ledger) -> None:
    begun(served, SHADOW, 2)

    force(served, version(3))
    assert served.challenges(MODEL, SHADOW)[0].ended is None
    force(served, version(2))
    assert served.challenges(MODEL, SHADOW)[0].ended is not None


def test_a_promotion_that_is_refused_ends_nothing(served: Ledger) -> None:
    begun(served)

    with pytest.raises(Exception, match="judged against another champion"):
        force(served, version(3), expected_epoch=7)
    assert served.challenges(MODEL)[0].ended is None


def test_of_many_at_once_one_begins(url: str, served: Ledger) -> None:
    gate = threading.Barrier(4)

    def one(number: int) -> str:
        with Ledger(url, "live") as own:
            gate.wait()
            try:
                return begun(own, actor=f"person {number}").actor
            except ConfigurationError:
                return ""

    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(one, range(4)))

    assert sum(map(bool, told)) == 1
    assert [c.actor for c in served.challenges(MODEL)] == [name for name in told if name]


def test_another_scope_has_challengers_of_its_own(url: str, served: Ledger) -> None:
    begun(served)

    with Ledger(url, "replay") as other:
        assert other.challenges(MODEL) == []
