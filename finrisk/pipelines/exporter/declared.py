"""Every metric there is: its name, kind, labels and what it says, in one list.

Names follow Prometheus' conventions: base units, ``_total`` for what only grows, ``_seconds``,
``_ratio``, ``_info``. A label is a model, a version, a scope (as ``tenant``), a feature, a figure
or a word from a closed list; never anything that names a customer. ``docs/prometheus.md`` has the
same list for people, and a test holds the two together.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

OF_A_MODEL = ("tenant", "model")
OF_A_READING = (*OF_A_MODEL, "version")


class Kind(StrEnum):
    """A metric's type in the exposition."""

    GAUGE = "gauge"
    COUNTER = "counter"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric; ``labels`` in the order in which samples give their values."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = OF_A_MODEL


def _gauge(name: str, text: str, *more: str, labels: tuple[str, ...] = OF_A_MODEL) -> Metric:
    return Metric(f"finrisk_{name}", Kind.GAUGE, text, (*labels, *more))


def _counter(name: str, text: str, *more: str, labels: tuple[str, ...] = OF_A_MODEL) -> Metric:
    return Metric(f"finrisk_{name}", Kind.COUNTER, text, (*labels, *more))


# the exporter itself

UP = _gauge("up", "Whether the ledger answered this scrape.", labels=("tenant",))
BUILD_INFO = _gauge("build_info", "The release that exports; always 1.", labels=("version",))
SCRAPE_SECONDS = _gauge(
    "scrape_duration_seconds", "How long it took to ask for these metrics.", labels=()
)
SCRAPE_ERRORS = _counter(
    "scrape_errors_total",
    "Scrapes in which a part could not be read, since the exporter started.",
    "part",
    labels=(),
)

# champions, gate and nights

MODEL_INFO = _gauge(
    "model_info",
    "A model that a spec declares; always 1.",
    "model_type",
    "owner",
    "headline_metric",
)
CHAMPION_INFO = _gauge(
    "champion_info",
    "The version that decides, and how it came to (kind of its newest promotion); always 1.",
    "version",
    "kind",
)
CHAMPION_SINCE = _gauge(
    "champion_since_timestamp_seconds",
    "When the champion's bytes began to decide.",
)
CHAMPION_EPOCH = _gauge("champion_epoch", "How many times the champion was set.")
PROMOTIONS = _counter("promotions_total", "Promotions, rollbacks apart.", "kind")
ROLLBACKS = _counter("rollbacks_total", "Rollbacks, automatic and by hand.")
GATE_DECISIONS = _counter(
    "gate_decisions_total", "Answers of the gate that are kept as evidence.", "outcome"
)
CHAMPION_EVENTS = _counter(
    "champion_events_total", "What happened beside promotions, by its kind.", "kind"
)
FROZEN = _gauge("promotions_frozen", "Whether a change freeze holds today.")
NIGHT_DAY = _gauge(
    "night_as_of_timestamp_seconds", "The day of the newest night on record, at 00:00 UTC."
)
NIGHT_RECORDED = _gauge(
    "night_recorded_timestamp_seconds", "When the newest night on record was recorded."
)
NIGHT_SECONDS = _gauge(
    "night_duration_seconds", "From the newest night's start to its record; promoting comes after."
)
NIGHT_STATUS = _gauge(
    "night_status", "1 for what the newest night's data allowed, 0 for the rest.", "status"
)
NIGHT_OUTCOME = _gauge(
    "night_outcome", "1 for what the newest night decided, 0 for the rest.", "outcome"
)
NIGHTS_MISSED = _gauge(
    "nights_missed", "Scheduled nights since the newest on record that left no record."
)
NIGHTS_HELD = _gauge(
    "nights_held", "Judged or blocked nights in a row, up to the newest, without a promotion."
)
NIGHTS_HELD_LIMIT = _gauge("nights_held_limit", "How many the spec's notices.held_nights allows.")
BUDGET_LEFT = _gauge(
    "error_budget_left_ratio", "Share of this year's error budget that no look has spent."
)
LOOKS_LEFT = _gauge("looks_left", "Looks that this year's budget still pays for.", "kind")
MATURED_UNTIL = _gauge(
    "label_matured_until_timestamp_seconds",
    "Last event day in the newest hold-out: labels are believed until there.",
)

# data quality

QUALITY_DAY = _gauge(
    "data_quality_as_of_timestamp_seconds", "The day of the newest data-quality report."
)
QUALITY_SCORE = _gauge("data_quality_score_ratio", "Score of what landed, 1 is perfect.")
QUALITY_PART = _gauge("data_quality_part_ratio", "The parts that the score is the mean of.", "part")
QUALITY_ROWS = _gauge("data_quality_rows", "Rows that were validated, and set aside.", "kept")

# what monitors read, of the newest day that each has

MONITOR_DAY = _gauge(
    "monitor_as_of_timestamp_seconds", "The newest day that a monitor read.", "monitor"
)
MONITOR_SUBJECTS = _gauge(
    "monitor_subjects", "Readings of that day by what they say.", "monitor", "state"
)
MONITOR_LEVEL = _gauge(
    "monitor_level",
    "0 quiet, 1 warning, 2 alarm; absent where unknown. Slices are only counted.",
    "monitor",
    "subject",
    labels=OF_A_READING,
)
SCORE_PSI = _gauge("score_psi", "Stability of the score.", labels=OF_A_READING)
SCORE_PSI_LIMIT = _gauge("score_psi_limit", "What it is held against.", labels=OF_A_READING)
FEATURE_PSI = _gauge("feature_psi", "Stability of a feature.", "feature", labels=OF_A_READING)
FEATURE_PSI_LIMIT = _gauge(
    "feature_psi_limit", "What it is held against.", "feature", labels=OF_A_READING
)
MISSING = _gauge(
    "feature_missing_ratio", "Share of a feature's cells that miss.", "feature", labels=OF_A_READING
)
UNSEEN = _gauge(
    "feature_unseen_ratio",
    "Share of rows whose category the reference did not have.",
    "feature",
    labels=OF_A_READING,
)
VOLUME = _gauge(
    "decision_volume_ratio",
    "Decisions a day over what such days usually have.",
    labels=OF_A_READING,
)
PERFORMANCE = _gauge("performance", "On matured labels, by figure.", "metric", labels=OF_A_READING)
PERFORMANCE_LOWER = _gauge(
    "performance_lower_bound", "Lower end of its 95 % interval.", "metric", labels=OF_A_READING
)
PERFORMANCE_UPPER = _gauge(
    "performance_upper_bound", "Upper end of its 95 % interval.", "metric", labels=OF_A_READING
)
PERFORMANCE_PROMISED = _gauge(
    "performance_promised",
    "What the champion showed on the hold-out it was judged on.",
    "metric",
    labels=OF_A_READING,
)
PERFORMANCE_LIMIT = _gauge(
    "performance_limit", "Below it the figure is an alarm.", "metric", labels=OF_A_READING
)
ESTIMATE = _gauge(
    "performance_estimate",
    "Before labels mature, under assumptions: no reason for a run.",
    "metric",
    labels=OF_A_READING,
)
CALIBRATION = _gauge(
    "calibration_offset_logits",
    "What to add to every score's logit; positive: too little risk is said.",
    labels=OF_A_READING,
)
CALIBRATION_LOWER = _gauge(
    "calibration_offset_lower_bound_logits", "Lower end of its 95 % interval.", labels=OF_A_READING
)
CALIBRATION_UPPER = _gauge(
    "calibration_offset_upper_bound_logits", "Upper end of its 95 % interval.", labels=OF_A_READING
)
CALIBRATION_LIMIT = _gauge(
    "calibration_offset_limit_logits",
    "Beyond it, on either side, the offset is an alarm.",
    labels=OF_A_READING,
)
DATA_LIMIT = _gauge("data_age_limit_seconds", "How old the spec lets the newest that landed be.")
DATA_NEWEST = _gauge(
    "newest_data_timestamp_seconds", "How new the newest of a feed was when read.", "source"
)

# alerts that ask for a run

RERUN_REQUESTS = _counter(
    "rerun_requests_total",
    "Alerts that asked for a run, by what became of them.",
    "alert",
    "outcome",
)
RERUN_DELIVERIES = _counter(
    "rerun_deliveries_total", "How often those were delivered, repetitions counted."
)
RERUNS_PENDING = _gauge("reruns_pending", "Runs that were granted and have not started.")
RERUN_PENDING_SINCE = _gauge(
    "rerun_pending_since_timestamp_seconds", "When the oldest of those was asked for."
)

METRICS = tuple(found for found in list(vars().values()) if isinstance(found, Metric))
