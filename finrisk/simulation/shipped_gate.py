"""The shipped gate, night after night: the real budget, the real test, the real decision."""

from __future__ import annotations

from datetime import date, timedelta

from finrisk.evaluation.comparison import compare
from finrisk.evidence import Calibration, Facts, GuardFacts, Operations, PairedFigure, Verdict
from finrisk.gate.budget import Spent, alpha_for_look
from finrisk.gate.decision import decide
from finrisk.records import Comparison, Decision, LookKind, Window
from finrisk.simulation.rivals import ScoredHoldout
from finrisk.simulation.schedules import Setting

FIRST_NIGHT = date(2025, 1, 1)
HARMLESS = GuardFacts(
    metrics={"brier": PairedFigure(0.1, 0.1, 0.0, 0.0, 0.0)},
    calibration=(Calibration(0.0, 1.0, 0.0), Calibration(0.0, 1.0, 0.0)),
    score_psi=(0.0, 0.0),
    feature_psi={},
    fairness={},
    operations=Operations(one_row_ms=0.0, artifact_mb=0.0, load_seconds=0.0),
    anchor=None,
    slices={},
)
CLEAN_GAP_DAYS = 30  # development ends this long before the hold-out: every precondition holds


class ShippedGate:
    """One year after the other of the shipped policy on one model, its budget spent as it looks.

    No guard objects: they can only hold a challenger back, so that false promotions are counted
    high, not low. How often they object stands in ``finrisk.simulation.guards``.
    """

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        guards = setting.policy.guards.model_copy(update={"secondary": {}, "proven": None})
        self._policy = setting.policy.model_copy(update={"guards": guards})
        self._spent = Spent()
        self._looks = 0

    def promotes(self, scored: ScoredHoldout) -> bool:
        """Spend a look and decide."""
        return self.verdict(scored).decision is Decision.PROMOTE

    def verdict(self, scored: ScoredHoldout) -> Verdict:
        """Spend a look and return the verdict with every rule."""
        alpha, refused = self._pay()
        found = None
        if alpha is not None:
            found = compare(
                scored.labels, scored.champion, scored.challenger, clusters=scored.clusters
            )
        night = round(self._looks * self._setting.days_per_look)
        facts = facts_of_look(self._setting, scored, night, alpha, refused, found)
        return decide(facts.replace(guards=HARMLESS), self._policy)

    def _pay(self) -> tuple[float | None, str | None]:
        if self._looks % self._setting.looks_per_year == 0:
            self._spent = Spent()  # nothing carries over
        self._looks += 1
        budget = self._setting.policy.error_budget
        grant = alpha_for_look(LookKind.SCHEDULED, budget, self._spent)
        if grant.alpha is not None:
            self._spent = Spent(
                scheduled_looks=self._spent.scheduled_looks + 1,
                scheduled_alpha=self._spent.scheduled_alpha + grant.alpha,
                alpha_year_ceiling=budget.alpha_year,
            )
        return grant.alpha, grant.refused


def facts_of_look(
    setting: Setting,
    scored: ScoredHoldout,
    night: int,
    alpha: float | None,
    refused: str | None,
    comparison: Comparison | None,
) -> Facts:
    """Return the facts of a night on which every precondition holds: the one place that makes them.

    Parameters
    ----------
    night : int
        Counted from the first year's day 0.
    alpha, refused
        From the budget: the look's α, or why there is none.
    comparison : Comparison or None
        None where no look was paid.
    """
    as_of = FIRST_NIGHT + timedelta(days=night)
    last_day = as_of - timedelta(days=round(setting.delay_days))
    first_day = last_day - timedelta(days=round(setting.holdout_days) - 1)
    embargo = setting.policy.holdout.embargo_days
    development_end = first_day - timedelta(days=embargo + CLEAN_GAP_DAYS)
    bads = int(scored.labels.sum())
    return Facts(
        model=setting.name,
        as_of=as_of,
        has_champion=True,
        challenger_train_end=development_end,
        champion_train_end=development_end,
        holdout=Window(first_day, last_day, rows=scored.labels.size, bads=bads),
        holdout_goods=scored.labels.size - bads,
        embargo_days=embargo,
        rows_in_both=0,
        same_rows=True,
        challenger_verified=True,
        champion_verified=True,
        scores_usable=True,
        highest_single_feature="simulated",
        highest_single_feature_auc=0.5,
        alpha=alpha,
        look_refused=refused,
        comparison=comparison,
        challenger_metrics={},
        bad_clusters={
            name: len(set(of[scored.labels == 1].tolist()))
            for name, of in (scored.clusters or {}).items()
        },
    )
