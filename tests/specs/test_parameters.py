from __future__ import annotations

import pytest
from pydantic import ValidationError

from finrisk.specs.parameters import DEFAULTS, PARAMETERS
from finrisk.specs.training import Candidate, Range

SOUND: dict[str, dict[str, tuple[object, ...]]] = {
    "logistic_regression": {
        "C": (1e-9, 1, 1e9),
        "l1_ratio": (0, 0.5, 1),
        "max_iter": (1, 10_000),
        "class_weight": ("balanced",),
        "tol": (1e-8, 1),
    },
    "xgboost": {
        "n_estimators": (1, 5000),
        "max_depth": (0, 16),
        "max_leaves": (0, 255),
        "learning_rate": (1e-3, 1),
        "min_child_weight": (0, 20.5),
        "subsample": (0.1, 1.0),
        "colsample_bytree": (0.1, 1.0),
        "reg_alpha": (0, 5.0),
        "reg_lambda": (0, 5.0),
        "gamma": (0, 5.0),
        "max_bin": (2, 65_536),
        "grow_policy": ("depthwise", "lossguide"),
        "scale_pos_weight": (0.1, 30),
        "tree_method": ("hist", "exact"),
        "base_score": (1e-6, 0.5),
    },
    "random_forest": {
        "n_estimators": (1, 2000),
        "max_depth": (1, 64),
        "min_samples_leaf": (5, 500),
        "max_features": (0.1, 1, "sqrt", "log2"),
        "max_leaf_nodes": (2, 5000),
        "max_samples": (0.1, 1.0),
        "class_weight": ("balanced", "balanced_subsample"),
    },
    "isolation_forest": {
        "n_estimators": (1, 2000),
        "max_samples": (2, 100_000),
        "max_features": (0.1, 1),
    },
    "one_class_svm": {
        "nu": (0.001, 1),
        "gamma": (1e-4, 10),
        "components": (2, 1000),
        "fit_rows": (1000, 1_000_000),
    },
    "elliptic_envelope": {"support_fraction": (0.5, 1), "fit_rows": (1000, 1_000_000)},
}
BROKEN: dict[str, dict[str, tuple[object, ...]]] = {
    "logistic_regression": {
        "C": (0, -1, "1e-q", True, float("nan"), float("inf")),
        "l1_ratio": (-0.1, 1.1),
        "max_iter": (0, 1.5, True),
        "class_weight": ("even", 1),
        "tol": (0, "small"),
    },
    "xgboost": {
        "n_estimators": (0, 5001, 100.0),
        "max_depth": (-1, 17, 2.5),
        "max_leaves": (-1, 3.5),
        "learning_rate": (0, 1.1),
        "min_child_weight": (-1,),
        "subsample": (0, 1.1),
        "colsample_bytree": (0, 1.1),
        "reg_alpha": (-1,),
        "reg_lambda": (-1,),
        "gamma": (-1, "none"),
        "max_bin": (1, 65_537),
        "grow_policy": ("wide",),
        "scale_pos_weight": (0,),
        "tree_method": ("approx", 1),
        "base_score": (0, 1),
    },
    "random_forest": {
        "n_estimators": (0, 2001, 10.0),
        "max_depth": (0, 65),
        "min_samples_leaf": (1, 4, 0.1),
        "max_features": (0, 1.5, "all", True),
        "max_leaf_nodes": (1,),
        "max_samples": (0, 1.1),
        "class_weight": ("even",),
    },
    "isolation_forest": {
        "n_estimators": (0, 2001),
        "max_samples": (1, 0.5, "auto"),
        "max_features": (0, 1.5),
    },
    "one_class_svm": {
        "nu": (0, 1.1),
        "gamma": (0, "scale"),
        "components": (1, 1001),
        "fit_rows": (999, 1_000_001, 2000.0),
    },
    "elliptic_envelope": {"support_fraction": (0, 1.1), "fit_rows": (999, 1_000_001)},
}


def flat(table: dict[str, dict[str, tuple[object, ...]]]) -> list[tuple[str, str, object]]:
    return [
        (algorithm, name, value)
        for algorithm, rows in table.items()
        for name, values in rows.items()
        for value in values
    ]


def a_candidate(algorithm: str, **parts: object) -> Candidate:
    return Candidate.model_validate({"name": "one", "algorithm": algorithm} | parts)


def test_every_parameter_is_tried_within_and_beyond_its_range() -> None:
    for table in (SOUND, BROKEN):
        assert {a: set(rows) for a, rows in table.items()} == {
            a: set(rows) for a, rows in PARAMETERS.items()
        }


@pytest.mark.parametrize(("algorithm", "name", "value"), flat(SOUND))
def test_a_value_in_range_is_taken_as_it_is(algorithm: str, name: str, value: object) -> None:
    assert a_candidate(algorithm, parameters={name: value}).parameters[name] == value


@pytest.mark.parametrize(("algorithm", "name", "value"), flat(BROKEN))
@pytest.mark.parametrize("part", ["parameters", "search"])
def test_a_value_out_of_range_is_one_error_of_what_was_expected(
    algorithm: str, name: str, value: object, part: str
) -> None:
    given = value if part == "parameters" else [value]

    with pytest.raises(ValidationError) as caught:
        a_candidate(algorithm, **{part: {name: given}})

    said = f"one.{name}: expected {PARAMETERS[algorithm][name]}, got {value!r}"
    assert [error["msg"] for error in caught.value.errors()] == [f"Value error, {said}"]


@pytest.mark.parametrize(
    ("algorithm", "name", "said"),
    [
        ("logistic_regression", "C", "a number above 0"),
        ("logistic_regression", "l1_ratio", "a number from 0 to 1"),
        ("xgboost", "learning_rate", "a number above 0, at most 1"),
        ("xgboost", "gamma", "a number of at least 0"),
        ("xgboost", "max_bin", "a whole number from 2 to 65536"),
        ("xgboost", "grow_policy", "'depthwise' or 'lossguide'"),
        ("random_forest", "max_features", "a number above 0, at most 1, or 'sqrt' or 'log2'"),
    ],
)
def test_a_range_reads_as_a_sentence(algorithm: str, name: str, said: str) -> None:
    assert str(PARAMETERS[algorithm][name]) == said


def test_small_leaves_are_refused_with_what_they_would_cost() -> None:
    with pytest.raises(ValidationError, match=r"at least 5 \(.*no model above 200 MiB is stored"):
        a_candidate("random_forest", parameters={"min_samples_leaf": 1})


@pytest.mark.parametrize("algorithm", sorted(DEFAULTS))
def test_our_own_defaults_are_in_range(algorithm: str) -> None:
    assert a_candidate(algorithm, parameters=DEFAULTS[algorithm])


@pytest.mark.parametrize(
    ("algorithm", "name", "part"),
    [
        ("xgboost", "learning_rate", {"low": 0.01, "high": 0.3, "log": True}),
        ("xgboost", "max_depth", {"low": 2, "high": 6}),
        ("xgboost", "reg_lambda", {"low": 0, "high": 5}),
        ("random_forest", "max_features", {"low": 0.1, "high": 1}),
    ],
)
def test_a_range_is_taken_where_numbers_are(
    algorithm: str, name: str, part: dict[str, object]
) -> None:
    found = a_candidate(algorithm, search={name: part, "n_estimators": [100, 200]})

    assert found.ranges == {name: Range.model_validate(part)}
    assert found.search["n_estimators"] == (100, 200)


@pytest.mark.parametrize(
    ("name", "part", "said"),
    [
        ("learning_rate", {"low": 0.3, "high": 0.3}, "expected low below high, got 0.3 and 0.3"),
        ("gamma", {"low": 0, "high": 1, "log": True}, "expected low above 0 with log: true, got 0"),
        ("learning_rate", {"low": 0, "high": 0.3}, "one.learning_rate: expected a number above 0"),
        ("learning_rate", {"low": 0.1, "high": 2}, "at most 1, got 2"),
        ("max_depth", {"low": 2.0, "high": 6}, "expected a whole number from 0 to 16, got 2.0"),
        ("max_depth", {"low": False, "high": 6}, "expected a number"),
        ("max_depth", {"low": "two", "high": 6}, "expected a number"),
        ("grow_policy", {"low": 0, "high": 1}, "expected a list of 'depthwise' or 'lossguide'"),
        ("max_depth", {"low": 2}, "Field required"),
        ("max_depth", {"low": 2, "high": 6, "step": 2}, "Extra inputs"),
    ],
)
def test_a_range_that_cannot_be_is_refused(name: str, part: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        a_candidate("xgboost", search={name: part})

    assert said in caught.value.errors()[0]["msg"]
