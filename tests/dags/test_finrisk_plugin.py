from __future__ import annotations

from typing import Any

import pytest

from plugins.finrisk_plugin import FinRiskPlugin, dashboard_views, mlflow_ui, run_url

UI = "http://127.0.0.1:5000"


@pytest.mark.parametrize(
    ("records", "address"),
    [
        pytest.param([{"run_id": "4f1c"}], f"{UI}/#/runs/4f1c", id="a record names its run"),
        pytest.param([["xgboost"], {"run_id": "4f1c"}], f"{UI}/#/runs/4f1c", id="prepare"),
        pytest.param([{"run_id": None}], "", id="a blocked night has no run"),
        pytest.param([], "", id="a task that returned nothing"),
        pytest.param(["text", 7, None], "", id="another Dag's task"),
        pytest.param([{"run_id": "x/../../evil?a=<b>"}], "", id="no run id looks like this"),
    ],
)
def test_the_link_leads_to_the_run_the_record_names(records: list[Any], address: str) -> None:
    assert run_url(records, f"{UI}/") == address


@pytest.mark.parametrize(
    ("environment", "ui"),
    [
        ({"MLFLOW_UI_URL": UI, "MLFLOW_TRACKING_URI": "http://mlflow:5000"}, UI),
        ({"MLFLOW_TRACKING_URI": "http://mlflow:5000"}, "http://mlflow:5000"),
        ({"MLFLOW_TRACKING_URI": "http://anna:s/3@mlflow:5000"}, "http://mlflow:5000"),
        ({"MLFLOW_UI_URL": "https://anna:s3@mlflow/ui?token=s3"}, "https://mlflow/ui"),
        ({"MLFLOW_TRACKING_URI": "sqlite:///mlflow.db"}, ""),
        ({"MLFLOW_UI_URL": "javascript:alert(1)"}, ""),
        ({}, ""),
    ],
)
def test_the_ui_is_where_a_browser_finds_it(environment: dict[str, str], ui: str) -> None:
    assert mlflow_ui(environment) == ui


def test_every_task_of_airflow_gets_the_link() -> None:
    names = [link.name for link in FinRiskPlugin.global_operator_extra_links]

    assert names == ["MLflow run"]


@pytest.mark.parametrize("address", ["", "javascript:alert(1)", "127.0.0.1:8502"])
def test_airflow_has_no_view_of_a_dashboard_that_has_no_address(address: str) -> None:
    assert dashboard_views({"FINRISK_DASHBOARD_URL": address}) == []


def test_a_view_of_the_dashboard_shows_airflow_no_password() -> None:
    views = dashboard_views({"FINRISK_DASHBOARD_URL": "https://anna:s3@risk.example/finrisk"})

    assert {view["destination"] for view in views} == {"nav", "dag"}
    for view in views:
        assert view["href"].startswith("https://risk.example/finrisk/")


def test_airflow_takes_the_views_as_they_are() -> None:
    from airflow.api_fastapi.core_api.datamodels.plugins import ExternalViewResponse

    views = dashboard_views({"FINRISK_DASHBOARD_URL": "http://127.0.0.1:8502"})

    routes = [ExternalViewResponse.model_validate(view).url_route for view in views]
    assert len(set(routes)) == len(views)
