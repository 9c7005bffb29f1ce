from __future__ import annotations

import json

import numpy as np
import pytest

from finrisk.models.trials import OutOfFold, SearchResult, Trial, best_of

FIRST = Trial({"max_depth": 2}, (0.70, 0.60), seconds=1.0)
DROPPED = Trial({"max_depth": 9}, (0.90,), seconds=0.5, state="pruned")
BETTER = Trial({"max_depth": 4}, (0.75, 0.65), seconds=2.0)
EQUAL = Trial({"max_depth": 5}, (0.65, 0.75), seconds=2.0)


def a_result(*trials: Trial) -> SearchResult:
    nothing = OutOfFold(*(np.empty(0) for _ in range(3)))
    return SearchResult(trials, trials[best_of(trials)], nothing, {"max_depth": [2, 4]}, 5.5)


def test_a_pruned_trial_never_wins_and_a_tie_goes_to_the_first() -> None:
    assert a_result(DROPPED, FIRST, BETTER, EQUAL).best is BETTER


def test_results_have_a_row_a_trial_under_the_usual_names() -> None:
    rows = a_result(FIRST, DROPPED, BETTER).cv_results

    assert rows[0] == {
        "parameters": {"max_depth": 2},
        "split0_test_score": 0.70,
        "split1_test_score": 0.60,
        "mean_test_score": pytest.approx(0.65),
        "std_test_score": pytest.approx(0.05),
        "rank_test_score": 2,
        "seconds": 1.0,
        "state": "complete",
    }
    assert json.loads(json.dumps(rows)) == rows


def test_what_a_pruned_trial_was_spared_is_unknown() -> None:
    row = a_result(FIRST, DROPPED).cv_results[1]

    assert row["state"] == "pruned"
    assert row["split0_test_score"] == 0.90
    unknown = ("split1_test_score", "mean_test_score", "std_test_score", "rank_test_score")
    assert [row[name] for name in unknown] == [None] * 4


def test_equal_means_share_the_better_rank() -> None:
    rows = a_result(EQUAL, FIRST, BETTER).cv_results

    assert [row["rank_test_score"] for row in rows] == [1, 3, 1]


def test_the_summary_is_of_the_complete_trials_and_counts_the_dropped() -> None:
    assert a_result(FIRST, DROPPED, BETTER).performance_summary == {
        "best": pytest.approx(0.70),
        "median": pytest.approx(0.675),
        "worst": pytest.approx(0.65),
        "trials": 3,
        "pruned": 1,
        "folds": 2,
        "seconds": 5.5,
    }


def test_best_parameters_are_the_best_trials() -> None:
    assert a_result(FIRST, BETTER).best_parameters == {"max_depth": 4}
