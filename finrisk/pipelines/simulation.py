"""Let the simulated lender deliver where a model's spec says its rows land."""

from __future__ import annotations

from datetime import date

from finrisk.config import Settings
from finrisk.data.simulated_delivery import land, land_bad_month, mend_month, month_of
from finrisk.data.simulated_lender import SimulatedLender
from finrisk.errors import ConfigurationError
from finrisk.specs.loader import find_spec

MODEL = "credit_risk"


def land_simulated(
    settings: Settings, to: date, *, broken: str = "", mended: str = ""
) -> list[str]:
    """Deliver everything that had arrived by a day; one month may come broken, or come again.

    Parameters
    ----------
    to : date
        Periods that ended before this day are delivered, unless they are there.
    broken, mended : str
        A month as ``YYYY-MM``, or empty.

    Returns
    -------
    list of str
        The partitions delivered now.

    Raises
    ------
    ConfigurationError
        A month is not written ``YYYY-MM``, or the model's spec is not the simulated lender's.
    """
    spec = find_spec(settings.conf_locations, MODEL)
    lender = SimulatedLender()
    delivered = list(land(lender, spec, settings.home, to))
    if broken:
        delivered.append(land_bad_month(lender, spec, settings.home, _month(broken)))
    if mended:
        delivered.append(mend_month(lender, spec, settings.home, _month(mended)))
    return delivered


def _month(text: str) -> date:
    try:
        return month_of(text)
    except ValueError as exc:
        raise ConfigurationError("no month", expected="YYYY-MM", got=repr(text)) from exc
