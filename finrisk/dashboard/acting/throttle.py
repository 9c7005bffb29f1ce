"""How often a wrong token is told in the log: a few times a minute, by everybody together."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

MOST, SECONDS = 10, 60.0


@dataclass
class Throttle:
    """Counts what was wrong in one minute; after ten, nobody hears of it until it is over.

    A token of 256 bits is not guessed in any number of tries: this keeps the log readable. The
    right token is never refused, or whoever types wrong ones would lock everybody else out.

    Parameters
    ----------
    clock : callable
        Seconds that never go back.
    """

    clock: Callable[[], float] = time.monotonic
    _began: float = 0.0
    _wrong: int = 0
    _one: Lock = field(default_factory=Lock)

    def count_wrong(self) -> int:
        """Count a wrong one; return how many there were in this minute, 0 beyond the tenth."""
        with self._one:
            now = self.clock()
            if self._wrong == 0 or now >= self._began + SECONDS:
                self._began, self._wrong = now, 0
            self._wrong += 1
            return self._wrong if self._wrong <= MOST else 0
