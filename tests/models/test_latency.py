from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest

from finrisk.models.latency import FEWEST_CALLS, MOST_CALLS, one_row_milliseconds

ROWS = pd.DataFrame({"income": [1.0, 2.0, 3.0]})


class Timed:
    """A model that takes CPU time, or only waits, for each row."""

    def __init__(self, busy_seconds: float = 0.0, waits_seconds: float = 0.0) -> None:
        self.busy_seconds, self.waits_seconds = busy_seconds, waits_seconds
        self.asked: list[int] = []

    def score(self, features: pd.DataFrame) -> np.ndarray:
        self.asked.append(len(features))
        time.sleep(self.waits_seconds)
        until = time.process_time() + self.busy_seconds
        while time.process_time() < until:
            pass
        return np.zeros(len(features))


def test_rows_are_scored_one_at_a_time_and_not_for_ever() -> None:
    model = Timed()

    one_row_milliseconds(model, ROWS)

    assert set(model.asked) == {1}
    assert FEWEST_CALLS <= len(model.asked) - 3 <= MOST_CALLS


def test_what_a_model_computes_counts() -> None:
    assert one_row_milliseconds(Timed(busy_seconds=0.02), ROWS) == pytest.approx(20.0, rel=0.25)


def test_waiting_for_a_busy_machine_does_not() -> None:
    assert one_row_milliseconds(Timed(waits_seconds=0.002), ROWS) < 1.5
