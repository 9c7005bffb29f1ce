"""A real Prometheus scrapes the real exporter over a full ledger; every panel shows something."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from finrisk.ledger.migrate import migrate
from finrisk.ledger.readings import State
from finrisk.ledger.store import Ledger
from finrisk.pipelines.exporter.declared import METRICS, Metric
from finrisk.records import PromotionKind
from tests.ledger.factories import AT, force, version
from tests.pipelines.exporter.filled import fill, keep_quality, readings_of
from tests.services.harness import until
from tests.services.watchers import DEPLOY, exporter, prometheus, query, with_servers

pytestmark = with_servers
MODELS = ("credit_risk", "fraud")
CHOSEN = {"$tenant": ".+", "$model": ".+", "$__rate_interval": "1m"}
DRIFTED = 'ALERTS{alertname="FinRiskScoreDrift", alertstate="firing"}'
BOARDS = sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))
PANELS = [
    pytest.param(target["expr"], id=f"{path.stem}-{panel['title']}-{target['refId']}")
    for path in BOARDS
    for panel in json.loads(path.read_text())["panels"]
    for target in panel.get("targets", [])
]


def chosen(expression: str) -> str:
    for name, value in CHOSEN.items():
        expression = expression.replace(name, value)
    return expression


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("watched")
    url = f"sqlite:///{folder}/ledger.db"
    migrate(url)
    today = datetime.now(UTC).date()  # Prometheus has no other, and old readings are no alert
    fill(url, MODELS, nights=3, newest=today)
    drifted = {"value": 0.31, "state": State.ALARM}
    with Ledger(url, "live") as ledger:
        ledger.keep_readings("fraud", readings_of("fraud", today, **drifted), AT)
        for model in MODELS:
            force(ledger, version(1, model=model), idem_key=f"1 {model}")
            force(ledger, version(2, model=model), idem_key=f"2 {model}")
            back = {"kind": PromotionKind.ROLLBACK, "idem_key": f"3 {model}"}
            force(ledger, version(1, model=model), **back)
            keep_quality(folder / "store", model, day=today)
    return folder


@pytest.fixture(scope="module")
def url(home: Path) -> Iterator[str]:
    with exporter(home) as target, prometheus(home, target) as address:
        until(lambda: query(address, DRIFTED), "the alert of a drift that is in the ledger")
        yield address


def test_the_exporter_is_scraped(url: str) -> None:
    (up,) = query(url, 'up{job="finrisk"}')

    assert up["value"][1] == "1"


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_every_metric_arrives_with_the_help_and_the_kind_it_is_declared_with(
    url: str, metric: Metric
) -> None:
    name = metric.name.removesuffix("_total")  # in OpenMetrics a counter's own name has it not
    told = httpx.get(f"{url}/api/v1/metadata", params={"metric": name}).json()["data"]

    (found,) = told[name]
    assert (found["type"], found["help"]) == (metric.kind, metric.help)


@pytest.mark.parametrize("expression", PANELS)
def test_every_query_of_a_dashboard_returns_series(url: str, expression: str) -> None:
    assert query(url, chosen(expression))


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_marks_and_choices_of_a_dashboard_are_queries_that_prometheus_understands(
    url: str, path: Path
) -> None:
    document = json.loads(path.read_text())

    for mark in document["annotations"]["list"]:
        query(url, chosen(mark["expr"]))
    for choice in document["templating"]["list"]:
        series, label = re.fullmatch(r"label_values\((.+), (\w+)\)", choice["definition"]).groups()  # type: ignore[union-attr]
        assert {one["metric"][label] for one in query(url, chosen(series))}


def test_an_alarm_in_the_ledger_is_an_alert_that_fires_and_a_quiet_model_has_none(
    url: str,
) -> None:
    (alert,) = query(url, DRIFTED)

    labels = {"tenant": "live", "model": "fraud", "version": "1", "asks": "rerun"}
    assert labels.items() <= alert["metric"].items()
