"""A shadow's scores: made after the answer, by a thread of their own, or not at all.

Nothing waits for them. What the thread cannot keep up with is dropped and counted, and so is what
cannot be scored or logged: a shadow that has trouble is no trouble of the champion's.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from dataclasses import replace
from time import monotonic

import numpy as np

from finrisk.serving.decision_writer import Decided, Log, scored_rows
from finrisk.serving.parts import rows_at
from finrisk.serving.seated import Seated
from finrisk.wording import counted

log = logging.getLogger(__name__)

MOST_WAITING = 20_000
FLUSH_SECONDS = 1.0
ROWS_AT_ONCE = 256
"""Scored in one go: more of them would hold the interpreter while a request waits for it."""
STOP_SECONDS = 10.0
Kin = tuple[int, int, tuple[str, ...]]


class Shadows:
    """Takes answered rows at once; scores and logs them a second or so later.

    Parameters
    ----------
    log : Log
        Where the scores go: the decision log, in parts of their own.
    most_waiting : int
        Rows that may wait; more are dropped.
    """

    def __init__(
        self,
        log: Log,
        *,
        most_waiting: int = MOST_WAITING,
        flush_seconds: float = FLUSH_SECONDS,
    ) -> None:
        self._log = log
        self._most_waiting = most_waiting
        self._flush_seconds = flush_seconds
        self._waiting: deque[tuple[Seated, Decided]] = deque()
        self._rows = 0
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._ends_at = float("inf")
        self._thread = threading.Thread(target=self._run, name="finrisk-shadow", daemon=True)
        self.scored = 0
        self.dropped = 0
        self.failed = 0

    @property
    def waiting(self) -> int:
        """Rows that are not scored yet."""
        return self._rows

    def start(self) -> None:
        """Begin to score."""
        self._thread.start()

    def offer(self, shadow: Seated, decided: Decided) -> None:
        """Take rows that were answered, or drop them; it never waits and never raises."""
        rows = len(decided.asked)
        with self._lock:
            if self._rows + rows > self._most_waiting:
                self.dropped += rows
                return
            self._rows += rows
            self._waiting.append((shadow, decided))

    def stop(self, seconds: float = STOP_SECONDS) -> int:
        """Score what waits, for so long; return the rows that were dropped for want of time."""
        self._ends_at = monotonic() + seconds
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=seconds + 5.0)
        with self._lock:
            left, self._rows = self._rows, 0
            self._waiting.clear()
            self.dropped += left
        return left

    def _run(self) -> None:
        while True:
            ending = self._stop.wait(self._flush_seconds)
            self._work()
            if ending:
                return

    def _work(self) -> None:
        with self._lock:
            taken = list(self._waiting)
            self._waiting.clear()
        groups: dict[Kin, list[tuple[Seated, Decided]]] = {}
        for shadow, decided in taken:
            kin = id(shadow), id(decided.schema), tuple(decided.asked.beside)
            groups.setdefault(kin, []).append((shadow, decided))
        for group in groups.values():
            rows = sum(len(decided.asked) for _, decided in group)
            if monotonic() >= self._ends_at:
                self._count(rows, dropped=rows)
                continue
            try:
                done = self._of(group[0][0], [decided for _, decided in group])
            except Exception as exc:  # noqa: BLE001  # whatever it is, requests go on
                told = getattr(exc, "what", type(exc).__name__)
                log.error("%s of a shadow are lost: %s", counted(rows, "row"), told)  # noqa: TRY400
                self._count(rows, failed=rows)
            else:
                self._count(rows, scored=done, failed=rows - done)

    def _of(self, shadow: Seated, answered: list[Decided]) -> int:
        """Score and log rows; return how many. A row that gets no score is left out."""
        made = []
        for decided in answered:
            for first in range(0, len(decided.asked), ROWS_AT_ONCE):
                places = list(range(first, min(first + ROWS_AT_ONCE, len(decided.asked))))
                made.append(self._scored(shadow, decided, places))
        found = [one for one in made if one is not None]
        if found:
            rows = scored_rows(found)
            self._log.append(shadow.spec, shadow.by, rows, scored_at=found[0].at)
        return sum(len(one.asked) for one in found)

    @staticmethod
    def _scored(shadow: Seated, decided: Decided, places: list[int]) -> Decided | None:
        named = decided.named()
        scores = shadow.scorer.score(rows_at(named, places).features)
        sound = np.isfinite(scores)
        if not sound.any():
            return None
        chosen = [place for place, good in zip(places, sound.tolist(), strict=True) if good]
        asked, scores = rows_at(named, chosen), scores[sound]
        return replace(
            decided,
            schema=shadow.schema,
            by=shadow.by,
            order=shadow.model.feature_names,
            asked=asked,
            scores=scores,
            decisions=shadow.decisions(scores),
        )

    def _count(self, rows: int, *, scored: int = 0, failed: int = 0, dropped: int = 0) -> None:
        with self._lock:
            self._rows -= rows
            self.scored += scored
            self.failed += failed
            self.dropped += dropped
