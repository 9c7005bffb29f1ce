"""How long a fitted model takes for one row, as a lender's counter asks it."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from time import process_time
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

WARM_UP_CALLS = 3
FEWEST_CALLS = 20
MOST_CALLS = 200
MOST_SECONDS = 0.1
PERCENTILE = 99.0


class Scores(Protocol):
    """A fitted model."""

    def score(self, features: pd.DataFrame) -> NDArray[np.float64]:
        """Return a risk score of each row."""


def one_row_milliseconds(model: Scores, rows: pd.DataFrame) -> float:
    """Return the 99th percentile of scoring one row, in milliseconds of CPU time.

    Not of the wall clock, and without collecting garbage meanwhile: what else a machine or this
    process does that night must not decide about a model.

    Parameters
    ----------
    model : Scores
        Fitted.
    rows : DataFrame of at least one row
        Scored one at a time, in turn.
    """
    singles = [rows.iloc[[place]] for place in range(len(rows))]
    for call in range(WARM_UP_CALLS):
        model.score(singles[call % len(singles)])
    taken: list[float] = []
    with _no_garbage_collected():
        while len(taken) < MOST_CALLS and (len(taken) < FEWEST_CALLS or sum(taken) < MOST_SECONDS):
            began = process_time()
            model.score(singles[len(taken) % len(singles)])
            taken.append(process_time() - began)
    return 1000.0 * float(np.percentile(taken, PERCENTILE))


@contextmanager
def _no_garbage_collected() -> Iterator[None]:
    """Put it off: one collection of a night's objects takes longer than a hundred rows."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
