from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from finrisk.data.maturity import months_later
from finrisk.data.simulated_lender import KEY, MARKETPLACE, SimulatedLender
from tests.data.factories import shipped_spec

LENDER = SimulatedLender(seed=7)
BEFORE = [date(2023, month, 1) for month in (1, 2, 6, 12)]
AFTER = [date(2024, month, 1) for month in (1, 2, 6, 12)]


def outcomes(lender: SimulatedLender, months: list[date]) -> pd.DataFrame:
    """Applications with their truth: ``bad`` within six months, and its true probability."""
    frames = []
    for month in months:
        frame = lender.applications(month)
        defaulted = lender.reports(month).set_index(KEY)["defaulted_on"].reindex(frame[KEY])
        days = frame["application_date"].to_numpy().astype("datetime64[D]")
        frame["bad"] = defaulted.to_numpy().astype("datetime64[D]") <= months_later(days, 6)
        frame["truth"] = lender.true_probability(frame)
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def test_a_month_is_a_pure_function_of_seed_and_month() -> None:
    month = date(2024, 3, 1)

    pd.testing.assert_frame_equal(
        SimulatedLender(seed=7).applications(month), LENDER.applications(month)
    )
    pd.testing.assert_frame_equal(SimulatedLender(seed=7).reports(month), LENDER.reports(month))
    assert not SimulatedLender(seed=8).applications(month).equals(LENDER.applications(month))


def test_applications_have_the_columns_of_the_shipped_spec_and_no_truth() -> None:
    frame = LENDER.applications(date(2024, 2, 1))

    assert list(frame.columns) == list(shipped_spec().columns)
    assert frame[KEY].is_unique
    assert frame["application_date"].min() >= pd.Timestamp("2024-02-01")
    assert frame["application_date"].max() <= pd.Timestamp("2024-02-29")
    assert len(frame) == pytest.approx(3000, rel=0.15)


@pytest.mark.parametrize(("months", "spread"), [(BEFORE, (0.13, 0.17)), (AFTER, (0.14, 0.20))])
def test_true_probabilities_are_calibrated_and_tell_bads_from_goods(
    months: list[date], spread: tuple[float, float]
) -> None:
    seen = outcomes(LENDER, months)

    assert spread[0] < seen["bad"].mean() < spread[1]
    assert seen["truth"].mean() == pytest.approx(seen["bad"].mean(), abs=0.015)
    assert 0.74 < roc_auc_score(seen["bad"], seen["truth"]) < 0.86


def test_from_the_drift_on_a_marketplace_brings_two_in_five_and_risk_turns_there() -> None:
    before, after = outcomes(LENDER, BEFORE), outcomes(LENDER, AFTER)
    there = after[after["channel"] == MARKETPLACE].dropna(subset="bureau_score")
    elsewhere = before.dropna(subset="bureau_score")

    assert MARKETPLACE not in set(before["channel"])
    assert len(there) / len(after) == pytest.approx(0.4, abs=0.05)
    assert roc_auc_score(elsewhere["bad"], -elsewhere["bureau_score"]) > 0.64
    assert roc_auc_score(there["bad"], -there["bureau_score"]) < 0.56
    assert roc_auc_score(there["bad"], there["income"]) > 0.6
    assert roc_auc_score(elsewhere["bad"], elsewhere["income"]) < 0.5


def test_a_lender_need_not_drift() -> None:
    steady = SimulatedLender(seed=7, drift_month=None).applications(date(2025, 1, 1))

    assert MARKETPLACE not in set(steady["channel"])


def test_reports_follow_defaults_and_a_few_come_too_late_to_count() -> None:
    month = date(2023, 5, 1)
    reports = LENDER.reports(month)
    applied = LENDER.applications(month).set_index(KEY)["application_date"].loc[reports[KEY]]
    days = applied.to_numpy().astype("datetime64[D]")
    defaulted = reports["defaulted_on"].to_numpy().astype("datetime64[D]")
    waited = (reports["reported_on"] - reports["defaulted_on"]).dt.days
    late = (defaulted > months_later(days, 6)).mean()

    assert reports[KEY].is_unique
    assert (defaulted > days).all()
    assert waited.between(0, 13).all()
    assert 0.1 < late < 0.4


def test_truth_does_not_depend_on_other_rows() -> None:
    frame = LENDER.applications(date(2024, 5, 1))

    some = LENDER.true_probability(frame.iloc[100:110])

    np.testing.assert_array_equal(some, LENDER.true_probability(frame)[100:110])
