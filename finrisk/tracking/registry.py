"""Versions and aliases in MLflow's registry, and the way from a version to a verified model.

The ledger says who serves. Aliases only show it; nothing of FinRisk reads them to decide.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlparse

from finrisk.config import Settings, load_settings
from finrisk.errors import ArtifactRejected
from finrisk.records import ModelVersion, TrainedCandidate
from finrisk.tracking import tags
from finrisk.tracking.client import DOUBLED, NOT_THERE, answering, open_client
from finrisk.tracking.flavor import load_verified
from finrisk.tracking.kept_copies import FOLDER, KeptCopies
from finrisk.tracking.local_artifacts import local_folder
from finrisk.tracking.logged_runs import trained_of_run
from finrisk.tracking.manifest import Manifest
from finrisk.tracking.quiet_mlflow import MlflowException, mlflow
from finrisk.tracking.registration import MODELS, Registration
from finrisk.tracking.scoring_model import ScoringModel
from finrisk.tracking.signing import Verifier
from finrisk.tracking.verification import (
    RETRAIN,
    VerifiedArtifact,
    check_listing,
    verify_artifact,
)

log = logging.getLogger(__name__)

LINK = re.compile("resolved path is outside the artifact directory")  # whatever the error's code


class VersionRegistry:
    """Registers versions, sets aliases, opens artifacts; connects on first use.

    Registered names come scoped from the caller (``Settings.scoped_registered_name``).

    Parameters
    ----------
    settings : Settings, optional
        Where MLflow is; read from the environment if not given.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or load_settings()

    @cached_property
    def _client(self) -> Any:
        return open_client(self.settings)

    @cached_property
    def _verifier(self) -> Verifier:
        return Verifier.load(self.settings.keys)

    @cached_property
    def copies(self) -> KeptCopies:
        """The copies of champions' artifacts on this machine."""
        return KeptCopies(self.settings.store / FOLDER, self._verifier)

    def register(
        self,
        registered_name: str,
        trained: TrainedCandidate,
        *,
        model: str,
        idem_key: str,
        description: str = "",
        extra_tags: Mapping[str, str] | None = None,
        known: Sequence[ModelVersion] = (),
    ) -> ModelVersion:
        """Make a candidate a registered version: one version a key, however often asked.

        What is registered already is found by its key, and said in the log. A new version's number
        comes after all that the ledger knows, also where MLflow's database was reset and counts
        from 1 again; how, stands in ``registration``.

        Parameters
        ----------
        registered_name : str
            The registered model, made if it is not there.
        trained : TrainedCandidate
            What to register.
        model : str
            The spec's name, for the record.
        idem_key : str
            Letters, digits and ``_.:-``.
        description : str
            For people.
        extra_tags : mapping of str to str, optional
            More tags of the version.
        known : sequence of ModelVersion
            What the ledger remembers of this model: ``Ledger.versions(model)``.

        Raises
        ------
        Unreachable
            MLflow does not answer; asking again is safe.
        ArtifactRejected
            The candidate's logged model is gone.
        """
        with answering(self.settings.registry_uri):
            logged = self._logged_model(trained.model_uri)
            digests = {
                tags.ARTIFACT_SHA256: trained.artifact_sha256,
                tags.MANIFEST_SHA256: str(logged.tags.get(tags.MANIFEST_SHA256, "")),
            }
            own = {tags.IDEM_KEY: idem_key, tags.MODEL: model, **digests}
            registration = Registration(
                client=self._client,
                tracking_uri=self.settings.tracking_uri,
                registered_name=registered_name,
                trained=trained,
                idem_key=idem_key,
                version_tags={**(extra_tags or {}), **own},
                description=description,
                known=known,
            )
            number = registration.number()
        return ModelVersion(
            model=model,
            version=number,
            run_id=trained.run_id,
            model_uri=trained.model_uri,
            artifact_sha256=trained.artifact_sha256,
            manifest_sha256=digests[tags.MANIFEST_SHA256],
        )

    def trained_of_run(self, run_id: str) -> TrainedCandidate:
        """Return what a finished MLflow run trained, as it is registered from.

        Raises
        ------
        ArtifactRejected
            There is no such run, or it holds no model of ours; the message says what it holds.
        Unreachable
            MLflow does not answer.
        """
        with answering(self.settings.tracking_uri):
            return trained_of_run(self._client, run_id)

    def set_alias(self, registered_name: str, alias: str, version: int) -> None:
        """Point the alias at the version; the last writer wins, the ledger repairs.

        Raises
        ------
        ArtifactRejected
            Somebody deleted the version, or its registered model.
        Unreachable
            MLflow does not answer.
        """
        with answering(self.settings.registry_uri), _still_there(registered_name, version):
            try:
                self._client.set_registered_model_alias(registered_name, alias, str(version))
            except MlflowException as exc:
                if not DOUBLED.search(str(exc)):
                    raise
                # two first writers of an alias: the other's row is there now, and is changed
                self._client.set_registered_model_alias(registered_name, alias, str(version))

    def remove_alias(self, registered_name: str, alias: str) -> None:
        """Take the alias away; one that is not there is gone already.

        Raises
        ------
        Unreachable
            MLflow does not answer.
        """
        with answering(self.settings.registry_uri):
            self._client.delete_registered_model_alias(registered_name, alias)

    def alias_version(self, registered_name: str, alias: str) -> int | None:
        """Return the version the alias points at; None if there is no such alias or model.

        Raises
        ------
        Unreachable
            MLflow does not answer.
        """
        with answering(self.settings.registry_uri):
            try:
                found = self._client.get_model_version_by_alias(registered_name, alias)
            except MlflowException as exc:
                if exc.error_code in (NOT_THERE, "INVALID_PARAMETER_VALUE"):  # no model, no alias
                    return None
                raise
        return int(found.version)  # an int on SQLite, a str over HTTP

    def open(self, version: ModelVersion) -> tuple[ScoringModel, Manifest]:
        """Return the verified model of a version, and its manifest.

        Of a version that was champion the kept copy is read, MLflow's artifact otherwise: both are
        verified against the digest that the ledger has, so that they are the same bytes.

        Raises
        ------
        ArtifactRejected
            It is gone, not what was recorded, or does not score as it did.
        Unreachable
            MLflow does not answer.
        """
        if self.copies.folder(version.artifact_sha256).exists():
            try:
                return self.open_copy(version)
            except ArtifactRejected as exc:
                log.warning("%s: its kept copy is refused: %s", version.model_uri, exc.what)
        return self.open_stored(version)

    def open_stored(self, version: ModelVersion) -> tuple[ScoringModel, Manifest]:
        """Return the same from MLflow's store, whatever copies there are; raises as ``open``."""
        artifact = self._verified(version)
        return load_verified(artifact, threads=self.settings.threads), artifact.manifest

    def open_copy(self, version: ModelVersion) -> tuple[ScoringModel, Manifest]:
        """Return the verified model of a version's kept copy; MLflow is not asked.

        Raises
        ------
        ArtifactRejected
            There is no copy, or it is not what was kept, or does not score as it did.
        """
        artifact = self.copies.verified(version.artifact_sha256)
        return load_verified(artifact, threads=self.settings.threads), artifact.manifest

    def load(self, version: ModelVersion) -> ScoringModel:
        """Return the verified model of a version; raises as ``open`` does."""
        return self.open(version)[0]

    def verify(self, registered_name: str, version: ModelVersion) -> None:
        """Return if MLflow has the version and its artifact may be loaded; a copy of it is kept.

        Raises
        ------
        ArtifactRejected
            Somebody deleted the version, or its artifact in MLflow is refused.
        Unreachable
            MLflow does not answer.
        """
        self.check_registered(registered_name, version)
        artifact = self._verified(version)
        load_verified(artifact, threads=self.settings.threads)
        self.copies.keep(artifact)

    def verify_copy(self, version: ModelVersion) -> None:
        """Return if the kept copy may be loaded; raises as ``open_copy`` does."""
        self.open_copy(version)

    def check_registered(self, registered_name: str, version: ModelVersion) -> None:
        """Return if MLflow still has the version of this number.

        Raises
        ------
        ArtifactRejected
            Somebody deleted it.
        Unreachable
            MLflow does not answer.
        """
        number = version.version
        with answering(self.settings.registry_uri), _still_there(registered_name, number):
            self._client.get_model_version(registered_name, str(number))

    def _verified(self, version: ModelVersion) -> VerifiedArtifact:
        """Return the bytes of MLflow's artifact, if they are the recorded ones."""
        with self._fetched(version.model_uri) as folder:
            return verify_artifact(
                folder, self._verifier, expected_artifact_sha256=version.artifact_sha256
            )

    @contextmanager
    def _fetched(self, model_uri: str) -> Iterator[Path]:
        """Give the artifact's folder: in place where it is local, else a copy that is deleted."""
        with answering(self.settings.tracking_uri):
            location = str(self._logged_model(model_uri).artifact_location)
        local = local_folder(location)
        if local is not None:
            yield local
            return
        with TemporaryDirectory(prefix="finrisk-artifact-") as scratch:
            with answering(self.settings.tracking_uri):
                self._download(location, scratch)
            yield Path(scratch) / PurePosixPath(urlparse(location).path).name

    def _download(self, location: str, folder: str) -> None:
        uri = self.settings.tracking_uri
        listed = mlflow.artifacts.list_artifacts(artifact_uri=location, tracking_uri=uri)
        named = {PurePosixPath(item.path).name: item for item in listed}
        check_listing(
            {name: item.file_size for name, item in named.items()},
            folders={name for name, item in named.items() if item.is_dir},
        )
        try:
            mlflow.artifacts.download_artifacts(
                artifact_uri=location, dst_path=folder, tracking_uri=uri
            )
        except MlflowException as exc:
            if not LINK.search(str(exc)):
                raise
            raise ArtifactRejected(
                "a file of the artifact is a link to somewhere else",
                expected="files, no link",
                remedy=RETRAIN,
            ) from None  # a chained traceback would print the address, password and all
        _demand_whole(Path(folder, PurePosixPath(urlparse(location).path).name), named)

    def _logged_model(self, model_uri: str) -> Any:
        try:
            return self._client.get_logged_model(model_uri.removeprefix(MODELS))
        except MlflowException as exc:
            if exc.error_code != NOT_THERE:
                raise
            raise ArtifactRejected(
                f"{model_uri} is not in MLflow any more",
                expected="the logged model that was registered",
                remedy="restore it (MLflow keeps deleted models until `mlflow gc`), or train "
                "again; `finrisk doctor` says whether MLflow was reset",
            ) from exc


def _demand_whole(folder: Path, listed: Mapping[str, Any]) -> None:
    """Tell an answer that broke off unannounced from bytes that somebody changed."""
    for name, item in listed.items():
        if item.file_size is None:
            continue
        got = (folder / name).stat().st_size
        if got < item.file_size:
            raise ConnectionError(f"{got} of the {item.file_size} bytes of {name} came")


@contextmanager
def _still_there(registered_name: str, version: int) -> Iterator[None]:
    """Turn "there is no such version" inside the block into ``ArtifactRejected``."""
    try:
        yield
    except MlflowException as exc:
        if exc.error_code != NOT_THERE:
            raise
        raise ArtifactRejected(
            f"{registered_name} version {version} is not in MLflow any more",
            expected="the version that was registered",
            remedy="MLflow never gives its number again: promote, or roll back to, another "
            "version; `finrisk doctor` says whether MLflow was reset",
        ) from exc
