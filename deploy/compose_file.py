"""What docker-compose.yaml says of each service, as far as a process on this machine needs it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

VARIABLE = re.compile(r"\$(?:\$|\{(?P<name>\w+)(?::(?P<kind>[-?])(?P<rest>[^}]*))?\})")


@dataclass(frozen=True)
class Mount:
    """What a service sees at a path: a named volume, or a part of the repository."""

    source: str
    target: str

    @property
    def is_volume(self) -> bool:
        """Whether it is a volume, and no file or folder of the repository."""
        return not self.source.startswith((".", "/"))


@dataclass(frozen=True)
class Service:
    """A service as written, its variables filled in.

    Parameters
    ----------
    published : mapping of int to int
        From a port inside to the one on this machine's loopback.
    ports : sequence of int
        TCP ports that it listens on.
    after : mapping of str to str
        The services it waits for, and the condition.
    healthcheck : sequence of str
        The command whose exit status says it; empty: none.
    """

    name: str
    image: str
    command: Sequence[str]
    environment: Mapping[str, str]
    secrets: Sequence[str]
    mounts: Sequence[Mount]
    scratch: Sequence[str]
    ports: Sequence[int]
    published: Mapping[int, int]
    after: Mapping[str, str]
    healthcheck: Sequence[str]
    replicas: int
    once: bool


@dataclass(frozen=True)
class ComposeFile:
    """All services, and where each secret's file is."""

    services: Mapping[str, Service]
    secrets: Mapping[str, Path]


def read_compose(path: Path, variables: Mapping[str, str]) -> ComposeFile:
    """Read the file with these variables.

    Raises
    ------
    ValueError
        A variable without a default is not given.
    """
    document = filled_in(yaml.safe_load(path.read_text(encoding="utf-8")), variables)
    services = {name: _service(name, told) for name, told in document["services"].items()}
    secrets = {name: path.parent / told["file"] for name, told in document["secrets"].items()}
    return ComposeFile(services, secrets)


def filled_in(value: Any, variables: Mapping[str, str]) -> Any:
    """Fill variables in, as docker compose does.

    Examples
    --------
    >>> filled_in({"port": "${PORT:-80}:80", "shell": "$$HOME"}, {})
    {'port': '80:80', 'shell': '$HOME'}
    """
    if isinstance(value, dict):
        return {name: filled_in(one, variables) for name, one in value.items()}
    if isinstance(value, list):
        return [filled_in(one, variables) for one in value]
    if isinstance(value, str):
        return VARIABLE.sub(lambda found: _value(found, variables), value)
    return value


def _value(found: re.Match[str], variables: Mapping[str, str]) -> str:
    name, kind = found["name"], found["kind"]
    if name is None:
        return "$"
    if given := variables.get(name, ""):
        return given
    if kind == "-":
        return str(found["rest"])
    raise ValueError(f"no value for {name}; {found['rest'] or 'set it in .env'}")


def _service(name: str, told: Mapping[str, Any]) -> Service:
    ports = [str(one) for one in told.get("expose", ())]
    return Service(
        name=name,
        image=told["image"],
        command=[*_words(told.get("entrypoint")), *_words(told.get("command"))],
        environment={key: str(value) for key, value in told.get("environment", {}).items()},
        secrets=tuple(told.get("secrets", ())),
        mounts=tuple(Mount(*one.split(":")[:2]) for one in told.get("volumes", ())),
        scratch=tuple(told.get("tmpfs", ())),
        ports=tuple(int(one) for one in ports if one.isdigit()),
        published=dict(_published(one) for one in told.get("ports", ())),
        after={one: how["condition"] for one, how in told.get("depends_on", {}).items()},
        healthcheck=_check(told.get("healthcheck", {}).get("test", ())),
        replicas=int(told.get("deploy", {}).get("replicas", 1)),
        once=told.get("restart") == "no",
    )


def _words(told: str | Sequence[str] | None) -> Sequence[str]:
    return shlex.split(told) if isinstance(told, str) else told or ()


def _published(told: str) -> tuple[int, int]:
    _, here, inside = told.rsplit(":", 2)
    return int(inside), int(here)


def _check(test: Sequence[str]) -> Sequence[str]:
    if not test:
        return ()
    kind, *rest = test
    return ["/bin/sh", "-c", *rest] if kind == "CMD-SHELL" else rest
