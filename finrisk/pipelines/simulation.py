"""Let the simulated lender and the simulated cards deliver where the specs say that rows land."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

from finrisk.config import Settings
from finrisk.data import simulated_card_delivery as card_delivery
from finrisk.data import simulated_delivery as lender_delivery
from finrisk.data.simulated_cards import SimulatedCards
from finrisk.data.simulated_lender import SimulatedLender
from finrisk.errors import ConfigurationError, UnknownModel
from finrisk.specs.loader import find_spec
from finrisk.specs.model_spec import ModelSpec

CREDIT, FRAUD = "credit_risk", "fraud"
LENDER = SimulatedLender()
# Half of the Handbook's customers: about 4,800 transactions a day with 45 frauds among them, and
# 60 from the drift on, once cards are stolen as well.
CARDS = SimulatedCards(
    customers=2_500,
    terminals=6_500,
    first_day=date(2024, 1, 1),
    terminals_compromised_a_day=2,
    cards_stolen_a_day=2,
    stolen_cards_from=date(2024, 4, 1),
)


@dataclass(frozen=True, slots=True)
class _World:
    """What a simulated world delivers: all that had arrived, one period wrongly, or one again."""

    land: Callable[[ModelSpec, Path, date], Sequence[str]]
    land_bad: Callable[[ModelSpec, Path, date], str]
    mend: Callable[[ModelSpec, Path, date], str]

    def deliver(
        self, spec: ModelSpec, home: Path, to: date, broken: date | None, mended: date | None
    ) -> list[str]:
        delivered = list(self.land(spec, home, to))
        if broken:
            delivered.append(self.land_bad(spec, home, broken))
        if mended:
            delivered.append(self.mend(spec, home, mended))
        return delivered


WORLDS = {
    CREDIT: _World(
        partial(lender_delivery.land, LENDER),
        partial(lender_delivery.land_bad_month, LENDER),
        partial(lender_delivery.mend_month, LENDER),
    ),
    FRAUD: _World(
        partial(card_delivery.land, CARDS),
        partial(card_delivery.land_bad_day, CARDS),
        partial(card_delivery.mend_day, CARDS),
    ),
}


def land_simulated(
    settings: Settings,
    to: date,
    *,
    models: Sequence[str] = (),
    broken: str = "",
    mended: str = "",
    broken_day: str = "",
    mended_day: str = "",
) -> list[str]:
    """Deliver everything that had arrived by a day; a month or a day may come broken, or again.

    Parameters
    ----------
    to : date
        Periods that ended before this day are delivered, unless they are there.
    models : sequence of str
        ``credit_risk``, ``fraud`` or both; empty: those of the two that conf declares.
    broken, mended : str
        A month of ``credit_risk`` as ``YYYY-MM``, or empty.
    broken_day, mended_day : str
        A day of ``fraud`` as ``YYYY-MM-DD``, or empty.

    Returns
    -------
    list of str
        The partitions delivered now.

    Raises
    ------
    ConfigurationError
        A month or a day is written otherwise, or its model is not delivered; a named model is not
        simulated or not declared; or a model's spec is not the simulated one's.
    """
    periods = {
        CREDIT: [_month(text) if text else None for text in (broken, mended)],
        FRAUD: [_day(text) if text else None for text in (broken_day, mended_day)],
    }
    specs = _specs(settings, models)
    for model, period in ((CREDIT, broken or mended), (FRAUD, broken_day or mended_day)):
        if period and model not in specs:
            raise ConfigurationError(
                f"{period} is a period of {model}, which is not delivered",
                expected=f"model {model}",
                got=", ".join(specs) or "no simulated model in conf",
            )
    return [
        partition
        for model, world in WORLDS.items()
        if model in specs
        for partition in world.deliver(specs[model], settings.home, to, *periods[model])
    ]


def _specs(settings: Settings, models: Sequence[str]) -> dict[str, ModelSpec]:
    if strange := [model for model in models if model not in WORLDS]:
        raise ConfigurationError(
            f"model {strange[0]!r} is not simulated",
            expected=" or ".join(WORLDS),
            remedy="land its own data where its spec says",
        )
    specs: dict[str, ModelSpec] = {}
    for model in models or WORLDS:
        try:
            specs[model] = find_spec(settings.conf_locations, model)
        except UnknownModel:
            if models:
                raise
    return specs


def _month(text: str) -> date:
    try:
        return lender_delivery.month_of(text)
    except ValueError as exc:
        raise ConfigurationError("no month", expected="YYYY-MM", got=repr(text)) from exc


def _day(text: str) -> date:
    try:
        return card_delivery.day_of(text)
    except ValueError as exc:
        raise ConfigurationError("no day", expected="YYYY-MM-DD", got=repr(text)) from exc
