"""A night's data-quality run: one for one report, and finished if an earlier try was not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from finrisk.tracking import night_tracker as tracking
from finrisk.tracking.night_tracker import NightTracker
from finrisk.tracking.run_writer import RunContents
from tests.tracking.factories import prepared_night

Key = Callable[[], str]
CONTENTS = RunContents(
    metrics={"data_quality_score": 0.98, "missing_share.debt to % income": 0.1, "unknown": None},
    documents={"data_quality.json": {"score": 0.98}},
    pages={"data_quality.html": "<p>0.98</p>"},
)


def log_quality(tracker: NightTracker, parent: str | None, key: str) -> Any:
    run_id = tracker.log_quality(
        parent, key, CONTENTS, model="loans", model_type="credit_risk", as_of=date(2024, 10, 1)
    )
    return tracker._client.get_run(run_id)


def test_a_report_is_one_finished_run_under_the_nights(
    tracker: NightTracker, fresh_key: Key
) -> None:
    night, key = tracker.start_night(prepared_night(), fresh_key()), fresh_key()

    run = log_quality(tracker, night, key)

    assert log_quality(tracker, night, key).info.run_id == run.info.run_id
    assert log_quality(tracker, night, fresh_key()).info.run_id != run.info.run_id
    assert run.info.run_name.startswith("data_quality_loans_")
    assert run.info.status == "FINISHED"
    assert run.data.tags["experiment_type"] == "data_quality"
    assert run.data.tags["mlflow.parentRunId"] == night
    assert run.data.metrics == {"data_quality_score": 0.98, "missing_share.debt to _ income": 0.1}
    artifacts = tracker._client.list_artifacts(run.info.run_id)
    assert {item.path for item in artifacts} == {"data_quality.json", "data_quality.html"}


def test_a_night_without_a_run_of_its_own_leaves_one_that_stands_alone(
    tracker: NightTracker, fresh_key: Key
) -> None:
    assert "mlflow.parentRunId" not in log_quality(tracker, None, fresh_key()).data.tags


def test_a_report_that_was_cut_off_is_finished_in_the_same_run(
    tracker: NightTracker, fresh_key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Crash(Exception):
        """The process dies here."""

    def crash(*_: object, **__: object) -> None:
        raise Crash

    key = fresh_key()
    with monkeypatch.context() as broken:
        broken.setattr(tracking, "write_run", crash)
        with pytest.raises(Crash):
            log_quality(tracker, None, key)

    run = log_quality(tracker, None, key)

    assert run.info.status == "FINISHED"
    assert run.data.metrics["data_quality_score"] == 0.98
    wanted = f"tags.`finrisk.run_key` = '{key}'"
    assert len(tracker._client.search_runs([tracker._experiment_id], wanted)) == 1
