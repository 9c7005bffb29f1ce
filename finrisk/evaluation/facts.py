"""Measure what the gate may know, in two halves: before the look, and after it is paid for.

The first half touches no label of the hold-out together with a score: windows, row ids, artifacts,
single features on development rows. Only a night that passes it spends a look; then both models
score the same rows in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from finrisk.data.labels import LABEL
from finrisk.data.landing import ROW_ID
from finrisk.data.snapshots import rows_sha256
from finrisk.evaluation.comparison import compare, model_metrics, usable
from finrisk.evaluation.harm import Resampled, guard_facts
from finrisk.evaluation.judged_rows import JudgedRows, Scored, Scores
from finrisk.evaluation.leaks import strongest_feature
from finrisk.evaluation.stored_rows import one_by_one
from finrisk.evidence import Facts, Operations
from finrisk.metrics.columns import Columns
from finrisk.metrics.stability import population_stability_index
from finrisk.records import SnapshotRef
from finrisk.specs.model_spec import ModelSpec

UNKNOWN_OPERATIONS = Operations(one_row_ms=None, artifact_mb=None, load_seconds=None)
Score = Callable[[pd.DataFrame], Scores]
DevelopedAmong = Callable[[pd.Series], int | None]
Together = Callable[[Columns, Sequence[Score]], list[Scores]]


@dataclass(frozen=True)
class Contender:
    """One side of the comparison, as far as its artifact and its snapshot could be read.

    Parameters
    ----------
    verified : bool
        The artifact's signature, digests and golden scores hold.
    score : callable or None
        Features → probability of bad, shape (n,); None where the artifact does not verify.
    train_end : date or None
        Last event day it was fitted on, from its signed manifest.
    developed_among : callable or None
        Row ids, shape (n,) → how many of them it was fitted on, by its snapshot; the answer is None
        where the snapshot is gone.
    features_changed : tuple of str or None
        Features it needs that tonight's spec lacks or defines otherwise; None where unknown.
    reference_scores : tuple of float
        Quantiles of its out-of-fold scores, what the PSI compares with; empty where not kept.
    operations : Operations
        What serving it costs, as far as that is known.
    gives_probability : bool
        False for a detector: its score is on a scale of its own.
    """

    verified: bool
    score: Score | None
    train_end: date | None
    developed_among: DevelopedAmong | None
    features_changed: tuple[str, ...] | None = ()
    reference_scores: tuple[float, ...] = ()
    operations: Operations = UNKNOWN_OPERATIONS
    gives_probability: bool = True


def score_all(
    features: Columns,
    challenger: Contender,
    champion: Contender | None,
    anchor: Contender | None = None,
    *,
    together: Together = one_by_one,
) -> Scored | None:
    """Score the hold-out's features; None where an artifact that is compared does not verify.

    The anchor is scored if it can be: where it cannot, its guard is unknown, and holds.
    ``together`` lets all of them score the same rows; what it gives are each one's own scores.
    """
    if challenger.score is None or (champion is not None and champion.score is None):
        return None
    asked = {"challenger": challenger.score}
    if champion is not None and champion.score is not None:
        asked["champion"] = champion.score
    if anchor is not None and anchor.score is not None and anchor.features_changed == ():
        asked["anchor"] = anchor.score
    found = dict(zip(asked, together(features, list(asked.values())), strict=True))
    last = found.get("anchor")
    return Scored(
        found["challenger"],
        found.get("champion"),
        last if last is not None and usable(last) else None,
    )


def before_look(
    *,
    model: str,
    as_of: date,
    snapshot: SnapshotRef,
    holdout: Columns,
    development: Columns,
    development_features: Columns,
    numeric: tuple[str, ...],
    challenger: Contender,
    champion: Contender | None,
    embargo_days: int,
    allowed_strong_features: tuple[str, ...],
    clusters: tuple[str, ...] = (),
) -> Facts:
    """Return every fact that needs no score on the hold-out.

    Parameters
    ----------
    holdout, development : table
        The snapshot's two parts, oldest row first.
    development_features : table
        Features of ``development``, same rows in the same order.
    """
    strongest = strongest_feature(
        development_features,
        development[LABEL].to_numpy(dtype=np.int8),
        numeric=numeric,
        left_out=allowed_strong_features,
    )
    window, ids, labels = snapshot.holdout, holdout[ROW_ID], holdout[LABEL]
    return Facts(
        model=model,
        as_of=as_of,
        has_champion=champion is not None,
        challenger_train_end=challenger.train_end,
        champion_train_end=champion.train_end if champion else None,
        holdout=window,
        holdout_goods=window.rows - window.bads,
        embargo_days=embargo_days,
        rows_in_both=_rows_in_both(ids, challenger, champion),
        same_rows=rows_sha256(ids, labels) == snapshot.holdout_sha256,
        challenger_verified=challenger.verified,
        champion_verified=champion.verified if champion else None,
        scores_usable=None,
        highest_single_feature=strongest[0] if strongest else None,
        highest_single_feature_auc=strongest[1] if strongest else None,
        alpha=None,
        look_refused=None,
        comparison=None,
        challenger_metrics={},
        champion_features_changed=champion.features_changed if champion else (),
        probabilities=(
            champion is None or champion.gives_probability,
            challenger.gives_probability,
        ),
        bad_clusters={
            column: int(holdout[column][labels == 1].nunique(dropna=False)) for column in clusters
        },
    )


def after_look(
    facts: Facts,
    *,
    alpha: float,
    rows: JudgedRows,
    scored: Scored | None,
    challenger: Contender,
    champion: Contender | None,
    anchor_version: int | None,
    spec: ModelSpec,
) -> tuple[Facts, Resampled]:
    """Return the facts completed by the models' scores, and the resampled differences behind them.

    Parameters
    ----------
    facts : Facts
        From :func:`before_look`; both artifacts verified.
    alpha : float
        What this look was paid with; 0 for a first champion, who is compared with nobody.
    rows : JudgedRows
        The hold-out's, in its order.
    scored : Scored or None
        From :func:`score_all`.
    anchor_version : int or None
        The last version a person signed.
    """
    facts = facts.replace(alpha=alpha)
    if scored is None or not usable(*scored.all):
        return facts.replace(scores_usable=False), {}
    mine = model_metrics(rows, scored.challenger, challenger.gives_probability, spec.gate)
    if challenger.reference_scores:
        mine["psi"] = population_stability_index(challenger.reference_scores, scored.challenger)
    facts = facts.replace(scores_usable=True, challenger_metrics=mine)
    if scored.champion is None or champion is None:
        return facts, {}
    guards = spec.gate.guards
    comparison = compare(
        rows.labels,
        champion=scored.champion,
        challenger=scored.challenger,
        metric=spec.headline_metric,
        clusters={column: rows.groups(column) for column in spec.gate.clusters},
        replicates=guards.replicates,
        seed=rows.seed,
    )
    measured, resampled = guard_facts(
        rows,
        scored,
        comparison,
        guards,
        reference_scores=(champion.reference_scores, challenger.reference_scores),
        probabilities=(champion.gives_probability, challenger.gives_probability),
        operations=challenger.operations,
        anchor_version=anchor_version,
        protected=spec.protected_columns,
        clusters=spec.gate.clusters,
        cutoff=spec.gate.cutoff,
    )
    complete = facts.replace(
        champion_metrics=model_metrics(
            rows, scored.champion, champion.gives_probability, spec.gate
        ),
        comparison=comparison,
        guards=measured,
    )
    return complete, resampled


def _rows_in_both(
    holdout_ids: pd.Series, challenger: Contender, champion: Contender | None
) -> int | None:
    overlap = 0
    for contender in (challenger, champion):
        if contender is None:
            continue
        among = contender.developed_among
        shared = None if among is None else among(holdout_ids)
        if shared is None:
            return None
        overlap += shared
    return overlap
