"""Every pod of deploy/kubernetes: of its manifests, and as the chart makes it of our values."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from deploy.compose_file import read_compose

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDER = REPOSITORY / "deploy" / "kubernetes"
DOCS = (REPOSITORY / "docs" / "kubernetes.md").read_text(encoding="utf-8")
COMPOSE = read_compose(
    REPOSITORY / "docker-compose.yaml", {"FINRISK_UID": "10001", "FINRISK_GID": "10001"}
)
VALUES: dict[str, Any] = yaml.safe_load((FOLDER / "airflow-values.yaml").read_text())

FILES = sorted(
    path
    for path in FOLDER.glob("*.yaml")
    if path.name not in {"kustomization.yaml", "airflow-values.yaml"}
)
RESOURCES: list[dict[str, Any]] = [
    document for path in FILES for document in yaml.safe_load_all(path.read_text())
]


def of_kind(kind: str) -> dict[str, dict[str, Any]]:
    return {one["metadata"]["name"]: one for one in RESOURCES if one["kind"] == kind}


CONFIG = {name: one["data"] for name, one in of_kind("ConfigMap").items()}


@dataclass(frozen=True)
class Pod:
    """A pod as Kubernetes gets it; one of the chart's, as its templates make it of the values."""

    name: str
    labels: dict[str, str]
    spec: dict[str, Any]

    @property
    def main(self) -> dict[str, Any]:
        return self.spec["containers"][0]

    @property
    def containers(self) -> list[dict[str, Any]]:
        return [*self.spec.get("initContainers", []), *self.spec["containers"]]

    @property
    def environment(self) -> dict[str, str]:
        taken = [CONFIG[one["configMapRef"]["name"]] for one in self.main.get("envFrom", [])]
        own = {one["name"]: one["value"] for one in self.main.get("env", [])}
        return {key: value for data in [*taken, own] for key, value in data.items()}

    def secret_items(self, *secrets: str) -> set[str]:
        """Return the keys of these Secrets that it mounts; ``*``: all there are."""
        found = set()
        for volume in self.spec["volumes"]:
            own = [volume["secret"]] if "secret" in volume else []
            parts = [part["secret"] for part in volume.get("projected", {}).get("sources", [])]
            for one in [*own, *parts]:
                if one.get("secretName", one.get("name")) in secrets:
                    found |= {item["key"] for item in one.get("items", [{"key": "*"}])}
        return found

    def secrets_at(self, path: str) -> dict[str, int]:
        """Return the Secrets that it mounts at a folder, and the mode of their files."""
        (mounted,) = (one for one in self.main["volumeMounts"] if one["mountPath"] == path)
        (volume,) = (one for one in self.spec["volumes"] if one["name"] == mounted["name"])
        if "secret" in volume:
            return {volume["secret"]["secretName"]: volume["secret"]["defaultMode"]}
        parts = volume["projected"]["sources"]
        return {part["secret"]["name"]: volume["projected"]["defaultMode"] for part in parts}

    @property
    def claims(self) -> dict[str, str]:
        """From where it mounts a claim to the claim's name."""
        claimed = {
            volume["name"]: volume["persistentVolumeClaim"]["claimName"]
            for volume in self.spec["volumes"]
            if "persistentVolumeClaim" in volume
        }
        mounts = self.main["volumeMounts"]
        return {one["mountPath"]: claimed[one["name"]] for one in mounts if one["name"] in claimed}


def pod_of(resource: dict[str, Any]) -> Pod:
    template = resource["spec"]
    while "containers" not in template.get("spec", {}):
        template = template.get("template") or template["jobTemplate"]["spec"]["template"]
    return Pod(resource["metadata"]["name"], template["metadata"]["labels"], template["spec"])


PART = {"apiServer": "api-server", "dagProcessor": "dag-processor", "workers": "worker"}


def chart_pod(component: str) -> Pod:
    told = VALUES[component] | VALUES[component].get("celery", {})
    part = PART.get(component, component)
    common = {
        "image": "{repository}:{tag}".format(**VALUES["images"]["airflow"]),
        "envFrom": yaml.safe_load(VALUES["extraEnvFrom"]),
        "resources": told["resources"],
        "volumeMounts": [
            *VALUES["volumeMounts"],
            *told.get("extraVolumeMounts", []),
            {"name": "logs", "mountPath": f"{VALUES['airflowHome']}/logs"},
        ],
    }
    wait = told["waitForMigrations"]["securityContexts"]["container"]
    claim = {"claimName": VALUES["logs"]["persistence"]["existingClaim"]}
    spec = {
        "automountServiceAccountToken": told["serviceAccount"]["automountServiceAccountToken"],
        "securityContext": told["securityContexts"]["pod"],
        "initContainers": [{"name": "wait-for-migrations", "securityContext": wait, **common}],
        "containers": [{"name": part, **chart_container(told), **common}],
        "volumes": [
            *VALUES["volumes"],
            *told.get("extraVolumes", []),
            {"name": "logs", "persistentVolumeClaim": claim},
        ],
    }
    labels = {"tier": "airflow", "release": "airflow", "component": part}
    return Pod(f"airflow-{part}", labels, spec)


def chart_container(told: dict[str, Any]) -> dict[str, Any]:
    probe = told.get("livenessProbe", {}).get("command")
    return {
        "command": told["command"],
        "args": told["args"],
        "env": told.get("env", []),
        "securityContext": told["securityContexts"]["container"],
        **({"livenessProbe": {"exec": {"command": probe}}} if probe else {}),
    }


OURS = [pod_of(one) for one in RESOURCES if one["kind"] in {"Deployment", "Job", "CronJob"}]
OF_THE_CHART = [
    chart_pod(one) for one in ("apiServer", "scheduler", "dagProcessor", "triggerer", "workers")
]
PODS = {pod.name: pod for pod in [*OURS, *OF_THE_CHART]}
