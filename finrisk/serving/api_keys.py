"""Who may ask: keys that are stored as digests, each with its scope, its models and its rate."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Self

from finrisk import key_file
from finrisk.errors import ConfigurationError
from finrisk.key_file import LONGEST_KEY, KeyFile, digest_of, new_key
from finrisk.records import Record

__all__ = ["KEYS_FILE", "LONGEST_KEY", "ApiKey", "ApiKeys", "add_key", "revoke_key"]

KEYS_FILE = "api-keys.json"
PREFIX = "frk_"
RATE, BURST = 50.0, 100


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


KEPT: KeyFile[ApiKey] = KeyFile(
    file=KEYS_FILE,
    kind=ApiKey,
    holds="API keys",
    one="key",
    command="finrisk keys",
    name_pattern=r"[a-z0-9][a-z0-9._-]{0,62}",
    name_in_words="small letters, digits, '.', '_' and '-'",
)


@dataclass(frozen=True, slots=True)
class ApiKeys:
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
        return cls(KEPT.load(folder))

    def holder(self, presented: str) -> ApiKey | None:
        """Return the key that was presented, unless it is none or was revoked."""
        return key_file.holder(self.keys, presented)


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
    if not (0.0 < rate < float("inf") and burst >= 1):
        raise ConfigurationError("a key that can ask nothing", expected="rate and burst above 0")
    key = new_key(PREFIX)
    made = ApiKey(name, tenant, digest_of(key), tuple(models), float(rate), burst, at)
    KEPT.add(folder, made)
    return key, made


def revoke_key(folder: Path, name: str, *, at: datetime) -> ApiKey:
    """Revoke the key of this name; servers know within seconds.

    Raises
    ------
    ConfigurationError
        There is none.
    """
    return KEPT.revoke(folder, name, at)
