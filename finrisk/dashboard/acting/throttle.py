"""How often a wrong token may be tried: a few times a minute, by everybody together."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil
from threading import Lock

MOST, SECONDS = 10, 60.0


@dataclass
class Throttle:
    """Counts what was wrong in one minute; after ten, everything is refused until it is over.

    A token of 256 bits is not guessed in any number of tries: this keeps the log readable and the
    processor free.

    Parameters
    ----------
    clock : callable
        Seconds that never go back.
    """

    clock: Callable[[], float] = time.monotonic
    _began: float = 0.0
    _wrong: int = 0
    _one: Lock = field(default_factory=Lock)

    def wait_seconds(self) -> int:
        """Return how long to wait before the next try; 0: it may be tried now."""
        with self._one:
            left = self._began + SECONDS - self.clock()
            return ceil(left) if self._wrong >= MOST and left > 0 else 0

    def count_wrong(self) -> int:
        """Count a wrong one; return how many there were in this minute."""
        with self._one:
            now = self.clock()
            if self._wrong == 0 or now >= self._began + SECONDS:
                self._began, self._wrong = now, 0
            self._wrong += 1
            return self._wrong
