"""From records to samples; what is unknown gives none."""

from __future__ import annotations

from datetime import date

import pytest

from finrisk.gate.budget import Spent
from finrisk.ledger.nights import StoredNight
from finrisk.ledger.readings import State
from finrisk.pipelines.exporter import declared as m
from finrisk.pipelines.exporter.readings import of_readings
from finrisk.pipelines.exporter.samples import (
    Sample,
    Whose,
    midnight,
    of_budget,
    of_night,
    of_spec,
)
from finrisk.records import NightStatus
from finrisk.specs.model_spec import ModelSpec
from finrisk.specs.policy import ErrorBudget
from tests.ledger.factories import AT, digest, night_decision
from tests.pipelines.exporter.filled import TODAY, reading
from tests.specs.factories import changed

WHOSE = Whose("live", "credit_risk")
MINE = ("live", "credit_risk")


def values(samples: list[Sample], metric: m.Metric) -> dict[tuple[str, ...], float]:
    return {s.labels[len(MINE) :]: s.value for s in samples if s.metric is metric}


def night(**changes: object) -> StoredNight:
    decision = night_decision(status=NightStatus.BLOCKED)
    fields: dict[str, object] = {"seconds": 41.5, **changes}
    return StoredNight(decision, None, digest("spec"), None, AT, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("state", "level"), [(State.QUIET, 0.0), (State.WARN, 1.0), (State.ALARM, 2.0)]
)
def test_a_reading_has_the_level_of_its_state(state: State, level: float) -> None:
    samples = list(of_readings(WHOSE, [reading("score_drift", state=state)]))

    assert values(samples, m.MONITOR_LEVEL) == {("1", "score_drift", ""): level}


def test_an_unknown_reading_is_counted_and_has_neither_level_nor_figure() -> None:
    unknown = reading("score_drift", state=State.UNKNOWN, value=None, threshold=None)

    samples = list(of_readings(WHOSE, [unknown]))

    assert values(samples, m.MONITOR_SUBJECTS)["score_drift", "unknown"] == 1.0
    assert not values(samples, m.MONITOR_LEVEL)
    assert not values(samples, m.SCORE_PSI)
    assert not values(samples, m.SCORE_PSI_LIMIT)


def test_performance_has_its_interval_its_limit_and_what_was_promised() -> None:
    auc = reading(
        "performance",
        "auc",
        value=0.74,
        low=0.72,
        high=0.76,
        threshold=0.69,
        detail={"shown": 0.75},
    )

    samples = list(of_readings(WHOSE, [auc]))

    found = [
        values(samples, metric)["1", "auc"]
        for metric in (
            m.PERFORMANCE,
            m.PERFORMANCE_LOWER,
            m.PERFORMANCE_UPPER,
            m.PERFORMANCE_LIMIT,
            m.PERFORMANCE_PROMISED,
        )
    ]
    assert found == [0.74, 0.72, 0.76, 0.69, 0.75]


def test_what_nobody_promised_is_absent() -> None:
    samples = list(of_readings(WHOSE, [reading("performance", "auc")]))

    assert not values(samples, m.PERFORMANCE_PROMISED)


def test_a_slice_is_counted_and_never_named() -> None:
    samples = list(of_readings(WHOSE, [reading("slice", "iban=ES91", state=State.ALARM)]))

    assert values(samples, m.MONITOR_SUBJECTS)["slice", "alarm"] == 1.0
    assert not [sample for sample in samples if "iban=ES91" in sample.labels]


def test_an_age_becomes_a_moment_that_goes_on_ageing() -> None:
    samples = list(of_readings(WHOSE, [reading("freshness", "landing", value=3.0)]))

    assert values(samples, m.DATA_NEWEST) == {("landing",): midnight(TODAY) - 3 * 86_400}


def test_a_reading_without_a_version_has_an_empty_label() -> None:
    samples = list(of_readings(WHOSE, [reading("volume", version=None, value=1.5)]))

    assert values(samples, m.VOLUME) == {("",): 1.5}


def test_a_night_is_one_of_its_states() -> None:
    samples = list(of_night(WHOSE, night()))

    states = values(samples, m.NIGHT_STATUS)
    assert states["blocked",] == 1.0
    assert sum(states.values()) == 1.0
    assert values(samples, m.NIGHT_SECONDS) == {(): 41.5}


def test_a_night_of_an_earlier_release_has_no_duration() -> None:
    assert not values(list(of_night(WHOSE, night(seconds=None))), m.NIGHT_SECONDS)


def test_a_budget_that_nobody_touched_is_whole() -> None:
    samples = list(of_budget(WHOSE, Spent(), ErrorBudget()))

    assert values(samples, m.BUDGET_LEFT) == {(): pytest.approx(1.0)}
    assert values(samples, m.LOOKS_LEFT) == {("scheduled",): 12.0, ("reserve",): 4.0}


def test_a_budget_shrinks_by_what_is_spent_of_the_smallest_year_that_was_paid_under() -> None:
    spent = Spent(
        scheduled_looks=12, scheduled_alpha=0.02, reserve_looks=5, alpha_year_ceiling=0.04
    )

    samples = list(of_budget(WHOSE, spent, ErrorBudget()))

    assert values(samples, m.BUDGET_LEFT) == {(): pytest.approx(0.5)}
    assert values(samples, m.LOOKS_LEFT) == {("scheduled",): 0.0, ("reserve",): 0.0}


def test_looks_that_a_lowered_budget_no_longer_pays_for_are_not_left() -> None:
    spent = Spent(scheduled_looks=6, scheduled_alpha=0.02, alpha_year_ceiling=0.02)

    samples = list(of_budget(WHOSE, spent, ErrorBudget(alpha_year=0.02)))

    assert values(samples, m.LOOKS_LEFT) == {("scheduled",): 0.0, ("reserve",): 0.0}


@pytest.mark.parametrize(("days", "seconds"), [(40, {(): 40 * 86_400.0}), (None, {})])
def test_how_old_data_may_be_is_known_where_the_spec_says_it(
    days: int | None, seconds: dict[tuple[str, ...], float]
) -> None:
    spec = ModelSpec.model_validate(changed("contract", {"max_age_days": days}))

    samples = list(of_spec(WHOSE, spec))

    assert values(samples, m.DATA_LIMIT) == seconds


def test_midnight_is_in_utc() -> None:
    assert midnight(date(2026, 3, 1)) == 1_772_323_200.0
