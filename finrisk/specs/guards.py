"""The guards' policy: what harm keeps a better challenger out. Every limit with unit and reason."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from finrisk.specs.base import Closed, Share

METRIC_PATTERN = (
    r"^(auc|ks|average_precision|precision_at_[1-9]\d*|lift_top_[\d.]+pct"
    r"|detection_rate_at_fpr_[\d.]+pct|daily_precision_at_[1-9]\d*)$"
)
MetricName = Annotated[str, Field(pattern=METRIC_PATTERN)]
Positive = Annotated[float, Field(gt=0.0)]


class MostLoss(Closed):
    """How much of one metric a challenger may lose before it blocks, as a figure or as a share."""

    points: Positive | None = Field(default=None, description="in the metric's own unit")
    share: Share | None = Field(default=None, description="of the champion's figure")

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.points is None) == (self.share is None):
            raise ValueError("expected either 'points' or 'share'")
        return self

    def of(self, champion: float) -> float:
        """Return the most that may be lost, given the champion's figure.

        Examples
        --------
        >>> MostLoss(points=0.02).of(0.5), MostLoss(share=0.25).of(0.5)
        (0.02, 0.125)
        """
        return self.points if self.points is not None else (self.share or 0.0) * champion


DEFAULT_SECONDARY = {
    "auc": MostLoss(points=0.01),
    "ks": MostLoss(points=0.02),
    "average_precision": MostLoss(share=0.05),
    "detection_rate_at_fpr_5pct": MostLoss(points=0.02),
}


class CalibrationGuard(Closed):
    """Probabilities that decide on money must mean what they say."""

    max_offset: Positive = Field(
        default=0.2, description="|offset| in logits: at a bad rate of 10 %, 8.3 % to 11.9 %"
    )
    min_slope: Positive = Field(default=0.8, description="below: scores too extreme (overfitted)")
    max_slope: Positive = Field(default=1.25, description="above: scores too timid")
    max_brier_loss: Share = Field(default=0.01, description="share of the champion's Brier score")


class StabilityGuard(Closed):
    """A score that moved since it was developed, beyond what the champion's did."""

    max_score_psi: Positive = Field(
        default=0.25, description="scorecard practice: a large shift; out-of-fold v hold-out"
    )
    max_above_champion: float = Field(
        default=0.10, ge=0.0, description="drift moves both scores; only the excess is the model's"
    )
    warn_feature_psi: Positive = Field(
        default=0.25, description="warns only: drift is a reason to retrain, not to refuse"
    )


class FairnessGuard(Closed):
    """Approval among those who turned out good, by each protected column. A screen, no ruling."""

    min_approval_ratio: Share = Field(
        default=0.80, description="lowest ÷ highest group: the four-fifths rule of thumb"
    )
    max_tpr_gap: Share = Field(
        default=0.20, description="points between groups of the share of bads declined"
    )
    min_goods: int = Field(default=200, ge=1, description="a group with fewer is not judged")


class OperationsGuard(Closed):
    """What serving can carry, whatever the champion needs."""

    max_one_row_ms: Positive = Field(
        default=100.0,
        description="CPU time of scoring one row, 99th percentile, measured at training",
    )
    max_artifact_mb: Positive = Field(
        default=200.0, description="100 unbounded trees on 160,000 rows were 254 MB"
    )
    max_load_seconds: Positive = Field(
        default=5.0, description="CPU time of a verified load; a hot swap waits for it"
    )


class AnchorGuard(Closed):
    """Against the last version a person signed: many small losses must not add up."""

    max_auc_loss: Positive = Field(default=0.010, description="points of AUC")


class SliceGuard(Closed):
    """A better average may hide a part of the business that got worse."""

    columns: tuple[str, ...] = Field(
        default=(), description="each value of these columns is a slice of the hold-out"
    )
    max_auc_loss: Positive = Field(
        default=0.01, description="blocks where even the upper bound has lost more"
    )
    min_bads: int = Field(default=200, ge=1, description="a slice with fewer is not judged")


class Costs(Closed):
    """What a wrong decision costs, in one currency unit; reported, never a limit."""

    bad_approved: Positive = Field(description="mean loss on a bad that is approved")
    good_declined: Positive = Field(description="mean profit forgone on a good that is declined")


class Guards(Closed):
    """What blocks a challenger that is better on average.

    A guard blocks only harm: its limit is broken and the challenger is worse than the champion
    there. Asking every secondary metric to be proven no worse sounds strict and is useless: an
    equal model passes all of them about one time in a hundred.
    """

    confidence: float = Field(
        default=0.95, gt=0.5, lt=1.0, description="of each one-sided bound of a difference"
    )
    replicates: int = Field(
        default=2000, ge=200, le=100_000, description="of the paired bootstrap behind the bounds"
    )
    secondary: dict[MetricName, MostLoss] = Field(
        default=DEFAULT_SECONDARY,
        description="the headline metric, tested on its own, is left out here",
    )
    proven: MetricName | None = Field(
        default=None, description="one secondary metric whose lower bound must be above its loss"
    )
    calibration: CalibrationGuard = CalibrationGuard()
    stability: StabilityGuard = StabilityGuard()
    fairness: FairnessGuard = FairnessGuard()
    operations: OperationsGuard = OperationsGuard()
    anchor: AnchorGuard = AnchorGuard()
    slices: SliceGuard = SliceGuard()
    costs: Costs | None = Field(
        default=None, description="bad_approved and good_declined, to report the expected loss"
    )

    @model_validator(mode="after")
    def _proven_is_measured(self) -> Self:
        if self.proven is not None and self.proven not in self.secondary:
            raise ValueError(f"proven names {self.proven!r}, which 'secondary' does not list")
        return self
