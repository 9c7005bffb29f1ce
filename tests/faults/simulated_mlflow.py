"""An MLflow in memory that loses replies, goes away, and is played with by people in its UI.

Only what talks to MLflow's client is imitated. How a version gets its one number is FinRisk's own
:class:`Registration`, and the ledger and the promotion room above are the real ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from types import SimpleNamespace
from typing import Any

from finrisk.errors import ArtifactRejected, Unreachable
from finrisk.faults import KEPT_COPY, reach
from finrisk.records import ModelVersion, TrainedCandidate
from finrisk.tracking import tags
from finrisk.tracking.champion_registry import Condition
from finrisk.tracking.client import NOT_THERE
from finrisk.tracking.quiet_mlflow import MlflowException
from finrisk.tracking.registration import Registration


def not_there(what: str) -> MlflowException:
    missing = MlflowException(f"no {what}")
    missing.error_code = NOT_THERE
    return missing


@dataclass
class SimulatedMlflow:
    """Versions, aliases and artifacts; each call may fail before its effect, or after it."""

    rng: Random
    faults: float = 0.0  # the share of calls that fail
    away: bool = False
    versions: dict[int, Any] = field(default_factory=dict)
    aliases: dict[str, int] = field(default_factory=dict)
    artifacts: dict[str, str] = field(default_factory=dict)  # model URI to sha256, as it lies there
    last: int = 0

    def __post_init__(self) -> None:
        self.lost = False

    def arrives(self) -> None:
        """Begin a call: it may not arrive; and if it does, its reply may be lost."""
        self.lost = False
        if self.away or self.rng.random() < self.faults / 2:
            raise Unreachable("MLflow does not answer")
        self.lost = self.rng.random() < self.faults / 2

    def replies(self) -> None:
        if self.lost:
            raise Unreachable("MLflow's reply was lost")

    # what Registration asks of MLflow's client

    def get_registered_model(self, name: str) -> None:
        self.arrives()
        self.replies()

    def search_model_versions(self, wanted: str) -> list[Any]:
        self.arrives()
        self.replies()
        return [found for found in self.versions.values() if f"'{found.key}'" in wanted]

    def create_model_version(
        self, name: str, source: str, *, tags: dict[str, str], **_: Any
    ) -> Any:
        self.arrives()
        self.last += 1
        made = SimpleNamespace(version=self.last, source=source, key=tags[IDEM_KEY])
        self.versions[self.last] = made
        self.replies()
        return made

    def delete_model_version(self, name: str, version: str) -> None:
        self.arrives()
        if int(version) not in self.versions:
            raise not_there(f"version {version}")
        self.drop(int(version))
        self.replies()

    # what people do in the UI

    def drop(self, version: int) -> None:
        """Delete a version; its aliases go with it."""
        del self.versions[version]
        self.aliases = {name: shown for name, shown in self.aliases.items() if shown != version}

    def delete_registered_model(self) -> None:
        """Everything goes, and numbers begin at 1 again."""
        self.versions, self.aliases, self.last = {}, {}, 0


IDEM_KEY = tags.IDEM_KEY


@dataclass
class SimulatedRegistry:
    """What the promotion room asks of a registry, over the simulated MLflow and kept copies."""

    mlflow: SimulatedMlflow
    copies: set[str] = field(default_factory=set)

    def register(
        self,
        registered_name: str,
        trained: TrainedCandidate,
        *,
        model: str,
        idem_key: str,
        known: Sequence[ModelVersion],
        description: str = "",
    ) -> ModelVersion:
        number = Registration(
            client=self.mlflow,
            tracking_uri="sqlite:///simulated.db",
            registered_name=registered_name,
            trained=trained,
            idem_key=idem_key,
            version_tags={tags.IDEM_KEY: idem_key},
            description=description,
            known=known,
        ).number()
        return ModelVersion(
            model=model,
            version=number,
            run_id=trained.run_id,
            model_uri=trained.model_uri,
            artifact_sha256=trained.artifact_sha256,
            manifest_sha256=trained.artifact_sha256[::-1],
        )

    def set_alias(self, registered_name: str, alias: str, version: int) -> None:
        self.mlflow.arrives()
        self._there(version)
        self.mlflow.aliases[alias] = version
        self.mlflow.replies()

    def alias_version(self, registered_name: str, alias: str) -> int | None:
        self.mlflow.arrives()
        self.mlflow.replies()
        return self.mlflow.aliases.get(alias)

    def verify(self, registered_name: str, version: ModelVersion) -> None:
        self.mlflow.arrives()
        self.mlflow.replies()
        self._there(version.version)
        self._verify_stored(version)
        self._keep(version)

    def verify_copy(self, version: ModelVersion) -> None:
        if version.artifact_sha256 not in self.copies:
            raise ArtifactRejected("there is no copy")

    def examine(self, registered_name: str, version: ModelVersion) -> Condition:
        self.mlflow.arrives()
        self.mlflow.replies()
        copy = None if version.artifact_sha256 in self.copies else "there is none"
        try:
            self._there(version.version)
        except ArtifactRejected as exc:
            return Condition(registered=exc.what, copy=copy)
        try:
            self._verify_stored(version)
        except ArtifactRejected as exc:
            return Condition(artifact=exc.what, copy=copy)
        self._keep(version)
        return Condition()

    def put_back(self, version: ModelVersion) -> None:
        self.verify_copy(version)
        self.mlflow.arrives()
        self.mlflow.artifacts[version.model_uri] = version.artifact_sha256
        self.mlflow.replies()

    def register_again(
        self,
        registered_name: str,
        version: ModelVersion,
        *,
        idem_key: str,
        known: Sequence[ModelVersion],
    ) -> ModelVersion:
        uri = version.model_uri
        try:
            self._verify_stored(version)
        except ArtifactRejected:
            self.verify_copy(version)
            self.mlflow.arrives()
            uri = f"models:/m-again-{idem_key[:8]}"
            self.mlflow.artifacts[uri] = version.artifact_sha256
            self.mlflow.replies()
        again = TrainedCandidate(
            "again", "xgboost", version.run_id, uri, version.artifact_sha256, 0.0, 0.0
        )
        return self.register(
            registered_name, again, model=version.model, idem_key=idem_key, known=known
        )

    def _there(self, version: int) -> None:
        if version not in self.mlflow.versions:
            raise ArtifactRejected(f"version {version} is not in MLflow any more")

    def _verify_stored(self, version: ModelVersion) -> None:
        if self.mlflow.artifacts.get(version.model_uri) != version.artifact_sha256:
            raise ArtifactRejected(f"{version.model_uri} was edited")

    def _keep(self, version: ModelVersion) -> None:
        if version.artifact_sha256 not in self.copies:
            reach(KEPT_COPY)
            self.copies.add(version.artifact_sha256)
