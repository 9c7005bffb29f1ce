"""What a night shows in MLflow, seen after two nights with pictures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from finrisk.config import Settings
from finrisk.pipelines.evidence_pages import page_path
from finrisk.pipelines.rooms import Rooms
from finrisk.records import NightDecision
from finrisk.tracking.client import find_experiment, open_client
from tests.pipelines.lender import FIRST, SECOND, deliver, night

PICTURES_OF_A_MODEL = {"roc", "precision_recall", "calibration", "score_distribution"}


@pytest.fixture(scope="module")
def rooms(shared: Settings) -> Iterator[Rooms]:
    settings = shared.model_copy(update={"scope": "exhibits", "pictures": True})
    opened = Rooms.open("credit_risk", settings)
    yield opened
    opened.ledger.close()


@pytest.fixture(scope="module")
def nights(rooms: Rooms) -> tuple[NightDecision, NightDecision]:
    """A first champion, then a comparison with it."""
    first = night(rooms, FIRST)
    deliver(rooms.settings, SECOND)
    return first, night(rooms, SECOND)


def client_of(rooms: Rooms) -> Any:
    return open_client(rooms.settings)


def children(rooms: Rooms, run_id: str) -> list[Any]:
    client = client_of(rooms)
    experiment = find_experiment(client, rooms.settings)
    found: list[Any] = client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{run_id}'")
    return found


def files(rooms: Rooms, run_id: str, folder: str | None = None) -> set[str]:
    return {item.path.split("/")[-1] for item in client_of(rooms).list_artifacts(run_id, folder)}


def test_a_night_shows_its_rows_and_both_models(
    rooms: Rooms, nights: tuple[NightDecision, NightDecision], tmp_path: Path
) -> None:
    run_id = nights[1].run_id or ""

    assert {
        "data_statistics.json",
        "data_distributions.json",
        "evidence.json",
        "evidence.md",
        "evidence.html",
    } <= files(rooms, run_id)
    assert files(rooms, run_id, "pictures") == {
        "feature_distributions.png",
        "champion_v_challenger.png",
        "champion_and_challenger_roc.png",
        "champion_and_challenger_scores.png",
        "champion_and_challenger_calibration.png",
        "resampled_differences.png",
        "champion_and_challenger_precision_recall.png",
    }
    path = client_of(rooms).download_artifacts(run_id, "data_statistics.json", str(tmp_path))
    assert json.loads(Path(path).read_text())["features"] > 0


def test_a_nights_page_is_kept_with_its_pictures(
    rooms: Rooms, nights: tuple[NightDecision, NightDecision], tmp_path: Path
) -> None:
    kept = page_path(rooms.settings, "credit_risk", SECOND)

    page = kept.read_text(encoding="utf-8")

    assert page.count("data:image/png;base64,") == 6
    assert nights[1].evidence_sha256 is not None
    assert nights[1].evidence_sha256 in page
    path = client_of(rooms).download_artifacts(nights[1].run_id, "evidence.html", str(tmp_path))
    assert Path(path).read_text(encoding="utf-8") == page


def test_a_first_champion_is_shown_beside_nobody(
    rooms: Rooms, nights: tuple[NightDecision, NightDecision]
) -> None:
    assert files(rooms, nights[0].run_id or "", "pictures") == {"feature_distributions.png"}


def test_only_the_challenger_carries_the_documented_names(
    rooms: Rooms, nights: tuple[NightDecision, NightDecision]
) -> None:
    challenger = nights[1].challenger
    assert challenger is not None
    candidates = [
        r for r in children(rooms, nights[1].run_id or "") if "finrisk.candidate" in r.data.tags
    ]

    judged = {run.info.run_id for run in candidates if "auc" in run.data.metrics}

    assert len(candidates) == 2
    assert judged == {challenger.run_id}
    metrics = client_of(rooms).get_run(challenger.run_id).data.metrics
    assert {
        "auc", "gini", "ks", "psi", "brier", "precision", "recall", "f1_score", "accuracy",
        "test_samples", "train_samples", "n_features", "training_seconds", "out_of_fold_auc",
    } <= set(metrics)  # fmt: skip
    assert metrics["psi"] < 0.25


def test_a_candidate_shows_what_it_was_out_of_fold_and_leans_on(
    rooms: Rooms, nights: tuple[NightDecision, NightDecision]
) -> None:
    challenger = nights[1].challenger
    assert challenger is not None

    assert {"model_config.json", "feature_importance.json"} <= files(rooms, challenger.run_id)
    shown = PICTURES_OF_A_MODEL | {"importance"} | {f"holdout_{n}" for n in PICTURES_OF_A_MODEL}
    assert files(rooms, challenger.run_id, "pictures") == {f"{name}.png" for name in shown}


def test_runs_are_named_and_tagged_as_documented(
    rooms: Rooms, nights: tuple[NightDecision, NightDecision]
) -> None:
    runs = children(rooms, nights[0].run_id or "")
    named = {run.info.run_name.rsplit("_", 2)[0]: run.data.tags for run in runs}

    for candidate, algorithm in (("lr", "logistic_regression"), ("xgb", "xgboost")):
        own = named[f"credit_risk_{candidate}"]
        assert own["model_type"] == "credit_risk"
        assert own["algorithm"] == algorithm
        assert own["experiment_type"] == "nightly_retraining"
        assert {"dataset_version", "feature_set"} <= set(own)


def test_a_picture_that_cannot_be_drawn_costs_no_decision(
    rooms: Rooms, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ValueError("no ink")

    monkeypatch.setattr("finrisk.pipelines.judging.night_exhibits", broken)
    settings = rooms.settings.in_scope("no-ink")
    other = Rooms.open("credit_risk", settings)

    decided = night(other, FIRST)

    assert decided.evidence_sha256 is not None
    assert "could not be shown" in caplog.text
    page = page_path(settings, "credit_risk", FIRST).read_text(encoding="utf-8")
    assert decided.evidence_sha256 in page
    assert "data:image/png" not in page
    other.ledger.close()
