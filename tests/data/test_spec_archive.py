from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from finrisk.data.spec_archive import SpecArchive
from finrisk.errors import ConfigurationError, IntegrityError
from finrisk.specs.loader import load_spec
from tests.data.factories import a_spec
from tests.specs.factories import CREDIT_RISK

EXAMPLES = CREDIT_RISK.parents[1] / "examples"


@pytest.mark.parametrize(
    "path", [CREDIT_RISK, *sorted(EXAMPLES.glob("*.yaml"))], ids=lambda path: path.stem
)
def test_a_kept_spec_comes_back_as_it_was(tmp_path: Path, path: Path) -> None:
    spec, archive = load_spec(path), SpecArchive(tmp_path / "specs")

    archive.keep(spec)
    archive.keep(spec)

    kept = archive.open(spec.sha256)
    assert kept.meaning == spec.meaning
    assert kept.sha256 == spec.sha256
    assert [kept.name for kept in archive.root.iterdir()] == [f"{spec.sha256}.json"]


def test_a_file_gives_its_own_name(tmp_path: Path) -> None:
    archive = SpecArchive(tmp_path)
    archive.keep(a_spec())

    (kept,) = tmp_path.iterdir()

    assert hashlib.sha256(kept.read_bytes()).hexdigest() == kept.stem


def test_a_spec_that_was_edited_is_refused_and_kept_anew(tmp_path: Path) -> None:
    spec, archive = a_spec(), SpecArchive(tmp_path)
    archive.keep(spec)
    (kept,) = tmp_path.iterdir()
    kept.write_bytes(kept.read_bytes().replace(b'"seed": 20260101', b'"seed": 20260102'))

    with pytest.raises(IntegrityError, match="is not what the night used"):
        archive.open(spec.sha256)

    archive.keep(spec)
    assert archive.open(spec.sha256) == spec


def test_a_spec_nobody_kept_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="remedy: restore the store; or use the release"):
        SpecArchive(tmp_path).open("0" * 64)


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "0" * 63, "A" * 64])
def test_what_is_no_digest_is_no_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(IntegrityError, match="no name of a spec"):
        SpecArchive(tmp_path).open(name)


def test_a_spec_of_another_schema_says_so_and_shows_none_of_it(tmp_path: Path) -> None:
    content = json.dumps({"name": "loans", "secret": "hunter2"}).encode()
    sha256 = hashlib.sha256(content).hexdigest()
    (tmp_path / f"{sha256}.json").write_bytes(content)

    with pytest.raises(ConfigurationError, match="of another schema") as caught:
        SpecArchive(tmp_path).open(sha256)

    assert "hunter2" not in str(caught.value)
