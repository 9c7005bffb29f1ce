"""What a worker of the cluster does: each function takes a part of the rows, and nothing else.

They are named, importable functions, so that no code travels to a worker: it has the same FinRisk.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xgboost as xgb
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer

from finrisk.data.snapshot_rows import Stretch, reading_again
from finrisk.errors import ConfigurationError
from finrisk.features.derive import derive_features
from finrisk.keys import code_version
from finrisk.models.coded_rows import (
    Block,
    Mask,
    PartFacts,
    coded,
    coded_frame,
    needed,
)
from finrisk.models.preprocessing import FeatureKinds
from finrisk.models.wide_rows import Matrix, widening
from finrisk.specs.model_spec import ModelSpec
from finrisk.tracking.manifest import library_versions
from finrisk.tracking.scoring_model import boosted_score

Score = Callable[[pd.DataFrame], NDArray[np.float64]]
Coded = tuple[Block, PartFacts]


def installed() -> dict[str, str]:
    """Return the versions that decide what a fit gives."""
    return {"finrisk": code_version(), **library_versions()}


def demand_snapshot(path: Path) -> None:
    """Raise ``ConfigurationError`` where this worker does not see the store."""
    if not path.exists():
        raise ConfigurationError(
            "a worker of the Dask cluster does not see the snapshot",
            expected=f"{path}, as on the machine of the night",
            remedy="mount FINRISK_STORE at the same place on every worker",
        )


def coded_stretch(path: Path, sha256: str, where: Stretch, spec: ModelSpec) -> Coded | None:
    """Read and code the development rows of one stretch; None where it has none."""
    demand_snapshot(path)
    with reading_again(path, sha256) as snapshot:
        frame = snapshot.stretch(where, "development", needed(spec))
    return coded(frame, spec) if len(frame) else None


def facts_of(part: Coded | None) -> PartFacts | None:
    """Return what the night's own process has to know of a part."""
    return None if part is None else part[1]


def matrix_of(part: Coded, rows: Mask, preprocessor: ColumnTransformer, spec: ModelSpec) -> Matrix:
    """Return the matrix of some rows of a part."""
    block, facts = part
    return widening(preprocessor, FeatureKinds.of(spec), facts.words).matrix(block, rows)


def labels_of(part: Coded, rows: Mask) -> NDArray[np.float32]:
    """Return the labels of some rows of a part, as XGBoost has them."""
    return part[1].labels[rows].astype(np.float32)


def scores_of(
    booster: xgb.Booster,
    part: Coded,
    rows: Mask,
    preprocessor: ColumnTransformer,
    spec: ModelSpec,
) -> NDArray[np.float32]:
    """Return the raw scores of some rows of a part."""
    found: Any = boosted_score(booster, matrix_of(part, rows, preprocessor, spec))
    return np.asarray(found)


def sampled(part: Coded, rows: Mask, kinds: FeatureKinds) -> pd.DataFrame:
    """Return aligned features of some rows of a part."""
    block, facts = part
    return coded_frame([(block[:, rows], facts.words)], kinds)


def holdout_scores(
    path: Path, sha256: str, where: Stretch, spec: ModelSpec, scores: Sequence[Score]
) -> list[NDArray[np.float64]]:
    """Return what each of the models says of the hold-out's rows of one stretch."""
    demand_snapshot(path)
    columns = (*spec.feature_columns, *spec.window_features)
    with reading_again(path, sha256) as snapshot:
        frame = snapshot.stretch(where, "holdout", columns)
    features = derive_features(frame, spec)
    return [score(features) for score in scores]
