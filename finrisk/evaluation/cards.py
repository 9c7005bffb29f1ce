"""Which cards were known to be compromised, and so blocked, before a row of the hold-out came."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from finrisk.data.labels import LABEL
from finrisk.data.landing import EVENT_DAY
from finrisk.data.maturity import maturity_days
from finrisk.metrics.alerts import known_compromised
from finrisk.specs.model_spec import ModelSpec


def known_cards(
    development: pd.DataFrame, holdout: pd.DataFrame, spec: ModelSpec
) -> NDArray[np.bool_] | None:
    """Return the hold-out's rows whose card had a bad that was believed by their day.

    Returns
    -------
    array of bool, shape (rows of the hold-out,), or None
        None where the policy names no card. Development and hold-out are all that is asked: a card
        found out before either, and still in use, counts as new.
    """
    alerts = spec.gate.alerts
    if alerts is None or alerts.card is None:
        return None
    columns = [alerts.card, EVENT_DAY, LABEL]
    rows = pd.concat([development[columns], holdout[columns]], ignore_index=True)
    cards, _ = pd.factorize(rows[alerts.card], use_na_sentinel=False)
    known = known_compromised(
        rows[LABEL].to_numpy(dtype=np.int8),
        rows[EVENT_DAY].to_numpy().astype("datetime64[D]"),
        cards,
        delay_days=maturity_days(spec.label),
    )
    return known[len(development) :]
