"""A model that a cluster fits: near that of one machine, and never half of one."""

from __future__ import annotations

import os
import signal
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from finrisk.errors import ConfigurationError, FinRiskError, SnapshotMismatch, Unreachable
from finrisk.features.derive import derive_features
from finrisk.metrics.ranking import ranking_metrics
from finrisk.models import dask_cluster
from finrisk.models.dask_rows import cluster_scores, on_cluster
from finrisk.models.elsewhere import fit_elsewhere
from finrisk.models.trainer import FittedCandidate, fit_candidate
from finrisk.specs.model_spec import ModelSpec
from tests.models.factories import BOOSTED, a_spec, development_rows
from tests.models.snapshots import as_snapshot
from tests.scale.processes import Cluster

SPEC = a_spec(candidates=[BOOSTED])
LONG = a_spec(candidates=[BOOSTED | {"search": {}, "parameters": {"n_estimators": 600}}])
ROWS = development_rows(rows_per_vintage=3_000)
LATER = development_rows(rows_per_vintage=2_000, seed=8)


def fitted(path: Path, sha256: str, address: str, spec: ModelSpec = SPEC) -> FittedCandidate:
    opened = on_cluster(path, sha256, spec, address)
    return fit_elsewhere(opened, spec, spec.candidates[0], threads=1)[0]


def auc(model: FittedCandidate) -> float:
    scores = model.model.score(derive_features(LATER, SPEC))
    return ranking_metrics(LATER["_label"].to_numpy(dtype=np.int64), scores).auc


@pytest.fixture(scope="session")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    return as_snapshot(tmp_path_factory.mktemp("store"), ROWS, group_rows=4_000, holdout_rows=3_000)


@pytest.fixture(scope="session")
def in_memory() -> FittedCandidate:
    return fit_candidate(ROWS, SPEC, SPEC.candidates[0], threads=1)


def test_two_workers_rank_as_one_machine_does(
    snapshot: tuple[Path, str], address: str, in_memory: FittedCandidate
) -> None:
    on_two = fitted(*snapshot, address)

    assert auc(on_two) == pytest.approx(auc(in_memory), abs=0.002)
    assert on_two.development_score == pytest.approx(in_memory.development_score, abs=0.002)
    assert (on_two.rows, on_two.bads) == (in_memory.rows, in_memory.bads)
    pd.testing.assert_frame_equal(on_two.golden_rows, in_memory.golden_rows)


def test_as_many_workers_give_the_same_model_again(
    snapshot: tuple[Path, str], address: str
) -> None:
    later = derive_features(LATER, SPEC)

    one, other = fitted(*snapshot, address), fitted(*snapshot, address)

    np.testing.assert_allclose(one.model.score(later), other.model.score(later), atol=1e-5)


def test_a_cluster_scores_the_holdout_as_one_machine_does(
    snapshot: tuple[Path, str], address: str, in_memory: FittedCandidate
) -> None:
    score = in_memory.model.score

    (on_two,) = cluster_scores(*snapshot, SPEC, [score], address)

    here = score(derive_features(ROWS.head(3_000), SPEC))
    np.testing.assert_array_equal(on_two, here)


def test_a_worker_killed_while_it_trains_costs_time_and_nothing_else(
    snapshot: tuple[Path, str], own_cluster: Any, in_memory: FittedCandidate
) -> None:
    cluster = own_cluster()
    with ThreadPoolExecutor(1) as pool:
        fit = pool.submit(fitted, *snapshot, cluster.scheduler_address, LONG)
        killed = kill_one_in_training(cluster, fit)
        survived = fit.result(timeout=500)

    assert killed
    assert survived.rows == in_memory.rows
    assert auc(survived) > 0.7


def test_all_workers_killed_at_once_end_the_fit_and_those_that_follow_do_the_next(
    snapshot: tuple[Path, str],
    own_cluster: Any,
    monkeypatch: pytest.MonkeyPatch,
    in_memory: FittedCandidate,
) -> None:
    cluster = own_cluster()
    monkeypatch.setattr(dask_cluster, "PATIENCE_SECONDS", 10)
    with ThreadPoolExecutor(1) as pool:
        fit = pool.submit(fitted, *snapshot, cluster.scheduler_address, LONG)
        assert wait_for_training(cluster.scheduler_address, fit)
        for nanny in cluster.workers.values():
            os.kill(nanny.pid, signal.SIGKILL)
        with pytest.raises(Unreachable, match="the champion stays"):
            fit.result(timeout=200)

    again = fitted(*snapshot, cluster.scheduler_address)

    assert again.rows == in_memory.rows
    assert auc(again) == pytest.approx(auc(in_memory), abs=0.002)


def test_a_cluster_that_loses_all_workers_for_good_fails_and_says_so(
    snapshot: tuple[Path, str], processes: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_cluster, "PATIENCE_SECONDS", 10)
    with ThreadPoolExecutor(1) as pool:
        fit = pool.submit(fitted, *snapshot, processes.address, LONG)
        assert wait_for_training(processes.address, fit)
        processes.kill_workers()
        with pytest.raises(Unreachable, match="the champion stays"):
            fit.result(timeout=200)


def test_a_scheduler_that_does_not_answer_is_unreachable(snapshot: tuple[Path, str]) -> None:
    with (
        pytest.raises(Unreachable, match=r"tcp://127.0.0.1:9 does not answer.*champion stays"),
        dask_cluster.connected("tcp://127.0.0.1:9", patience_seconds=1),
    ):
        pass


def test_bytes_that_are_not_what_was_frozen_are_not_trained_on(
    tmp_path: Path, address: str
) -> None:
    path, sha256 = as_snapshot(tmp_path, ROWS, group_rows=4_000)
    path.write_bytes(path.read_bytes()[:-1] + b"?")

    with pytest.raises(SnapshotMismatch):
        fitted(path, sha256, address)


def test_a_worker_of_other_versions_is_refused(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_cluster, "installed", partial(versions_of, os.getpid()))

    with (
        pytest.raises(ConfigurationError, match=r"other versions.*finrisk"),
        dask_cluster.connected(address),
    ):
        pass


def test_what_a_worker_raises_of_the_data_is_not_tried_again() -> None:
    tries = []

    def broken() -> None:
        tries.append(1)
        raise SnapshotMismatch("not what was frozen")

    with pytest.raises(FinRiskError, match="not what was frozen"):
        dask_cluster.insist("reading", None, broken)

    assert tries == [1]


def versions_of(here: int) -> dict[str, str]:
    """Two releases: one in the process that asks, another on the workers."""
    return {"finrisk": "this one" if os.getpid() == here else "another"}


def wait_for_training(address: str, fit: Future[Any]) -> str:
    """Return the address of a worker once XGBoost trains on it; '' where the fit is over."""
    import distributed

    with distributed.Client(address, set_as_default=False) as client:
        while not fit.done():
            for worker, tasks in client.processing().items():
                if any("fn-" in str(task) for task in tasks):
                    return str(worker)
    return ""


def kill_one_in_training(cluster: Any, fit: Future[Any]) -> bool:
    where = wait_for_training(cluster.scheduler_address, fit)
    for nanny in cluster.workers.values():
        if nanny.worker_address == where:
            os.kill(nanny.pid, signal.SIGKILL)
            return True
    return False
