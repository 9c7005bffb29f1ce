"""The gate's self-test: years of nights for every gate, single looks, guards; one report.

What it assumes stands in the report beside what it found.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

from finrisk.errors import ConfigurationError
from finrisk.gate.budget import z_needed
from finrisk.records import JsonObject
from finrisk.simulation import figures
from finrisk.simulation.guards import Guard, shipped_guards
from finrisk.simulation.pieces import Key, joined, look_pieces, run_pieces
from finrisk.simulation.plan import (
    CLUSTERED,
    INDEPENDENT,
    SIZE_IID,
    UNDECLARED,
    VARIANTS,
    Extent,
    Gains,
    alpha_of_a_look,
    plan,
)
from finrisk.simulation.schedules import DAILY_LOOKS, MONTHLY_LOOKS, Setting, with_looks
from finrisk.simulation.worlds import CREEP, DRIFT, WORSE
from finrisk.simulation.years import GATES, SHIPPED


def self_test(
    settings: Sequence[Setting],
    extent: Extent,
    *,
    guards: Sequence[Guard] = (shipped_guards,),
    tell: Callable[[str], None] = lambda _: None,
) -> JsonObject:
    """Run the self-test.

    Parameters
    ----------
    settings : sequence of Setting
        Schedules with their policies; the first one's figures stand at the top of the report.
    extent : Extent
        How much to simulate.
    guards : sequence of callables
        What may block a challenger that is superior.
    tell : callable
        Is told about progress.

    Returns
    -------
    dict
        ``equal.false_promotions_per_year``, ``creep.auc_change``, ``worse.promotions_per_year``,
        ``drift.nights_to_react``, ``better.power``, ``size.iid.ratio``, ``size.clustered.ratio``,
        ``guards.joint_pass`` of the shipped gate under the first setting; the same worlds for each
        gate under ``gates.<name>``; all of it for each setting under ``schedules.<name>``.

    Raises
    ------
    ConfigurationError
        A gate nobody knows, no years, or no setting.
    """
    _check(settings, extent)
    gains = {s.name: Gains.of(s, extent) for s in settings}
    pieces = list(chain.from_iterable(plan(s, gains[s.name], extent, guards) for s in settings))
    pieces += look_pieces(SIZE_IID, settings[0], 0.0, extent.size_looks, extent.seed)
    tell(f"{len(pieces)} pieces of work")
    found = run_pieces(pieces, extent.workers, _every_twentieth(len(pieces), tell))
    schedules = {s.name: _schedule(s, gains[s.name], found) for s in settings}
    first = schedules[settings[0].name]
    return {
        "years": extent.years,
        "nights": settings[0].nights,
        "seed": extent.seed,
        "schedule": settings[0].name,
        **first,
        "schedules": schedules,
    }


def _check(settings: Sequence[Setting], extent: Extent) -> None:
    unknown = sorted(set(extent.gates) - set(GATES))
    if unknown:
        raise ConfigurationError(
            "no such gate", expected=f"one of {', '.join(GATES)}", got=", ".join(unknown)
        )
    if not settings or min(extent.years, extent.size_looks, extent.workers) < 1:
        raise ConfigurationError(
            "nothing to simulate", expected="a setting, and years, looks and workers of at least 1"
        )


def _schedule(setting: Setting, gains: Gains, found: dict[Key, list[Any]]) -> JsonObject:
    gates = [key.gate for key in found if key.setting == setting.name and key.figure == "equal"]
    by_gate = {
        gate: _worlds(setting, gains, gate, INDEPENDENT, found) for gate in dict.fromkeys(gates)
    }
    shipped = dict(by_gate[SHIPPED])
    for variant in VARIANTS:
        for figure, told in _worlds(setting, gains, SHIPPED, variant, found).items():
            shipped[figure] = {**shipped[figure], variant: told}
    sizes = _sizes(setting, found)
    for rows, variant in (("iid", INDEPENDENT), (CLUSTERED, CLUSTERED), (UNDECLARED, UNDECLARED)):
        equal = shipped["equal"][variant] if variant else shipped["equal"]
        equal |= figures.expected_promotions(sizes[rows], setting.looks_per_year)
    guarded = found[Key(setting.name, "guards", INDEPENDENT, SHIPPED)]
    return {
        "assumptions": _assumptions(setting),
        **shipped,
        "size": sizes,
        "guards": figures.guards(list(chain.from_iterable(guarded)), gains.independent),
        "gates": by_gate,
    }


def _worlds(
    setting: Setting, gains: Gains, gate: str, variant: str, found: dict[Key, list[Any]]
) -> JsonObject:
    def of(figure: str) -> list[Any]:
        return found.get(Key(setting.name, figure, variant, gate), [])

    told: JsonObject = {}
    if years := of("equal"):
        told["equal"] = figures.promotions(years, "false_promotions_per_year")
    if years := of("creep"):
        told["creep"] = figures.creep(years)
    if years := of("worse"):
        told["worse"] = figures.promotions(years, "promotions_per_year")
    if years := of("drift"):
        told["drift"] = figures.waiting(years, "nights_to_react")
    if years := of("better"):
        gain = gains.clustered if variant == CLUSTERED else gains.independent
        looks = list(chain.from_iterable(of("power")))
        told["better"] = {
            **figures.power(looks, gain),
            **figures.waiting(years, "nights_to_promote"),
        }
    return told


def _sizes(setting: Setting, found: dict[Key, list[Any]]) -> JsonObject:
    own = alpha_of_a_look(setting.policy.error_budget)
    alphas = {"own": own, "5_pct": 0.05}
    for name, looks in (("daily", DAILY_LOOKS), ("monthly", MONTHLY_LOOKS)):
        alphas[name] = alpha_of_a_look(with_looks(setting.policy, looks).error_budget)
    iid = joined(found[SIZE_IID])
    clustered = joined(found[Key(setting.name, "size", CLUSTERED)])
    return {
        "iid": figures.sizes(iid, alphas, undeclared=False),
        "clustered": figures.sizes(clustered, alphas, undeclared=False),
        UNDECLARED: figures.sizes(clustered, alphas, undeclared=True),
    }


def _assumptions(setting: Setting) -> JsonObject:
    alpha, shape = alpha_of_a_look(setting.policy.error_budget), setting.shape
    return {
        "looks_per_year": setting.looks_per_year,
        "alpha": alpha,
        "z_needed": z_needed(alpha),
        "alpha_year": setting.policy.error_budget.alpha_year,
        "true_auc": setting.true_auc,
        "bads": shape.bads_per_block * shape.blocks,
        "goods": shape.goods_per_block * shape.blocks,
        "correlation": shape.correlation,
        "holdout_days": setting.holdout_days,
        "maturity_days": setting.maturity_days,
        "drift_per_day": DRIFT.decay_per_day,
        "creep_step": CREEP.gain,
        "worse_by": WORSE.gain,
    }


def _every_twentieth(pieces: int, tell: Callable[[str], None]) -> Callable[[int], None]:
    step = max(1, pieces // 20)

    def told(done: int) -> None:
        if done % step == 0 or done == pieces:
            tell(f"{done} of {pieces} done")

    return told
