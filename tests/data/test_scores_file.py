from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from finrisk.data.scores_file import scores_file
from finrisk.errors import DiskFull
from finrisk.specs.model_spec import ModelSpec
from tests.data.decisions import decided_by
from tests.data.factories import a_spec

IDS = pd.Series(["A", "B"], dtype="str")


def write(path: Path, spec: ModelSpec | None = None, epoch: int | None = 2) -> pd.DataFrame:
    with scores_file(path, spec or a_spec()) as file:
        words = pa.array(["approve", None])
        file.write(IDS, pa.array([0.25, 0.5]), words, by=decided_by(epoch=epoch))
    return pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)


@pytest.mark.parametrize("name", ["scores.csv", "scores.parquet"])
def test_a_row_is_its_key_its_score_and_who_decided(tmp_path: Path, name: str) -> None:
    found = write(tmp_path / name)

    assert found.columns.tolist() == ["id", "score", "decision", "version", "epoch"]
    assert found["id"].tolist() == ["A", "B"]
    assert found["score"].tolist() == [0.25, 0.5]
    assert found["decision"].isna().tolist() == [False, True]
    assert found[["version", "epoch"]].values.tolist() == [[3, 2]] * 2
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_version_that_is_no_champion_has_no_epoch(tmp_path: Path) -> None:
    assert write(tmp_path / "scores.parquet", epoch=None)["epoch"].isna().all()


def test_a_key_called_like_a_result_stands_under_another_name(tmp_path: Path) -> None:
    spec = a_spec(columns={"score": {"type": "text"}}, row_key="score")

    assert write(tmp_path / "scores.csv", spec).columns[0] == "_row_id"


def test_a_block_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    path.write_text("an earlier one")

    with pytest.raises(DiskFull, match="no room to write"), scores_file(path, a_spec()):
        raise OSError(28, "No space left on device")

    assert path.read_text() == "an earlier one"
    assert [path.name for path in tmp_path.iterdir()] == ["scores.csv"]
