"""The keys as a server holds them: read again when their file changes, each with its rate."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from time import monotonic

from finrisk.errors import FinRiskError
from finrisk.serving.api_keys import KEYS_FILE, LONGEST_KEY, ApiKey, ApiKeys
from finrisk.serving.problems import Refused

log = logging.getLogger(__name__)

Clock = Callable[[], float]


@dataclass
class TokenBucket:
    """Requests that a key may still make: ``burst`` at once, ``rate`` a second over time."""

    rate: float
    burst: int
    at: float
    tokens: float

    def take(self, now: float) -> float:
        """Take one; return 0, or in how many seconds there will be one.

        Examples
        --------
        >>> bucket = TokenBucket(rate=2.0, burst=1, at=0.0, tokens=1.0)
        >>> bucket.take(0.0), bucket.take(0.0), bucket.take(0.5)
        (0.0, 0.5, 0.0)
        """
        self.tokens = min(float(self.burst), self.tokens + (now - self.at) * self.rate)
        self.at = now
        if self.tokens < 1.0:
            return (1.0 - self.tokens) / self.rate
        self.tokens -= 1.0
        return 0.0


@dataclass
class KeyRing:
    """Who may ask a server, and how often.

    Parameters
    ----------
    folder : Path
        ``Settings.keys``.
    tenant : str
        The server's scope; a key of another one is no key here.
    clock : callable
        Seconds that only rise.
    others : frozenset of str
        Scopes of further tenants that are served beside it.
    """

    folder: Path
    tenant: str
    clock: Clock = monotonic
    others: frozenset[str] = frozenset()
    trouble: str | None = None
    _keys: ApiKeys = field(default_factory=ApiKeys)
    _written: tuple[int, int] | None = None
    _buckets: dict[str, TokenBucket] = field(default_factory=dict)

    @property
    def holds_any(self) -> bool:
        """Whether any key holds here."""
        return any(k.revoked is None and self._serves(k) for k in self._keys.keys)

    def refresh(self) -> None:
        """Read the file if it changed; one that cannot be read leaves the keys as they were."""
        written = self._last_written()
        if written == self._written and self.trouble is None:
            return
        try:
            self._keys = ApiKeys.load(self.folder)
        except FinRiskError as exc:
            if self.trouble is None:
                log.error("API keys stay as they were: %s", exc)  # noqa: TRY400  # said whole
            self.trouble = exc.what
            return
        self._written, self.trouble = written, None

    def admit(self, presented: str | None) -> ApiKey:
        """Return the key of a request, and count the request.

        Raises
        ------
        Refused
            401 without a key that holds here, 429 beyond its rate.
        """
        key = None
        if presented is not None and len(presented) <= LONGEST_KEY:
            key = self._keys.holder(presented)
        if key is None or not self._serves(key):
            raise Refused(
                401,
                "no-key",
                "no API key that holds here",
                remedy="send it as 'Authorization: Bearer <key>'; `finrisk keys add` makes one",
                headers={"WWW-Authenticate": "Bearer"},
            )
        wait = self._bucket(key).take(self.clock())
        if wait > 0.0:
            raise Refused(
                429,
                "rate-limit",
                "more requests than this key may make",
                remedy=f"{key.rate:g} a second, {key.burst} at once; wait and send it again",
                headers={"Retry-After": str(ceil(wait))},
            )
        return key

    def _serves(self, key: ApiKey) -> bool:
        return key.tenant == self.tenant or key.tenant in self.others

    def _bucket(self, key: ApiKey) -> TokenBucket:
        found = self._buckets.get(key.sha256)
        if found is None or (found.rate, found.burst) != (key.rate, key.burst):
            found = TokenBucket(key.rate, key.burst, self.clock(), float(key.burst))
            self._buckets[key.sha256] = found
        return found

    def _last_written(self) -> tuple[int, int] | None:
        try:
            found = (self.folder / KEYS_FILE).stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino
