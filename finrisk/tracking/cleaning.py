"""How a candidate is taken out of MLflow, and which snapshot a version says it was fitted on.

MLflow's own deletions are soft and leave files on disk. So a candidate goes in this order: its
registered versions, its run and those under it, its logged models, its files. From the first steps
on no night resumes it and nobody promotes it, and a removal that was killed half-way is finished by
the next one.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable
from datetime import datetime
from functools import cached_property
from hashlib import sha256
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

from finrisk.config import Settings
from finrisk.errors import ArtifactRejected
from finrisk.records import ModelVersion
from finrisk.tracking.client import NOT_THERE, answering, open_client
from finrisk.tracking.holdings import MODELS, CandidateRun, Holdings, last_used, list_holdings
from finrisk.tracking.local_artifacts import local_folder
from finrisk.tracking.manifest import Manifest
from finrisk.tracking.quiet_mlflow import MlflowException, mlflow
from finrisk.tracking.signing import Verifier
from finrisk.tracking.verification import MANIFEST, SIGNATURE

log = logging.getLogger(__name__)

Signed = tuple[bytes, bytes]


class MlflowCleaner:
    """Lists what MLflow holds and takes candidates out of it; connects on first use.

    Parameters
    ----------
    settings : Settings
        Where MLflow is. Every scope of its experiment name is seen, not theirs only.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @cached_property
    def _client(self) -> Any:
        return open_client(self.settings)

    @cached_property
    def _verifier(self) -> Verifier:
        return Verifier.load(self.settings.keys)

    def holdings(self) -> Holdings:
        """Return FinRisk's runs of all models; raises ``Unreachable``."""
        return list_holdings(self._client, self.settings)

    def registered_meanwhile(self, candidate: CandidateRun) -> bool:
        """Say whether a candidate became another version since it was listed.

        Raises
        ------
        Unreachable
            MLflow does not answer.
        """
        with answering(self.settings.registry_uri):
            found = self._client.search_model_versions(f"run_id = '{candidate.run_id}'")
        listed = {(version.name, version.number) for version in candidate.versions}
        return not {(version.name, int(version.version)) for version in found} <= listed

    def used_since(self, candidate: CandidateRun, moment: datetime) -> bool:
        """Say whether a night has resumed a candidate since a moment, as MLflow knows it now.

        Raises
        ------
        Unreachable
            MLflow does not answer.
        """
        with answering(self.settings.tracking_uri):
            used = last_used(self._client.get_run(candidate.run_id))
        return used is None or used >= moment

    def remove(self, candidate: CandidateRun) -> list[str]:
        """Take a candidate out; return what could not be removed, a sentence each.

        Raises
        ------
        Unreachable
            MLflow does not answer; asking again is safe.
        """
        with answering(self.settings.registry_uri):
            for version in candidate.versions:
                _unless_gone(self._client.delete_model_version, version.name, str(version.number))
        with answering(self.settings.tracking_uri):
            for run_id in (candidate.run_id, *candidate.children):
                _unless_gone(self._client.delete_run, run_id)
            for model_id in candidate.model_ids:
                _unless_gone(self._client.delete_logged_model, model_id)
        left = []
        for folder in candidate.folders:
            try:
                shutil.rmtree(folder)
            except OSError as exc:
                log.warning("%s could not be removed: %s", folder, exc.strerror)
                left.append(f"{folder} could not be removed: {exc.strerror}")
        return left

    def snapshot_of(self, version: ModelVersion) -> str | None:
        """Return the snapshot that a version's signed manifest names; None where nothing proves it.

        Only the manifest is read: an artifact that today's libraries refuse still says what it was
        fitted on. Empty text: the version was logged by hand, from rows that no snapshot holds.

        Raises
        ------
        Unreachable
            MLflow does not answer.
        """
        signed = self._signed_manifest(version)
        if signed is None:
            return None
        content, signature = signed
        try:
            self._verifier.check(content, signature)
            manifest = Manifest.from_json(json.loads(content))
        except (ArtifactRejected, ValueError) as exc:  # pydantic's and JSON's errors are values'
            log.warning("%s v%d: %s", version.model, version.version, type(exc).__name__)
            return None
        recorded = version.manifest_sha256
        return manifest.snapshot_sha256 if recorded in ("", sha256(content).hexdigest()) else None

    def _signed_manifest(self, version: ModelVersion) -> Signed | None:
        with answering(self.settings.tracking_uri):
            try:
                found = self._client.get_logged_model(version.model_uri.removeprefix(MODELS))
            except MlflowException as exc:
                if exc.error_code != NOT_THERE:
                    raise
                return None
            location = str(found.artifact_location)
            folder = local_folder(location)
            return self._fetched(location) if folder is None else _read(folder)

    def _fetched(self, location: str) -> Signed | None:
        uri = self.settings.tracking_uri
        listed = mlflow.artifacts.list_artifacts(artifact_uri=location, tracking_uri=uri)
        if not {MANIFEST, SIGNATURE} <= {PurePosixPath(item.path).name for item in listed}:
            return None
        with TemporaryDirectory(prefix="finrisk-manifest-") as scratch:
            for name in (MANIFEST, SIGNATURE):
                mlflow.artifacts.download_artifacts(
                    artifact_uri=f"{location}/{name}", dst_path=scratch, tracking_uri=uri
                )
            return _read(Path(scratch))


def _read(folder: Path) -> Signed | None:
    try:
        return (folder / MANIFEST).read_bytes(), (folder / SIGNATURE).read_bytes()
    except OSError:
        return None


def _unless_gone(delete: Callable[..., Any], *what: str) -> None:
    try:
        delete(*what)
    except MlflowException as exc:
        if exc.error_code != NOT_THERE:
            raise
