"""What is fitted: features, candidates, their search and their calibration."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, StrictStr, model_validator

from finrisk.specs.base import Closed, Name

Algorithm = Literal["logistic_regression", "xgboost"]
Parameter = bool | int | float | StrictStr

PARAMETERS: dict[str, frozenset[str]] = {
    "logistic_regression": frozenset({"C", "l1_ratio", "max_iter", "class_weight", "tol"}),
    "xgboost": frozenset(
        {
            "n_estimators",
            "max_depth",
            "max_leaves",
            "learning_rate",
            "min_child_weight",
            "subsample",
            "colsample_bytree",
            "reg_alpha",
            "reg_lambda",
            "gamma",
            "max_bin",
            "grow_policy",
            "scale_pos_weight",
        }
    ),
}


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


DerivedFeature = MonthsBetween | Ratio | LeadingNumber
Feature = Annotated[StrictStr | DerivedFeature, Field(union_mode="left_to_right")]


class Candidate(Closed):
    """An estimator that asks, every night, to become the challenger."""

    name: Name
    algorithm: Algorithm
    parameters: dict[str, Parameter] = Field(default_factory=dict)
    search: dict[str, tuple[Parameter, ...]] = Field(
        default_factory=dict, description="values to try, chosen by time-aware cross-validation"
    )

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
        if empty := [name for name, values in self.search.items() if not values]:
            raise ValueError(f"search.{empty[0]} lists no value")
        return self


class Search(Closed):
    """How configurations are compared: folds that only ever look forward in time."""

    folds: int = Field(default=3, ge=2, le=10)
    max_configurations: int = Field(
        default=12, ge=1, le=200, description="a larger grid is sampled, seeded"
    )


class Training(Closed):
    """What every candidate shares."""

    seed: int = Field(default=20260101, ge=0, le=2**31 - 1)
    max_vintages: int | None = Field(
        default=None, ge=2, description="newest vintages to develop on; null: all"
    )
    min_bads: int = Field(default=100, ge=10, description="fewer matured bads: HOLD, not a model")
    min_vintages: int = Field(default=4, ge=2, description="fewer matured vintages: HOLD")
    search: Search = Search()
    calibration: Literal["platt", "isotonic"] = "platt"
