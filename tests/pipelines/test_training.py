"""Fitting and logging one candidate, once."""

from __future__ import annotations

from finrisk.pipelines import steps
from finrisk.pipelines.rooms import Rooms
from finrisk.records import NightRequest
from tests.pipelines.lender import (
    FIRST,
)


def test_a_retry_of_training_resumes_the_run_that_finished(rooms: Rooms) -> None:
    prepared = steps.prepare(NightRequest("credit_risk", FIRST), rooms)
    once = steps.train(prepared, "lr", rooms)

    again = steps.train(prepared, "lr", rooms)

    assert again == once.replace(resumed=True)
