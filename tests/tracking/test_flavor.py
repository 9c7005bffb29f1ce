from __future__ import annotations

import dataclasses
import json
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import skops.io
from sklearn.preprocessing import FunctionTransformer

from finrisk.config import Settings
from finrisk.errors import ArtifactRejected
from finrisk.records import TrainedCandidate
from finrisk.tracking import flavor
from finrisk.tracking.flavor import load, load_with_manifest
from finrisk.tracking.manifest import GoldenRows, Manifest, digest_of, tree_sha256
from finrisk.tracking.scoring_model import ScoringModel
from finrisk.tracking.signing import Signer, Verifier
from finrisk.tracking.verification import MANIFEST, SIGNATURE
from tests.tracking.factories import (
    NUMERIC,
    artifact,
    boosted_model,
    features,
    golden_rows,
    logistic_model,
    provenance,
)


def resign(folder: Path, signer: Signer, **changes: object) -> None:
    """Sign the folder as it is now, so that only what comes after verification can refuse it."""
    manifest = Manifest.from_json(json.loads((folder / MANIFEST).read_bytes()))
    files = {name: digest_of((folder / name).read_bytes()) for name in manifest.files}
    signed = manifest.replace(files=files, **changes).canonical()
    (folder / MANIFEST).write_bytes(signed)
    (folder / SIGNATURE).write_bytes(signer.sign(signed))


@pytest.mark.parametrize("model", [logistic_model, boosted_model], ids=["logistic", "boosted"])
def test_a_model_comes_back_scoring_bit_for_bit(
    model: Callable[[], ScoringModel], tmp_path: Path, signer: Signer, verifier: Verifier
) -> None:
    saved = model()
    folder = artifact(tmp_path / "a", signer, model=saved)

    loaded, manifest = load_with_manifest(
        folder, verifier, expected_artifact_sha256=tree_sha256(folder), threads=2
    )

    frame = features(rows=500, seed=3)
    assert np.array_equal(loaded.score(frame), saved.score(frame))
    assert loaded.threads == 2
    assert loaded.calibrator == saved.calibrator
    assert manifest.provenance == provenance()


def test_a_model_without_preprocessing_comes_back(
    tmp_path: Path, signer: Signer, verifier: Verifier
) -> None:
    numbers = features()[list(NUMERIC)].fillna(0.0)
    estimator = logistic_model().estimator.__class__().fit(numbers.to_numpy(), numbers.index % 2)
    saved = dataclasses.replace(
        logistic_model(),
        feature_names=NUMERIC,
        categorical=(),
        preprocessor=None,
        estimator=estimator,
    )
    folder = artifact(tmp_path / "a", signer, model=saved, golden_rows=numbers.head(3))

    assert np.array_equal(load(folder, verifier).score(numbers), saved.score(numbers))
    assert not (folder / "prep.skops").exists()


@pytest.mark.parametrize("off", [2e-6, float("nan")])
def test_golden_scores_that_are_not_reproduced_are_refused(
    tmp_path: Path, signer: Signer, verifier: Verifier, off: float
) -> None:
    folder = artifact(tmp_path / "a", signer)
    golden = Manifest.from_json(json.loads((folder / MANIFEST).read_bytes())).golden
    scores = (golden.scores[0] + off, *golden.scores[1:])
    resign(folder, signer, golden=GoldenRows(golden.rows, scores))

    with pytest.raises(ArtifactRejected, match="golden rows do not score as they did"):
        load(folder, verifier)


def test_a_type_off_our_list_is_refused_even_if_signed(
    tmp_path: Path, signer: Signer, verifier: Verifier
) -> None:
    folder = artifact(tmp_path / "a", signer)
    stranger = FunctionTransformer(dataclasses.replace)  # a function no list of ours holds
    (folder / "prep.skops").write_bytes(skops.io.dumps(stranger))
    resign(folder, signer)

    with pytest.raises(ArtifactRejected, match=r"cannot be read: UntrustedTypes.*dataclasses"):
        load(folder, verifier)


@pytest.mark.parametrize("name", ["calibrator.json", "model.ubj", "prep.skops"])
def test_a_signed_part_that_is_no_such_part_is_refused(
    tmp_path: Path, signer: Signer, verifier: Verifier, name: str
) -> None:
    folder = artifact(tmp_path / "a", signer)
    (folder / name).write_bytes(b"{}")
    resign(folder, signer)

    with pytest.raises(ArtifactRejected, match="a part of the artifact cannot be read"):
        load(folder, verifier)


def test_requirements_never_name_what_a_stranger_could_publish(
    tmp_path: Path, signer: Signer
) -> None:
    folder = artifact(tmp_path / "a", signer)

    required = (folder / "requirements.txt").read_text().split()

    assert all("==" in line for line in required)
    assert not any(line.startswith("finrisk") for line in required)


def test_mlflows_own_log_takes_the_flavour(
    settings: Settings, signer: Signer, verifier: Verifier
) -> None:
    from finrisk.tracking.client import process_default
    from finrisk.tracking.quiet_mlflow import Model, mlflow

    with process_default(settings.tracking_uri):
        experiment = mlflow.get_experiment_by_name(settings.experiment_name).experiment_id
        with mlflow.start_run(experiment_id=experiment):
            info = Model.log(
                artifact_path=None,
                name="by-hand",
                flavor=flavor,
                model=boosted_model(),
                provenance=provenance(),
                golden_rows=golden_rows(),
                signer=signer,
            )
        folder = Path(mlflow.artifacts.download_artifacts(info.model_uri))

    assert np.array_equal(
        load(folder, verifier).score(features()), boosted_model().score(features())
    )


def test_pyfunc_loads_through_the_same_verification(
    settings: Settings,
    trained: TrainedCandidate,
    artifact_of: Callable[[TrainedCandidate], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from finrisk.tracking.client import process_default

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what importing mlflow.pyfunc says of MLflow's own hints
        import mlflow.pyfunc
    monkeypatch.setenv("FINRISK_HOME", str(settings.home))
    frame = features().dropna()

    with process_default(settings.tracking_uri):
        loaded = mlflow.pyfunc.load_model(trained.model_uri)

        assert np.array_equal(loaded.predict(frame), boosted_model().score(frame))
        (artifact_of(trained) / "calibrator.json").write_text("{}")
        with pytest.raises(ArtifactRejected, match=r"calibrator.json was changed"):
            mlflow.pyfunc.load_model(trained.model_uri)
