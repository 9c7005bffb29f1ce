"""Rules, their cases, Alertmanager's routes, runbooks and the page of metrics hold together."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from finrisk.alerting import app as app_paths
from finrisk.cli import app
from finrisk.pipelines.exporter.declared import METRICS
from finrisk.specs.alerts import AlertClass

REPOSITORY = Path(__file__).resolve().parents[2]
PROMETHEUS = REPOSITORY / "deploy" / "prometheus"
RULES = PROMETHEUS / "rules" / "finrisk.yml"
CASES = sorted((PROMETHEUS / "rules" / "tests").glob("*.yml"))
ALERTMANAGER = REPOSITORY / "deploy" / "alertmanager" / "alertmanager.yml"
RUNBOOKS = REPOSITORY / "docs" / "runbooks"
PAGE = (REPOSITORY / "docs" / "prometheus.md").read_text(encoding="utf-8")
SECTIONS = ("What it means", "What to look at", "What to do", "When to silence it")
READ = re.compile(r"finrisk_monitor_(?:level|subjects)")
RECENT = (
    "and on (tenant, model, monitor) finrisk_monitor_as_of_timestamp_seconds > time() - 4 * 86400"
)

promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
amtool = pytest.mark.skipif(shutil.which("amtool") is None, reason="amtool is not installed")


def rules() -> dict[str, dict[str, Any]]:
    document = yaml.safe_load(RULES.read_text(encoding="utf-8"))
    found = [rule for group in document["groups"] for rule in group["rules"]]
    return {rule["alert"]: rule for rule in found}


ALERTS = sorted(rules())


def checked(*command: str) -> str:
    """Run a checking program; what it said, if it is content."""
    done = subprocess.run(
        command, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@promtool
def test_promtool_takes_the_configuration_and_its_rules() -> None:
    assert "SUCCESS" in checked("promtool", "check", "config", str(PROMETHEUS / "prometheus.yml"))
    assert f"{len(ALERTS)} rules" in checked("promtool", "check", "rules", str(RULES))


@promtool
@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_alerts_fire_when_they_should_and_only_then(case: Path) -> None:
    checked("promtool", "test", "rules", str(case))


@promtool
def test_a_rule_that_never_fires_would_be_noticed(tmp_path: Path) -> None:
    """The cases can fail: with every level raised out of reach none of them holds."""
    dull = re.sub(r"== 2\b", "== 7", RULES.read_text(encoding="utf-8"))
    (tmp_path / "finrisk.yml").write_text(dull)
    (tmp_path / "tests").mkdir()
    shutil.copy(RULES.parent / "tests" / "monitors.yml", tmp_path / "tests")

    done = subprocess.run(
        ["promtool", "test", "rules", str(tmp_path / "tests" / "monitors.yml")],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode != 0
    for alert in AlertClass:
        assert alert in done.stdout + done.stderr


@pytest.mark.parametrize("alert", ALERTS)
def test_every_alert_has_a_case_that_fires_and_one_that_does_not(alert: str) -> None:
    expected = [
        bool(case["exp_alerts"])
        for file in CASES
        for test in yaml.safe_load(file.read_text(encoding="utf-8"))["tests"]
        for case in test["alert_rule_test"]
        if case["alertname"] == alert
    ]

    assert set(expected) == {True, False}


@pytest.mark.parametrize("alert", ALERTS)
def test_every_alert_has_its_severity_its_patience_and_its_runbook(alert: str) -> None:
    rule = rules()[alert]

    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert "for" in rule or alert == "FinRiskRolledBack", "it would fire on one bad scrape"
    assert rule["annotations"]["runbook_url"] == f"docs/runbooks/{alert}.md"
    text = (RUNBOOKS / f"{alert}.md").read_text(encoding="utf-8")
    assert text.startswith(f"# {alert}\n\nSeverity: {rule['labels']['severity']}")
    assert [f"## {section}" in text for section in SECTIONS] == [True] * len(SECTIONS)


def test_there_is_no_runbook_of_an_alert_that_is_gone_and_the_page_lists_them_all() -> None:
    assert sorted(path.stem for path in RUNBOOKS.glob("*.md")) == ALERTS
    assert sorted(re.findall(r"^\| \[(\w+)\]\(runbooks/\1\.md\)", PAGE, re.MULTILINE)) == ALERTS


def test_exactly_the_alerts_that_may_ask_for_a_night_say_so() -> None:
    asking = {name for name, rule in rules().items() if rule["labels"].get("asks") == "rerun"}

    assert asking == set(AlertClass)


@pytest.mark.parametrize("alert", sorted(AlertClass))
def test_an_alert_that_asks_keeps_the_labels_that_the_receiver_needs(alert: str) -> None:
    assert "by (tenant, model, version)" in rules()[alert]["expr"]


def test_an_alert_that_asks_outlives_a_lost_scrape() -> None:
    outliving = {name for name, rule in rules().items() if "keep_firing_for" in rule}

    assert outliving == set(AlertClass)


def test_whatever_rests_on_readings_rests_on_new_ones() -> None:
    read = {name: rule["expr"] for name, rule in rules().items() if READ.search(rule["expr"])}

    assert len(read) == 8
    assert [name for name, expression in read.items() if RECENT not in expression] == []


def test_nothing_keeps_quiet_what_says_that_the_monitors_died() -> None:
    document = yaml.safe_load(ALERTMANAGER.read_text(encoding="utf-8"))
    targets = [matcher for rule in document["inhibit_rules"] for matcher in rule["target_matchers"]]

    assert all(re.match(r'alertname="\w+"$', target) for target in targets)
    assert 'alertname="FinRiskMonitorsSilent"' not in targets


def test_every_command_that_a_runbook_names_is_there() -> None:
    known = {command.name for command in app.registered_commands}
    known |= {group.name for group in app.registered_groups}
    pages = [*RUNBOOKS.glob("*.md"), REPOSITORY / "docs" / "prometheus.md"]
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)

    named = set(re.findall(r"(?:`|\$ )finrisk ([a-z-]+)", text))

    assert {"monitor", "history", "exporter"} <= named
    assert named <= known


def test_the_page_has_every_metric_with_its_labels_and_no_other() -> None:
    rows = re.findall(r"^\| `(finrisk_\w+)` \| [^|]+ \| ([^|]+) \| [^|]+ \|$", PAGE, re.MULTILINE)
    written = {name: tuple(re.findall(r"`(\w+)`", labels)) for name, labels in rows}

    assert written == {metric.name: metric.labels for metric in METRICS}


def test_every_metric_of_the_rules_and_their_cases_is_exported() -> None:
    declared = {metric.name for metric in METRICS}
    for file in (RULES, *CASES):
        used = set(re.findall(r"\bfinrisk_[a-z_]+\b", file.read_text(encoding="utf-8")))

        assert used, file
        assert used <= declared, file


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_a_metrics_name_says_its_kind(metric: Any) -> None:
    assert re.fullmatch(r"finrisk_[a-z]+(_[a-z]+)*", metric.name)
    assert metric.name.endswith("_total") == (metric.kind == "counter")


@amtool
def test_amtool_takes_the_configuration() -> None:
    assert "SUCCESS" in checked("amtool", "check-config", str(ALERTMANAGER))


@amtool
@pytest.mark.parametrize(
    ("labels", "receivers"),
    [
        (("severity=warning", "asks=rerun"), "rerun,people"),
        (("severity=critical", "asks=rerun"), "rerun,on-call"),
        (("severity=critical",), "on-call"),
        (("severity=warning",), "people"),
        (("severity=info",), "people"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else value,
)
def test_every_alert_reaches_people_and_those_that_ask_the_receiver_too(
    labels: tuple[str, ...], receivers: str
) -> None:
    routed = checked("amtool", "config", "routes", "test", f"--config.file={ALERTMANAGER}", *labels)

    assert routed.strip() == receivers


def test_the_receiver_is_given_the_token_from_a_file_and_is_asked_where_it_listens() -> None:
    document = yaml.safe_load(ALERTMANAGER.read_text(encoding="utf-8"))
    (webhook,) = document["receivers"][0]["webhook_configs"]

    assert webhook["url"].endswith(f"{app_paths.MOUNTED}{app_paths.ALERTS}")
    assert webhook["send_resolved"] is False
    assert set(webhook["http_config"]["authorization"]) == {"type", "credentials_file"}
    assert document["route"]["group_by"] == ["tenant", "model", "alertname"]
