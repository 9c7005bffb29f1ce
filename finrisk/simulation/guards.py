"""How often the guards let a challenger pass that is better by the minimum detectable difference.

They are the shipped ones, measured on simulated rows as on a night's; what needs more than scores
and labels (features, protected groups, slices, an anchor, a machine) has nothing to object here.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import NormalDist

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from finrisk.evaluation.comparison import compare
from finrisk.evaluation.harm import guard_facts
from finrisk.evaluation.judged_rows import EVENT_DAY, JudgedRows, Scored
from finrisk.gate.decision import STOPPING
from finrisk.gate.guards import guards
from finrisk.simulation.rivals import ScoredHoldout
from finrisk.simulation.schedules import Setting
from finrisk.simulation.shipped_gate import HARMLESS, facts_of_look
from finrisk.specs.guards import SliceGuard

Floats = NDArray[np.float64]
Guard = Callable[[Setting, ScoredHoldout, float, int], tuple[str, ...]]

REPLICATES = 500  # a 95 % bound needs no more; a real night takes 2000
QUANTILES = 201  # of the out-of-fold scores, as a night keeps them


def shipped_guards(
    setting: Setting, scored: ScoredHoldout, gain: float, seed: int
) -> tuple[str, ...]:
    """Return the guards of the setting's policy that hold or reject the challenger.

    Both models' scores become the probabilities that a model of the true AUC would give them, and
    the out-of-fold scores are those of rows like tonight's: neither is off by more than chance.

    Parameters
    ----------
    setting : Setting
        Its policy's guards, with fewer replicates.
    scored : ScoredHoldout
        Both models' raw scores; none has moved since development.
    gain : float
        By how much the challenger's true AUC is above the champion's.
    seed : int
        Of the resampling.
    """
    update = {"replicates": REPLICATES, "slices": SliceGuard()}
    policy = setting.policy.guards.model_copy(update=update)
    champion, challenger = (
        probabilities(score, scored.labels, setting.true_auc + better)
        for score, better in ((scored.champion, 0.0), (scored.challenger, gain))
    )
    none = pd.DataFrame(index=range(scored.labels.size))
    clusters = pd.DataFrame(dict(scored.clusters or {}), index=none.index)
    # a day of the hold-out for each row, which figures by the day ask for
    days = none.index.to_numpy() % setting.policy.holdout.max_vintages
    columns = clusters.assign(**{EVENT_DAY: days.astype("datetime64[D]")})
    rows = JudgedRows(f"{seed:012x}", scored.labels, columns, none, none)
    comparison = compare(scored.labels, champion, challenger, clusters=scored.clusters)
    measured, _ = guard_facts(
        rows,
        Scored(challenger, champion),
        comparison,
        policy,
        reference_scores=(_quantiles(champion), _quantiles(challenger)),
        operations=HARMLESS.operations,
        anchor_version=None,
        protected=(),
        clusters=tuple(clusters.columns),
        cutoff=setting.policy.cutoff,
    )
    facts = facts_of_look(setting, scored, 0, 0.01, None, comparison).replace(guards=measured)
    return tuple(rule.rule for rule in guards(facts, policy) if rule.outcome in STOPPING)


def probabilities(score: Floats, labels: NDArray[np.int8], true_auc: float) -> Floats:
    """Return the probability of bad given a binormal score: logit p = logit π + d·s − d²/2.

    Parameters
    ----------
    score : (n,) array
        Goods standard normal, bads d = √2 · Φ⁻¹(AUC) higher.
    labels : (n,) array of 0 and 1
        For the bad rate π.
    true_auc : float
        In (0.5, 1).
    """
    apart = np.sqrt(2.0) * NormalDist().inv_cdf(true_auc)
    bad_rate = float(labels.mean())
    logits = np.log(bad_rate / (1.0 - bad_rate)) + apart * score - apart**2 / 2.0
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * logits)))


def _quantiles(score: Floats) -> tuple[float, ...]:
    return tuple(np.quantile(score, np.linspace(0.0, 1.0, QUANTILES)).tolist())
