"""One reading in words: its figure, its interval, its limit, as a person would say it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from finrisk.dashboard.look import UNKNOWN, share, signed
from finrisk.gate.figures import label
from finrisk.ledger.readings import Reading, State
from finrisk.wording import counted, plain

TITLES: Mapping[str, str] = {
    "score_drift": "Score drift",
    "feature_drift": "Feature drift",
    "missing_rate": "Missing values",
    "categories": "Unseen categories",
    "volume": "Volume",
    "calibration": "Calibration",
    "performance": "Performance on matured labels",
    "estimate": "Estimated performance, before labels",
    "slice": "Calibration of slices",
    "freshness": "Freshness",
}
"""By monitor, in the order in which a person reads them."""

NEWEST = {"decisions": "decision", "landing": "landed row", "labels": "reported outcome"}


def said(reading: Reading) -> str:
    """Return one reading in words, with its figure and its limit."""
    if reading.value is None:
        why = str(reading.detail.get("reason") or "nobody can say why")
        return f"{reading.subject}: {why}" if reading.monitor in _BY_SUBJECT else why
    told = _SAID[reading.monitor](reading) if reading.monitor in _SAID else _plainly(reading)
    reason = reading.detail.get("reason")
    return f"{told}: {reason}" if reading.state is State.UNKNOWN and reason else told


def _plainly(reading: Reading) -> str:
    return f"{reading.subject or reading.monitor} {_short(reading.value)}{_limit(reading)}"


def _drift(reading: Reading) -> str:
    what = f"PSI of {reading.subject}" if reading.subject else "score PSI"
    limit = "" if reading.threshold is None else f" (alarm from {reading.threshold:.2f})"
    return f"{what} {reading.value:.2f}{limit}"


def _missing(reading: Reading) -> str:
    before = reading.detail.get("before")
    was = "" if before is None else f", {share(before)} in the reference"
    return f"{reading.subject}: {share(reading.value)} missing{was}"


def _categories(reading: Reading) -> str:
    return (
        f"{reading.subject}: {share(reading.value)} of rows have a word that the reference "
        f"never saw (limit {share(reading.threshold)})"
    )


def _volume(reading: Reading) -> str:
    rows, usual = (reading.detail.get(name) for name in ("rows_a_day", "expected_a_day"))
    if rows is None or usual is None:
        return f"{_short(reading.value)} times as many rows as such days usually have"
    return f"{plain(rows, 4)} rows a day where such days usually have {plain(usual, 4)}"


def _offset(reading: Reading) -> str:
    rate, mean = (reading.detail.get(name) for name in ("bad_rate", "mean_score"))
    offset = f"offset {signed(reading.value, 2)}"
    limit = "" if reading.threshold is None else f", alarm beyond ±{reading.threshold:.2f}"
    slice_ = f"{reading.subject}: " if reading.subject else ""
    if rate is None or mean is None:
        return f"{slice_}{offset}{limit}"
    return f"{slice_}bad rate {share(rate)} where {share(mean)} was said ({offset}{limit})"


def _performance(reading: Reading) -> str:
    shown = reading.detail.get("shown")
    promised = "" if shown is None else f", shown {shown:.3f} at its promotion"
    interval = (
        f" [95 %: {reading.low:.3f} to {reading.high:.3f}]"
        if reading.low is not None and reading.high is not None
        else ""
    )
    limit = "" if reading.threshold is None else f" (limit {reading.threshold:.3f}{promised})"
    named = "estimated " if reading.monitor == "estimate" else ""
    return f"{named}{label(reading.subject)} {reading.value:.3f}{interval}{limit}"


def _freshness(reading: Reading) -> str:
    limit = "" if reading.threshold is None else f" (limit {plain(reading.threshold)})"
    what = NEWEST.get(reading.subject, reading.subject)
    return f"the newest {what} is {counted(round(reading.value or 0.0), 'day')} old{limit}"


def _limit(reading: Reading) -> str:
    return "" if reading.threshold is None else f" (limit {_short(reading.threshold)})"


def _short(value: float | None) -> str:
    return UNKNOWN if value is None else plain(value, 4)


_BY_SUBJECT = ("feature_drift", "missing_rate", "categories", "slice", "freshness")
_SAID: Mapping[str, Callable[[Reading], str]] = {
    "score_drift": _drift,
    "feature_drift": _drift,
    "missing_rate": _missing,
    "categories": _categories,
    "volume": _volume,
    "calibration": _offset,
    "slice": _offset,
    "performance": _performance,
    "estimate": _performance,
    "freshness": _freshness,
}
