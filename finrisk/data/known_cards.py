"""Which cards were known to be compromised, and so blocked, before a row came."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from finrisk.data.labels import LABEL
from finrisk.data.landing import EVENT_DAY
from finrisk.data.maturity import maturity_days
from finrisk.metrics.card_alerts import known_compromised
from finrisk.specs.model_spec import ModelSpec

KNOWN_CARD = "_known_card"


def known_cards(frame: pd.DataFrame, spec: ModelSpec) -> NDArray[np.bool_]:
    """Return the rows whose card had a bad that was believed by their day, shape (n,).

    Parameters
    ----------
    frame : DataFrame, n rows
        ``Labelled.frame``: every day that was read counts, whatever part of the split it is in.
    spec : ModelSpec
        ``gate.alerts.card`` names the card; without it no card is known. A row without a card is
        nobody else's.
    """
    alerts = spec.gate.alerts
    if alerts is None or alerts.card is None:
        return np.zeros(len(frame), dtype=bool)
    cards, _ = pd.factorize(frame[alerts.card])
    nobody = cards < 0
    cards = np.where(nobody, -1 - np.arange(len(frame)), cards)
    bad = frame[LABEL].eq(1).fillna(value=False).to_numpy(dtype=bool)
    if not bad.any():
        return np.zeros(len(frame), dtype=bool)
    days = frame[EVENT_DAY].to_numpy().astype("datetime64[D]")
    return known_compromised(bad, days, cards, delay_days=maturity_days(spec.label))
