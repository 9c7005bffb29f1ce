from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from finrisk.config import Settings
from finrisk.errors import ConfigurationError
from finrisk.evidence import Evidence, Facts, Outcome, RuleResult, Verdict
from finrisk.gate.bake import Baked, Reading, Signal, bake_verdict
from finrisk.records import Comparison, Decision, NightStatus, TrainedCandidate
from finrisk.specs.bake import Bake
from finrisk.tracking import night_tracker as tracking
from finrisk.tracking.client import open_client
from finrisk.tracking.manifest import tree_sha256
from finrisk.tracking.night_tracker import NightTracker
from finrisk.tracking.tags import equals
from tests.tracking.factories import (
    HOLDOUT,
    candidate_log,
    night_decision,
    prepared_night,
    provenance,
)

Key = Callable[[], str]
VERDICT = Verdict(
    decision=Decision.HOLD,
    reasons=("z 1.2 is below 2.71",),
    rules=(RuleResult("superiority", Outcome.FAIL, "z 1.2", "z 2.71"),),
)


def evidence() -> Evidence:
    facts = Facts(
        model="credit_risk",
        as_of=date(2024, 10, 1),
        has_champion=True,
        challenger_train_end=date(2024, 6, 30),
        champion_train_end=date(2024, 5, 31),
        holdout=HOLDOUT,
        holdout_goods=210,
        embargo_days=1,
        rows_in_both=0,
        same_rows=True,
        challenger_verified=True,
        champion_verified=True,
        scores_usable=True,
        highest_single_feature="income",
        highest_single_feature_auc=0.6,
        alpha=0.003,
        look_refused=None,
        comparison=Comparison(0.70, 0.71, 0.01, 0.008, 1.2, 0.23),
        challenger_metrics={"auc": 0.71},
        champion_metrics={"auc": 0.70},
    )
    return Evidence(facts, VERDICT, None, None, 0.04, "6" * 64, "0.1.0")


def run_of(tracker: NightTracker, run_id: str) -> Any:
    return open_client(tracker.settings).get_run(run_id)


def file_of(tracker: NightTracker, run_id: str, name: str) -> str:
    path = open_client(tracker.settings).download_artifacts(run_id, name)
    return Path(path).read_text(encoding="utf-8")


def test_a_night_asked_twice_is_one_run(tracker: NightTracker, fresh_key: Key) -> None:
    key = fresh_key()

    first = tracker.start_night(prepared_night(), key)
    tracker.finish_night(first, night_decision())

    assert tracker.start_night(prepared_night(), key) == first
    assert tracker.start_night(prepared_night(), fresh_key()) != first


def test_a_run_is_there_until_it_is_deleted(tracker: NightTracker, fresh_key: Key) -> None:
    run_id = tracker.start_night(prepared_night(), fresh_key())
    assert tracker.has_run(run_id)

    open_client(tracker.settings).delete_run(run_id)

    assert not tracker.has_run(run_id)
    assert not tracker.has_run("0" * 32)
    assert not tracker.has_run("no id")


def test_a_night_says_what_it_is_about(tracker: NightTracker, fresh_key: Key) -> None:
    run = run_of(tracker, tracker.start_night(prepared_night(), fresh_key()))

    assert run.info.run_name == "credit_risk_2024-10-01"
    assert run.data.tags["mlflow.user"] == "tester"
    assert run.data.tags["finrisk.data"] == "pass"
    assert run.data.params["rows"] == "900"
    assert run.data.params["holdout"] == "2024-07-01 .. 2024-08-31"


def test_the_snapshot_is_a_dataset_input_without_its_rows(
    tracker: NightTracker, fresh_key: Key
) -> None:
    run = run_of(tracker, tracker.start_night(prepared_night(), fresh_key()))

    [given] = run.inputs.dataset_inputs
    assert json.loads(given.dataset.source) == {"uri": "file:///snapshots/5", "sha256": "5" * 64}
    assert json.loads(given.dataset.profile) == {"rows": 900, "bads": 290}
    assert given.tags[0].value == "training"


def test_a_blocked_night_has_a_run_without_a_dataset(tracker: NightTracker, fresh_key: Key) -> None:
    blocked = prepared_night(status=NightStatus.BLOCKED, snapshot=None)

    run = run_of(tracker, tracker.start_night(blocked, fresh_key()))

    assert run.data.tags["finrisk.status"] == "blocked"
    assert run.inputs.dataset_inputs == []


def test_a_night_that_crashed_before_it_was_described_is_described_on_the_retry(
    tracker: NightTracker, fresh_key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = fresh_key()
    with monkeypatch.context() as broken:
        broken.setattr(tracking, "dataset_input", crash)
        with pytest.raises(Crash):
            tracker.start_night(prepared_night(), key)

    run = run_of(tracker, tracker.start_night(prepared_night(), key))

    assert run.data.params["rows"] == "900"
    assert len(run.inputs.dataset_inputs) == 1


def test_a_candidate_is_a_child_run_with_its_figures_and_its_model(
    tracker: NightTracker,
    fresh_key: Key,
    artifact_of: Callable[[TrainedCandidate], Path],
) -> None:
    night = tracker.start_night(prepared_night(), fresh_key())
    log = candidate_log(provenance=provenance(run_key=fresh_key()))

    trained = tracker.log_candidate(night, log)

    client, run = open_client(tracker.settings), run_of(tracker, trained.run_id)
    assert re.fullmatch(r"credit_risk_boosted_\d{8}_\d{6}", run.info.run_name)
    assert run.info.status == "FINISHED"
    assert run.data.tags["mlflow.parentRunId"] == night
    assert run.data.params == {"max_depth": "3", "seed": "1"}
    assert run.data.metrics == {"auc": 0.71, "ks": 0.3}
    assert {item.path for item in client.list_artifacts(run.info.run_id)} == {
        "model_config.json",
        "pictures",
    }
    logged = client.get_logged_model(trained.model_uri.removeprefix("models:/"))
    assert logged.status == "READY"
    assert {metric.key for metric in logged.metrics} == {"auc", "ks"}
    assert trained.artifact_sha256 == tree_sha256(artifact_of(trained))
    assert not trained.resumed


def test_a_search_is_a_run_under_its_candidate(tracker: NightTracker, fresh_key: Key) -> None:
    night = tracker.start_night(prepared_night(), fresh_key())

    trained = tracker.log_candidate(
        night, candidate_log(provenance=provenance(run_key=fresh_key()))
    )

    client = open_client(tracker.settings)
    [tuning] = client.search_runs(
        [tracker._experiment_id], f"tags.`mlflow.parentRunId` = '{trained.run_id}'"
    )
    assert tuning.data.tags["experiment_type"] == "hyperparameter_tuning"
    assert [item.path for item in client.list_artifacts(tuning.info.run_id)] == ["cv_results.json"]


def test_a_finished_candidate_is_found_as_it_was_and_says_so(
    tracker: NightTracker, fresh_key: Key
) -> None:
    key = fresh_key()
    night = tracker.start_night(prepared_night(), fresh_key())
    log = candidate_log(provenance=provenance(run_key=key))
    assert tracker.find_candidate(key) is None

    trained = tracker.log_candidate(night, log)

    assert tracker.find_candidate(key) == trained.replace(resumed=True)
    assert tracker.log_candidate(night, log) == trained.replace(resumed=True)


class Crash(Exception):
    """The process dies here."""


def crash(*_: object, **__: object) -> None:
    raise Crash


@pytest.mark.parametrize(
    "at",
    ["create_logged_model", "log_model_artifacts", "set_terminated"],
)
def test_a_candidate_that_crashed_midway_is_not_resumed_and_leaves_nothing_active(
    tracker: NightTracker, fresh_key: Key, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    key, night = fresh_key(), tracker.start_night(prepared_night(), fresh_key())
    log = candidate_log(provenance=provenance(run_key=key))
    with monkeypatch.context() as broken:
        broken.setattr(tracker._client, at, crash)
        with pytest.raises(Crash):
            tracker.log_candidate(night, log)

    assert tracker.find_candidate(key) is None
    trained = tracker.log_candidate(night, log)

    wanted = equals("finrisk.run_key", key)
    active = open_client(tracker.settings).search_runs([tracker._experiment_id], wanted)
    assert [run.info.run_id for run in active] == [trained.run_id]


def test_without_a_signing_key_nothing_is_logged(
    settings: Settings, fresh_key: Key, tmp_path: Path
) -> None:
    keyless = NightTracker(settings.model_copy(update={"signing_keys": tmp_path}))
    night = keyless.start_night(prepared_night(), fresh_key())

    with pytest.raises(ConfigurationError, match="finrisk init"):
        keyless.log_candidate(night, candidate_log(provenance=provenance(run_key=fresh_key())))


def test_logging_a_candidate_takes_at_most_two_seconds(
    tracker: NightTracker, fresh_key: Key
) -> None:
    night = tracker.start_night(prepared_night(), fresh_key())
    log = candidate_log(provenance=provenance(run_key=fresh_key()))
    began = time.perf_counter()

    tracker.log_candidate(night, log)

    assert time.perf_counter() - began < 2.0


def test_the_decision_stands_beside_the_night(tracker: NightTracker, fresh_key: Key) -> None:
    night = tracker.start_night(prepared_night(), fresh_key())

    tracker.log_decision(night, evidence(), "e" * 64)
    tracker.log_decision(night, evidence(), "e" * 64)
    tracker.finish_night(night, night_decision())

    run = run_of(tracker, night)
    assert run.info.status == "FINISHED"
    assert run.data.tags["finrisk.decision"] == "HOLD"
    assert run.data.tags["finrisk.reasons"] == "z 1.2 is below 2.71"
    assert run.data.metrics["challenger_auc"] == 0.71
    assert run.data.metrics["z"] == 1.2
    stored = json.loads(file_of(tracker, night, "evidence.json"))
    assert Evidence.from_json(stored) == evidence()


def test_the_report_of_the_evidence_stands_beside_it(tracker: NightTracker, fresh_key: Key) -> None:
    night = tracker.start_night(prepared_night(), fresh_key())

    tracker.log_decision(night, evidence(), "e" * 64, "# Evidence: Δ AUC")
    tracker.log_evidence_page(night, "<!doctype html>")

    for name, content in (("md", "# Evidence: Δ AUC"), ("html", "<!doctype html>")):
        assert file_of(tracker, night, f"evidence.{name}") == content


def test_the_reading_of_a_fresh_champion_stands_beside_the_night(
    tracker: NightTracker, fresh_key: Key
) -> None:
    night = tracker.start_night(prepared_night(), fresh_key())
    reading = Reading(
        epoch=2,
        as_of=date(2026, 3, 2),
        champion=2,
        predecessor=1,
        first_day=date(2026, 3, 1),
        last_day=date(2026, 3, 1),
        rows=480,
        matured=0,
        bads=0,
        signals=(Signal("score_psi", 0.9, 0.1, 0.25),),
    )
    baked = bake_verdict([reading], Bake())

    tracker.log_bake(night, baked)

    run = run_of(tracker, night)
    assert run.data.tags["finrisk.bake"] == "baking"
    stored = json.loads(file_of(tracker, night, "bake.json"))
    assert Baked.from_json(stored) == baked


def test_a_decision_without_a_comparison_is_logged_too(
    tracker: NightTracker, fresh_key: Key
) -> None:
    night = tracker.start_night(prepared_night(), fresh_key())
    first = evidence().replace(facts=evidence().facts.replace(comparison=None))

    tracker.log_decision(night, first, "e" * 64)

    assert "difference" not in run_of(tracker, night).data.metrics


def test_a_database_has_no_page_to_link_to(tracker: NightTracker) -> None:
    assert tracker.run_url("any") is None


def test_a_servers_run_has_a_page_and_its_address_holds_no_password(
    tracker: NightTracker, fresh_key: Key
) -> None:
    night = tracker.start_night(prepared_night(), fresh_key())
    remote = tracker.settings.model_copy(update={"tracking_uri": "http://anna:s3cret@mlflow:5000/"})
    served = NightTracker(remote)
    served.__dict__["_client"] = open_client(tracker.settings)  # a server's client, but for SQLite

    experiment = run_of(tracker, night).info.experiment_id
    assert served.run_url(night) == f"http://mlflow:5000/#/experiments/{experiment}/runs/{night}"
    assert served.run_url("0" * 32) is None


@pytest.mark.parametrize("key", ["it's", "", "a" * 201, "a b"])
def test_a_key_that_could_end_its_quotes_is_refused(tracker: NightTracker, key: str) -> None:
    with pytest.raises(ValueError, match="expected letters, digits"):
        tracker.find_candidate(key)


def test_settings_come_from_the_environment_if_not_given(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FINRISK_HOME", str(tmp_path))

    assert NightTracker().settings.home == tmp_path
