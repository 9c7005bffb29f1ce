"""What is fitted: features, candidates, their search and their calibration."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Discriminator, Field, StrictStr, Tag, model_validator

from finrisk.specs.base import Closed, Name
from finrisk.specs.parameters import DETECTORS, PARAMETERS, number_of

Algorithm = Literal[
    "logistic_regression",
    "xgboost",
    "random_forest",
    "isolation_forest",
    "one_class_svm",
    "elliptic_envelope",
]
Direction = Literal["increasing", "decreasing"]
Engine = Literal["memory", "external_memory", "dask"]


def _plain(value: object) -> object:
    if isinstance(value, bool | int | float | str):
        return value
    raise ValueError("expected one number or word; several values to try go under 'search'")


Parameter = Annotated[bool | int | float | StrictStr, BeforeValidator(_plain)]


class MonthsBetween(Closed):
    """Whole months from the first date column to the second."""

    name: Name
    months_between: tuple[str, str]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it is made of."""
        return self.months_between


class Ratio(Closed):
    """The first column over the second; missing where the second is 0 or missing."""

    name: Name
    ratio: tuple[str, str]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it is made of."""
        return self.ratio


class LeadingNumber(Closed):
    """The first number in a text: '10+ years' → 10, ' 36 months' → 36; missing where none."""

    name: Name
    leading_number: str

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it is made of."""
        return (self.leading_number,)


class Weekend(Closed):
    """1 on Saturday and Sunday, else 0; missing where the time is."""

    name: Name
    weekend: str

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it is made of."""
        return (self.weekend,)


Hour = Annotated[int, Field(ge=0, le=23)]


class Hours(Closed):
    """1 from the first hour to the last, both included, else 0: [0, 6] is 00:00 to 06:59.

    From a later hour to an earlier one it passes midnight.
    """

    name: Name
    hours: tuple[Hour, Hour]
    of: str

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it is made of."""
        return (self.of,)


DerivedFeature = MonthsBetween | Ratio | LeadingNumber | Weekend | Hours
Feature = Annotated[StrictStr | DerivedFeature, Field(union_mode="left_to_right")]


def _number(value: object) -> object:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    raise ValueError("expected a number")


class Range(Closed):
    """Any number between two; ``log``: as likely from 0.01 to 0.1 as from 0.1 to 1."""

    low: Annotated[int | float, BeforeValidator(_number)]
    high: Annotated[int | float, BeforeValidator(_number)]
    log: bool = False

    @model_validator(mode="after")
    def _spans(self) -> Self:
        if not self.low < self.high:
            raise ValueError(f"expected low below high, got {self.low!r} and {self.high!r}")
        if self.log and self.low <= 0:
            raise ValueError(f"expected low above 0 with log: true, got {self.low!r}")
        return self


def _values_or_range(searched: Any) -> str:
    return "range" if isinstance(searched, dict | Range) else "values"


Values = tuple[Parameter, ...]
Searched = Annotated[
    Annotated[Values, Tag("values")] | Annotated[Range, Tag("range")],
    Discriminator(_values_or_range),
]


class Candidate(Closed):
    """An estimator that asks, every night, to become the challenger."""

    name: Name
    algorithm: Algorithm
    parameters: dict[str, Parameter] = Field(default_factory=dict)
    search: dict[str, Searched] = Field(
        default_factory=dict,
        description="values to try, or {low, high, log} with training.search.method optuna; "
        "chosen by time-aware cross-validation",
    )
    monotonic: dict[str, Direction] = Field(
        default_factory=dict,
        description="how risk moves with a numeric feature: the fitted model may not move against",
    )

    engine: Engine = Field(
        default="memory",
        description="memory: the rows as one frame; external_memory: batches from the snapshot, "
        "quantised on disk; dask: a cluster at FINRISK_DASK_SCHEDULER. Both only xgboost",
    )

    @property
    def ranges(self) -> dict[str, Range]:
        """What is searched between two numbers."""
        return {name: part for name, part in self.search.items() if isinstance(part, Range)}

    @model_validator(mode="after")
    def _known_parameters(self) -> Self:
        known = PARAMETERS[self.algorithm]
        for name in (*self.parameters, *self.search):
            if name not in known:
                raise ValueError(
                    f"{self.algorithm} has no parameter {name!r}; expected one of "
                    f"{', '.join(sorted(known))}"
                )
        if both := sorted(set(self.parameters) & set(self.search)):
            raise ValueError(f"{both[0]!r} is both fixed and searched; keep one")
        if empty := [name for name, values in self.search.items() if values == ()]:
            raise ValueError(f"search.{empty[0]} lists no value")
        return self

    @model_validator(mode="after")
    def _parameters_in_range(self) -> Self:
        tried: dict[str, Values] = {name: (value,) for name, value in self.parameters.items()}
        for name, part in self.search.items():
            tried[name] = (part.low, part.high) if isinstance(part, Range) else part
        for name, values in tried.items():
            fits = PARAMETERS[self.algorithm][name]
            if name in self.ranges and number_of(fits) is None:
                raise ValueError(f"{self.name}.{name}: expected a list of {fits}, got a range")
            for value in values:
                if not fits.admits(value):
                    raise ValueError(f"{self.name}.{name}: expected {fits}, got {value!r}")
        return self

    @model_validator(mode="after")
    def _can_be_monotonic(self) -> Self:
        if self.monotonic and self.algorithm in DETECTORS:
            raise ValueError(
                f"{self.name}.monotonic: {self.algorithm} knows no labels, and so no direction of "
                "risk; remove the key"
            )
        if self.monotonic and self.algorithm == "logistic_regression":
            raise ValueError(
                f"{self.name}.monotonic: logistic regression takes no constraint, and is already "
                "monotonic in every number; remove the key, or use xgboost or random_forest"
            )
        return self

    @model_validator(mode="after")
    def _engine_fits(self) -> Self:
        if self.engine == "memory":
            return self
        if self.algorithm != "xgboost":
            raise ValueError(
                f"{self.name}.engine: {self.engine} fits xgboost alone, and {self.algorithm} needs "
                "its rows in memory; remove the key"
            )
        tried = (self.parameters.get("tree_method"), self.search.get("tree_method"))
        if "exact" in str(tried):
            raise ValueError(
                f"{self.name}.engine: {self.engine} fits quantised rows, which tree_method exact "
                "does not take; remove tree_method"
            )
        return self


class Search(Closed):
    """How configurations are compared: folds that only ever look forward in time."""

    method: Literal["grid", "optuna"] = Field(
        default="grid",
        description="grid: every listed configuration; optuna: a seeded TPE sampler that learns "
        "from the trials before, and drops a configuration whose first folds are poor",
    )
    folds: int = Field(default=3, ge=2, le=10)
    max_configurations: int = Field(
        default=12,
        ge=1,
        le=200,
        description="grid: a larger one is sampled, seeded; optuna: trials",
    )


class Prequential(Closed):
    """How a fold and the final fit are cut where labels come late: train, wait, validate.

    Each fold trains on ``train_days``, leaves out the ``delay_days`` whose labels would not have
    been known, and validates on the ``validate_days`` after them; the folds step back by
    ``validate_days``. The final fit takes the newest ``train_days`` of development.
    """

    train_days: int = Field(default=7, ge=1, le=366)
    delay_days: int = Field(default=7, ge=0, le=366)
    validate_days: int = Field(default=7, ge=1, le=366)

    def days_for(self, folds: int) -> int:
        """Return how many days of development so many folds take.

        Examples
        --------
        >>> Prequential().days_for(2)
        28
        """
        return self.train_days + self.delay_days + folds * self.validate_days


class Training(Closed):
    """What every candidate shares."""

    seed: int = Field(default=20260101, ge=0, le=2**31 - 1)
    max_vintages: int | None = Field(
        default=None, ge=2, description="newest vintages to develop on; null: all"
    )
    min_bads: int = Field(default=100, ge=10, description="fewer matured bads: HOLD, not a model")
    min_vintages: int = Field(default=4, ge=2, description="fewer matured vintages: HOLD")
    search: Search = Search()
    prequential: Prequential | None = Field(
        default=None, description="null: folds whose training part grows, and a fit on all of them"
    )
    calibration: Literal["platt", "isotonic"] = "platt"

    @model_validator(mode="after")
    def _days_for_the_folds(self) -> Self:
        if self.prequential is None or self.max_vintages is None:
            return self
        needed = self.prequential.days_for(self.search.folds)
        if self.max_vintages < needed:
            raise ValueError(
                f"max_vintages {self.max_vintages} is below the {needed} days that "
                f"{self.search.folds} prequential folds take"
            )
        return self

    @model_validator(mode="after")
    def _enough_vintages(self) -> Self:
        if self.max_vintages is not None and self.max_vintages < self.min_vintages:
            raise ValueError(
                f"max_vintages {self.max_vintages} is below min_vintages {self.min_vintages}: "
                "every night would hold"
            )
        return self
