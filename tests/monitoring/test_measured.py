from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finrisk.errors import LabelError
from finrisk.metrics.ranking import ranking_metrics
from finrisk.monitoring.measured import MEASURABLE, against_given, labels_of

NAMES = st.sampled_from(["auc", "roc_auc", "ks", "psi", "f1", "precision_at_100", "rows", "profit"])


def test_every_ranking_figure_has_a_name_that_is_never_given_away() -> None:
    figures = ranking_metrics([0, 1, 0, 1], [0.1, 0.9, 0.2, 0.8], ks=(1,)).named()

    assert all(MEASURABLE.fullmatch(name) for name in figures)


@given(st.dictionaries(NAMES, st.floats()), st.dictionaries(NAMES, st.floats(0.0, 1.0)))
def test_nothing_given_is_ever_among_what_is_signed(
    given_: dict[str, float], measured: dict[str, float]
) -> None:
    both = against_given(measured, given_)

    assert both.measured == measured
    bare = {name for name in both.metrics if name in given_ and name not in measured}
    assert bare <= {"profit"}
    assert all(both.metrics[name] == measured[name] for name in measured if name != "profit")


@pytest.mark.parametrize("value", [None, "high", float("nan"), float("inf"), [1, 2], 10**400])
def test_what_is_no_finite_number_is_named(value: Any) -> None:
    both = against_given({"auc": 0.9}, {"profit": value})

    assert both.not_logged == ("profit",)
    assert both.metrics == {"auc": 0.9}


def test_labels_that_are_unknown_are_refused() -> None:
    with pytest.raises(LabelError, match="no label"):
        labels_of(pd.array([1, None], dtype="Int64"), "y", 2)
