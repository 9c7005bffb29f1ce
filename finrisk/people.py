"""How settings write down people: who is told, who may promote, who may read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

CONNECTION_ID = r"[A-Za-z0-9_.-]{1,64}"
CLAIM = r"[^\x00-\x1f\x7f,]{1,255}"
EMAIL = r"[^\s@*,]{1,64}@[^\s@*,]+\.[^\s@*,]+"


class ChannelKind(StrEnum):
    """How a notice travels."""

    SMTP = "smtp"
    WEBHOOK = "webhook"
    SLACK = "slack"


@dataclass(frozen=True, slots=True)
class Channel:
    """One way to people: how, and the connection that knows where."""

    kind: ChannelKind
    connection: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.connection}"


def channels_of(text: str) -> tuple[Channel, ...]:
    """Read channels as ``FINRISK_NOTIFY`` has them.

    Raises
    ------
    ValueError
        One is no ``kind:connection``, its kind is unknown, or it is named twice.

    Examples
    --------
    >>> [str(channel) for channel in channels_of("smtp:risk_mail, slack:risk_room")]
    ['smtp:risk_mail', 'slack:risk_room']
    >>> channels_of("")
    ()
    """
    channels = []
    for part, kind, connection in _pairs(text):
        if kind not in list(ChannelKind) or not re.fullmatch(CONNECTION_ID, connection):
            raise ValueError(f"expected {', '.join(ChannelKind)} and a connection; got {part!r}")
        channels.append(Channel(ChannelKind(kind), connection))
    if len(set(channels)) < len(channels):
        raise ValueError("a channel is named twice")
    return tuple(channels)


class ClaimKind(StrEnum):
    """By what an identity provider's word a person is known."""

    EMAIL = "email"
    GROUP = "group"
    SUB = "sub"


class DashboardReading(StrEnum):
    """Who may read the dashboard."""

    OPEN = "open"
    LOGIN = "login"


@dataclass(frozen=True, slots=True)
class PromoterRule:
    """Who may promote: everybody of whom the identity provider says this."""

    kind: ClaimKind
    value: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.value}"


def promoter_rules(text: str) -> tuple[PromoterRule, ...]:
    """Read who may promote as ``FINRISK_PROMOTERS`` has it.

    Raises
    ------
    ValueError
        One is no ``kind:value``, its kind is unknown, an address is none, or it is named twice.

    Examples
    --------
    >>> [str(rule) for rule in promoter_rules("email:Ana@Lender.example, group:model-risk")]
    ['email:ana@lender.example', 'group:model-risk']
    >>> promoter_rules("")
    ()
    """
    rules = []
    for part, kind, told in _pairs(text):
        if kind not in list(ClaimKind) or not re.fullmatch(CLAIM, told):
            raise ValueError(f"expected {', '.join(ClaimKind)} and a value; got {part!r}")
        value = told.lower() if kind == ClaimKind.EMAIL else told
        if kind == ClaimKind.EMAIL and not re.fullmatch(EMAIL, value):
            raise ValueError(f"expected one person's address after email:; got {value!r}")
        rules.append(PromoterRule(ClaimKind(kind), value))
    if len(set(rules)) < len(rules):
        raise ValueError("somebody is named twice")
    return tuple(rules)


def _pairs(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield each part between commas, and what stands before and after its first colon."""
    for part in filter(None, map(str.strip, text.split(","))):
        first, _, rest = (word.strip() for word in part.partition(":"))
        yield part, first, rest
