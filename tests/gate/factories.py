"""One good night's facts, for a table of single changes."""

from __future__ import annotations

from datetime import date
from typing import Any

from finrisk.records import Comparison, Facts, Window

ALPHA = 0.04 / 12  # the default policy's scheduled look: z needed is 2.71


def comparison(difference: float = 0.0312, z: float | None = 4.1) -> Comparison:
    """Champion and challenger compared; the standard error follows from z."""
    return Comparison(
        champion_auc=0.70,
        challenger_auc=0.70 + difference,
        difference=difference,
        standard_error=abs(difference / z) if z else 0.0,
        z=z,
        p_value=None,
    )


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
    )
    return alone.replace(**changes)
