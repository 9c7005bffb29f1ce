"""The image: what hadolint says of its Dockerfile, and the rules that hadolint does not have."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
DOCKERFILE = (REPOSITORY / "deploy" / "docker" / "Dockerfile").read_text()
HADOLINT = Path(sys.executable).with_name("hadolint")
PINNED = re.compile(r"[\w./-]+:v?\d+\.\d+(\.\d+)?[\w.-]*")


def instructions() -> list[tuple[str, str]]:
    joined = re.sub(r"\\\n\s*", "", re.sub(r"^\s*#.*\n", "", DOCKERFILE, flags=re.M))
    return [(line.split()[0], line.partition(" ")[2]) for line in joined.splitlines() if line]


def linted(dockerfile: str) -> tuple[int, str]:
    """Lint by the repository's own settings; a developer's must not count."""
    done = subprocess.run(
        [HADOLINT, "--no-color", "--config", ".hadolint.yaml", "-"],
        cwd=REPOSITORY,
        input=dockerfile,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout + done.stderr


def test_the_dockerfile_passes_its_linter() -> None:
    assert linted(DOCKERFILE) == (0, "")


@pytest.mark.parametrize(
    ("rule", "line"),
    [
        ("DL3007", "FROM python:latest"),  # not the newest of anything
        ("DL3004", "RUN sudo true"),  # an image's user is no sudoer
        ("DL3002", "USER root"),  # a container does not run as root
        ("DL3064", "ARG DB_PASSWORD=x"),  # no secret is a build argument
        ("DL3064", "ENV API_TOKEN=x"),
        ("DL3064", "ENV FLASK_SECRET=x"),
        ("DL3015", "RUN apt-get update && apt-get install --yes curl=8.0"),  # of level info
        ("DL3002", "# hadolint ignore=DL3002\nUSER root"),
    ],
)
def test_the_linter_refuses_what_this_file_leaves_to_it(rule: str, line: str) -> None:
    status, told = linted(f"{DOCKERFILE}{line}\n")

    assert status == 1
    assert rule in told


def test_the_image_is_pinned_and_not_roots() -> None:
    told = instructions()
    bases = [rest.split()[0] for word, rest in told if word == "FROM"]
    users = [rest for word, rest in told if word == "USER"]

    assert len(bases) == 2
    assert all(PINNED.fullmatch(base) for base in bases)
    assert users == ["${FINRISK_UID}:${FINRISK_GID}"]


@pytest.mark.parametrize(
    ("rule", "pattern"),
    [
        ("COPY brings files, ADD also what an address answers", r"^ADD "),
        ("no file for everybody", r"chmod (-R )?777"),
        ("no download that nobody verifies", r"\b(curl|wget)\b"),
        ("the context is named, never whole", r"^COPY \. "),
    ],
)
def test_the_dockerfile_keeps_the_rule(rule: str, pattern: str) -> None:
    assert not re.search(pattern, DOCKERFILE, re.M), rule


def test_the_build_sees_no_secret_and_no_state() -> None:
    lines = (REPOSITORY / ".dockerignore").read_text().splitlines()
    allowed = {line[1:] for line in lines if line.startswith("!")}

    assert "*" in lines
    copied = {rest.split()[0] for word, rest in instructions() if word == "COPY"}
    assert {"secrets", ".env", "var"}.isdisjoint(allowed)
    assert {one for one in copied if not one.startswith("--")} <= allowed | {
        "requirements-bootstrap.txt"
    }
