"""Features over time: figures of an entity's earlier rows, declared and not coded."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from finrisk.specs.base import Closed, Name

Measure = Literal["count", "mean", "bad_share"]
WindowDays = Annotated[int, Field(ge=1, le=366)]


class Window(Closed):
    """What happened before to the same customer, terminal or account: one feature a length.

    The window of ``n`` days of a row at time t holds the entity's rows in
    ``(t − shift − n days, t − shift]``: with a shift of 0 the row itself is among them. A bad
    counts only once it was reported ``shift_days`` before the row's day, so that no feature knows a
    label younger than that.
    """

    name: Name = Field(description="what its features' names begin with")
    entity: str = Field(description="the column whose equal values are one entity")
    days: tuple[WindowDays, ...] = Field(min_length=1, description="lengths in days of 24 hours")
    shift_days: int = Field(
        default=0, ge=0, le=366, description="how long before the row the windows end"
    )
    count: bool = Field(default=True, description="how many rows")
    mean: str | None = Field(
        default=None, description="the numeric column whose mean is taken; missing of no row"
    )
    bad_share: bool = Field(
        default=False, description="bads known by then ÷ rows; 0 of no row. Needs the label's delay"
    )

    @property
    def look_back_days(self) -> int:
        """How far before a row its windows reach."""
        return max(self.days) + self.shift_days

    @property
    def measures(self) -> tuple[Measure, ...]:
        """What is measured, in the order of the features."""
        wanted: dict[Measure, bool] = {
            "count": self.count,
            "mean": self.mean is not None,
            "bad_share": self.bad_share,
        }
        return tuple(measure for measure, asked in wanted.items() if asked)

    @property
    def columns(self) -> tuple[str, ...]:
        """The declared columns it is made of."""
        return (self.entity,) if self.mean is None else (self.entity, self.mean)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of its features.

        Examples
        --------
        >>> Window(name="customer", entity="CUSTOMER_ID", days=(1, 7), mean="AMOUNT").feature_names
        ('customer_count_1d', 'customer_count_7d', 'customer_mean_1d', 'customer_mean_7d')
        """
        return tuple(self.feature_name(measure, n) for measure in self.measures for n in self.days)

    def feature_name(self, measure: Measure, days: int) -> str:
        """Return the name of one feature."""
        return f"{self.name}_{measure}_{days}d"

    @model_validator(mode="after")
    def _measures_something(self) -> Self:
        if not self.measures:
            raise ValueError(f"windows {self.name!r} measure nothing: count, mean or bad_share")
        if len(set(self.days)) != len(self.days):
            raise ValueError(f"windows {self.name!r} name a length twice")
        return self
