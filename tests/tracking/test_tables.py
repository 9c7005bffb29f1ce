from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from finrisk.errors import ConfigurationError
from finrisk.tracking.tables import plain, quality_contents, search_contents


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float64("inf"), None),
        ((1, {2}), [1, [2]]),
        (Path("here"), "here"),
        (True, True),
        (None, None),
        (pd.NA, None),
        (pd.Series({"age": np.int64(1)}), {"age": 1}),
        (pd.Series([1.0, np.nan]), [1.0, None]),
        (pd.DataFrame({"age": [1], "sum": [0.5]}, index=["mean"]), {
            "age": {"mean": 1}, "sum": {"mean": 0.5},
        }),
        ({"dtype": np.dtype("float64")}, {"dtype": "float64"}),
    ],
)  # fmt: skip
def test_values_become_plain_json(value: object, expected: object) -> None:
    assert plain(value) == expected


def test_numbers_of_numpy_are_metrics_and_tables_are_documents() -> None:
    figures = {
        "rows": np.int64(3), "share": np.float32(0.5), "sound": np.bool_(True),
        "by_column": pd.Series({"age": 0.1}), "summary": pd.DataFrame({"age": [1.0]}),
    }  # fmt: skip

    contents = quality_contents(figures)

    assert contents.metrics == {"rows": 3.0, "share": 0.5}
    assert contents.documents["by_column.json"] == {"age": 0.1}
    assert contents.documents["summary.json"] == {"age": [1.0]}
    assert contents.documents["data_quality.json"]["sound"] is True


def test_a_documents_name_is_never_a_path() -> None:
    contents = quality_contents({"../../tmp/escaped": "x", "/etc/passwd": "y"})

    assert set(contents.documents) == {"tmp_escaped.json", "etc_passwd.json", "data_quality.json"}


def test_a_search_on_several_metrics_is_summed_up_on_the_one_it_was_refitted_on() -> None:
    results = {
        "params": [{"C": 1}, {"C": 2}],
        "mean_test_roc_auc": np.array([0.6, 0.8]),
        "mean_test_accuracy": np.array([0.9, 0.95]),
    }

    contents = search_contents({"C": [1, 2]}, results, {"C": 2}, 0.8)

    assert contents.metrics == {"best_score": 0.8, "configurations": 2.0}
    assert contents.documents["performance_summary.json"]["worst_test_score"] == 0.6


@pytest.mark.parametrize(
    "change", [{"cv_results": None}, {"best_params": None}, {"best_score": None}]
)
def test_a_search_that_is_none_is_refused_by_the_arguments_name(change: dict[str, Any]) -> None:
    given = {"param_grid": {}, "cv_results": {}, "best_params": {}, "best_score": 0.5}

    with pytest.raises(ConfigurationError, match=next(iter(change))):
        search_contents(**{**given, **change})


def test_a_mapping_that_holds_itself_has_an_end() -> None:
    endless: dict[str, Any] = {"C": 1}
    endless["again"] = endless

    assert plain(endless)["again"]["C"] == 1
