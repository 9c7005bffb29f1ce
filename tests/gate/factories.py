"""One good night's facts, for a table of single changes."""

from __future__ import annotations

from datetime import date
from typing import Any

from finrisk.evidence import (
    Anchor,
    Calibration,
    Facts,
    Fairness,
    GroupApproval,
    GuardFacts,
    Operations,
    PairedFigure,
    SliceFigure,
)
from finrisk.records import Comparison, Window

ALPHA = 0.04 / 12  # the default policy's scheduled look: z needed is 2.71


def comparison(difference: float = 0.0312, z: float | None = 4.1) -> Comparison:
    """Champion and challenger compared; the standard error follows from z."""
    return Comparison(
        champion=0.70,
        challenger=0.70 + difference,
        difference=difference,
        standard_error=abs(difference / z) if z else 0.0,
        z=z,
        p_value=None,
    )


def paired(difference: float, *, champion: float = 0.4, spread: float = 0.01) -> PairedFigure:
    """A figure of both with bounds this far to either side of the difference."""
    return PairedFigure(
        champion=champion,
        challenger=champion + difference,
        difference=difference,
        lower=difference - spread,
        upper=difference + spread,
    )


def good_guards(**changes: Any) -> GuardFacts:
    """What the guards read of a challenger that harms nothing, with these changes."""
    approval = GroupApproval(
        lowest="18-29", highest="60+", ratio=0.93, ratio_upper=0.97, tpr_gap=0.05
    )
    guards = GuardFacts(
        metrics={
            "ks": paired(0.02),
            "average_precision": paired(0.01),
            "detection_rate_at_fpr_5pct": paired(0.0),
            "brier": paired(-0.002, champion=0.08, spread=0.001),
        },
        calibration=(
            Calibration(offset=0.05, slope=0.97, ece=0.01),
            Calibration(offset=-0.03, slope=1.02, ece=0.01),
        ),
        score_psi=(0.04, 0.01),
        feature_psi={"income": 0.01, "channel": 0.03},
        fairness={"age_band": Fairness(champion=approval, challenger=approval)},
        operations=Operations(one_row_ms=8.0, artifact_mb=0.4, load_seconds=0.2),
        anchor=Anchor(version=3, auc=paired(0.01, champion=0.7)),
        slices={"channel=web": SliceFigure(bads=300, auc=paired(0.01, champion=0.7))},
        score_psi_by_chance=0.003,
        loss_per_1000=None,
    )
    return guards.replace(**changes)


def good_facts(**changes: Any) -> Facts:
    """Facts of a night on which the challenger is clearly better, with these changes."""
    facts = Facts(
        model="credit_risk",
        as_of=date(2026, 2, 1),
        has_champion=True,
        challenger_train_end=date(2025, 3, 31),
        champion_train_end=date(2025, 1, 31),
        holdout=Window(first_day=date(2025, 5, 1), last_day=date(2025, 6, 30), rows=9000, bads=900),
        holdout_goods=8100,
        embargo_days=1,
        rows_in_both=0,
        same_rows=True,
        challenger_verified=True,
        champion_verified=True,
        scores_usable=True,
        highest_single_feature="bureau_score",
        highest_single_feature_auc=0.68,
        alpha=ALPHA,
        look_refused=None,
        comparison=comparison(),
        challenger_metrics={"auc": 0.7312, "ks": 0.34},
        champion_metrics={"auc": 0.70, "ks": 0.30},
        bad_clusters={"terminal": 120},
        guards=good_guards(),
    )
    return facts.replace(**changes)


def first_champion_facts(**changes: Any) -> Facts:
    """Facts of a night without a champion, whose challenger reaches the floors."""
    alone = good_facts(
        has_champion=False,
        champion_train_end=None,
        champion_verified=None,
        alpha=0.0,
        comparison=None,
        champion_metrics={},
        guards=None,
    )
    return alone.replace(**changes)
