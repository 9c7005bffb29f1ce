"""MLflow's client repeats a call whose answer was lost, and what makes a row then makes two."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from finrisk.config import Settings
from finrisk.errors import Unreachable
from finrisk.tracking.client import answering, open_client
from finrisk.tracking.night_tracker import NightTracker
from finrisk.tracking.run_writer import RunContents
from finrisk.tracking.tags import RUN_KEY, equals
from tests.tracking.factories import candidate_log, prepared_night, provenance

Key = Callable[[], str]
Log = Callable[[NightTracker, str], str]


class Repeating:
    """A client whose every answer to what makes a row is lost once."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)

    def create_run(self, experiment_id: str, **told: Any) -> Any:
        told["start_time"] = int(time.time() * 1000)  # the client stamps before it calls
        self.client.create_run(experiment_id, **told)
        return self.client.create_run(experiment_id, **told)

    def log_outputs(self, run_id: str, models: list[Any]) -> None:
        self.client.log_outputs(run_id, models)
        self.client.log_outputs(run_id, models)


def log_night(tracker: NightTracker, key: str) -> str:
    return tracker.start_night(prepared_night(), key)


def log_quality(tracker: NightTracker, key: str) -> str:
    return tracker.log_quality(
        None, key, RunContents(), model="loans", model_type="credit_risk", as_of=date(2024, 10, 1)
    )


def log_candidate(tracker: NightTracker, key: str) -> str:
    log = candidate_log(provenance=provenance(run_key=key))
    return tracker.log_candidate("0" * 32, log).run_id


@pytest.mark.parametrize("log", [log_night, log_quality, log_candidate])
def test_of_the_runs_that_a_repeated_call_made_one_is_left_and_found_again(
    settings: Settings, fresh_key: Key, log: Log
) -> None:
    tracker, key = NightTracker(settings), fresh_key()
    tracker.__dict__["_client"] = Repeating(open_client(settings))

    run_id = log(tracker, key)

    found = tracker._client.search_runs([tracker._experiment_id], equals(RUN_KEY, key))
    assert [run.info.run_id for run in found] == [run_id]
    assert log(tracker, key) == run_id


def test_half_a_text_is_no_answer() -> None:
    with pytest.raises(Unreachable, match="JSONDecodeError"), answering("http://mlflow"):
        json.loads('{"run": {"info": {"run_i')
