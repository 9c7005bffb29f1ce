"""What passes between the rooms: small frozen records of ids, digests, counts and figures.

Read this file first, then ``pipelines/steps.py``. Frames and models never travel; a record does,
between functions, and as JSON between Airflow tasks. In the order of a night:

NightRequest ─► PreparedNight ─► TrainedCandidate (each) ─► NightDecision ─► PromotionRecord
                                             Facts ─► Verdict ─┘

The last line is of ``finrisk/evidence.py``: what the gate may know, and what it said.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import AliasChoices, Field, TypeAdapter

JsonObject = dict[str, Any]

# Evidence is kept for good: what was stored when AUC was the only headline must still be read.
EARLIER_CHAMPION = Field(validation_alias=AliasChoices("champion", "champion_auc"))
EARLIER_CHALLENGER = Field(validation_alias=AliasChoices("challenger", "challenger_auc"))


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
    """What the night's data allow; ``DECIDED``: its look is spent, so they were not read again."""

    READY = "ready"
    BLOCKED = "blocked"
    NOTHING_NEW = "nothing_new"
    TOO_LITTLE = "too_little"
    DECIDED = "decided"


class Decision(StrEnum):
    """The gate's answer."""

    PROMOTE = "PROMOTE"
    HOLD = "HOLD"
    REJECT = "REJECT"


class PromotionKind(StrEnum):
    """Why a version became champion.

    ``APPROVED`` is superiority that a person carried out; ``REFRESH`` a version that is not better,
    but needed, and does no harm; ``FORCED`` has no passing evidence. A person signs all three.
    ``RESTORED`` is the champion's own artifact under a new number: somebody deleted its version.
    """

    BOOTSTRAP = "bootstrap"
    SUPERIORITY = "superiority"
    APPROVED = "approved"
    REFRESH = "refresh"
    ROLLBACK = "rollback"
    RESTORED = "restored"
    FORCED = "forced"


@dataclass(frozen=True, slots=True)
class NightRequest(Record):
    """Ask for one night of one model. ``as_of`` is the moment the night pretends it is.

    ``dag_run`` is the Dag run that asks, empty without Airflow: another may ask for the same night.
    """

    model: str
    as_of: date
    look: LookKind = LookKind.SCHEDULED
    dry_run: bool = False
    candidates: tuple[str, ...] = ()
    reason: str = ""
    actor: str = ""
    dag_run: str = field(default="", compare=False)


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
    """Whether the landed rows keep their contract: ``pass``, ``warn`` or ``block``.

    ``label_completeness`` is the share of bads that were known at maturity, where reports may come
    later; None where they do not, or are too few.
    """

    result: str
    failed: tuple[Check, ...] = ()
    checks_run: int = 0
    docs_uri: str | None = None
    label_completeness: float | None = None

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

    ``missed`` are the scheduled nights before it that left no record; ``notices`` say what became
    of a fresh champion tonight, before anybody challenged it. ``began`` is by the clock: the night
    prepared twice is equal all the same.
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
    notices: tuple[str, ...] = ()
    began: datetime | None = field(default=None, compare=False)


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
    """Challenger against champion on the same rows; the difference is challenger − champion.

    Parameters
    ----------
    metric : str
        The headline metric; higher is better.
    standard_errors : dict of str to float
        Of the difference, by what was taken to move together: 'rows' where nothing is, else a
        cluster column, or two of them. ``standard_error`` is the largest, ``variance_by`` its name.
    """

    champion: Annotated[float, EARLIER_CHAMPION]
    challenger: Annotated[float, EARLIER_CHALLENGER]
    difference: float
    standard_error: float
    z: float | None
    p_value: float | None
    metric: str = "auc"
    standard_errors: dict[str, float] = field(default_factory=dict)
    variance_by: str = "rows"


@dataclass(frozen=True, slots=True)
class NightDecision(Record):
    """The night's end: what was decided, about which versions, on which evidence.

    ``missed`` are the scheduled nights before it that left no record; ``dag_run`` is the Dag run
    that decided it, empty without Airflow.
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
    dag_run: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Answer(Record):
    """What a person said to a PROMOTE that waits for one.

    Parameters
    ----------
    approved : bool
        False where nobody answered, too.
    actor, name : str
        The person's id and name, as the server that asked knows them; empty: nobody answered.
    comment : str
        In the person's words; kept for good.
    asked_by : str
        Who started the run that asked; empty where the clock did.
    at : datetime or None
        When the answer came.
    """

    approved: bool
    actor: str = ""
    name: str = ""
    comment: str = ""
    asked_by: str = ""
    at: datetime | None = None


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
