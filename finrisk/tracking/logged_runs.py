"""What a finished MLflow run trained, told by the run's own tags."""

from __future__ import annotations

import json
from typing import Any

from finrisk.errors import ArtifactRejected
from finrisk.records import TrainedCandidate
from finrisk.tracking import tags
from finrisk.tracking.client import NOT_THERE
from finrisk.tracking.quiet_mlflow import MlflowException

NO_SUCH_RUN = frozenset({NOT_THERE, "INVALID_PARAMETER_VALUE"})
MOST_NAMED = 5


def trained_of_run(client: Any, run_id: str) -> TrainedCandidate:
    """Return the candidate that a run logged to the end.

    Parameters
    ----------
    client : MlflowClient
        Of the tracking server that has the run.
    run_id : str
        The candidate's own run, not the night's.

    Raises
    ------
    ArtifactRejected
        There is no such run, or it holds no model of ours; the message says what it holds.
    """
    run = _run(client, run_id)
    told = run.data.tags.get(tags.TRAINED) if tags.COMPLETE in run.data.tags else None
    if told is None:
        raise ArtifactRejected(
            f"MLflow run {run_id} holds no FinRisk model: no artifacts found at path 'model'",
            expected="a run that a night's training or log_credit_risk_model wrote to its end",
            got=_contents(client, run),
            remedy="log the model again with log_credit_risk_model(...) and register that run; a "
            "model that other code logged is not signed, and is never loaded",
        )
    try:
        return TrainedCandidate.from_json(json.loads(told))
    except ValueError as exc:  # pydantic's and JSON's errors both are
        raise ArtifactRejected(
            f"MLflow run {run_id} does not say what it trained",
            expected=f"the tag {tags.TRAINED} as FinRisk wrote it",
            got="another text",
            remedy="log the model again",
        ) from exc


def _run(client: Any, run_id: str) -> Any:
    try:
        return client.get_run(run_id)
    except MlflowException as exc:
        if exc.error_code not in NO_SUCH_RUN:
            raise
        raise ArtifactRejected(
            f"there is no MLflow run {run_id!r}",
            expected="the id of a run in this MLflow",
            remedy="see that MLFLOW_TRACKING_URI names the MLflow that has it; `finrisk doctor` "
            "says whether its database was reset",
        ) from exc


def _contents(client: Any, run: Any) -> str:
    """Say what the run holds instead: names, never contents."""
    files = sorted(item.path for item in client.list_artifacts(run.info.run_id))
    models = [f"models:/{output.model_id}" for output in run.outputs.model_outputs]
    return f"artifacts: {_named(files)}; logged models: {_named(models)}"


def _named(names: list[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more or "none"
