"""How a deciding model is watched, and which of its alarms may ask for a night."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from finrisk.specs.base import Closed, Share

RerunReason = Literal["score_drift", "feature_drift", "performance", "calibration"]


class Reruns(Closed):
    """Which alarms ask for a night beside the schedule, and how often they may."""

    alarms: tuple[RerunReason, ...] = Field(
        default=("score_drift", "performance", "calibration"),
        description="alarms that ask; the others only tell. An estimate never asks",
    )
    cool_down_days: int = Field(
        default=7, ge=1, le=366, description="between two nights of one kind of alarm"
    )
    most_a_day: int = Field(default=1, ge=1, le=24, description="of all kinds, in 24 hours")


class Monitoring(Closed):
    """What is watched from day to day. It changes no night: the spec's digest leaves it out."""

    window_days: int = Field(
        default=28,
        ge=1,
        le=366,
        description="days that are compared with the reference; whole weeks keep weekdays even",
    )
    reference_days: int = Field(
        default=182,
        ge=14,
        le=366,
        description="newest days that the champion was developed and judged on, as what is usual; "
        "three times window and windows' length together give a narrow limit; days that the "
        "champion was fitted on count for its features, and not for its score",
    )
    performance_days: int = Field(
        default=28, ge=1, le=366, description="newest matured days that performance is measured on"
    )
    least_psi: float = Field(
        default=0.10, gt=0.0, description="below it no drift matters, however sure"
    )
    false_discoveries: Share = Field(
        default=0.05, description="of the features shown as warnings, by chance"
    )
    alarm_years: float = Field(
        default=0.01, gt=0.0, lt=1.0, description="years with a false drift alarm of any column"
    )
    least_share: Share = Field(
        default=0.05, description="of rows: fewer more missing or unseen ones matter to nobody"
    )
    skill_loss: Share = Field(
        default=0.10,
        description="share of what a metric showed above chance that may be lost before it counts: "
        "an AUC of 0.75 has 0.25 above chance, and may fall to 0.725",
    )
    left_out: tuple[str, ...] = Field(
        default=(),
        description="features that follow the calendar; derived hours and weekends always are",
    )
    reruns: Reruns = Reruns()
