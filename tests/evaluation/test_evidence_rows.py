from __future__ import annotations

import pytest

from finrisk.evaluation.evidence_rows import GuardRow, guard_rows, result_word
from finrisk.evaluation.evidence_sentence import stages
from finrisk.evidence import Facts, Fairness, Outcome, RuleResult
from tests.evaluation.factories import evidence, facts, guard_facts, pair


def rows(found: Facts | None = None) -> dict[str, GuardRow]:
    found = found or facts()
    return {row.what: row for row in guard_rows(stages(evidence(found).verdict).guards, found)}


def test_every_guard_of_the_verdict_has_a_row() -> None:
    guards = stages(evidence().verdict).guards

    assert len(guard_rows(guards, facts())) == len(guards) == 16


@pytest.mark.parametrize(
    ("what", "champion", "challenger", "difference"),
    [
        ("KS", "0.3021", "0.3431", "+0.0410 (+0.0220 to +0.0600)"),
        ("Brier (lower is better)", "0.0841", "0.0824", "-0.0017 (-0.0026 to -0.0008)"),
        ("calibration offset (0 is right)", "+0.061", "-0.024", "–"),
        ("calibration slope (1 is right)", "1.040", "0.970", "–"),
        ("approval of goods by sex, f ÷ m (1 is even)", "0.962", "0.970 (upper bound 0.988)", "–"),
        ("scoring one row, 99th percentile", "–", "3.1 ms", "–"),
        (
            "AUC on each of 2 slices; the worst: channel=branch",
            "0.7100",
            "0.7220",
            "+0.0120 (-0.0070 to +0.0310)",
        ),
        (
            "AUC against v3, the last version a person signed",
            "0.6950 (v3)",
            "0.7312",
            "+0.0362 (+0.0222 to +0.0502)",
        ),
        (
            "expected loss per 1000 decisions (lower is better)",
            "61,250",
            "58,940",
            "-2,310 (-3,790 to -830)",
        ),
    ],
)
def test_a_guard_shows_both_models_and_the_difference(
    what: str, champion: str, challenger: str, difference: str
) -> None:
    row = rows()[what]

    assert (row.champion, row.challenger, row.difference) == (champion, challenger, difference)
    assert row.result == "pass"
    assert row.limit


def test_what_objects_comes_first_and_says_harm() -> None:
    metrics = {**guard_facts().metrics, "ks": pair(0.3, -0.05, 0.02)}
    found = facts(guards=guard_facts(metrics=metrics, feature_psi={"income": 0.4}))

    first, second, *others = guard_rows(stages(evidence(found).verdict).guards, found)

    assert (first.what, first.result) == ("KS", "block (harm)")
    assert second.result == "warn"
    assert {row.result for row in others} == {"pass"}


def test_a_figure_that_was_not_measured_is_unknown_and_said() -> None:
    metrics = {name: pair for name, pair in guard_facts().metrics.items() if name != "ks"}

    row = rows(facts(guards=guard_facts(metrics=metrics)))["KS was not measured"]

    assert (row.champion, row.result) == ("–", "unknown")


def test_a_rule_the_report_never_heard_of_has_its_own_text() -> None:
    for name in ("moonlight", "calibration_moon", "keeps_moonlight", "fairness_moon"):
        new = RuleResult(name, Outcome.FAIL, "moonlight 0.3", "below 0.2")

        (row,) = guard_rows([new], facts())

        assert row.cells == ("moonlight 0.3", "–", "–", "–", "below 0.2", "block")


def test_groups_too_small_to_judge_are_a_warning_not_a_figure() -> None:
    nobody = {"sex": Fairness(champion=None, challenger=None, left_out=("f", "m"))}

    row = rows(facts(guards=guard_facts(fairness=nobody)))[
        "sex is not judged: fewer than two groups of 200 goods"
    ]

    assert row.result == "warn"


@pytest.mark.parametrize("outcome", list(Outcome))
def test_every_outcome_has_a_word(outcome: Outcome) -> None:
    word = result_word(RuleResult("x", outcome, "", ""))

    assert word in {"pass", "warn", "block", "unknown"}
