from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from finrisk.specs import loader
from finrisk.specs.watched import WatchedSpecs
from tests.specs.factories import good_document


def write(path: Path, **changes: object) -> None:
    path.write_text(yaml.safe_dump(good_document() | changes))


def test_specs_are_read_anew_when_a_file_changes_and_only_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []
    load = loader.load_spec
    monkeypatch.setattr(loader, "load_spec", lambda path: (read.append(path), load(path))[1])
    write(tmp_path / "loans.yaml")
    specs = WatchedSpecs([tmp_path])

    assert specs.now()["loans"].title == "Loans"
    assert specs.now()["loans"].title == "Loans"
    assert len(read) == 1
    write(tmp_path / "loans.yaml", title="Loans, otherwise")
    assert specs.now()["loans"].title == "Loans, otherwise"


def test_a_broken_file_is_left_out_and_counted_until_it_is_mended(tmp_path: Path) -> None:
    write(tmp_path / "loans.yaml")
    broken = tmp_path / "other.yml"
    broken.write_text("name: [")
    specs = WatchedSpecs([tmp_path])

    assert set(specs.now()) == {"loans"}
    assert specs.broken == 1
    broken.unlink()
    specs.now()
    assert specs.broken == 0


def test_a_place_that_is_not_there_has_no_specs(tmp_path: Path) -> None:
    specs = WatchedSpecs([tmp_path / "nowhere"])

    assert specs.now() == {}
    assert specs.broken == 1
