"""Sections of an evidence report for who wants to know more than the guards' table says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from finrisk.evaluation.evidence_rows import NONE, figure
from finrisk.evidence import Facts, GroupApproval, GuardFacts
from finrisk.gate.figures import known, label, with_bounds

MOST_SLICES = 20
Terms = tuple[tuple[str, str], ...]
Rows = tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with terms and their texts, and a table; ``folded`` is for who wants to know.

    Where ``judged``, the last column is the result's word.
    """

    heading: str
    note: str = ""
    terms: Terms = ()
    columns: tuple[str, ...] = ()
    rows: Rows = ()
    judged: bool = False
    folded: bool = False


def calibration(found: GuardFacts, names: tuple[str, str]) -> Section:
    """Return whether both models' probabilities mean what they say."""
    if found.calibration is None:
        return Section("Calibration")
    brier = found.metrics.get("brier")
    scores = (brier.champion, brier.challenger) if brier else (None, None)
    return Section(
        "Calibration",
        note="Offset: above 0 says too little risk. Slope: below 1 is too extreme. "
        "ECE and Brier: lower is better.",
        columns=("Model", "Offset", "Slope", "ECE", "Brier"),
        rows=tuple(
            (
                name,
                figure(model.offset, "+.3f"),
                figure(model.slope, ".3f"),
                figure(model.ece),
                figure(score),
            )
            for name, model, score in zip(names, found.calibration, scores, strict=True)
            if model is not None
        ),
    )


def fairness(found: GuardFacts, names: tuple[str, str]) -> Section:
    """Return how both models treat the groups of each protected column."""
    if not found.fairness:
        return Section("Fairness")
    left_out = [
        f" Too few goods to judge of {column}: {', '.join(both.left_out)}."
        for column, both in found.fairness.items()
        if both.left_out
    ]
    screen = "A screen, not a statement of compliance. Ratio: 1 is even. Gap: 0 is even."
    return Section(
        "Fairness",
        note="".join((screen, *left_out)),
        columns=(
            "Column",
            "Model",
            "Lowest approval",
            "Highest approval",
            "Ratio",
            "Upper bound",
            "Gap in bads declined",
        ),
        rows=tuple(
            (column, name, *_treatment(model))
            for column, both in found.fairness.items()
            for name, model in zip(names, (both.champion, both.challenger), strict=True)
        ),
    )


def _treatment(model: GroupApproval | None) -> tuple[str, ...]:
    if model is None:
        return ("not judged", *(NONE,) * 4)
    figures = (model.ratio, model.ratio_upper, model.tpr_gap)
    return (model.lowest, model.highest, *(figure(value, ".3f") for value in figures))


def slices(found: GuardFacts) -> Section:
    """Return both models' AUC on each slice, the worst for the challenger first."""

    def upper(item: str) -> float:
        bound = known(found.slices[item].auc.upper)
        return float("-inf") if bound is None else bound

    worst_first = sorted(found.slices, key=upper)
    more = len(worst_first) - MOST_SLICES
    return Section(
        "Slices",
        note=f"The {MOST_SLICES} worst of {len(worst_first)}." if more > 0 else "",
        columns=("Slice", "Bads", "Champion AUC", "Challenger AUC", "Δ (bounds)"),
        rows=tuple(
            (
                name,
                f"{found.slices[name].bads:,}",
                figure(found.slices[name].auc.champion),
                figure(found.slices[name].auc.challenger),
                with_bounds(found.slices[name].auc),
            )
            for name in worst_first[:MOST_SLICES]
        ),
    )


def all_figures(facts: Facts, names: tuple[str, str]) -> Section:
    """Return every figure of each model on the hold-out, one metric a row."""
    mine, theirs = facts.challenger_metrics, facts.champion_metrics

    def cells(*models: Mapping[str, float]) -> Rows:
        return tuple((label(name), *(figure(m.get(name)) for m in models)) for name in mine)

    both = facts.has_champion
    return Section(
        "All figures on the hold-out",
        columns=("Metric", *names) if both else ("Metric", names[1]),
        rows=cells(theirs, mine) if both else cells(mine),
        folded=True,
    )
