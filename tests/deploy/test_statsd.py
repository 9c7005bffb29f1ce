"""The mapping of Airflow's metrics names what the installed Airflow really sends."""

from __future__ import annotations

import re
from pathlib import Path

import airflow
import pytest
import yaml

MAPPING = Path(__file__).resolve().parents[2] / "deploy" / "statsd" / "mapping.yml"
SENT = Path(airflow.__file__).parent / "_shared/observability/metrics/metrics_template.yaml"

mappings = yaml.safe_load(MAPPING.read_text(encoding="utf-8"))["mappings"]


def sent() -> dict[str, str]:
    """Every metric that Airflow declares, by its name as it is sent, and its type."""
    declared = yaml.safe_load(SENT.read_text(encoding="utf-8"))["metrics"]
    return {f"airflow.{one['name']}": one["type"] for one in declared}


def matches(pattern: str, name: str) -> bool:
    """As statsd_exporter's globs: a star is one part between dots."""
    return re.fullmatch(re.escape(pattern).replace(r"\*", "[^.]+"), name) is not None


@pytest.mark.parametrize("mapping", mappings, ids=lambda mapping: mapping["match"])
def test_a_pattern_is_of_metrics_that_airflow_declares(mapping: dict[str, str]) -> None:
    found = {name: kind for name, kind in sent().items() if matches(mapping["match"], name)}

    assert found
    if "match_metric_type" in mapping:
        assert set(found.values()) == {mapping["match_metric_type"]}
    if mapping["name"].endswith("_seconds"):
        assert set(found.values()) == {"timer"}


def test_names_are_prometheus_and_no_label_is_a_run() -> None:
    for mapping in mappings:
        assert re.fullmatch(r"[a-z_]+(\$\{1\})?[a-z_]*", mapping["name"])
        assert not {"run_id", "job_id", "try_number"} & set(mapping.get("labels", {}))
