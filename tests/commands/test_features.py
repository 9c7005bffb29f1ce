from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from finrisk.cli import app
from tests.data.cards import AS_OF, EACH, a_fraud_spec, land

FIRST, LAST = AS_OF - timedelta(days=4), AS_OF - timedelta(days=2)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    document = json.loads(a_fraud_spec().model_dump_json(exclude_unset=True))
    conf = tmp_path / "conf" / "models"
    conf.mkdir(parents=True)
    (conf / "cards.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    monkeypatch.setenv("FINRISK_HOME", str(tmp_path))
    monkeypatch.setenv("FINRISK_THREADS", "1")
    land(tmp_path)
    return tmp_path


def asked(*arguments: Any) -> Any:
    return CliRunner().invoke(app, ["features", "cards", *map(str, arguments)])


def test_features_are_written_with_key_and_time(home: Path) -> None:
    out = home / "features.parquet"

    done = asked("--from", FIRST, "--to", LAST, "--out", out, "--json")

    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["rows"] == 3 * EACH
    written = pd.read_parquet(out)
    assert list(written) == ["tx", "at", *a_fraud_spec().feature_names]
    assert written["at"].dt.date.between(FIRST, LAST).all()


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("--from", LAST, "--to", FIRST, "--out", "f.parquet"), 2, "before"),
        (("--from", "2030-01-01", "--to", "2030-01-02", "--out", "f.parquet"), 3, "2030"),
    ],
)
def test_what_cannot_be_built_is_one_clear_error(
    home: Path, arguments: tuple[Any, ...], status: int, said: str
) -> None:
    done = asked(*arguments, "--json")

    assert done.exit_code == status, done.output
    assert said in done.output
    assert not (home / "f.parquet").exists()
