"""What passes between the rooms: small frozen records of ids, digests, counts and figures.

Read this file first, then ``pipelines/steps.py``. Frames and models never travel; a record does,
between functions, and as JSON between Airflow tasks. In the order of a night:

NightRequest ─► PreparedNight ─► TrainedCandidate (each) ─► NightDecision ─► PromotionRecord
                                             Facts ─► Verdict ─┘
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Self

from pydantic import TypeAdapter

JsonObject = dict[str, Any]


_ADAPTERS: dict[type[Any], TypeAdapter[Any]] = {}


def _adapter(record: type[Any]) -> TypeAdapter[Any]:
    if record not in _ADAPTERS:  # building one costs a millisecond
        _ADAPTERS[record] = TypeAdapter(record)
    return _ADAPTERS[record]


class Record:
    """A frozen dataclass that survives JSON unchanged.

    Examples
    --------
    >>> window = Window(first_day=date(2024, 1, 1), last_day=date(2024, 3, 31), rows=900, bads=90)
    >>> Window.from_json(window.to_json()) == window
    True
    """

    def to_json(self) -> JsonObject:
        """Return plain JSON values: dates as ISO text, enums as their words."""
        document: JsonObject = _adapter(type(self)).dump_python(self, mode="json")
        return document

    @classmethod
    def from_json(cls, document: JsonObject) -> Self:
        """Rebuild the record; a wrong key or type raises ``pydantic.ValidationError``."""
        record: Self = _adapter(cls).validate_python(document)
        return record

    def canonical(self) -> bytes:
        """Return the one byte form that digests are taken of."""
        return json.dumps(self.to_json(), sort_keys=True, separators=(",", ":")).encode()

    def replace(self, **changes: Any) -> Self:
        """Return a copy with these fields changed."""
        return dataclasses.replace(self, **changes)  # type: ignore[type-var]


class LookKind(StrEnum):
    """Which purse a look is paid from."""

    SCHEDULED = "scheduled"
    RESERVE = "reserve"


class NightStatus(StrEnum):
    """What the night's data allow."""

    READY = "ready"
    BLOCKED = "blocked"
    NOTHING_NEW = "nothing_new"
    TOO_LITTLE = "too_little"


class Decision(StrEnum):
    """The gate's answer."""

    PROMOTE = "PROMOTE"
    HOLD = "HOLD"
    REJECT = "REJECT"


class PromotionKind(StrEnum):
    """Why a version became champion."""

    BOOTSTRAP = "bootstrap"
    SUPERIORITY = "superiority"
    ROLLBACK = "rollback"
    FORCED = "forced"


class Outcome(StrEnum):
    """How one rule came out; ``UNKNOWN`` never passes."""

    PASS = "pass"  # noqa: S105 - a word, not a password
    FAIL = "fail"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class NightRequest(Record):
    """Ask for one night of one model. ``as_of`` is the moment the night pretends it is."""

    model: str
    as_of: date
    look: LookKind = LookKind.SCHEDULED
    dry_run: bool = False
    candidates: tuple[str, ...] = ()
    reason: str = ""
    actor: str = ""


@dataclass(frozen=True, slots=True)
class Window(Record):
    """A run of event days, both ends included, with what it holds."""

    first_day: date
    last_day: date
    rows: int
    bads: int


@dataclass(frozen=True, slots=True)
class Check(Record):
    """One failed expectation of the data contract; examples are masked, five at most."""

    severity: str
    column: str | None
    check: str
    failing: int
    detail: str
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DataVerdict(Record):
    """Whether the landed rows keep their contract: ``pass``, ``warn`` or ``block``."""

    result: str
    failed: tuple[Check, ...] = ()
    checks_run: int = 0
    docs_uri: str | None = None

    @property
    def blocking(self) -> tuple[str, ...]:
        """Every check that blocks, a sentence each."""
        return tuple(f"{c.check}: {c.detail}" for c in self.failed if c.severity == "block")

    @property
    def sentence(self) -> str:
        """What to tell a person in one line."""
        if not self.failed:
            return f"{self.checks_run} checks passed"
        worst = next((c for c in self.failed if c.severity == "block"), self.failed[0])
        more = f" (+{len(self.failed) - 1} more)" if len(self.failed) > 1 else ""
        return f"{worst.check}: {worst.detail}{more}"


@dataclass(frozen=True, slots=True)
class SnapshotRef(Record):
    """A frozen, content-addressed set of labelled rows; ``sha256`` names its bytes."""

    sha256: str
    uri: str
    rows: int
    bads: int
    indeterminate: int
    immature: int
    development: Window
    holdout: Window
    holdout_sha256: str


@dataclass(frozen=True, slots=True)
class PreparedNight(Record):
    """The night after validation and snapshot; without a snapshot there is nothing to train on.

    ``missed`` are the scheduled nights before it that left no record.
    """

    request: NightRequest
    status: NightStatus
    reasons: tuple[str, ...]
    data: DataVerdict
    spec_sha256: str
    snapshot: SnapshotRef | None = None
    run_id: str | None = None
    candidates: tuple[str, ...] = ()
    missed: tuple[date, ...] = ()


@dataclass(frozen=True, slots=True)
class TrainedCandidate(Record):
    """One candidate, fitted and logged. ``development_score`` never saw the hold-out."""

    candidate: str
    algorithm: str
    run_id: str
    model_uri: str
    artifact_sha256: str
    development_score: float
    seconds: float
    resumed: bool = False


@dataclass(frozen=True, slots=True)
class ModelVersion(Record):
    """A registered version and the bytes it stands for."""

    model: str
    version: int
    run_id: str
    model_uri: str
    artifact_sha256: str
    manifest_sha256: str


@dataclass(frozen=True, slots=True)
class Champion(Record):
    """The version that serves, and the epoch that fences its replacement."""

    model: str
    version: int
    epoch: int
    artifact_sha256: str


@dataclass(frozen=True, slots=True)
class Look(Record):
    """One comparison on a hold-out, paid for before labels met scores."""

    model: str
    night: date
    kind: LookKind
    alpha: float
    holdout_sha256: str
    snapshot_sha256: str
    challenger_sha256: str
    champion_sha256: str | None
    champion_version: int | None
    champion_epoch: int


@dataclass(frozen=True, slots=True)
class Comparison(Record):
    """Challenger against champion on the same rows; the difference is challenger − champion."""

    champion_auc: float
    challenger_auc: float
    difference: float
    standard_error: float
    z: float | None
    p_value: float | None


@dataclass(frozen=True, slots=True)
class Facts(Record):
    """All the gate may know. ``None`` is a fact that could not be measured, and it holds."""

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


@dataclass(frozen=True, slots=True)
class RuleResult(Record):
    """One rule of the gate with its figure and its limit, as text a person reads."""

    rule: str
    outcome: Outcome
    figure: str
    limit: str


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


@dataclass(frozen=True, slots=True)
class NightDecision(Record):
    """The night's end: what was decided, about which versions, on which evidence.

    ``missed`` are the scheduled nights before it that left no record.
    """

    model: str
    as_of: date
    status: NightStatus
    decision: Decision
    reasons: tuple[str, ...]
    data_result: str
    run_id: str | None = None
    champion_version: int | None = None
    champion_epoch: int = 0
    challenger: ModelVersion | None = None
    candidate: str | None = None
    comparison: Comparison | None = None
    z_needed: float | None = None
    evidence_sha256: str | None = None
    budget_left: float | None = None
    dry_run: bool = False
    actor: str = ""
    missed: tuple[date, ...] = ()


@dataclass(frozen=True, slots=True)
class PromotionRecord(Record):
    """One link of the append-only chain: who became champion, after whom, why, by whose hand."""

    model: str
    epoch: int
    version: int
    previous_version: int | None
    kind: PromotionKind
    idem_key: str
    artifact_sha256: str
    evidence_sha256: str | None
    actor: str
    reason: str
    as_of: date | None
    at: datetime
    previous_hash: str
    hash: str
    projected: bool
