"""The guards: harm that keeps a better challenger out, each a small rule with figure and limit.

A guard blocks if its limit is broken **and** the challenger is worse than the champion there. Harm
beyond chance (a bound, not a point) is marked, and rejects. What could not be measured is unknown,
and holds.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from finrisk.evidence import Facts, GuardFacts, Outcome, PairedFigure, RuleResult
from finrisk.gate.figures import known, label, passes, signed, small_form, with_bounds
from finrisk.gate.group_guards import fairness, slices
from finrisk.specs.guards import Guards, MostLoss

BRIER = "brier"
NOT_MEASURED = "was not measured"


def guards(facts: Facts, policy: Guards) -> tuple[RuleResult, ...]:
    """Return every guard with its figure; where nothing was measured, one that is unknown."""
    found = facts.guards
    if found is None:
        text = "harm was not measured"
        return (RuleResult("guards", Outcome.UNKNOWN, text, "every guard measured"),)
    headline = facts.comparison.metric if facts.comparison else ""
    return (
        *(
            _keeps(metric, found.metrics.get(metric), most, proven=metric == policy.proven)
            for metric, most in policy.secondary.items()
            if metric != headline
        ),
        *_probabilities(found, policy),
        _score_psi(found, policy),
        _feature_psi(found, policy),
        *fairness(found, policy.fairness),
        *slices(found, policy.slices),
        *_operations(found, policy),
        _anchor(found, policy),
        *_expected_loss(found, policy),
    )


def _keeps(metric: str, figure: PairedFigure | None, most: MostLoss, *, proven: bool) -> RuleResult:
    rule, name = f"keeps_{metric}", label(metric)
    if figure is None or known(figure.difference) is None or known(figure.upper) is None:
        return RuleResult(rule, Outcome.UNKNOWN, f"{name} {NOT_MEASURED}", "measured on both")
    loss, upper = most.of(figure.champion), known(figure.upper) or 0.0
    text = f"Δ {name} {with_bounds(figure)}"
    if proven:
        lower = known(figure.lower)
        limit = f"lower bound above {signed(-loss)}"
        if lower is None:
            return RuleResult(rule, Outcome.UNKNOWN, f"{name} has no lower bound", limit)
        return RuleResult(rule, passes(lower > -loss), text, limit, harm=upper < 0.0)
    limit = f"Δ not below {signed(-loss)}, its upper bound not below 0"
    harm = upper < 0.0
    return RuleResult(rule, passes(not harm and figure.difference >= -loss), text, limit, harm=harm)


def _probabilities(found: GuardFacts, policy: Guards) -> tuple[RuleResult, ...]:
    """Judge probabilities where there are any; whether there must be is asked before the look."""
    theirs, mine = found.probabilities
    if not mine:
        return ()
    brier = _keeps_brier(found.metrics.get(BRIER), policy.calibration.max_brier_loss)
    return (*((brier,) if theirs else ()), _offset(found, policy), _slope(found, policy))


def _keeps_brier(figure: PairedFigure | None, most: float) -> RuleResult:
    """Lower is better: the lower bound of the difference is what proves harm."""
    rule = "keeps_brier"
    if figure is None or known(figure.difference) is None or known(figure.lower) is None:
        return RuleResult(rule, Outcome.UNKNOWN, f"Brier score {NOT_MEASURED}", "measured on both")
    loss, harm = most * figure.champion, (known(figure.lower) or 0.0) > 0.0
    form = f"+{small_form(figure.champion)}"
    text = f"Δ Brier {with_bounds(figure, form)}, lower is better"
    limit = f"Δ not above {loss:{form}}, its lower bound not above 0"
    return RuleResult(rule, passes(not harm and figure.difference <= loss), text, limit, harm=harm)


def _offset(found: GuardFacts, policy: Guards) -> RuleResult:
    most = policy.calibration.max_offset
    champion, challenger = _fitted(found, "offset")
    return _no_worse(
        "calibration_offset",
        "calibration offset",
        broken=None if challenger is None else abs(challenger) > most,
        worse=_worse(found, champion, challenger, abs),
        texts=(_signed(challenger), _signed(champion)),
        limit=f"within ±{most:g}, or no worse than the champion's",
    )


def _slope(found: GuardFacts, policy: Guards) -> RuleResult:
    least, most = policy.calibration.min_slope, policy.calibration.max_slope
    champion, challenger = _fitted(found, "slope")
    return _no_worse(
        "calibration_slope",
        "calibration slope",
        broken=None if challenger is None else not least <= challenger <= most,
        worse=_worse(found, champion, challenger, _off_one),
        texts=(_plain(challenger), _plain(champion)),
        limit=f"{least:g} to {most:g}, or no worse than the champion's",
    )


def _fitted(found: GuardFacts, figure: str) -> tuple[float | None, float | None]:
    if found.calibration is None:
        return None, None
    champion, challenger = (
        None if model is None else known(getattr(model, figure)) for model in found.calibration
    )
    return champion, challenger


def _worse(
    found: GuardFacts,
    champion: float | None,
    challenger: float | None,
    off: Callable[[float], float],
) -> bool | None:
    """Say whether the challenger is further off; a champion without probabilities had nothing."""
    if not found.probabilities[0]:
        return False
    return None if challenger is None or champion is None else off(challenger) > off(champion)


def _score_psi(found: GuardFacts, policy: Guards) -> RuleResult:
    most, above = policy.stability.max_score_psi, policy.stability.max_above_champion
    champion, challenger = (known(psi) for psi in found.score_psi)
    chance = known(found.score_psi_by_chance)
    noise = "" if chance is None else f" (by chance up to {chance:.3f})"
    return _no_worse(
        "score_psi",
        f"score PSI, out of fold v hold-out{noise},",
        broken=None if challenger is None else challenger >= most,
        worse=None if challenger is None or champion is None else challenger > champion + above,
        texts=(_plain(challenger), _plain(champion)),
        limit=f"below {most:g}, or at most {above:g} above the champion's",
    )


def _feature_psi(found: GuardFacts, policy: Guards) -> RuleResult:
    rule, least = "feature_psi", policy.stability.warn_feature_psi
    limit = f"below {least:g}; warns only"
    drifted = {name: psi for name, psi in found.feature_psi.items() if not psi < least}
    if not found.feature_psi:
        return RuleResult(rule, Outcome.WARN, f"feature PSI {NOT_MEASURED}", limit)
    if not drifted:
        name, highest = max(found.feature_psi.items(), key=lambda item: item[1])
        return RuleResult(rule, Outcome.PASS, f"highest feature PSI {highest:.3f} ({name})", limit)
    worst = sorted(drifted.items(), key=lambda item: -item[1])[:5]
    text = "feature PSI " + ", ".join(f"{psi:.3f} ({name})" for name, psi in worst)
    return RuleResult(rule, Outcome.WARN, text, limit)


def _operations(found: GuardFacts, policy: Guards) -> tuple[RuleResult, ...]:
    measured, limits = found.operations, policy.operations
    return (
        _budget(
            "one_row_ms",
            "scoring one row, CPU time",
            measured.one_row_ms,
            limits.max_one_row_ms,
            "ms",
        ),
        _budget("artifact_mb", "the artifact", measured.artifact_mb, limits.max_artifact_mb, "MB"),
        _budget(
            "load_seconds",
            "a verified load, CPU time",
            measured.load_seconds,
            limits.max_load_seconds,
            "s",
        ),
    )


def _budget(rule: str, what: str, figure: float | None, most: float, unit: str) -> RuleResult:
    limit, figure = f"at most {most:g} {unit}", known(figure)
    if figure is None:
        return RuleResult(rule, Outcome.UNKNOWN, f"{what} {NOT_MEASURED}", limit)
    return RuleResult(rule, passes(figure <= most), f"{what}: {figure:.3g} {unit}", limit)


def _anchor(found: GuardFacts, policy: Guards) -> RuleResult:
    rule, most, anchor = "anchor", policy.anchor.max_auc_loss, found.anchor
    limit = f"Δ not below {signed(-most)}, its upper bound not below 0"
    if anchor is None:
        return RuleResult(rule, Outcome.PASS, "no version is signed yet", "none to be held against")
    figure, name = anchor.auc, f"v{anchor.version}, the last version a person signed"
    if figure is None or known(figure.difference) is None or known(figure.upper) is None:
        text = (
            f"{name}, cannot score tonight's rows (restore it, or sign the champion: "
            "`finrisk sign MODEL`)"
        )
        return RuleResult(rule, Outcome.UNKNOWN, text, limit)
    harm = (known(figure.upper) or 0.0) < 0.0
    text = f"Δ AUC {with_bounds(figure)} against {name}"
    return RuleResult(rule, passes(not harm and figure.difference >= -most), text, limit, harm=harm)


def _expected_loss(found: GuardFacts, policy: Guards) -> tuple[RuleResult, ...]:
    """What the policy's costs make of both models' decisions: reported, and no limit."""
    if policy.costs is None:
        return ()
    figure, rule = found.loss_per_1000, "expected_loss"
    if figure is None:
        return (RuleResult(rule, Outcome.WARN, f"expected loss {NOT_MEASURED}", "reported only"),)
    text = (
        f"{figure.challenger:,.0f} per 1000 decisions against {figure.champion:,.0f}, "
        f"Δ {with_bounds(figure, '+,.0f')}, lower is better"
    )
    return (RuleResult(rule, Outcome.PASS, text, "reported only"),)


def _no_worse(
    rule: str,
    what: str,
    *,
    broken: bool | None,
    worse: bool | None,
    texts: tuple[str, str],
    limit: str,
) -> RuleResult:
    """Fail only where the limit is broken and the challenger is the worse one."""
    mine, theirs = texts
    if broken is None:
        return RuleResult(rule, Outcome.UNKNOWN, f"{what} {NOT_MEASURED}", limit)
    text = f"{what} {mine} (champion {theirs})"
    if broken and worse is None:
        return RuleResult(rule, Outcome.UNKNOWN, text, limit)
    return RuleResult(rule, passes(not (broken and worse)), text, limit)


def _off_one(slope: float) -> float:
    return abs(math.log(slope)) if slope > 0.0 else math.inf


def _signed(value: float | None) -> str:
    return "unknown" if value is None else f"{value:+.3f}"


def _plain(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f}"
