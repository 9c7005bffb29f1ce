from __future__ import annotations

from datetime import date

import pytest

from finrisk.evaluation.evidence_sentence import decision_sentence, difference_text, stages
from finrisk.evidence import Evidence, Outcome, RuleResult, Verdict
from finrisk.gate.decision import hold
from finrisk.records import Decision, Window
from tests.evaluation.factories import (
    POLICY,
    compared,
    evidence,
    facts,
    first_champion,
    guard_facts,
    pair,
    without_look,
)

PERSON = POLICY.model_copy(update={"approval": "person"})
FEW_BADS = Window(date(2025, 5, 1), date(2025, 6, 30), rows=9000, bads=120)


def sentence(found: Evidence, policy: object = POLICY) -> str:
    return decision_sentence(found, policy, challenger="v7 xgboost", champion="v5")  # type: ignore[arg-type]


def with_ks(difference: float, margin: float) -> Evidence:
    metrics = {**guard_facts().metrics, "ks": pair(0.3, difference, margin)}
    return evidence(facts(guards=guard_facts(metrics=metrics)))


def test_a_promotion_says_who_replaces_whom_and_by_how_much() -> None:
    assert sentence(evidence()) == (
        "v7 xgboost replaces v5: AUC +0.0312 (z 4.10, 2.72 needed), and no guard objects."
    )


def test_a_promotion_that_a_person_carries_out_is_no_replacement_yet() -> None:
    assert sentence(evidence(), PERSON).startswith(
        "v7 xgboost may replace v5, once a person approves: AUC +0.0312"
    )


def test_warnings_are_counted_where_nothing_objects() -> None:
    warned = facts(guards=guard_facts(feature_psi={"income": 0.4}))

    assert sentence(evidence(warned)).endswith("and no guard objects (1 warning).")


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (
            evidence(facts(comparison=compared(0.0012, 0.33))),
            "v5 stays: AUC +0.0012 (z 0.33, 2.71 needed) is not enough evidence that v7 xgboost "
            "is better.",
        ),
        (
            with_ks(-0.03, 0.04),
            "v5 stays: v7 xgboost is better, AUC +0.0312 (z 4.10, 2.72 needed), but a guard "
            "objects: Δ KS -0.0300 (-0.0700 to +0.0100).",
        ),
        (
            evidence(
                facts(comparison=compared(0.001, 0.3), guards=guard_facts(score_psi=(0.02, 0.4)))
            ),
            "v5 stays: AUC +0.0010 (z 0.30, 2.71 needed) is not enough evidence that v7 xgboost "
            "is better, and a guard objects.",
        ),
        (
            evidence(without_look(holdout=FEW_BADS)),
            "v5 stays without a look: 120 bads in the hold-out; needed: at least 200.",
        ),
        (
            evidence(without_look(look_refused="look spent: night 2026-02-01")),
            "v5 stays without a look: look spent: night 2026-02-01.",
        ),
        (
            evidence(facts(scores_usable=False, comparison=None, guards=None)),
            "v5 stays: scores are not usable; needed: all finite, and not the same for every row.",
        ),
        (
            evidence(verdict=hold("no new evidence")),
            "v5 stays: no new evidence.",
        ),
    ],
    ids=["no evidence", "guard", "neither", "few bads", "look spent", "scores", "no rules"],
)
def test_a_hold_says_why_the_champion_stays(found: Evidence, expected: str) -> None:
    assert sentence(found) == expected


def test_a_rejection_names_the_harm_before_the_test() -> None:
    said = sentence(with_ks(-0.05, 0.02))

    assert said.startswith("v7 xgboost is rejected for harm beyond chance: Δ KS -0.0500 (")
    assert said.index("KS") < said.index("AUC")


def test_a_rejection_of_a_worse_model_says_its_z() -> None:
    worse = compared(-0.02, -2.5).replace(standard_error=0.008)

    assert sentence(evidence(facts(comparison=worse))) == (
        "v7 xgboost is rejected as significantly worse: AUC -0.0200 (z -2.50, 2.71 needed); "
        "v5 stays."
    )


def test_an_artifact_that_does_not_verify_is_what_a_rejection_names() -> None:
    said = sentence(evidence(without_look(challenger_verified=False)))

    assert said.startswith("v7 xgboost is rejected: the challenger's artifact does not verify; ")
    assert said.endswith("v5 stays.")


def test_a_first_champion_is_told_by_its_floors() -> None:
    assert sentence(evidence(first_champion())) == (
        "v7 xgboost becomes the first champion: AUC 0.7312 (at least 0.6000), "
        "KS 0.3431 (at least 0.1000)."
    )
    below = first_champion(challenger_metrics={"auc": 0.55, "ks": 0.2})
    assert sentence(evidence(below)) == (
        "Nobody serves yet, and v7 xgboost may not begin: AUC 0.5500, needed at least 0.6000."
    )


def test_a_near_miss_does_not_read_as_equality() -> None:
    near = compared(0.02, 2.7131)

    assert difference_text(evidence(facts(comparison=near))) == (
        "AUC +0.0200 (z 2.71310, 2.71305 needed)"
    )


def test_a_rule_the_report_never_heard_of_falls_into_a_stage_by_its_place() -> None:
    new = RuleResult("moonlight", Outcome.FAIL, "moonlight 0.3", "below 0.2")
    rules = evidence().verdict.rules

    before = stages(Verdict(Decision.HOLD, (), (new, *rules)))
    after = stages(Verdict(Decision.HOLD, (), (*rules, new)))

    assert before.preconditions[0] == new == before.stopped[0]
    assert after.guards[-1] == new
    assert [rule.rule for rule in after.test] == ["superiority"]
