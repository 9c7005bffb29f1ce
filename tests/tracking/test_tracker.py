from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from finrisk.config import Settings
from finrisk.errors import ConfigurationError
from finrisk.tracking.client import open_client
from finrisk.tracking.quiet_mlflow import MlflowClient
from finrisk.tracking.tracker import FinRiskMLflowTracker
from tests.services.stores import own


@pytest.fixture(scope="module")
def tracker(settings: Settings) -> FinRiskMLflowTracker:
    return FinRiskMLflowTracker(settings=settings)


def read(tracker: FinRiskMLflowTracker, run_id: str, name: str, folder: Path) -> Any:
    path = open_client(tracker.settings).download_artifacts(run_id, name, str(folder))
    return json.loads(Path(path).read_text())


def test_a_search_is_logged_with_its_grid_results_best_and_summary(
    tracker: FinRiskMLflowTracker, tmp_path: Path
) -> None:
    results = {"mean_test_score": np.array([0.6, 0.8]), "params": [{"C": 1}, {"C": np.int64(2)}]}

    run_id = tracker.log_hyperparameter_tuning({"C": [1, 2]}, results, {"C": 2}, 0.8)

    run = open_client(tracker.settings).get_run(run_id)
    assert run.info.run_name.startswith("hyperparameter_tuning_")
    assert run.data.tags["experiment_type"] == "hyperparameter_tuning"
    assert run.data.params == {"C": "2"}
    assert run.data.metrics == {"best_score": 0.8, "configurations": 2.0}
    assert read(tracker, run_id, "parameter_grid.json", tmp_path) == {"C": [1, 2]}
    assert read(tracker, run_id, "cv_results.json", tmp_path)["params"] == [{"C": 1}, {"C": 2}]
    assert read(tracker, run_id, "best_parameters.json", tmp_path) == {"C": 2}
    summary = read(tracker, run_id, "performance_summary.json", tmp_path)
    assert summary["mean_test_score"] == pytest.approx(0.7)


def test_a_search_without_results_is_logged_too(tracker: FinRiskMLflowTracker) -> None:
    run_id = tracker.log_hyperparameter_tuning({}, {}, {}, 0.5, tuning_name="by_hand")

    run = open_client(tracker.settings).get_run(run_id)
    assert run.info.run_name.startswith("by_hand_")
    assert run.data.metrics["configurations"] == 0


def test_data_quality_figures_are_metrics_and_the_rest_is_json(
    tracker: FinRiskMLflowTracker, tmp_path: Path
) -> None:
    figures = {"missing_share": 0.02, "rows": 900, "dtypes": {"float64": 8}, "fresh": True}

    run_id = tracker.log_data_quality_report(figures, "loans")

    run = open_client(tracker.settings).get_run(run_id)
    assert run.info.run_name.startswith("data_quality_loans_")
    assert run.data.tags["experiment_type"] == "data_quality"
    assert run.data.metrics == {"missing_share": 0.02, "rows": 900.0}
    assert read(tracker, run_id, "dtypes.json", tmp_path) == {"float64": 8}
    assert read(tracker, run_id, "data_quality.json", tmp_path) == figures


def test_an_experiment_of_another_name_is_made_on_first_use(settings: Settings) -> None:
    name = own("of its own")
    tracker = FinRiskMLflowTracker(experiment_name=name, settings=settings)
    assert open_client(settings).get_experiment_by_name(name) is None

    summary = tracker.get_experiment_summary()

    assert summary["experiment_name"] == name
    assert summary["total_runs"] == 0
    assert tracker.experiment_id == summary["experiment_id"]


def test_a_tracker_follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINRISK_HOME", str(tmp_path))
    tracker = FinRiskMLflowTracker()
    assert tracker.tracking_uri == f"sqlite:///{tmp_path}/mlflow.db"

    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow:5000")

    assert tracker.tracking_uri == "http://mlflow:5000"
    assert (
        FinRiskMLflowTracker("sqlite:///other.db").tracking_uri == f"sqlite:///{tmp_path}/other.db"
    )


def test_an_experiment_deleted_between_two_calls_is_said_with_its_remedy(
    settings: Settings,
) -> None:
    tracker = FinRiskMLflowTracker(experiment_name=own("deleted"), settings=settings)
    tracker.log_data_quality_report({"rows": 1})
    open_client(settings).delete_experiment(tracker.experiment_id)

    with pytest.raises(ConfigurationError, match="mlflow experiments restore"):
        tracker.log_data_quality_report({"rows": 1})


def test_a_report_that_cannot_be_written_ends_as_failed_with_its_own_error(
    tracker: FinRiskMLflowTracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("finrisk.tracking.tracker.write_run", full)
    with pytest.raises(OSError, match="disk full"):
        tracker.log_data_quality_report({"rows": 1}, "half_way")
    monkeypatch.setattr(MlflowClient, "set_terminated", full)
    with pytest.raises(OSError, match="disk full"):
        tracker.log_data_quality_report({"rows": 1}, "not_even_ended")

    found = open_client(tracker.settings).search_runs(
        [tracker.experiment_id], "tags.dataset = 'half_way'"
    )
    assert [run.info.status for run in found] == ["FAILED"]


def test_one_run_and_one_metric_may_be_given_as_text(tracker: FinRiskMLflowTracker) -> None:
    run_id = tracker.log_data_quality_report({"rows": 3, "status": 1.0})

    table = tracker.compare_runs(run_id, metrics="rows")

    assert table["rows"].to_dict() == {run_id: 3.0}


def test_a_metric_called_like_a_column_displaces_nothing(tracker: FinRiskMLflowTracker) -> None:
    run_id = tracker.log_data_quality_report({"status": 1.0})

    table = tracker.compare_runs([run_id])

    assert table.loc[run_id, "status"] == "FINISHED"
    assert table.loc[run_id, "metrics.status"] == 1.0
