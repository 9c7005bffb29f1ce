"""Every Python block of docs/tracking-api.md, run in its order as one program."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from finrisk.monitoring.mlflow_tracker import HoldWarning, model_registry
from tests.monitoring.factories import frames

PAGE = Path(__file__).resolve().parents[2] / "docs" / "tracking-api.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)


@pytest.fixture(scope="module")
def program(home: Path) -> dict[str, Any]:
    """The page's own names after all of its blocks ran."""
    X_train, X_test, y_train, y_test = frames()
    search = GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=3, scoring="roc_auc")
    names: dict[str, Any] = {
        "X_train": X_train,
        "X_test": X_test,
        "y_train": y_train,
        "y_test": y_test,
        "X_new": X_test.head(5),
        "search": search.fit(X_train, y_train),
    }
    for number, block in enumerate(BLOCKS, start=1):
        exec(compile(block, f"docs/tracking-api.md, block {number}", "exec"), names)  # noqa: S102
    return names


def test_the_page_has_its_blocks() -> None:
    assert len(BLOCKS) == 7


def test_what_is_loaded_predicts_as_it_was_fitted(program: dict[str, Any]) -> None:
    fitted = program["model"].estimator

    assert program["predictions"].tolist() == fitted.predict(program["X_new"]).tolist()


def test_both_ways_to_production_are_one_version(program: dict[str, Any]) -> None:
    assert program["version"] == 1


def test_the_endpoint_answers_json(program: dict[str, Any]) -> None:
    app = FastAPI()
    app.include_router(program["router"])
    rows = program["X_new"].to_numpy().tolist()

    answer = asyncio.run(_posted(app, "/predict", {"features": rows}))

    assert answer.json() == {"prediction": program["predictions"].tolist()}


def test_the_tracker_tells_what_was_logged(program: dict[str, Any]) -> None:
    assert program["summary"]["model_types"] == {"credit_risk": 1, "fraud_detection": 1}
    assert program["table"].index.tolist() == [program["run_id"], program["fraud_run_id"]]


def test_a_second_model_waits_for_evidence(program: dict[str, Any]) -> None:
    from finrisk.monitoring.mlflow_tracker import register_model_to_production

    with pytest.warns(HoldWarning, match="HOLD: credit_risk_model version 2 is registered"):
        version = register_model_to_production(program["fraud_run_id"], "credit_risk_model")

    assert version == 2
    assert model_registry.load_production_model("credit_risk_model").algorithm == "random_forest"


async def _posted(app: FastAPI, path: str, document: dict[str, Any]) -> httpx.Response:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
        return await client.post(path, json=document)
