"""Pieces of the self-test's work: small, pure, each with seeds of its own.

So a report is the same for one process and for many, and two gates meet the same challengers.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any
from zlib import crc32

import numpy as np

from finrisk.simulation.guards import Guard
from finrisk.simulation.schedules import Setting
from finrisk.simulation.size import Looks, independent_looks, one_look
from finrisk.simulation.worlds import World
from finrisk.simulation.years import YearOutcome, gate_named, simulate_year

LOOKS_A_PIECE = 500
GUARDED_A_PIECE = 10
Seed = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Key:
    """What a piece's result belongs to: the setting, the figure, its variant, the gate."""

    setting: str
    figure: str
    variant: str = ""
    gate: str = ""


@dataclass(frozen=True, slots=True)
class Piece:
    """A call without arguments, and where its result belongs."""

    key: Key
    run: Callable[[], Any]


def year_pieces(key: Key, setting: Setting, world: World, years: int, seed: int) -> Iterator[Piece]:
    """Yield a piece for each simulated year."""
    for year in seeds(seed, f"{key.setting} {key.figure} {key.variant}", years):
        yield Piece(key, partial(_year, setting, world, key.gate, year))


def look_pieces(key: Key, setting: Setting, gain: float, looks: int, seed: int) -> Iterator[Piece]:
    """Yield pieces of independent looks, for size."""
    of_looks = seeds(seed, f"{key.setting} {key.figure} {key.variant}", looks)
    for chunk in _chunks(of_looks, LOOKS_A_PIECE):
        yield Piece(key, partial(independent_looks, setting, gain, chunk))


def power_pieces(key: Key, setting: Setting, gain: float, looks: int, seed: int) -> Iterator[Piece]:
    """Yield pieces of independent first looks of a gate, for power."""
    of_looks = seeds(seed, f"{key.setting} power {key.variant}", looks)
    for chunk in _chunks(of_looks, LOOKS_A_PIECE):
        yield Piece(key, partial(_promoted_at_first_look, setting, gain, key.gate, chunk))


def guard_pieces(
    key: Key, setting: Setting, gain: float, guards: Sequence[Guard], challengers: int, seed: int
) -> Iterator[Piece]:
    """Yield pieces of challengers that meet superiority and the guards on one hold-out each."""
    of_challengers = seeds(seed, f"{key.setting} guards", challengers)
    for chunk in _chunks(of_challengers, GUARDED_A_PIECE):
        yield Piece(key, partial(_guarded, setting, gain, key.gate, tuple(guards), chunk))


def seeds(seed: int, stream: str, count: int) -> list[Seed]:
    """Return seeds that differ by stream and place, so that no two pieces share their chance.

    Examples
    --------
    >>> [len(one) for one in seeds(1, "equal", 2)]
    [3, 3]
    """
    return [(seed, crc32(stream.encode()), place) for place in range(count)]


def run_pieces(
    pieces: Sequence[Piece], workers: int, tell: Callable[[int], None]
) -> dict[Key, list[Any]]:
    """Run all pieces and return their results by key, in the pieces' order.

    Parameters
    ----------
    workers : int
        Processes; 1 runs all here.
    tell : callable
        Is told how many pieces are done.
    """
    results: dict[Key, list[Any]] = {}
    for done, (piece, found) in enumerate(_run_all(pieces, workers), start=1):
        results.setdefault(piece.key, []).append(found)
        tell(done)
    return results


def _run_all(pieces: Sequence[Piece], workers: int) -> Iterator[tuple[Piece, Any]]:
    if workers == 1:
        yield from ((piece, piece.run()) for piece in pieces)
        return
    # spawned: a fork of a process that has threads may hang
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        yield from zip(pieces, pool.map(_run, pieces), strict=True)


def _run(piece: Piece) -> Any:
    return piece.run()


def _year(setting: Setting, world: World, gate: str, seed: Seed) -> YearOutcome:
    return simulate_year(setting, world, partial(gate_named, gate), np.random.default_rng(seed))


def _promoted_at_first_look(
    setting: Setting, gain: float, gate: str, of_looks: Sequence[Seed]
) -> list[bool]:
    found = []
    for seed in of_looks:
        scored = one_look(setting, gain, np.random.default_rng(seed))
        found.append(gate_named(gate, setting).promotes(scored))
    return found


def _guarded(
    setting: Setting,
    gain: float,
    gate: str,
    guards: Sequence[Guard],
    of_challengers: Sequence[Seed],
) -> list[tuple[bool, tuple[str, ...]]]:
    """Whether each challenger is superior, and what blocks it."""
    found = []
    for seed in of_challengers:
        scored = one_look(setting, gain, np.random.default_rng(seed))
        superior = gate_named(gate, setting).promotes(scored)
        blocked = chain.from_iterable(guard(setting, scored, gain, seed[-1]) for guard in guards)
        found.append((superior, tuple(blocked)))
    return found


def _chunks(items: Sequence[Seed], size: int) -> Iterator[Sequence[Seed]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def joined(found: Sequence[Looks]) -> Looks:
    """Return the looks of several pieces as one."""
    return Looks(
        difference=np.concatenate([looks.difference for looks in found]),
        error=np.concatenate([looks.error for looks in found]),
        rows_error=np.concatenate([looks.rows_error for looks in found]),
        degrees_of_freedom=min(known) if (known := _known(found)) else None,
    )


def _known(found: Sequence[Looks]) -> list[int]:
    return [looks.degrees_of_freedom for looks in found if looks.degrees_of_freedom is not None]
