from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from finrisk.errors import ConfigurationError, NotEnoughData
from finrisk.metrics.paired_rows import PairedRows, paired_rows
from finrisk.metrics.resampling import (
    Measure,
    replicate_differences,
    sample_differences,
)
from tests.metrics.factories import shared_signal

MEASURES: dict[str, Measure] = {
    "auc": lambda resample: resample.levels.auc_and_gini()[0],
    "bad rate": lambda resample: (
        resample.levels.all_bads / (resample.levels.all_bads + resample.levels.all_goods)
    ),
}


def rows_of(codes: Any = None, *, seed: int = 1) -> PairedRows:
    labels, a, b = shared_signal(600, seed=seed)
    return paired_rows(labels == 1, a, b, codes, np.random.default_rng(0))


def drawn(rows: PairedRows, replicates: int = 200, seed: int = 2) -> dict[str, Any]:
    return replicate_differences(rows, MEASURES, replicates, np.random.default_rng(seed))


def test_both_models_see_the_same_draw() -> None:
    codes = np.arange(600) // 6

    assert not drawn(rows_of())["bad rate"].any()
    assert not drawn(rows_of(codes))["bad rate"].any()


@pytest.mark.parametrize("clustered", [False, True])
def test_replicates_vary_about_the_difference_on_the_rows(clustered: bool) -> None:
    rows = rows_of(np.arange(600) // 6 if clustered else None)

    found = drawn(rows, replicates=600)["auc"]

    centre = sample_differences(rows, MEASURES)["auc"]
    assert abs(found.mean() - centre) < 4 * found.std() / np.sqrt(600)


def test_more_replicates_begin_with_the_same_ones() -> None:
    few, many = drawn(rows_of(), 5), drawn(rows_of(), 50)

    assert np.array_equal(few["auc"], many["auc"][:5])


def test_one_replicate_has_no_spread() -> None:
    with pytest.raises(ConfigurationError, match="at least 2; got 1"):
        drawn(rows_of(), replicates=1)


def test_clusters_that_never_hold_both_classes_together_are_too_few(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("finrisk.metrics.resampling.MOST_REDRAWS", 0)

    with pytest.raises(NotEnoughData, match="the clusters cannot be resampled"):
        drawn(rows_of(np.arange(600) // 6))
