"""What a service of docker-compose.yaml becomes as a process on loopback.

Addresses of services become ports of 127.0.0.1, mounted paths become folders below one home, and a
secret is seen by the services that list it. All else is as the file has it.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.compose_file import ComposeFile, Service

LOOPBACK = "127.0.0.1"
SECRETS = "/run/secrets"
WORKDIR = "/opt/finrisk"  # the image's
CONFIGURATION = "./deploy/"  # its files name services and paths, as commands do
ANYWHERE = "0.0.0.0"  # noqa: S104 - what is replaced
PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700
LATIN = "latin-1"  # any bytes there and back


@dataclass(frozen=True)
class Place:
    """Where one instance of a service lives, and how it reaches the others.

    Parameters
    ----------
    service : Service
    instance : str
        Its name; a service of two replicas has two instances.
    ports : mapping of (str, int) to int
        From a service and a port of its own to the port on loopback.
    paths : mapping of str to Path
        From a path inside to one of this machine.
    """

    service: Service
    instance: str
    ports: Mapping[tuple[str, int], int]
    paths: Mapping[str, Path]

    def translated(self, text: str) -> str:
        """Return a text of the service, a command's or a file's, for this machine."""
        return _translate_paths(self._translate_addresses(text), self.paths)

    def argument(self, text: str) -> str:
        """Return one argument; a port of its own may stand there alone."""
        done = self.translated(text)
        for port in self.service.ports:
            here = self.ports[self.service.name, port]
            done = re.sub(rf"(?<![\d.:/-]){port}(?![\d.])", str(here), done)
        return done

    def value(self, name: str, text: str) -> str:
        """Return one variable's value; a service's name alone is an address where one belongs."""
        return LOOPBACK if name.endswith("_HOST") else self.argument(text)

    def _translate_addresses(self, text: str) -> str:
        for (name, port), here in self.ports.items():
            text = re.sub(rf"(?<![\w.-]){name}:{port}(?!\d)", f"{LOOPBACK}:{here}", text)
        for port in self.service.ports:
            here = self.ports[self.service.name, port]
            own = rf"(?:{re.escape(LOOPBACK)}|{re.escape(ANYWHERE)}):{port}(?!\d)"
            text = re.sub(own, f"{LOOPBACK}:{here}", text)
        return text.replace(ANYWHERE, LOOPBACK)


def place(
    compose: ComposeFile,
    service: Service,
    instance: str,
    *,
    home: Path,
    repository: Path,
    ports: Mapping[tuple[str, int], int],
) -> Place:
    """Make an instance's folders, its copies of mounted files and of its secrets."""
    own = home / "instances" / instance
    paths = {target: _folder(own / "scratch", target) for target in service.scratch}
    for mount in service.mounts:
        if mount.is_volume:
            paths[mount.target] = _folder(home / "volumes", mount.source)
        elif mount.source.startswith(CONFIGURATION):
            paths[mount.target] = own / "mounts" / mount.target.lstrip("/")
        else:  # code and specs say nothing of where they run
            paths[mount.target] = repository / mount.source
    paths |= {SECRETS: _folder(own, "secrets"), WORKDIR: repository}
    made = Place(service, instance, ports, paths)
    for name in service.secrets:
        copy = paths[SECRETS] / name
        shutil.copyfile(compose.secrets[name], copy)
        copy.chmod(PRIVATE_FILE)
    for mount in service.mounts:
        if mount.source.startswith(CONFIGURATION):
            _copy(repository / mount.source, paths[mount.target], made)
    return made


def _folder(below: Path, name: str) -> Path:
    folder = below / name.lstrip("/")
    folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    return folder


def _copy(source: Path, target: Path, made: Place) -> None:
    if source.is_dir():
        for one in source.iterdir():
            if one.name != "__pycache__":
                _copy(one, target / one.name, made)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(made.translated(source.read_text(encoding=LATIN)), encoding=LATIN)
    shutil.copymode(source, target)


def _translate_paths(text: str, paths: Mapping[str, Path]) -> str:
    # /tmp is everywhere; the longest first, so that a path inside another one is itself
    inside = sorted((path for path in paths if path != "/tmp"), key=len, reverse=True)  # noqa: S108
    pattern = rf"(?<![\w./-])(?:{'|'.join(map(re.escape, inside))})(?![\w.-])"
    return re.sub(pattern, lambda found: str(paths[found[0]]), text)
