"""Who is watched, on which day, over which columns; and the figures that become its readings."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import date
from statistics import NormalDist
from typing import Any

from finrisk.data.decision_rows import identifying_columns
from finrisk.ledger.readings import Reading, State
from finrisk.records import JsonObject
from finrisk.specs.model_spec import DAYS_A_YEAR, ModelSpec
from finrisk.specs.training import Hours, Weekend

SCORE_DRIFT, FEATURE_DRIFT, MISSING_RATE = "score_drift", "feature_drift", "missing_rate"
CATEGORIES, VOLUME, CALIBRATION = "categories", "volume", "calibration"
PERFORMANCE, ESTIMATE, SLICE, FRESHNESS = "performance", "estimate", "slice", "freshness"
MONITORS = (
    SCORE_DRIFT,
    FEATURE_DRIFT,
    MISSING_RATE,
    CATEGORIES,
    VOLUME,
    CALIBRATION,
    PERFORMANCE,
    ESTIMATE,
    SLICE,
    FRESHNESS,
)
"""In the order in which a person reads them."""

SCORE = "score"
"""What the score is called among the columns whose drift is judged together."""
LONGEST_SUBJECT = 200  # characters of the ledger's column; a slice's value may be any text
SURE = NormalDist().inv_cdf(0.975)
"""Standard errors of a 95 % interval, and of a warning."""


@dataclass(frozen=True, slots=True)
class Watched:
    """One champion on one day.

    Parameters
    ----------
    version : int or None
        None: nobody is champion, and all is unknown.
    """

    model: str
    as_of: date
    version: int | None

    def reading(
        self,
        monitor: str,
        subject: str = "",
        *,
        state: State,
        value: float | None = None,
        low: float | None = None,
        high: float | None = None,
        threshold: float | None = None,
        **detail: Any,
    ) -> Reading:
        """Return one figure of the day; what is not finite is unknown."""
        return Reading(
            model=self.model,
            as_of=self.as_of,
            monitor=monitor,
            subject=subject[:LONGEST_SUBJECT],
            version=self.version,
            value=_finite(value),
            low=_finite(low),
            high=_finite(high),
            threshold=_finite(threshold),
            state=state,
            detail=detail,
        )

    def unknown(self, monitor: str, subject: str = "", *, why: str, **detail: Any) -> Reading:
        """Return a reading of which nothing is known, with the reason."""
        return self.reading(monitor, subject, state=State.UNKNOWN, reason=why, **detail)


@dataclass(frozen=True, slots=True)
class Promise:
    """What a champion showed on the hold-out it was judged on.

    Parameters
    ----------
    metrics : dict of str to float
        By name, higher is better; empty where no evidence is kept.
    rows, bads : int
        Of that hold-out.
    last_day : date or None
        Its last event day.
    """

    metrics: dict[str, float] = field(default_factory=dict)
    rows: int = 0
    bads: int = 0
    last_day: date | None = None

    def by_chance(self, metric: str) -> float:
        """Return what a score that knows nothing shows there."""
        if metric == "average_precision":
            return self.bads / self.rows if self.rows else 0.0
        return 0.5 if metric == "auc" else 0.0

    def least(self, metric: str, skill_loss: float) -> float | None:
        """Return what the metric may fall to before it counts; None where nothing was shown.

        Examples
        --------
        >>> round(Promise({"auc": 0.75}, rows=900, bads=90).least("auc", 0.1), 4)
        0.725
        """
        shown = self.metrics.get(metric)
        if shown is None:
            return None
        chance = self.by_chance(metric)
        return chance + (1.0 - skill_loss) * max(shown - chance, 0.0)


def certain(spec: ModelSpec, figures: int) -> float:
    """Return the standard errors from which a figure is an alarm, where so many are read each day.

    As for drift: of the years in which nothing is wrong, ``alarm_years`` have an alarm of any.

    Examples
    --------
    >>> from finrisk.specs.monitoring import Monitoring
    >>> spec = ModelSpec.model_construct(monitoring=Monitoring())
    >>> round(certain(spec, 1), 2), round(certain(spec, 30), 2)
    (4.03, 4.77)
    """
    share = spec.monitoring.alarm_years / (DAYS_A_YEAR * max(figures, 1))
    return -NormalDist().inv_cdf(share)


def watched_features(spec: ModelSpec) -> tuple[str, ...]:
    """Return the features whose drift is judged.

    Not those that follow the calendar, which differ from their reference on every day there is;
    not those that are logged as hashes.
    """
    identifying = identifying_columns(spec)
    hidden = set(spec.monitoring.left_out)
    for feature in spec.features:
        name = feature if isinstance(feature, str) else feature.name
        columns = (feature,) if isinstance(feature, str) else feature.columns
        if isinstance(feature, Weekend | Hours) or identifying & {*columns}:
            hidden.add(name)
    return tuple(name for name in spec.feature_names if name not in hidden)


def look_backs(spec: ModelSpec) -> dict[str, int]:
    """Return for how many days one event stays in each column; in the score, as in the longest.

    A window's shift delays the event and keeps it no longer.
    """
    back = {
        window.feature_name(measure, days): days
        for window in spec.windows
        for measure in window.measures
        for days in window.days
    }
    return {**back, SCORE: max(back.values(), default=0)}


def rounded(value: float | None, digits: int = 4) -> float | None:
    """Return a number for a person, of so many significant digits."""
    return None if value is None else float(f"{value:.{digits}g}")


def document(**told: Any) -> JsonObject:
    """Return what is known of these, without the rest."""
    return {name: value for name, value in told.items() if value is not None}


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)
