"""Forms through which a person changes who serves: each says what will happen, and asks why.

What a person saw is what is acted on: the epoch at which a form was drawn travels with it, so that
two people do not promote or roll back the same thing twice. A yes and its button are of one
sentence: once it says something else, a click that is still under way reaches nothing. There is no
force here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import Literal

import streamlit as st

from finrisk.dashboard import look
from finrisk.dashboard.acting import access
from finrisk.dashboard.registry import queries as ask
from finrisk.dashboard.registry.queries import Prospect, Throne
from finrisk.dashboard.shown_models import pulse
from finrisk.dashboard.sources import Whose, sources
from finrisk.errors import FinRiskError
from finrisk.records import PromotionRecord

Deed = Literal["promote", "refresh", "roll back", "sign", "freeze", "lift"]

WHAT, ASKED, SAID = "registry_action", "registry asked", "registry said"
PROMOTE, ROLL_BACK, SIGN, FREEZE = "Promote", "Roll back", "Sign", "Freeze"
LONGEST_REASON = 1000


@dataclass(frozen=True, slots=True)
class Request:
    """What a person asked for, in front of which champion and which freeze, and in which form.

    Parameters
    ----------
    seen_freezes : int
        How many decisions about the freeze there were when the form was drawn.
    sentence : str
        What they read that will happen.
    """

    whose: Whose
    deed: Deed
    version: int | None
    until: date | None
    seen_epoch: int
    seen_freezes: int
    form: str
    sentence: str

    @property
    def reason_key(self) -> str:
        """Of the reason, which is of one model and one form."""
        return f"registry_{self.form}_reason_{self.whose.scope}_{self.whose.model}"

    @property
    def sure_key(self) -> str:
        """Of the yes, which is to one sentence about one model."""
        return f"registry_{self.form}_sure_{self._digest}"

    @property
    def send_key(self) -> str:
        """Of the button."""
        return f"registry_{self.form}_send_{self._digest}"

    @property
    def _digest(self) -> str:
        return hashlib.sha256(repr(self).encode(errors="replace")).hexdigest()[:12]


def show(whose: Whose, throne: Throne, numbers: Sequence[int]) -> None:
    """Let who is logged in choose an action and fill its form; tell others how to log in.

    Parameters
    ----------
    numbers : sequence of int
        The versions of the page, which may be promoted.
    """
    who = access.promoter()
    if who is None:
        st.info(
            "You may read. To promote, roll back, sign or freeze, log in at the left with a "
            "promoter's token or your organisation's account; what you decide is recorded in "
            "your name.",
            icon=":material/lock:",
        )
        return
    what = st.segmented_control(
        "What do you want to do?", [PROMOTE, ROLL_BACK, SIGN, FREEZE], key=WHAT
    )
    if what == PROMOTE:
        _promote(whose, throne, numbers, who)
    elif what == ROLL_BACK:
        _roll_back(whose, throne, who)
    elif what == SIGN:
        _sign(whose, throne, who)
    elif what == FREEZE:
        _freeze(whose, throne, who)
    st.caption(
        "Nothing here goes around the gate. Where a version must serve without evidence, "
        f"{look.command(f'finrisk promote {whose.model} VERSION --force --reason WHY')} does it on "
        "the command line: recorded as forced, with name and reason, for good."
    )


def carry_out(whose: Whose) -> None:
    """Do what the last click asked for, before the page is drawn, and say what came of it."""
    asked: Request | None = st.session_state.pop(ASKED, None)
    if asked is not None and asked.whose == whose:
        told = _carried_out(asked)
        st.session_state[SAID] = told
    if told := st.session_state.pop(SAID, None):
        worked, sentence = told
        show_it = st.success if worked else st.error
        show_it(
            look.plain_text(sentence),
            icon=":material/check_circle:" if worked else ":material/block:",
        )


def _carried_out(asked: Request) -> tuple[bool, str]:
    from finrisk.dashboard.acting import actions

    reason = str(st.session_state.get(asked.reason_key, ""))
    if not st.session_state.get(asked.sure_key):
        return False, "Nothing was done: tick that you have read what will happen."
    if lacks := actions.wanting(reason):
        return False, f"Nothing was done: {lacks}. The reason is kept for good."
    try:
        with st.spinner("Verifying, and writing to the ledger …"):
            told = _acted(asked, reason)
    except FinRiskError as exc:
        return False, f"Nothing was done: {exc}"
    finally:
        st.cache_data.clear()
    with suppress(FinRiskError):  # it is done, also where the ledger goes away now
        # or the frame would wipe what is said here
        st.session_state["pulse"] = pulse(asked.whose.scope)
    st.session_state[asked.reason_key] = ""
    st.session_state[asked.sure_key] = False
    return True, told


def _acted(asked: Request, reason: str) -> str:
    from finrisk.dashboard.acting import actions

    whose, version = asked.whose, asked.version
    if asked.deed in ("promote", "refresh") and version is not None:
        _demand_champion_as_seen(asked, version)
        refresh = asked.deed == "refresh"
        return promoted(actions.promote(whose, version, refresh=refresh, reason=reason))
    if asked.deed == "roll back":
        return promoted(
            actions.roll_back(whose, version, reason=reason, expected_epoch=asked.seen_epoch)
        )
    if asked.deed == "sign" and version is not None:
        return actions.sign(whose, version, reason=reason).sentence
    _demand_freeze_as_seen(asked)
    return actions.freeze(whose, asked.until, reason=reason).sentence


def _demand_champion_as_seen(asked: Request, version: int) -> None:
    """Refuse what was decided in front of another champion than the one that serves now.

    Where that is the version itself, a second click is told who made it so.
    """
    from finrisk.errors import StaleChallenger

    now = sources().ledger(asked.whose.scope).champion(asked.whose.model)
    epoch = 0 if now is None else now.epoch
    if epoch != asked.seen_epoch and (now is None or now.version != version):
        raise StaleChallenger(
            f"the champion of {asked.whose.model} changed while you looked",
            expected=f"epoch {asked.seen_epoch}",
            got=f"epoch {epoch}",
            remedy="read the page again, and decide anew",
        )


def _demand_freeze_as_seen(asked: Request) -> None:
    """Refuse to move or lift another freeze than the one that the person read of.

    A second click finds what the first one decided, which the ledger does not write twice.
    """
    from finrisk.errors import ConfigurationError

    decided = sources().ledger(asked.whose.scope).freezes(asked.whose.model)
    now = decided[-1] if decided else None
    twice = now is not None and len(decided) == asked.seen_freezes + 1 and now.until == asked.until
    if len(decided) != asked.seen_freezes and not twice:
        raise ConfigurationError(
            f"the change freeze of {asked.whose.model} changed while you looked",
            got="none" if now is None else now.sentence,
            remedy="read the page again, and decide anew",
        )


def promoted(link: PromotionRecord) -> str:
    """Return the ledger's word about a promotion: who serves, after whom, by whose hand."""
    after = "" if link.previous_version is None else f" after v{link.previous_version}"
    shown = "" if link.projected else " MLflow's aliases do not show it yet; the next night will."
    return (
        f"v{link.version} is champion{after}: epoch {link.epoch}, {link.kind.value}, by "
        f"{link.actor}.{shown}"
    )


def _promote(whose: Whose, throne: Throne, numbers: Sequence[int], who: str) -> None:
    serving = None if throne.champion is None else throne.champion.version
    others = [number for number in numbers if number != serving]
    if not others:
        st.info("There is no other version on this page to promote.", icon=":material/info:")
        return
    number = st.selectbox(
        "Version to promote",
        others,
        format_func=look.version,
        key="registry_promote_version",
        help="One of the page above; turn it for older ones",
    )
    ways = ["On its evidence", "As a refresh"]
    way = st.radio(
        "On what grounds",
        ways,
        key="registry_promote_way",
        captions=[
            "A night found it better than the champion of now, and every rule held",
            "It is not better but needed (old data, a library, the law): every rule but "
            "superiority holds",
        ],
    )
    refresh = way == ways[1]
    found = ask.prospect(whose, number)
    hopeful, sentence = prospect(number, found, throne, refresh=refresh)
    if hopeful:
        st.info(look.plain_text(sentence), icon=":material/fact_check:")
    else:
        st.warning(look.plain_text(sentence), icon=":material/block:")
    deed: Deed = "refresh" if refresh else "promote"
    will_happen = replaced(number, throne, who, signs=True)
    asked = _asked(whose, throne, deed, "promote", will_happen, version=number)
    _form(asked, f"Promote v{number}")


def prospect(number: int, found: Prospect, throne: Throne, *, refresh: bool) -> tuple[bool, str]:
    """Return whether promoting a version now has a prospect, and what speaks for or against it."""
    against = "the floors of a first champion"
    if throne.champion is not None:
        against = f"v{throne.champion.version} at epoch {throne.epoch}"
    if throne.freeze is not None:
        return False, f"v{number} will be refused: {throne.freeze.sentence}."
    if refresh and found.in_the_way:
        return False, f"v{number} will be refused as a refresh: {'; '.join(found.in_the_way)}."
    if refresh:
        return True, f"v{number} may refresh {against}: every rule but superiority holds."
    if found.earned_on is None:
        return False, (
            f"v{number} will be refused: no night's evidence says PROMOTE for it against {against}."
        )
    return True, f"The night of {found.earned_on} said PROMOTE for v{number} against {against}."


def replaced(number: int, throne: Throne, who: str, *, signs: bool) -> str:
    """Return what will happen to the champion, in a sentence."""
    signed = f" {who} signs it with this." if signs else ""
    if throne.champion is None:
        return f"v{number} becomes the first champion, in {who}'s name.{signed}"
    return (
        f"v{throne.champion.version} (champion since {throne.since}, epoch {throne.epoch}) is "
        f"replaced by v{number}, which decides from now on, in {who}'s name.{signed}"
    )


def _roll_back(whose: Whose, throne: Throne, who: str) -> None:
    if throne.champion is None or not throne.back_to:
        st.info(
            "There is no earlier champion to go back to: a version that never served is promoted, "
            "not rolled back to.",
            icon=":material/info:",
        )
        return
    number = st.selectbox(
        "Earlier champion to bring back",
        list(throne.back_to),
        format_func=lambda one: _earlier(one, throne),
        key="registry_back_to",
    )
    sentence = (
        f"{replaced(number, throne, who, signs=False)} No evidence is asked, only that its "
        "artifact verifies; no change freeze holds it."
    )
    asked = _asked(whose, throne, "roll back", "back", sentence, version=number)
    _form(asked, f"Roll back to v{number}")


def _earlier(number: int, throne: Throne) -> str:
    served = "; ".join(reign.text for reign in throne.reigns.get(number, ()))
    return f"v{number}{', the predecessor' if number == throne.predecessor else ''} ({served})"


def _sign(whose: Whose, throne: Throne, who: str) -> None:
    served = sorted(throne.reigns, reverse=True)
    if not served:
        st.info(
            "Only a version that serves or has served is signed, and none has.",
            icon=":material/info:",
        )
        return
    serving = None if throne.champion is None else throne.champion.version
    number = st.selectbox(
        "Version to sign",
        served,
        index=served.index(serving) if serving in served else 0,
        format_func=look.version,
        key="registry_sign_version",
    )
    before = "" if throne.anchor is None else f" in place of v{throne.anchor.version}"
    sentence = (
        f"v{number} is signed in {who}'s name and becomes the anchor{before}: every challenger is "
        "from now on held against it as well as against the champion."
    )
    asked = _asked(whose, throne, "sign", "sign", sentence, version=number)
    _form(asked, f"Sign v{number}")


def _freeze(whose: Whose, throne: Throne, who: str) -> None:
    if throne.freeze is not None:
        st.markdown(f"Now: {look.plain_text(throne.freeze.sentence)}")
        ways = ["Move its end", "Lift it"]
        if st.radio("What about it", ways, key="registry_freeze_way", horizontal=True) == ways[1]:
            sentence = f"The freeze ends now, in {who}'s name: nights promote again."
            _form(_asked(whose, throne, "lift", "freeze", sentence), "Lift the freeze")
            return
    until = st.date_input(
        "Last day of the freeze",
        value=throne.today,
        min_value=throne.today,
        key="registry_freeze_until",
        format="YYYY-MM-DD",
    )
    sentence = (
        f"Until the end of {until} nothing of this model is promoted and no look is spent, in "
        f"{who}'s name. Nights still run, and a rollback is still possible."
    )
    asked = _asked(whose, throne, "freeze", "freeze", sentence, until=until)
    _form(asked, f"Freeze until {until}")


def _asked(
    whose: Whose,
    throne: Throne,
    deed: Deed,
    form: str,
    sentence: str,
    *,
    version: int | None = None,
    until: date | None = None,
) -> Request:
    """Return what a form asks for, with what the person sees at that moment."""
    return Request(whose, deed, version, until, throne.epoch, throne.freezes, form, sentence)


def _form(request: Request, button: str) -> None:
    """Ask for a reason and a yes; what is sent is what the person saw."""
    with st.form(f"registry_{request.form}"):
        st.markdown(look.plain_text(request.sentence))
        st.text_area(
            "Reason (required, kept for good)",
            key=request.reason_key,
            max_chars=LONGEST_REASON,
            placeholder="What you read, and why it decides this",
        )
        st.checkbox("I have read what will happen, and decide it", key=request.sure_key)
        st.form_submit_button(button, on_click=_ask, args=(request,), key=request.send_key)


def _ask(request: Request) -> None:
    st.session_state[ASKED] = request
