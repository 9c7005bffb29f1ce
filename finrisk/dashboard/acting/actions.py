"""What a person changes from a page, in their own name: through the ledger, never around the gate.

Who acts is asked at the moment of the action: a revoked login acts no more. There is no force here.
"""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING

import streamlit as st

from finrisk.dashboard.acting import access
from finrisk.dashboard.sources import Whose
from finrisk.errors import ConfigurationError, NotAllowed
from finrisk.ledger.freezes import Freeze
from finrisk.ledger.signatures import Signature
from finrisk.records import PromotionRecord

if TYPE_CHECKING:
    from finrisk.pipelines.named_model import NamedModel
    from finrisk.pipelines.person import Person

log = logging.getLogger(__name__)

SHORTEST_REASON = 10
LONGEST_REASON = 1000
NO_TEXT = frozenset({"Cc", "Cs"})  # control characters and halves of a character


def promote(whose: Whose, version: int, *, refresh: bool, reason: str) -> PromotionRecord:
    """Make a registered version champion on its evidence, and sign it.

    Twice the same is one promotion.

    Parameters
    ----------
    refresh : bool
        It is not better, but needed: every rule but superiority holds.

    Raises
    ------
    NotAllowed
        Nobody is logged in who may promote; or the policy asks for a second person.
    ConfigurationError
        The reason is none.
    PromotionError
        No passing evidence against the champion of now, or a change freeze holds.
    """
    from finrisk.pipelines import by_hand

    with _in_a_name(whose, reason) as (found, who):
        link = by_hand.promote(found, version, by=who, reason=reason.strip(), refresh=refresh)
    log.info("%s promoted %s version %d (epoch %d)", who.name, link.model, version, link.epoch)
    return link


def roll_back(
    whose: Whose, to_version: int | None, *, reason: str, expected_epoch: int
) -> PromotionRecord:
    """Bring back an earlier champion that verifies; a change freeze does not stand in the way.

    Parameters
    ----------
    to_version : int or None
        None means the champion's predecessor.
    expected_epoch : int
        Of the champion that the person saw: twice the same goes no further version back.

    Raises
    ------
    NotAllowed
        Nobody is logged in who may roll back.
    ConfigurationError
        The reason is none.
    RollbackRefused
        The target was never champion, is champion now, or does not verify.
    StaleChallenger
        The champion changed since the person looked.
    """
    from finrisk.pipelines import by_hand

    target = "predecessor" if to_version is None else str(to_version)
    with _in_a_name(whose, reason) as (found, who):
        link = by_hand.roll_back(
            found,
            whose.model,
            to_version,
            actor=who.name,
            reason=reason.strip(),
            request_id=f"dashboard, from epoch {expected_epoch} to {target}",
            expected_epoch=expected_epoch,
        )
    log.info("%s rolled %s back to version %d", who.name, link.model, link.version)
    return link


def sign(whose: Whose, version: int, *, reason: str) -> Signature:
    """Vouch for a version that serves or served: challengers are held against it from now on.

    Raises
    ------
    NotAllowed
        Nobody is logged in who may sign.
    ConfigurationError
        The reason is none.
    PromotionError
        The version never was champion.
    """
    from finrisk.pipelines import by_hand

    with _in_a_name(whose, reason) as (found, who):
        signed = by_hand.sign(found, version, by=who, reason=reason.strip())
    log.info("%s signed %s version %d", who.name, signed.model, version)
    return signed


def freeze(whose: Whose, until: date | None, *, reason: str) -> Freeze:
    """Promote nothing and spend no look until the end of a day; None lifts the freeze.

    Raises
    ------
    NotAllowed
        Nobody is logged in who may freeze.
    ConfigurationError
        The reason is none, the day is over, or there is no freeze to lift.
    """
    from finrisk.pipelines import by_hand

    with _in_a_name(whose, reason) as (found, who):
        decided = by_hand.freeze(found, until, by=who, reason=reason.strip())
    what = "lifted" if decided.until is None else f"set until {decided.until}"
    log.info("%s: change freeze %s by %s", whose.model, what, who.name)
    return decided


def wanting(reason: str) -> str | None:
    """Return what a reason lacks to be kept for good; None: nothing.

    Examples
    --------
    >>> wanting("   drift   ")
    'say why in 10 characters or more: 5 so far'
    >>> wanting("read the evidence of tonight") is None
    True
    """
    said = sum(letter.isprintable() and not letter.isspace() for letter in reason)
    if said < SHORTEST_REASON:
        return f"say why in {SHORTEST_REASON} characters or more: {said} so far"
    if len(reason.strip()) > LONGEST_REASON:
        return f"say why in {LONGEST_REASON} characters at most: {len(reason.strip())} so far"
    if any(unicodedata.category(one) in NO_TEXT and one not in "\n\r\t" for one in reason):
        return "say why in plain text: a control character is in it"
    return None


@contextmanager
def _in_a_name(whose: Whose, reason: str) -> Iterator[tuple[NamedModel, Person]]:
    """Open the model for whoever may act now; afterwards every page asks anew."""
    who = access.who_acts()
    if who is None:
        raise NotAllowed(
            "nobody is logged in who may change anything",
            expected="a person who may promote",
            remedy="log in at the left; your login may have ended, or was revoked",
        )
    if not access.may_act_in(whose.scope):
        raise NotAllowed(
            f"{who.name} may change nothing here",
            expected=f"a model of the tenant {access.acts_for()}",
            got=f"scope {whose.scope}",
        )
    if lacks := wanting(reason):
        raise ConfigurationError(f"no reason that can be kept: {lacks}")
    from finrisk.pipelines.named_model import NamedModel

    found = NamedModel.open(whose.model, whose.scope)
    try:
        with found.ledger:
            yield found, who
    finally:
        st.cache_data.clear()  # also after a refusal: what the page showed may have been old
