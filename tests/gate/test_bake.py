"""When a fresh champion gives way: k breaches of n readings, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import pytest

from finrisk.evidence import Outcome
from finrisk.gate.bake import Baked, BakeVerdict, Reading, Signal, bake_verdict
from finrisk.specs.bake import Bake

FIRST = date(2026, 3, 1)
QUIET, ALIKE = (0.05, 0.04), (0.60, 0.55)
BREACH, UNKNOWN = (0.90, 0.05), (None, None)
UNANSWERED = (0.90, None)

Psi = tuple[float | None, float | None]


def reading(night: int = 0, psi: Psi = QUIET, **changes: Any) -> Reading:
    day = FIRST + timedelta(days=night)
    quiet = Reading(
        epoch=2,
        as_of=day + timedelta(days=1),
        champion=2,
        predecessor=1,
        first_day=day,
        last_day=day,
        rows=480,
        matured=0,
        bads=0,
        signals=(Signal("score_psi", *psi, 0.25), Signal("calibration", None, None, 0.5)),
    )
    return quiet.replace(**changes)


def after(each: Sequence[Psi], policy: Bake | None = None, **rest: Any) -> Baked:
    readings = [reading(night, psi) for night, psi in enumerate(each)]
    return bake_verdict(readings, policy or Bake(), **rest)


def only(signal: Signal) -> Outcome:
    return bake_verdict([reading(signals=(signal,))], Bake()).outcome


@pytest.mark.parametrize(
    ("signal", "outcome"),
    [
        (Signal("score_psi", 0.249, 0.0, 0.25), Outcome.PASS),
        (Signal("score_psi", 0.25, 0.10, 0.25), Outcome.FAIL),
        (Signal("score_psi", 0.25, 0.16, 0.25), Outcome.WARN),  # within 0.10: no worse than chance
        (Signal("score_psi", 3.2, 2.9, 0.25), Outcome.WARN),  # the population drifts
        (Signal("score_psi", 4.2, 2.9, 0.25), Outcome.FAIL),
        (Signal("score_psi", 0.9, None, 0.25), Outcome.UNKNOWN),
        (Signal("score_psi", None, 0.9, 0.25), Outcome.UNKNOWN),
        (Signal("score_psi", float("nan"), 0.9, 0.25), Outcome.UNKNOWN),
        (Signal("calibration", -0.7, 0.1, 0.5), Outcome.FAIL),
        (Signal("calibration", 0.7, -0.6, 0.5), Outcome.WARN),  # as far off, to the other side
        (Signal("calibration", 0.4, 0.0, 0.5), Outcome.PASS),
        (Signal("alert_volume", 2.1, 1.0, 2.0), Outcome.FAIL),
        (Signal("alert_volume", 0.4, 1.1, 2.0), Outcome.FAIL),  # too few alerts are as bad
        (Signal("alert_volume", 0.4, 2.4, 2.0), Outcome.WARN),
        (Signal("alert_volume", 0.0, 1.0, 2.0), Outcome.FAIL),
        (Signal("alert_volume", 1.9, 1.0, 2.0), Outcome.PASS),
        (Signal("error_rate", 0.02, 0.0, 0.01), Outcome.FAIL),
        (Signal("error_rate", 1.0, 1.0, 0.01), Outcome.WARN),
        (Signal("error_rate", 0.0, 0.0, 0.01), Outcome.PASS),
    ],
)
def test_a_breach_is_a_limit_broken_where_the_predecessor_does_better(
    signal: Signal, outcome: Outcome
) -> None:
    assert only(signal) is outcome


@pytest.mark.parametrize(
    ("each", "verdict"),
    [
        ([BREACH] * 2, BakeVerdict.BAKING),
        ([BREACH] * 3, BakeVerdict.ROLL_BACK),
        ([BREACH, QUIET, BREACH, QUIET, BREACH], BakeVerdict.ROLL_BACK),
        ([BREACH, QUIET, QUIET, BREACH, QUIET, BREACH], BakeVerdict.BAKING),  # 2 of the last 5
        ([BREACH, UNKNOWN, UNKNOWN, BREACH, UNKNOWN, BREACH], BakeVerdict.ROLL_BACK),
        ([BREACH, BREACH, UNKNOWN], BakeVerdict.BAKING),
        ([BREACH, BREACH, BREACH, QUIET], BakeVerdict.BAKING),  # refused: a quiet night waits
        ([BREACH, BREACH, BREACH, QUIET, BREACH], BakeVerdict.ROLL_BACK),
        ([ALIKE] * 9, BakeVerdict.BAKING),
        ([ALIKE] * 10, BakeVerdict.PASSED),
        ([QUIET] * 9, BakeVerdict.BAKING),
        ([QUIET] * 10, BakeVerdict.PASSED),
        ([BREACH, BREACH, *[QUIET] * 8], BakeVerdict.PASSED),
        ([UNKNOWN] * 30, BakeVerdict.BAKING),
        ([UNANSWERED] * 30, BakeVerdict.BAKING),
        ([*[QUIET] * 9, UNKNOWN], BakeVerdict.BAKING),
        ([*[QUIET] * 7, BREACH, BREACH, BREACH], BakeVerdict.ROLL_BACK),
    ],
)
def test_k_breaches_of_the_last_n_readings_roll_back_and_enough_readings_pass(
    each: Sequence[Psi], verdict: BakeVerdict
) -> None:
    assert after(each).verdict is verdict


def test_a_quiet_signal_beside_a_broken_one_without_comparison_is_no_quiet_reading() -> None:
    signals = (Signal("score_psi", 0.9, None, 0.25), Signal("error_rate", 0.0, None, 0.01))

    assert bake_verdict([reading(signals=signals)], Bake()).outcome is Outcome.UNKNOWN


def test_one_breach_counts_whatever_else_is_unknown_or_quiet() -> None:
    signals = (
        Signal("score_psi", None, None, 0.25),
        Signal("error_rate", 0.5, 0.0, 0.01),
        Signal("alert_volume", 1.0, 1.0, 2.0),
    )

    assert bake_verdict([reading(signals=signals)], Bake()).outcome is Outcome.FAIL


@pytest.mark.parametrize(
    ("each", "outcome"),
    [
        ([(0.24, 0.01)], Outcome.PASS),
        ([(0.26, 0.01), (0.24, 0.01)], Outcome.FAIL),
        ([(0.26, 0.01), (0.19, 0.01)], Outcome.PASS),
        ([(0.26, 0.01), (0.19, 0.01), (0.24, 0.01)], Outcome.PASS),
        ([(0.26, 0.01), UNKNOWN, (0.24, 0.01)], Outcome.FAIL),
    ],
)
def test_a_broken_signal_stays_broken_until_it_is_well_below_its_limit(
    each: Sequence[Psi], outcome: Outcome
) -> None:
    assert after(each).outcome is outcome


def test_calibration_on_more_and_more_rows_is_quiet_as_soon_as_it_keeps_its_limit() -> None:
    offsets = (-0.52, -0.46)
    readings = [
        reading(night, signals=(Signal("calibration", offset, 0.0, 0.5),))
        for night, offset in enumerate(offsets)
    ]

    outcomes = [bake_verdict(readings[: n + 1], Bake()).outcome for n in range(2)]

    assert outcomes == [Outcome.FAIL, Outcome.PASS]


@pytest.mark.parametrize(
    ("days_ago", "verdict"),
    [
        (None, BakeVerdict.ROLL_BACK),
        (1, BakeVerdict.COOLING_DOWN),
        (13, BakeVerdict.COOLING_DOWN),
        (14, BakeVerdict.ROLL_BACK),
    ],
)
def test_after_an_automatic_rollback_none_follows_until_it_has_cooled_down(
    days_ago: int | None, verdict: BakeVerdict
) -> None:
    tonight = reading(2).as_of
    last = None if days_ago is None else tonight - timedelta(days=days_ago)

    baked = after([BREACH] * 3, last_rollback=last)

    assert baked.verdict is verdict
    assert ("a person decides" in baked.sentence) is (verdict is BakeVerdict.COOLING_DOWN)


def test_another_policy_counts_otherwise() -> None:
    monthly = Bake(readings=3, breaches=2, last=3)

    assert after([BREACH, BREACH], monthly).verdict is BakeVerdict.ROLL_BACK
    assert after([QUIET] * 3, monthly).verdict is BakeVerdict.PASSED


def test_the_sentence_names_signals_figures_and_what_follows() -> None:
    assert after([QUIET, BREACH, BREACH, BREACH]).sentence == (
        "v2 on 480 rows of 2026-03-04: breach, score PSI 0.900 (limit 0.250, v1 0.050); "
        "3 of the last 4 readings breached: back to v1"
    )
    assert after([UNKNOWN]).sentence == (
        "v2 on 480 rows of 2026-03-01: unknown; no reading counts yet: the bake goes on"
    )


def test_a_reading_survives_json_with_its_verdict() -> None:
    baked = after([BREACH])

    assert Baked.from_json(baked.to_json()) == baked
