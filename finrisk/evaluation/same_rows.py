"""Two versions of a model on the same rows, in small numbers: what a page may show of them.

Points of curves, bins and counts; no row, no id, no value of a customer.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from finrisk.evaluation.swap_set import SwapSet
from finrisk.records import Window


class Direction(StrEnum):
    """Which value of a metric is the better one."""

    HIGHER = "higher is better"
    LOWER = "lower is better"
    ZERO = "0 is best"
    ONE = "1 is best"


@dataclass(frozen=True, slots=True)
class Measured:
    """A figure and its 95 % interval; no interval where none could be had."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class MetricPair:
    """One metric of both versions; the difference is B − A, paired on the same rows.

    Parameters
    ----------
    a, b, difference : Measured or None
        None: it does not exist for that version.
    interval : str
        Where the intervals come from, in words; why there is none, where there is none.
    """

    name: str
    direction: Direction
    a: Measured | None
    b: Measured | None
    difference: Measured | None
    interval: str


@dataclass(frozen=True, slots=True)
class Curve:
    """Points of a line, in the order it is drawn."""

    x: tuple[float, ...]
    y: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """Rows of about one probability: the mean of it, the share that was bad, its 95 % interval."""

    rows: int
    predicted: float
    observed: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ScoreCells:
    """How many rows have which pair of scores; ``counts`` holds (place of A, place of B, rows).

    The outermost places hold what lies beyond them as well.
    """

    edges_a: tuple[float, ...]
    edges_b: tuple[float, ...]
    counts: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class ScoreDifferences:
    """Score of B − score of A: shares of the goods and of the bads in each bin.

    The outermost bins hold the tails.
    """

    edges: tuple[float, ...]
    goods: tuple[float, ...]
    bads: tuple[float, ...]
    mean_of_goods: float
    mean_of_bads: float


@dataclass(frozen=True, slots=True)
class FrozenRows:
    """A hold-out that a night has judged: the labels of these rows have met scores already."""

    night: date
    snapshot_sha256: str
    holdout_sha256: str
    window: Window


@dataclass(frozen=True, slots=True)
class SameRows:
    """Everything that is shown of two versions on one frozen hold-out.

    Parameters
    ----------
    probabilities : pair of bool
        Whether each version's score is a probability of bad; a detector's is not.
    cutoff : float or None
        Score at and above which a row is declined; None unless both are probabilities.
    at_cutoff : SwapSet or None
        Who would be decided otherwise at the cut-off; A is the champion of its words.
    alerts_per_day : int or None
        The alert budget, where there is one; ``at_budget`` is the swap set of those alerts.
    variance_by : str
        What rows were taken to move together by when resampled.
    """

    frozen: FrozenRows
    rows: int
    bads: int
    probabilities: tuple[bool, bool]
    metrics: tuple[MetricPair, ...]
    roc: tuple[Curve, Curve]
    precision_recall: tuple[Curve, Curve] | None
    calibration: tuple[tuple[CalibrationBin, ...] | None, tuple[CalibrationBin, ...] | None]
    cells: ScoreCells
    differences: ScoreDifferences | None
    cutoff: float | None
    at_cutoff: SwapSet | None
    alerts_per_day: int | None
    at_budget: SwapSet | None
    variance_by: str
    replicates: int


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a version comes from, as its signed manifest says.

    Parameters
    ----------
    fitted_on : Window or None
        None where its rows had no dates.
    redefined : tuple of str
        Features it needs that the spec of now lacks or defines otherwise.
    artifact_mb : float
        Megabytes of its files.
    """

    version: int
    run_id: str
    artifact_sha256: str
    algorithm: str
    candidate: str
    as_of: date
    fitted_on: Window | None
    snapshot_sha256: str
    spec_sha256: str
    seed: int
    threads: int
    cutoff: float | None
    features: tuple[str, ...]
    feature_definitions: dict[str, str]
    redefined: tuple[str, ...]
    libraries: dict[str, str]
    is_detector: bool
    one_row_ms: float | None
    artifact_mb: float
