"""The dashboards as Grafana reads them: a shape, places that do not overlap, names that exist."""

from __future__ import annotations

import json
import re
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import yaml
from pydantic import BaseModel, ConfigDict, Field

from finrisk.pipelines.exporter.declared import METRICS

GRAFANA = Path(__file__).resolve().parents[2] / "deploy" / "grafana"
BOARDS = sorted((GRAFANA / "dashboards").glob("*.json"))
DATASOURCE = "finrisk-prometheus"
COLUMNS = 24
# of Grafana's list of units, those in use: an unknown one is shown as plain text behind the figure
Unit = Literal["none", "short", "s", "percentunit", "bytes", "dateTimeAsIso"]


class Shape(BaseModel):
    """What is read strictly; Grafana has many more fields, which it fills itself."""

    model_config = ConfigDict(strict=True, extra="ignore")


class Source(Shape):
    type: Literal["prometheus"]
    uid: Literal["finrisk-prometheus"]


class Target(Shape):
    ref: Annotated[str, Field(alias="refId", pattern=r"^[A-Z]$")]
    datasource: Source
    expr: Annotated[str, Field(min_length=1)]


class Place(Shape):
    x: Annotated[int, Field(ge=0, lt=COLUMNS)]
    y: Annotated[int, Field(ge=0)]
    w: Annotated[int, Field(ge=1, le=COLUMNS)]
    h: Annotated[int, Field(ge=1)]


class Defaults(Shape):
    unit: Unit


class FieldConfig(Shape):
    defaults: Defaults
    overrides: list[Any]


class Row(Shape):
    id: int
    type: Literal["row"]
    title: str
    place: Annotated[Place, Field(alias="gridPos")]


class Panel(Shape):
    id: int
    type: Literal["timeseries", "stat", "table", "state-timeline"]
    title: Annotated[str, Field(min_length=3)]
    description: Annotated[str, Field(min_length=10)]
    datasource: Source
    place: Annotated[Place, Field(alias="gridPos")]
    targets: Annotated[list[Target], Field(min_length=1)]
    fields: Annotated[FieldConfig, Field(alias="fieldConfig")]
    options: dict[str, Any]


class Variable(Shape):
    name: Literal["tenant", "model"]
    type: Literal["query"]
    datasource: Source


class Templating(Shape):
    variables: Annotated[list[Variable], Field(alias="list")]


class Board(Shape):
    uid: Annotated[str, Field(pattern=r"^[a-z][a-z-]{0,39}$")]
    title: Annotated[str, Field(pattern=r"^FinRisk: ")]
    schema_version: Annotated[int, Field(alias="schemaVersion", ge=36)]
    editable: Literal[False]
    templating: Templating
    panels: list[Annotated[Row | Panel, Field(discriminator="type")]]


def board(path: Path) -> Board:
    return Board.model_validate_json(path.read_text(encoding="utf-8"))


def overlap(one: Place, other: Place) -> bool:
    beside = one.x + one.w <= other.x or other.x + other.w <= one.x
    above = one.y + one.h <= other.y or other.y + other.h <= one.y
    return not beside and not above


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_a_dashboard_has_the_shape_that_grafana_reads(path: Path) -> None:
    found = board(path)

    ids = [panel.id for panel in found.panels]
    assert found.uid == path.stem
    assert len(ids) == len(set(ids))
    assert all(panel.place.x + panel.place.w <= COLUMNS for panel in found.panels)
    pairs = combinations(found.panels, 2)
    assert not [(a.title, b.title) for a, b in pairs if overlap(a.place, b.place)]
    for panel in found.panels:
        refs = [target.ref for target in getattr(panel, "targets", [])]
        assert len(refs) == len(set(refs)), panel.title


def test_uids_and_titles_are_one_dashboards_own() -> None:
    boards = [board(path) for path in BOARDS]

    assert len({one.uid for one in boards}) == len({one.title for one in boards}) == 3


def test_every_metric_is_on_a_dashboard_and_every_query_is_of_an_exported_one() -> None:
    shown: set[str] = set()
    for path in BOARDS:
        text = json.dumps(json.loads(path.read_text(encoding="utf-8")))
        shown |= set(re.findall(r"\bfinrisk_[a-z_]+\b", text))

    assert shown == {metric.name for metric in METRICS}


def test_a_query_of_a_models_metric_keeps_to_the_chosen_models() -> None:
    of_models = {metric.name for metric in METRICS if "model" in metric.labels}
    for path in BOARDS:
        for panel in board(path).panels:
            for target in getattr(panel, "targets", []):
                for name, rest in re.findall(r"\b(finrisk_[a-z_]+)\b(\{[^}]*)?", target.expr):
                    if name in of_models:
                        assert 'tenant=~"$tenant", model=~"$model"' in rest, target.expr


def test_the_datasource_is_provisioned_under_the_uid_that_the_dashboards_know() -> None:
    folder = GRAFANA / "provisioning"
    sources = yaml.safe_load((folder / "datasources" / "finrisk.yaml").read_text())
    provider = yaml.safe_load((folder / "dashboards" / "finrisk.yaml").read_text())

    assert [source["uid"] for source in sources["datasources"]] == [DATASOURCE]
    assert provider["providers"][0]["allowUiUpdates"] is False
