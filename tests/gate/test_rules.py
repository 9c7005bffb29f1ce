from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from finrisk.evidence import Facts, Outcome, RuleResult
from finrisk.gate.decision import may_look
from finrisk.gate.rules import before_look, floors, look_granted, scores_usable
from finrisk.records import Window
from finrisk.specs.policy import ErrorBudget, Floors, GatePolicy, Holdout
from tests.gate.factories import first_champion_facts, good_facts

POLICY = GatePolicy(clusters=("terminal",))


def rule_of(name: str, facts: Facts, policy: GatePolicy = POLICY) -> RuleResult:
    rules = (
        *before_look(facts, policy),
        look_granted(facts, policy),
        scores_usable(facts),
        *floors(facts, policy),
    )
    return next(rule for rule in rules if rule.rule == name)


def holdout(**changes: Any) -> Window:
    return good_facts().holdout.replace(**changes)


def test_every_rule_of_a_good_night_passes() -> None:
    assert {rule.outcome for rule in before_look(good_facts(), POLICY)} == {Outcome.PASS}


@pytest.mark.parametrize(
    ("rule", "changes", "outcome", "figure"),
    [
        ("challenger_verified", {"challenger_verified": False}, "fail", "does not verify"),
        ("challenger_verified", {"challenger_verified": None}, "unknown", "could not be checked"),
        ("champion_verified", {"champion_verified": False}, "fail", "the champion's artifact"),
        ("champion_verified", {"champion_verified": None}, "unknown", "could not be checked"),
        ("no_row_in_both", {"rows_in_both": 3}, "fail", "3 rows shared"),
        ("no_row_in_both", {"rows_in_both": None}, "unknown", "were not counted"),
        ("enough_bads", {"holdout": holdout(bads=199)}, "fail", "199 bads in the hold-out"),
        ("enough_bads", {"holdout": holdout(bads=200)}, "pass", "200 bads in the hold-out"),
        (
            "enough_bad_clusters_terminal",
            {"bad_clusters": {"terminal": 49}},
            "fail",
            "49 terminals",
        ),
        ("enough_bad_clusters_terminal", {"bad_clusters": {}}, "unknown", "were not counted"),
        ("enough_bad_clusters_terminal", {"bad_clusters": None}, "unknown", "were not counted"),
        ("enough_goods", {"holdout_goods": 199}, "fail", "199 goods in the hold-out"),
        ("same_rows", {"same_rows": False}, "fail", "the rows are not the hold-out's"),
        ("same_rows", {"same_rows": None}, "unknown", "were not compared"),
        ("no_single_feature_leak", {"highest_single_feature_auc": 0.98}, "fail", "'bureau_score'"),
        ("no_single_feature_leak", {"highest_single_feature_auc": 0.97}, "pass", "AUC 0.9700"),
        ("no_single_feature_leak", {"highest_single_feature_auc": None}, "unknown", "no feature"),
        ("no_single_feature_leak", {"highest_single_feature": None}, "unknown", "no feature"),
        (
            "no_single_feature_leak",
            {"highest_single_feature_auc": float("nan")},
            "unknown",
            "no feature was measured alone",
        ),
        ("not_frozen", {"frozen": "change freeze until 2026-02-01"}, "fail", "until 2026-02-01"),
        ("not_frozen", {}, "pass", "no change freeze"),
        ("look_granted", {"look_refused": "look spent"}, "fail", "look spent"),
        ("look_granted", {"alpha": None}, "unknown", "no look was asked for"),
        ("look_granted", {"alpha": 0.0}, "fail", "α 0 spent"),
        ("look_granted", {"alpha": 0.051}, "fail", "α 0.051 spent"),
        ("look_granted", {"alpha": float("nan")}, "fail", "α nan spent"),
        ("scores_usable", {"scores_usable": False}, "fail", "scores are not usable"),
        ("scores_usable", {"scores_usable": None}, "unknown", "scores were not measured"),
        ("floor_auc", {"challenger_metrics": {"auc": 0.59, "ks": 0.3}}, "fail", "AUC 0.5900"),
        ("floor_auc", {"challenger_metrics": {"ks": 0.3}}, "unknown", "AUC was not measured"),
        ("floor_ks", {"challenger_metrics": {"auc": 0.7, "ks": 0.1}}, "pass", "KS 0.1000"),
        ("floor_ks", {"challenger_metrics": {"ks": float("nan")}}, "unknown", "not measured"),
    ],
)
def test_a_rule_says_its_outcome_and_its_figure(
    rule: str, changes: dict[str, Any], outcome: str, figure: str
) -> None:
    found = rule_of(rule, good_facts(**changes))

    assert found.outcome == outcome
    assert figure in found.figure


@pytest.mark.parametrize("contender", ["challenger", "champion"])
@pytest.mark.parametrize(
    ("train_end", "outcome"),
    [
        (date(2025, 4, 28), Outcome.PASS),  # + 1 day of embargo is the 29th, before the 30th
        (date(2025, 4, 29), Outcome.FAIL),
        (date(2025, 5, 15), Outcome.FAIL),
        (None, Outcome.UNKNOWN),
    ],
)
def test_development_and_embargo_end_before_the_eve_of_the_holdout(
    contender: str, train_end: date | None, outcome: Outcome
) -> None:
    facts = good_facts(**{f"{contender}_train_end": train_end})

    found = rule_of(f"{contender}_out_of_time", facts)

    assert found.outcome is outcome
    assert found.limit == "before 2025-04-30"
    assert contender in found.figure


@pytest.mark.parametrize(("in_facts", "in_policy"), [(40, 1), (1, 40)])
def test_the_longer_embargo_counts(in_facts: int, in_policy: int) -> None:
    policy = GatePolicy(holdout=Holdout(embargo_days=in_policy))

    found = rule_of("challenger_out_of_time", good_facts(embargo_days=in_facts), policy)

    assert found.outcome is Outcome.FAIL
    assert found.figure == ("the challenger's development ends 2025-03-31, with embargo 2025-05-10")


def test_a_strong_feature_on_the_allow_list_passes() -> None:
    policy = GatePolicy(allowed_strong_features=("bureau_score",))

    found = rule_of("no_single_feature_leak", good_facts(highest_single_feature_auc=0.99), policy)

    assert found.outcome is Outcome.PASS


def test_the_limits_are_the_policys() -> None:
    policy = GatePolicy(
        holdout=Holdout(min_bads=10, min_goods=20),
        floors=Floors(auc=0.75, ks=0.4),
        single_feature_auc=0.6,
        error_budget=ErrorBudget(alpha_year=0.001),
    )
    facts = good_facts()

    assert rule_of("enough_bads", facts, policy).limit == "at least 10"
    assert rule_of("enough_goods", facts, policy).limit == "at least 20"
    assert rule_of("floor_auc", facts, policy).limit == "at least 0.7500"
    assert rule_of("floor_ks", facts, policy).outcome is Outcome.FAIL
    assert rule_of("no_single_feature_leak", facts, policy).outcome is Outcome.FAIL
    assert rule_of("look_granted", facts, policy).outcome is Outcome.FAIL


def test_without_a_champion_no_rule_speaks_of_one() -> None:
    rules = before_look(first_champion_facts(), POLICY)

    assert not [rule.rule for rule in rules if "champion" in rule.rule]
    assert {rule.outcome for rule in rules} == {Outcome.PASS}


def test_a_first_champion_is_compared_with_nobody_and_spends_nothing() -> None:
    assert look_granted(first_champion_facts(alpha=0.0), POLICY).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("champion", "challenger", "outcome"),
    [
        (True, True, Outcome.PASS),
        (False, True, Outcome.PASS),
        (False, False, Outcome.PASS),
        (True, False, Outcome.FAIL),
    ],
)
def test_a_detector_may_take_no_probabilities_away_and_costs_no_look(
    champion: bool, challenger: bool, outcome: Outcome
) -> None:
    facts = good_facts(probabilities=(champion, challenger))

    (rule,) = [r for r in before_look(facts, GatePolicy()) if r.rule == "gives_probability"]

    assert rule.outcome is outcome
    assert may_look(facts, GatePolicy()) is (outcome is Outcome.PASS)
