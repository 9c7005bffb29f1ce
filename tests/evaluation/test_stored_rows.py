"""Columns of a stored part are those of its frame, whoever asks for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from finrisk.data.snapshot_rows import SnapshotRows, reading
from finrisk.evaluation.statistics import data_statistics, distributions
from finrisk.evaluation.stored_rows import StoredFeatures, StoredPart, one_by_one
from finrisk.features.derive import derive_features
from finrisk.pictures.features import feature_picture
from tests.models.factories import a_spec, development_rows
from tests.models.snapshots import as_snapshot

SPEC = a_spec()
ROWS = development_rows()


@pytest.fixture
def snapshot(tmp_path: Path) -> Iterator[SnapshotRows]:
    with reading(*as_snapshot(tmp_path, ROWS, group_rows=100)) as opened:
        yield opened


@pytest.fixture
def stored(snapshot: SnapshotRows) -> StoredFeatures:
    return StoredFeatures(snapshot, "development", SPEC)


def test_features_are_those_of_the_frame(stored: StoredFeatures) -> None:
    features = derive_features(ROWS, SPEC)

    assert list(stored.columns) == list(features.columns)
    assert len(stored) == len(features)
    pd.testing.assert_series_equal(stored.dtypes, features.dtypes)
    for name in stored.columns:
        pd.testing.assert_series_equal(stored[name], features[name])
    pd.testing.assert_frame_equal(pd.concat(stored.pieces(), ignore_index=True), features)


def test_columns_are_as_they_were_frozen(snapshot: SnapshotRows) -> None:
    part = StoredPart(snapshot, "development")

    assert len(part) == len(ROWS)
    assert "home" in part
    assert "strange" not in part
    assert part["_row_id"].tolist() == ROWS["_row_id"].tolist()
    assert part.dtypes["owner"] == "boolean"


def test_what_is_told_of_stored_features_is_what_is_told_of_frames(
    stored: StoredFeatures, snapshot: SnapshotRows
) -> None:
    after = StoredFeatures(snapshot, "holdout", SPEC)
    frames = (derive_features(ROWS, SPEC), derive_features(ROWS.head(40), SPEC))
    labels = [ROWS["_label"].to_numpy(dtype=np.int8), ROWS["_label"].head(40).to_numpy(np.int8)]

    assert data_statistics(stored, after, *labels) == data_statistics(*frames, *labels)
    assert distributions(stored, after) == distributions(*frames)
    assert feature_picture(stored, after) == feature_picture(*frames)


def test_models_score_piece_by_piece_what_they_score_of_a_frame(stored: StoredFeatures) -> None:
    def first(features: pd.DataFrame) -> np.ndarray:
        return features["amount"].to_numpy()

    def second(features: pd.DataFrame) -> np.ndarray:
        return features["utilisation"].to_numpy()

    pieces = one_by_one(stored, [first, second])

    whole = one_by_one(derive_features(ROWS, SPEC), [first, second])
    for mine, theirs in zip(pieces, whole, strict=True):
        np.testing.assert_array_equal(mine, theirs)
