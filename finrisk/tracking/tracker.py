"""The documented tracker: runs that people log by hand, and questions about the runs there are.

``night_tracker`` writes what a night leaves; this one writes what a data scientist hands over.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from finrisk.config import Settings
from finrisk.tracking import tags
from finrisk.tracking.candidate_log import CandidateLog, log_model, trained_candidate
from finrisk.tracking.client import answering
from finrisk.tracking.connection import Connection
from finrisk.tracking.flavor import model_parts
from finrisk.tracking.run_reader import RunReader, compared, reader_of, summary_of
from finrisk.tracking.run_writer import RunContents, log_tags, run_name, write_run
from finrisk.tracking.signing import Signer
from finrisk.tracking.tables import quality_contents, search_contents

log = logging.getLogger(__name__)

FINISHED, FAILED = "FINISHED", "FAILED"


class FinRiskMLflowTracker:
    """Logs experiments into MLflow and reads them; connects on first use.

    Parameters
    ----------
    tracking_uri : str, optional
        Where runs go; else ``MLFLOW_TRACKING_URI``, else ``sqlite:///mlflow.db``.
    experiment_name : str, optional
        Else ``MLFLOW_EXPERIMENT_NAME``, else ``finrisk-experiments``; made on first use.
    settings : Settings, optional
        In place of the environment.

    Examples
    --------
    >>> FinRiskMLflowTracker(experiment_name="churn").experiment_name
    'churn'
    """

    def __init__(
        self,
        tracking_uri: str | None = None,
        experiment_name: str | None = None,
        *,
        settings: Settings | None = None,
    ) -> None:
        self._connection = Connection(
            settings, tracking_uri=tracking_uri, experiment_name=experiment_name
        )

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self._connection.settings

    @property
    def tracking_uri(self) -> str:
        """Where runs go."""
        return self.settings.tracking_uri

    @property
    def experiment_name(self) -> str:
        """The experiment's name, with the scope's unless that is ``live``."""
        return self.settings.scoped_experiment

    @property
    def experiment_id(self) -> str:
        """The experiment's id, made if it is not there; raises ``Unreachable``."""
        return self._connection.experiment_id

    def log_fitted_model(self, log: CandidateLog, name: str) -> str:
        """Log a fitted model as a run of its own, with its signed artifact; return the run's id.

        Parameters
        ----------
        log : CandidateLog
            The model, where it comes from, its tags, and what is written beside it.
        name : str
            The run's name.

        Raises
        ------
        Unreachable
            MLflow does not answer; the run, if it was begun, ends as FAILED.
        ConfigurationError
            There is no signing key, or the model holds types that FinRisk does not load; no run is
            begun.
        """
        signer = Signer.load(self.settings.signing_keys)
        parts = model_parts(log.model)
        with answering(self.tracking_uri):
            client, experiment_id = self._connection.client, self.experiment_id
            run_id = self._begin(experiment_id, name, {**log.tags, **log.identity})
            with _ended(client, run_id):
                logged = log_model(client, experiment_id, run_id, log, signer, parts=parts)
                write_run(client, run_id, log.contents, model_id=logged.model_id)
                trained = trained_candidate(log, run_id, logged)
                told = {tags.TRAINED: json.dumps(trained.to_json()), tags.COMPLETE: tags.YES}
                log_tags(client, run_id, told)
        return run_id

    def log_hyperparameter_tuning(
        self,
        param_grid: Mapping[str, Any],
        cv_results: Mapping[str, Any],
        best_params: Mapping[str, Any],
        best_score: float,
        tuning_name: str = "hyperparameter_tuning",
    ) -> str:
        """Log what a search tried and found; return the run's id.

        Parameters
        ----------
        param_grid : mapping
            What was searched, by parameter.
        cv_results : mapping
            Columns of equal length as ``GridSearchCV.cv_results_`` has them.
        best_params : mapping
            The configuration that won.
        best_score : float
            Its score; higher is better.
        tuning_name : str
            Begins the run's name.

        Raises
        ------
        ConfigurationError
            What was tried is no mapping, or the best score no number.
        Unreachable
            MLflow does not answer.
        """
        contents = search_contents(param_grid, cv_results, best_params, best_score)
        return self._log(tuning_name, {"experiment_type": "hyperparameter_tuning"}, contents)

    def log_data_quality_report(
        self, data_quality_metrics: Mapping[str, Any], dataset_name: str = "dataset"
    ) -> str:
        """Log figures about a dataset; return the run's id.

        Numbers become metrics, everything else (frames, too) JSON of the same name, and all of it
        ``data_quality.json``.

        Raises
        ------
        ConfigurationError
            The figures are no mapping.
        Unreachable
            MLflow does not answer.
        """
        contents = quality_contents(data_quality_metrics)
        own = {"experiment_type": "data_quality", "dataset": dataset_name}
        return self._log(f"data_quality_{dataset_name}", own, contents)

    def get_experiment_summary(self) -> dict[str, Any]:
        """Return how many runs the experiment holds, of which kinds, and the ten newest.

        Returns
        -------
        dict
            ``experiment_name``, ``experiment_id``, ``total_runs``, ``model_types``, ``algorithms``
            (runs by tag), ``latest_runs`` (newest first: run_id, run_name, model_type, algorithm,
            status, start_time).

        Raises
        ------
        Unreachable
            MLflow does not answer.
        """
        with answering(self.tracking_uri):
            counted = summary_of(self._reader(), self.experiment_id)
        return {
            "experiment_name": self.experiment_name,
            "experiment_id": self.experiment_id,
            **counted,
        }

    def compare_runs(
        self, run_ids: Sequence[str] | None = None, metrics: Sequence[str] | None = None
    ) -> pd.DataFrame:
        """Return runs side by side: one row a run, its name, tags, and a column a metric.

        Parameters
        ----------
        run_ids : sequence of str, optional
            In this order; without them, every finished run of the experiment, newest first.
        metrics : sequence of str, optional
            Which metrics; without them, every one that any of the runs has. Higher is better in
            all of FinRisk's but ``brier``, ``psi`` and what counts or takes seconds.

        Raises
        ------
        UnknownRun
            A run is not there.
        Unreachable
            MLflow does not answer.
        """
        with answering(self.tracking_uri):
            return compared(self._reader(), self.experiment_id, run_ids, metrics)

    def _reader(self) -> RunReader:
        return reader_of(self.settings, self._connection.client)

    def _log(self, name: str, own_tags: Mapping[str, str], contents: RunContents) -> str:
        with answering(self.tracking_uri):
            client = self._connection.client
            run_id = self._begin(self.experiment_id, run_name(str(name)), own_tags)
            with _ended(client, run_id):
                write_run(client, run_id, contents)
        return run_id

    def _begin(self, experiment_id: str, name: str, own_tags: Mapping[str, str]) -> str:
        run = self._connection.client.create_run(
            experiment_id,
            run_name=name,
            tags={
                **own_tags,
                "project": "finrisk",
                "timestamp": datetime.now(UTC).isoformat(timespec="seconds"),
                "mlflow.user": self.settings.actor,
                "mlflow.source.name": "finrisk",
            },
        )
        return str(run.info.run_id)


@contextmanager
def _ended(client: Any, run_id: str) -> Iterator[None]:
    """End the run with the block: FINISHED, or FAILED where the block raises."""
    try:
        yield
    except BaseException:
        try:
            client.set_terminated(run_id, status=FAILED)
        except Exception as exc:  # noqa: BLE001 - what broke the run is what the caller must hear
            log.warning("MLflow run %s is left RUNNING: %s", run_id, type(exc).__name__)
        raise
    client.set_terminated(run_id, status=FINISHED)
