"""Files of digests: whose key is whose, and never a key.

A key is 256 random bits, so its plain SHA-256 cannot be guessed back, and a stolen file of digests
opens nothing. API keys are kept so, and the tokens of people who may promote.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import secrets
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Generic, Protocol, Self, TypeVar

from filelock import FileLock

from finrisk.atomic import write_whole
from finrisk.errors import ConfigurationError

KEY_BYTES = 32
LONGEST_KEY = 128
MOST_KEYS = 1_000
ROOT = 0


class StoredKey(Protocol):
    """What every key has that is kept as its digest: a record of ours."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def sha256(self) -> str: ...  # noqa: D102
    @property
    def revoked(self) -> datetime | None: ...  # noqa: D102

    def to_json(self) -> dict[str, Any]: ...  # noqa: D102
    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Self: ...  # noqa: D102
    def replace(self, **changes: Any) -> Self: ...  # noqa: D102


K = TypeVar("K", bound=StoredKey)


def new_key(prefix: str) -> str:
    """Return a key that nobody guesses; the prefix lets people and scanners tell what it is."""
    return f"{prefix}{secrets.token_urlsafe(KEY_BYTES)}"


def digest_of(key: str) -> str:
    """Return what is stored of a key.

    Examples
    --------
    >>> digest_of("frk_example")[:8]
    'bf9af69a'
    """
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def holder(keys: Iterable[K], presented: str) -> K | None:
    """Return the key that was presented, unless it is none or was revoked.

    Every stored digest is compared, and each in constant time: how long it takes tells nothing.
    """
    digest = digest_of(presented)
    found = None
    for key in keys:
        if hmac.compare_digest(key.sha256, digest) and key.revoked is None:
            found = key
    return found


def named(keys: Iterable[K], name: str) -> K | None:
    """Return the key of this name that is not revoked."""
    return next((key for key in keys if key.name == name and key.revoked is None), None)


def others_may_use(status: os.stat_result, euid: int) -> bool:
    """Say whether somebody besides us may read or write a file that holds a secret.

    Ours is for us alone. One that root gave us is read as a member of its group: so Kubernetes
    mounts a Secret, whose group is the pod's own.

    Parameters
    ----------
    status : os.stat_result
        Of the file itself, not of a link to it.
    euid : int
        Who we are: ``os.geteuid()``.

    Examples
    --------
    >>> mounted = os.stat_result((0o100440, 0, 0, 1, ROOT, 10001, 0, 0, 0, 0))
    >>> others_may_use(mounted, euid=10001), others_may_use(mounted, euid=ROOT)
    (False, True)
    """
    given = status.st_uid == ROOT != euid
    return bool(status.st_mode & (0o037 if given else 0o077))


@dataclass(frozen=True, slots=True)
class KeyFile(Generic[K]):
    """One file of keys, in a folder that is its owner's only.

    Parameters
    ----------
    file : str
        Its name.
    kind : type
        The record of one key.
    holds : str
        What its keys are called, for messages: ``API keys``.
    one : str
        What one of them is called: ``key``.
    command : str
        Which writes it: ``finrisk keys``.
    name_pattern : str
        How a key may be named, and in words.
    """

    file: str
    kind: type[K]
    holds: str
    one: str
    command: str
    name_pattern: str
    name_in_words: str

    def load(self, folder: Path) -> tuple[K, ...]:
        """Read the keys, the revoked ones included; none where there is no file.

        Raises
        ------
        ConfigurationError
            It cannot be read, or others may read it.
        """
        path = folder / self.file
        try:
            with path.open("rb") as file:
                status, content = os.fstat(file.fileno()), file.read()
        except FileNotFoundError:
            return ()
        except OSError as exc:
            raise ConfigurationError(f"{path} cannot be read ({exc.strerror})") from exc
        if others_may_use(status, os.geteuid()):
            raise ConfigurationError(
                f"{path} can be read by others",
                expected="its owner only, or a group of ours where it is root's",
                got=f"mode {stat.S_IMODE(status.st_mode):o}",
                remedy=f"chmod 600 {path}; a mounted Secret: defaultMode 0440",
            )
        try:
            return tuple(map(self.kind.from_json, json.loads(content)["keys"]))
        except (ValueError, TypeError, KeyError) as exc:  # pydantic's are ValueErrors
            raise ConfigurationError(
                f"{path} does not hold {self.holds}",
                expected=f"what `{self.command}` writes",
                remedy=f"restore it from your backup, or remove it and add {self.one}s anew",
            ) from exc

    def add(self, folder: Path, made: K) -> None:
        """Keep one more key; the folder is made with mode 0700, the file with 0600.

        Raises
        ------
        ConfigurationError
            Its name is none or is taken, or there are too many.
        """
        if not re.fullmatch(self.name_pattern, made.name):
            raise ConfigurationError(
                f"no name of a {self.one}", expected=self.name_in_words, got=made.name[:80]
            )
        with self._alone(folder):
            there = self.load(folder)
            if named(there, made.name) is not None:
                raise ConfigurationError(
                    f"there is a {self.one} named {made.name!r} already",
                    expected="a name of its own for each",
                    remedy=f"revoke it first ({self.command} revoke {made.name}), or choose "
                    "another name",
                )
            if len(there) >= MOST_KEYS:
                raise ConfigurationError(f"too many {self.one}s", expected=f"{MOST_KEYS} at most")
            self._write(folder, (*there, made))

    def revoke(self, folder: Path, name: str, at: datetime) -> K:
        """Revoke the key of this name; whoever reads the file knows at once.

        Raises
        ------
        ConfigurationError
            There is none.
        """
        with self._alone(folder):
            there = self.load(folder)
            found = named(there, name)
            if found is None:
                raise ConfigurationError(
                    f"no {self.one} is named {name!r}, or it is revoked already",
                    remedy=f"{self.command} list",
                )
            revoked = found.replace(revoked=at)
            self._write(folder, [revoked if key is found else key for key in there])
        return revoked

    def _alone(self, folder: Path) -> FileLock:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return FileLock(folder / f".{self.file}.lock", timeout=10)

    def _write(self, folder: Path, keys: Sequence[K]) -> None:
        """Write them whole; a draft is its owner's only from the start."""
        document = {"keys": [key.to_json() for key in keys]}
        write_whole(folder / self.file, json.dumps(document, indent=2).encode())
