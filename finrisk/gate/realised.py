"""Did a promotion keep its promise? Champion against predecessor once labels have matured.

For people. It is no rule of the gate and rolls nothing back: the labels that would say so are those
that challengers are judged on, and whoever acts on them looks twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from finrisk.gate.budget import interval, z_needed
from finrisk.gate.figures import label
from finrisk.records import Comparison, Record, Window

TWO_SIDED_95 = 0.025
ROWS, TWO_WAYS = "rows", " x "  # as the metrics name what a standard error is by


class Finding(StrEnum):
    """Whether the interval of champion − predecessor is above 0, holds it, or is below."""

    CONFIRMED = "confirmed"
    NOT_CONFIRMED = "not confirmed"
    WORSE = "worse"


@dataclass(frozen=True, slots=True)
class Realised(Record):
    """One promotion's realised performance: one event.

    Parameters
    ----------
    epoch : int
        Of the promotion.
    champion_version, predecessor_version : int
        Who is compared.
    window : Window
        Matured rows since the promotion.
    metric : str
        The headline metric; higher is better.
    difference, interval : float, tuple of two floats
        Champion − predecessor, and what it may be at 95 %.
    """

    epoch: int
    as_of: date
    champion_version: int
    predecessor_version: int
    window: Window
    metric: str
    champion: float
    predecessor: float
    difference: float
    interval: tuple[float, float]
    variance_by: str
    finding: Finding
    sentence: str


def realised(
    compared: Comparison,
    bad_clusters: Mapping[str, int],
    *,
    epoch: int,
    as_of: date,
    versions: tuple[int, int],
    window: Window,
) -> Realised:
    """Say what a comparison on matured rows makes of a promotion.

    Parameters
    ----------
    compared : Comparison
        With the predecessor in the champion's place, and the champion in the challenger's.
    bad_clusters : mapping of str to int
        Clusters with bads, by declared column: few of them make the interval wider.
    versions : tuple of two ints
        The champion's and the predecessor's.
    """
    ways = compared.variance_by.split(TWO_WAYS)
    clusters = None if ways == [ROWS] else min(bad_clusters.get(way, 2) for way in ways)
    z = z_needed(TWO_SIDED_95, None if clusters is None else clusters - 1)
    low, high = interval(compared.difference, compared.standard_error, z)
    finding = Finding.NOT_CONFIRMED
    if compared.z is not None and low > 0.0:
        finding = Finding.CONFIRMED
    elif compared.z is not None and high < 0.0:
        finding = Finding.WORSE
    champion, predecessor = versions
    sentence = (
        f"v{champion} against v{predecessor} on {window.bads:,} bads of {window.first_day} to "
        f"{window.last_day}: {label(compared.metric)} {compared.difference:+.4f} "
        f"({low:+.4f} to {high:+.4f}): {finding}"
    )
    return Realised(
        epoch=epoch,
        as_of=as_of,
        champion_version=champion,
        predecessor_version=predecessor,
        window=window,
        metric=compared.metric,
        champion=compared.challenger,
        predecessor=compared.champion,
        difference=compared.difference,
        interval=(low, high),
        variance_by=compared.variance_by,
        finding=finding,
        sentence=sentence,
    )
