"""Who may ask: keys that are stored as digests, each with its scope, its models and its rate.

A key is 256 random bits, so its plain SHA-256 cannot be guessed back, and a stolen file of digests
opens nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Self

from filelock import FileLock
from pydantic import ValidationError

from finrisk.atomic import write_whole
from finrisk.errors import ConfigurationError
from finrisk.records import Record

KEYS_FILE = "api-keys.json"
PREFIX = "frk_"
KEY_BYTES = 32
LONGEST_KEY = 128
NAME = r"[a-z0-9][a-z0-9._-]{0,62}"
RATE, BURST = 50.0, 100
MOST_KEYS = 1_000


@dataclass(frozen=True, slots=True)
class ApiKey(Record):
    """What is known of a key; the key itself is not.

    Parameters
    ----------
    name : str
        Of who holds it: a system, not a person. It stands in the access log.
    tenant : str
        The scope whose champions it may ask.
    sha256 : str
        Of the key.
    models : tuple of str
        Those it may ask; none: all of its scope.
    rate : float
        Requests a second, over time.
    burst : int
        Requests that may come at once.
    """

    name: str
    tenant: str
    sha256: str
    models: tuple[str, ...]
    rate: float
    burst: int
    created: datetime
    revoked: datetime | None = None

    def may_ask(self, model: str) -> bool:
        """Say whether it may ask this model."""
        return not self.models or model in self.models


@dataclass(frozen=True, slots=True)
class ApiKeys(Record):
    """Every key of an installation, the revoked ones included."""

    keys: tuple[ApiKey, ...] = ()

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the keys; none where there is no file.

        Raises
        ------
        ConfigurationError
            It cannot be read, or others may read it.
        """
        path = folder / KEYS_FILE
        try:
            with path.open("rb") as file:
                mode, content = os.fstat(file.fileno()).st_mode, file.read()
        except FileNotFoundError:
            return cls()
        except OSError as exc:
            raise ConfigurationError(f"{path} cannot be read ({exc.strerror})") from exc
        if mode & 0o077:
            raise ConfigurationError(
                f"{path} can be read by others",
                expected="its owner only",
                remedy=f"chmod 600 {path}",
            )
        try:
            return cls.from_json(json.loads(content))
        except (ValueError, ValidationError) as exc:
            raise ConfigurationError(
                f"{path} does not hold API keys",
                expected="what `finrisk keys` writes",
                remedy="restore it from your backup, or remove it and add keys anew",
            ) from exc

    def holder(self, presented: str) -> ApiKey | None:
        """Return the key that was presented, unless it is none or was revoked.

        Every stored digest is compared, and each in constant time: how long it takes tells nothing.
        """
        digest = digest_of(presented)
        found = None
        for key in self.keys:
            if hmac.compare_digest(key.sha256, digest) and key.revoked is None:
                found = key
        return found

    def named(self, name: str) -> ApiKey | None:
        """Return the key of this name that is not revoked."""
        return next((k for k in self.keys if k.name == name and k.revoked is None), None)


def digest_of(key: str) -> str:
    """Return what is stored of a key.

    Examples
    --------
    >>> digest_of("frk_example")[:8]
    'bf9af69a'
    """
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def add_key(
    folder: Path,
    name: str,
    *,
    tenant: str,
    at: datetime,
    models: Iterable[str] = (),
    rate: float = RATE,
    burst: int = BURST,
) -> tuple[str, ApiKey]:
    """Make a key and keep its digest; the key itself is returned once and stored nowhere.

    Parameters
    ----------
    folder : Path
        ``Settings.keys``; made with mode 0700, the file with 0600.
    name : str
        Small letters, digits, ``.``, ``_`` and ``-``; of no other key that is not revoked.
    at : datetime
        Now, with its zone.

    Raises
    ------
    ConfigurationError
        The name is taken or none, or a rate is not above 0.
    """
    if not re.fullmatch(NAME, name):
        raise ConfigurationError(
            "no name of a key", expected="small letters, digits, '.', '_' and '-'", got=name[:80]
        )
    if not (0.0 < rate < float("inf") and burst >= 1):
        raise ConfigurationError("a key that can ask nothing", expected="rate and burst above 0")
    key = f"{PREFIX}{secrets.token_urlsafe(KEY_BYTES)}"
    made = ApiKey(name, tenant, digest_of(key), tuple(models), float(rate), burst, at)
    with _alone(folder):
        there = ApiKeys.load(folder)
        if there.named(name) is not None:
            raise ConfigurationError(
                f"there is a key named {name!r} already",
                expected="a name of its own for each",
                remedy=f"revoke it first (finrisk keys revoke {name}), or choose another name",
            )
        if len(there.keys) >= MOST_KEYS:
            raise ConfigurationError("too many keys", expected=f"{MOST_KEYS} at most")
        _write(folder, ApiKeys((*there.keys, made)))
    return key, made


def revoke_key(folder: Path, name: str, *, at: datetime) -> ApiKey:
    """Revoke the key of this name; servers know within seconds.

    Raises
    ------
    ConfigurationError
        There is none.
    """
    with _alone(folder):
        there = ApiKeys.load(folder)
        found = there.named(name)
        if found is None:
            raise ConfigurationError(
                f"no key is named {name!r}, or it is revoked already",
                remedy="finrisk keys list",
            )
        revoked = found.replace(revoked=at)
        _write(folder, ApiKeys(tuple(revoked if k is found else k for k in there.keys)))
    return revoked


def _alone(folder: Path) -> FileLock:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return FileLock(folder / f".{KEYS_FILE}.lock", timeout=10)


def _write(folder: Path, keys: ApiKeys) -> None:
    """Write them whole; a draft is its owner's only from the start."""
    content = json.dumps(keys.to_json(), indent=2).encode()
    write_whole(folder / KEYS_FILE, content)
