"""Guards over parts of the hold-out: protected groups, and slices of the business."""

from __future__ import annotations

from finrisk.evidence import Fairness, GroupApproval, GuardFacts, Outcome, RuleResult, SliceFigure
from finrisk.gate.figures import known, passes, with_bounds
from finrisk.specs.guards import FairnessGuard, SliceGuard

MOST_SHOWN = 3


def fairness(found: GuardFacts, policy: FairnessGuard) -> tuple[RuleResult, ...]:
    """Return two rules for each protected column: approval among goods, and bads declined."""
    return tuple(
        rule
        for column, figures in found.fairness.items()
        for rule in (
            _approval(column, figures, policy),
            _declined(column, figures, policy),
        )
    )


def slices(found: GuardFacts, policy: SliceGuard) -> tuple[RuleResult, ...]:
    """Return one rule over all slices that have enough bads; none where no column is sliced by."""
    if not policy.columns:
        return ()
    rule, limit = "slices", f"no slice with an upper bound below -{policy.max_auc_loss:g} AUC"
    if not found.slices:
        text = f"no slice has {policy.min_bads} bads"
        return (RuleResult(rule, Outcome.WARN, text, limit),)
    if unmeasured := [n for n, s in found.slices.items() if known(s.auc.upper) is None]:
        text = f"AUC was not measured on {', '.join(unmeasured[:MOST_SHOWN])}"
        return (RuleResult(rule, Outcome.UNKNOWN, text, limit),)
    harmed = {n: s for n, s in found.slices.items() if _upper(s) < -policy.max_auc_loss}
    worst = sorted((harmed or found.slices).items(), key=lambda item: _upper(item[1]))
    shown = ", ".join(f"{n} Δ AUC {with_bounds(s.auc)}" for n, s in worst[:MOST_SHOWN])
    text = shown if harmed else f"{len(found.slices)} slices, the worst: {shown}"
    return (RuleResult(rule, passes(not harmed), text, limit, harm=bool(harmed)),)


def _upper(figure: SliceFigure) -> float:
    upper = known(figure.auc.upper)
    return 0.0 if upper is None else upper


def _approval(column: str, figures: Fairness, policy: FairnessGuard) -> RuleResult:
    rule, least = f"fairness_{column}", policy.min_approval_ratio
    limit = f"ratio at least {least:g}, or not below the champion's"
    mine, theirs = figures.challenger, figures.champion
    if mine is None:
        return _not_judged(rule, column, policy, limit)
    text = (
        f"approval of goods by {column}: {mine.lowest} over {mine.highest} "
        f"{mine.ratio:.3f} (champion {_ratio(theirs)})"
    )
    if mine.ratio >= least:
        return RuleResult(rule, Outcome.PASS, text, limit)
    if theirs is None:
        return RuleResult(rule, Outcome.UNKNOWN, text, limit)
    worse = mine.ratio < theirs.ratio
    proven = worse and mine.ratio_upper < min(least, theirs.ratio)
    return RuleResult(rule, passes(not worse), text, limit, harm=proven)


def _declined(column: str, figures: Fairness, policy: FairnessGuard) -> RuleResult:
    rule, most = f"tpr_gap_{column}", policy.max_tpr_gap
    limit = f"gap at most {most:g}, or not above the champion's"
    mine = figures.challenger.tpr_gap if figures.challenger else None
    theirs = figures.champion.tpr_gap if figures.champion else None
    if mine is None:
        return _not_judged(rule, column, policy, limit, "enough bads")
    shown = "unknown" if theirs is None else f"{theirs:.3f}"
    text = f"bads declined by {column}: gap {mine:.3f} (champion {shown})"
    if mine <= most:
        return RuleResult(rule, Outcome.PASS, text, limit)
    if theirs is None:
        return RuleResult(rule, Outcome.UNKNOWN, text, limit)
    return RuleResult(rule, passes(mine <= theirs), text, limit)


def _not_judged(
    rule: str, column: str, policy: FairnessGuard, limit: str, also: str = ""
) -> RuleResult:
    enough = f"{policy.min_goods} goods and {also}" if also else f"{policy.min_goods} goods"
    text = f"{column} is not judged: fewer than two groups of {enough}"
    return RuleResult(rule, Outcome.WARN, text, limit)


def _ratio(approval: GroupApproval | None) -> str:
    return "unknown" if approval is None else f"{approval.ratio:.3f}"
