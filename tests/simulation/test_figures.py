from __future__ import annotations

import json

import numpy as np
import pytest

from finrisk.simulation.figures import (
    creep,
    expected_promotions,
    guards,
    power,
    promotions,
    sizes,
    waiting,
)
from finrisk.simulation.size import Looks
from finrisk.simulation.years import YearOutcome

YEARS = [
    YearOutcome((10.0, 20.0), -0.002, 365),
    YearOutcome((), 0.0, 365),
    YearOutcome((30.0,), -0.001, 365),
]


def test_promotions_are_counted_a_year_with_an_interval() -> None:
    found = promotions(YEARS, "false_promotions_per_year")

    assert found["false_promotions_per_year"] == 1.0
    assert found["interval"][0] < 1.0 < found["interval"][1]


def test_creep_is_the_mean_and_the_worst_year() -> None:
    found = creep(YEARS)

    assert found["auc_change"] == pytest.approx(-0.001)
    assert found["auc_change_worst_year"] == -0.002


def test_a_year_without_a_promotion_waits_longer_than_any_other() -> None:
    found = waiting(YEARS, "nights_to_react")

    assert (found["nights_to_react"], found["never"]) == (30.0, pytest.approx(1 / 3))
    assert found["quartiles"][1] is None


def test_a_median_that_was_never_reached_is_none_and_plain_json() -> None:
    found = waiting([YEARS[1]] * 2 + YEARS[:1], "nights_to_react")

    assert found["nights_to_react"] is None
    json.dumps(found, allow_nan=False)


def test_power_is_a_share_of_looks() -> None:
    assert power([True, True, False, True], 0.01)["power"] == 0.75


def test_the_first_alpha_is_the_one_in_front() -> None:
    z = np.array([0.0, 3.0, -2.0, 0.5])
    looks = Looks(
        difference=z, error=np.ones(4), rows_error=np.full(4, 0.5), degrees_of_freedom=None
    )

    found = sizes(looks, {"own": 0.01, "5_pct": 0.05}, undeclared=False)
    undeclared = sizes(looks, {"own": 0.01, "5_pct": 0.05}, undeclared=True)

    assert found["ratio"] == found["at"]["own"]["ratio"] == pytest.approx(1 / 4 / 0.02)
    assert undeclared["ratio"] == pytest.approx(2 / 4 / 0.02)


def test_false_promotions_are_bounded_by_looks_times_size() -> None:
    z = np.array([0.0] * 98 + [5.0, -5.0])
    looks = Looks(
        difference=z, error=np.ones(100), rows_error=np.ones(100), degrees_of_freedom=None
    )
    size = sizes(looks, {"own": 0.04 / 12}, undeclared=False)

    found = expected_promotions(size, 12)

    assert found["expected"] == pytest.approx(12 * 0.01)
    assert found["expected_interval"][0] < 0.12 < found["expected_interval"][1]


def test_guards_pass_jointly_or_not() -> None:
    found = guards([(True, ()), (True, ("ks",)), (False, ("ks", "psi"))], 0.01)

    assert found["joint_pass"] == pytest.approx(1 / 3)
    assert found["joint_pass_when_superior"] == 0.5
    assert found["blocked_by"] == {"ks": pytest.approx(2 / 3), "psi": pytest.approx(1 / 3)}
