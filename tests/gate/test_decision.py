from __future__ import annotations

import dataclasses
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finrisk.evidence import Facts, Outcome, Verdict
from finrisk.gate.budget import z_needed
from finrisk.gate.decision import decide, decide_first_by_hand, hold, may_look
from finrisk.records import Decision
from finrisk.specs.policy import Floors, GatePolicy
from tests.gate.factories import ALPHA, comparison, first_champion_facts, good_facts, good_guards

POLICY = GatePolicy(clusters=("terminal",))
PROMOTE, HOLD, REJECT = Decision.PROMOTE, Decision.HOLD, Decision.REJECT

# for every fact: what keeps the gate from promoting
BROKEN: dict[str, tuple[Any, ...]] = {
    "challenger_train_end": (None, date(2025, 5, 2)),
    "champion_train_end": (None, date(2025, 5, 2)),
    "holdout": (good_facts().holdout.replace(bads=150),),
    "holdout_goods": (10,),
    "embargo_days": (60,),
    "rows_in_both": (None, 1),
    "champion_features_changed": (None, ("income",)),
    "bad_clusters": (None, {}, {"terminal": 49}),
    "same_rows": (None, False),
    "challenger_verified": (None, False),
    "champion_verified": (None, False),
    "scores_usable": (None, False),
    "highest_single_feature": (None,),
    "highest_single_feature_auc": (None, 0.99),
    "alpha": (None, 0.0, 0.9),
    "look_refused": ("look spent",),
    "probabilities": ((True, False),),
    "frozen": ("change freeze until 2026-02-01 by anna: year-end",),
    "guards": (None, good_guards(metrics={})),
    "comparison": (None, comparison(0.002, 0.5), comparison(-0.03, -4.0), comparison(0.1, None)),
}
single_breaks = st.sampled_from(sorted(BROKEN)).flatmap(
    lambda fact: st.tuples(st.just(fact), st.sampled_from(BROKEN[fact]))
)


def test_a_clearly_better_challenger_is_promoted_with_its_figures() -> None:
    verdict = decide(good_facts(), POLICY)

    assert verdict.decision is PROMOTE
    assert verdict.reasons == ("Δ AUC +0.0312, z 4.10 ≥ 2.71 needed",)


@pytest.mark.parametrize(
    ("changes", "decision", "reason"),
    [
        (
            {"comparison": comparison(0.004, 0.84)},
            HOLD,
            "Δ AUC +0.0040, z 0.84 < 2.71 needed: not enough evidence",
        ),
        (
            {"comparison": comparison(0.02, 2.7125)},
            HOLD,
            "Δ AUC +0.0200, z 2.712 < 2.713 needed: not enough evidence",
        ),
        (
            {"comparison": comparison(0.0, 0.0)},
            HOLD,
            "Δ AUC +0.0000, z 0.00 < 2.71 needed: not enough evidence",
        ),
        (
            {"comparison": comparison(-0.01, -1.644)},
            HOLD,
            "Δ AUC -0.0100, z -1.64 < 2.71 needed: not enough evidence",
        ),
        (
            {"comparison": comparison(-0.01, -1.645)},
            REJECT,
            "Δ AUC -0.0100, z -1.65 ≤ -1.645: significantly worse than the champion",
        ),
        (
            {"comparison": comparison(0.01, None)},
            HOLD,
            "Δ AUC +0.0100 with standard error 0: z is undefined; needed: z ≥ 2.71",
        ),
        (
            {"comparison": comparison().replace(z=float("nan"))},
            HOLD,
            "Δ AUC +0.0312 with standard error 0.00760976: z is undefined; needed: z ≥ 2.71",
        ),
        (
            {"comparison": comparison().replace(difference=float("nan"))},
            HOLD,
            "the models were not compared at a paid look; needed: z ≥ 2.71",
        ),
        (
            {"comparison": None},
            HOLD,
            "the models were not compared at a paid look; needed: z ≥ 2.71",
        ),
        (
            {"challenger_verified": False},
            REJECT,
            "the challenger's artifact does not verify; needed: signature, digests and golden "
            "scores match",
        ),
        (
            {"champion_verified": False},
            REJECT,
            "the champion's artifact does not verify (restore it, or force another version: "
            "`finrisk promote MODEL VERSION --force`); needed: signature, digests and golden "
            "scores match",
        ),
        (
            {"challenger_verified": None},
            HOLD,
            "the challenger's artifact could not be checked; needed: signature, digests and "
            "golden scores match",
        ),
        (
            {"holdout": good_facts().holdout.replace(bads=150)},
            HOLD,
            "150 bads in the hold-out; needed: at least 200",
        ),
        (
            {"look_refused": "error budget gone: 12 of 12 scheduled looks of 2026 are spent"},
            HOLD,
            "error budget gone: 12 of 12 scheduled looks of 2026 are spent",
        ),
        ({"alpha": None, "scores_usable": None, "comparison": None}, HOLD, "no look was asked for"),
        (
            {"scores_usable": False, "comparison": None},
            HOLD,
            "scores are not usable; needed: all finite, and not the same for every row",
        ),
    ],
)
def test_a_single_change_decides_and_says_why(
    changes: dict[str, Any], decision: Decision, reason: str
) -> None:
    verdict = decide(good_facts(**changes), POLICY)

    assert verdict.decision is decision
    assert verdict.reasons == (reason,)


def test_exactly_the_z_needed_is_enough() -> None:
    just = comparison(0.01, 1.0).replace(z=z_needed(ALPHA))

    verdict = decide(good_facts(comparison=just), POLICY)

    assert verdict.reasons == ("Δ AUC +0.0100, z 2.713052 ≥ 2.713052 needed",)
    assert verdict.decision is PROMOTE


def test_every_broken_precondition_is_named() -> None:
    verdict = decide(good_facts(rows_in_both=2, same_rows=None), POLICY)

    assert verdict.decision is HOLD
    assert [reason.split(";")[0] for reason in verdict.reasons] == [
        "2 rows shared by hold-out and development",
        "the rows were not compared with the hold-out's",
    ]


def test_a_broken_artifact_outweighs_what_merely_holds() -> None:
    verdict = decide(good_facts(challenger_verified=False, rows_in_both=2), POLICY)

    assert verdict.decision is REJECT
    assert len(verdict.reasons) == 1


def test_a_comparison_on_broken_grounds_rejects_nobody() -> None:
    verdict = decide(good_facts(same_rows=False, comparison=comparison(-0.1, -9.0)), POLICY)

    assert verdict.decision is HOLD


def test_a_night_stopped_before_its_look_is_not_blamed_on_the_look() -> None:
    stopped = good_facts(rows_in_both=2, alpha=None, scores_usable=None, comparison=None)

    verdict = decide(stopped, POLICY)

    assert verdict.reasons == ("2 rows shared by hold-out and development; needed: 0",)
    assert not may_look(stopped, POLICY)
    assert may_look(good_facts(alpha=None, scores_usable=None, comparison=None), POLICY)


def test_a_frozen_night_spends_no_look_and_says_who_froze_it() -> None:
    frozen = good_facts(frozen="change freeze until 2026-02-01 by anna: year-end", alpha=None)

    verdict = decide(frozen, POLICY)

    assert verdict.decision is HOLD
    assert verdict.reasons == ("change freeze until 2026-02-01 by anna: year-end",)
    assert not may_look(frozen, POLICY)
    first = first_champion_facts(frozen=frozen.frozen)
    assert (decide(first, POLICY).decision, may_look(first, POLICY)) == (HOLD, False)


def test_the_verdict_lists_every_rule_whatever_decided() -> None:
    names = [rule.rule for rule in decide(good_facts(), POLICY).rules]

    assert names == [
        "challenger_verified",
        "champion_verified",
        "challenger_out_of_time",
        "champion_out_of_time",
        "no_row_in_both",
        "enough_bads",
        "enough_goods",
        "enough_bad_clusters_terminal",
        "same_rows",
        "no_single_feature_leak",
        "champion_features",
        "gives_probability",
        "not_frozen",
        "look_granted",
        "scores_usable",
        "superiority",
        "keeps_ks",
        "keeps_average_precision",
        "keeps_detection_rate_at_fpr_5pct",
        "keeps_brier",
        "calibration_offset",
        "calibration_slope",
        "score_psi",
        "feature_psi",
        "fairness_age_band",
        "tpr_gap_age_band",
        "one_row_ms",
        "artifact_mb",
        "load_seconds",
        "anchor",
    ]
    assert [r.rule for r in decide(good_facts(same_rows=None), POLICY).rules] == names


def test_the_superiority_rule_shows_z_against_what_is_needed() -> None:
    rule = next(r for r in decide(good_facts(), POLICY).rules if r.rule == "superiority")

    assert (rule.outcome, rule.figure, rule.limit) == (
        Outcome.PASS,
        "Δ AUC +0.0312, z 4.10",
        "z ≥ 2.71",
    )


def test_the_verdict_carries_z_needed_interval_and_minimum_detectable_difference() -> None:
    verdict = decide(good_facts(comparison=comparison(0.02, 2.0)), POLICY)

    assert verdict.z_needed == pytest.approx(2.7131, abs=1e-4)
    assert verdict.interval == pytest.approx((0.02 - 0.027131, 0.02 + 0.027131), abs=1e-6)
    assert verdict.minimum_detectable_difference == pytest.approx(0.03553, abs=1e-5)


@pytest.mark.parametrize("bads", [200, 500, 799])
def test_few_bads_are_tested_and_the_minimum_detectable_difference_told(bads: int) -> None:
    verdict = decide(good_facts(holdout=good_facts().holdout.replace(bads=bads)), POLICY)

    assert verdict.decision is PROMOTE
    assert verdict.minimum_detectable_difference is not None


@pytest.mark.parametrize(
    "changes", [{"alpha": None}, {"comparison": None}, {"comparison": comparison(0.1, None)}]
)
def test_without_a_paid_and_defined_test_there_is_no_interval(changes: dict[str, Any]) -> None:
    verdict = decide(good_facts(**changes), POLICY)

    assert verdict.interval is None
    assert verdict.minimum_detectable_difference is None


def test_a_first_champion_is_promoted_by_the_floors_alone() -> None:
    verdict = decide(first_champion_facts(), POLICY)

    assert verdict.decision is PROMOTE
    assert verdict.reasons == (
        "no champion yet, and every floor is reached: AUC 0.7312 (at least 0.6000), "
        "KS 0.3400 (at least 0.1000)",
    )
    assert [rule.rule for rule in verdict.rules][-2:] == ["floor_auc", "floor_ks"]
    assert "superiority" not in {rule.rule for rule in verdict.rules}
    assert (verdict.z_needed, verdict.interval) == (None, None)


@pytest.mark.parametrize(
    ("metrics", "reason"),
    [
        ({"auc": 0.55, "ks": 0.2}, "no champion yet, and AUC 0.5500; needed: at least 0.6000"),
        ({"auc": 0.7, "ks": 0.05}, "no champion yet, and KS 0.0500; needed: at least 0.1000"),
        ({"auc": 0.7}, "no champion yet, and KS was not measured; needed: at least 0.1000"),
    ],
)
def test_a_first_champion_below_a_floor_is_held(metrics: dict[str, float], reason: str) -> None:
    verdict = decide(first_champion_facts(challenger_metrics=metrics), POLICY)

    assert verdict.decision is HOLD
    assert verdict.reasons == (reason,)


def test_a_first_champion_needs_the_same_preconditions() -> None:
    assert decide(first_champion_facts(same_rows=None), POLICY).decision is HOLD
    assert decide(first_champion_facts(alpha=None), POLICY).decision is HOLD
    assert decide(first_champion_facts(challenger_verified=False), POLICY).decision is REJECT


def test_a_night_without_facts_is_held_with_its_reasons() -> None:
    verdict = hold("rows_per_vintage: 12 rows", "1 more check failed")

    assert verdict == Verdict(HOLD, ("rows_per_vintage: 12 rows", "1 more check failed"), rules=())


@given(single_breaks)
@settings(max_examples=60, deadline=None)
def test_no_single_broken_or_unknown_fact_lets_a_challenger_through(
    change: tuple[str, Any],
) -> None:
    fact, value = change

    assert decide(good_facts(**{fact: value}), POLICY).decision is not PROMOTE


@given(st.lists(single_breaks, min_size=1, max_size=6), st.booleans())
@settings(max_examples=100, deadline=None)
def test_nor_does_any_number_of_them_and_a_reason_is_always_given(
    changes: list[tuple[str, Any]], has_champion: bool
) -> None:
    facts = good_facts(**dict(changes), has_champion=has_champion)

    verdict = decide(facts, POLICY)

    assert verdict.reasons
    if has_champion:
        assert verdict.decision is not PROMOTE
    assert Verdict.from_json(verdict.to_json()) == verdict


@given(st.floats(-8.0, 8.0), st.floats(-8.0, 8.0))
@settings(max_examples=100, deadline=None)
def test_more_evidence_never_decides_worse(one: float, other: float) -> None:
    order = [REJECT, HOLD, PROMOTE]
    weaker, stronger = (
        decide(good_facts(comparison=comparison(0.01, z).replace(z=z)), POLICY).decision
        for z in sorted((one, other))
    )

    assert order.index(weaker) <= order.index(stronger)


@given(st.floats(1e-6, ALPHA), st.floats(-1.0, 6.0))
@settings(max_examples=100, deadline=None)
def test_a_smaller_alpha_never_promotes_what_a_larger_one_holds(alpha: float, z: float) -> None:
    compared = good_facts(comparison=comparison(0.01, 1.0).replace(z=z))

    strict, lenient = (decide(compared.replace(alpha=a), POLICY).decision for a in (alpha, ALPHA))

    assert strict is not PROMOTE or lenient is PROMOTE


def test_every_fact_that_can_hold_is_in_the_table_of_broken_ones() -> None:
    figures = {"model", "as_of", "has_champion", "challenger_metrics", "champion_metrics"}

    assert {f.name for f in dataclasses.fields(Facts)} == {*BROKEN, *figures}


def by_hand(**changes: float) -> Facts:
    figures = {"auc": 0.75, "ks": 0.3, "rows": 300.0, "bads": 60.0, **changes}
    return first_champion_facts(holdout=None, challenger_metrics=figures)


def test_a_first_champion_by_hand_on_enough_rows_is_promoted() -> None:
    assert decide_first_by_hand(by_hand(), POLICY).decision is PROMOTE


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"rows": 2.0, "bads": 1.0, "auc": 1.0}, "1 bads in the rows it was logged with"),
        ({"bads": 0.0}, "0 bads in the rows it was logged with; needed: at least 20"),
        ({"bads": 300.0}, "0 goods in the rows it was logged with; needed: at least 20"),
        ({"auc": 0.55}, "AUC 0.5500; needed: at least 0.6000"),
        ({"rows": 40.0, "bads": 20.0, "auc": 0.7}, "needed: at least 0.7150, which chance reaches"),
    ],
)
def test_a_first_champion_by_hand_is_held_by_a_single_change(
    changes: dict[str, float], says: str
) -> None:
    verdict = decide_first_by_hand(by_hand(**changes), POLICY)

    assert verdict.decision is HOLD
    assert says in "; ".join(verdict.reasons)


def test_rows_that_were_not_counted_make_no_first_champion() -> None:
    facts = first_champion_facts(holdout=None, challenger_metrics={"auc": 0.9, "ks": 0.5})

    assert decide_first_by_hand(facts, POLICY).decision is HOLD


def test_a_floor_of_average_precision_is_asked_where_the_policy_has_one() -> None:
    policy = GatePolicy(floors=Floors(average_precision=0.2))
    facts = first_champion_facts(challenger_metrics={"auc": 0.9, "ks": 0.6})

    held = decide(facts, policy)
    metrics = facts.challenger_metrics | {"average_precision": 0.31}
    reached = decide(facts.replace(challenger_metrics=metrics), policy)

    assert held.decision is HOLD
    assert held.reasons == (
        "no champion yet, and average precision was not measured; needed: at least 0.2000",
    )
    assert reached.decision is PROMOTE
