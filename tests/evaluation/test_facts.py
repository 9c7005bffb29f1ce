from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from finrisk.data.snapshots import rows_sha256
from finrisk.evaluation.facts import Contender, after_look, before_look, score_both
from finrisk.records import Facts, SnapshotRef, Window

RNG = np.random.default_rng(11)


def rows(count: int, prefix: str) -> pd.DataFrame:
    labels = (RNG.random(count) < 0.3).astype(np.int8)
    income = RNG.normal(size=count) - labels
    return pd.DataFrame(
        {"_row_id": [f"{prefix}{n}" for n in range(count)], "_label": labels, "income": income}
    )


DEVELOPMENT, HOLDOUT = rows(600, "d"), rows(400, "h")
SNAPSHOT = SnapshotRef(
    sha256="s" * 64,
    uri="file:///snapshot",
    rows=1000,
    bads=300,
    indeterminate=0,
    immature=0,
    development=Window(date(2023, 1, 1), date(2023, 10, 31), 600, 180),
    holdout=Window(date(2023, 12, 1), date(2024, 1, 31), 400, int(HOLDOUT["_label"].sum())),
    holdout_sha256=rows_sha256(HOLDOUT["_row_id"], HOLDOUT["_label"]),
)
CONTENDER = Contender(
    verified=True,
    score=lambda features: 1 / (1 + np.exp(features["income"].to_numpy())),
    train_end=date(2023, 10, 31),
    development_ids=frozenset(DEVELOPMENT["_row_id"]),
)


def facts_before(**changes: Any) -> Facts:
    arguments: dict[str, Any] = {
        "model": "loans",
        "as_of": date(2024, 9, 1),
        "snapshot": SNAPSHOT,
        "holdout": HOLDOUT,
        "development": DEVELOPMENT,
        "development_features": DEVELOPMENT[["income"]],
        "numeric": ("income",),
        "challenger": CONTENDER,
        "champion": CONTENDER,
        "embargo_days": 1,
        "allowed_strong_features": (),
    }
    return before_look(**{**arguments, **changes})


def facts_after(challenger: Contender, champion: Contender | None = CONTENDER) -> Facts:
    return after_look(
        facts_before(challenger=challenger, champion=champion),
        alpha=0.003,
        labels=HOLDOUT["_label"].to_numpy(),
        scored=score_both(HOLDOUT[["income"]], challenger, champion),
        reference_scores=challenger.reference_scores,
        cutoff=0.5,
    )


def test_before_the_look_no_score_meets_a_label() -> None:
    facts = facts_before()

    assert facts.comparison is None
    assert facts.challenger_metrics == {}
    assert facts.alpha is None
    assert facts.same_rows is True
    assert facts.rows_in_both == 0
    assert facts.holdout_goods == 400 - SNAPSHOT.holdout.bads


@pytest.mark.parametrize("side", ["challenger", "champion"])
def test_rows_in_both_are_counted_for_either_model(side: str) -> None:
    fitted_on_it = replace(CONTENDER, development_ids=frozenset(["h1", "h2", "d1"]))

    assert facts_before(**{side: fitted_on_it}).rows_in_both == 2


def test_a_lost_snapshot_leaves_the_overlap_unknown() -> None:
    assert facts_before(champion=replace(CONTENDER, development_ids=None)).rows_in_both is None


def test_swapped_rows_are_noticed() -> None:
    assert facts_before(holdout=HOLDOUT.iloc[::-1]).same_rows is False


def test_an_allowed_feature_is_not_measured() -> None:
    facts = facts_before(allowed_strong_features=("income",))

    assert facts.highest_single_feature == "none"


def test_without_a_champion_only_the_challenger_has_figures() -> None:
    facts = facts_after(CONTENDER, champion=None)

    assert facts.has_champion is False
    assert facts.comparison is None
    assert facts.champion_metrics == {}
    assert facts.challenger_metrics["auc"] > 0.6


def test_both_models_score_the_same_rows() -> None:
    noisy = replace(CONTENDER, score=lambda features: RNG.random(len(features)))

    facts = facts_after(noisy)

    assert facts.comparison is not None
    assert facts.comparison.difference < 0
    assert facts.comparison.champion_auc == facts.champion_metrics["auc"]
    assert facts.alpha == 0.003


def test_constant_scores_are_a_fact_and_leave_no_figures() -> None:
    constant = replace(CONTENDER, score=lambda features: np.full(len(features), 0.5))

    facts = facts_after(constant)

    assert facts.scores_usable is False
    assert facts.comparison is None
