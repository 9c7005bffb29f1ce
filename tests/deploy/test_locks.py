"""The locks are whole, and what installs them refuses whatever they do not hold."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from deploy.advisories import LOCKS

REPOSITORY = Path(__file__).resolve().parents[2]
INSTALLERS = ("Makefile", "deploy/docker/Dockerfile", ".ci/run")
NAME, VERSION = "tiny_brick", "1.0"
LOCKED = f"{NAME}=={VERSION}"


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_is_pinned_and_hashed(lock: str) -> None:
    text = (REPOSITORY / lock).read_text()
    packages = re.split(r"\n(?=[A-Za-z0-9])", "\n" + text)[1:]

    assert packages
    for package in packages:
        assert re.match(r"[A-Za-z0-9._-]+(\[[\w,-]+\])?==\S+", package), package[:80]
        assert "--hash=sha256:" in package, package[:80]


def test_every_lock_of_the_makefile_is_among_them() -> None:
    written = re.findall(r"(requirements[\w-]*\.lock)", (REPOSITORY / "Makefile").read_text())

    assert {*written, "requirements-bootstrap.txt"} == set(LOCKS)


@pytest.mark.parametrize("lock", ["requirements-server.lock", "requirements-scale.lock"])
def test_servers_and_clusters_have_the_versions_that_the_tests_have(lock: str) -> None:
    small, large = (
        dict(re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", (REPOSITORY / name).read_text(), re.M))
        for name in ("requirements.lock", lock)
    )

    assert {name: (small[name], large[name]) for name in small.keys() & large.keys()} == {
        name: (small[name], small[name]) for name in small.keys() & large.keys()
    }


def installs(file: str) -> list[str]:
    """Return each command of the file that installs Python packages, on a line of its own."""
    text = (REPOSITORY / file).read_text()
    joined = re.sub(r"\s*\\\n\s*", " ", re.sub(r"^\s*#.*\n", "", text, flags=re.M))
    parts = (part.strip() for line in joined.splitlines() for part in line.split("&&"))
    return [part for part in parts if re.search(r"\bpip3?\s+(?:install|download|sync)\b", part)]


def test_every_install_is_of_hashed_packages_or_of_this_folder_alone() -> None:
    found = {file: installs(file) for file in INSTALLERS}
    own = [part for parts in found.values() for part in parts if "--require-hashes" not in part]

    assert {file: len(parts) for file, parts in found.items()} == {
        "Makefile": 6,
        "deploy/docker/Dockerfile": 3,
        ".ci/run": 0,
    }
    assert len(own) == 3
    for part in own:
        assert part.endswith(" ."), part
        assert {"--no-deps", "--no-build-isolation"} <= set(shlex.split(part)), part


def test_nothing_else_brings_packages() -> None:
    other = re.compile(r"\b(?:uvx|pipx|uv\s+(?:add|run|sync|tool)|easy_install|conda|npm|npx)\b")

    assert not [file for file in INSTALLERS if other.search((REPOSITORY / file).read_text())]


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder with one wheel, by hand, as an index would serve it."""
    folder = tmp_path_factory.mktemp("wheels")
    about = f"{NAME}-{VERSION}.dist-info"
    files = {
        f"{NAME}.py": "",
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {NAME}\nVersion: {VERSION}\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},,\n" for name in (*files, f"{about}/RECORD"))
    with zipfile.ZipFile(folder / f"{NAME}-{VERSION}-py3-none-any.whl", "w") as wheel:
        for name, text in (files | {f"{about}/RECORD": record}).items():
            wheel.writestr(name, text)
    return folder


def as_the_makefile_calls_them() -> list[tuple[str, ...]]:
    """Return pip's and uv's words, without the folder they are in and the lock they are given."""
    found = set()
    for command in installs("Makefile"):
        words = [word for word in command.lstrip("@").split() if "=" not in word]
        if "-r" in words:
            found.add((Path(words[0]).name, *words[1 : words.index("-r")]))
    return sorted(found)


def install(command: tuple[str, ...], lock: Path, wheels: Path) -> subprocess.CompletedProcess[str]:
    theirs = ("PIP_", "UV_", "VIRTUAL_ENV")  # an index or a constraint of the machine's own
    kept = {name: value for name, value in os.environ.items() if not name.startswith(theirs)}
    return subprocess.run(
        [
            *(Path(sys.executable).with_name(command[0]), *command[1:], "-r", lock),
            *("--no-index", "--find-links", wheels, "--target", lock.parent, "--no-cache-dir"),
        ],
        env=kept | {"PIP_CONFIG_FILE": os.devnull, "UV_NO_CONFIG": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_the_makefile_installs_with_pip_and_with_uv() -> None:
    assert [command[0] for command in as_the_makefile_calls_them()] == ["pip", "uv"]


@pytest.mark.parametrize("command", as_the_makefile_calls_them(), ids=" ".join)
def test_an_install_refuses_what_has_no_hash_or_another(
    command: tuple[str, ...], wheels: Path, tmp_path: Path
) -> None:
    (wheel,) = wheels.iterdir()
    right = hashlib.sha256(wheel.read_bytes()).hexdigest()
    lock, installed = tmp_path / "lock", tmp_path / f"{NAME}.py"

    for refused, told in (
        (LOCKED, "require-hashes"),
        (f"{LOCKED} --hash=sha256:{right[::-1]}", right),
    ):
        lock.write_text(f"{refused}\n")
        done = install(command, lock, wheels)
        assert done.returncode != 0
        assert told in done.stderr
        assert not installed.exists()

    lock.write_text(f"{LOCKED} --hash=sha256:{right}\n")
    done = install(command, lock, wheels)
    assert done.returncode == 0, done.stderr
    assert installed.exists()
