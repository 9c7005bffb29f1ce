from __future__ import annotations

import pytest

from finrisk.config import Settings
from finrisk.errors import ArtifactRejected
from finrisk.records import TrainedCandidate
from finrisk.tracking.client import find_experiment, open_client
from finrisk.tracking.registry import VersionRegistry


@pytest.fixture
def foreign_run(settings: Settings) -> str:
    """A run that other code logged."""
    client = open_client(settings)
    run_id: str = client.create_run(find_experiment(client, settings)).info.run_id
    return run_id


def test_a_finished_candidates_run_says_what_it_trained(
    registry: VersionRegistry, trained: TrainedCandidate
) -> None:
    assert registry.trained_of_run(trained.run_id) == trained


def test_a_run_without_our_model_says_what_it_holds_instead(
    registry: VersionRegistry, settings: Settings, foreign_run: str
) -> None:
    client = open_client(settings)
    for name in "fedcba":
        client.log_text(foreign_run, "x", f"{name}.txt")

    with pytest.raises(ArtifactRejected) as raised:
        registry.trained_of_run(foreign_run)

    said = str(raised.value)
    assert f"run {foreign_run} holds no FinRisk model: no artifacts found at path 'model'" in said
    assert (
        "got artifacts: a.txt, b.txt, c.txt, d.txt, e.txt and 1 more; logged models: none" in said
    )
    assert "remedy: log the model again with log_credit_risk_model" in said


def test_a_run_whose_model_is_unfinished_names_the_model(
    registry: VersionRegistry, settings: Settings, trained: TrainedCandidate
) -> None:
    client = open_client(settings)
    client.delete_tag(trained.run_id, "finrisk.complete")

    with pytest.raises(ArtifactRejected, match=f"logged models: {trained.model_uri}"):
        registry.trained_of_run(trained.run_id)


@pytest.mark.parametrize("told", ["{", "{}", "[1]"])
def test_a_tag_that_somebody_changed_is_refused(
    registry: VersionRegistry, settings: Settings, trained: TrainedCandidate, told: str
) -> None:
    open_client(settings).set_tag(trained.run_id, "finrisk.trained", told)

    with pytest.raises(ArtifactRejected, match="does not say what it trained"):
        registry.trained_of_run(trained.run_id)


@pytest.mark.parametrize("run_id", ["0" * 32, "no id at all"])
def test_a_run_that_mlflow_does_not_have_is_refused(registry: VersionRegistry, run_id: str) -> None:
    with pytest.raises(ArtifactRejected, match=r"no MLflow run .*MLFLOW_TRACKING_URI"):
        registry.trained_of_run(run_id)
