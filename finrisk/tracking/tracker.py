"""Nights and candidates as MLflow runs: one parent a night, one child a candidate.

Every call may be repeated. A run is found by its key before one is made, and a candidate counts as
logged only once its last tag is written, so a crash in the middle is never taken for a result.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from finrisk.config import Settings, load_settings
from finrisk.records import (
    Evidence,
    JsonObject,
    NightDecision,
    PreparedNight,
    TrainedCandidate,
)
from finrisk.tracking import tags
from finrisk.tracking.candidate_log import CandidateLog, log_model
from finrisk.tracking.client import (
    answering,
    find_experiment,
    has_server,
    open_client,
    without_credentials,
)
from finrisk.tracking.night_log import dataset_input, night_tags, snapshot_params
from finrisk.tracking.quiet_mlflow import (
    Metric,
    MlflowException,
    Param,
    RunTag,
)
from finrisk.tracking.signing import Signer

LONGEST_TAG = 5000  # MLflow keeps 8000 bytes


class FinRiskMLflowTracker:
    """Writes nights and candidates into MLflow; connects on first use.

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
    def _experiment_id(self) -> str:
        return find_experiment(self._client, self.settings)

    def start_night(self, prepared: PreparedNight, run_key: str) -> str:
        """Return the id of the night's parent run, opened if no earlier try did.

        Parameters
        ----------
        prepared : PreparedNight
            Its snapshot becomes a dataset input: digest, address and counts, never rows.
        run_key : str
            The same night asked twice has the same key.

        Raises
        ------
        Unreachable
            MLflow does not answer.
        """
        with answering(self.settings.tracking_uri):
            run = self._find(run_key, tags.equals(tags.ROLE, tags.NIGHT))
            if run is None:
                run = self._client.create_run(
                    self._experiment_id,
                    run_name=f"{prepared.request.model}_{prepared.request.as_of}",
                    tags={**night_tags(prepared), **self._own_tags(run_key)},
                )
            run_id: str = run.info.run_id
            if tags.DESCRIBED not in run.data.tags:
                self._describe(run_id, prepared)
            return run_id

    def find_candidate(self, run_key: str) -> TrainedCandidate | None:
        """Return the candidate that was logged under this key, if it was logged to the end.

        Raises
        ------
        Unreachable
            MLflow does not answer.
        """
        with answering(self.settings.tracking_uri):
            run = self._find(run_key, tags.equals(tags.COMPLETE, tags.YES))
        if run is None:
            return None
        trained = TrainedCandidate.from_json(json.loads(run.data.tags[tags.TRAINED]))
        return trained.replace(resumed=True)

    def log_candidate(self, parent_run_id: str, log: CandidateLog) -> TrainedCandidate:
        """Log one candidate as a child run with its signed model; once, however often asked.

        What an earlier try left unfinished is deleted first (MLflow keeps deleted runs until
        ``mlflow gc``).

        Raises
        ------
        Unreachable
            MLflow does not answer; nothing that was written counts as a candidate.
        ConfigurationError
            There is no signing key.
        """
        run_key = log.provenance.run_key
        if (done := self.find_candidate(run_key)) is not None:
            return done
        signer = Signer.load(self.settings.keys)
        with answering(self.settings.tracking_uri):
            self._discard_unfinished(run_key)
            run = self._client.create_run(
                self._experiment_id,
                run_name=log.provenance.candidate,
                tags={
                    **log.tags,
                    **self._own_tags(run_key),
                    **log.identity,
                    "mlflow.parentRunId": parent_run_id,
                },
            )
            run_id: str = run.info.run_id
            logged = log_model(self._client, self._experiment_id, run_id, log, signer)
            self._log_batch(run_id, log.params, log.metrics, model_id=logged.model_id)
            self._client.log_dict(run_id, {"trials": log.search_results}, "search_results.json")
            trained = TrainedCandidate(
                candidate=log.provenance.candidate,
                algorithm=log.model.algorithm,
                run_id=run_id,
                model_uri=f"models:/{logged.model_id}",
                artifact_sha256=logged.artifact_sha256,
                development_score=log.development_score,
                seconds=log.seconds,
            )
            self._client.set_terminated(run_id, status="FINISHED")
            self._tag(run_id, {tags.TRAINED: json.dumps(trained.to_json()), tags.COMPLETE: "1"})
        return trained

    def log_decision(self, run_id: str, evidence: Evidence, evidence_sha256: str) -> None:
        """Put the gate's evidence beside the night: figures as metrics, the whole as an artifact.

        The ledger's copy is the one that counts; this one is for people.

        Raises
        ------
        Unreachable
            MLflow does not answer.
        """
        facts = evidence.facts
        metrics = {
            **{f"challenger_{name}": value for name, value in facts.challenger_metrics.items()},
            **{f"champion_{name}": value for name, value in facts.champion_metrics.items()},
            **_numbers(facts.comparison.to_json() if facts.comparison else {}),
        }
        with answering(self.settings.tracking_uri):
            self._client.log_dict(run_id, evidence.to_json(), "evidence.json")
            self._log_batch(run_id, {}, metrics)
            self._tag(run_id, {"finrisk.evidence_sha256": evidence_sha256})

    def finish_night(self, run_id: str, decision: NightDecision) -> None:
        """Close the night's run with what became of the night; the data held it or the gate did.

        Raises
        ------
        Unreachable
            MLflow does not answer.
        """
        with answering(self.settings.tracking_uri):
            self._tag(
                run_id,
                {
                    "finrisk.decision": decision.decision.value,
                    "finrisk.reasons": "; ".join(decision.reasons)[:LONGEST_TAG],
                },
            )
            self._client.set_terminated(run_id, status="FINISHED")

    def run_url(self, run_id: str) -> str | None:
        """Return the address of the run's page; None without a tracking server, or without a run.

        Raises
        ------
        Unreachable
            MLflow does not answer.
        """
        if not has_server(self.settings):
            return None
        with answering(self.settings.tracking_uri):
            try:
                experiment_id = self._client.get_run(run_id).info.experiment_id
            except MlflowException as exc:
                if exc.error_code == "RESOURCE_DOES_NOT_EXIST":
                    return None
                raise
        server = without_credentials(self.settings.tracking_uri).rstrip("/")
        return f"{server}/#/experiments/{experiment_id}/runs/{run_id}"

    def _find(self, run_key: str, *also: str) -> Any:
        """Return the oldest run of this key that fits, or None."""
        wanted = " and ".join((tags.equals(tags.RUN_KEY, run_key), *also))
        found = self._client.search_runs(
            [self._experiment_id], wanted, max_results=1, order_by=["attributes.start_time ASC"]
        )
        return found[0] if found else None

    def _own_tags(self, run_key: str) -> dict[str, str]:
        return {
            tags.RUN_KEY: run_key,
            "mlflow.user": self.settings.actor,
            "mlflow.source.name": "finrisk",
        }

    def _describe(self, run_id: str, prepared: PreparedNight) -> None:
        snapshot = prepared.snapshot
        self._client.log_dict(run_id, prepared.data.to_json(), "data_verdict.json")
        if snapshot is not None:
            self._client.log_inputs(run_id, [dataset_input(snapshot)])
            self._log_batch(run_id, snapshot_params(snapshot), {})
        self._tag(run_id, {tags.DESCRIBED: tags.YES})

    def _discard_unfinished(self, run_key: str) -> None:
        wanted = tags.equals(tags.RUN_KEY, run_key)
        for run in self._client.search_runs([self._experiment_id], wanted):
            if tags.CANDIDATE in run.data.tags and tags.COMPLETE not in run.data.tags:
                self._client.delete_run(run.info.run_id)

    def _log_batch(
        self,
        run_id: str,
        params: Mapping[str, object],
        metrics: Mapping[str, float | None],
        model_id: str | None = None,
    ) -> None:
        at = int(datetime.now(UTC).timestamp() * 1000)
        self._client.log_batch(
            run_id,
            params=[Param(key, str(value)) for key, value in params.items()],
            metrics=[
                Metric(key, float(value), at, 0, model_id=model_id)
                for key, value in metrics.items()
                if value is not None
            ],
        )

    def _tag(self, run_id: str, values: Mapping[str, str]) -> None:
        self._client.log_batch(run_id, tags=[RunTag(key, value) for key, value in values.items()])


def _numbers(document: JsonObject) -> dict[str, float | None]:
    return {name: value for name, value in document.items() if isinstance(value, float)}
