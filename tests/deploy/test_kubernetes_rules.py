"""deploy/kubernetes: what a pod may do, which secrets and keys it sees, and whom it reaches."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy import make_secrets
from finrisk.key_file import others_may_use
from finrisk.pipelines.backup.packing import is_archive
from finrisk.serving.api_keys import KEYS_FILE, add_key, revoke_key
from finrisk.serving.key_ring import KeyRing
from finrisk.serving.problems import Refused
from tests.deploy.kubernetes_pods import (
    COMPOSE,
    DOCS,
    OURS,
    PODS,
    REPOSITORY,
    VALUES,
    of_kind,
)

PINNED = re.compile(r"[\w./-]+:v?\d+\.\d+(\.\d+)?[\w.-]*")
SECRET = re.compile(r"PASSWORD|SECRET(?!S_FOLDER)|KEY$|_CONN$|BROKER_URL$|RESULT_BACKEND$")
SERVED_ELSEWHERE = {"postgres_password", "grafana_admin_password"}  # your PostgreSQL and Grafana
EDGE, MONITORING = "finrisk/edge", "finrisk/monitoring"
SCALER, BUDGET = "HorizontalPodAutoscaler", "PodDisruptionBudget"
POLICIES = of_kind("NetworkPolicy")
ASK_MLFLOW = {name for name, pod in PODS.items() if "MLFLOW_TRACKING_USERNAME" in pod.environment}
INGRESS_OF_THE_CHART: dict[str, Any] = {  # as its template makes it of the values
    "spec": {
        "podSelector": {"matchLabels": PODS["airflow-api-server"].labels},
        "policyTypes": ["Ingress"],
        "ingress": [{"from": VALUES["apiServer"]["networkPolicy"]["ingress"]["from"], "ports": []}],
    }
}


@pytest.mark.parametrize("name", PODS)
def test_a_pod_may_do_no_more_than_it_must(name: str) -> None:
    pod = PODS[name]
    around = pod.spec["securityContext"]

    assert pod.spec["automountServiceAccountToken"] is False
    assert around["runAsNonRoot"] is True
    assert around["runAsUser"] == around["runAsGroup"] == around["fsGroup"] == 10001
    assert around["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.spec.keys()
    assert not any("hostPath" in volume for volume in pod.spec["volumes"])
    for container in pod.containers:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert PINNED.fullmatch(container["image"]), container["image"]
        assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
        assert "memory" in container["resources"]["limits"]


@pytest.mark.parametrize("name", PODS)
def test_a_mount_has_its_volume_and_a_claim_is_claimed(name: str) -> None:
    pod = PODS[name]
    volumes = [one["name"] for one in pod.spec["volumes"]]
    mounted = {one["name"] for each in pod.containers for one in each.get("volumeMounts", [])}

    assert len(volumes) == len(set(volumes))
    assert mounted == set(volumes)
    assert set(pod.claims.values()) <= set(of_kind("PersistentVolumeClaim"))


@pytest.mark.parametrize("name", PODS)
def test_a_secret_is_a_file_and_never_a_value(name: str) -> None:
    pod = PODS[name]
    written = yaml.safe_dump(pod.spec)
    values = {key for key in pod.environment if SECRET.search(key)}

    assert "secretKeyRef" not in written
    assert "secretRef" not in written
    assert all(key.endswith(("_FILE", "_CMD")) for key in values)
    read = set(re.findall(r"/run/secrets/(\w+)", written + str(pod.environment)))
    assert read <= pod.secret_items("finrisk-secrets"), "a secret that is read and not mounted"
    assert pod.secret_items("finrisk-secrets") <= set(make_secrets.NAMES)
    assert not re.search(r"://[^@/\s|]+:[^&@/\s]+@", written + str(pod.environment))


def test_the_repository_holds_no_secret_and_each_that_is_made_is_used() -> None:
    used = {one for pod in PODS.values() for one in pod.secret_items("finrisk-secrets")}

    assert not of_kind("Secret")
    assert set(make_secrets.NAMES) - used == SERVED_ELSEWHERE


@pytest.mark.parametrize("name", PODS)
def test_only_what_trains_holds_the_signing_key_and_a_pod_sees_the_keys_it_needs(name: str) -> None:
    signs = {"first-start", "airflow-trainer"}
    expected = {
        "first-start": {"signing.pub.pem", "row-hash.key", "alerts.token"},
        "airflow-trainer": {"signing.pub.pem"},
        "airflow-worker": {"signing.pub.pem", "row-hash.key"},
        "airflow-api-server": {"alerts.token", "alerts.previous.token"},
        "scoring": {"signing.pub.pem", "row-hash.key", "api-keys.json"},
        "dashboard": {"signing.pub.pem", "promoters.json"},
        "backup": {"signing.pub.pem"},
    }
    pod = PODS[name]

    assert pod.secret_items("finrisk-signing") == ({"signing.pem"} if name in signs else set())
    assert pod.secret_items("finrisk-keys") == expected.get(name, set())
    used = pod.secret_items("finrisk-secrets", "finrisk-signing", "finrisk-keys")
    assert "*" not in used
    named = set(re.findall(r"'(?:secretName|name)': '(finrisk-\w+)'", str(pod.spec["volumes"])))
    assert named <= {"finrisk-secrets", "finrisk-signing", "finrisk-keys"}


def test_the_docs_make_the_secrets_that_the_pods_mount() -> None:
    told = {
        name: set(re.findall(r"--from-file=(?:keys|signing)/(\S+)", rest))
        for name, rest in re.findall(r"create secret generic (\S+) (--from(?:.*\\\n)*.*)", DOCS)
    }

    mounted = {
        name: {one for pod in PODS.values() for one in pod.secret_items(name)} for name in told
    }
    assert set(told) == {"finrisk-secrets", "finrisk-signing", "finrisk-keys"}
    assert told["finrisk-signing"] == mounted["finrisk-signing"] == {"signing.pem"}
    later = {"alerts.previous.token"}
    assert told["finrisk-keys"] == mounted["finrisk-keys"] - later
    assert "--from-file=secrets/" in DOCS


def test_the_docs_say_who_each_pod_is_to_mlflow_and_what_it_may() -> None:
    rows = re.findall(r"^\| `(\S+)` \| `(\w+)`.* \| (\S+)[^|]* \| (yes|no) \|$", DOCS, re.M)
    told = {
        name: (account, signs != "no", leaves == "yes") for name, account, signs, leaves in rows
    }

    assert told == {
        name: (
            PODS[name].environment["MLFLOW_TRACKING_USERNAME"],
            bool(PODS[name].secret_items("finrisk-signing")),
            name in selected(POLICIES["workers-out"]),
        )
        for name in ASK_MLFLOW
    }


def test_who_signs_can_promote_nothing() -> None:
    (promoter,) = (one for one in make_secrets.NAMES if "promoter" in one)
    signs, promotes = (
        {name for name, pod in PODS.items() if pod.secret_items(secret) & {item}}
        for secret, item in (("finrisk-signing", "signing.pem"), ("finrisk-secrets", promoter))
    )

    assert signs & promotes == {"first-start"}


@pytest.mark.parametrize("name", PODS)
def test_keys_are_mounted_where_they_are_looked_for_and_are_not_too_open(name: str) -> None:
    pod = PODS[name]
    user = pod.spec["securityContext"]["runAsUser"]
    places = {"finrisk-keys": "FINRISK_KEYS", "finrisk-signing": "FINRISK_SIGNING_KEYS"}

    assert all("subPath" not in one for one in pod.main.get("volumeMounts", []))  # never updated
    for secret, setting in places.items():
        if pod.secret_items(secret):
            mounted = pod.secrets_at(pod.environment[setting])
            status = os.stat_result((mounted[secret], 0, 0, 1, 0, user, 0, 0, 0, 0))
            assert set(mounted) == {secret}
            assert not others_may_use(status, user)


def test_a_key_is_refused_once_kubelet_has_brought_the_secret(tmp_path: Path) -> None:
    # As kubelet does it: the file is a link through ..data, which is put at another folder.
    def brought(folder: Path) -> None:
        (tmp_path / "..new").symlink_to(folder.name)
        (tmp_path / "..new").replace(tmp_path / "..data")

    at = datetime(2026, 3, 1, tzinfo=UTC)
    before, after = tmp_path / "..one", tmp_path / "..two"
    key, _ = add_key(before, "loan-desk", tenant="live", at=at)
    shutil.copytree(before, after)
    revoke_key(after, "loan-desk", at=at)
    (tmp_path / KEYS_FILE).symlink_to(Path("..data", KEYS_FILE))
    ring = KeyRing(tmp_path, "live")

    brought(before)
    ring.refresh()
    assert ring.admit(key).name == "loan-desk"
    brought(after)
    ring.refresh()
    with pytest.raises(Refused):
        ring.admit(key)


def test_no_service_becomes_a_setting_of_finrisk() -> None:
    # The chart's pods get NAME_SERVICE_HOST of each; an unknown FINRISK_ name is refused.
    assert not any(name.startswith("finrisk") for name in of_kind("Service"))
    assert all(pod.spec["enableServiceLinks"] is False for pod in OURS)


def test_the_scoring_api_outlives_a_node() -> None:
    scaler, budget = (of_kind(kind)["scoring"]["spec"] for kind in (SCALER, BUDGET))
    scoring = of_kind("Deployment")["scoring"]["spec"]

    assert scaler["minReplicas"] >= 2
    assert "replicas" not in scoring, "an apply would undo what the autoscaler did"
    assert scoring["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert budget["maxUnavailable"] < scaler["minReplicas"]
    assert budget["selector"] == scoring["selector"]
    (spread,) = PODS["scoring"].spec["topologySpreadConstraints"]
    assert spread["labelSelector"] == scoring["selector"]
    finrisk = of_kind("PersistentVolumeClaim")["finrisk"]["spec"]
    assert finrisk["accessModes"] == ["ReadWriteMany"]


def test_each_backup_has_a_name_of_its_own() -> None:
    script = PODS["backup"].main["args"][-1]
    shown = script.replace("exec finrisk backup", "echo")

    named = subprocess.run(
        ["/bin/sh", "-c", shown], capture_output=True, text=True, check=True, timeout=60
    ).stdout.strip()

    assert shown != script
    assert re.fullmatch(r"/backups/finrisk-\d{4}-\d\d-\d\dT\d{6}Z\.tar\.gz", named)
    assert is_archive(Path(named))
    assert PODS["backup"].claims["/backups"] == "backups"


def selected(policy: dict[str, Any]) -> set[str]:
    return {pod.name for pod in PODS.values() if matches(policy["spec"]["podSelector"], pod.labels)}


def matches(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    inside = {"In": lambda value, of: value in of, "NotIn": lambda value, of: value not in of}
    return selector.get("matchLabels", {}).items() <= labels.items() and all(
        inside[one["operator"]](labels.get(one["key"]), one["values"])
        for one in selector.get("matchExpressions", [])
    )


def let_in(label: str) -> set[str]:
    """Return the pods that namespaces with this label reach."""
    peer = {"namespaceSelector": {"matchLabels": {label: "true"}}}
    return {
        name
        for policy in [*POLICIES.values(), INGRESS_OF_THE_CHART]
        for rule in policy["spec"].get("ingress", [])
        if peer in rule["from"]
        for name in selected(policy)
    }


def test_nothing_is_reached_that_no_policy_names() -> None:
    nothing = POLICIES["nothing"]["spec"]

    assert nothing == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for policy in [*POLICIES.values(), INGRESS_OF_THE_CHART]:
        for rule in policy["spec"].get("ingress", []):
            assert rule["from"], "an empty list lets everybody in"
            assert {} not in rule["from"]
            assert {"podSelector": {}} not in rule["from"]
            assert {"namespaceSelector": {}} not in rule["from"]


def test_people_reach_what_compose_publishes() -> None:
    published = {name for name, service in COMPOSE.services.items() if service.published}

    assert let_in(EDGE) == published & set(PODS)


def test_prometheus_reaches_what_it_scrapes_and_alertmanager_the_receiver() -> None:
    shipped = yaml.safe_load((REPOSITORY / "deploy/docker/prometheus.yml").read_text())
    targets = {
        target.rpartition(":")[0]: target.rpartition(":")[2]
        for job in shipped["scrape_configs"]
        for one in job["static_configs"]
        for target in one["targets"]
    }
    scraped = {name: port for name, port in targets.items() if name in PODS}

    assert let_in(MONITORING) == {*scraped, "airflow-api-server"}
    for name, port in scraped.items():
        annotations = of_kind("Deployment")[name]["spec"]["template"]["metadata"]["annotations"]
        assert annotations["prometheus.io/scrape"] == "true"
        assert annotations["prometheus.io/port"] == port


def test_only_workers_leave_and_only_what_needs_it_reaches_postgresql() -> None:
    out = {
        name: {
            block["ipBlock"]["cidr"]
            for rule in policy["spec"]["egress"]
            for block in rule["to"]
            if "ipBlock" in block
        }
        for name, policy in POLICIES.items()
        if "egress" in policy["spec"]
    }

    assert {name for name, blocks in out.items() if blocks} == {"to-postgres", "workers-out"}
    assert selected(POLICIES["workers-out"]) == {"airflow-worker"}
    assert out["workers-out"] == {"0.0.0.0/0"}
    (rule,) = POLICIES["to-postgres"]["spec"]["egress"]
    assert rule["ports"] == [{"protocol": "TCP", "port": 5432}]
    assert "0.0.0.0/0" not in out["to-postgres"]
    needs = {
        name
        for name, pod in PODS.items()
        if any("_db_" in one for one in pod.secret_items("finrisk-secrets"))
    }
    assert selected(POLICIES["to-postgres"]) == needs


@pytest.mark.parametrize(
    ("server", "port", "clients"),
    [
        ("redis", 6379, {"airflow-scheduler", "airflow-worker", "airflow-trainer"}),
        ("mlflow", 5000, ASK_MLFLOW),
        (
            "statsd-exporter",
            9125,
            {"airflow-scheduler", "airflow-dag-processor", "airflow-trainer"},
        ),
    ],
)
def test_who_asks_a_server_is_let_in(server: str, port: int, clients: set[str]) -> None:
    rules = [
        rule
        for policy in POLICIES.values()
        if policy["spec"].get("podSelector", {}).get("matchLabels", {})
        == {"app.kubernetes.io/name": server}
        for rule in policy["spec"].get("ingress", [])
        if port in {one["port"] for one in rule["ports"]}
    ]
    let = admitted(rules)

    assert clients <= let
    assert server != "mlflow" or let == clients, "who has no account need not knock"
    assert not let & {"exporter", "backup"}


def test_what_runs_tasks_reaches_airflows_execution_api() -> None:
    let = admitted(INGRESS_OF_THE_CHART["spec"]["ingress"])

    assert let >= {"airflow-worker", "airflow-trainer", "airflow-triggerer"}
    assert not let & {"scoring", "dashboard", "exporter", "mlflow"}


def admitted(rules: list[dict[str, Any]]) -> set[str]:
    """Return our pods that these rules let in."""
    return {
        pod.name
        for rule in rules
        for peer in rule["from"]
        if "podSelector" in peer
        for pod in PODS.values()
        if matches(peer["podSelector"], pod.labels)
    }
