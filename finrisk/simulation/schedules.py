"""When the simulated gate looks, at which hold-out, after which delay: from a policy or a spec."""

from __future__ import annotations

from dataclasses import dataclass, replace

from finrisk.errors import ConfigurationError
from finrisk.simulation.holdout import BADS, GOODS, HoldoutShape, Terminals
from finrisk.specs.data import Label
from finrisk.specs.model_spec import ModelSpec
from finrisk.specs.policy import GatePolicy

DAYS_A_YEAR = 365
DAILY_LOOKS, MONTHLY_LOOKS = 365, 12
DAILY_HOLDOUT_DAYS, VINTAGES_IN_HOLDOUT = 30, 3
FEWEST_DAILY_LOOKS = 100  # a policy with fewer looks a year counts vintages, not days
FRAUD_MATURITY_DAYS = 7
CREDIT_MATURITY_DAYS = 6 * DAYS_A_YEAR / 12 + 30  # six months of performance, 30 days to report


@dataclass(frozen=True, slots=True)
class Setting:
    """All that a simulated year is made of, but for the world and the gate.

    Parameters
    ----------
    name : str
        ``daily``, ``monthly``, or the model's name.
    policy : GatePolicy
        The shipped limits; ``error_budget.looks_per_year`` is how often the hold-out can change.
    shape : HoldoutShape
        Rows, blocks and correlation.
    maturity_days : float
        Performance window + reporting lag, the age at which a label is believed.
    labels_at_once : bool
        Pretend that maturity is 0.
    declares_clusters : bool
        Tell the gate which rows move together.
    true_auc : float
        The first champion's, in (0.5, 1).
    nights : int
        Nights a year lasts.
    """

    name: str
    policy: GatePolicy
    shape: HoldoutShape
    maturity_days: float
    labels_at_once: bool = True
    declares_clusters: bool = True
    true_auc: float = 0.80
    nights: int = DAYS_A_YEAR

    @property
    def looks_per_year(self) -> int:
        """Looks the policy's budget is split over."""
        return self.policy.error_budget.looks_per_year

    @property
    def days_per_look(self) -> float:
        """Nights from one look to the next."""
        return DAYS_A_YEAR / self.looks_per_year

    @property
    def delay_days(self) -> float:
        """Age of the newest row in the hold-out on the night of a look."""
        return 0.0 if self.labels_at_once else self.maturity_days

    @property
    def holdout_days(self) -> float:
        """Event days the hold-out covers."""
        return self.shape.blocks * self.shape.days_per_block

    def looks_in(self, nights: float) -> int:
        """Return how many looks fall into so many nights; at least one."""
        return max(1, round(nights / self.days_per_look))

    def clustered(self) -> Setting:
        """Return the same with rows that move together through their terminals."""
        return replace(self, shape=replace(self.shape, terminals=Terminals()))

    def undeclared(self) -> Setting:
        """Return the same with clusters the gate is not told of."""
        return replace(self.clustered(), declares_clusters=False)

    def delayed(self) -> Setting:
        """Return the same with labels known only at maturity."""
        return replace(self, labels_at_once=False)

    def with_holdout_days(self, days: int) -> Setting:
        """Return the same with a longer or shorter hold-out and as many rows a day."""
        blocks = max(1, round(days / self.days_per_look))
        bads, goods = self.shape.bads_per_block, self.shape.goods_per_block
        shape = replace(self.shape, blocks=blocks, bads=bads * blocks, goods=goods * blocks)
        return replace(self, shape=shape)


def with_looks(policy: GatePolicy, looks_per_year: int) -> GatePolicy:
    """Return the policy with its budget split over so many looks a year."""
    budget = policy.error_budget.model_copy(update={"looks_per_year": looks_per_year})
    return policy.model_copy(update={"error_budget": budget})


def setting_for(
    policy: GatePolicy,
    *,
    name: str,
    maturity_days: float,
    bads: int = BADS,
    nights: int = DAYS_A_YEAR,
) -> Setting:
    """Return the setting of a policy; its looks a year say whether it counts days or vintages.

    Raises
    ------
    ConfigurationError
        A hold-out with fewer bads than the policy's ``min_bads``, at which nothing is decided.

    Examples
    --------
    >>> monthly = setting_for(GatePolicy(), name="monthly", maturity_days=210.0)
    >>> monthly.looks_in(365), monthly.shape.blocks, round(monthly.holdout_days)
    (12, 3, 91)
    """
    if bads < policy.holdout.min_bads:
        raise ConfigurationError(
            "too few bads in the simulated hold-out",
            expected=f"at least the policy's {policy.holdout.min_bads}",
            got=bads,
        )
    looks = policy.error_budget.looks_per_year
    daily = looks >= FEWEST_DAILY_LOOKS
    shape = HoldoutShape(
        bads=bads,
        goods=round(bads * GOODS / BADS),
        blocks=DAILY_HOLDOUT_DAYS if daily else VINTAGES_IN_HOLDOUT,
        days_per_block=DAYS_A_YEAR / looks,
    )
    return Setting(name, policy, shape, maturity_days, nights=nights)


def shipped_settings(
    policy: GatePolicy, *, bads: int = BADS, nights: int = DAYS_A_YEAR
) -> tuple[Setting, Setting]:
    """Return the daily and the monthly setting of a policy that belongs to no model."""
    daily = setting_for(
        with_looks(policy, DAILY_LOOKS),
        name="daily",
        maturity_days=FRAUD_MATURITY_DAYS,
        bads=bads,
        nights=nights,
    )
    monthly = setting_for(
        with_looks(policy, MONTHLY_LOOKS),
        name="monthly",
        maturity_days=CREDIT_MATURITY_DAYS,
        bads=bads,
        nights=nights,
    )
    return daily, monthly


def setting_of(spec: ModelSpec, *, bads: int = BADS, nights: int = DAYS_A_YEAR) -> Setting:
    """Return the setting of a model, with its policy and its label's maturity."""
    return setting_for(
        spec.gate,
        name=spec.name,
        maturity_days=maturity_in_days(spec.label),
        bads=bads,
        nights=nights,
    )


def maturity_in_days(label: Label) -> float:
    """Return performance window + reporting lag in days, months at their mean length."""
    months = label.performance_window_months * DAYS_A_YEAR / 12
    return months + label.performance_window_days + label.reporting_lag_days
