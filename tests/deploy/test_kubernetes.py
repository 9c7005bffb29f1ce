"""deploy/kubernetes: valid by Kubernetes' schemas and the chart's keys, and compose's topology."""

from __future__ import annotations

import copy
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jsonschema
import kubernetes_validate
import pytest
import yaml

from deploy.compose_file import Service
from tests.deploy.kubernetes_pods import (
    COMPOSE,
    CONFIG,
    DOCS,
    FOLDER,
    OF_THE_CHART,
    OURS,
    PODS,
    REPOSITORY,
    RESOURCES,
    VALUES,
    Pod,
    of_kind,
)

CHART_SCHEMA = json.loads(Path(__file__).with_name("airflow_chart_schema.json").read_text())
VERSIONS = ("1.33", "1.37")  # the oldest and the newest that the validator brings
KUBECTL = shutil.which("kubectl")
IN_THE_IMAGE = "/opt/finrisk/"
IN_COMPOSE = [name for name in PODS if name in COMPOSE.services]
OUR_SERVERS = [pod.name for pod in OURS if getattr(COMPOSE.services.get(pod.name), "ports", ())]


def test_nothing_of_compose_is_forgotten_but_what_a_cluster_has_already() -> None:
    assert set(COMPOSE.services) - set(PODS) == {
        "postgres",
        "prometheus",
        "alertmanager",
        "grafana",
    }
    assert set(PODS) - set(COMPOSE.services) == {"backup"}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "resource", RESOURCES, ids=lambda one: f"{one['kind']}-{one['metadata']['name']}"
)
def test_a_manifest_is_what_kubernetes_knows(resource: dict[str, Any], version: str) -> None:
    assert kubernetes_validate.validate(resource, version, strict=True) == version


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("pod", OF_THE_CHART, ids=lambda pod: pod.name)
def test_what_the_chart_passes_on_is_what_kubernetes_knows(pod: Pod, version: str) -> None:
    made = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": pod.name}, "spec": pod.spec}

    assert kubernetes_validate.validate(made, version, strict=True) == version


def test_the_validator_refuses_a_word_that_kubernetes_does_not_know() -> None:
    wrong = copy.deepcopy(of_kind("Deployment")["scoring"])
    wrong["spec"]["template"]["spec"]["runAsNonRoot"] = True  # belongs one level deeper

    with pytest.raises(kubernetes_validate.ValidationError, match="runAsNonRoot"):
        kubernetes_validate.validate(wrong, VERSIONS[-1], strict=True)


def kustomized(folder: Path) -> list[dict[str, Any]]:
    done = subprocess.run(
        ["kubectl", "kustomize", str(folder)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


@pytest.mark.skipif(KUBECTL is None, reason="no kubectl here")
def test_kustomize_takes_every_file_into_one_namespace() -> None:
    made = kustomized(FOLDER)

    def names(these: list[dict[str, Any]]) -> list[tuple[str, str]]:
        return sorted((one["kind"], one["metadata"]["name"]) for one in these)

    assert names(made) == names(RESOURCES)
    namespaces = {one["metadata"].get("namespace") for one in made if one["kind"] != "Namespace"}
    assert namespaces == {"finrisk"} == set(of_kind("Namespace"))


@pytest.mark.skipif(KUBECTL is None, reason="no kubectl here")
def test_the_overlay_of_the_docs_names_your_registry_and_your_database(tmp_path: Path) -> None:
    (overlay,) = re.findall(r"```yaml\n(# kustomization\.yaml\n.*?)```", DOCS, re.S)
    base = os.path.relpath(FOLDER, tmp_path)
    told = overlay.replace("../finrisk/deploy/kubernetes", base)
    (tmp_path / "kustomization.yaml").write_text(told)

    made = kustomized(tmp_path)

    text = yaml.safe_dump_all(made)
    images = set(re.findall(r"image: (\S+)", text))
    (postgres,) = (
        one for one in made if one["kind"] == "Service" and one["metadata"]["name"] == "postgres"
    )
    assert base in told
    assert {one for one in images if "finrisk" in one} == {"registry.example.com/finrisk:0.1.0"}
    assert postgres["spec"]["externalName"] == "postgres.example.com"
    assert ".invalid" not in text


def test_the_values_are_keys_of_the_chart_and_of_their_types() -> None:
    jsonschema.Draft202012Validator.check_schema(CHART_SCHEMA)

    jsonschema.validate(VALUES, CHART_SCHEMA)


@pytest.mark.parametrize(
    "change",
    [
        {"webserver": {"replicas": 1}},  # Airflow 2
        {"airflowVersion": 3.3},
        {"apiServer": {"replicas": "1"}},
        {"apiServer": {"livenessProbe": {"command": ["true"]}}},  # asks by HTTP alone
        {"scheduler": {"args": "airflow scheduler"}},
        {"workers": {"celery": {"livenessprobe": {}}}},
        {"createUserJob": {"enabled": False, "defaultUser": {"password": "admin"}}},
        {"data": {"metadataConnection": {"pass": "postgres"}}},
        {"fernetKey": "0123"},
    ],
)
def test_the_schema_refuses_what_the_chart_would_ignore_or_keep_in_the_open(
    change: dict[str, Any],
) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(VALUES | change, CHART_SCHEMA)


def test_the_chart_makes_no_secret_no_user_and_no_server_of_its_own() -> None:
    off = ("postgresql", "redis", "statsd", "pgbouncer", "flower")
    jobs = ("migrateDatabaseJob", "createUserJob")

    assert not any(VALUES["enableBuiltInSecretEnvVars"].values())
    assert set(VALUES["enableBuiltInSecretEnvVars"]) == set(
        CHART_SCHEMA["properties"]["enableBuiltInSecretEnvVars"]["properties"]
    )
    assert [VALUES[one] for one in (*off, *jobs)] == [{"enabled": False}] * 7
    made_by_the_chart = [*VALUES["data"].values(), *(v for k, v in VALUES.items() if "Secret" in k)]
    assert {one for one in made_by_the_chart if isinstance(one, str)} == {"finrisk-secrets"}
    assert VALUES["rbac"] == {"create": False}
    assert VALUES["networkPolicies"] == {"enabled": True}


def test_no_part_of_the_chart_runs_a_script_of_the_official_image() -> None:
    assert "/entrypoint" not in yaml.safe_dump(VALUES)
    for component in ("scheduler", "dagProcessor", "triggerer", "workers"):
        assert VALUES[component]["logGroomerSidecar"] == {"enabled": False}
    for pod in OF_THE_CHART:
        assert "livenessProbe" in pod.main or pod.name == "airflow-api-server"


def test_versions_are_those_of_the_lock_and_of_compose() -> None:
    lock = (REPOSITORY / "requirements-server.lock").read_text()
    (airflow,) = re.findall(r"^apache-airflow==(\S+)", lock, re.M)
    header = (FOLDER / "airflow-values.yaml").read_text()

    assert VALUES["airflowVersion"] == airflow
    assert VALUES["airflowHome"] == COMPOSE.services["airflow-worker"].environment["AIRFLOW_HOME"]
    (installed,) = re.findall(r"--version (\S+)", header)
    assert re.findall(r"--version (\d\S+)", DOCS) == [installed]


@pytest.mark.parametrize("name", IN_COMPOSE)
def test_a_pod_runs_what_compose_runs(name: str) -> None:
    pod, service = PODS[name], COMPOSE.services[name]

    assert [*pod.main.get("command", []), *pod.main["args"]] == list(service.command)
    assert {one["image"] for one in pod.containers} == {service.image}


@pytest.mark.parametrize("name", IN_COMPOSE)
def test_a_pod_has_composes_settings_and_secrets(name: str) -> None:
    pod, service = PODS[name], COMPOSE.services[name]
    expected = dict(service.environment)
    if name == "mlflow":
        expected["MLFLOW_AUTH_CONFIG_PATH"] = in_the_image(service, "/etc/mlflow/auth.ini")

    assert pod.environment == expected
    assert pod.secret_items("finrisk-secrets") == set(service.secrets)


def in_the_image(service: Service, mounted: str) -> str:
    """Return where the image has what compose mounts from the checkout."""
    (source,) = (one.source for one in service.mounts if one.target == mounted)
    relative = source.removeprefix("./")
    dockerfile = (REPOSITORY / "deploy/docker/Dockerfile").read_text()
    assert (REPOSITORY / relative).is_file()
    assert "WORKDIR /opt/finrisk\n" in dockerfile
    assert f"COPY {relative.split('/')[0]} ./" in dockerfile
    return IN_THE_IMAGE + relative


@pytest.mark.parametrize("name", IN_COMPOSE)
def test_a_pod_keeps_what_compose_keeps_and_forgets_what_it_forgets(name: str) -> None:
    pod, service = PODS[name], COMPOSE.services[name]
    kept = {
        one.target: one.source
        for one in service.mounts
        if one.is_volume and one.source not in {"keys", "signing", "alerts"}  # Secrets
    }
    scratch = {one["name"] for one in pod.spec["volumes"] if "emptyDir" in one}
    paths = {one["mountPath"] for one in pod.main["volumeMounts"] if one["name"] in scratch}

    assert pod.claims == kept
    assert set(service.scratch) <= paths


@pytest.mark.parametrize("name", OUR_SERVERS)
def test_a_pod_is_asked_for_its_health_where_compose_asks(name: str) -> None:
    main, check = PODS[name].main, COMPOSE.services[name].healthcheck
    alive, ready = main["livenessProbe"], main["readinessProbe"]
    if "exec" in alive:
        assert alive["exec"]["command"] == ready["exec"]["command"] == list(check)
        return
    (address,) = (urlsplit(word) for word in check if word.startswith("http://"))
    port = next(one["containerPort"] for one in main["ports"] if one["name"] == "http")

    probes = [main["startupProbe"], alive, ready]
    paths = [address.path, address.path, "/readyz" if name == "scoring" else address.path]
    assert port == address.port
    assert [one["httpGet"]["port"] for one in probes] == ["http"] * 3
    assert [one["httpGet"]["path"] for one in probes] == paths
    if name == "mlflow":  # it answers to the names it allows, and kubelet knows an address
        allowed = next(one for one in main["args"] if one.startswith("--allowed-hosts="))
        hosts = [one["httpGet"]["httpHeaders"] for one in probes]
        assert hosts == [[{"name": "Host", "value": f"127.0.0.1:{port}"}]] * 3
        assert f"127.0.0.1:{port}" in allowed.partition("=")[2].split(",")


@pytest.mark.parametrize("name", ["airflow-scheduler", "airflow-worker", "airflow-trainer"])
def test_airflow_is_asked_for_its_health_as_compose_asks(name: str) -> None:
    command = PODS[name].main["livenessProbe"]["exec"]["command"]

    assert command == list(COMPOSE.services[name].healthcheck)


@pytest.mark.parametrize("name", OUR_SERVERS)
def test_a_service_has_composes_name_and_ports(name: str) -> None:
    service = of_kind("Service")[name]
    ports = {one["port"] for one in service["spec"]["ports"] if one.get("protocol") != "UDP"}

    assert ports == set(COMPOSE.services[name].ports)
    assert service["spec"]["selector"].items() <= PODS[name].labels.items()
    assert service["spec"].get("type", "ClusterIP") == "ClusterIP"


def test_the_mapping_of_airflows_metrics_is_the_shipped_one() -> None:
    shipped = (REPOSITORY / "deploy" / "statsd" / "mapping.yml").read_text()

    assert CONFIG["statsd-mapping"]["mapping.yml"] == shipped
