"""What the self-test simulates, piece by piece: gates, worlds, variants, single looks, guards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from finrisk.errors import ConfigurationError
from finrisk.gate.budget import Spent, alpha_for_look
from finrisk.records import LookKind
from finrisk.simulation.guards import Guard
from finrisk.simulation.pieces import (
    Key,
    Piece,
    guard_pieces,
    look_pieces,
    power_pieces,
    seeds,
    year_pieces,
)
from finrisk.simulation.schedules import Setting
from finrisk.simulation.size import independent_looks, minimum_detectable_gain
from finrisk.simulation.worlds import CREEP, DRIFT, DRIFT_LEARNT_LATE, EQUAL, WORSE, World, better
from finrisk.simulation.years import GATES, SHIPPED
from finrisk.specs.policy import ErrorBudget

LOOKS_FOR_ERROR = 200  # the mean standard error then varies by 0.3 %
INDEPENDENT = ""
CLUSTERED, UNDECLARED, DELAYED = "clustered", "clustered_undeclared", "delayed"
CLUSTERED_DELAYED, LEARNT_LATE = "clustered_delayed", "learnt_late"
VARIANTS = (CLUSTERED, UNDECLARED, DELAYED, CLUSTERED_DELAYED, LEARNT_LATE)
SIZE_IID = Key("", "size")  # independent rows know no schedule: one run serves all settings


@dataclass(frozen=True, slots=True)
class Extent:
    """How much to simulate.

    Parameters
    ----------
    years : int
        Of each gate in each world.
    size_looks : int
        Single looks between equals, for the size, of independent and of clustered rows each.
    power_looks, challengers : int
        Single looks of each gate at the minimum detectable difference, and challengers of that size
        that meet the guards; never more than ``size_looks``, so that a quick run is quick.
    gates : sequence of str
        The gates to compare; the shipped one always takes part.
    seed, workers : int
        Chance, and the processes to use; the report does not depend on the processes.
    """

    years: int = 30
    size_looks: int = 100_000
    power_looks: int = 500
    challengers: int = 200
    gates: Sequence[str] = field(default=GATES)
    seed: int = 1
    workers: int = 1


@dataclass(frozen=True, slots=True)
class Gains:
    """The minimum detectable differences, what `better` is better by."""

    independent: float
    clustered: float

    @classmethod
    def of(cls, setting: Setting, extent: Extent) -> Gains:
        """Measure them on looks between equals."""
        alpha = alpha_of_a_look(setting.policy.error_budget)
        looks = min(LOOKS_FOR_ERROR, extent.size_looks)
        of_looks = seeds(extent.seed, f"{setting.name} gain", looks)
        return cls(
            *(
                minimum_detectable_gain(independent_looks(rows, 0.0, of_looks), alpha)
                for rows in (setting, setting.clustered())
            )
        )


def alpha_of_a_look(budget: ErrorBudget) -> float:
    """Return the α of one scheduled look, from the budget itself."""
    alpha = alpha_for_look(LookKind.SCHEDULED, budget, Spent()).alpha
    if alpha is None:
        raise ConfigurationError("the policy grants no scheduled look", expected="a share above 0")
    return alpha


def plan(
    setting: Setting, gains: Gains, extent: Extent, guards: Sequence[Guard]
) -> Iterator[Piece]:
    """Yield all of one setting's pieces but the size on independent rows."""
    name, seed, gain = setting.name, extent.seed, gains.independent
    power_looks = min(extent.power_looks, extent.size_looks)
    challengers = min(extent.challengers, extent.size_looks)
    clustered = setting.clustered()
    for gate in dict.fromkeys((*extent.gates, SHIPPED)):
        for world in (EQUAL, CREEP, WORSE, DRIFT, better(gain)):
            yield from year_pieces(
                Key(name, world.name, INDEPENDENT, gate), setting, world, extent.years, seed
            )
        power = Key(name, "power", INDEPENDENT, gate)
        yield from power_pieces(power, setting, gain, power_looks, seed)
    for figure, variant, changed, world in _variants(setting, gains.clustered):
        key = Key(name, figure, variant, SHIPPED)
        yield from year_pieces(key, changed, world, extent.years, seed)
    power = Key(name, "power", CLUSTERED, SHIPPED)
    yield from power_pieces(power, clustered, gains.clustered, power_looks, seed)
    yield from look_pieces(Key(name, "size", CLUSTERED), clustered, 0.0, extent.size_looks, seed)
    key = Key(name, "guards", INDEPENDENT, SHIPPED)
    yield from guard_pieces(key, setting, gain, guards, challengers, seed)


def _variants(setting: Setting, gain: float) -> Iterator[tuple[str, str, Setting, World]]:
    """Yield each figure's variants that only the shipped gate is put to."""
    clustered, delayed = setting.clustered(), setting.delayed()
    yield "equal", CLUSTERED, clustered, EQUAL
    yield "equal", UNDECLARED, setting.undeclared(), EQUAL
    yield "creep", CLUSTERED, clustered, CREEP
    yield "drift", CLUSTERED, clustered, DRIFT
    yield "drift", DELAYED, delayed, DRIFT
    yield "drift", CLUSTERED_DELAYED, clustered.delayed(), DRIFT
    yield "drift", LEARNT_LATE, delayed, DRIFT_LEARNT_LATE
    yield "better", CLUSTERED, clustered, better(gain)
