from __future__ import annotations

from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from finrisk.simulation.pieces import Key, Piece, look_pieces, run_pieces, seeds
from tests.simulation.factories import daily


@given(st.integers(0, 3), st.integers(0, 3), st.sampled_from("abc"), st.sampled_from("abc"))
def test_streams_share_no_seed(one: int, other: int, name: str, another: str) -> None:
    if (one, name) != (other, another):
        assert not set(seeds(one, name, 3)) & set(seeds(other, another, 3))


def test_results_come_by_key_in_the_pieces_order() -> None:
    first, second = Key("daily", "equal"), Key("daily", "creep")
    done: list[int] = []
    pieces = [
        Piece(key, partial(int, text))
        for key, text in zip((first, second, first), "123", strict=True)
    ]

    found = run_pieces(pieces, 1, done.append)

    assert found == {first: [1, 3], second: [2]}
    assert done == [1, 2, 3]


def test_processes_find_what_one_finds() -> None:
    pieces = list(look_pieces(Key("daily", "size"), daily(), 0.0, 3, seed=1))

    alone, together = (run_pieces(pieces, workers, lambda _: None) for workers in (1, 2))

    for key, (looks,) in alone.items():
        assert (looks.difference == together[key][0].difference).all()


def test_looks_are_cut_into_pieces_that_are_all_there() -> None:
    pieces = list(look_pieces(Key("daily", "size"), daily(), 0.0, 1201, seed=1))

    assert len(pieces) == 3
