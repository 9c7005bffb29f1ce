"""PostgreSQL as a process: what the image's own entrypoint does, with the installed programs."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from deploy.on_this_machine import LOOPBACK, Place

POSTGRES = "postgres"
DATA = "/var/lib/postgresql/data"
SCRIPTS = "/docker-entrypoint-initdb.d/"
UNPRIVILEGED = ("postgres", "nobody")  # PostgreSQL refuses to run as root
SECONDS = 60.0


def postgres_programs() -> Path | None:
    """Return the folder of PostgreSQL's programs, the newest where there are several."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return debian[-1].parent if debian else None


def unprivileged_user() -> str | None:
    """Return whom PostgreSQL is to run as where we are root; None: as ourselves."""
    if os.getuid() != 0:
        return None
    for user in UNPRIVILEGED:
        with suppress(KeyError):
            pwd.getpwnam(user)
            return user
    return None


def _program(name: str) -> str:
    programs = postgres_programs()
    if programs is None:
        raise FileNotFoundError(f"{name}: install PostgreSQL's server")
    return str(programs / name)


def postgres_command(at: Place, environment: Mapping[str, str]) -> list[str]:
    """Make the databases if there are none; return the server's command.

    The folder is given to an unprivileged user where we are root; locally it trusts nobody.
    """
    data, port = at.paths[DATA] / "pgdata", at.ports[POSTGRES, 5432]
    as_user = _as_unprivileged()
    settings = [f"-cport={port}", f"-clisten_addresses={LOOPBACK}"]
    settings += [f"-cunix_socket_directories={at.paths[DATA]}"]
    server = [*as_user, _program("postgres"), "-D", str(data), *settings]
    server += [at.argument(word) for word in at.service.command[1:]]
    if not data.exists():
        _initialise(environment, data, as_user)
        _run_scripts(at, environment, port, [*server, "-cfsync=off"])
    return server


def _as_unprivileged() -> list[str]:
    user = unprivileged_user()
    return [] if user is None else ["/usr/sbin/runuser", "-u", user, "--"]


def _initialise(environment: Mapping[str, str], data: Path, as_user: list[str]) -> None:
    folder = data.parent
    password = folder / "password"
    password.write_text(Path(environment["POSTGRES_PASSWORD_FILE"]).read_text())
    for path in (folder, password):
        path.chmod(0o700)
        if as_user:
            shutil.chown(path, as_user[2])
    for parent in (folder.parent, folder.parent.parent):
        parent.chmod(0o711)
    command = [*as_user, _program("initdb"), "-D", str(data)]
    command += ["-U", environment["POSTGRES_USER"], f"--pwfile={password}"]
    command += ["--auth-local=reject", *environment["POSTGRES_INITDB_ARGS"].split()]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=folder)
    password.unlink()


def _run_scripts(at: Place, environment: Mapping[str, str], port: int, server: list[str]) -> None:
    told = dict(environment) | {
        "PGHOST": LOOPBACK,
        "PGPORT": str(port),
        "PGPASSWORD": Path(environment["POSTGRES_PASSWORD_FILE"]).read_text(),
    }
    with subprocess.Popen(server, cwd=at.paths[DATA], stderr=subprocess.DEVNULL) as running:
        try:
            _until_it_listens(port)
            for target, script in sorted(at.paths.items()):
                if target.startswith(SCRIPTS):
                    subprocess.run(["/bin/bash", str(script)], env=told, check=True)
        finally:
            running.terminate()


def _until_it_listens(port: int) -> None:
    give_up = time.monotonic() + SECONDS
    while True:
        with suppress(OSError), socket.create_connection((LOOPBACK, port), timeout=1):
            return
        if time.monotonic() > give_up:
            raise TimeoutError(f"PostgreSQL did not answer on port {port}")
        time.sleep(0.1)
