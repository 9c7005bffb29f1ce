"""Metrics of two versions with intervals: the gate's values, and intervals that hold the truth."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from finrisk.evaluation.comparison import compare, model_metrics
from finrisk.evaluation.judged_rows import JudgedRows
from finrisk.evaluation.measuring import REPLICATES, ScoredSide
from finrisk.evaluation.paired_metrics import paired_metrics
from finrisk.evaluation.paired_outcomes import alert_flags
from finrisk.evaluation.same_rows import MetricPair
from finrisk.metrics.delong import paired_delong
from finrisk.specs.policy import GatePolicy

ROWS = 4_000
CREDIT = GatePolicy.model_validate({"cutoff": 0.3})
FRAUD = GatePolicy.model_validate(
    {
        "clusters": ["terminal"],
        "alerts": {"per_day": 20},
        "guards": {"secondary": {"daily_precision_at_20": {"points": 0.02}}},
    }
)


def rows(seed: int = 7) -> tuple[JudgedRows, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    bad = rng.random(ROWS) < 0.15
    quality = rng.normal(size=ROWS) + 1.2 * bad
    a, b = (1 / (1 + np.exp(2 - quality - s * rng.normal(size=ROWS))) for s in (1.5, 0.6))
    days = pd.Timestamp("2026-03-01") + pd.to_timedelta(np.arange(ROWS) % 10, unit="D")
    columns = pd.DataFrame({"_event_day": days, "terminal": rng.integers(300, size=ROWS)})
    none = pd.DataFrame(index=columns.index)
    return JudgedRows("ab" * 32, bad.astype(np.int8), columns, none, none), a, b


def measured(policy: GatePolicy, **changes: Any) -> dict[str, MetricPair]:
    judged, a, b = rows()
    sides = {
        "a": ScoredSide(a, is_probability=True),
        "b": ScoredSide(b, is_probability=True),
        **changes,
    }
    headline = "auc" if policy is CREDIT else "average_precision"
    found = paired_metrics(judged, sides["a"], sides["b"], policy, headline)
    assert found.metrics[0].name == headline
    return {pair.name: pair for pair in found.metrics}


def value(pair: MetricPair) -> tuple[float, float, float]:
    assert pair.a is not None
    assert pair.b is not None
    assert pair.difference is not None
    return pair.a.value, pair.b.value, pair.difference.value


def half(of: Any) -> float:
    return (of.high - of.low) / 2 / 1.959964


def test_values_are_those_of_sklearn() -> None:
    judged, a, b = rows()
    found = measured(CREDIT)

    for name, measure in (
        ("auc", roc_auc_score),
        ("average_precision", average_precision_score),
        ("brier", brier_score_loss),
    ):
        of_a, of_b = measure(judged.labels, a), measure(judged.labels, b)
        assert value(found[name]) == pytest.approx((of_a, of_b, of_b - of_a), abs=1e-12)


@pytest.mark.parametrize("policy", [CREDIT, FRAUD])
def test_every_documented_metric_of_the_gate_has_the_gates_value(policy: GatePolicy) -> None:
    judged, a, b = rows()
    found = measured(policy)
    lifts = {"lift_top_1pct", "lift_top_5pct", "lift_top_10pct", "detection_rate_at_fpr_5pct"}

    for side, scores in ((0, a), (1, b)):
        gates = model_metrics(judged, scores, True, policy)
        for name in gates.keys() - lifts:
            assert value(found[name])[side] == pytest.approx(gates[name], abs=1e-12), name


def test_the_auc_has_delongs_intervals() -> None:
    judged, a, b = rows()
    delong = paired_delong(judged.labels, a, b)

    auc = measured(CREDIT)["auc"]

    assert half(auc.difference) == pytest.approx(delong.standard_error, rel=1e-9)
    assert half(auc.a) == pytest.approx(np.sqrt(delong.covariance[0][0]), rel=1e-9)
    assert half(auc.b) == pytest.approx(np.sqrt(delong.covariance[1][1]), rel=1e-9)


def test_the_headline_of_fraud_has_the_gates_standard_error_of_clusters() -> None:
    judged, a, b = rows()
    gates = compare(
        judged.labels,
        a,
        b,
        metric="average_precision",
        clusters={"terminal": judged.groups("terminal")},
        replicates=REPLICATES,
        seed=judged.seed,
    )

    headline = measured(FRAUD)["average_precision"]

    assert half(headline.difference) == pytest.approx(gates.standard_error, rel=1e-9)
    assert gates.variance_by in headline.interval


def test_the_brier_score_has_the_error_of_a_mean() -> None:
    judged, a, _ = rows()
    by_row = np.square(a - judged.labels)

    brier = measured(CREDIT)["brier"]

    assert half(brier.a) == pytest.approx(by_row.std() / np.sqrt(ROWS), rel=1e-9)


def test_intervals_hold_what_they_are_about() -> None:
    for policy in (CREDIT, FRAUD):
        for pair in measured(policy).values():
            for of in (pair.a, pair.b, pair.difference):
                if of is not None and of.low is not None and of.high is not None:
                    assert of.low <= of.value <= of.high, pair.name


def test_the_same_scores_differ_by_nothing() -> None:
    _, a, _ = rows()
    same = measured(CREDIT, b=ScoredSide(a, is_probability=True))

    for pair in same.values():
        assert pair.difference is not None
        assert pair.difference.value == 0.0, pair.name
        assert pair.difference.low in (0.0, None), pair.name


def test_a_detector_has_no_figure_of_probabilities_and_the_reason_is_said() -> None:
    _, a, _ = rows()

    found = measured(CREDIT, a=ScoredSide(40.0 * a - 9.0, is_probability=False))

    for name in ("brier", "ece", "precision"):
        assert found[name].a is None
        assert found[name].b is not None
        assert found[name].difference is None
        assert "no probability" in found[name].interval
    assert value(found["auc"])[0] == value(measured(CREDIT)["auc"])[0]


def test_two_detectors_have_no_figure_of_probabilities_at_all() -> None:
    _, a, b = rows()

    found = measured(
        CREDIT, a=ScoredSide(a, is_probability=False), b=ScoredSide(b, is_probability=False)
    )

    assert not {"brier", "ece", "precision"} & found.keys()


def test_scores_are_held_against_their_own_reference() -> None:
    _, a, _ = rows()
    quantiles = tuple(np.quantile(a, np.linspace(0, 1, 201)).tolist())

    found = measured(CREDIT, a=ScoredSide(a, is_probability=True, reference=quantiles))["psi"]

    assert found.a is not None
    assert found.a.value < 0.01
    assert found.b is None
    assert "no reference" in found.interval


def test_alerts_are_the_riskiest_of_each_day() -> None:
    judged, a, _ = rows()

    flags = alert_flags(a, judged.days, 20)

    frame = pd.DataFrame({"day": judged.days, "score": a, "flag": flags})
    assert (frame.groupby("day")["flag"].sum() == 20).all()
    for _, of_day in frame.groupby("day"):
        assert (
            of_day.loc[of_day["flag"], "score"].min() >= of_day.loc[~of_day["flag"], "score"].max()
        )
