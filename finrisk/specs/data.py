"""What the rows are: their columns, their time, their label, their contract."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, StrictStr, model_validator

from finrisk.specs.base import Closed, Share

Severity = Literal["block", "warn"]
ColumnType = Literal["integer", "number", "category", "text", "date", "moment", "boolean"]
Scalar = StrictStr | bool | int | float


class Column(Closed):
    """One column: its type, and the values a row may carry.

    A ``moment`` is a date with its time of day, by the clock of the spec's time zone; a ``date`` of
    the same cell is its day.
    """

    type: ColumnType
    nullable: bool = False
    max_missing: Share = Field(default=1.0, description="largest missing share in any vintage")
    min: float | date | None = None
    max: float | date | None = None
    values: tuple[Scalar, ...] | None = Field(default=None, description="the categories known")
    severity: Severity = Field(default="block", description="when range, nulls or values break")

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.type == "category" and any(isinstance(v, bool) for v in self.values or ()):
            raise ValueError("a category's values are text: quote yes, no, on, off, true, false")
        if self.type == "integer" and any(isinstance(v, str) for v in self.values or ()):
            raise ValueError("an integer's values are numbers")
        if self.max_missing < 1.0 and not self.nullable:
            raise ValueError("'max_missing' goes with nullable: true")
        if self.values is not None and self.type not in ("category", "integer", "boolean"):
            raise ValueError("'values' goes with type category, integer or boolean")
        if (self.min is not None or self.max is not None) and self.type in (
            "category",
            "text",
            "boolean",
        ):
            raise ValueError("'min' and 'max' go with type integer, number, date or moment")
        for bound in (self.min, self.max):
            if bound is not None and isinstance(bound, date) != (self.type in ("date", "moment")):
                raise ValueError(f"a bound of a {self.type} column cannot be {bound!r}")
        if self.min is not None and self.max is not None and self.min > self.max:  # type: ignore[operator]
            raise ValueError(f"min {self.min} is above max {self.max}")
        return self


class Release(Closed):
    """Undated rows, released over a number of nights, as if they arrived so."""

    nights: int = Field(ge=2, le=3660)
    first_night: date
    order: Literal["file", "hashed"] = Field(
        default="file", description="hashed: for a file that is sorted, so that nights are alike"
    )


class Time(Closed):
    """When a row happened: a date column, or, for undated data, a release plan."""

    column: str | None = None
    release: Release | None = None
    vintage: Literal["month", "day"] = "month"

    @model_validator(mode="after")
    def _one_of(self) -> Self:
        if (self.column is None) == (self.release is None):
            raise ValueError("give either 'column' (dated rows) or 'release' (undated rows)")
        if self.release is not None and self.vintage == "month":
            raise ValueError("released rows have vintage: day")
        return self


class LabelColumn(Closed):
    """A column that says how the row ended."""

    kind: Literal["column"]
    column: str
    bad: tuple[Scalar, ...] = (1,)
    good: tuple[Scalar, ...] | None = Field(default=(0,), description="null: every other value")
    indeterminate: tuple[Scalar, ...] = Field(default=(), description="left out, and counted")

    @model_validator(mode="after")
    def _apart(self) -> Self:
        named = (*self.bad, *(self.good or ()), *self.indeterminate)
        if twice := [value for value in named if named.count(value) > 1]:
            raise ValueError(f"{twice[0]!r} is named twice among bad, good and indeterminate")
        return self


class LabelDatedEvent(Closed):
    """A row is bad if its event came within the performance window, by its own date."""

    kind: Literal["dated_event"]
    column: str = Field(description="says whether the event ever came")
    contains: str | None = Field(default=None, description="bad if the text holds this")
    equals: Scalar | None = Field(default=None, description="bad if the value is this")
    date_column: str = Field(description="when it came, or what the date is reckoned from")
    date_plus_months: int = Field(default=0, ge=0, le=120)
    fallback_date_column: str | None = Field(
        default=None, description="reckoned from where date_column is missing; null: indeterminate"
    )

    @model_validator(mode="after")
    def _one_of(self) -> Self:
        if (self.contains is None) == (self.equals is None):
            raise ValueError("give either 'contains' or 'equals'")
        return self


class LabelReports(Closed):
    """A row is bad if a separate feed reports it within the performance window.

    With ``after_window: bad`` the event is the report itself, as of a chargeback: a row that nobody
    reported is good once it has matured, until a later report says otherwise.
    """

    kind: Literal["reports"]
    path: str = Field(description="folder of report files; relative to FINRISK_HOME")
    format: Literal["parquet", "csv"] = "parquet"
    key: str = Field(description="the report's column that holds the row key")
    event_date: str = Field(description="the report's column that dates the event")
    partition: Literal["any", "day"] = Field(
        default="any",
        description="day: each file holds the reports of one day and names it, so that a night "
        "opens no older ones than its rows, and a day that was lost is seen; one without a report "
        "is a file without rows",
    )
    digest_sidecar: Literal["required", "if_present"] = Field(
        default="if_present", description="<file>.sha256 beside each file, as for the rows"
    )
    after_window: Literal["good", "bad"] = Field(
        default="good",
        description="what a row is whose event came by as_of, but after its performance window",
    )


LabelRule = Annotated[LabelColumn | LabelDatedEvent | LabelReports, Field(discriminator="kind")]


class Label(Closed):
    """How a row becomes bad or good, and the age at which that is believed."""

    rule: LabelRule
    performance_window_months: int = Field(default=0, ge=0, le=120)
    performance_window_days: int = Field(default=0, ge=0, le=3660)
    reporting_lag_days: int = Field(default=0, ge=0, le=365)


class RowsPerVintage(Closed):
    """A vintage's row count, against the median of the vintages before it."""

    min_ratio: float = Field(default=0.5, ge=0.0)
    max_ratio: float = Field(default=2.0, gt=0.0)
    history: int = Field(default=6, ge=2, description="vintages the median is taken over")
    severity: Severity = "block"

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min_ratio > self.max_ratio:
            raise ValueError(f"min_ratio {self.min_ratio} is above max_ratio {self.max_ratio}")
        return self


class RowsPerHour(Closed):
    """How a day's rows are spread over its hours, against the days before: one PSI a day.

    A clock of another time zone moves the hours, and hours that are lacking leave a hole, where the
    day's count alone may look as ever.
    """

    max_psi: float = Field(
        default=0.1,
        gt=0.0,
        description="of a day's 24 hours; a shift by two hours of rows that are spread around noon "
        "gives 0.13, chance on 1,000 rows 0.03",
    )
    history: int = Field(default=7, ge=2, description="days before that it is compared with")
    min_rows: int = Field(default=1000, ge=100, description="a day with fewer is not judged")
    severity: Severity = "block"


class Level(RowsPerVintage):
    """A column's median in each vintage, against the vintages before: cents for euros are seen."""

    history: int = Field(default=7, ge=2, description="vintages the median is taken over")


class Repeats(Closed):
    """Rows alike in these columns under different keys: one event, booked twice."""

    columns: tuple[str, ...] = Field(min_length=2)
    max_share: Share = Field(default=0.001, description="largest share in any vintage")
    severity: Severity = "block"


class LabelRate(Closed):
    """The bad rate a matured vintage may have."""

    min: Share = 0.0
    max: Share = 1.0
    severity: Severity = "block"

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min > self.max:
            raise ValueError(f"min {self.min} is above max {self.max}")
        return self


class Quarantine(Closed):
    """How many rows that break a blocking rule may be set aside instead of blocking the night."""

    max_share: float = Field(
        default=0.01,
        gt=0.0,
        le=0.1,
        description="largest share of broken rows, in every vintage and in all; above it nothing "
        "is set aside and the night blocks",
    )


class Contract(Closed):
    """What the landed table must keep as a whole; the columns carry their own limits."""

    unknown_columns: Literal["block", "warn", "ignore"] = "block"
    rows_per_vintage: RowsPerVintage | None = RowsPerVintage()
    max_age_days: int | None = Field(
        default=None, ge=0, description="newest row against as_of; null: not watched"
    )
    label_rate: LabelRate = LabelRate()
    missing_days: Literal["block", "warn", "ignore"] | None = Field(
        default=None,
        description="a calendar day without a row between the oldest and the newest that a night "
        "reads; null: block where windows are declared (they would count too little), else ignore",
    )
    rows_per_hour: RowsPerHour | None = Field(
        default=None, description="needs a time of type moment; null: not watched"
    )
    levels: dict[str, Level] = Field(
        default_factory=dict, description="numeric columns whose median is watched"
    )
    repeats: Repeats | None = Field(default=None, description="null: not watched")
    quarantine: Quarantine | None = Field(
        default=None, description="null: any row that breaks a blocking rule blocks the night"
    )
