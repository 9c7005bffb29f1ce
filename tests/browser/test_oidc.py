"""People log in by an identity provider, in a real browser: who acts, who reads, who is refused."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.harness import Dashboard, dashboard, done, looking, open_page
from tests.browser.identity_provider import CLIENT, FORGED, SECRET, Provider, identity_provider
from tests.services.harness import free_port

COOKIE_SECRET = "a-cookie-secret-of-this-test-alone-0123456789"
LOG_IN, LOG_OUT = "Log in", "Log out"


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with identity_provider() as one:
        yield one


@pytest.fixture(scope="module")
def guarded(
    opened: Browser,
    provider: Provider,
    decided_home: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Dashboard]:
    """A dashboard whose people log in by the provider; ana and the group model-risk may act."""
    folder, port = tmp_path_factory.mktemp("guarded"), free_port()
    secrets = folder / "secrets.toml"
    secrets.write_text(
        "[auth]\n"
        f'redirect_uri = "http://127.0.0.1:{port}/oauth2callback"\n'
        f'cookie_secret = "{COOKIE_SECRET}"\n'
        f'client_id = "{CLIENT}"\n'
        f'client_secret = "{SECRET}"\n'
        f'server_metadata_url = "{provider.discovery}"\n'
    )
    rules = {"FINRISK_PROMOTERS": "email:ana@lender.example, group:model-risk"}
    options = (f"--secrets.files={secrets}", "--server.allowedHosts=127.0.0.1")
    with dashboard(decided_home, folder, *options, environment=rules, port=port) as running:
        yield running


def side(page: Page) -> str:
    done(page)
    return page.get_by_test_id("stSidebarUserContent").inner_text()


def refused(served: Dashboard) -> int:
    """How many logins ended with the provider's token."""
    return served.log.read_text(errors="replace").count("OAuth token exchange failed")


def log_in(page: Page, served: Dashboard, person: str) -> None:
    open_page(page, f"{served.url}/settings", "Settings")
    page.get_by_role("button", name=LOG_IN).click()
    page.get_by_role("link", name=person, exact=True).click()
    page.wait_for_url(f"{served.url}/**")
    done(page)


@pytest.mark.parametrize(
    ("person", "name"), [("ana", "ana@lender.example"), ("dora", "5a5a")], ids=["address", "group"]
)
def test_whom_the_setting_names_acts_under_the_name_that_is_recorded(
    person: str, name: str, opened: Browser, guarded: Dashboard
) -> None:
    with looking(opened) as (page, seen):
        log_in(page, guarded, person)

        assert f"{name} may act" in side(page)
        page.get_by_role("link", name="Settings").click()
        done(page, "Settings")
        expect(page.get_by_test_id("stMain")).to_contain_text(f"Acting: {name}")
        assert not page.get_by_label("Promoter token", exact=True).count()
        assert seen.errors == []


@pytest.mark.parametrize(
    ("person", "name"),
    [("ben", "ben@lender.example"), ("carl", "9d2e")],
    ids=["nobody names", "address not verified"],
)
def test_everybody_else_reads_and_is_told_so(
    person: str, name: str, opened: Browser, guarded: Dashboard
) -> None:
    with looking(opened) as (page, _):
        log_in(page, guarded, person)

        assert "Read only" in side(page)
        assert f"{name} may read; FINRISK_PROMOTERS names who may act" in side(page)


@pytest.mark.parametrize("forged", [*FORGED, "replayed"])
def test_a_token_that_the_provider_did_not_give_for_this_login_logs_nobody_in(
    forged: str, opened: Browser, guarded: Dashboard
) -> None:
    before = refused(guarded)
    with looking(opened) as (page, _):
        log_in(page, guarded, forged)

        assert "Read only" in side(page)
        assert refused(guarded) == before + 1, "it came as far as the token, and no further"
        expect(page.get_by_role("button", name=LOG_IN)).to_be_visible()
        assert "_streamlit_user" not in {cookie["name"] for cookie in page.context.cookies()}


def test_who_logs_out_reads_only(opened: Browser, guarded: Dashboard) -> None:
    with looking(opened) as (page, _):
        log_in(page, guarded, "ana")
        page.get_by_role("button", name=LOG_OUT).click()
        expect(page.get_by_role("button", name=LOG_IN)).to_be_visible()

        assert "Read only" in side(page)
        open_page(page, f"{guarded.url}/settings", "Settings")
        assert "Read only" in side(page)


def test_the_cookie_of_a_login_is_out_of_a_scripts_and_of_other_sites_reach(
    opened: Browser, guarded: Dashboard
) -> None:
    with looking(opened) as (page, _):
        log_in(page, guarded, "ana")

        cookies = {one["name"]: one for one in page.context.cookies()}
        for name in ("_streamlit_user", "_streamlit_user_tokens"):
            assert cookies[name]["httpOnly"], name
            assert cookies[name]["sameSite"] == "Lax", name
        assert "ana" not in page.evaluate("document.cookie")


def test_a_cookie_that_was_made_up_or_changed_logs_nobody_in(
    opened: Browser, guarded: Dashboard
) -> None:
    with looking(opened) as (page, _):
        log_in(page, guarded, "ben")
        (mine,) = (c for c in page.context.cookies() if c["name"] == "_streamlit_user")
        value = mine["value"].strip('"')
        spoilt = value[:-6] + value[-6:].swapcase()  # of its signature
        assert spoilt != value
        page.context.add_cookies([{"name": "_streamlit_user", "value": spoilt, "url": guarded.url}])
        open_page(page, f"{guarded.url}/settings", "Settings")

        assert "Read only" in side(page)
        expect(page.get_by_role("button", name=LOG_IN)).to_be_visible()


@pytest.mark.parametrize(
    ("origin", "host", "opens"),
    [
        (None, None, True),
        ("http://evil.example", None, False),
        ("http://evil.example", "evil.example", False),
        ("null", None, False),
    ],
    ids=["our own page", "another site", "another site by our address", "a page without a site"],
)
def test_another_site_cannot_open_a_session(
    origin: str | None, host: str | None, opens: bool, guarded: Dashboard
) -> None:
    own = urlsplit(guarded.url)
    port = own.port or 0
    asked = (
        "GET /_stcore/stream HTTP/1.1\r\n"
        f"Host: {f'{host}:{port}' if host else own.netloc}\r\n"
        f"Origin: {f'{origin}:{port}' if host else origin or guarded.url}\r\n"
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: streamlit\r\n\r\n"
    )

    with socket.create_connection(("127.0.0.1", port), timeout=30) as line:
        line.sendall(asked.encode())
        answer = line.recv(64).decode("latin-1")

    assert (" 101 " in answer) is opens, answer


def test_no_secret_and_no_token_is_in_the_log(guarded: Dashboard) -> None:
    log = guarded.log.read_text(errors="replace")

    assert SECRET not in log
    assert COOKIE_SECRET not in log
    assert "eyJ" not in log, "no identity token"
