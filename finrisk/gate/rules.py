"""The gate's preconditions: each a small rule with its figure and its limit as text.

They come in stages, because the facts do: what needs no score on the hold-out, then the look that
pays for scores, then the scores. A fact that could not be measured is ``None``, and never passes.
"""

from __future__ import annotations

from datetime import date, timedelta

from finrisk.evidence import Facts, Outcome, RuleResult
from finrisk.gate.figures import known, label, passes
from finrisk.specs.policy import GatePolicy

LOOK_RULE = "look_granted"
FREEZE_RULE = "not_frozen"
INTEGRITY_RULES = frozenset({"challenger_verified", "champion_verified"})


def before_look(facts: Facts, policy: GatePolicy) -> tuple[RuleResult, ...]:
    """Return the rules that need no score on the hold-out; unless all pass, no look is spent."""
    contenders = [("challenger", facts.challenger_train_end, facts.challenger_verified)]
    if facts.has_champion:
        contenders.append(("champion", facts.champion_train_end, facts.champion_verified))
    return (
        *(verified(name, holds) for name, _, holds in contenders),
        *(_out_of_time(name, end, facts, policy) for name, end, _ in contenders),
        _no_row_in_both(facts),
        _enough("bads", facts.holdout.bads if facts.holdout else None, policy.holdout.min_bads),
        _enough("goods", facts.holdout_goods, policy.holdout.min_goods),
        *_enough_clusters(facts, policy),
        _same_rows(facts),
        _no_single_feature_leak(facts, policy),
        *([_champion_sees_its_features(facts)] if facts.has_champion else []),
        *([_gives_probability(facts)] if facts.has_champion else []),
        _not_frozen(facts),
    )


def look_granted(facts: Facts, policy: GatePolicy) -> RuleResult:
    """Return whether the look was paid for; a first champion, compared with nobody, spends 0."""
    rule, most = LOOK_RULE, policy.error_budget.alpha_year
    limit = f"a look paid from the error budget, α ≤ {most:g}" if facts.has_champion else "a look"
    if facts.look_refused is not None:
        return RuleResult(rule, Outcome.FAIL, facts.look_refused, limit)
    if facts.alpha is None:
        return RuleResult(rule, Outcome.UNKNOWN, "no look was asked for", limit)
    paid = 0.0 < facts.alpha <= most if facts.has_champion else facts.alpha >= 0.0
    return RuleResult(rule, passes(paid), f"α {facts.alpha:.3g} spent", limit)


def scores_usable(facts: Facts) -> RuleResult:
    """Return whether every score on the hold-out was finite and no model gave all rows the same."""
    return _flag(
        "scores_usable",
        facts.scores_usable,
        ("scores are usable", "scores are not usable", "scores were not measured"),
        "all finite, and not the same for every row",
    )


def floors(facts: Facts, policy: GatePolicy) -> tuple[RuleResult, ...]:
    """Return whether a first champion reaches each absolute floor."""
    least = dict(policy.floors)
    return tuple(
        _floor(metric, facts.challenger_metrics.get(metric), floor)
        for metric, floor in least.items()
        if floor is not None
    )


def _flag(rule: str, fact: bool | None, texts: tuple[str, str, str], limit: str) -> RuleResult:
    held, broken, unmeasured = texts
    if fact is None:
        return RuleResult(rule, Outcome.UNKNOWN, unmeasured, limit)
    return RuleResult(rule, passes(fact), held if fact else broken, limit)


def verified(contender: str, holds: bool | None) -> RuleResult:
    """Return whether signature, digests and golden scores of an artifact hold."""
    artifact = f"the {contender}'s artifact"
    way_out = (
        " (restore it, or force another version: `finrisk promote MODEL VERSION --force`)"
        if contender == "champion"
        else ""
    )
    return _flag(
        f"{contender}_verified",
        holds,
        (
            f"{artifact} verifies",
            f"{artifact} does not verify{way_out}",
            f"{artifact} could not be checked",
        ),
        "signature, digests and golden scores match",
    )


def _out_of_time(
    contender: str, train_end: date | None, facts: Facts, policy: GatePolicy
) -> RuleResult:
    rule = f"{contender}_out_of_time"
    # the longer of the two: neither a manifest nor a changed policy may shorten the embargo
    embargo = max(facts.embargo_days, policy.holdout.embargo_days)
    if facts.holdout is None:
        return RuleResult(rule, Outcome.UNKNOWN, "the evaluated rows have no dates", "dated rows")
    eve = facts.holdout.first_day - timedelta(days=1)
    limit = f"before {eve}"
    if train_end is None:
        text = f"when the {contender}'s development ends is unknown"
        return RuleResult(rule, Outcome.UNKNOWN, text, limit)
    embargoed_until = train_end + timedelta(days=embargo)
    figure = f"the {contender}'s development ends {train_end}, with embargo {embargoed_until}"
    return RuleResult(rule, passes(embargoed_until < eve), figure, limit)


def _champion_sees_its_features(facts: Facts) -> RuleResult:
    rule, limit = "champion_features", "every feature means what the champion was fitted on"
    changed = facts.champion_features_changed
    if changed is None:
        return RuleResult(rule, Outcome.UNKNOWN, "the champion's features are unknown", limit)
    if not changed:
        return RuleResult(rule, Outcome.PASS, "the champion's features are unchanged", limit)
    figure = (
        f"the champion cannot be compared: {', '.join(changed[:5])} changed or gone from the spec; "
        "restore them, or promote by hand and so begin anew"
    )
    return RuleResult(rule, Outcome.FAIL, figure, limit)


def _gives_probability(facts: Facts) -> RuleResult:
    """A decision that rests on a probability would lose it: known before anything is looked at."""
    rule, limit = "gives_probability", "a probability, where the champion gives one"
    theirs, mine = facts.probabilities
    if mine:
        return RuleResult(rule, Outcome.PASS, "the challenger gives a probability", limit)
    if not theirs:
        return RuleResult(rule, Outcome.PASS, "both are detectors, without probabilities", limit)
    figure = "the challenger is a detector, whose score is no probability; the champion's is"
    return RuleResult(rule, Outcome.FAIL, figure, limit)


def _not_frozen(facts: Facts) -> RuleResult:
    """In a freeze nothing could be promoted, so no look is spent and the error budget is kept."""
    figure = facts.frozen or "no change freeze"
    return RuleResult(FREEZE_RULE, passes(facts.frozen is None), figure, "no change freeze")


def _no_row_in_both(facts: Facts) -> RuleResult:
    rule, limit = "no_row_in_both", "0"
    if facts.rows_in_both is None:
        text = "rows shared by hold-out and development were not counted"
        return RuleResult(rule, Outcome.UNKNOWN, text, limit)
    figure = f"{facts.rows_in_both} rows shared by hold-out and development"
    return RuleResult(rule, passes(facts.rows_in_both == 0), figure, limit)


def _enough(rule: str, count: int | None, least: int, what: str | None = None) -> RuleResult:
    rule, what, limit = f"enough_{rule}", what or rule, f"at least {least}"
    if count is None:
        return RuleResult(rule, Outcome.UNKNOWN, f"{what} in the hold-out were not counted", limit)
    return RuleResult(rule, passes(count >= least), f"{count} {what} in the hold-out", limit)


def _enough_clusters(facts: Facts, policy: GatePolicy) -> tuple[RuleResult, ...]:
    """A variance between few clusters is a guess; so they are counted before a look is paid."""
    counted, least = facts.bad_clusters or {}, policy.holdout.min_bad_clusters
    return tuple(
        _enough(f"bad_clusters_{column}", counted.get(column), least, f"{column}s with bads")
        for column in policy.clusters
    )


def _same_rows(facts: Facts) -> RuleResult:
    return _flag(
        "same_rows",
        facts.same_rows,
        (
            "the rows are the hold-out's",
            "the rows are not the hold-out's",
            "the rows were not compared with the hold-out's",
        ),
        "same ids and labels in the same order",
    )


def _no_single_feature_leak(facts: Facts, policy: GatePolicy) -> RuleResult:
    rule = "no_single_feature_leak"
    limit = f"AUC below {policy.single_feature_auc:g}, or allow-listed"
    feature, auc = facts.highest_single_feature, known(facts.highest_single_feature_auc)
    if feature is None or auc is None:
        return RuleResult(rule, Outcome.UNKNOWN, "no feature was measured alone", limit)
    allowed = feature in policy.allowed_strong_features
    figure = f"feature {feature!r} alone has AUC {auc:.4f}"
    return RuleResult(rule, passes(auc < policy.single_feature_auc or allowed), figure, limit)


def _floor(metric: str, measured: float | None, least: float) -> RuleResult:
    rule, name, limit = f"floor_{metric}", label(metric), f"at least {least:.4f}"
    figure = known(measured)
    if figure is None:
        return RuleResult(rule, Outcome.UNKNOWN, f"{name} was not measured", limit)
    return RuleResult(rule, passes(figure >= least), f"{name} {figure:.4f}", limit)
