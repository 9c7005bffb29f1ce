"""The gate's policy: every figure with its default, its unit and its reason."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from finrisk.specs.bake import Bake
from finrisk.specs.base import Closed, Share
from finrisk.specs.guards import Guards

Headline = Literal["auc", "average_precision"]
AIRFLOW = "airflow"
"""Who acts where no person triggered a night; nobody of this name may approve one."""


class ErrorBudget(Closed):
    """What a year of comparisons may spend on promoting a challenger that is no better."""

    alpha_year: float = Field(
        default=0.05, gt=0.0, lt=0.5, description="false promotions a year, the owner's dial"
    )
    scheduled_share: Share = Field(
        default=0.8, description="of alpha_year, split over the scheduled looks"
    )
    looks_per_year: int = Field(
        default=12,
        ge=1,
        le=366,
        description="dates a year on which the hold-out can change; 365 for daily vintages",
    )
    reserve_looks_per_year: int = Field(
        default=4, ge=1, le=52, description="alert-driven and manual reruns share the rest"
    )


class Holdout(Closed):
    """How much of the newest matured data judges, and how little is too little."""

    target_bads: int = Field(
        default=800, ge=1, description="newest vintages until these are reached"
    )
    max_vintages: int = Field(default=12, ge=1, description="but never more vintages than these")
    min_bads: int = Field(default=200, ge=1, description="below: HOLD")
    min_goods: int = Field(default=200, ge=1, description="below: HOLD")
    min_bad_clusters: int = Field(
        default=50,
        ge=2,
        description="clusters with bads, of each declared column; a variance of fewer is a guess",
    )
    embargo_days: int = Field(
        default=1, ge=0, le=366, description="days left out between development and hold-out"
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min_bads > self.target_bads:
            raise ValueError(f"min_bads {self.min_bads} is above target_bads {self.target_bads}")
        return self


class Floors(Closed):
    """What a first champion must reach on the hold-out, absolute."""

    auc: Share = Field(default=0.6, description="below, a scorecard is of no use to a lender")
    ks: Share = Field(default=0.1, description="separation of goods and bads at the best cut-off")
    average_precision: Share | None = Field(
        default=None, description="of rare bads, where chance gives the bad rate"
    )


class AlertBudget(Closed):
    """How many alerts a day investigators can take, and what one card is."""

    per_day: int = Field(default=100, ge=1, description="k of the daily figures")
    card: str | None = Field(
        default=None,
        description="the column whose equal values are one card: a card found out is blocked, and "
        "no longer alerts; null: no figure of cards",
    )


class GatePolicy(Closed):
    """May the challenger replace the champion? The limits."""

    error_budget: ErrorBudget = ErrorBudget()
    holdout: Holdout = Holdout()
    floors: Floors = Floors()
    reject_z: float = Field(
        default=-1.645, lt=0.0, description="at or below: significantly worse, one-sided 5 %"
    )
    single_feature_auc: Share = Field(
        default=0.98, description="one feature alone at or above this is a leak until allowed"
    )
    allowed_strong_features: tuple[str, ...] = Field(
        default=(), description="features that may reach it, each looked at by a person"
    )
    cutoff: Share = Field(default=0.5, description="risk score at which an application is declined")
    clusters: tuple[str, ...] = Field(
        default=(),
        description="columns whose equal values move together (customer, terminal); fraud's "
        "variance is 2.4 to 2.7 times the one of independent rows through terminals",
    )
    alerts: AlertBudget | None = Field(
        default=None, description="for fraud: the budget that precision, recall and F1 are taken at"
    )
    guards: Guards = Guards()
    approval: Literal["automatic", "person"] = Field(
        default="automatic", description="'person': a PROMOTE waits until somebody carries it out"
    )
    approvers: tuple[str, ...] = Field(
        default=(),
        description="user ids that Airflow's form asks; empty: `finrisk promote` alone",
    )
    approval_timeout_hours: float = Field(
        default=20.0,
        gt=0.0,
        le=168.0,
        description="no answer by then is HOLD; less than a day, for the next night waits so long",
    )
    refreshes_per_year: int = Field(
        default=4, ge=0, le=12, description="signed replacements by a version that is not better"
    )
    bake: Bake = Bake()

    @field_validator("approvers")
    @classmethod
    def _are_people(cls, approvers: tuple[str, ...]) -> tuple[str, ...]:
        for approver in approvers:
            if not approver or approver != approver.strip():
                raise ValueError(
                    f"approver {approver!r}: expected a user id, without spaces around"
                )
            if approver == AIRFLOW:
                raise ValueError(
                    f"approver {approver!r} is the name that scheduled nights act under"
                )
        if len(set(approvers)) < len(approvers):
            raise ValueError("an approver is named twice")
        return approvers

    @model_validator(mode="after")
    def _somebody_is_asked(self) -> Self:
        if self.approvers and self.approval != "person":
            raise ValueError("approvers are asked only with approval: person")
        return self
