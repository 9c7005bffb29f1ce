"""A fitted candidate on its way into MLflow: what is logged, and its signed model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from finrisk.faults import reach, step
from finrisk.records import TrainedCandidate
from finrisk.tracking import tags
from finrisk.tracking.client import DOUBLED
from finrisk.tracking.flavor import save_model
from finrisk.tracking.manifest import Provenance, tree_sha256
from finrisk.tracking.quiet_mlflow import LoggedModelOutput, MlflowException, Model
from finrisk.tracking.run_writer import RunContents
from finrisk.tracking.scoring_model import ScoringModel
from finrisk.tracking.signing import Signer
from finrisk.tracking.verification import MANIFEST


@dataclass(frozen=True)
class CandidateLog:
    """Everything about one candidate that MLflow is told; no customer's row is among it.

    But a kernel machine's support vectors are rows it was fitted on, and part of the model: where
    one was logged by hand, its run carries the tag ``finrisk.holds_rows``.

    Parameters
    ----------
    provenance : Provenance
        What the model was made from; its ``run_key`` names the child run.
    model : ScoringModel
        What scores.
    golden_rows : DataFrame of shape (1 to 256, at least the features)
        Synthetic rows, stored readably.
    development_score : float
        What candidates are chosen by; higher is better.
    seconds : float
        What fitting took.
    contents : RunContents
        Parameters, metrics, documents and pictures of the run.
    tags : mapping of str to str
        More tags of the run.
    tuning : RunContents or None
        What the search tried and found, which becomes a run of its own under this one.
    """

    provenance: Provenance
    model: ScoringModel
    golden_rows: pd.DataFrame
    development_score: float
    seconds: float
    contents: RunContents = field(default_factory=RunContents)
    tags: Mapping[str, str] = field(default_factory=dict)
    tuning: RunContents | None = None

    @property
    def identity(self) -> dict[str, str]:
        """The tags that say whose model this is."""
        return {
            tags.MODEL: self.provenance.model,
            tags.CANDIDATE: self.provenance.candidate,
            tags.AS_OF: self.provenance.as_of.isoformat(),
            "model_type": self.provenance.model_type,
            "algorithm": self.model.algorithm,
        }


@dataclass(frozen=True, slots=True)
class LoggedArtifact:
    """An artifact in MLflow: the logged model's id, and the digest over all its files."""

    model_id: str
    artifact_sha256: str


def trained_candidate(log: CandidateLog, run_id: str, logged: LoggedArtifact) -> TrainedCandidate:
    """Return the record of a candidate that is logged in this run."""
    return TrainedCandidate(
        candidate=log.provenance.candidate,
        algorithm=log.model.algorithm,
        run_id=run_id,
        model_uri=f"models:/{logged.model_id}",
        artifact_sha256=logged.artifact_sha256,
        development_score=log.development_score,
        seconds=log.seconds,
    )


def log_model(
    client: Any,
    experiment_id: str,
    run_id: str,
    log: CandidateLog,
    signer: Signer,
    *,
    parts: Mapping[str, bytes] | None = None,
) -> LoggedArtifact:
    """Save, sign and upload the model as a logged model of this run.

    ``mlflow.models.Model.log`` does the same through MLflow's process-wide default address; the
    client does it at the address of the settings. READY is written last.
    """
    created = client.create_logged_model(
        experiment_id, name=log.provenance.candidate, source_run_id=run_id, tags=log.identity
    )
    model_id: str = created.model_id
    with TemporaryDirectory(prefix="finrisk-model-") as scratch:
        folder = Path(scratch) / "model"
        save_model(
            folder,
            Model(
                artifact_path=created.artifact_location,
                run_id=run_id,
                model_uuid=model_id,
                model_id=model_id,
            ),
            model=log.model,
            provenance=log.provenance,
            golden_rows=log.golden_rows,
            signer=signer,
            parts=parts,
        )
        digests = {
            tags.ARTIFACT_SHA256: tree_sha256(folder),
            tags.MANIFEST_SHA256: sha256((folder / MANIFEST).read_bytes()).hexdigest(),
        }
        with step("upload_artifact"):
            client.log_model_artifacts(model_id, str(folder))
            reach("upload_artifact:during")  # uploaded, and MLflow does not call it ready yet
    client.set_logged_model_tags(model_id, digests)
    _log_output(client, run_id, model_id)
    client.finalize_logged_model(model_id, "READY")
    return LoggedArtifact(model_id, digests[tags.ARTIFACT_SHA256])


def _log_output(client: Any, run_id: str, model_id: str) -> None:
    try:
        client.log_outputs(run_id, [LoggedModelOutput(model_id, step=0)])
    except MlflowException as exc:
        if not DOUBLED.search(str(exc)):  # the client repeats a call whose answer was lost
            raise
