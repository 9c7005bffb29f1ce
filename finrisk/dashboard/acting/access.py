"""Who looks, and whether they may change anything: asked anew at every page and every action.

Everybody reads, unless ``FINRISK_DASHBOARD_READING`` is ``login``. To act, people log in: by a
token of ``finrisk promoters``, or by an identity provider where Streamlit's secrets name one.
Either way it lasts a working day. Of a token the session keeps the name and the digest; the token
itself is in no log, address, cache or page.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import streamlit as st

from finrisk.dashboard.acting.identities import Identity, identity
from finrisk.dashboard.acting.login_provider import provider
from finrisk.dashboard.acting.promoters import promoter_of, still_acts
from finrisk.dashboard.acting.throttle import Throttle
from finrisk.dashboard.look import plain_text
from finrisk.dashboard.sources import sources
from finrisk.errors import ConfigurationError, FinRiskError
from finrisk.key_file import LONGEST_KEY
from finrisk.names import APART, LIVE
from finrisk.people import DashboardReading
from finrisk.pipelines.person import Person

log = logging.getLogger(__name__)

LASTS = timedelta(hours=8)
SESSION, TOLD = "promoter", "promoter told"
TOKEN = "promoter token"  # noqa: S105 - the field's key
WRONG_TOKENS = Throttle()


@dataclass(frozen=True, slots=True)
class Login:
    """What a session keeps of a token."""

    name: str
    sha256: str
    since: datetime
    tenant: str = ""


def promoter() -> str | None:
    """Return the name of who may act now; None: this session only reads."""
    who = who_acts()
    return None if who is None else who.name


def who_acts() -> Person | None:
    """Return who may act now, by all their names; None also where that cannot be told."""
    now = _now()
    try:
        if provider() is None:
            return _by_token(now)
        found = _identity(now)
    except ConfigurationError as exc:
        log.warning("nobody may act: %s", exc)
        return None
    return Person(found.name, found.also) if found is not None and found.acts_at(now) else None


def may_read() -> bool:
    """Say whether this session may see anything: where a login is asked for, only after one.

    Whom the identity provider knows may read, a promoter or not; and who acts by a token.

    Raises
    ------
    ConfigurationError
        Who may log in cannot be told; then nobody reads.
    """
    if sources().settings.dashboard_reading is DashboardReading.OPEN:
        return True
    now = _now()
    if provider() is None:
        return _by_token(now) is not None
    found = _identity(now)
    return found is not None and now < found.until


def acts_for() -> str:
    """Return the tenant whose models alone this session's token is for; empty: no tenant's."""
    login = st.session_state.get(SESSION)
    return login.tenant if isinstance(login, Login) else ""


def may_see(scope: str) -> bool:
    """Say whether this session may see a scope.

    Where reading asks for a login, who logged in for a tenant sees that tenant and no other.
    """
    closed = sources().settings.dashboard_reading is DashboardReading.LOGIN
    return may_act_in(scope) if closed else True


def may_act_in(scope: str) -> bool:
    """Say whether this session's login is for this scope; it may still not act at all."""
    bound = acts_for()
    return not bound or scope.partition(APART)[0] == bound


def show_who(scope: str) -> None:
    """Show at the side who acts and until when, or how to log in."""
    with st.sidebar.container(border=True):
        try:
            by = provider()
            who = who_acts()
            if by is None:
                _show_token(who, scope)
            else:
                _show_provider(by, who, scope)
        except FinRiskError as exc:
            st.markdown(":material/lock: Read only")
            st.warning(plain_text(str(exc)), icon=":material/warning:")
        if told := st.session_state.pop(TOLD, None):
            st.warning(plain_text(told), icon=":material/warning:")


def _show_token(who: Person | None, scope: str) -> None:
    if who is not None:
        if may_act_in(scope):
            _show_acting(who.name, st.session_state[SESSION].since + LASTS, scope)
        else:
            _show_elsewhere(who.name)
        st.button("Log out", key="promoter log out", on_click=_log_out, icon=":material/logout:")
        return
    closed = _show_locked()
    with (
        st.expander("Log in" if closed else "Log in to act", expanded=closed),
        st.form("promoter login", border=False),
    ):
        st.text_input(
            "Promoter token",
            type="password",
            key=TOKEN,
            max_chars=LONGEST_KEY,
            autocomplete="off",
            help="`finrisk promoters add NAME` makes one, on the server",
        )
        st.form_submit_button("Log in", on_click=_log_in, icon=":material/login:")


def _show_provider(by: str, who: Person | None, scope: str) -> None:
    found = _identity(_now())
    if who is not None and found is not None:
        _show_acting(who.name, found.until, scope)
    else:
        _show_locked()
    if not st.user.get("is_logged_in"):
        if st.button("Log in", key="promoter log in", icon=":material/login:"):
            st.login(by or None)
        return
    if who is None:
        st.caption(_why_only_read(found))
    if st.button("Log out", key="promoter log out", icon=":material/logout:"):
        st.logout()


def _why_only_read(found: Identity | None) -> str:
    if found is None:
        return "The identity provider says neither who you are nor since when."
    if not found.promotes:
        return f"{plain_text(found.name)} may read; FINRISK_PROMOTERS names who may act."
    return f"{plain_text(found.name)}, your working day is over: log out, and in again to act."


def _show_locked() -> bool:
    """Say that nobody acts; return whether nobody reads either."""
    closed = not may_read()
    st.markdown(f":material/lock: {'Not logged in' if closed else 'Read only'}")
    return closed


def _show_acting(name: str, until: datetime, scope: str) -> None:
    where = "" if scope == LIVE else f" in scope {plain_text(scope)}"
    st.markdown(f":material/verified_user: **{plain_text(name)}** may act{where}")
    st.caption(f"until {until:%H:%M} UTC; what you decide is recorded in your name")


def _show_elsewhere(name: str) -> None:
    st.markdown(f":material/lock: **{plain_text(name)}** reads only here")
    st.caption(f"the token is of the tenant {plain_text(acts_for())}")


def _log_in() -> None:
    """Compare the token that was typed, which is gone before anything is drawn."""
    token = str(st.session_state.get(TOKEN, "")).strip()
    st.session_state[TOKEN] = ""
    now = _now()
    try:
        found = promoter_of(sources().settings.keys, token[: LONGEST_KEY + 1], now)
    except FinRiskError as exc:
        st.session_state[TOLD] = str(exc)
        return
    if found is None:
        if wrong := WRONG_TOKENS.count_wrong():
            log.warning("a wrong promoter token was refused (%d this minute)", wrong)
        st.session_state[TOLD] = "This token opens nothing: it is wrong, revoked, or has ended."
        return
    st.session_state[SESSION] = Login(found.name, found.sha256, now, found.tenant)
    log.info("%s logged in by token", found.name)


def _log_out() -> None:
    login = st.session_state.pop(SESSION, None)
    if login is not None:
        log.info("%s logged out", login.name)


def _by_token(now: datetime) -> Person | None:
    login = st.session_state.get(SESSION)
    if not isinstance(login, Login):
        return None
    if now < login.since + LASTS:
        if still_acts(sources().settings.keys, login.name, login.sha256, now):
            return Person(login.name)
        why = "Your token was revoked, or has ended."
    else:
        why = f"You logged in more than {LASTS.total_seconds() / 3600:g} hours ago: log in again."
    log.info("%s acts no more: %s", login.name, why)
    del st.session_state[SESSION]
    st.session_state[TOLD] = why
    return None


def _identity(now: datetime) -> Identity | None:
    return identity(st.user.to_dict(), sources().settings.promoter_rules, now)


def _now() -> datetime:
    return datetime.now(UTC)
