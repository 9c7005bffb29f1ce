from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finrisk.evidence import (
    Anchor,
    Calibration,
    Fairness,
    GroupApproval,
    Operations,
    Outcome,
    PairedFigure,
    RuleResult,
    SliceFigure,
)
from finrisk.gate.decision import decide, in_the_way_of_refresh
from finrisk.gate.guards import guards
from finrisk.records import Decision
from finrisk.specs.guards import Costs, Guards, MostLoss, SliceGuard
from finrisk.specs.policy import GatePolicy
from tests.gate.factories import comparison, good_facts, good_guards, paired

SLICED = Guards(slices=SliceGuard(columns=("channel",)))
RIGHT = Calibration(offset=0.0, slope=1.0, ece=0.01)
EVEN = GroupApproval("a", "b", ratio=0.95, ratio_upper=0.99, tpr_gap=0.02)


def rule(name: str, policy: Guards = SLICED, **changes: Any) -> RuleResult:
    """Return one guard's result on good facts with these changes."""
    found = guards(good_facts(guards=good_guards(**changes)), policy)
    return next(result for result in found if result.rule == name)


def metrics(name: str, figure: PairedFigure) -> dict[str, PairedFigure]:
    return good_guards().metrics | {name: figure}


def fairness(challenger: GroupApproval, champion: GroupApproval | None = EVEN) -> Any:
    return {"age_band": Fairness(champion=champion, challenger=challenger)}


def test_a_challenger_that_harms_nothing_passes_every_guard() -> None:
    found = guards(good_facts(), SLICED)

    assert {result.outcome for result in found} == {Outcome.PASS}
    assert not any(result.harm for result in found)
    assert len({result.rule for result in found}) == len(found)


@pytest.mark.parametrize(
    ("name", "changes", "outcome", "harm"),
    [
        # a secondary metric: the bound proves harm, the point alone only blocks
        ("keeps_ks", {"metrics": metrics("ks", paired(-0.011))}, Outcome.FAIL, True),
        ("keeps_ks", {"metrics": metrics("ks", paired(-0.021, spread=0.03))}, Outcome.FAIL, False),
        ("keeps_ks", {"metrics": metrics("ks", paired(-0.019, spread=0.03))}, Outcome.PASS, False),
        ("keeps_ks", {"metrics": metrics("ks", paired(0.0).replace(upper=None))}, "unknown", False),
        ("keeps_ks", {"metrics": metrics("ks", paired(math.nan))}, "unknown", False),
        ("keeps_ks", {"metrics": {}}, "unknown", False),
        (
            "keeps_average_precision",  # 5 % of the champion's 0.4
            {"metrics": metrics("average_precision", paired(-0.021, spread=0.03))},
            Outcome.FAIL,
            False,
        ),
        # Brier: lower is better, so that the other bound counts
        ("keeps_brier", {"metrics": metrics("brier", paired(0.002, spread=0.001))}, "fail", True),
        (
            "keeps_brier",
            {"metrics": metrics("brier", paired(0.0011, champion=0.1, spread=0.01))},
            "fail",
            False,
        ),
        (
            "keeps_brier",
            {"metrics": metrics("brier", paired(0.0009, champion=0.1, spread=0.01))},
            "pass",
            False,
        ),
        # broken and worse than the champion, or it does not block
        ("calibration_offset", {"calibration": (RIGHT, RIGHT.replace(offset=-0.3))}, "fail", False),
        (
            "calibration_offset",
            {"calibration": (RIGHT.replace(offset=0.5), RIGHT.replace(offset=-0.4))},
            "pass",
            False,
        ),
        ("calibration_offset", {"calibration": None}, "unknown", False),
        (
            "calibration_offset",
            {"calibration": (RIGHT, RIGHT.replace(offset=None))},
            "unknown",
            False,
        ),
        (
            "calibration_offset",
            {"calibration": (RIGHT.replace(offset=None), RIGHT.replace(offset=0.3))},
            "unknown",
            False,
        ),
        ("calibration_slope", {"calibration": (RIGHT, RIGHT.replace(slope=0.79))}, "fail", False),
        ("calibration_slope", {"calibration": (RIGHT, RIGHT.replace(slope=-1.0))}, "fail", False),
        (
            "calibration_slope",  # as far below 1 as the other is above, in ratio
            {"calibration": (RIGHT.replace(slope=2.0), RIGHT.replace(slope=0.6))},
            "pass",
            False,
        ),
        ("score_psi", {"score_psi": (0.0, 0.25)}, "fail", False),
        ("score_psi", {"score_psi": (0.2, 0.30)}, "pass", False),
        ("score_psi", {"score_psi": (None, 0.1)}, "pass", False),
        ("score_psi", {"score_psi": (None, 0.3)}, "unknown", False),
        ("score_psi", {"score_psi": (0.1, None)}, "unknown", False),
        # feature drift is a reason to retrain
        ("feature_psi", {"feature_psi": {"income": 0.9}}, "warn", False),
        ("feature_psi", {"feature_psi": {"income": math.inf}}, "warn", False),
        ("feature_psi", {"feature_psi": {}}, "warn", False),
        # fairness
        ("fairness_age_band", {"fairness": fairness(EVEN.replace(ratio=0.79))}, "fail", False),
        (
            "fairness_age_band",
            {"fairness": fairness(EVEN.replace(ratio=0.6, ratio_upper=0.7))},
            "fail",
            True,
        ),
        (
            "fairness_age_band",
            {"fairness": fairness(EVEN.replace(ratio=0.7), EVEN.replace(ratio=0.65))},
            "pass",
            False,
        ),
        (
            "fairness_age_band",
            {"fairness": fairness(EVEN.replace(ratio=0.7), None)},
            "unknown",
            False,
        ),
        ("tpr_gap_age_band", {"fairness": fairness(EVEN.replace(tpr_gap=0.21))}, "fail", False),
        (
            "tpr_gap_age_band",
            {"fairness": fairness(EVEN.replace(tpr_gap=0.3), EVEN.replace(tpr_gap=0.4))},
            "pass",
            False,
        ),
        ("tpr_gap_age_band", {"fairness": fairness(EVEN.replace(tpr_gap=None))}, "warn", False),
        ("fairness_age_band", {"fairness": {"age_band": Fairness(None, None)}}, "warn", False),
        # operations
        ("one_row_ms", {"operations": Operations(101.0, 0.4, 0.2)}, "fail", False),
        ("one_row_ms", {"operations": Operations(None, 0.4, 0.2)}, "unknown", False),
        ("artifact_mb", {"operations": Operations(8.0, 201.0, 0.2)}, "fail", False),
        ("load_seconds", {"operations": Operations(8.0, 0.4, math.nan)}, "unknown", False),
        # the anchor
        ("anchor", {"anchor": None}, "pass", False),
        ("anchor", {"anchor": Anchor(3, None)}, "unknown", False),
        ("anchor", {"anchor": Anchor(3, paired(-0.009, spread=0.02))}, "pass", False),
        ("anchor", {"anchor": Anchor(3, paired(-0.011, spread=0.02))}, "fail", False),
        ("anchor", {"anchor": Anchor(3, paired(-0.005, spread=0.004))}, "fail", True),
        # slices
        ("slices", {"slices": {}}, "warn", False),
        ("slices", {"slices": {"channel=web": SliceFigure(300, paired(-0.02))}}, "pass", False),
        ("slices", {"slices": {"channel=web": SliceFigure(300, paired(-0.021))}}, "fail", True),
        (
            "slices",
            {"slices": {"channel=web": SliceFigure(300, paired(0.1).replace(upper=None))}},
            "unknown",
            False,
        ),
    ],
)  # fmt: skip
def test_a_guard_blocks_harm_alone(
    name: str, changes: dict[str, Any], outcome: str, harm: bool
) -> None:
    found = rule(name, **changes)

    assert (found.outcome, found.harm) == (Outcome(outcome), harm), found.figure


def test_the_limit_of_a_rare_events_brier_score_can_be_read() -> None:
    figure = paired(0.000378, champion=0.003383, spread=0.000123)
    found = rule("keeps_brier", metrics=metrics("brier", figure))
    assert found.figure == "Δ Brier +0.000378 (+0.000255 to +0.000501), lower is better"
    assert found.limit == "Δ not above +0.000034, its lower bound not above 0"


def test_without_measured_harm_nothing_is_promoted() -> None:
    facts = good_facts(guards=None)

    assert [result.outcome for result in guards(facts, Guards())] == [Outcome.UNKNOWN]
    verdict = decide(facts, GatePolicy())
    assert verdict.decision is Decision.HOLD
    assert verdict.reasons[1] == "guard: harm was not measured; needed: every guard measured"


def test_the_headline_metric_is_tested_and_not_guarded() -> None:
    assert "keeps_auc" not in {result.rule for result in guards(good_facts(), Guards())}
    by_precision = good_facts(
        comparison=comparison().replace(metric="average_precision"),
        guards=good_guards(metrics=good_guards().metrics | {"auc": paired(0.0)}),
    )
    names = {result.rule for result in guards(by_precision, Guards())}
    assert "keeps_auc" in names
    assert "keeps_average_precision" not in names


def test_a_metric_the_owner_names_must_be_proven_no_worse() -> None:
    policy = Guards(proven="ks")

    assert rule("keeps_ks", policy, metrics=metrics("ks", paired(0.0))).outcome is Outcome.PASS
    vague = paired(0.01, spread=0.04)
    assert rule("keeps_ks", policy, metrics=metrics("ks", vague)).outcome is Outcome.FAIL
    assert rule("keeps_ks", metrics=metrics("ks", vague)).outcome is Outcome.PASS


def test_costs_are_reported_and_never_block() -> None:
    policy = Guards(costs=Costs(bad_approved=1000.0, good_declined=100.0))

    dearer = rule("expected_loss", policy, loss_per_1000=paired(500.0, champion=9000.0))
    assert dearer.outcome is Outcome.PASS
    assert dearer.figure.startswith("9,500 per 1000 decisions against 9,000, Δ +500 ")
    assert rule("expected_loss", policy).outcome is Outcome.WARN
    names = {result.rule for result in guards(good_facts(), Guards())}
    assert "expected_loss" not in names


def test_harm_rejects_even_a_better_challenger_and_names_what_it_harms() -> None:
    harmed = good_facts(guards=good_guards(metrics=metrics("ks", paired(-0.03))))

    verdict = decide(harmed, GatePolicy())

    assert verdict.decision is Decision.REJECT
    assert verdict.reasons[1].startswith("harm: Δ KS -0.0300 (-0.0400 to -0.0200); needed:")


def test_a_guard_that_is_not_beyond_chance_holds_a_better_challenger() -> None:
    worse = good_facts(guards=good_guards(score_psi=(0.0, 0.4)))

    verdict = decide(worse, GatePolicy())

    assert verdict.decision is Decision.HOLD
    assert verdict.reasons[0] == "Δ AUC +0.0312, z 4.10 ≥ 2.71 needed"
    assert verdict.reasons[1].startswith("guard: score PSI")


def test_a_warning_stops_nothing() -> None:
    drifted = good_facts(guards=good_guards(feature_psi={"income": 0.9}))

    assert decide(drifted, GatePolicy()).decision is Decision.PROMOTE


def test_a_guard_of_a_challenger_that_is_not_better_is_listed_and_decides_nothing() -> None:
    facts = good_facts(comparison=comparison(0.002, 0.5), guards=good_guards(score_psi=(0.0, 0.4)))

    verdict = decide(facts, GatePolicy())

    assert verdict.reasons == ("Δ AUC +0.0020, z 0.50 < 2.71 needed: not enough evidence",)
    assert next(r for r in verdict.rules if r.rule == "score_psi").outcome is Outcome.FAIL


def test_a_refresh_asks_for_every_rule_but_superiority() -> None:
    no_better = good_facts(comparison=comparison(0.002, 0.5))

    assert in_the_way_of_refresh(decide(no_better, GatePolicy())) == ()
    worse = no_better.replace(guards=good_guards(score_psi=(0.0, 0.4)))
    assert in_the_way_of_refresh(decide(worse, GatePolicy()))[0].startswith("score PSI")
    never_compared = good_facts(rows_in_both=1)
    assert in_the_way_of_refresh(decide(never_compared, GatePolicy()))
    significantly_worse = good_facts(comparison=comparison(-0.02, -3.0))
    assert in_the_way_of_refresh(decide(significantly_worse, GatePolicy()))


@given(
    difference=st.floats(-0.2, 0.2),
    spread=st.floats(0.0, 0.2),
    most=st.floats(0.001, 0.1),
)
def test_a_challenger_that_is_better_in_every_figure_is_never_blocked_by_one(
    difference: float, spread: float, most: float
) -> None:
    policy = Guards(secondary={"ks": MostLoss(points=most)})
    found = rule("keeps_ks", policy, metrics=metrics("ks", paired(difference, spread=spread)))

    if difference >= 0.0:
        assert found.outcome is Outcome.PASS
    assert found.harm == (difference + spread < 0.0)
    assert not found.harm or found.outcome is Outcome.FAIL


BROKEN_OFFSET = Calibration(offset=0.4, slope=1.0, ece=0.05)
PROBABILITY_RULES = {"keeps_brier", "calibration_offset", "calibration_slope"}


@pytest.mark.parametrize(
    ("probabilities", "calibration", "asked", "failed"),
    [
        ((False, False), None, set(), set()),
        ((False, True), (None, RIGHT), {"calibration_offset", "calibration_slope"}, set()),
        ((False, True), (None, BROKEN_OFFSET), {"calibration_offset", "calibration_slope"}, set()),
        ((True, True), (RIGHT, BROKEN_OFFSET), PROBABILITY_RULES, {"calibration_offset"}),
    ],
)
def test_calibration_is_asked_where_scores_are_probabilities(
    probabilities: tuple[bool, bool], calibration: Any, asked: set[str], failed: set[str]
) -> None:
    found = guards(
        good_facts(guards=good_guards(probabilities=probabilities, calibration=calibration)), SLICED
    )

    about = [r for r in found if r.rule in PROBABILITY_RULES]
    assert {r.rule for r in about} == asked
    assert {r.rule for r in about if r.outcome is Outcome.FAIL} == failed
    assert not any(r.outcome is Outcome.UNKNOWN for r in about)
