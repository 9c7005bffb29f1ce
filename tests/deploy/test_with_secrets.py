from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.make_secrets import NAMES, make_env, make_secrets
from deploy.with_secrets import environment


def test_a_secret_of_a_file_is_in_the_programs_environment(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("s3cret\n")

    made = environment({"PGPASSWORD_FILE": str(tmp_path / "password"), "PATH": "/bin"})

    assert made == {"PGPASSWORD": "s3cret", "PATH": "/bin"}


def test_other_names_that_end_so_are_left_alone() -> None:
    given = {"FINRISK_LEDGER_PASSWORD_FILE": "/run/secrets/ledger_db_password"}

    assert environment(given) == given


def test_a_missing_or_empty_secret_starts_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")

    for path in (tmp_path / "empty", tmp_path / "none"):
        done = subprocess.run(
            [sys.executable, "-m", "deploy.with_secrets", "/bin/echo", "started"],
            env={"PGPASSWORD_FILE": str(path)},
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("no secret: ")


def test_secrets_are_their_owners_only_and_stay(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"

    assert make_secrets(folder) == list(NAMES)
    made = {path.name: path.read_text() for path in folder.iterdir()}
    (folder / "redis_password").unlink()
    assert make_secrets(folder) == ["redis_password"]

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert len(set(made.values())) == len(NAMES)
    assert all(len(secret) >= 43 for secret in made.values())
    kept = {path.name for path in folder.iterdir() if path.read_text() == made[path.name]}
    assert kept == set(NAMES) - {"redis_password"}


def test_the_environment_names_the_user_who_made_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.getuid", lambda: 1234)
    monkeypatch.setattr("os.getgid", lambda: 5678)

    assert make_env(tmp_path / ".env")
    assert not make_env(tmp_path / ".env")

    lines = (tmp_path / ".env").read_text().splitlines()
    assert {"FINRISK_UID=1234", "FINRISK_GID=5678"} <= set(lines)


def test_the_containers_never_run_as_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.getuid", lambda: 0)

    with pytest.raises(SystemExit, match="got root"):
        make_env(tmp_path / ".env")
    assert not (tmp_path / ".env").exists()
