"""What a person does from a page: in their name, with a reason, once, and never around the gate."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
import yaml
from streamlit.testing.v1 import AppTest

from finrisk.dashboard.acting import actions
from finrisk.dashboard.acting.promoters import revoke_promoter
from finrisk.errors import (
    ConfigurationError,
    EvidenceMissing,
    FinRiskError,
    NotAllowed,
    PromotionFrozen,
    RollbackRefused,
    StaleChallenger,
)
from finrisk.ledger.store import Ledger
from finrisk.records import PromotionKind, PromotionRecord
from tests.dashboard.conftest import PAGE_SECONDS, settings_of
from tests.dashboard.promoter_worlds import (
    ACTING,
    REASON,
    act,
    earned,
    everything,
    log_in,
    token_of,
)
from tests.ledger.factories import night_decision

Session = Callable[[], AppTest]
FAR = date(2199, 1, 6)


@pytest.fixture
def session(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    """Open one more session on a home of the test's own; nobody is logged in."""
    monkeypatch.setenv("FINRISK_HOME", str(own_home))
    st.cache_data.clear()
    st.cache_resource.clear()
    yield lambda: AppTest.from_string(ACTING, default_timeout=PAGE_SECONDS).run()
    st.cache_resource.clear()


@pytest.fixture
def ana(session: Session, own_home: Path) -> AppTest:
    return log_in(session(), token_of(own_home, "ana"))


def test_a_person_promotes_on_evidence_in_their_name_and_signs(
    ana: AppTest, own_home: Path
) -> None:
    new = earned(own_home)

    link = act(ana, "promote", new.version, refresh=False, reason=f"  {REASON} ")

    assert (link.version, link.kind, link.actor) == (new.version, PromotionKind.APPROVED, "ana")
    assert (link.reason, link.projected) == (REASON, True)
    with Ledger.open(settings_of(own_home)) as ledger:
        assert (anchor := ledger.anchor("credit_risk")) is not None
        assert (anchor.version, anchor.actor) == (new.version, "ana")
        assert ledger.verify("credit_risk") == link.epoch


def test_two_clicks_are_one_promotion_one_signature_and_one_freeze(
    ana: AppTest, own_home: Path
) -> None:
    new = earned(own_home)
    asked: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
        ("promote", (new.version,), {"refresh": False, "reason": REASON}),
        ("sign", (1,), {"reason": REASON}),
        ("freeze", (FAR,), {"reason": REASON}),
    ]

    for what, arguments, keywords in asked:
        first = act(ana, what, *arguments, **keywords)
        there = everything(own_home)
        again = act(ana, what, *arguments, **keywords)

        assert not isinstance(first, FinRiskError), first
        assert again == first, what
        assert everything(own_home) == there, what


def test_two_clicks_roll_one_version_back(ana: AppTest, own_home: Path) -> None:
    promoted = act(ana, "promote", earned(own_home).version, refresh=False, reason=REASON)
    asked = {"reason": "its captures fell", "expected_epoch": promoted.epoch}

    first, again = (act(ana, "roll_back", None, **asked) for _ in range(2))

    assert (first.version, first.kind, first.actor) == (1, PromotionKind.ROLLBACK, "ana")
    assert again.epoch == first.epoch == promoted.epoch + 1


def test_a_rollback_from_a_champion_that_is_gone_is_refused(ana: AppTest, own_home: Path) -> None:
    promoted = act(ana, "promote", earned(own_home).version, refresh=False, reason=REASON)
    there = everything(own_home)

    stale = act(ana, "roll_back", None, reason=REASON, expected_epoch=promoted.epoch - 1)
    strange = act(ana, "roll_back", 77, reason=REASON, expected_epoch=promoted.epoch)

    assert isinstance(stale, StaleChallenger)
    assert isinstance(strange, RollbackRefused)
    assert everything(own_home) == there


def test_another_target_from_the_same_champion_is_another_request(
    ana: AppTest, own_home: Path
) -> None:
    promoted = act(ana, "promote", earned(own_home).version, refresh=False, reason=REASON)
    act(ana, "roll_back", 1, reason=REASON, expected_epoch=promoted.epoch)

    late = act(ana, "roll_back", promoted.version, reason=REASON, expected_epoch=promoted.epoch)

    assert isinstance(late, StaleChallenger), "not the rollback that somebody else asked for"


def test_without_evidence_nothing_is_promoted_and_there_is_no_force(
    ana: AppTest, own_home: Path
) -> None:
    with Ledger.open(settings_of(own_home)) as ledger:
        other = max(version.version for version in ledger.versions("credit_risk"))
    there = everything(own_home)

    assert isinstance(act(ana, "promote", other, refresh=False, reason=REASON), EvidenceMissing)
    assert everything(own_home) == there
    for name in ("promote", "roll_back", "sign", "freeze"):
        assert "force" not in inspect.signature(getattr(actions, name)).parameters


def test_in_a_freeze_nobody_promotes_but_anybody_rolls_back(ana: AppTest, own_home: Path) -> None:
    promoted = act(ana, "promote", earned(own_home).version, refresh=False, reason=REASON)
    frozen = act(ana, "freeze", FAR, reason="the year's end is near")
    back = act(ana, "roll_back", None, reason=REASON, expected_epoch=promoted.epoch)
    again = earned(own_home, date(2026, 4, 1))

    refused = act(ana, "promote", again.version, refresh=False, reason=REASON)

    assert (frozen.until, frozen.actor) == (FAR, "ana")
    assert (back.version, back.epoch) == (1, promoted.epoch + 1)
    assert isinstance(refused, PromotionFrozen)
    assert act(ana, "freeze", None, reason="the year has begun").until is None


def test_a_freeze_that_would_be_over_is_refused(ana: AppTest) -> None:
    refused = act(ana, "freeze", date(2020, 1, 1), reason=REASON)

    assert isinstance(refused, ConfigurationError)
    assert "would be over already" in str(refused)


@pytest.mark.parametrize(
    ("reason", "lacks"),
    [
        ("", "10 characters or more: 0 so far"),
        ("  a  b  c  ", "10 characters or more: 3 so far"),
        ("\u200b" * 20, "10 characters or more: 0 so far"),
        ("x" * 1001, "1000 characters at most: 1001 so far"),
        ("read the evidence\x00", "control character"),
        ("read the evidence \ud800", "control character"),
    ],
)
def test_a_reason_that_says_nothing_is_none(reason: str, lacks: str) -> None:
    assert lacks in (actions.wanting(reason) or "")


@pytest.mark.parametrize("reason", ["0123456789", "erste Zeile\nzweite Zeile", "x" * 1000])
def test_a_reason_is_ten_characters_of_any_text(reason: str) -> None:
    assert actions.wanting(reason) is None


def test_without_a_reason_nothing_happens(ana: AppTest, own_home: Path) -> None:
    new, there = earned(own_home), everything(own_home)

    asked: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
        ("promote", (new.version,), {"refresh": False}),
        ("roll_back", (None,), {"expected_epoch": 1}),
        ("sign", (1,), {}),
        ("freeze", (FAR,), {}),
    ]
    for what, arguments, keywords in asked:
        refused = act(ana, what, *arguments, reason="too short", **keywords)
        assert isinstance(refused, ConfigurationError), what
    assert everything(own_home) == there


def test_who_was_revoked_meanwhile_acts_no_more(ana: AppTest, own_home: Path) -> None:
    new, there = earned(own_home), everything(own_home)
    revoke_promoter(settings_of(own_home).keys, "ana", at=datetime.now(UTC))

    refused = act(ana, "promote", new.version, refresh=False, reason=REASON)

    assert isinstance(refused, NotAllowed)
    assert everything(own_home) == there


def test_a_replay_is_acted_on_in_its_own_scope(ana: AppTest, own_home: Path) -> None:
    there = everything(own_home)
    settings = settings_of(own_home).in_scope("backtest")
    ana.session_state["scope of action"] = "backtest"

    frozen = act(ana, "freeze", FAR, reason=REASON)

    assert frozen.until == FAR
    with Ledger.open(settings) as ledger:
        assert ledger.freezes("credit_risk") == [frozen]
    assert everything(own_home) == there


class TestASecondPerson:
    """Where the policy names approvers, who started the night does not promote on it."""

    @pytest.fixture(autouse=True)
    def approvers(self, own_home: Path) -> None:
        path = own_home / "conf" / "models" / "credit_risk.yaml"
        document = yaml.safe_load(path.read_text())
        document["gate"] |= {"approval": "person", "approvers": ["carla"]}
        path.write_text(yaml.safe_dump(document, sort_keys=False))

    @staticmethod
    def started_by(home: Path, actor: str) -> None:
        with Ledger.open(settings_of(home)) as ledger:
            ledger.record_night(
                night_decision(actor=actor),
                snapshot_sha256=None,
                spec_sha256="spec",
                holdout_sha256=None,
                at=datetime.now(UTC),
            )

    @pytest.mark.parametrize("starter", ["ana", "Ana@lender.example"])
    def test_who_started_the_night_does_not_promote(
        self, starter: str, ana: AppTest, own_home: Path
    ) -> None:
        new = earned(own_home)
        self.started_by(own_home, starter)
        there = everything(own_home)

        refused = act(ana, "promote", new.version, refresh=False, reason=REASON)

        assert isinstance(refused, NotAllowed)
        assert "a second person" in str(refused)
        assert everything(own_home) == there

    def test_somebody_else_does(self, ana: AppTest, own_home: Path) -> None:
        new = earned(own_home)
        self.started_by(own_home, "ben")

        link = act(ana, "promote", new.version, refresh=False, reason=REASON)

        assert isinstance(link, PromotionRecord)
        assert link.kind is PromotionKind.APPROVED

    def test_the_command_keeps_the_same_rule_and_its_force_is_recorded_as_such(
        self, session: Session, own_home: Path
    ) -> None:
        from finrisk.pipelines import by_hand
        from finrisk.pipelines.named_model import NamedModel
        from finrisk.pipelines.person import Person

        new = earned(own_home)
        self.started_by(own_home, "ben")
        found, ben = NamedModel.open("credit_risk"), Person("ben")

        with pytest.raises(NotAllowed, match="a second person"):
            by_hand.promote(found, new.version, by=ben, reason=REASON)
        link = by_hand.promote(found, new.version, by=ben, reason=REASON, force=True)

        assert (link.kind, link.evidence_sha256) == (PromotionKind.FORCED, None)
