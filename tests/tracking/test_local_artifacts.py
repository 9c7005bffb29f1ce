from __future__ import annotations

from pathlib import Path

import pytest

from finrisk.tracking.local_artifacts import own_folder

RUN, MODEL = "a1" * 16, "m-" + "b2" * 16


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "artifacts"
    for folder in (root / RUN / "artifacts", root / "models" / MODEL / "artifacts"):
        folder.mkdir(parents=True)
    (tmp_path / "elsewhere" / RUN / "artifacts").mkdir(parents=True)
    return root


def test_the_folder_of_a_run_or_a_model_is_its_own(root: Path) -> None:
    assert own_folder((root / RUN / "artifacts").as_uri(), RUN, root) == root / RUN
    model = root / "models" / MODEL
    assert own_folder((model / "artifacts").as_uri(), MODEL, root) == model


def test_artifacts_that_lie_behind_a_link_as_a_whole_are_still_ours(root: Path) -> None:
    link = root.parent / "link"
    link.symlink_to(root)

    assert own_folder((link / RUN / "artifacts").as_uri(), RUN, link) == root / RUN


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("mlflow-artifacts:/1/{run}/artifacts", RUN),
        ("s3://bucket/{run}/artifacts", RUN),
        ("file://{home}/elsewhere/{run}/artifacts", RUN),
        ("file://{home}/artifacts/../elsewhere/{run}/artifacts", RUN),
        ("file://{home}/artifacts/{run}/artifacts", "c3" * 16),
        ("file://{home}/artifacts/{run}", RUN),
        ("file://{home}/artifacts/models/artifacts", "models"),
        ("file://{home}/artifacts/artifacts", ""),
        ("file://{home}/artifacts/%2e%2e/artifacts", ".."),
        ("file://{home}/artifacts/models/{run}/artifacts", RUN),
        ("file://{home}/artifacts/{gone}/artifacts", "d4" * 16),
    ],
)
def test_any_other_folder_is_left_alone(root: Path, uri: str, name: str) -> None:
    place = uri.format(home=root.parent, run=RUN, gone="d4" * 16)

    assert own_folder(place, name, root) is None


def test_a_folder_that_is_a_link_is_left_alone(root: Path) -> None:
    (root / RUN / "artifacts").rmdir()
    (root / RUN).rmdir()
    (root / RUN).symlink_to(root.parent / "elsewhere" / RUN)

    assert own_folder((root / RUN / "artifacts").as_uri(), RUN, root) is None


def test_a_link_on_the_way_is_left_alone(root: Path) -> None:
    outside = root.parent / "outside"
    (root / "models").rename(outside)
    (root / "models").symlink_to(outside)

    assert own_folder((root / "models" / MODEL / "artifacts").as_uri(), MODEL, root) is None
