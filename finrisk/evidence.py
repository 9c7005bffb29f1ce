"""What the gate may know of a night, and what it said: facts, verdict, and both as evidence.

Measured in ``evaluation/``, judged in ``gate/``, kept in the ledger. ``None`` is what could not be
measured; it is reported, and it holds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from finrisk.records import Comparison, Decision, Look, ModelVersion, Record, Window


class Outcome(StrEnum):
    """How one rule came out: ``WARN`` stops nothing, ``UNKNOWN`` never passes."""

    PASS = "pass"  # noqa: S105 - a word, not a password
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class PairedFigure(Record):
    """One figure of champion and challenger on the same rows, and bounds of the difference.

    ``lower`` and ``upper`` are one-sided bounds of challenger − champion, each at the policy's
    confidence; None where they could not be had.
    """

    champion: float
    challenger: float
    difference: float
    lower: float | None = None
    upper: float | None = None


@dataclass(frozen=True, slots=True)
class Calibration(Record):
    """Whether probabilities mean what they say; None is a fit that does not exist.

    ``offset`` is the intercept with the slope fixed at 1 (0 is right, positive says too little
    risk), ``slope`` that of labels on logits (1 is right, below it the scores are too extreme).
    """

    offset: float | None
    slope: float | None
    ece: float


@dataclass(frozen=True, slots=True)
class GroupApproval(Record):
    """How one model treats the groups of a protected column among their goods.

    ``ratio`` is the lowest group's approval rate over the highest's, ``ratio_upper`` its upper
    bound; ``tpr_gap`` the largest distance between groups of the share of bads declined.
    """

    lowest: str
    highest: str
    ratio: float
    ratio_upper: float
    tpr_gap: float | None


@dataclass(frozen=True, slots=True)
class Fairness(Record):
    """Both models' treatment of one protected column; ``left_out`` groups have too few goods."""

    champion: GroupApproval | None
    challenger: GroupApproval | None
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SliceFigure(Record):
    """AUC of both models on one slice of the hold-out, such as ``channel=web``."""

    bads: int
    auc: PairedFigure


@dataclass(frozen=True, slots=True)
class Operations(Record):
    """What serving the challenger costs, in CPU time; ``one_row_ms`` is the 99th percentile."""

    one_row_ms: float | None
    artifact_mb: float | None
    load_seconds: float | None


@dataclass(frozen=True, slots=True)
class Anchor(Record):
    """The last version a person signed, and the challenger's AUC against it on the same rows."""

    version: int
    auc: PairedFigure | None


@dataclass(frozen=True, slots=True)
class GuardFacts(Record):
    """What the guards read, measured on the hold-out; None could not be measured.

    ``score_psi``, ``calibration`` and ``probabilities`` hold the champion's, then the challenger's;
    a detector's score is no probability, and has no calibration;
    ``score_psi_by_chance`` is what a score that did not move stays below 19 times in 20.
    """

    metrics: dict[str, PairedFigure]
    calibration: tuple[Calibration | None, Calibration | None] | None
    score_psi: tuple[float | None, float | None]
    feature_psi: dict[str, float]
    fairness: dict[str, Fairness]
    operations: Operations
    anchor: Anchor | None
    slices: dict[str, SliceFigure]
    score_psi_by_chance: float | None = None
    loss_per_1000: PairedFigure | None = None
    probabilities: tuple[bool, bool] = (True, True)


@dataclass(frozen=True, slots=True)
class Facts(Record):
    """All the gate may know. ``None`` is a fact that could not be measured, and it holds.

    ``probabilities``: whether the champion's and the challenger's scores are such.
    """

    model: str
    as_of: date
    has_champion: bool
    challenger_train_end: date | None
    champion_train_end: date | None
    holdout: Window | None
    holdout_goods: int | None
    embargo_days: int
    rows_in_both: int | None
    same_rows: bool | None
    challenger_verified: bool | None
    champion_verified: bool | None
    scores_usable: bool | None
    highest_single_feature: str | None
    highest_single_feature_auc: float | None
    alpha: float | None
    look_refused: str | None
    comparison: Comparison | None
    challenger_metrics: dict[str, float]
    champion_metrics: dict[str, float] = field(default_factory=dict)
    champion_features_changed: tuple[str, ...] | None = ()
    frozen: str | None = None
    bad_clusters: dict[str, int] | None = field(default_factory=dict)
    probabilities: tuple[bool, bool] = (True, True)
    guards: GuardFacts | None = None


@dataclass(frozen=True, slots=True)
class RuleResult(Record):
    """One rule of the gate with its figure and its limit, as text a person reads.

    ``harm`` marks a guard that found significant harm, beyond what chance gives.
    """

    rule: str
    outcome: Outcome
    figure: str
    limit: str
    harm: bool = False


@dataclass(frozen=True, slots=True)
class Verdict(Record):
    """The gate's answer with every rule that led to it; ``reasons`` names the ones that decided."""

    decision: Decision
    reasons: tuple[str, ...]
    rules: tuple[RuleResult, ...]
    z_needed: float | None = None
    interval: tuple[float, float] | None = None
    minimum_detectable_difference: float | None = None


@dataclass(frozen=True, slots=True)
class Evidence(Record):
    """What one look found: stored in the ledger whole, and as an artifact of the MLflow run."""

    facts: Facts
    verdict: Verdict
    look: Look | None
    challenger: ModelVersion | None
    budget_left: float | None
    policy_sha256: str
    code_version: str
