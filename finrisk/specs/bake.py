"""The bake: which early signals after a promotion bring the predecessor back, each with reason."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from finrisk.specs.base import Closed

Positive = Annotated[float, Field(gt=0.0)]


class Bake(Closed):
    """When a fresh champion gives way to its predecessor without being asked.

    A night's reading is a breach where one signal breaks its limit **and** the predecessor does
    better on the same rows: where the population itself drifts, going back does not help.
    """

    enabled: bool = Field(
        default=True, description="false: nothing is read after a promotion, nothing rolled back"
    )
    readings: int = Field(
        default=10,
        ge=1,
        le=366,
        description="nights with a reading, after which the bake has passed",
    )
    breaches: int = Field(
        default=3, ge=1, description="so many among the last readings roll back; one may be a fluke"
    )
    last: int = Field(default=5, ge=1, description="how many readings breaches are counted in")
    score_psi: Positive = Field(
        default=0.25, description="of scores since the promotion, against before: a large shift"
    )
    calibration: Positive = Field(
        default=0.5, description="|offset| in logits on matured rows: 9.5 % bad where 6 % was said"
    )
    alert_volume: float = Field(
        default=2.0, gt=1.0, description="times as many rows at the cut-off as before, or as few"
    )
    error_rate: Annotated[float, Field(gt=0.0, le=1.0)] = Field(
        default=0.01, description="share of rows without a finite score"
    )
    margin: float = Field(
        default=0.4,
        ge=0.0,
        description="share of the limit, or of the predecessor's figure where that is larger: how "
        "much worse the champion must be; 0.10 of PSI at its limit, as in the gate",
    )
    release: Annotated[float, Field(gt=0.0, le=1.0)] = Field(
        default=0.8,
        description="share of its limit below which a broken signal is quiet; calibration: at it",
    )
    min_rows: int = Field(
        default=200,
        ge=20,
        description="rows a reading needs; at 200 chance keeps PSI below 0.085",
    )
    min_bads: int = Field(
        default=100,
        ge=2,
        description="matured bads, and goods, calibration needs: chance ±0.2",
    )
    realised_bads: int = Field(
        default=400,
        ge=20,
        description="matured bads on which champion and predecessor are compared, once, for people",
    )
    cool_down_days: int = Field(
        default=14,
        ge=0,
        description="after an automatic rollback: no other, and no promotion but a person's",
    )

    @model_validator(mode="after")
    def _can_be_reached(self) -> Self:
        if self.breaches > min(self.last, self.readings):
            raise ValueError(
                f"breaches {self.breaches} can never be among the last {self.last} of "
                f"{self.readings} readings"
            )
        return self
