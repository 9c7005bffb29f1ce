"""Nights and candidates as MLflow runs: one parent a night, one child a candidate.

Every call may be repeated. A run is found by its key before one is made, and a candidate counts as
logged only once its last tag is written, so a crash in the middle is never taken for a result.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any

from finrisk.addresses import without_credentials
from finrisk.config import Settings, load_settings
from finrisk.evidence import Evidence
from finrisk.faults import reach
from finrisk.gate.bake import Baked
from finrisk.records import JsonObject, NightDecision, PreparedNight, TrainedCandidate
from finrisk.tracking import tags
from finrisk.tracking.candidate_log import CandidateLog, log_model, trained_candidate
from finrisk.tracking.client import (
    NOT_THERE,
    answering,
    find_experiment,
    has_server,
    open_client,
)
from finrisk.tracking.logged_runs import NO_SUCH_RUN
from finrisk.tracking.night_log import (
    dataset_input,
    monitoring_tags,
    night_tags,
    quality_tags,
    snapshot_params,
)
from finrisk.tracking.quiet_mlflow import MlflowException
from finrisk.tracking.run_writer import (
    RunContents,
    log_metrics,
    log_params,
    log_tags,
    run_name,
    write_run,
)
from finrisk.tracking.signing import Signer

LONGEST_TAG = 5000  # MLflow keeps 8000 bytes


def _utc_now() -> datetime:
    return datetime.now(UTC)


class NightTracker:
    """Writes nights and candidates into MLflow; connects on first use.

    Parameters
    ----------
    settings : Settings, optional
        Where MLflow is; read from the environment if not given.
    now : callable
        The clock that says when a candidate was used again.
    """

    def __init__(
        self, settings: Settings | None = None, *, now: Callable[[], datetime] = _utc_now
    ) -> None:
        self.settings = settings or load_settings()
        self._now = now

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
            run = self._find_or_create(
                run_key,
                tags.NIGHT,
                name=f"{prepared.request.model}_{prepared.request.as_of}",
                values=night_tags(prepared),
            )
            run_id: str = run.info.run_id
            if tags.DESCRIBED not in run.data.tags:
                self._describe(run_id, prepared)
            return run_id

    def has_run(self, run_id: str) -> bool:
        """Say whether MLflow still has a run: not where it was deleted, or its database reset.

        Raises
        ------
        Unreachable
            MLflow does not answer.
        """
        with answering(self.settings.tracking_uri):
            try:
                found = self._client.get_run(run_id).info.lifecycle_stage
            except MlflowException as exc:
                if exc.error_code in NO_SUCH_RUN:
                    return False
                raise
        return bool(found == "active")

    def find_candidate(self, run_key: str) -> TrainedCandidate | None:
        """Return the candidate that was logged under this key, if it was logged to the end.

        It is marked as in use again: retention spares what a night resumed lately.

        Raises
        ------
        Unreachable
            MLflow does not answer.
        """
        with answering(self.settings.tracking_uri):
            run = self._find(run_key, tags.equals(tags.COMPLETE, tags.YES))
            if run is None:
                return None
            self._tag(run.info.run_id, {tags.USED_AT: self._now().isoformat()})
        trained = TrainedCandidate.from_json(json.loads(run.data.tags[tags.TRAINED]))
        return trained.replace(resumed=True)

    def log_candidate(self, parent_run_id: str, log: CandidateLog) -> TrainedCandidate:
        """Log one candidate as a child run with its signed model; once, however often asked.

        What an earlier try left unfinished is deleted (MLflow keeps deleted runs until
        ``mlflow gc``), and what MLflow's client made when it repeated a call whose answer was lost.

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
        signer = Signer.load(self.settings.signing_keys)
        with answering(self.settings.tracking_uri):
            run = self._client.create_run(
                self._experiment_id,
                run_name=run_name(log.provenance.model_type, log.provenance.candidate),
                tags={
                    **log.tags,
                    **self._own_tags(run_key),
                    **log.identity,
                    "mlflow.parentRunId": parent_run_id,
                },
            )
            run_id: str = run.info.run_id
            self._discard_unfinished(run_key, but=run_id)
            reach("log_run:during")
            logged = log_model(self._client, self._experiment_id, run_id, log, signer)
            write_run(self._client, run_id, log.contents, model_id=logged.model_id)
            if log.tuning is not None:
                self._log_tuning(run_id, log, log.tuning)
            trained = trained_candidate(log, run_id, logged)
            self._client.set_terminated(run_id, status="FINISHED")
            self._tag(run_id, {tags.TRAINED: json.dumps(trained.to_json()), tags.COMPLETE: "1"})
        return trained

    def _log_tuning(self, run_id: str, log: CandidateLog, tuning: RunContents) -> None:
        """Log the search as a run under the candidate's, which it goes with."""
        run = self._client.create_run(
            self._experiment_id,
            run_name=run_name("hyperparameter_tuning", log.provenance.candidate),
            tags={
                "model_type": log.provenance.model_type,
                "algorithm": log.model.algorithm,
                tags.MODEL: log.provenance.model,
                tags.AS_OF: log.provenance.as_of.isoformat(),
                "experiment_type": "hyperparameter_tuning",
                "mlflow.parentRunId": run_id,
                "mlflow.user": self.settings.actor,
            },
        )
        write_run(self._client, run.info.run_id, tuning)
        self._client.set_terminated(run.info.run_id, status="FINISHED")

    def log_comparison(
        self, night_run_id: str, night: RunContents, challenger_run_id: str, challenger: RunContents
    ) -> None:
        """Put what the hold-out showed onto the night's run and onto the challenger's.

        Raises
        ------
        Unreachable
            MLflow does not answer.
        """
        with answering(self.settings.tracking_uri):
            write_run(self._client, night_run_id, night)
            write_run(self._client, challenger_run_id, challenger)

    def log_decision(
        self, run_id: str, evidence: Evidence, evidence_sha256: str, report: str | None = None
    ) -> None:
        """Put the gate's evidence beside the night: figures as metrics, the whole as an artifact.

        The ledger's copy is the one that counts; this one is for people.

        Parameters
        ----------
        report : str, optional
            The evidence as Markdown, which becomes ``evidence.md``.

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
            if report is not None:
                self._client.log_text(run_id, report, "evidence.md")
            log_metrics(self._client, run_id, metrics)
            self._tag(run_id, {"finrisk.evidence_sha256": evidence_sha256})

    def log_evidence_page(self, run_id: str, page: str) -> None:
        """Put the evidence's page, pictures included, beside the night as ``evidence.html``.

        Raises
        ------
        Unreachable
            MLflow does not answer.
        """
        with answering(self.settings.tracking_uri):
            self._client.log_text(run_id, page, "evidence.html")

    def log_bake(self, run_id: str, baked: Baked) -> None:
        """Put tonight's reading of a fresh champion beside the night: a tag, and ``bake.json``.

        The ledger's event is the one that counts; this one is for people.

        Raises
        ------
        Unreachable
            MLflow does not answer.
        """
        with answering(self.settings.tracking_uri):
            self._client.log_dict(run_id, baked.to_json(), "bake.json")
            self._tag(run_id, {"finrisk.bake": baked.verdict.value})

    def log_quality(
        self,
        parent_run_id: str | None,
        run_key: str,
        contents: RunContents,
        *,
        model: str,
        model_type: str,
        as_of: date,
    ) -> str:
        """Return the id of a night's data-quality run, logged once for one report.

        Parameters
        ----------
        parent_run_id : str or None
            The night's run; a night with nothing new has none.
        run_key : str
            The same report of the same night has the same key; what an earlier try left unfinished
            under it is finished.
        contents : RunContents
            The report's figures, its document and its page.

        Raises
        ------
        Unreachable
            MLflow does not answer.
        """
        parent = {} if parent_run_id is None else {"mlflow.parentRunId": parent_run_id}
        with answering(self.settings.tracking_uri):
            return self._log_once(
                run_key,
                tags.QUALITY,
                contents,
                name=run_name("data_quality", model),
                values={**quality_tags(model, model_type, as_of), **parent},
            )

    def log_monitoring(
        self,
        run_key: str,
        contents: RunContents,
        *,
        model: str,
        model_type: str,
        as_of: date,
        states: Mapping[str, int],
    ) -> str:
        """Return the id of a day's monitoring run, logged once for the same readings.

        Parameters
        ----------
        run_key : str
            The same readings of the same day have the same key.
        contents : RunContents
            The day's figures and pictures.
        states : mapping of str to int
            How many readings are in each state.

        Raises
        ------
        Unreachable
            MLflow does not answer.
        """
        with answering(self.settings.tracking_uri):
            return self._log_once(
                run_key,
                tags.MONITORING,
                contents,
                name=run_name("monitoring", model),
                values=monitoring_tags(model, model_type, as_of, states),
            )

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
                if exc.error_code == NOT_THERE:
                    return None
                raise
        server = without_credentials(self.settings.tracking_uri).rstrip("/")
        return f"{server}/#/experiments/{experiment_id}/runs/{run_id}"

    def _log_once(
        self,
        run_key: str,
        role: str,
        contents: RunContents,
        *,
        name: str,
        values: Mapping[str, str],
    ) -> str:
        """Return the id of the run of this key and role, with these contents in it."""
        run = self._find_or_create(run_key, role, name=name, values=values)
        run_id: str = run.info.run_id
        if tags.COMPLETE not in run.data.tags:
            write_run(self._client, run_id, contents)
            self._client.set_terminated(run_id, status="FINISHED")
            self._tag(run_id, {tags.COMPLETE: tags.YES})
        return run_id

    def _find(self, run_key: str, *also: str) -> Any:
        """Return the oldest run of this key that fits, or None."""
        wanted = " and ".join((tags.equals(tags.RUN_KEY, run_key), *also))
        found = self._client.search_runs(
            [self._experiment_id], wanted, max_results=1, order_by=["attributes.start_time ASC"]
        )
        return found[0] if found else None

    def _find_or_create(
        self, run_key: str, role: str, *, name: str, values: Mapping[str, str]
    ) -> Any:
        """Return the run of this key and role; of those that a repeated call made, one is kept.

        MLflow's client stamps a run with the moment before it calls, so doubles have the same.
        """
        wanted = tags.equals(tags.ROLE, role)
        if (run := self._find(run_key, wanted)) is not None:
            return run
        made = self._client.create_run(
            self._experiment_id, run_name=name, tags={**values, **self._own_tags(run_key)}
        )
        of_key = f"{tags.equals(tags.RUN_KEY, run_key)} and {wanted}"
        for run in self._client.search_runs([self._experiment_id], of_key):
            same_call = run.info.start_time == made.info.start_time
            if same_call and run.info.run_id != made.info.run_id:
                self._client.delete_run(run.info.run_id)
        return made

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
            log_params(self._client, run_id, snapshot_params(snapshot))
        self._tag(run_id, {tags.DESCRIBED: tags.YES})

    def _discard_unfinished(self, run_key: str, but: str) -> None:
        wanted = tags.equals(tags.RUN_KEY, run_key)
        for run in self._client.search_runs([self._experiment_id], wanted):
            unfinished = tags.CANDIDATE in run.data.tags and tags.COMPLETE not in run.data.tags
            if unfinished and run.info.run_id != but:
                of_run = tags.equals("mlflow.parentRunId", run.info.run_id)
                for child in self._client.search_runs([self._experiment_id], of_run):
                    self._client.delete_run(child.info.run_id)
                self._client.delete_run(run.info.run_id)

    def _tag(self, run_id: str, values: Mapping[str, str]) -> None:
        log_tags(self._client, run_id, values)


def _numbers(document: JsonObject) -> dict[str, float | None]:
    return {name: value for name, value in document.items() if isinstance(value, float)}
