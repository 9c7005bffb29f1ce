"""FinRisk's one model flavour: no pickle, no code from an artifact, nothing parsed unverified.

A pipeline with XGBoost and a calibrator fits neither MLflow's scikit-learn flavour (skops refuses
XGBoost) nor its XGBoost one (which drops the preprocessing). So an artifact of ours is

prep.skops, model.ubj | model.skops, calibrator.json   the parts
requirements.txt, python_env.yaml, MLmodel             what MLflow wants to know
manifest.json, manifest.sig                            digests of all of the above, signed

``MLmodel`` also declares ``python_function``, so that ``mlflow.pyfunc.load_model`` and
``mlflow models serve`` work as users expect, through the same verification. But MLflow imports
whatever ``MLmodel`` names, before anything of ours can look: who may write into the store can run
code in a process that loads so. FinRisk itself calls ``load`` below and never reads ``MLmodel``.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version
from typing import Any

import numpy as np
import pandas as pd
import skops.io
import xgboost as xgb

from finrisk.atomic import room_for
from finrisk.config import load_settings
from finrisk.errors import ArtifactRejected, ConfigurationError
from finrisk.tracking.calibrator import Scores, calibrator_from_json
from finrisk.tracking.manifest import Manifest, Provenance, describe
from finrisk.tracking.quiet_mlflow import ColSpec, Model, ModelSignature, Schema
from finrisk.tracking.scoring_model import ScoringModel
from finrisk.tracking.signing import Signer, Verifier
from finrisk.tracking.soundness import check_archive, check_leaves
from finrisk.tracking.verification import (
    BOOSTER,
    CALIBRATOR,
    LARGEST_BYTES,
    LINEAR,
    MANIFEST,
    MLMODEL,
    PREPROCESSOR,
    PYTHON_ENV,
    REQUIREMENTS,
    SIGNATURE,
    VerifiedArtifact,
    verify_artifact,
)

FLAVOR_NAME = "finrisk"
# Beside what skops trusts itself; loaded only after the signature held.
TRUSTED_TYPES = [
    "numpy.dtype",  # SimpleImputer keeps one
    "sklearn.tree._tree.Tree",  # every forest
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
]
GOLDEN_TOLERANCE = 1e-6


def save_model(
    path: str | Path,
    mlflow_model: Any = None,
    *,
    model: ScoringModel,
    provenance: Provenance,
    golden_rows: pd.DataFrame,
    signer: Signer,
    parts: Mapping[str, bytes] | None = None,
) -> Manifest:
    """Write a signed artifact into a new folder; the contract of an MLflow flavour module.

    Parameters
    ----------
    path : path
        The folder, which must not exist.
    mlflow_model : mlflow.models.Model, optional
        What becomes the ``MLmodel`` file.
    model : ScoringModel
        What scores.
    provenance : Provenance
        What it was made from.
    golden_rows : DataFrame of shape (1 to 256, at least the features)
        Synthetic rows, stored readably; never a customer's.
    signer : Signer
        Holds the private key.
    parts : mapping of str to bytes, optional
        What :func:`model_parts` made of this model already.

    Returns
    -------
    Manifest
        As it was signed.

    Raises
    ------
    DiskFull
        There is no room for it; the folder is gone again.
    """
    folder = Path(path)
    folder.mkdir(parents=True)
    try:
        with room_for(folder):
            return _write(folder, mlflow_model, model, provenance, golden_rows, signer, parts)
    except BaseException:  # half an artifact verifies nowhere, and would be in a second try's way
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _write(
    folder: Path,
    mlflow_model: Any,
    model: ScoringModel,
    provenance: Provenance,
    golden_rows: pd.DataFrame,
    signer: Signer,
    parts: Mapping[str, bytes] | None,
) -> Manifest:
    for name, content in (parts or model_parts(model)).items():
        (folder / name).write_bytes(content)
    described = Model() if mlflow_model is None else mlflow_model
    described.signature = _signature(model)
    described.add_flavor(FLAVOR_NAME, algorithm=model.algorithm, manifest=MANIFEST)
    described.add_flavor(  # what pyfunc.add_to_model writes; importing pyfunc takes seconds
        "python_function",
        loader_module=__name__,
        python_version=python_version(),
        env={"virtualenv": PYTHON_ENV},
    )
    described.save(str(folder / MLMODEL))
    files = {file.name: file.read_bytes() for file in folder.iterdir()}
    manifest = describe(model, provenance, golden_rows, files)
    signed = manifest.canonical()
    (folder / MANIFEST).write_bytes(signed)
    (folder / SIGNATURE).write_bytes(signer.sign(signed))
    return manifest


def load(
    path: Path,
    verifier: Verifier,
    *,
    expected_artifact_sha256: str | None = None,
    threads: int = 1,
) -> ScoringModel:
    """Return the model of an artifact that verifies; see ``load_with_manifest``."""
    return load_with_manifest(
        path, verifier, expected_artifact_sha256=expected_artifact_sha256, threads=threads
    )[0]


def load_with_manifest(
    path: Path,
    verifier: Verifier,
    *,
    expected_artifact_sha256: str | None = None,
    threads: int = 1,
) -> tuple[ScoringModel, Manifest]:
    """Verify an artifact, then read it, then see that it still scores what it scored.

    Parameters
    ----------
    path : Path
        The artifact's folder.
    verifier : Verifier
        Holds the public key.
    expected_artifact_sha256 : str, optional
        What the ledger recorded; without it an older artifact of ours would be accepted.
    threads : int
        Threads the loaded model scores with.

    Raises
    ------
    ArtifactRejected
        It is not whole, not signed, not the recorded one, not loadable with the libraries here, or
        does not reproduce its golden scores to 1e-6.
    """
    verified = verify_artifact(path, verifier, expected_artifact_sha256=expected_artifact_sha256)
    return load_verified(verified, threads=threads), verified.manifest


def load_verified(verified: VerifiedArtifact, *, threads: int = 1) -> ScoringModel:
    """Return the model of bytes that are verified, if it still scores what it scored.

    Raises
    ------
    ArtifactRejected
        A part cannot be read, or the golden scores are not reproduced to 1e-6.
    """
    model = _assembled(verified, threads)
    _check_golden(model, verified.manifest)
    return model


def _load_pyfunc(path: str) -> _ProbabilityOfBad:
    """Load for ``mlflow.pyfunc``, which calls this name; keys come from the environment."""
    settings = load_settings()
    verifier = Verifier.load(settings.keys)
    return _ProbabilityOfBad(load(Path(path), verifier, threads=settings.threads))


class _ProbabilityOfBad:
    """What ``mlflow.pyfunc`` predicts with: probabilities of bad, higher = riskier."""

    def __init__(self, model: ScoringModel) -> None:
        self.model = model

    def predict(self, data: pd.DataFrame, params: dict[str, Any] | None = None) -> Scores:  # noqa: ARG002
        return self.model.score(data)


def model_parts(model: ScoringModel) -> dict[str, bytes]:
    """Return the files of a model, by name, before anything is written.

    Raises
    ------
    ConfigurationError
        It holds types that FinRisk would not load, or a part is too large.
    """
    parts = {
        CALIBRATOR: json.dumps(model.calibrator.to_json()).encode(),
        REQUIREMENTS: "\n".join([*_pip_requirements(), ""]).encode(),
        PYTHON_ENV: _python_env().encode(),
    }
    if model.preprocessor is not None:
        parts[PREPROCESSOR] = skops.io.dumps(model.preprocessor)
    if isinstance(model.estimator, xgb.Booster):
        parts[BOOSTER] = bytes(model.estimator.save_raw("ubj"))
    else:
        parts[LINEAR] = skops.io.dumps(model.estimator)
    _refuse_what_would_not_load(parts, model.algorithm)
    return parts


def _refuse_what_would_not_load(parts: dict[str, bytes], algorithm: str) -> None:
    """Say it while the model is at hand, not when a night wants to load it."""
    for name in (PREPROCESSOR, LINEAR):
        strange = set(skops.io.get_untrusted_types(data=parts[name])) if name in parts else set()
        if strange - set(TRUSTED_TYPES):
            raise ConfigurationError(
                f"{algorithm} holds types that FinRisk does not load",
                expected="scikit-learn's and XGBoost's estimators, alone or in a Pipeline",
                got=", ".join(sorted(strange - set(TRUSTED_TYPES))),
                remedy="log the model without them; of a search, its best_estimator_. Code of an "
                "artifact is never run",
            )
    for name, content in parts.items():
        if len(content) > LARGEST_BYTES[name]:
            raise ConfigurationError(
                f"{algorithm}: {name} would be too large to load",
                expected=f"at most {LARGEST_BYTES[name]} bytes",
                got=f"{len(content)}",
                remedy="bound its trees: min_samples_leaf, max_depth, fewer of them",
            )


def _pip_requirements() -> list[str]:
    """List explicit versions: letting MLflow infer them costs 3 to 27 s a model.

    ``finrisk`` itself is not among them: it is on no public index, and a name that anyone may
    register there must not be installed from there.
    """
    names = ["mlflow", "numpy", "pandas", "scikit-learn", "skops", "cryptography"]
    return [f"{name}=={version(name)}" for name in names] + [_xgboost_requirement()]


def _xgboost_requirement() -> str:
    try:
        return f"xgboost-cpu=={version('xgboost-cpu')}"
    except PackageNotFoundError:
        return f"xgboost=={version('xgboost')}"


def _python_env() -> str:
    return f"python: {python_version()}\ndependencies:\n- -r {REQUIREMENTS}\n"


def _signature(model: ScoringModel) -> Any:
    kinds = {
        name: "string" if name in model.categorical else "double" for name in model.feature_names
    }
    inputs = Schema([ColSpec(kind, name) for name, kind in kinds.items()])
    return ModelSignature(inputs=inputs, outputs=Schema([ColSpec("double")]))


def _assembled(verified: VerifiedArtifact, threads: int) -> ScoringModel:
    manifest, contents = verified.manifest, verified.contents
    try:
        return ScoringModel(
            feature_names=manifest.feature_names,
            numeric=manifest.names_of("number"),
            categorical=manifest.names_of("category"),
            preprocessor=_from_skops(contents, PREPROCESSOR),
            estimator=_estimator(contents),
            calibrator=calibrator_from_json(json.loads(contents[CALIBRATOR])),
            algorithm=manifest.algorithm,
            threads=threads,
            cutoff=manifest.provenance.cutoff,
        )
    except ArtifactRejected:
        raise
    except Exception as exc:  # what skops, numpy and XGBoost raise of odd bytes is on no list
        raise ArtifactRejected(
            f"a part of the artifact cannot be read: {type(exc).__name__}",
            expected=f"{CALIBRATOR}, {BOOSTER} or {LINEAR}, types {', '.join(TRUSTED_TYPES)}",
            got=str(exc)[:200],
            remedy="train again",
        ) from exc


def _estimator(contents: dict[str, bytes]) -> Any:
    if BOOSTER in contents:
        estimator = xgb.Booster()
        estimator.load_model(bytearray(contents[BOOSTER]))
    else:
        estimator = _from_skops(contents, LINEAR)
    check_leaves(estimator)
    return estimator


def _from_skops(contents: dict[str, bytes], name: str) -> Any:
    if name not in contents:
        return None
    check_archive(name, contents[name])
    return skops.io.loads(contents[name], trusted=TRUSTED_TYPES)


def _check_golden(model: ScoringModel, manifest: Manifest) -> None:
    expected = np.array(manifest.golden.scores)
    try:
        got = model.score(manifest.golden_frame())
    except Exception as exc:  # parts that were read need not fit together
        raise ArtifactRejected(
            f"the golden rows cannot be scored: {type(exc).__name__}",
            expected="the scores of when the model was saved",
            got=str(exc)[:200],
            remedy="train again",
        ) from exc
    scale = np.maximum(1.0, np.abs(expected))  # an anomaly score may be in the thousands
    off = float(np.max(np.abs(got - expected) / scale)) if got.shape == expected.shape else np.inf
    if not off <= GOLDEN_TOLERANCE:  # written so that NaN is refused too
        raise ArtifactRejected(
            "the golden rows do not score as they did when the model was saved",
            expected=f"a difference of at most {GOLDEN_TOLERANCE}",
            got=f"{off}",
            remedy="compare the libraries with the manifest's, or train again",
        )
