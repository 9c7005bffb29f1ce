"""Experiments: runs are narrowed, ordered, paged, and one is looked into."""

from __future__ import annotations

import socket
import zlib
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from finrisk.dashboard.experiments.page import ALL_MODELS, rows_of
from finrisk.dashboard.experiments.queries import Filter, ShownRun, outcome
from finrisk.setting_up import initialise
from finrisk.tracking.client import find_experiment, open_client
from finrisk.tracking.run_writer import RunContents
from tests.dashboard.conftest import Show, settings_of, texts
from tests.dashboard.run_worlds import NOTHING, chunk, fill_scope, log_run, png
from tests.pipelines.lender import write_spec

HAND = {"finrisk.model": "my_forest", "experiment_type": "model_training"}
OWN = {"finrisk.model": "credit_risk", "experiment_type": "model_training", "algorithm": "svc"}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home of 120 candidates of the model and as many of another, older than any other run."""
    home = tmp_path_factory.mktemp("filled")
    write_spec(home / "conf" / "models")
    initialise(settings_of(home))
    fill_scope(settings_of(home), 240)
    return home


@pytest.fixture(scope="module")
def looked_at(filled: Path) -> tuple[Path, str]:
    """The same home, and a run in it that holds something of everything."""
    contents = RunContents(
        params={"depth": 3, "<b>": "[a](http://b)"},
        metrics={"auc": 0.75, "kappa": 0.123456789},
        documents={"data.json": {"a": [1, 2]}, "list.md": "x"},
        pictures={"roc": png(), "spoilt": b"no picture"},
    )
    settings = settings_of(filled)
    return filled, log_run(settings, "looked at", contents, **OWN)


def listed(at: AppTest) -> list[str]:
    """The names of the runs on the page."""
    return [] if not at.dataframe else at.dataframe[0].value["run"].tolist()


def test_the_runs_of_nights_are_listed_with_kind_outcome_and_figures(
    decided_home: Path, show: Show
) -> None:
    at = show(decided_home, "experiments")

    rows = at.dataframe[0].value.set_index("run")
    night = rows.loc["credit_risk_2024-08-05"]
    assert (night["kind"], night["as of"], night["status"]) == ("night", "2024-08-05", "finished")
    assert night["outcome"].startswith("PROMOTE")
    candidates = rows[rows["kind"] == "candidate of a night"]
    assert set(candidates["algorithm"]) == {"logistic_regression", "xgboost"}
    assert candidates["AUC"].notna().any()
    assert f"MLflow runs 1 to {len(rows)} of {len(rows)}" in texts(at)


def test_the_address_narrows_the_list(decided_home: Path, show: Show) -> None:
    at = show(
        decided_home,
        "experiments",
        experiments_kind="night",
        experiments_text="2024-09",
        experiments_status="finished",
    )

    assert listed(at) == ["credit_risk_2024-09-05"]


def test_what_is_chosen_narrows_and_orders(decided_home: Path, show: Show) -> None:
    at = show(decided_home, "experiments")

    at.selectbox(key="experiments_kind").select("night").run()
    at.selectbox(key="experiments_ascending").select(True).run()

    assert listed(at) == ["credit_risk_2024-08-05", "credit_risk_2024-09-05"]


def test_runs_are_ordered_by_a_metric_that_is_then_a_column(decided_home: Path, show: Show) -> None:
    at = show(decided_home, "experiments", experiments_kind="candidate of a night")

    at.selectbox(key="experiments_order").select("brier").run()

    brier = at.dataframe[0].value["Brier score (lower = better)"].dropna().tolist()
    assert brier == sorted(brier, reverse=True)
    assert brier


def test_days_narrow_by_the_models_clock(decided_home: Path, show: Show) -> None:
    at = show(decided_home, "experiments")

    at.date_input(key="experiments_until").set_value(date(2020, 1, 1)).run()

    assert "No run fits all of that" in texts(at)


def test_days_the_wrong_way_round_are_said_to_be(decided_home: Path, show: Show) -> None:
    at = show(
        decided_home,
        "experiments",
        experiments_from="2026-02-01",
        experiments_until="2026-01-01",
    )

    assert "is no time at all" in texts(at)


@pytest.mark.parametrize("text", ["' OR 'a' = 'a", "50%", 'a"'])
def test_a_text_that_mlflow_cannot_search_for_is_refused_in_words(
    text: str, decided_home: Path, show: Show
) -> None:
    at = show(decided_home, "experiments", experiments_text=text)

    assert not at.exception
    assert "no quotes, % or brackets" in texts(at).replace("\\", "")
    assert not at.dataframe


def test_a_run_of_no_declared_model_is_found_among_all(filled: Path, show: Show) -> None:
    log_run(settings_of(filled), "my forest of today", NOTHING, **HAND)

    at = show(filled, "experiments")
    assert "my forest of today" not in listed(at)

    at.selectbox(key="experiments_of").select(ALL_MODELS).run()
    assert listed(at)[0] == "my forest of today"
    assert at.dataframe[0].value["model"].tolist()[0] == "my_forest"


def test_an_algorithm_that_no_spec_names_may_be_asked_for(
    looked_at: tuple[Path, str], show: Show
) -> None:
    at = show(looked_at[0], "experiments", experiments_algorithm="svc")

    assert listed(at) == ["looked at"]


def test_many_runs_come_fifty_at_a_time(filled: Path, show: Show) -> None:
    at = show(filled, "experiments", experiments_kind="candidate of a night")
    assert (len(listed(at)), at.pagination[0].num_pages) == (50, 3)
    assert "MLflow runs 1 to 50 of 120" in texts(at)

    at.pagination[0].select(3).run()
    assert len(listed(at)) == 20
    assert "MLflow runs 101 to 120 of 120" in texts(at)

    at.selectbox(key="experiments_ascending").select(True).run()
    assert "MLflow runs 1 to 50 of 120" in texts(at), "another order begins at its first page"
    assert listed(at)[0] == "credit_risk_random_forest_1"


def test_without_a_run_the_page_says_how_one_comes(
    decided_home: Path, show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINRISK_SCOPE", "replay")

    assert "MLflow has no run of this model yet" in texts(show(decided_home, "experiments"))


def test_an_mlflow_that_is_away_is_told_with_what_to_do(
    decided_home: Path, show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{probe.getsockname()[1]}")
        at = show(decided_home, "experiments")

    assert not at.exception
    assert "MLflow does not answer" in at.error[0].value
    assert "What to do" in at.error[0].value


# one run


def test_a_run_in_the_address_shows_its_figures(looked_at: tuple[Path, str], show: Show) -> None:
    home, run_id = looked_at

    at = show(home, "experiments", mlflow_run=run_id)

    figures = at.dataframe[1].value
    assert figures.to_dict("list") == {"metric": ["auc", "kappa"], "value": ["0.75", "0.123457"]}
    assert "looked at" in texts(at)


def test_a_run_of_the_list_is_chosen_and_stands_in_the_address(
    looked_at: tuple[Path, str], show: Show
) -> None:
    home, run_id = looked_at
    at = show(home, "experiments")

    at.selectbox(key="experiments_run").select(run_id).run()

    assert at.query_params["mlflow_run"] == run_id
    assert "kappa" in at.dataframe[1].value["metric"].tolist()


@pytest.mark.parametrize(
    ("part", "shown"),
    [
        ("Parameters", {"parameter": ["_b_", "depth"], "value": ["[a](http://b)", "3"]}),
        (
            "Tags",
            {
                "tag": ["algorithm", "experiment_type", "finrisk.model", "mlflow.runName"],
                "value": ["svc", "model_training", "credit_risk", "looked at"],
            },
        ),
    ],
)
def test_a_run_shows_parameters_and_tags(
    looked_at: tuple[Path, str], show: Show, part: str, shown: dict[str, list[str]]
) -> None:
    home, run_id = looked_at

    at = show(home, "experiments", mlflow_run=run_id, experiments_part=part)

    assert at.dataframe[1].value.to_dict("list") == shown


def test_pictures_are_shown_and_a_spoilt_one_is_said_to_be(
    looked_at: tuple[Path, str], show: Show
) -> None:
    home, run_id = looked_at

    at = show(home, "experiments", mlflow_run=run_id, experiments_part="Pictures")

    assert len(at.image) == 1
    assert "spoilt" in at.warning[0].value


def test_what_somebody_prepared_spoils_its_own_part_alone(empty_home: Path, show: Show) -> None:
    """A picture that no decoder reads, brackets too deep, a start in the year 31,690,000."""
    broken = png()[:40] + b"garbage" * 9
    text = chunk(b"zTXt", b"a\0\0" + zlib.compress(b"a" * 20_000_000))
    long_text = png()[:33] + text + png()[33:]
    settings = settings_of(empty_home)
    contents = RunContents(pictures={"broken": broken, "long": long_text, "roc": png()})
    run_id = log_run(settings, "prepared", contents, **OWN)
    client = open_client(settings)
    deep = empty_home / "deep.json"
    deep.write_text("[" * 90_000)
    client.log_artifact(run_id, str(deep))
    client.create_run(find_experiment(client, settings), start_time=10**18, run_name="late")

    pictures = show(empty_home, "experiments", mlflow_run=run_id, experiments_part="Pictures")
    documents = show(empty_home, "experiments", mlflow_run=run_id, experiments_part="Documents")

    assert not pictures.exception
    assert len(pictures.image) + len(pictures.warning) == 3
    assert len(pictures.image) >= 1
    assert not documents.exception
    assert "no JSON that can be shown" in texts(documents)
    assert not show(empty_home, "experiments", experiments_of="all models, and none").exception


def test_documents_are_shown_as_they_are(looked_at: tuple[Path, str], show: Show) -> None:
    home, run_id = looked_at

    at = show(home, "experiments", mlflow_run=run_id, experiments_part="Documents")
    assert at.json[0].value == '{"a": [1, 2]}'

    at.selectbox(key="experiments_document").select("list.md").run()
    assert at.code[0].value == '"x"'


def test_a_candidate_leads_to_the_night_it_belongs_to(decided_home: Path, show: Show) -> None:
    at = show(decided_home, "experiments", experiments_kind="candidate of a night")
    candidates = at.selectbox(key="experiments_run")
    candidates.select_index(len(candidates.options) - 1).run()

    at.button(key="experiments_parent").click().run()

    assert "credit_risk_2024-08-05" in texts(at).replace("\\", "")
    assert at.query_params["mlflow_run"] == at.selectbox(key="experiments_run").value


def test_a_run_that_is_gone_is_said_to_be(decided_home: Path, show: Show) -> None:
    at = show(decided_home, "experiments", mlflow_run="f" * 32)

    assert "there is no MLflow run" in at.warning[0].value
    assert listed(at)


# words


RUN = ShownRun(
    run_id="1",
    name="night",
    kind="night",
    model="loans",
    candidate=None,
    algorithm=None,
    as_of=None,
    status="running",
    started=datetime(2026, 1, 1, tzinfo=UTC),
    seconds=None,
    metrics={},
    outcome="",
    url=None,
)


def test_what_nobody_has_is_no_column() -> None:
    (row,) = rows_of([RUN], Filter("loans", "Europe/Berlin", metric="ks"))

    assert row == {
        "run": "night",
        "kind": "night",
        "as of": "–",
        "KS": None,
        "status": "running",
        "started": "2026-01-01 01:00 CET",
        "took": "–",
    }


@pytest.mark.parametrize(
    ("changes", "columns"),
    [
        ({"algorithm": "xgboost", "candidate": "xgboost"}, {"algorithm"}),
        ({"algorithm": "xgboost", "candidate": "deep"}, {"algorithm", "candidate"}),
        ({"outcome": "HOLD"}, {"outcome"}),
        ({"url": "http://127.0.0.1:5000/#/runs/1"}, {"MLflow"}),
        ({"metrics": {"auc": 0.7}}, {"AUC"}),
        ({"metrics": {"ks": 0.7}}, set()),
    ],
)
def test_what_one_has_is_a_column(changes: dict[str, Any], columns: set[str]) -> None:
    plain, told = rows_of([RUN], WANTED), rows_of([replace(RUN, **changes), RUN], WANTED)

    assert set(told[0]) - set(plain[0]) == columns


WANTED = Filter("loans", "UTC")


@pytest.mark.parametrize(
    ("tags", "metrics", "words"),
    [
        ({"finrisk.decision": "HOLD", "finrisk.data": "block"}, {}, "HOLD: data blocked"),
        ({"finrisk.decision": "PROMOTE"}, {}, "PROMOTE"),
        ({"finrisk.readings.alarm": "0", "finrisk.readings.unknown": "2"}, {}, "2 unknown"),
        ({"finrisk.readings.alarm": "0"}, {}, "all quiet"),
        ({}, {"search_best": 0.80889}, "best score 0.8089"),
        ({}, {"data_quality_score": 0.975}, "data quality 97.5 %"),
        ({}, {}, ""),
    ],
)
def test_a_run_says_what_came_of_it(
    tags: dict[str, str], metrics: dict[str, float], words: str
) -> None:
    assert outcome(tags, metrics) == words
