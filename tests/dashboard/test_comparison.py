"""Model Comparison: what the gate saw, both versions on the same frozen rows, what differs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from finrisk.dashboard.comparison import queries as comparison
from finrisk.ledger.store import Ledger
from tests.dashboard import comparison_worlds as worlds
from tests.dashboard.conftest import Show, settings_of, texts

PAGE = "comparison"
NOT_ON_THE_SAME_ROWS = "The two cannot be shown on the same rows"


def said(at: AppTest) -> str:
    """The page's words as people read them: nothing escaped."""
    assert not at.exception, at.exception
    assert not at.error, texts(at)
    return texts(at).replace("\\", "")


def tables(at: AppTest) -> list[Any]:
    return [element.value for element in at.dataframe]


def pictures(at: AppTest) -> list[Any]:
    return [*at.get("vega_lite_chart"), *at.get("arrow_vega_lite_chart")]


def test_the_champion_and_its_newer_challenger_are_compared_unasked(
    decided_home: Path, show: Show
) -> None:
    at = show(decided_home, PAGE)

    chosen = [at.selectbox(key=f"comparison {side} live credit_risk").value for side in "ab"]
    assert chosen == [1, 2]
    assert (at.query_params["a"], at.query_params["b"]) == ("1", "2")


def test_the_gates_own_figures_of_exactly_these_two_come_first(
    decided_home: Path, show: Show
) -> None:
    with Ledger.open(settings_of(decided_home)) as ledger:
        night = ledger.nights("credit_risk")[1]
    found = night.comparison
    assert found is not None

    at = show(decided_home, PAGE)

    words = said(at)
    assert f"On the night of {night.as_of} the gate compared exactly these two" in words
    assert night.decision.value in words
    assert f"z {found.z:.2f}".replace("-", "−") in words.replace("-", "−")
    gate = tables(at)[0]
    assert gate["Champion v1"][0] == f"{found.champion:.4f}"
    assert gate["Challenger v2"][0] == f"{found.challenger:.4f}"


def test_the_table_of_the_same_rows_agrees_with_the_gate(decided_home: Path, show: Show) -> None:
    gate, ranking = tables(show(decided_home, PAGE))[:2]

    auc = ranking.iloc[0]
    assert auc["Metric"] == "AUC (higher is better)"
    assert auc["A: v1 (95 %)"].startswith(gate["Champion v1"][0])
    assert auc["B: v2 (95 %)"].startswith(gate["Challenger v2"][0])
    assert auc["B − A (95 %)"].startswith(gate["Challenger − champion"][0])


def test_the_page_says_that_it_decides_nothing_and_it_spends_no_look(
    own_home: Path, own_ledger: Ledger, show: Show
) -> None:
    before = own_ledger.pulse(), own_ledger.looks("credit_risk")

    words = said(show(own_home, PAGE))

    assert "it decides nothing and spends no look" in words
    assert (own_ledger.pulse(), own_ledger.looks("credit_risk")) == before


def test_every_picture_says_what_it_shows_to_who_cannot_see_it(
    decided_home: Path, show: Show
) -> None:
    at = show(decided_home, PAGE)

    charts = pictures(at)
    assert len(charts) == 4  # ROC, calibration, scores, differences: no alert budget, no fifth
    assert all(chart.proto.alt for chart in charts)


def test_the_other_way_round_turns_the_difference_and_leaves_the_gate_as_it_was(
    decided_home: Path, show: Show
) -> None:
    gate, ranking = tables(show(decided_home, PAGE))[:2]

    turned_gate, turned = tables(show(decided_home, PAGE, a="2", b="1"))[:2]

    assert turned_gate.equals(gate)
    assert turned["A: v2 (95 %)"][0] == ranking["B: v2 (95 %)"][0]
    value = ranking["B − A (95 %)"][0].split(" ")[0]
    other = {"+": "−", "−": "+"}[value[0]] + value[1:]
    assert turned["B − A (95 %)"][0].split(" ")[0] == other


def test_the_address_keeps_whom_people_chose(decided_home: Path, show: Show) -> None:
    at = show(decided_home, PAGE, a="v2", b="1")
    assert at.selectbox(key="comparison a live credit_risk").value == 2

    at.selectbox(key="comparison a live credit_risk").select(1).run()

    assert at.query_params["a"] == "1"
    assert "Choose two different versions" in said(at)


def test_an_address_that_names_no_version_is_passed_over(decided_home: Path, show: Show) -> None:
    at = show(decided_home, PAGE, a="77", b="x")

    assert at.selectbox(key="comparison a live credit_risk").value == 1
    assert at.selectbox(key="comparison b live credit_risk").value == 2


def test_what_differs_is_shown_and_the_rest_on_demand(decided_home: Path, show: Show) -> None:
    at = show(decided_home, PAGE)
    origins = tables(at)[-1]
    assert set(origins["Differs"]) == {"yes"}
    assert "Fitted on rows to" in set(origins["What"])

    at.toggle(key="comparison all").set_value(True).run()

    parameters, origins = tables(at)[-2:]
    assert "seed" in set(parameters["Parameter"])
    assert {"Library scikit-learn", "Feature income"} <= set(origins["What"])


def test_without_two_versions_the_page_says_where_they_come_from(
    empty_home: Path, show: Show
) -> None:
    assert "There is no version yet" in said(show(empty_home, PAGE))

    worlds.with_one_version(empty_home)

    assert "There is only one version, v1" in said(show(empty_home, PAGE))


def test_the_same_bytes_under_two_numbers_are_not_compared(own_home: Path, show: Show) -> None:
    worlds.same_bytes_again(own_home)

    assert "the very same bytes" in said(show(own_home, PAGE, a="2", b="3"))


def test_a_version_that_the_gate_has_not_judged_is_not_shown_on_labels(
    own_home: Path, show: Show
) -> None:
    worlds.registered_without_a_look(own_home)

    at = show(own_home, PAGE, a="1", b="3")

    assert NOT_ON_THE_SAME_ROWS in said(at)
    assert "v3 has had no look yet" in said(at)
    assert not pictures(at)


def test_rows_that_are_not_out_of_time_for_both_are_not_shown(own_home: Path, show: Show) -> None:
    def longer_embargo(document: dict[str, Any]) -> None:
        document["gate"]["holdout"]["embargo_days"] = 300

    worlds.with_spec(own_home, longer_embargo)

    words = said(show(own_home, PAGE))

    assert NOT_ON_THE_SAME_ROWS in words
    assert "out of time for both" in words
    assert "What would help" in words


def test_features_that_mean_something_else_now_are_said(own_home: Path, show: Show) -> None:
    def other_feature(document: dict[str, Any]) -> None:
        document["features"].remove("utilisation")
        del document["reasons"]["utilisation"]

    worlds.with_spec(own_home, other_feature)

    words = said(show(own_home, PAGE))

    assert NOT_ON_THE_SAME_ROWS in words
    assert "utilisation" in words


def test_snapshots_that_are_gone_leave_the_gates_figures(own_home: Path, show: Show) -> None:
    worlds.without_snapshots(own_home)

    at = show(own_home, PAGE)

    assert "hold-outs that both versions may be shown on are not there any more" in said(at)
    assert "Champion v1" in tables(at)[0]


def test_an_artifact_that_does_not_verify_is_not_shown(own_home: Path, show: Show) -> None:
    worlds.with_other_keys(own_home)

    at = show(own_home, PAGE)

    assert "v1 cannot be shown." in said(at)
    assert "v2 cannot be shown." in said(at)
    assert "Champion v1" in tables(at)[0]


def test_with_mlflow_away_the_ledger_and_the_kept_copy_speak(
    own_home: Path, show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    monkeypatch.setenv("FINRISK_REMOTE_TIMEOUT_SECONDS", "1")

    at = show(own_home, PAGE)

    words = said(at)
    assert "v2 cannot be shown." in words
    assert "v1 cannot be shown." not in words  # it was champion: a copy is kept
    assert "What their signed manifests say" in words
    assert "Champion v1" in tables(at)[0]


def test_a_model_without_a_spec_shows_what_the_gate_saw(own_home: Path, show: Show) -> None:
    worlds.without_spec(own_home)

    at = show(own_home, PAGE)

    assert "no spec declares credit_risk" in said(at).lower()
    assert "Champion v1" in tables(at)[0]


def test_both_score_the_rows_once_however_often_they_are_looked_at(
    decided_home: Path, show: Show
) -> None:
    at = show(decided_home, PAGE)
    whose = comparison.Whose("live", "credit_risk")
    first = comparison.same_rows(whose, 1, 2)

    st.cache_data.clear()  # as the frame does when the ledger has changed
    at.run()

    assert comparison.same_rows(whose, 1, 2) is first


def test_the_bounds_are_told_at_the_confidence_of_their_own_night(
    own_home: Path, show: Show
) -> None:
    def bolder(document: dict[str, Any]) -> None:
        document["gate"].setdefault("guards", {})["confidence"] = 0.9

    worlds.with_spec(own_home, bolder)

    assert "Bounds are one-sided, each at 95 %" in said(show(own_home, PAGE))
