"""Logging in and out: who acts is asked anew each time, and no token stays anywhere."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from finrisk.dashboard.acting import access
from finrisk.dashboard.acting.promoters import PROMOTERS_FILE, revoke_promoter
from finrisk.dashboard.acting.throttle import MOST, SECONDS, Throttle
from finrisk.dashboard.pages import PAGES
from tests.dashboard.conftest import Show, settings_of, texts
from tests.dashboard.promoter_worlds import log_in, token_of
from tests.dashboard.test_promoters import AUTH

ACTS, READS = "verified_user", "Read only"
Seconds = list[float]


@pytest.fixture(autouse=True)
def seconds(monkeypatch: pytest.MonkeyPatch) -> Seconds:
    """The clock of a throttle that counts for this test alone."""
    at = [0.0]
    monkeypatch.setattr(access, "WRONG_TOKENS", Throttle(clock=lambda: at[0]))
    return at


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG)
    return caplog


def said(at: AppTest) -> str:
    """What a page says, without the strokes that keep Markdown from reading more into it."""
    return texts(at).replace("\\", "")


def acts(at: AppTest) -> bool:
    assert (ACTS in said(at)) != (READS in said(at)), said(at)
    return ACTS in said(at)


def at_large(at: AppTest) -> str:
    """Everything that a browser was sent and that the session keeps, as text."""
    kept = {key: at.session_state[key] for key in at.session_state.keys()}  # noqa: SIM118
    return f"{at.main!r}\n{at.sidebar!r}\n{kept!r}\n{at.query_params!r}"


def test_whoever_comes_reads_only(own_home: Path, show: Show) -> None:
    at = show(own_home, "settings")

    assert not acts(at)
    assert [one.label for one in at.text_input] == ["Promoter token"]


def test_who_has_a_token_acts_until_the_evening(own_home: Path, show: Show) -> None:
    at = log_in(show(own_home, "settings"), token_of(own_home))

    assert acts(at)
    assert "**ana** may act" in said(at)
    until = at.session_state[access.SESSION].since + timedelta(hours=8)
    assert f"until {until:%H:%M} UTC" in said(at)


def test_of_a_token_nothing_stays_in_session_address_page_or_log(
    own_home: Path, show: Show, told: pytest.LogCaptureFixture
) -> None:
    token = token_of(own_home)
    at = log_in(show(own_home, "settings"), "frp_wrong-" + token[4:])
    assert token[4:] not in at_large(at) + told.text

    log_in(at, f"  {token} ")

    assert acts(at)
    assert token not in at_large(at) + told.text
    assert "ana logged in by token" in told.text
    assert "a wrong promoter token was refused (1 this minute)" in told.text


@pytest.mark.parametrize("wrong", ["", " ", "frp_wrong", "x" * 200, "ключ"])
def test_a_wrong_token_opens_nothing(wrong: str, own_home: Path, show: Show) -> None:
    token_of(own_home)

    at = log_in(show(own_home, "settings"), wrong)

    assert not acts(at)
    assert "This token opens nothing" in said(at)
    assert not at.exception


def test_a_token_that_has_ended_opens_nothing(own_home: Path, show: Show) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=91)

    assert not acts(log_in(show(own_home, "settings"), token_of(own_home, at=long_ago)))


def test_whoever_types_wrong_tokens_keeps_nobody_out_and_fills_no_log(
    own_home: Path, show: Show, seconds: Seconds, told: pytest.LogCaptureFixture
) -> None:
    token = token_of(own_home)
    at = show(own_home, "settings")
    for _ in range(MOST + 3):
        log_in(at, "frp_wrong")
    assert told.text.count("a wrong promoter token was refused") == MOST

    assert acts(log_in(at, token))

    next(button for button in at.button if button.label == "Log out").click().run()
    seconds[0] = SECONDS
    assert not acts(log_in(at, "frp_wrong"))
    assert told.text.count("a wrong promoter token was refused") == MOST + 1


def test_a_revoked_token_reads_only_at_the_next_look(own_home: Path, show: Show) -> None:
    at = log_in(show(own_home, "settings"), token_of(own_home))
    revoke_promoter(settings_of(own_home).keys, "ana", at=datetime.now(UTC))

    at.run()

    assert not acts(at)
    assert "Your token was revoked, or has ended" in said(at)
    assert access.SESSION not in at.session_state


def test_a_login_ends_after_eight_hours(own_home: Path, show: Show) -> None:
    at = log_in(show(own_home, "settings"), token_of(own_home))
    login = at.session_state[access.SESSION]
    almost = timedelta(hours=7, minutes=59)

    at.session_state[access.SESSION] = access.Login("ana", login.sha256, login.since - almost)
    assert acts(at.run())
    long_ago = login.since - timedelta(hours=8)
    at.session_state[access.SESSION] = access.Login("ana", login.sha256, long_ago)
    assert not acts(at.run())
    assert "log in again" in said(at)


def test_who_logs_out_reads_only(own_home: Path, show: Show) -> None:
    at = log_in(show(own_home, "settings"), token_of(own_home))

    at.button(key="promoter log out").click().run()

    assert not acts(at)
    assert access.SESSION not in at.session_state


def test_a_session_that_names_somebody_else_acts_in_nobodys_name(
    own_home: Path, show: Show
) -> None:
    at = log_in(show(own_home, "settings"), token_of(own_home))
    login = at.session_state[access.SESSION]

    at.session_state[access.SESSION] = access.Login("ben", login.sha256, login.since)

    assert not acts(at.run())


def test_a_file_that_others_may_read_lets_nobody_act_and_pages_show(
    own_home: Path, show: Show
) -> None:
    token = token_of(own_home)
    at = log_in(show(own_home, "settings"), token)
    (settings_of(own_home).keys / PROMOTERS_FILE).chmod(0o644)

    assert not acts(at.run())
    assert not acts(log_in(at, token))
    assert "can be read by others" in said(at)
    assert not at.exception
    assert "What answers" in said(at)


class TestAnIdentityProvider:
    """With [auth] in the secrets, people log in there and nowhere else."""

    CLAIMS: dict[str, Any] = {  # noqa: RUF012 - never changed
        "is_logged_in": True,
        "sub": "7f3a",
        "email": "ana_b@lender.example",
        "email_verified": True,
    }

    @pytest.fixture
    def page(self, own_home: Path, show: Show, monkeypatch: pytest.MonkeyPatch) -> AppTest:
        monkeypatch.setenv("FINRISK_PROMOTERS", "email:ana_b@lender.example")
        at = show(own_home, "settings", run=False)
        at.secrets["auth"] = AUTH
        at.user = {"is_logged_in": False}
        return at

    def claims(self, **changes: Any) -> dict[str, Any]:
        return self.CLAIMS | {"iat": datetime.now(UTC).timestamp()} | changes

    def test_who_has_not_logged_in_reads_and_sees_no_field_for_a_token(self, page: AppTest) -> None:
        page.run()

        assert not acts(page)
        assert not page.text_input
        assert page.button(key="promoter log in").label == "Log in"

    def test_whom_the_setting_names_acts(self, page: AppTest) -> None:
        page.user = self.claims()

        assert acts(page.run())
        assert "**ana_b@lender.example** may act" in said(page)

    @pytest.mark.parametrize(
        ("changes", "says"),
        [
            ({"email": "ben@lender.example"}, "FINRISK_PROMOTERS names who may act"),
            ({"email_verified": False}, "FINRISK_PROMOTERS names who may act"),
            ({"iat": datetime(2026, 1, 1, tzinfo=UTC).timestamp()}, "working day is over"),
            ({"iat": None}, "neither who you are nor since when"),
        ],
    )
    def test_everybody_else_reads_and_is_told_why(
        self, changes: dict[str, Any], says: str, page: AppTest
    ) -> None:
        page.user = self.claims(**changes)

        assert not acts(page.run())
        assert says in said(page)
        assert page.button(key="promoter log out")

    def test_no_token_is_accepted_not_even_of_a_session_that_had_one(
        self, page: AppTest, own_home: Path
    ) -> None:
        token_of(own_home)
        sha256 = "0" * 64
        page.session_state[access.SESSION] = access.Login("ana", sha256, datetime.now(UTC))

        assert not acts(page.run())

    @pytest.mark.parametrize("spoilt", [{"cookie_secret": "short"}, {"client_id": ""}])
    def test_where_it_is_not_safe_nobody_acts_and_the_page_says_so(
        self, spoilt: dict[str, Any], page: AppTest
    ) -> None:
        page.user = self.claims()
        page.secrets["auth"] = {**AUTH, **spoilt}

        page.run()

        assert not acts(page)
        assert "is not set up, so nobody can log in" in said(page)
        assert AUTH["cookie_secret"] not in at_large(page)


class TestWhereReadingAsksForALogin:
    @pytest.fixture(autouse=True)
    def closed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FINRISK_DASHBOARD_READING", "login")

    @pytest.mark.parametrize("page", [one.name for one in PAGES])
    def test_no_page_says_anything_of_a_model(self, page: str, own_home: Path, show: Show) -> None:
        at = show(own_home, page)

        assert not at.exception
        assert "Log in to read" in said(at)
        assert "redit" not in at_large(at)
        assert [one.label for one in at.text_input] == ["Promoter token"]

    def test_who_has_a_token_reads_until_it_is_revoked(self, own_home: Path, show: Show) -> None:
        at = log_in(show(own_home, "overview"), token_of(own_home))
        assert "redit" in texts(at)

        revoke_promoter(settings_of(own_home).keys, "ana", at=datetime.now(UTC))
        at.run()

        assert "redit" not in texts(at)
        assert "Log in to read" in said(at)

    def test_whom_the_provider_knows_reads_without_being_a_promoter(
        self, own_home: Path, show: Show
    ) -> None:
        at = show(own_home, "overview", run=False)
        at.secrets["auth"] = AUTH
        at.user = {"is_logged_in": False}
        assert "redit" not in texts(at.run())

        claims = {"is_logged_in": True, "sub": "7f3a", "iat": datetime.now(UTC).timestamp()}
        at.user = claims
        assert "redit" in texts(at.run())
        assert not acts(at)

        at.user = claims | {"iat": (datetime.now(UTC) - timedelta(hours=9)).timestamp()}
        assert "redit" not in texts(at.run())

    def test_nobody_reads_where_it_cannot_be_told_who_may(self, own_home: Path, show: Show) -> None:
        at = show(own_home, "overview", run=False)
        at.secrets["auth"] = {**AUTH, "cookie_secret": "short"}
        at.user = {"is_logged_in": True, "sub": "7f3a", "iat": datetime.now(UTC).timestamp()}

        at.run()

        assert "redit" not in texts(at)
        assert "nobody can log in" in said(at)
