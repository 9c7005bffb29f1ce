"""Quiet, warn or alarm: what a drift is worth where many columns are looked at every night.

- **quiet**: the PSI is below 0.10, or the column does not stand out among tonight's.
- **warn**: it is at least 0.10, and the column stands out: of the columns shown as warnings at
  most one in twenty is expected to be there by chance (``discoveries``). To be looked at.
- **alarm**: it is at least 0.10, and a window without drift comes as far so rarely that among all
  columns and all looks of a year one year in a hundred has a false alarm. To be acted on.
- **unknown**: it is at least 0.10 and nobody knows what chance does, or there is no PSI.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from finrisk.errors import ConfigurationError
from finrisk.metrics.drift import ColumnDrift
from finrisk.metrics.false_discoveries import discoveries


class DriftLevel(StrEnum):
    """What a column's drift asks for."""

    QUIET = "quiet"
    WARN = "warn"
    ALARM = "alarm"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class DriftPolicy:
    """From where a drift matters, and how often chance may call.

    Parameters
    ----------
    least_psi : float
        A shift below it changes no decision, however surely it is one; above 0.
    false_discoveries : float
        Of the columns shown as warnings, the share that may be there by chance; in (0, 1).
    alarm_years : float
        The share of years that may have a false alarm of any column; in (0, 1).
    looks_a_year : int
        How often all columns are looked at: 365 every night, 12 of monthly vintages. At least 1.

    Raises
    ------
    ConfigurationError
        A field out of range.
    """

    least_psi: float = 0.10
    false_discoveries: float = 0.05
    alarm_years: float = 0.01
    looks_a_year: int = 365

    def __post_init__(self) -> None:
        shares = (self.false_discoveries, self.alarm_years)
        sound = all(0.0 < share < 1.0 for share in shares) and self.looks_a_year >= 1
        if not (sound and self.least_psi > 0.0):
            raise ConfigurationError(
                "a drift policy out of range",
                expected="a PSI above 0, shares in (0, 1), at least 1 look",
                got=self,
            )

    def alarm_share(self, columns: int) -> float:
        """Return the share of windows without drift that may alarm, for each of so many columns.

        A Bonferroni split of the year, as the gate's: valid by the union bound alone, whatever
        the columns and the overlapping windows of the nights have to do with each other.

        Examples
        --------
        >>> round(1e7 * DriftPolicy().alarm_share(30), 1)
        9.1
        """
        return self.alarm_years / (self.looks_a_year * columns)


@dataclass(frozen=True, slots=True, eq=False)
class JudgedColumn:
    """A column's drift, its level, and the PSI from which it would be an alarm (None: unknown)."""

    drift: ColumnDrift
    level: DriftLevel
    alarm_limit: float | None


def judged_columns(
    drifts: Sequence[ColumnDrift], policy: DriftPolicy | None = None
) -> tuple[JudgedColumn, ...]:
    """Judge all monitored columns of one night together.

    Parameters
    ----------
    drifts : sequence of ColumnDrift
        All that are monitored, those nothing is known of included: their number is what the
        levels are corrected for.
    policy : DriftPolicy, optional

    Returns
    -------
    tuple of JudgedColumn
        In the order given. ``alarm_limit`` is at least ``least_psi``.

    Examples
    --------
    >>> quiet = ColumnDrift("age", rows=500, psi=0.04, p_value=1e-9)
    >>> noisy = ColumnDrift("income", rows=500, psi=0.31, p_value=0.02)
    >>> moved = ColumnDrift("amount", rows=500, psi=0.12, p_value=0.001)
    >>> another = ColumnDrift("country", rows=500, psi=0.35, p_value=1e-9)
    >>> short = ColumnDrift("score", rows=500, psi=0.35)
    >>> [of.level.value for of in judged_columns([quiet, noisy, moved, another, short])]
    ['quiet', 'quiet', 'warn', 'alarm', 'unknown']
    """
    policy = policy or DriftPolicy()
    if not drifts:
        return ()
    # a PSI below the least counts as p = 1, still a p-value: so the rate holds for those left
    p_values = np.array([_p_value(drift, policy) for drift in drifts])
    shown = discoveries(p_values, policy.false_discoveries)
    share = policy.alarm_share(len(drifts))
    return tuple(
        JudgedColumn(
            drift=drift,
            level=_level(p, bool(stands_out), share),
            alarm_limit=_alarm_limit(drift, policy, share),
        )
        for drift, p, stands_out in zip(drifts, p_values.tolist(), shown, strict=True)
    )


def _p_value(drift: ColumnDrift, policy: DriftPolicy) -> float:
    if drift.psi is not None and drift.psi < policy.least_psi:
        return 1.0
    return np.nan if drift.psi is None or drift.p_value is None else drift.p_value


def _level(p_value: float, stands_out: bool, share: float) -> DriftLevel:
    if np.isnan(p_value):
        return DriftLevel.UNKNOWN
    if p_value <= share:
        return DriftLevel.ALARM
    return DriftLevel.WARN if stands_out else DriftLevel.QUIET


def _alarm_limit(drift: ColumnDrift, policy: DriftPolicy, share: float) -> float | None:
    limit = drift.limit(share)
    return None if limit is None else max(limit, policy.least_psi)
