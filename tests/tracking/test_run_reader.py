from __future__ import annotations

from uuid import uuid4

import pytest

from finrisk.config import Settings
from finrisk.errors import UnknownRun
from finrisk.tracking.client import find_experiment, open_client
from finrisk.tracking.run_reader import RunReader, SearchReader, TableReader, compared, summary_of
from finrisk.tracking.run_writer import log_metrics
from tests.services.stores import mlflow_database


def fresh_experiment(settings: Settings) -> str:
    fresh = settings.model_copy(update={"experiment_name": f"read-{uuid4().hex}"})
    return find_experiment(open_client(fresh), fresh)


@pytest.fixture(scope="module")
def runs(settings: Settings) -> tuple[str, list[str]]:
    """An experiment of twelve runs, one unfinished and one deleted, and the ids of the others."""
    client = open_client(settings)
    experiment = fresh_experiment(settings)
    ids = []
    for number in range(12):
        kinds = {"model_type": "credit_risk", "algorithm": "xgboost" if number % 3 else "forest"}
        run = client.create_run(
            experiment, run_name=f"run {number}", start_time=1000 + 1000 * number, tags=kinds
        )
        log_metrics(client, run.info.run_id, {"auc": 0.7 + number / 100, "ks": None})
        ids.append(run.info.run_id)
        if number != 5:
            client.set_terminated(run.info.run_id, status="FINISHED")
    log_metrics(client, ids[0], {"ks": 0.3})
    client.delete_run(ids[7])
    return experiment, ids


@pytest.fixture(params=["tables", "search"])
def reader(request: pytest.FixtureRequest, settings: Settings) -> RunReader:
    """Both ways to the answers: every test holds for each."""
    if request.param == "tables":
        return TableReader(mlflow_database(settings.tracking_uri))
    return SearchReader(open_client(settings))


def test_runs_are_counted_by_kind(reader: RunReader, runs: tuple[str, list[str]]) -> None:
    summary = summary_of(reader, runs[0])

    assert summary["total_runs"] == 11
    assert summary["model_types"] == {"credit_risk": 11}
    assert list(summary["algorithms"].items()) == [("xgboost", 7), ("forest", 4)]


def test_the_ten_newest_are_told_newest_first(
    reader: RunReader, runs: tuple[str, list[str]]
) -> None:
    latest = summary_of(reader, runs[0])["latest_runs"]

    assert [run["run_name"] for run in latest] == [
        f"run {number}" for number in (11, 10, 9, 8, 6, 5, 4, 3, 2, 1)
    ]
    assert latest[0] == {
        "run_id": runs[1][11],
        "run_name": "run 11",
        "model_type": "credit_risk",
        "algorithm": "xgboost",
        "experiment_type": None,
        "status": "FINISHED",
        "start_time": "1970-01-01T00:00:12+00:00",
    }


def test_runs_are_compared_in_the_order_asked(
    reader: RunReader, runs: tuple[str, list[str]]
) -> None:
    experiment, ids = runs

    table = compared(reader, experiment, [ids[3], ids[0]], None)

    assert table.index.tolist() == [ids[3], ids[0]]
    assert table["auc"].tolist() == pytest.approx([0.73, 0.70])
    assert table["ks"].isna().tolist() == [True, False]


def test_without_ids_every_finished_run_is_compared(
    reader: RunReader, runs: tuple[str, list[str]]
) -> None:
    experiment, ids = runs

    table = compared(reader, experiment, None, ["auc"])

    wanted = [ids[n] for n in range(11, -1, -1) if n not in (5, 7)]
    assert table.index.tolist() == wanted
    assert "ks" not in table


def test_an_experiment_without_runs_is_an_empty_table(
    reader: RunReader, settings: Settings
) -> None:
    experiment = fresh_experiment(settings)

    assert compared(reader, experiment, None, None).empty
    assert summary_of(reader, experiment)["total_runs"] == 0


def test_a_run_that_is_not_there_is_named(reader: RunReader, runs: tuple[str, list[str]]) -> None:
    with pytest.raises(UnknownRun, match="no run 'ffff"):
        compared(reader, runs[0], [runs[1][0], "f" * 32], None)
