"""The self-test in small, with fixed seeds: what every change to the gate must keep."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from finrisk.errors import ConfigurationError
from finrisk.simulation.plan import Extent
from finrisk.simulation.self_test import self_test
from finrisk.simulation.tables import markdown
from tests.simulation.factories import daily

SMALL = Extent(
    years=2, size_looks=80, power_looks=60, challengers=4, gates=("higher", "shipped"), seed=11
)
SETTING = daily(nights=40)
"""Forty nights of a year's budget, so that a look's α is the shipped one."""


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    return self_test([SETTING], SMALL)


def test_the_shipped_gate_promotes_no_equal_and_does_not_creep(report: Any) -> None:
    assert report["equal"]["false_promotions_per_year"] == 0.0
    assert report["creep"]["auc_change"] == 0.0
    assert report["worse"]["promotions_per_year"] == 0.0


def test_a_gate_that_asks_who_is_higher_promotes_noise_all_the_time(report: Any) -> None:
    rival = report["gates"]["higher"]

    assert rival["equal"]["interval"][0] > 1.0
    assert rival["creep"]["auc_change"] < 0.0


def test_a_difference_that_can_be_detected_is_detected(report: Any) -> None:
    assert report["better"]["power_interval"][0] < 0.8 < report["better"]["power_interval"][1]
    assert report["better"]["nights_to_promote"] <= 5


def test_undeclared_clusters_are_seen_in_the_size(report: Any) -> None:
    assert report["size"]["clustered_undeclared"]["at"]["5_pct"]["ratio"] > 1.5
    assert report["size"]["clustered"]["at"]["5_pct"]["interval"][0] < 1.5
    assert report["size"]["iid"]["at"]["5_pct"]["interval"][0] < 1.5


def test_the_report_says_what_it_assumed_and_for_which_schedule(report: Any) -> None:
    assert report["schedule"] == "daily"
    assert report["schedules"]["daily"]["equal"] == report["equal"]
    assert report["assumptions"]["z_needed"] == pytest.approx(3.696, abs=1e-3)
    assert report["assumptions"]["bads"] == 200


def test_every_gate_is_measured_in_the_same_worlds(report: Any) -> None:
    worlds = {name: set(found) for name, found in report["gates"].items()}

    assert worlds["higher"] == worlds["shipped"] == {"equal", "creep", "worse", "drift", "better"}


def test_delay_and_clusters_are_reported_beside_the_plain_figures(report: Any) -> None:
    assert {"clustered", "delayed", "clustered_delayed", "learnt_late"} <= set(report["drift"])
    assert {"clustered", "clustered_undeclared"} <= set(report["equal"])


def test_the_report_is_plain_json(report: Any) -> None:
    assert json.loads(json.dumps(report, allow_nan=False)) == report


def test_the_tables_name_every_gate_and_every_variant(report: Any) -> None:
    shown = markdown(report)

    assert "| challenger > champion |" in shown
    assert "| **the shipped gate** | 0.00 (0.00 to" in shown
    assert "labels known at maturity" in shown


def test_the_same_seed_gives_the_same_report_and_another_seed_another() -> None:
    tiny = replace(SMALL, years=1, size_looks=3, gates=("shipped",))
    setting = daily(nights=5)

    first, again = (self_test([setting], tiny) for _ in range(2))

    assert first == again
    assert first != self_test([setting], replace(tiny, seed=12))


@pytest.mark.parametrize(
    ("extent", "message"),
    [
        (replace(SMALL, gates=("coin",)), "no such gate; expected one of logged_metric"),
        (replace(SMALL, years=0), "nothing to simulate"),
    ],
)
def test_an_extent_that_makes_no_sense_is_refused(extent: Extent, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        self_test([SETTING], extent)
