"""Must a fresh champion give way to its predecessor? Early signals in, verdict out.

After a promotion nobody knows for a while how the new champion's decisions turn out. What can be
seen at once is whether its scores are where they were when it was developed. One night's reading
says little; a few of them that agree, in which the predecessor does better, bring it back.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from finrisk.evidence import Outcome
from finrisk.gate.figures import known
from finrisk.records import Record
from finrisk.specs.bake import Bake
from finrisk.wording import counted

SCORE_PSI = "score_psi"
CALIBRATION = "calibration"
ALERT_VOLUME = "alert_volume"
ERROR_RATE = "error_rate"

_OFF: dict[str, Callable[[float], float]] = {
    # half as many is as far off as twice as many
    ALERT_VOLUME: lambda times: abs(math.log(times)) if times > 0.0 else math.inf,
}
_SHOWN: dict[str, tuple[str, str]] = {
    SCORE_PSI: ("score PSI", "{:.3f}"),
    CALIBRATION: ("calibration offset", "{:+.2f}"),
    ALERT_VOLUME: ("alert volume", "{:.2f} ×"),
    ERROR_RATE: ("error rate", "{:.1%}"),
}


class BakeVerdict(StrEnum):
    """What becomes of a champion in its bake."""

    BAKING = "baking"
    PASSED = "passed"
    ROLL_BACK = "roll back"
    COOLING_DOWN = "cooling down"


@dataclass(frozen=True, slots=True)
class Signal(Record):
    """One early signal of both models on the same rows; None could not be measured.

    Parameters
    ----------
    name : str
        ``score_psi`` (at least 0), ``calibration`` (offset in logits: 0 is right, positive says too
        little risk), ``alert_volume`` (rows at or above the cut-off ÷ those expected, 1 is right)
        or ``error_rate`` (share of rows, 0 is right).
    limit : float
        In the same unit; a figure that reaches it breaks it.
    """

    name: str
    champion: float | None
    predecessor: float | None
    limit: float

    def text(self, predecessor: int) -> str:
        """Return both figures as a person reads them, given the predecessor's version.

        Examples
        --------
        >>> Signal("score_psi", 0.412, 0.031, 0.25).text(1)
        'score PSI 0.412 (limit 0.250, v1 0.031)'
        >>> Signal("error_rate", 0.5, None, 0.01).text(1)
        'error rate 50.0% (limit 1.0%, v1 unknown)'
        """
        name, form = _SHOWN.get(self.name, (self.name, "{:g}"))
        mine, theirs = (
            "unknown" if figure is None else form.format(figure)
            for figure in (known(self.champion), known(self.predecessor))
        )
        return f"{name} {mine} (limit {form.format(self.limit)}, v{predecessor} {theirs})"


@dataclass(frozen=True, slots=True)
class Reading(Record):
    """What one night saw of a fresh champion and its predecessor.

    Parameters
    ----------
    epoch : int
        Of the promotion that is watched.
    first_day, last_day : date
        Event days of the fresh rows that were scored, both included.
    rows : int
        Fresh rows.
    matured, bads : int
        Rows since the promotion whose labels are believed by now, and the bads among them.
    unknown : tuple of str
        Why something could not be measured, a sentence each.
    """

    epoch: int
    as_of: date
    champion: int
    predecessor: int
    first_day: date
    last_day: date
    rows: int
    matured: int
    bads: int
    signals: tuple[Signal, ...]
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Baked(Record):
    """A reading, how it came out, and what became of the champion with it: one event.

    ``outcome`` is ``fail`` for a breach, ``warn`` where a limit is broken but the predecessor does
    no better, ``unknown`` where nothing was measured that would say so.
    """

    reading: Reading
    outcome: Outcome
    verdict: BakeVerdict
    sentence: str


def bake_verdict(
    readings: Sequence[Reading], policy: Bake, last_rollback: date | None = None
) -> Baked:
    """Judge the newest of a bake's readings, given those before it.

    Parameters
    ----------
    readings : sequence of Reading
        Of one epoch, oldest first; at least one.
    policy : Bake
        How many breaches among how many readings; the limits stand in the readings.
    last_rollback : date, optional
        The business day of the model's last automatic rollback, whatever the epoch.

    Returns
    -------
    Baked
        ``ROLL_BACK`` where the newest reading is a breach and so many of the last ones are;
        ``COOLING_DOWN`` in its place for ``cool_down_days`` after an automatic rollback;
        ``PASSED`` after enough readings. An unknown reading counts neither as a breach nor as
        quiet.
    """
    outcomes, breaking = _outcomes(readings, policy)
    measured = [outcome for outcome in outcomes if outcome is not Outcome.UNKNOWN]
    recent = measured[-policy.last :]
    breaches = recent.count(Outcome.FAIL)
    newest = readings[-1]
    verdict = BakeVerdict.BAKING
    if breaches >= policy.breaches and outcomes[-1] is Outcome.FAIL:  # no quiet night acts
        cools = last_rollback is not None and newest.as_of < cools_until(last_rollback, policy)
        verdict = BakeVerdict.COOLING_DOWN if cools else BakeVerdict.ROLL_BACK
    elif breaches < policy.breaches and len(measured) >= policy.readings:
        verdict = BakeVerdict.PASSED
    count = f"{breaches} of the last {counted(len(recent), 'reading')} breached"
    sentence = (
        f"{_seen(newest, outcomes[-1], breaking)}; {count if recent else 'no reading counts yet'}: "
        f"{_ending(verdict, newest)}"
    )
    return Baked(newest, outcomes[-1], verdict, sentence)


def _outcomes(readings: Sequence[Reading], policy: Bake) -> tuple[list[Outcome], list[Signal]]:
    """Return how each reading came out, and the newest one's signals that break their limit."""
    broken: set[str] = set()
    outcomes: list[Outcome] = []
    breaking: list[Signal] = []
    for reading in readings:
        found = {
            signal.name: _outcome(signal, signal.name in broken, policy)
            for signal in reading.signals
        }
        breaking = [s for s in reading.signals if _breaks(s, s.name in broken, policy)]
        # what was broken stays so until it is seen to be quiet
        broken = {s.name for s in breaking} | {s for s in broken if found.get(s) is Outcome.UNKNOWN}
        outcomes.append(_worst(found.values(), breaking))
    return outcomes, breaking


def _breaks(signal: Signal, was_broken: bool, policy: Bake) -> bool:
    """Say whether the champion breaks the limit; one that did must come well below it.

    Not so calibration, whose rows only become more: it does not waver, and what a first hundred
    bads said by chance must not outlive them.
    """
    mine, limit = (_off(signal.name, figure) for figure in (signal.champion, signal.limit))
    if mine is None or limit is None:
        return False
    lingers = was_broken and signal.name != CALIBRATION
    return mine >= limit * (policy.release if lingers else 1.0)


def _outcome(signal: Signal, was_broken: bool, policy: Bake) -> Outcome:
    mine, theirs, limit = (
        _off(signal.name, figure) for figure in (signal.champion, signal.predecessor, signal.limit)
    )
    if mine is None or limit is None:
        return Outcome.UNKNOWN
    if not _breaks(signal, was_broken, policy):
        return Outcome.PASS
    if theirs is None:
        return Outcome.UNKNOWN
    worse = mine > theirs + policy.margin * max(limit, theirs)
    return Outcome.FAIL if worse else Outcome.WARN


def _worst(found: Iterable[Outcome], breaking: Sequence[Signal]) -> Outcome:
    """Return a reading's outcome: a breach, whatever else is unknown.

    A limit broken with nobody to compare is unknown, however quiet the other signals are.
    """
    each = set(found)
    if Outcome.FAIL in each:
        return Outcome.FAIL
    if any(_off(signal.name, signal.predecessor) is None for signal in breaking):
        return Outcome.UNKNOWN
    return next((o for o in (Outcome.WARN, Outcome.PASS) if o in each), Outcome.UNKNOWN)


def _off(name: str, figure: float | None) -> float | None:
    """Return how far a figure is from what it should be, at least 0; None where it is unknown."""
    value = known(figure)
    return None if value is None else _OFF.get(name, abs)(value)


def cools_until(last_rollback: date, policy: Bake) -> date:
    """Return the first day on which the model changes its champion by itself again.

    Examples
    --------
    >>> cools_until(date(2026, 3, 1), Bake())
    datetime.date(2026, 3, 15)
    """
    return last_rollback + timedelta(days=policy.cool_down_days)


def _seen(reading: Reading, outcome: Outcome, breaking: Sequence[Signal]) -> str:
    told = ", ".join(signal.text(reading.predecessor) for signal in breaking)
    found = {
        Outcome.FAIL: f"breach, {told}",
        Outcome.WARN: f"{told}, v{reading.predecessor} does no better",
        Outcome.PASS: "quiet",
        Outcome.UNKNOWN: "; ".join(("unknown", *reading.unknown, *([told] if told else []))),
    }[outcome]
    days = " to ".join(dict.fromkeys((str(reading.first_day), str(reading.last_day))))
    return f"v{reading.champion} on {counted(reading.rows, 'row')} of {days}: {found}"


def _ending(verdict: BakeVerdict, reading: Reading) -> str:
    return {
        BakeVerdict.BAKING: "the bake goes on",
        BakeVerdict.PASSED: "the bake has passed",
        BakeVerdict.ROLL_BACK: f"back to v{reading.predecessor}",
        BakeVerdict.COOLING_DOWN: (
            "cooling down after an automatic rollback, a person decides "
            f"(`finrisk rollback` brings back v{reading.predecessor})"
        ),
    }[verdict]
