from __future__ import annotations

from finrisk.models.grid import configurations
from finrisk.specs.training import Candidate


def a_candidate(**search: tuple[float, ...]) -> Candidate:
    return Candidate(name="xgb", algorithm="xgboost", parameters={"subsample": 0.8}, search=search)


def test_a_small_grid_is_tried_whole_last_name_turning_fastest() -> None:
    grid = configurations(a_candidate(max_depth=(2, 3), gamma=(0.0, 1.0)), most=4, seed=1)

    assert [(c["max_depth"], c["gamma"]) for c in grid] == [(2, 0.0), (2, 1.0), (3, 0.0), (3, 1.0)]


def test_fixed_parameters_are_in_every_configuration() -> None:
    grid = configurations(a_candidate(max_depth=(2, 3)), most=4, seed=1)

    assert all(configuration["subsample"] == 0.8 for configuration in grid)


def test_no_search_is_one_configuration() -> None:
    assert configurations(a_candidate(), most=4, seed=1) == [{"subsample": 0.8}]


def test_a_large_grid_is_sampled_by_seed_without_repeats_in_the_grids_order() -> None:
    candidate = a_candidate(
        **{n: tuple(range(1, 101)) for n in ("gamma", "reg_alpha", "reg_lambda")}
    )

    one = configurations(candidate, most=9, seed=1)

    keys = [(c["gamma"], c["reg_alpha"], c["reg_lambda"]) for c in one]
    assert len(set(keys)) == 9
    assert keys == sorted(keys)
    assert one == configurations(candidate, most=9, seed=1)
    assert one != configurations(candidate, most=9, seed=2)
