from __future__ import annotations

from datetime import date

from finrisk.evaluation.evidence_details import MOST_SLICES, Section
from finrisk.evaluation.evidence_sections import evidence_sections
from finrisk.evidence import Evidence, SliceFigure
from finrisk.records import LookKind, Window
from tests.evaluation.factories import (
    ALPHA,
    POLICY,
    compared,
    evidence,
    facts,
    first_champion,
    guard_facts,
    look,
    pair,
    without_look,
)

HEADINGS = [
    "What was compared",
    "The difference in AUC",
    "Guards",
    "Preconditions: 15 of 15 hold",
    "Calibration",
    "Fairness",
    "Slices",
    "All figures on the hold-out",
    "Error budget",
    "Digests (sha256)",
]


def sections(found: Evidence | None = None) -> dict[str, Section]:
    parts = evidence_sections(
        found or evidence(), POLICY, challenger="v7", champion="v5", sha256="e" * 64
    )
    return {section.heading: section for section in parts}


def terms(section: Section) -> dict[str, str]:
    return dict(section.terms)


def test_the_sections_come_in_the_order_they_are_asked_for() -> None:
    assert list(sections()) == HEADINGS


def test_what_was_compared_names_versions_artifacts_rows_and_snapshot() -> None:
    found = terms(sections()["What was compared"])

    assert found["Champion"].startswith("v5, artifact ")
    assert found["Challenger"].endswith("developed on rows up to 2025-03-31")
    assert found["Hold-out"] == "2025-05-01 to 2025-06-30: 9,000 rows, 900 bads (10.0 %)"
    assert "snapshot" in found["Digests"]


def test_the_difference_has_its_interval_and_each_standard_error() -> None:
    section = sections()["The difference in AUC"]
    found = terms(section)

    assert found["Δ AUC"].startswith("+0.0312, from +0.0105 to +0.0519 (")
    assert found["Minimum detectable Δ"].startswith("0.0271: ")
    assert found["Standard error"] == (
        "0.0071 by rows, 0.0076 by customer; the largest decides: customer"
    )
    assert section.rows == (("Δ AUC +0.0312, z 4.10", "z ≥ 2.72", "pass"),)


def test_a_challenger_that_is_not_better_blocks_nothing() -> None:
    held = sections(evidence(facts(comparison=compared(0.001, 0.3))))

    assert held["The difference in AUC"].rows[0][-1] == "not reached"


def test_evidence_of_one_variance_says_it_once() -> None:
    alone = facts(comparison=compared(0.03, 4.0).replace(standard_errors={}))

    found = terms(sections(evidence(alone))["The difference in AUC"])

    assert found["Standard error"] == "0.0075, by rows"


def test_a_night_before_its_look_says_so_and_which_rule_stopped_it() -> None:
    few = Window(date(2025, 5, 1), date(2025, 6, 30), rows=9000, bads=120)

    found = sections(evidence(without_look(holdout=few)))

    assert found["What was compared"].note.startswith("There was no look")
    stopped = found["What stopped the night"]
    assert stopped.rows[0] == ("120 bads in the hold-out", "at least 200", "block")
    assert terms(found["Error budget"])["This night"] == "no look, so this evidence cost nothing"


def test_a_first_champion_is_shown_with_its_floors_and_beside_nobody() -> None:
    found = sections(evidence(first_champion()))

    assert [row[-1] for row in found["The floors of a first champion"].rows] == ["pass", "pass"]
    assert "Champion" not in terms(found["What was compared"])
    assert found["All figures on the hold-out"].columns == ("Metric", "v7")
    assert "Guards" not in found


def test_the_budget_says_purse_price_and_what_is_left() -> None:
    found = terms(sections()["Error budget"])

    assert found["Purse"] == "the schedule's (at most 12 looks a year)"
    assert found["α of this look"] == f"{ALPHA:.3g}"
    assert found["Left in 2026"].startswith("0.0467 of 0.05 false promotions a year")
    reserve = terms(sections(evidence(look=look(LookKind.RESERVE)))["Error budget"])
    assert reserve["Purse"].endswith("(at most 4 looks a year)")


def test_digests_are_whole_and_come_last() -> None:
    *_, last = sections().values()

    found = terms(last)
    assert found["Evidence"] == "e" * 64
    assert {len(d) for name, d in found.items() if name != "Code version"} == {64}


def test_preconditions_fold_unless_one_stopped_a_night_that_had_its_look() -> None:
    unusable = evidence(facts(scores_usable=False, comparison=None, guards=None))

    assert sections()["Preconditions: 15 of 15 hold"].folded
    assert not sections(unusable)["Preconditions: 14 of 15 hold"].folded


def test_many_slices_are_cut_at_the_worst() -> None:
    many = {f"shop={n:02d}": SliceFigure(300, pair(0.7, 0.01 * n, 0.01)) for n in range(30)}

    found = sections(evidence(facts(guards=guard_facts(slices=many))))["Slices"]

    assert [row[0] for row in found.rows] == [f"shop={n:02d}" for n in range(MOST_SLICES)]
    assert found.note == "The 20 worst of 30."


def test_groups_left_out_of_fairness_are_named() -> None:
    assert "Too few goods to judge of sex: unknown." in sections()["Fairness"].note


def test_a_model_logged_by_hand_has_figures_without_a_look() -> None:
    by_hand = evidence(first_champion(), look=None)

    note = sections(by_hand)["What was compared"].note

    assert note == "There was no look: figures are on the rows that came with the model."


def test_the_headline_is_the_specs_own() -> None:
    fraud = facts(comparison=compared(0.03, 5.0).replace(metric="average_precision"))

    found = terms(sections(evidence(fraud))["The difference in average precision"])

    assert found["average precision"] == "challenger 0.7300, champion 0.7000"
