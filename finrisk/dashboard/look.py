"""How figures, moments and outcomes look: the same on every page, in light and in dark."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Literal
from zoneinfo import ZoneInfo

from finrisk.evidence import Outcome
from finrisk.ledger.readings import State
from finrisk.pictures.palette import BLUE, GREEN, ORANGE, PURPLE, SKY_BLUE, VERMILION
from finrisk.records import Decision

UNKNOWN = "–"
HIGHER_IS_RISKIER = "risk score (higher = riskier)"
CHAMPION_COLOUR, CHALLENGER_COLOUR = BLUE, VERMILION
SERIES = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY_BLUE)
"""Each with 3 : 1 or more against white and against Streamlit's dark page, but for light blue."""

Colour = Literal["red", "orange", "green", "blue", "gray"]

SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-.!|~<>&:$=^\"'@/])")
# Streamlit makes a link of an address, and its logo of a word, whatever strokes stand before them.
COME_ALIVE = re.compile(r"((?:https?://|www\.)[^\s`]*|:streamlit:)", re.IGNORECASE)

# An icon and a word beside each colour: who sees no colours reads the same.
DECISIONS: dict[Decision, tuple[str, Colour]] = {
    Decision.PROMOTE: (":material/trending_up:", "green"),
    Decision.HOLD: (":material/pause:", "blue"),
    Decision.REJECT: (":material/block:", "orange"),
}
STATES: dict[State, tuple[str, Colour]] = {
    State.QUIET: (":material/check:", "green"),
    State.WARN: (":material/visibility:", "orange"),
    State.ALARM: (":material/warning:", "red"),
    State.UNKNOWN: (":material/help:", "gray"),
}
OUTCOMES: dict[Outcome, tuple[str, Colour]] = {
    Outcome.PASS: (":material/check:", "green"),
    Outcome.WARN: (":material/visibility:", "orange"),
    Outcome.FAIL: (":material/block:", "red"),
    Outcome.UNKNOWN: (":material/help:", "gray"),
}
DATA_RESULTS: dict[str, tuple[str, Colour]] = {
    "pass": (":material/check:", "green"),
    "warn": (":material/visibility:", "orange"),
    "block": (":material/block:", "red"),
}


def figure(value: float | None, digits: int = 4) -> str:
    """Return a figure with so many decimals; what is unknown is a dash.

    Examples
    --------
    >>> figure(0.81234), figure(None), figure(12.3, 1)
    ('0.8123', '–', '12.3')
    """
    return UNKNOWN if value is None else f"{value:.{digits}f}"


def signed(value: float | None, digits: int = 4) -> str:
    """Return a difference with its sign, minus as it is printed.

    Examples
    --------
    >>> signed(0.0953), signed(-0.01), signed(None)
    ('+0.0953', '−0.0100', '–')
    """
    return UNKNOWN if value is None else f"{value:+.{digits}f}".replace("-", "−")


def share(value: float | None, digits: int = 1) -> str:
    """Return a share in per cent.

    Examples
    --------
    >>> share(0.1234), share(None)
    ('12.3 %', '–')
    """
    return UNKNOWN if value is None else f"{100 * value:.{digits}f} %"


def version(number: int | None) -> str:
    """Return a version's name.

    Examples
    --------
    >>> version(4), version(None)
    ('v4', '–')
    """
    return UNKNOWN if number is None else f"v{number}"


def moment(at: datetime | None, zone: str) -> str:
    """Return a moment by the clock of the model's nights, with its zone.

    Examples
    --------
    >>> moment(datetime.fromisoformat("2026-01-02T03:04:05+00:00"), "Europe/Berlin")
    '2026-01-02 04:04 CET'
    """
    return UNKNOWN if at is None else f"{at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M %Z}"


def day(of: date | None) -> str:
    """Return a day; what is unknown is a dash."""
    return UNKNOWN if of is None else of.isoformat()


def plain_text(text: str) -> str:
    r"""Return a text of people or data that Markdown shows as it is: no link, colour or formula.

    Examples
    --------
    >>> print(plain_text("[a](b) :red[*x*] $1; see http://b"))
    \[a\]\(b\) \:red\[\*x\*\] \$1; see `http://b`
    """
    parts = COME_ALIVE.split(" ".join(text.split()))  # every second one is an address
    return "".join(
        f"`{part}`" if odd % 2 else SPECIAL.sub(r"\\\1", part) for odd, part in enumerate(parts)
    )


def command(text: str) -> str:
    """Return a command line as code in Markdown, which a name in it cannot end.

    Examples
    --------
    >>> command("finrisk retrain fraud")
    '`finrisk retrain fraud`'
    """
    return f"`{' '.join(text.replace('`', chr(39)).split())}`"
