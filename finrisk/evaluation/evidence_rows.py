"""The guards of a verdict as rows of a table: both models' figures wherever a rule has two."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from finrisk.evidence import Facts, GuardFacts, Outcome, PairedFigure, RuleResult
from finrisk.gate.figures import known, label, small_form, with_bounds
from finrisk.gate.guards import BRIER

NONE = "–"
WORDS = {
    Outcome.PASS: "pass",
    Outcome.WARN: "warn",
    Outcome.FAIL: "block",
    Outcome.UNKNOWN: "unknown",
}
HARM = "block (harm)"
WHOLE_FROM = 100.0  # money below it has digits after its point
WORST_FIRST = (Outcome.FAIL, Outcome.UNKNOWN, Outcome.WARN, Outcome.PASS)
OPERATIONS = {
    "one_row_ms": ("scoring one row, 99th percentile", "ms"),
    "artifact_mb": ("size of the artifact", "MB"),
    "load_seconds": ("a verified load", "s"),
}
CALIBRATION = {
    "offset": ("calibration offset (0 is right)", "+.3f"),
    "slope": ("calibration slope (1 is right)", ".3f"),
}


@dataclass(frozen=True, slots=True)
class GuardRow:
    """One guard: what it measures, both models' figures, Δ with its bounds, limit, result word."""

    what: str
    champion: str
    challenger: str
    difference: str
    limit: str
    result: str

    @property
    def cells(self) -> tuple[str, ...]:
        """All six, in their order."""
        return (
            self.what,
            self.champion,
            self.challenger,
            self.difference,
            self.limit,
            self.result,
        )


@dataclass(frozen=True, slots=True)
class _Figures:
    what: str
    champion: str = NONE
    challenger: str = NONE
    difference: str = NONE


def result_word(rule: RuleResult) -> str:
    """Return how a rule came out in one word; harm beyond chance is said.

    Examples
    --------
    >>> result_word(RuleResult("keeps_ks", Outcome.FAIL, "Δ KS -0.0400", "", harm=True))
    'block (harm)'
    """
    return HARM if rule.harm and rule.outcome is Outcome.FAIL else WORDS[rule.outcome]


def guard_rows(rules: Sequence[RuleResult], facts: Facts) -> tuple[GuardRow, ...]:
    """Return a row for each rule, those that object first.

    A rule this module knows nothing of has its own text for what it measures, so that a new guard
    is in the table from its first night.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> new = RuleResult("moonlight", Outcome.WARN, "moonlight 0.3", "below 0.2")
    >>> guard_rows([new], SimpleNamespace(guards=None))[0].cells
    ('moonlight 0.3', '–', '–', '–', 'below 0.2', 'warn')
    """
    by_outcome = sorted(rules, key=lambda rule: (WORST_FIRST.index(rule.outcome), not rule.harm))
    return tuple(_row(rule, facts.guards) for rule in by_outcome)


def figure(value: float | None, form: str = ".4f") -> str:
    """Return a figure as text, and a dash for one that was not measured.

    Examples
    --------
    >>> figure(0.25), figure(None), figure(float("nan"))
    ('0.2500', '–', '–')
    """
    value = known(value)
    return NONE if value is None else f"{value:{form}}"


def _row(rule: RuleResult, found: GuardFacts | None) -> GuardRow:
    measured = None if found is None or rule.outcome is Outcome.UNKNOWN else _figures(rule, found)
    if measured is None:
        measured = _Figures(rule.figure)
    return GuardRow(
        what=measured.what,
        champion=measured.champion,
        challenger=measured.challenger,
        difference=measured.difference,
        limit=rule.limit,
        result=result_word(rule),
    )


def _figures(rule: RuleResult, found: GuardFacts) -> _Figures | None:
    """Return both models' figures behind a rule; None where it has none, or is not known here."""
    of_one: dict[str, Callable[[GuardFacts], _Figures | None]] = {
        "score_psi": _score_psi,
        "anchor": _anchor,
        "expected_loss": _expected_loss,
        "slices": _slices,
    }
    if rule.rule in of_one:
        return of_one[rule.rule](found)
    of_many: dict[str, Callable[[str, GuardFacts], _Figures | None]] = {
        "keeps_": _metric,
        "fairness_": _approval,
        "tpr_gap_": _declined,
        "calibration_": _calibration,
    }
    for prefix, of_subject in of_many.items():
        if rule.rule.startswith(prefix):
            return of_subject(rule.rule.removeprefix(prefix), found)
    return _operation(rule.rule, found)


def _paired(what: str, pair: PairedFigure, form: str = ".4f", signed: str = "+.4f") -> _Figures:
    return _Figures(
        what,
        champion=figure(pair.champion, form),
        challenger=figure(pair.challenger, form),
        difference=with_bounds(pair, signed),
    )


def _metric(metric: str, found: GuardFacts) -> _Figures | None:
    pair = found.metrics.get(metric)
    if pair is None:
        return None
    if metric != BRIER:
        return _paired(label(metric), pair)
    form = small_form(pair.champion)
    return _paired(f"{label(metric)} (lower is better)", pair, form, f"+{form}")


def _calibration(name: str, found: GuardFacts) -> _Figures | None:
    if found.calibration is None or name not in CALIBRATION:
        return None
    what, form = CALIBRATION[name]
    champion, challenger = (
        NONE if model is None else figure(getattr(model, name), form) for model in found.calibration
    )
    return _Figures(what, champion=champion, challenger=challenger)


def _operation(rule: str, found: GuardFacts) -> _Figures | None:
    if rule not in OPERATIONS:
        return None
    what, unit = OPERATIONS[rule]
    measured = known(getattr(found.operations, rule))
    return None if measured is None else _Figures(what, challenger=f"{measured:.3g} {unit}")


def _expected_loss(found: GuardFacts) -> _Figures | None:
    if found.loss_per_1000 is None:
        return None
    what, form = "expected loss per 1000 decisions (lower is better)", ".4g"
    if abs(found.loss_per_1000.champion) >= WHOLE_FROM:
        form = ",.0f"
    return _paired(what, found.loss_per_1000, form, f"+{form}")


def _slices(found: GuardFacts) -> _Figures | None:
    """Return the slice with the least to hope for; the others have a table of their own."""
    upper = {name: known(part.auc.upper) for name, part in found.slices.items()}
    judged = {name: bound for name, bound in upper.items() if bound is not None}
    if not judged:
        return None
    worst = min(judged, key=lambda name: judged[name])
    return _paired(
        f"AUC on each of {len(judged)} slices; the worst: {worst}", found.slices[worst].auc
    )


def _score_psi(found: GuardFacts) -> _Figures:
    champion, challenger = (figure(psi, ".3f") for psi in found.score_psi)
    by_chance = known(found.score_psi_by_chance)
    chance = "" if by_chance is None else f"; chance alone stays below {by_chance:.3f}"
    return _Figures(
        f"score PSI, out of fold v hold-out (lower is better{chance})",
        champion=champion,
        challenger=challenger,
    )


def _approval(column: str, found: GuardFacts) -> _Figures | None:
    both = found.fairness.get(column)
    if both is None or both.challenger is None:
        return None
    mine, theirs = both.challenger, both.champion
    return _Figures(
        f"approval of goods by {column}, {mine.lowest} ÷ {mine.highest} (1 is even)",
        champion=figure(theirs.ratio if theirs else None, ".3f"),
        challenger=f"{mine.ratio:.3f} (upper bound {mine.ratio_upper:.3f})",
    )


def _declined(column: str, found: GuardFacts) -> _Figures | None:
    both = found.fairness.get(column)
    if both is None or both.challenger is None or both.challenger.tpr_gap is None:
        return None
    return _Figures(
        f"bads declined by {column}, largest gap between groups (0 is even)",
        champion=figure(both.champion.tpr_gap if both.champion else None, ".3f"),
        challenger=figure(both.challenger.tpr_gap, ".3f"),
    )


def _anchor(found: GuardFacts) -> _Figures | None:
    anchor = found.anchor
    if anchor is None or anchor.auc is None:
        return None
    row = _paired(f"AUC against v{anchor.version}, the last version a person signed", anchor.auc)
    return _Figures(
        row.what,
        champion=f"{row.champion} (v{anchor.version})",
        challenger=row.challenger,
        difference=row.difference,
    )
