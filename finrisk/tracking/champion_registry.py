"""What stands of a version that was champion, and how it is put right from its kept copy.

People delete versions in MLflow's UI, disks lose files, databases are reset. The ledger goes on
naming the champion by its bytes; here they are found, put back, or registered again.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from finrisk.errors import ArtifactRejected
from finrisk.records import ModelVersion, TrainedCandidate
from finrisk.tracking import tags
from finrisk.tracking.client import answering, find_experiment
from finrisk.tracking.kept_copies import MISSING, write_folder
from finrisk.tracking.local_artifacts import local_folder
from finrisk.tracking.quiet_mlflow import artifact_repository
from finrisk.tracking.registration import MODELS
from finrisk.tracking.registry import VersionRegistry
from finrisk.tracking.verification import VerifiedArtifact

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Condition:
    """What is wrong with a version, place by place; None: it is as the ledger has it.

    Parameters
    ----------
    registered : str or None
        Of the version in MLflow's registry, and the logged model it stands for.
    artifact : str or None
        Of the artifact in MLflow's store; None as well where there is no logged model.
    copy : str or None
        Of the copy kept on this machine.
    """

    registered: str | None = None
    artifact: str | None = None
    copy: str | None = None


class ChampionRegistry(VersionRegistry):
    """A registry that also examines and mends what its champions stand on."""

    def examine(self, registered_name: str, version: ModelVersion) -> Condition:
        """Say what is wrong with a version; bytes are verified, no parser is asked.

        A copy that is missing or spoilt is made anew at once where MLflow's artifact verifies;
        one that was merely missing is no damage then: each machine keeps its own.

        Raises
        ------
        Unreachable
            MLflow does not answer.
        """
        copy = self.copies.problem(version.artifact_sha256)
        try:
            self.check_registered(registered_name, version)
            with answering(self.settings.tracking_uri):
                self._logged_model(version.model_uri)
        except ArtifactRejected as exc:
            return Condition(registered=exc.what, copy=copy)
        try:
            stored = self._verified(version)
        except ArtifactRejected as exc:
            return Condition(artifact=exc.what, copy=copy)
        if copy is not None:
            self.copies.keep(stored)
        return Condition(copy=None if copy == MISSING else copy)

    def put_back(self, version: ModelVersion) -> None:
        """Replace the artifact in MLflow's store by the kept copy.

        Raises
        ------
        ArtifactRejected
            There is no copy that verifies, or what stands in the store afterwards does not.
        Unreachable
            MLflow does not answer.
        """
        copy = self.copies.verified(version.artifact_sha256)
        with answering(self.settings.tracking_uri):
            location = str(self._logged_model(version.model_uri).artifact_location)
        folder = local_folder(location)
        if folder is not None:
            _replace(folder, copy)
        else:
            with answering(self.settings.tracking_uri), TemporaryDirectory() as scratch:
                write_folder(Path(scratch), copy)
                repository = artifact_repository(location, self.settings.tracking_uri)
                repository.delete_artifacts("")
                repository.log_artifacts(scratch)
        self._verified(version)
        log.warning("%s: its artifact was put back from the kept copy", version.model_uri)

    def register_again(
        self,
        registered_name: str,
        version: ModelVersion,
        *,
        idem_key: str,
        known: Sequence[ModelVersion],
    ) -> ModelVersion:
        """Register a version's own bytes under a new number: one a key, however often asked.

        MLflow never gives a deleted number again, unless the whole registered model was deleted:
        then it may be the old number. A logged model that is gone, too, is logged anew
        from the copy.

        Parameters
        ----------
        registered_name : str
            The registered model, made if it is not there.
        version : ModelVersion
            The one that was deleted.
        idem_key : str
            Letters, digits and ``_.:-``.
        known : sequence of ModelVersion
            What the ledger remembers of this model.

        Raises
        ------
        ArtifactRejected
            Neither MLflow's artifact nor the copy verifies.
        Unreachable
            MLflow does not answer.
        """
        try:
            model_uri, artifact = version.model_uri, self._verified(version)
        except ArtifactRejected:
            artifact = self.copies.verified(version.artifact_sha256)
            model_uri = self._logged_again(version, artifact, idem_key)
        provenance = artifact.manifest.provenance
        candidate = TrainedCandidate(
            candidate=provenance.candidate,
            algorithm=artifact.manifest.algorithm,
            run_id=version.run_id,
            model_uri=model_uri,
            artifact_sha256=version.artifact_sha256,
            development_score=0.0,
            seconds=0.0,
        )
        return self.register(
            registered_name,
            candidate,
            model=version.model,
            idem_key=idem_key,
            description=f"version {version.version} again: it was deleted in MLflow",
            known=known,
        )

    def _logged_again(
        self, version: ModelVersion, artifact: VerifiedArtifact, idem_key: str
    ) -> str:
        """Log the copy as a logged model of no run; one that an earlier try logged is found."""
        provenance = artifact.manifest.provenance
        identity = {
            tags.IDEM_KEY: idem_key,
            tags.MODEL: version.model,
            tags.CANDIDATE: provenance.candidate,
            tags.AS_OF: provenance.as_of.isoformat(),
            tags.ARTIFACT_SHA256: version.artifact_sha256,
            tags.MANIFEST_SHA256: artifact.manifest_sha256,
        }
        with answering(self.settings.tracking_uri):
            experiment = find_experiment(self._client, self.settings)
            wanted = tags.equals(tags.IDEM_KEY, idem_key)
            for found in self._client.search_logged_models([experiment], filter_string=wanted):
                if str(found.status).endswith("READY"):
                    return f"{MODELS}{found.model_id}"
            made = self._client.create_logged_model(
                experiment, name=provenance.candidate, tags=identity
            )
            with TemporaryDirectory(prefix="finrisk-copy-") as scratch:
                write_folder(Path(scratch), artifact)
                self._client.log_model_artifacts(made.model_id, scratch)
            self._client.finalize_logged_model(made.model_id, "READY")
        return f"{MODELS}{made.model_id}"


def _replace(folder: Path, copy: VerifiedArtifact) -> None:
    """Put the copy where the spoilt folder stands, a link included, in one step."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder.parent, prefix=".unfinished-") as scratch:
        written = Path(scratch) / "whole"
        written.mkdir()
        write_folder(written, copy)
        if folder.is_symlink() or not folder.is_dir():
            folder.unlink(missing_ok=True)
        else:
            shutil.move(folder, Path(scratch) / "spoilt")
        written.rename(folder)
