from __future__ import annotations

import json
from pathlib import Path

import pytest

from finrisk.tracking.manifest import (
    REGISTRATION_NOTE,
    Manifest,
    contents_sha256,
    describe,
    tree_sha256,
)
from tests.tracking.factories import (
    boosted_model,
    features,
    golden_rows,
    logistic_model,
    provenance,
)


def manifest() -> Manifest:
    return describe(boosted_model(), provenance(), golden_rows(), {"b": b"2", "a": b"1"})


def test_a_manifest_survives_json_unchanged() -> None:
    assert Manifest.from_json(json.loads(manifest().canonical())) == manifest()


def test_missing_golden_values_are_null_and_come_back_as_missing() -> None:
    text = manifest().canonical().decode()
    frame = Manifest.from_json(json.loads(text)).golden_frame()

    assert "NaN" not in text
    assert frame.isna().equals(golden_rows().isna())


@pytest.mark.parametrize("model", [boosted_model, logistic_model])
def test_golden_scores_are_those_of_the_rows_as_stored(model: object) -> None:
    scoring = model()  # type: ignore[operator]
    made = describe(scoring, provenance(), golden_rows(), {})

    back = Manifest.from_json(json.loads(made.canonical()))

    assert tuple(scoring.score(back.golden_frame())) == back.golden.scores


@pytest.mark.parametrize("rows", [0, 257])
def test_golden_rows_are_few_and_never_none(rows: int) -> None:
    with pytest.raises(ValueError, match=f"{rows} golden rows; expected 1 to 256"):
        describe(boosted_model(), provenance(), features(rows=rows), {})


def test_it_says_where_the_model_comes_from() -> None:
    made = manifest()

    assert made.training_window == provenance().training_window
    assert made.snapshot_sha256 == provenance().snapshot_sha256
    assert made.feature_names == ("income", "purpose", "utilisation")
    assert made.names_of("category") == ("purpose",)
    assert {"scikit-learn", "xgboost", "numpy", "skops", "python"} <= set(made.libraries)


def test_a_trees_digest_covers_every_file_name_and_byte(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "b").write_bytes(b"2")
    whole = tree_sha256(tmp_path)

    assert whole == contents_sha256({"a": b"1", "deeper/b": b"2"})
    (tmp_path / "a").rename(tmp_path / "c")
    assert tree_sha256(tmp_path) != whole


def test_the_note_mlflow_leaves_behind_is_not_counted(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / REGISTRATION_NOTE).write_text("model_name: x")

    assert tree_sha256(tmp_path) == contents_sha256({"a": b"1"})
