"""People whom an identity provider vouches for: what its claims make of them.

Streamlit checks the token itself, its signature, issuer, audience and nonce, at the login; its
cookie then lasts 30 days, and nobody looks at a date again. So an identity counts for a working
day here, from the moment the provider stamped it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from finrisk.people import EMAIL, ClaimKind, PromoterRule

LASTS = timedelta(hours=8)
CLOCKS_APART = timedelta(minutes=5)
LONGEST_NAME = 120  # what the ledger has room for
OTHER_NAMES = ("sub", "email", "preferred_username", "name", "nickname")
GROUPS = ("groups", "roles")


@dataclass(frozen=True, slots=True)
class Identity:
    """Who logged in, and whether they may promote.

    Parameters
    ----------
    name : str
        What the ledger records: the address, if the provider verified it, else the subject.
    also : frozenset of str
        What else the provider calls them; who started a night is compared with all of it.
    until : datetime
        From when on they must log in again to act.
    promotes : bool
        A rule of ``FINRISK_PROMOTERS`` names them.
    """

    name: str
    also: frozenset[str]
    until: datetime
    promotes: bool

    def acts_at(self, at: datetime) -> bool:
        """Say whether they may act now."""
        return self.promotes and at < self.until


def identity(
    claims: Mapping[str, Any], rules: Iterable[PromoterRule], at: datetime
) -> Identity | None:
    """Return who the claims are of; None for nobody.

    Parameters
    ----------
    claims : mapping
        Of an ID token that was checked, with ``is_logged_in`` as Streamlit adds it.
    rules : iterable of PromoterRule
        Who may promote. An address counts only if ``email_verified`` is true, as a boolean;
        groups are those of the claims ``groups`` and ``roles``.
    at : datetime
        Now, with its zone.

    Examples
    --------
    >>> now = datetime(2026, 3, 1, 9, tzinfo=UTC)
    >>> claims = {"is_logged_in": True, "sub": "7f3a", "iat": now.timestamp(), "groups": ["risk"]}
    >>> found = identity(claims, [PromoterRule(ClaimKind.GROUP, "risk")], now)
    >>> found.name, found.promotes
    ('7f3a', True)
    >>> identity({"email": "ana@lender.example"}, [], now) is None
    True
    """
    if claims.get("is_logged_in") is not True:
        return None
    stamped, name = _stamped(claims.get("iat"), at), _name(claims)
    if stamped is None or name is None:
        return None
    said = _said(claims)
    return Identity(
        name=name,
        also=frozenset(_texts(claims.get(one) for one in OTHER_NAMES)),
        until=stamped + LASTS,
        promotes=any(rule.value in said[rule.kind] for rule in rules),
    )


def _said(claims: Mapping[str, Any]) -> dict[ClaimKind, frozenset[str]]:
    email = _verified_email(claims)
    groups: list[str] = []
    for claim in GROUPS:
        told = claims.get(claim)
        groups += _texts(told if isinstance(told, list | tuple) else [told])
    return {
        ClaimKind.EMAIL: frozenset({email} if email else ()),
        ClaimKind.SUB: frozenset(_texts([claims.get("sub")])),
        ClaimKind.GROUP: frozenset(groups),
    }


def _name(claims: Mapping[str, Any]) -> str | None:
    """Return what is recorded; None where the provider names nobody, or nobody of a fair length."""
    named = [_verified_email(claims), *_texts([claims.get("sub")])]
    name = next((one for one in named if one), None)
    return name if name is not None and len(name) <= LONGEST_NAME and name.isprintable() else None


def _verified_email(claims: Mapping[str, Any]) -> str | None:
    if claims.get("email_verified") is not True:
        return None
    email = claims.get("email")
    if not isinstance(email, str) or not re.fullmatch(EMAIL, email.lower()):
        return None
    return email.lower()


def _stamped(iat: object, at: datetime) -> datetime | None:
    """Return when the token was made; None where that cannot be, or lies ahead."""
    if isinstance(iat, bool) or not isinstance(iat, int | float):
        return None
    try:
        stamped = datetime.fromtimestamp(iat, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return stamped if stamped <= at + CLOCKS_APART else None


def _texts(values: Iterable[object]) -> list[str]:
    return [value for value in values if isinstance(value, str) and value.strip()]
