"""Measure what the gate may know, in two halves: before the look, and after it is paid for.

The first half touches no label of the hold-out together with a score: windows, row ids, artifacts,
single features on development rows. Only a night that passes it spends a look; then both models
score the same rows in the same order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from finrisk.data.labels import LABEL
from finrisk.data.landing import ROW_ID
from finrisk.data.snapshots import rows_sha256
from finrisk.evaluation.comparison import Scores, compare, credit_metrics, usable
from finrisk.evaluation.leaks import strongest_feature
from finrisk.metrics.stability import population_stability_index
from finrisk.records import Facts, SnapshotRef

Score = Callable[[pd.DataFrame], Scores]


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
    development_ids : set of str or None
        Row ids it was fitted on, from its snapshot; None where the snapshot is gone.
    features_changed : tuple of str or None
        Features it needs that tonight's spec lacks or defines otherwise; None where unknown.
    reference_scores : tuple of float
        Quantiles of its out-of-fold scores, what the PSI compares with; empty where not kept.
    """

    verified: bool
    score: Score | None
    train_end: date | None
    development_ids: frozenset[str] | None
    features_changed: tuple[str, ...] | None = ()
    reference_scores: tuple[float, ...] = ()


@dataclass(frozen=True)
class Scored:
    """Both sides' risk scores on the hold-out's rows, in its order; shape (n,) each."""

    challenger: Scores
    champion: Scores | None

    @property
    def all(self) -> tuple[Scores, ...]:
        """Those there are, the challenger's first."""
        return (self.challenger,) if self.champion is None else (self.challenger, self.champion)


def score_both(
    features: pd.DataFrame, challenger: Contender, champion: Contender | None
) -> Scored | None:
    """Score the hold-out's features with both; None where an artifact does not verify."""
    if challenger.score is None or (champion is not None and champion.score is None):
        return None
    theirs = champion.score(features) if champion is not None and champion.score else None
    return Scored(challenger.score(features), theirs)


def before_look(
    *,
    model: str,
    as_of: date,
    snapshot: SnapshotRef,
    holdout: pd.DataFrame,
    development: pd.DataFrame,
    development_features: pd.DataFrame,
    numeric: tuple[str, ...],
    challenger: Contender,
    champion: Contender | None,
    embargo_days: int,
    allowed_strong_features: tuple[str, ...],
) -> Facts:
    """Return every fact that needs no score on the hold-out.

    Parameters
    ----------
    holdout, development : DataFrame
        The snapshot's two parts, oldest row first.
    development_features : DataFrame
        Features of ``development``, same rows in the same order.
    """
    suspects = [f for f in development_features.columns if f not in allowed_strong_features]
    strongest = (
        strongest_feature(
            development_features[suspects],
            development[LABEL].to_numpy(dtype=np.int8),
            numeric=numeric,
        )
        if suspects
        else ("none", 0.5)
    )
    window = snapshot.holdout
    return Facts(
        model=model,
        as_of=as_of,
        has_champion=champion is not None,
        challenger_train_end=challenger.train_end,
        champion_train_end=champion.train_end if champion else None,
        holdout=window,
        holdout_goods=window.rows - window.bads,
        embargo_days=embargo_days,
        rows_in_both=_rows_in_both(holdout, challenger, champion),
        same_rows=rows_sha256(holdout[ROW_ID], holdout[LABEL]) == snapshot.holdout_sha256,
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
    )


def after_look(
    facts: Facts,
    *,
    alpha: float,
    labels: NDArray[Any],
    scored: Scored | None,
    reference_scores: tuple[float, ...],
    cutoff: float,
) -> Facts:
    """Return the facts completed by both models' scores on the hold-out's rows.

    Parameters
    ----------
    facts : Facts
        From :func:`before_look`; both artifacts verified.
    alpha : float
        What this look was paid with; 0 for a first champion, who is compared with nobody.
    labels : array of shape (n,)
        1 = bad, 0 = good, in the hold-out's order.
    scored : Scored or None
        From :func:`score_both`.
    reference_scores : tuple of float
        The challenger's, for its PSI between development and hold-out.
    cutoff : float
        Risk score at which an application is declined, for precision, recall, F1, accuracy.
    """
    facts = facts.replace(alpha=alpha)
    if scored is None or not usable(*scored.all):
        return facts.replace(scores_usable=False)
    mine = credit_metrics(labels, scored.challenger, cutoff)
    if reference_scores:
        mine["psi"] = population_stability_index(reference_scores, scored.challenger)
    facts = facts.replace(scores_usable=True, challenger_metrics=mine)
    if scored.champion is None:
        return facts
    return facts.replace(
        champion_metrics=credit_metrics(labels, scored.champion, cutoff),
        comparison=compare(labels, champion=scored.champion, challenger=scored.challenger),
    )


def _rows_in_both(
    holdout: pd.DataFrame, challenger: Contender, champion: Contender | None
) -> int | None:
    overlap = 0
    for contender in (challenger, champion):
        if contender is None:
            continue
        if contender.development_ids is None:
            return None
        overlap += int(holdout[ROW_ID].isin(contender.development_ids).sum())
    return overlap
