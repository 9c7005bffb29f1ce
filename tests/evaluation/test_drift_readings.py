"""Drift, gaps, strangers and volume of a window as readings of a day."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pytest

from finrisk.evaluation.drift_readings import DriftBasis, drift_readings
from finrisk.evaluation.watched import Watched, look_backs, watched_features
from finrisk.ledger.readings import Reading, State
from finrisk.metrics.day_counts import count_by_day, row_days
from finrisk.metrics.table_drift import table_counts, table_references
from finrisk.specs.model_spec import ModelSpec
from tests.data.cards import a_fraud_spec
from tests.specs.factories import good_document

WATCHED = Watched("loans", date(2026, 3, 10), 3)
FIRST, EACH = 20_000, 200


def columns(seed: int, days: int, first: int, **changes: Any) -> tuple[dict[str, Any], Any]:
    rng = np.random.default_rng(seed)
    rows = days * EACH
    home = np.where(rng.random(rows) < 0.3, "own", "rent").astype(object)
    good = {"score": rng.beta(1.0, 5.0, rows), "income": rng.gamma(2.0, 100.0, rows), "home": home}
    found = {name: changes.get(name, lambda cells: cells)(cells) for name, cells in good.items()}
    at = np.datetime64(first, "D") + np.arange(rows) // EACH
    return found, row_days(at)


def readings(
    days: int = 14, keep: float = 1.0, lost: tuple[int, float] = (0, 1.0), **changes: Any
) -> list[Reading]:
    spec = ModelSpec.model_validate(good_document())
    before, of_before = columns(1, 112, FIRST)
    now, of_now = columns(2, days, FIRST + 112, **changes)
    references = table_references(before, of_before)
    ones = [np.zeros(of.of_row.size, dtype=np.int64) for of in (of_before, of_now)]
    usual, rows = (count_by_day(o, 1, of) for o, of in zip(ones, (of_before, of_now), strict=True))
    # days that are all alike would make any change of volume an alarm
    jitter = np.random.default_rng(3).integers(-6, 7, (112, 1))
    usual = type(usual)(usual.first_day, usual.weekly, usual.counts + jitter)
    kept = np.full((days, 1), keep)
    kept[days - lost[0] :] *= lost[1]
    rows = type(rows)(rows.first_day, rows.weekly, (rows.counts * kept).astype(np.int64))
    basis = DriftBasis(
        references, table_counts(references, now, of_now), usual, rows, {"amount": "gone"}, {}
    )
    return drift_readings(WATCHED, basis, spec)


def of(found: list[Reading], monitor: str, subject: str = "") -> Reading:
    (one,) = (r for r in found if (r.monitor, r.subject) == (monitor, subject))
    return one


def test_a_window_like_the_reference_is_quiet_and_what_has_no_reference_is_unknown() -> None:
    found = readings()

    loud = [r for r in found if r.state is not State.QUIET]
    assert [(r.monitor, r.subject, r.state) for r in loud] == [
        ("feature_drift", "amount", State.UNKNOWN)
    ]


def test_a_score_that_moved_is_an_alarm_above_its_limit() -> None:
    score = of(readings(score=lambda cells: cells * 1.6), "score_drift")

    assert score.state is State.ALARM
    assert (score.value or 0.0) > (score.threshold or 9.0) >= 0.10
    assert len(score.detail["most_moved"]) == 3


def half_missing(cells: Any) -> Any:
    return np.where(np.arange(cells.size) % 2 == 0, np.nan, cells)


def test_missing_values_have_an_interval_and_a_limit() -> None:
    missing = of(readings(income=half_missing), "missing_rate", "income")

    assert missing.state is State.ALARM
    assert (missing.low or 0.0) < 0.5 < (missing.high or 0.0)
    assert missing.value == 0.5


@pytest.mark.parametrize(("share", "state"), [(0.02, State.QUIET), (0.3, State.ALARM)])
def test_unseen_kinds_alarm_from_the_least_share_that_matters(share: float, state: State) -> None:
    def castles(cells: Any) -> Any:
        return np.where(np.arange(cells.size) % 100 < 100 * share, "castle", cells)

    unseen = of(readings(home=castles), "categories", "home")

    assert unseen.state is state
    assert unseen.value == pytest.approx(share)


@pytest.mark.parametrize(("keep", "state"), [(0.9, State.QUIET), (0.5, State.ALARM)])
def test_half_the_rows_are_an_alarm_of_volume(keep: float, state: State) -> None:
    volume = of(readings(keep=keep), "volume")

    assert volume.state is state
    assert volume.value == pytest.approx(keep, abs=0.01)


def test_a_word_that_began_to_come_half_way_through_is_no_chance() -> None:
    def castles_at_last(cells: Any) -> Any:
        last_days = np.arange(cells.size) >= cells.size - 2 * EACH
        return np.where(last_days & (np.arange(cells.size) % 2 == 0), "castle", cells)

    unseen = of(readings(home=castles_at_last), "categories", "home")

    assert unseen.value == pytest.approx(1 / 14)
    assert unseen.state is State.ALARM


def lost_at_last(days_lost: int, share: float) -> Reading:
    return of(readings(days=28, lost=(days_lost, share)), "volume")


@pytest.mark.parametrize(
    ("days_lost", "share", "state"),
    [
        (13, 0.2, State.ALARM),  # the median day of the month is as ever
        (5, 0.5, State.ALARM),
        (2, 0.2, State.QUIET),  # holidays
        (28, 0.5, State.ALARM),
    ],
)
def test_a_loss_shows_within_a_week(days_lost: int, share: float, state: State) -> None:
    assert lost_at_last(days_lost, share).state is state


def test_a_volume_says_of_how_many_days_it_is() -> None:
    fresh, whole = lost_at_last(13, 0.2), lost_at_last(28, 0.2)

    assert (fresh.detail["days"], whole.detail["days"]) == (7, 28)
    assert fresh.value == pytest.approx(0.2, abs=0.01)
    assert whole.value == pytest.approx(0.2, abs=0.01)


def test_calendar_features_and_those_left_out_are_not_watched() -> None:
    spec = a_fraud_spec(monitoring={"left_out": ["amount"]})

    watched = watched_features(spec)

    assert "night" not in watched
    assert "amount" not in watched
    assert "customer_count_3d" in watched


def test_a_feature_remembers_as_long_as_its_window_and_the_score_as_the_longest() -> None:
    back = look_backs(a_fraud_spec())

    assert (back["customer_count_1d"], back["terminal_bad_share_3d"], back["score"]) == (1, 3, 3)


def test_an_unknown_left_out_feature_is_refused() -> None:
    with pytest.raises(ValueError, match=r"monitoring\.left_out names 'amonut', no feature"):
        a_fraud_spec(monitoring={"left_out": ["amonut"]})
