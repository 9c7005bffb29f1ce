"""What matured labels say: an alarm where a loss is sure, quiet where it is chance, or unknown."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from finrisk.data.labels import LABEL, VINTAGE
from finrisk.evaluation.outcome_readings import (
    METRICS,
    estimate_readings,
    nothing_matured,
    outcome_readings,
)
from finrisk.evaluation.watched import Promise, Watched
from finrisk.ledger.readings import Reading, State
from finrisk.specs.model_spec import ModelSpec
from tests.data.decisions import logged_spec
from tests.specs.factories import good_document

WATCHED = Watched("loans", date(2026, 3, 10), 3)
ROWS = 6_000


def spec() -> ModelSpec:
    document = good_document()
    document["gate"] = {
        **document.get("gate", {}),
        "guards": {"slices": {"columns": ["home"]}, "replicates": 200},
    }
    return ModelSpec.model_validate(document)


def matured(seed: int = 1, rows: int = ROWS, told: float = 1.0, sense: float = 1.0) -> pd.DataFrame:
    """Rows whose score is their probability; ``told`` × the truth, and that only in part."""
    rng = np.random.default_rng(seed)
    truth = rng.beta(1.0, 6.0, rows)
    bad = rng.random(rows) < truth
    nonsense = rng.permutation(truth)
    score = np.where(rng.random(rows) < sense, truth, nonsense) * told
    days = np.datetime64("2026-02-01") + np.arange(rows) % 28
    return pd.DataFrame(
        {
            "_score": score,
            "_as_of": days.astype("datetime64[us]"),
            "_slice_home": np.where(rng.random(rows) < 0.5, "own", "rent"),
            "_cluster_branch": [f"B{n}" for n in rng.integers(0, 200, rows)],
            LABEL: pd.array(bad.astype(int), dtype="Int8"),
            VINTAGE: days.astype("datetime64[D]").astype(str),
        }
    )


def promise_of(rows: pd.DataFrame) -> Promise:
    """What the same score shows on rows of its hold-out."""
    readings = read(rows, Promise())
    metrics = {m: of(readings, "performance", m).value or 0.0 for m in METRICS}
    return Promise(metrics, len(rows), int(rows[LABEL].sum()), date(2026, 1, 1))


def read(rows: pd.DataFrame, promise: Promise, **changes: Any) -> list[Reading]:
    return outcome_readings(WATCHED, rows, promise, spec(), **({"probability": True} | changes))


def of(readings: list[Reading], monitor: str, subject: str = "") -> Reading:
    (found,) = (r for r in readings if (r.monitor, r.subject) == (monitor, subject))
    return found


def test_the_champion_as_it_was_is_quiet() -> None:
    promise = promise_of(matured(seed=2))

    readings = read(matured(), promise)

    assert {r.state for r in readings} == {State.QUIET}
    assert [r.subject for r in readings if r.monitor == "slice"] == ["home=own", "home=rent"]


def test_a_score_that_lost_half_its_sense_is_an_alarm() -> None:
    promise = promise_of(matured(seed=2))

    readings = read(matured(sense=0.4), promise)

    auc = of(readings, "performance", "auc")
    assert auc.state is State.ALARM
    assert (auc.value or 1.0) < (auc.threshold or 0.0) < auc.detail["least"]


def test_the_same_loss_on_few_rows_is_no_alarm() -> None:
    promise = promise_of(matured(seed=2))

    few = read(matured(rows=300, sense=0.4), promise)

    assert of(few, "performance", "auc").state is not State.ALARM


@pytest.mark.parametrize(("told", "sign"), [(0.4, 1.0), (1.8, -1.0)])
def test_probabilities_that_are_off_are_an_alarm_of_calibration(told: float, sign: float) -> None:
    rows = matured(told=told)
    rows["_score"] = rows["_score"].clip(upper=1.0)

    calibration = of(read(rows, promise_of(matured(seed=2))), "calibration")

    assert calibration.state is State.ALARM
    assert sign * (calibration.value or 0.0) > (calibration.threshold or 9.0)
    assert sign * (calibration.detail["bad_rate"] - calibration.detail["mean_score"]) > 0.0


def test_without_evidence_performance_has_a_figure_and_no_verdict() -> None:
    auc = of(read(matured(), Promise()), "performance", "auc")

    assert auc.value is not None
    assert (auc.threshold, auc.state) == (None, State.UNKNOWN)


def test_too_few_bads_are_unknown() -> None:
    rows = matured(rows=60)
    rows[LABEL] = pd.array([1] * 9 + [0] * 51, dtype="Int8")

    readings = read(rows, promise_of(matured(seed=2)))

    assert {(r.value, r.state) for r in readings} == {(None, State.UNKNOWN)}


def test_a_detector_s_score_is_held_against_no_bad_rate() -> None:
    readings = read(matured(), promise_of(matured(seed=2)), probability=False)

    assert of(readings, "calibration").state is State.UNKNOWN
    assert of(readings, "slice", "home=own").state is State.UNKNOWN
    assert of(readings, "performance", "auc").state is State.QUIET


def test_the_error_is_that_of_rows_that_move_together() -> None:
    alone = matured()
    together = pd.concat([alone.head(600)] * 10, ignore_index=True)  # ten rows of each customer
    together["_cluster_branch"] = np.tile([f"C{n}" for n in range(600)], 10)

    auc = of(read(together, Promise()), "performance", "auc")

    single = of(read(alone.head(600), Promise()), "performance", "auc")
    assert auc.detail["variance_by"].startswith("branch")
    assert auc.detail["standard_error"] == pytest.approx(single.detail["standard_error"], rel=0.25)


def test_vintages_stand_one_by_one_beside_the_headline() -> None:
    readings = read(matured(), Promise())

    by_vintage = of(readings, "performance", "auc").detail["by_vintage"]
    assert len(by_vintage) == 28
    assert sum(vintage["rows"] for vintage in by_vintage) == ROWS
    assert "by_vintage" not in of(readings, "performance", "ks").detail


def test_an_estimate_of_right_probabilities_is_near_the_truth() -> None:
    rows = matured()

    estimates = estimate_readings(WATCHED, rows["_score"].to_numpy(), Promise(), spec())

    for metric in ("auc", "average_precision"):
        estimate = of(estimates, "estimate", metric)
        truth = of(read(rows, Promise()), "performance", metric)
        assert estimate.value == pytest.approx(truth.value, abs=0.03)
        assert (estimate.low or 1.0) < (estimate.value or 0.0) < (estimate.high or 0.0)
        assert estimate.detail["assumes"]


def test_an_estimate_far_below_what_was_shown_warns_and_no_more() -> None:
    promise = Promise({"auc": 0.95, "average_precision": 0.9}, 1000, 100)

    estimates = estimate_readings(WATCHED, matured()["_score"].to_numpy(), promise, spec())

    assert {r.state for r in estimates} == {State.WARN}


def test_nothing_to_estimate_from_is_unknown() -> None:
    estimates = estimate_readings(WATCHED, np.empty(0), Promise(), spec())

    assert {(r.value, r.state) for r in estimates} == {(None, State.UNKNOWN)}


def test_nothing_matured_is_unknown_and_says_why() -> None:
    readings = nothing_matured(WATCHED, "too young", spec(), probability=True)

    assert {(r.value, r.state, r.detail["reason"]) for r in readings} == {
        (None, State.UNKNOWN, "too young")
    }


def test_each_monitor_of_outcomes_has_a_reading_when_nothing_matured() -> None:
    sliced = logged_spec()
    of_a_model = nothing_matured(WATCHED, "too young", sliced, probability=True)
    of_a_detector = nothing_matured(WATCHED, "too young", sliced, probability=False)

    slices = [r.subject for r in of_a_model if r.monitor == "slice"]
    assert slices == ["channel=web", "channel=shop"]
    assert [r.subject for r in of_a_detector if r.monitor == "slice"] == slices
    assert {r.detail["reason"] for r in of_a_detector if r.monitor == "slice"} == {
        "the champion is a detector: its score is no probability"
    }


def test_a_slice_of_undeclared_values_goes_by_its_column() -> None:
    spoken = logged_spec(columns={"branch": {"type": "text"}, "channel": {"type": "category"}})

    readings = nothing_matured(WATCHED, "too young", spoken, probability=True)

    assert [r.subject for r in readings if r.monitor == "slice"] == ["channel"]


@pytest.mark.parametrize("label", [0, 1])
def test_a_first_day_of_one_class_is_unknown_and_no_error(label: int) -> None:
    few = matured(rows=16).assign(**{LABEL: label})

    readings = outcome_readings(WATCHED, few, Promise(), spec(), probability=True)

    assert {(r.value, r.state) for r in readings} == {(None, State.UNKNOWN)}
    assert all(r.detail["reason"] for r in readings)
