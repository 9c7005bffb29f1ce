from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from finrisk.data.snapshots import rows_sha256
from finrisk.evaluation.comparison import compare
from finrisk.evaluation.facts import Contender, after_look, before_look, score_all
from finrisk.evaluation.judged_rows import JudgedRows
from finrisk.evidence import Anchor, Facts
from finrisk.records import SnapshotRef, Window
from finrisk.specs.model_spec import ModelSpec
from tests.specs.factories import changed

RNG = np.random.default_rng(11)


def rows(count: int, prefix: str) -> pd.DataFrame:
    labels = (RNG.random(count) < 0.3).astype(np.int8)
    income = RNG.normal(size=count) - labels
    return pd.DataFrame(
        {
            "_row_id": [f"{prefix}{n}" for n in range(count)],
            "_label": labels,
            "income": income,
            "gender": np.where(np.arange(count) % 2, "f", "m"),
            "customer": np.arange(count) // 2,
        }
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
    developed_among=lambda ids: int(ids.isin(DEVELOPMENT["_row_id"]).sum()),
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


def facts_after(
    challenger: Contender,
    champion: Contender | None = CONTENDER,
    *,
    anchor: tuple[int | None, Contender | None] = (None, None),
    **gate: Any,
) -> Facts:
    guards = {"replicates": 200, "slices": {"columns": ["gender"], "min_bads": 10}}
    document = changed("gate", {"guards": guards, **gate})
    document["columns"]["customer"] = {"type": "integer"}
    rows = JudgedRows(
        sha256=SNAPSHOT.holdout_sha256,
        labels=HOLDOUT["_label"].to_numpy(),
        columns=HOLDOUT,
        features=HOLDOUT[["income"]],
        development_features=DEVELOPMENT[["income"]],
    )
    return after_look(
        facts_before(challenger=challenger, champion=champion),
        alpha=0.003,
        rows=rows,
        scored=score_all(rows.features, challenger, champion, anchor[1]),
        challenger=challenger,
        champion=champion,
        anchor_version=anchor[0],
        spec=ModelSpec.model_validate(document),
    )[0]


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
    fitted_on_it = replace(
        CONTENDER, developed_among=lambda ids: ids.isin(["h1", "h2", "d1"]).sum()
    )

    assert facts_before(**{side: fitted_on_it}).rows_in_both == 2


def test_a_lost_snapshot_leaves_the_overlap_unknown() -> None:
    assert facts_before(champion=replace(CONTENDER, developed_among=None)).rows_in_both is None


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
    assert facts.comparison.champion == facts.champion_metrics["auc"]
    assert facts.alpha == 0.003


def test_constant_scores_are_a_fact_and_leave_no_figures() -> None:
    constant = replace(CONTENDER, score=lambda features: np.full(len(features), 0.5))

    facts = facts_after(constant)

    assert facts.scores_usable is False
    assert facts.comparison is None


NOISY = replace(CONTENDER, score=lambda features: 0.05 + 0.9 * RNG.random(len(features)))


def test_without_a_champion_there_is_nobody_to_harm() -> None:
    assert facts_after(CONTENDER, champion=None).guards is None


def test_a_model_against_itself_differs_in_nothing() -> None:
    facts = facts_after(CONTENDER)

    assert facts.comparison is not None
    assert (facts.comparison.difference, facts.comparison.z) == (0.0, 0.0)
    assert facts.guards is not None
    for figure in facts.guards.metrics.values():
        assert (figure.difference, figure.lower, figure.upper) == (0.0, 0.0, 0.0)
    assert facts.guards.calibration is not None
    assert facts.guards.calibration[0] == facts.guards.calibration[1]


def test_a_noisy_challenger_is_seen_to_harm() -> None:
    found = facts_after(NOISY).guards

    assert found is not None
    assert all((found.metrics[name].upper or 0.0) < 0.0 for name in ("auc", "ks"))
    assert (found.metrics["brier"].lower or 0.0) > 0.0, "lower is better"
    assert set(found.slices) == {"gender=f", "gender=m"}
    assert all((figure.auc.upper or 0.0) < 0.0 for figure in found.slices.values())


def test_bounds_do_not_depend_on_the_run() -> None:
    fixed = replace(
        CONTENDER, score=lambda features: 1 / (2 + np.exp(features["income"].to_numpy()))
    )

    assert facts_after(fixed).guards == facts_after(fixed).guards


def test_rows_that_move_together_are_counted_and_widen_the_standard_error() -> None:
    before = facts_before(clusters=("customer",))
    bads = HOLDOUT.loc[HOLDOUT["_label"] == 1, "customer"]
    assert before.bad_clusters == {"customer": bads.nunique()}

    compared = facts_after(NOISY, clusters=["customer"]).comparison

    assert compared is not None
    assert set(compared.standard_errors) == {"rows", "customer"}
    assert compared.standard_error == max(compared.standard_errors.values())


def test_average_precision_can_be_the_headline() -> None:
    document = changed("headline_metric", "average_precision")
    compared = compare(
        HOLDOUT["_label"].to_numpy(),
        NOISY.score(HOLDOUT),
        CONTENDER.score(HOLDOUT),
        metric=ModelSpec.model_validate(document).headline_metric,
        replicates=200,
    )

    assert compared.metric == "average_precision"
    assert compared.z is not None
    assert compared.z > 1.645


def test_the_anchor_is_scored_on_the_same_rows() -> None:
    found = facts_after(NOISY, anchor=(4, CONTENDER)).guards

    assert found is not None
    assert found.anchor is not None
    assert found.anchor.version == 4
    assert found.anchor.auc is not None
    assert (found.anchor.auc.upper or 0.0) < 0.0


@pytest.mark.parametrize(
    "gone",
    [
        replace(CONTENDER, verified=False, score=None),
        replace(CONTENDER, features_changed=("income",)),
        replace(CONTENDER, features_changed=None),
        replace(CONTENDER, score=lambda features: np.full(len(features), np.nan)),
    ],
)
def test_an_anchor_that_cannot_score_is_unknown(gone: Contender) -> None:
    found = facts_after(CONTENDER, anchor=(4, gone)).guards

    assert found is not None
    assert found.anchor == Anchor(4, None)
