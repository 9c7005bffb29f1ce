"""ModelSpec: what one model IS. A third model is one more YAML of this shape."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from difflib import get_close_matches
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import ConfigDict, Field, field_validator, model_validator

from finrisk.errors import ConfigurationError
from finrisk.specs.base import Closed, Name
from finrisk.specs.cron import check_cron
from finrisk.specs.data import (
    Column,
    Contract,
    Label,
    LabelColumn,
    LabelDatedEvent,
    Time,
)
from finrisk.specs.event_rules import (
    demand_countable_windows,
    demand_days,
    demand_late_labels,
)
from finrisk.specs.monitoring import Monitoring
from finrisk.specs.notices import Notices
from finrisk.specs.policy import GatePolicy, Headline
from finrisk.specs.serving import Serving
from finrisk.specs.source import FILE_POSITION, Source, SqlSource
from finrisk.specs.training import (
    Candidate,
    DerivedFeature,
    Feature,
    Hours,
    MonthsBetween,
    Ratio,
    Training,
    Weekend,
)
from finrisk.specs.windows import Window

DAYS_A_YEAR = 365
Sentence = Annotated[str, Field(min_length=3, max_length=200)]
NO_REASON_FOR_A_NIGHT: dict[str, Any] = {
    "monitoring": True,
    "notices": True,
    "reasons": True,
    "serving": True,
    "gate": {"approvers", "approval_timeout_hours"},
}


class Schedule(Closed):
    """When the night starts."""

    cron: str = "0 2 * * *"
    timezone: str = "UTC"

    @field_validator("cron")
    @classmethod
    def _can_be_followed(cls, cron: str) -> str:
        return check_cron(cron)

    @field_validator("timezone")
    @classmethod
    def _known(cls, timezone: str) -> str:
        try:
            ZoneInfo(timezone)
        except (ValueError, OSError, ZoneInfoNotFoundError) as exc:
            raise ValueError("expected an IANA time zone, for example 'Europe/Madrid'") from exc
        return timezone

    def local(self, moment: datetime) -> datetime:
        """Return a moment by the clock of the model's nights; its date is the day it counts as.

        Examples
        --------
        >>> at = datetime.fromisoformat("2025-03-01T23:30:00+00:00")
        >>> str(Schedule(timezone="Europe/Madrid").local(at))
        '2025-03-02 00:30:00+01:00'
        """
        return moment.astimezone(ZoneInfo(self.timezone))


class ModelSpec(Closed):
    """One model, from landed rows to the policy that lets it be replaced."""

    # pydantic quotes what it was given, and a traceback shows it: it may be an address
    model_config = ConfigDict(hide_input_in_errors=True)

    name: Name
    title: str
    owner: str
    model_type: Literal["credit_risk", "fraud_detection"]
    registered_name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
    description: str = ""
    tags: tuple[str, ...] = ()
    schedule: Schedule = Schedule()

    source: Source
    row_key: str = Field(description=f"a column, or '{FILE_POSITION}' where no column is a key")
    time: Time
    columns: dict[str, Column]
    label: Label
    contract: Contract = Contract()
    leakage_columns: tuple[str, ...] = Field(
        default=(), description="known only after the outcome; never read into a feature"
    )
    protected_columns: tuple[str, ...] = Field(
        default=(), description="for fairness figures only; never a feature"
    )

    features: tuple[Feature, ...] = Field(min_length=1)
    windows: tuple[Window, ...] = Field(
        default=(), description="further features, of each entity's earlier rows"
    )
    candidates: tuple[Candidate, ...] = Field(min_length=1)
    training: Training = Training()
    headline_metric: Headline = Field(
        default="auc", description="average_precision where bads are rare, as in fraud"
    )
    gate: GatePolicy = GatePolicy()
    monitoring: Monitoring = Monitoring()
    notices: Notices = Notices()
    serving: Serving = Serving()
    reasons: dict[str, Sentence] = Field(
        default_factory=dict,
        description="for a feature, what is told to a customer where it raised the risk",
    )

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Feature names in the order the model sees them."""
        of_the_row = (f if isinstance(f, str) else f.name for f in self.features)
        return (*of_the_row, *self.window_features)

    @property
    def window_features(self) -> tuple[str, ...]:
        """Names of the features that are made of earlier rows."""
        return tuple(name for window in self.windows for name in window.feature_names)

    @property
    def look_back_days(self) -> int:
        """How many days before a row its windows reach; 0 without windows."""
        return max((window.look_back_days for window in self.windows), default=0)

    @property
    def categorical_features(self) -> tuple[str, ...]:
        """The declared categories among the features; a derived or boolean one is a number."""
        return tuple(
            f for f in self.features if isinstance(f, str) and self.columns[f].type == "category"
        )

    @property
    def feature_columns(self) -> tuple[str, ...]:
        """The declared columns that the features of a row itself are made of, each once."""
        parts = ((f,) if isinstance(f, str) else f.columns for f in self.features)
        return tuple(dict.fromkeys(column for part in parts for column in part))

    @property
    def kept_columns(self) -> tuple[str, ...]:
        """The declared columns that a snapshot keeps: of features, groups and clusters."""
        card = self.gate.alerts.card if self.gate.alerts else None
        return tuple(
            dict.fromkeys(
                (
                    *self.feature_columns,
                    *self.protected_columns,
                    *self.gate.clusters,
                    *self.gate.guards.slices.columns,
                    *((card,) if card else ()),
                )
            )
        )

    @property
    def missing_days(self) -> Literal["block", "warn", "ignore"]:
        """What a calendar day without a row means."""
        return self.contract.missing_days or ("block" if self.windows else "ignore")

    @property
    def label_columns(self) -> tuple[str, ...]:
        """The declared columns that the label is made of."""
        rule = self.label.rule
        if isinstance(rule, LabelColumn):
            return (rule.column,)
        if isinstance(rule, LabelDatedEvent):
            return (rule.column, rule.date_column)
        return ()

    @property
    def is_read_in_part(self) -> bool:
        """Whether the source leaves out rows older than those that the split may use."""
        source = self.source
        bounded = source.is_bounded_below if isinstance(source, SqlSource) else bool(self.windows)
        return bounded and self.training.max_vintages is not None

    @property
    def _date_columns(self) -> dict[str, str]:
        """The columns that must hold dates, by the key that says so."""
        keys = {"time.column": self.time.column}
        rule = self.label.rule
        if isinstance(rule, LabelDatedEvent):
            keys["label.rule.date_column"] = rule.date_column
            keys["label.rule.fallback_date_column"] = rule.fallback_date_column
        return {key: column for key, column in keys.items() if column is not None}

    @property
    def meaning(self) -> bytes:
        """What a night goes by, in one form: comments and order of keys do not count.

        Nor does how the model is watched, who is told, what and who is asked: a new limit of an
        alarm, or another approver, is no reason for a new night.
        """
        document = self.model_dump(mode="json", exclude=NO_REASON_FOR_A_NIGHT)
        return json.dumps(document, sort_keys=True).encode()

    @property
    def sha256(self) -> str:
        """Digest of the meaning."""
        return hashlib.sha256(self.meaning).hexdigest()

    def candidate(self, name: str) -> Candidate:
        """Return the candidate of this name.

        Raises
        ------
        ConfigurationError
            The spec has none of this name.
        """
        for candidate in self.candidates:
            if candidate.name == name:
                return candidate
        raise ConfigurationError(
            f"model {self.name} has no candidate {name!r}",
            expected=f"one of {', '.join(c.name for c in self.candidates)}",
        )

    @model_validator(mode="before")
    @classmethod
    def _looks_follow_the_vintage(cls, document: Any) -> Any:
        """Split the budget over the dates on which the hold-out can change, unless told another."""
        if not isinstance(document, dict):
            return document
        gate = document.get("gate", {})
        budget = gate.get("error_budget", {}) if isinstance(gate, dict) else None
        time = document.get("time")
        daily = isinstance(time, dict) and time.get("vintage") == "day"
        if not daily or not isinstance(budget, dict) or "looks_per_year" in budget:
            return document
        budget = {**budget, "looks_per_year": DAYS_A_YEAR}
        return {**document, "gate": {**gate, "error_budget": budget}}

    @field_validator("columns")
    @classmethod
    def _names_are_the_tables(cls, columns: dict[str, Column]) -> dict[str, Column]:
        for name in columns:
            if not name or name.startswith("_"):
                raise ValueError(
                    f"column {name!r}: expected a name that does not start with '_'; those are "
                    "FinRisk's own (_row_id, _label)"
                )
        return columns

    @model_validator(mode="after")
    def _columns_exist(self) -> Self:
        wanted: list[tuple[str, str]] = [("features", c) for c in self.feature_columns]
        wanted += [("label.rule", c) for c in self.label_columns]
        wanted += [("protected_columns", c) for c in self.protected_columns]
        wanted += [("gate.clusters", c) for c in self.gate.clusters]
        wanted += [("gate.guards.slices.columns", c) for c in self.gate.guards.slices.columns]
        wanted += [(f"windows.{w.name}", c) for w in self.windows for c in w.columns]
        wanted += [("contract.levels", c) for c in self.contract.levels]
        wanted += [("contract.repeats", c) for c in getattr(self.contract.repeats, "columns", ())]
        if self.gate.alerts is not None and self.gate.alerts.card is not None:
            wanted.append(("gate.alerts.card", self.gate.alerts.card))
        if self.row_key != FILE_POSITION:
            wanted.append(("row_key", self.row_key))
        wanted += self._date_columns.items()
        for key, column in wanted:
            if column not in self.columns:
                raise ValueError(f"{key} names {column!r}, which 'columns' does not declare")
        for column in set(self.leakage_columns) - set(self.columns):
            if near := get_close_matches(column, self.columns, n=1, cutoff=0.93):
                raise ValueError(f"leakage_columns names {column!r}; did you mean {near[0]!r}?")
        if self.row_key in self.columns and self.columns[self.row_key].nullable:
            raise ValueError(f"row_key {self.row_key!r} cannot be nullable")
        for key, column in self._date_columns.items():
            allowed = ("date", "moment") if key == "time.column" else ("date",)
            if (got := self.columns[column].type) not in allowed:
                raise ValueError(
                    f"{key} {column!r} must have type {' or '.join(allowed)}, has {got}"
                )
        return self

    @model_validator(mode="after")
    def _rows_of_a_query_have_key_and_day(self) -> Self:
        if isinstance(self.source, SqlSource):
            if self.row_key == FILE_POSITION:
                raise ValueError(
                    f"row_key '{FILE_POSITION}' goes with files: a query's rows have no order; "
                    "select a column that is a key"
                )
            if self.time.release is not None:
                raise ValueError("time.release goes with files; a query's rows need time.column")
        return self

    @model_validator(mode="after")
    def _nobody_approves_their_own(self) -> Self:
        if self.owner in self.gate.approvers:
            raise ValueError(f"gate.approvers names the owner {self.owner!r}; name somebody else")
        return self

    @model_validator(mode="after")
    def _no_leak(self) -> Self:
        outcome = {*self.label_columns, *self.leakage_columns}
        for column in self.feature_columns:
            if column in outcome:
                raise ValueError(f"feature column {column!r} knows the outcome (label or leakage)")
            if column in self.protected_columns:
                raise ValueError(f"feature column {column!r} is protected")
            if column == self.row_key:
                raise ValueError(f"feature column {column!r} is the row key")
        if self.time.column is not None and self.time.column in self.features:
            raise ValueError(f"feature column {self.time.column!r} is the time; derive from it")
        return self

    @model_validator(mode="after")
    def _types_fit(self) -> Self:
        for feature in self.features:
            no_number = ("date", "moment", "text")
            if isinstance(feature, str) and self.columns[feature].type in no_number:
                raise ValueError(
                    f"feature {feature!r} has type {self.columns[feature].type}; derive a number "
                    "from it (months_between, leading_number) or declare it a category"
                )
            if not isinstance(feature, str):
                self._derivable(feature)
        return self

    def _derivable(self, feature: DerivedFeature) -> None:
        wanted: tuple[str, ...] = ("text", "category")
        if isinstance(feature, MonthsBetween | Weekend):
            wanted = ("date", "moment")
        elif isinstance(feature, Hours):
            wanted = ("moment",)
        elif isinstance(feature, Ratio):
            wanted = ("integer", "number")
        for column in feature.columns:
            if (got := self.columns[column].type) not in wanted:
                raise ValueError(
                    f"feature {feature.name!r} needs {column!r} of type {' or '.join(wanted)}, "
                    f"which is {got}"
                )

    @model_validator(mode="after")
    def _groups_are_few(self) -> Self:
        for key, names in (
            ("gate.guards.slices.columns", self.gate.guards.slices.columns),
            ("protected_columns", self.protected_columns),
        ):
            for name in names:
                if (got := self.columns[name].type) in ("number", "date", "moment"):
                    raise ValueError(
                        f"{key} names {name!r} of type {got}; expected a column of few values, "
                        "such as a category"
                    )
        return self

    @model_validator(mode="after")
    def _events_are_sound(self) -> Self:
        demand_days(self)
        demand_countable_windows(self)
        demand_late_labels(self)
        return self

    @model_validator(mode="after")
    def _candidates_fit(self) -> Self:
        numeric = [name for name in self.feature_names if name not in self.categorical_features]
        for candidate in self.candidates:
            for feature in candidate.monotonic:
                if feature not in numeric:
                    raise ValueError(
                        f"{candidate.name}.monotonic names {feature!r}, no numeric feature; "
                        f"expected one of {', '.join(numeric) or 'none: every feature is a word'}"
                    )
            if candidate.ranges and self.training.search.method == "grid":
                searched = f"{candidate.name}.search.{next(iter(candidate.ranges))}"
                raise ValueError(
                    f"{searched} is a range, and a grid tries listed values; "
                    "list them, or set training.search.method: optuna"
                )
        return self

    @model_validator(mode="after")
    def _names_once(self) -> Self:
        for key, names in (
            ("features", self.feature_names),
            ("candidates", tuple(c.name for c in self.candidates)),
        ):
            if twice := sorted({n for n in names if names.count(n) > 1}):
                raise ValueError(f"{key} names {twice[0]!r} twice")
        for key, named in (
            ("gate.allowed_strong_features", self.gate.allowed_strong_features),
            ("monitoring.left_out", self.monitoring.left_out),
            ("reasons", tuple(self.reasons)),
        ):
            if strangers := sorted(set(named) - set(self.feature_names)):
                raise ValueError(f"{key} names {strangers[0]!r}, no feature")
        return self
