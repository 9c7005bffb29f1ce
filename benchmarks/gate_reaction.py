"""What would let the gate react sooner within its budget? Simulated, and shipped with none of it.

Each line is the shipped gate with one thing changed, in the world of drift: median nights to the
first promotion, independent rows, labels known at once.

    python benchmarks/gate_reaction.py [--years 40] [--workers 2]
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from dataclasses import replace
from statistics import NormalDist, median

import numpy as np

from finrisk.gate.budget import z_needed
from finrisk.simulation.pieces import Key, run_pieces, year_pieces
from finrisk.simulation.plan import Extent, Gains, alpha_of_a_look
from finrisk.simulation.schedules import Setting, setting_for, shipped_settings, with_looks
from finrisk.simulation.worlds import DRIFT
from finrisk.simulation.years import SHIPPED
from finrisk.specs.policy import GatePolicy

DRIFTS = (0.0001, 0.0002)
BAG_VARIANCE = 0.78**2  # what five seeds leave of the part a model has of its own
SEED = 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--years", type=int, default=40)
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    base, _ = shipped_settings(GatePolicy())
    error = detectable_error(base)
    for drift in DRIFTS:
        days = (best_days(base, error, drift), best_days(base, error, 2.0 * drift))
        print(f"drift {drift:g} a day: H* = {days[0]:.0f} days, {days[1]:.0f} with 2g for g")
    z = sequential_z(base.shape.blocks)
    print(f"sequential boundary for the same budget: z {z:.2f} instead of {z_needed_by(base):.2f}")
    print(f"{'changed':34s} {'z':>5s} " + " ".join(f"{d:>8g}" for d in DRIFTS))
    for name, setting in ideas(base, z):
        nights = [reaction(setting, d, asked.years, asked.workers) for d in DRIFTS]
        shown = " ".join(f"{night:8.0f}" for night in nights)
        print(f"{name:34s} {z_needed_by(setting):5.2f} {shown}", flush=True)


def ideas(base: Setting, z: float) -> Iterator[tuple[str, Setting]]:
    yield "nothing: H = 30 days", base
    for days in (10, 15, 20, 25, 45):
        yield f"H = {days} days", base.with_holdout_days(days)
    yield "5-seed bag", bagged(base)
    yield "5-seed bag, H = 20 days", bagged(base.with_holdout_days(20))
    yield "sequential boundary", with_z(base, z)
    yield "sequential boundary, 5-seed bag", with_z(bagged(base), z)
    yield "weekly looks", weekly(base)


def bagged(setting: Setting) -> Setting:
    own = (1.0 - setting.shape.correlation) * BAG_VARIANCE
    return replace(setting, shape=replace(setting.shape, correlation=1.0 - own))


def weekly(base: Setting) -> Setting:
    setting = setting_for(with_looks(base.policy, 52), name="weekly", maturity_days=7)
    shape = replace(setting.shape, blocks=4, bads=1120, goods=9333, days_per_block=365 / 52)
    return replace(setting, shape=shape)


def with_z(base: Setting, z: float) -> Setting:
    """The setting whose looks ask for this z, by a year's α that gives it to each of them."""
    budget = base.policy.error_budget
    alpha_year = NormalDist().cdf(-z) * budget.looks_per_year / budget.scheduled_share
    changed = budget.model_copy(update={"alpha_year": alpha_year})
    return replace(base, policy=base.policy.model_copy(update={"error_budget": changed}))


def sequential_z(blocks: int, looks: int = 365, years: int = 100_000) -> float:
    """The constant z that equals cross in 4 % of years, given how looks hang together.

    z of a night is (fresh challenger − champion) / √2: the first is new each night, the second a
    moving mean over the hold-out's days. Bonferroni takes the looks as if they shared nothing.
    """
    rng, highest = np.random.default_rng(SEED), np.empty(years)
    for start in range(0, years, 2000):
        days = rng.standard_normal((2000, looks + blocks))
        champion = np.cumsum(days, axis=1)
        champion = (champion[:, blocks:] - champion[:, :-blocks]) / math.sqrt(blocks)
        nights = (rng.standard_normal((2000, looks)) - champion) / math.sqrt(2.0)
        highest[start : start + 2000] = nights.max(axis=1)
    return float(np.quantile(highest, 0.96))


def detectable_error(setting: Setting) -> float:
    gain = Gains.of(setting, Extent()).independent
    return gain / (z_needed_by(setting) + 0.84)


def best_days(setting: Setting, error: float, drift: float) -> float:
    """H* = (z · s_day / g)^⅔: there H / 2 + z · s_day / (g √H), the nights waited, are fewest."""
    of_a_day = error * math.sqrt(setting.holdout_days)
    return float((z_needed_by(setting) * of_a_day / drift) ** (2.0 / 3.0))


def z_needed_by(setting: Setting) -> float:
    return z_needed(alpha_of_a_look(setting.policy.error_budget))


def reaction(setting: Setting, drift: float, years: int, workers: int) -> float:
    world = replace(DRIFT, decay_per_day=drift)
    key = Key("reaction", f"drift {drift:g}", "", SHIPPED)
    pieces = list(year_pieces(key, setting, world, years, SEED))
    (outcomes,) = run_pieces(pieces, workers, lambda _: None).values()
    return median(o.promoted_on[0] if o.promoted_on else math.inf for o in outcomes)


if __name__ == "__main__":
    main()
