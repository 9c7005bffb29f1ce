"""Who may promote: tokens that are kept as digests and end, and people whom a provider names."""

from __future__ import annotations

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from finrisk.config import Settings, load_settings
from finrisk.dashboard.acting.identities import Identity, identity
from finrisk.dashboard.acting.login_provider import checked
from finrisk.dashboard.acting.promoters import (
    PROMOTERS_FILE,
    add_promoter,
    all_promoters,
    promoter_of,
    revoke_promoter,
    still_acts,
)
from finrisk.dashboard.acting.throttle import MOST, SECONDS, Throttle
from finrisk.errors import ConfigurationError, SettingsError
from finrisk.people import promoter_rules

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
DAY = timedelta(days=1)
RULES = promoter_rules("email:ana@lender.example, group:model-risk, sub:7f3a")
CLAIMS: dict[str, Any] = {
    "is_logged_in": True,
    "iss": "https://id.example",
    "sub": "0b1c",
    "email": "ben@lender.example",
    "email_verified": True,
    "iat": AT.timestamp(),
}


class TestTokens:
    def test_the_file_has_no_token_and_is_its_owners_only(self, tmp_path: Path) -> None:
        token, made = add_promoter(tmp_path / "keys", "ana", at=AT)

        path = tmp_path / "keys" / PROMOTERS_FILE
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert token not in path.read_text()
        assert token.startswith("frp_")
        assert len(token) == len("frp_") + 43, "256 bits in base 64"
        assert (made.name, made.created, made.expires) == ("ana", AT, AT + 90 * DAY)
        assert promoter_of(path.parent, token, AT) == made

    def test_a_token_ends_with_its_date_and_with_its_revocation(self, tmp_path: Path) -> None:
        short, made = add_promoter(tmp_path, "ana", at=AT, days=1)
        long, ben = add_promoter(tmp_path, "ben", at=AT, days=366)

        assert promoter_of(tmp_path, short, AT + DAY - timedelta(seconds=1)) == made
        assert promoter_of(tmp_path, short, AT + DAY) is None
        assert still_acts(tmp_path, "ben", ben.sha256, AT + DAY)
        revoke_promoter(tmp_path, "ben", at=AT)
        assert promoter_of(tmp_path, long, AT) is None
        assert not still_acts(tmp_path, "ben", ben.sha256, AT + DAY)

    def test_a_new_token_of_the_same_name_does_not_revive_the_old_session(
        self, tmp_path: Path
    ) -> None:
        _, old = add_promoter(tmp_path, "ana", at=AT)
        revoke_promoter(tmp_path, "ana", at=AT)
        _, new = add_promoter(tmp_path, "ana", at=AT)

        assert still_acts(tmp_path, "ana", new.sha256, AT)
        assert not still_acts(tmp_path, "ana", old.sha256, AT)
        assert not still_acts(tmp_path, "ben", new.sha256, AT), "nor is it another's"

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            ({"name": "Ana"}, "no name of a promoter"),
            ({"name": ""}, "no name of a promoter"),
            ({"name": "a b"}, "no name of a promoter"),
            ({"name": "ana\n"}, "no name of a promoter"),
            ({"name": "airflow"}, "scheduled nights act under"),
            ({"name": "ana"}, "already"),
            ({"days": 0}, "too long or not at all"),
            ({"days": 367}, "too long or not at all"),
        ],
    )
    def test_a_token_for_nobody_or_for_ever_is_not_made(
        self, tmp_path: Path, change: dict[str, Any], says: str
    ) -> None:
        add_promoter(tmp_path, "ana", at=AT)

        with pytest.raises(ConfigurationError, match=says):
            add_promoter(tmp_path, **({"name": "ben", "at": AT} | change))
        assert len(all_promoters(tmp_path)) == 1

    def test_an_address_may_be_a_name(self, tmp_path: Path) -> None:
        assert add_promoter(tmp_path, "ana+risk@lender.example", at=AT)[1].name.endswith("example")

    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
    def test_a_file_that_others_may_read_or_write_lets_nobody_in(
        self, tmp_path: Path, mode: int
    ) -> None:
        token, _ = add_promoter(tmp_path, "ana", at=AT)
        (tmp_path / PROMOTERS_FILE).chmod(mode)

        with pytest.raises(ConfigurationError, match=r"read by others.*chmod 600"):
            promoter_of(tmp_path, token, AT)

    @pytest.mark.parametrize("content", ["", "{}", "null", '{"keys": [{"name": 3}]}', "\x00"])
    def test_a_file_that_holds_something_else_lets_nobody_in(
        self, tmp_path: Path, content: str
    ) -> None:
        (tmp_path / PROMOTERS_FILE).write_text(content)
        (tmp_path / PROMOTERS_FILE).chmod(0o600)

        with pytest.raises(ConfigurationError, match="does not hold tokens of promoters"):
            promoter_of(tmp_path, "frp_x", AT)

    @pytest.mark.parametrize("presented", ["", "frp_", "x" * 5000, "ключ", "\udc80"])
    def test_what_is_no_token_opens_nothing(self, tmp_path: Path, presented: str) -> None:
        _, made = add_promoter(tmp_path, "ana", at=AT)

        assert promoter_of(tmp_path, presented, AT) is None
        assert promoter_of(tmp_path, made.sha256, AT) is None, "nor does a stolen digest"

    def test_people_who_come_at_once_all_get_theirs(self, tmp_path: Path) -> None:
        names = [f"person-{number}" for number in range(12)]

        with ThreadPoolExecutor(4) as pool:
            tokens = list(pool.map(lambda name: add_promoter(tmp_path, name, at=AT)[0], names))

        known = [promoter_of(tmp_path, token, AT) for token in tokens]
        assert [one.name for one in known if one] == names
        assert len(json.loads((tmp_path / PROMOTERS_FILE).read_text())["keys"]) == len(names)


def test_after_ten_wrong_tokens_the_log_is_spared_until_the_minute_is_over() -> None:
    seconds = [100.0]
    throttle = Throttle(clock=lambda: seconds[0])

    for tried in range(MOST):
        assert throttle.count_wrong() == tried + 1
        seconds[0] += 1
    assert throttle.count_wrong() == 0
    seconds[0] = 100.0 + SECONDS - 0.5
    assert throttle.count_wrong() == 0
    seconds[0] = 100.0 + SECONDS
    assert throttle.count_wrong() == 1, "a new minute"


class TestRules:
    def test_the_setting_names_people_by_address_group_and_subject(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("FINRISK_HOME", str(tmp_path))
        monkeypatch.setenv("FINRISK_PROMOTERS", " email:Ana@Lender.Example ,group:/risk/model: v2")

        assert [str(rule) for rule in load_settings().promoter_rules] == [
            "email:ana@lender.example",
            "group:/risk/model: v2",
        ]
        assert Settings(home=tmp_path).promoter_rules == ()

    @pytest.mark.parametrize(
        "text",
        [
            "ana@lender.example",
            "email:",
            "email:*",
            "email:*@lender.example",
            "email:@lender.example",
            "email:ana@localhost",
            "email:ana b@lender.example",
            "mail:ana@lender.example",
            "Email:ana@lender.example",
            "group:",
            "sub: ",
            "*",
            "group:a\x00b",
            "group:a,group:a",
            "email:ana@lender.example,email:ANA@lender.example",
        ],
    )
    def test_whatever_names_nobody_or_everybody_is_refused(
        self, text: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        with pytest.raises(ValueError, match=r"expected|named twice"):
            promoter_rules(text)
        if "\x00" not in text:
            monkeypatch.setenv("FINRISK_HOME", str(tmp_path))
            monkeypatch.setenv("FINRISK_PROMOTERS", text)
            with pytest.raises(SettingsError, match="FINRISK_PROMOTERS does not fit"):
                load_settings()


def of(**changes: Any) -> Identity | None:
    """Who somebody is that no rule names, with one change; None takes a claim away."""
    claims = {key: told for key, told in (CLAIMS | changes).items() if told is not None}
    return identity(claims, RULES, AT)


class TestIdentities:
    def test_a_person_whom_no_rule_names_is_known_and_reads(self) -> None:
        found = of()

        assert found is not None
        assert (found.name, found.promotes) == ("ben@lender.example", False)
        assert not found.acts_at(AT)

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"email": "ana@lender.example"}, "ana@lender.example"),
            ({"email": "ANA@Lender.Example"}, "ana@lender.example"),
            ({"groups": ["other", "model-risk"]}, "ben@lender.example"),
            ({"groups": "model-risk"}, "ben@lender.example"),
            ({"roles": ["model-risk"]}, "ben@lender.example"),
            ({"roles": ("model-risk",), "groups": 7}, "ben@lender.example"),
            ({"sub": "7f3a"}, "ben@lender.example"),
            ({"sub": "7f3a", "email_verified": False}, "7f3a"),
            ({"groups": ["model-risk"], "email": None}, "0b1c"),
        ],
    )
    def test_whom_a_rule_names_promotes_under_the_verified_address_or_the_subject(
        self, changes: dict[str, Any], name: str
    ) -> None:
        found = of(**changes)

        assert found is not None
        assert (found.name, found.acts_at(AT)) == (name, True)

    @pytest.mark.parametrize(
        "changes",
        [
            {"email": "ana@lender.example", "email_verified": False},
            {"email": "ana@lender.example", "email_verified": None},
            {"email": "ana@lender.example", "email_verified": "true"},
            {"email": "ana@lender.example", "email_verified": 1},
            {"email": ["ana@lender.example"]},
            {"email": "ana@lender.example "},
            {"email": "ana@lender.example\nben@lender.example"},
            {"email": "xana@lender.example"},
            {"email": "ana@lender.example.evil.example"},
            {"preferred_username": "ana@lender.example"},
            {"upn": "ana@lender.example", "name": "model-risk"},
            {"groups": ["Model-Risk"]},
            {"groups": ["model-risk "]},
            {"groups": [["model-risk"]]},
            {"groups": {"model-risk": True}},
            {"groups": "model-risk other"},
            {"group": ["model-risk"]},
            {"realm_access": {"roles": ["model-risk"]}},
            {"sub": "7F3A"},
            {"sub": 7},
            {"sub": "7f3a", "email_verified": False, "iat": None},
        ],
    )
    def test_whatever_is_only_like_a_rule_promotes_nobody(self, changes: dict[str, Any]) -> None:
        found = of(**changes)

        assert found is None or not found.promotes

    @pytest.mark.parametrize(
        "changes",
        [
            {"is_logged_in": False},
            {"is_logged_in": None},
            {"is_logged_in": "true"},
            {"iat": None},
            {"iat": "1772442000"},
            {"iat": True},
            {"iat": float("nan")},
            {"iat": 1e30},
            {"iat": (AT + timedelta(minutes=6)).timestamp()},
            {"sub": None, "email": None},
            {"sub": "", "email_verified": False},
            {"sub": "x" * 121, "email_verified": False},
            {"sub": "7f3a\u202e", "email_verified": False},
        ],
    )
    def test_who_is_not_vouched_for_is_nobody(self, changes: dict[str, Any]) -> None:
        assert of(**changes) is None

    def test_a_login_counts_for_a_working_day_from_the_providers_stamp(self) -> None:
        found = of(sub="7f3a", iat=(AT - timedelta(hours=3)).timestamp())

        assert found is not None
        assert found.until == AT + timedelta(hours=5)
        assert found.acts_at(AT + timedelta(hours=5, seconds=-1))
        assert not found.acts_at(AT + timedelta(hours=5))

    def test_all_names_are_kept_for_the_question_who_started_the_night(self) -> None:
        found = of(preferred_username="ben", name="Ben B.", nickname=7)

        assert found is not None
        assert found.also == {"0b1c", "ben@lender.example", "ben", "Ben B."}


ONE = {
    "client_id": "finrisk",
    "client_secret": "s",
    "server_metadata_url": "https://id.example/.well-known/openid-configuration",
}
AUTH: dict[str, Any] = {
    "redirect_uri": "https://risk.example/oauth2callback",
    "cookie_secret": "0123456789abcdef0123456789abcdef",
    **ONE,
}


class TestProviders:
    def test_one_provider_is_enough_with_or_without_a_name(self) -> None:
        shared = {key: AUTH[key] for key in ("redirect_uri", "cookie_secret")}

        assert checked(AUTH) == ""
        assert checked(shared | {"bank": ONE}) == "bank"
        local = "http://127.0.0.1:8502/oauth2callback"
        assert checked(AUTH | {"redirect_uri": local}) == ""

    @pytest.mark.parametrize(
        ("changes", "says"),
        [
            ({"client_id": None}, "0 of them"),
            ({"other": ONE}, "2 of them"),
            ({"client_secret": ""}, "no client_secret"),
            ({"server_metadata_url": None}, "no server_metadata_url"),
            ({"cookie_secret": "xxx"}, "32 random characters"),
            ({"cookie_secret": None}, "32 random characters"),
            ({"redirect_uri": "http://risk.example/oauth2callback"}, "redirect_uri to be https"),
            ({"redirect_uri": None}, "redirect_uri to be https"),
            ({"server_metadata_url": "http://id.example/c"}, "server_metadata_url to be https"),
            ({"server_metadata_url": "http://[::1"}, "server_metadata_url to be https"),
        ],
    )
    def test_what_is_not_safe_lets_nobody_log_in(self, changes: dict[str, Any], says: str) -> None:
        auth = {key: told for key, told in (AUTH | changes).items() if told is not None}

        with pytest.raises(ConfigurationError, match=says) as refused:
            checked(auth)
        assert AUTH["cookie_secret"] not in str(refused.value)
