"""Decisions on their way into the log: queued with the answer, written by a thread of its own.

A decision that is not logged must not be made: when the log cannot be written, or what waits has
reached its bound, rows are refused before they are scored. A stop writes whatever waits.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from dataclasses import dataclass, replace
from datetime import datetime
from time import monotonic, sleep
from typing import Any, Protocol
from uuid import uuid4

import numpy as np
import pandas as pd
import pyarrow as pa

from finrisk.data.decision_rows import DecidedBy, ScoredRows
from finrisk.serving.plain_features import PlainFeatures
from finrisk.serving.problems import Refused
from finrisk.serving.requests import Asked, RequestSchema
from finrisk.specs.model_spec import ModelSpec
from finrisk.tracking.calibrator import Scores

log = logging.getLogger(__name__)

FLUSH_SECONDS = 5.0
FLUSH_ROWS = 10_000
MOST_WAITING = 200_000
RETRY_SECONDS = 1.0
STOP_SECONDS = 20.0
NO_ID = "unnamed:"
PROCESS = uuid4().hex


class Log(Protocol):
    """The decision log, as far as it is written here."""

    def append(
        self, spec: ModelSpec, by: DecidedBy, rows: ScoredRows, *, scored_at: datetime
    ) -> Any:
        """Add rows: all of them or none."""


@dataclass(frozen=True, slots=True, eq=False)
class Decided:
    """The rows of one request, with what was said of them.

    Parameters
    ----------
    number : int
        Of the request, in its process: rows without a key are named by it.
    """

    schema: RequestSchema
    by: DecidedBy
    order: tuple[str, ...]
    asked: Asked
    scores: Scores
    decisions: list[str | None]
    at: datetime
    number: int = 0

    def named(self) -> Asked:
        """Return its rows, each under the key that the log has it by."""
        return replace(self.asked, ids=list(_keys(self)))

    @property
    def kin(self) -> tuple[int, DecidedBy, tuple[str, ...]]:
        """What rows have in common that are written together."""
        return id(self.schema), self.by, tuple(self.asked.beside)


class DecisionWriter:
    """Takes decisions at once, and writes them every few seconds.

    Parameters
    ----------
    log : Log
        Where they go.
    flush_seconds, flush_rows : float, int
        Written when the first of them has waited so long, or when so many wait.
    most_waiting : int
        Rows that may wait; a request beyond is refused.
    retry_seconds : float
        Between two tries of a log that cannot be written.
    """

    def __init__(
        self,
        log: Log,
        *,
        flush_seconds: float = FLUSH_SECONDS,
        flush_rows: int = FLUSH_ROWS,
        most_waiting: int = MOST_WAITING,
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        self._log = log
        self._flush_seconds = flush_seconds
        self._flush_rows = flush_rows
        self._most_waiting = most_waiting
        self._retry_seconds = retry_seconds
        self._waiting: deque[Decided] = deque()
        self._rows = 0
        self._promised = 0
        self._numbered = 0
        self._change = threading.Condition()
        self._stopping = False
        self._ends_at = float("inf")
        self._thread = threading.Thread(target=self._run, name="finrisk-decisions", daemon=True)
        self.trouble: str | None = None
        self.written = 0

    @property
    def waiting(self) -> int:
        """Rows that are not written yet."""
        return self._rows

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def promise(self, rows: int) -> None:
        """Keep room for rows that are about to be scored; :meth:`keep` or :meth:`release` ends it.

        Raises
        ------
        Refused
            503: they could not be logged.
        """
        with self._change:
            if self.trouble is not None or self._rows + self._promised + rows > self._most_waiting:
                raise Refused(
                    503,
                    "cannot-log",
                    "decisions cannot be logged, so none is made",
                    remedy="wait and send it again; /readyz says why",
                    headers={"Retry-After": "5"},
                )
            self._promised += rows

    def release(self, rows: int) -> None:
        """Give back what was promised: the rows were not scored."""
        with self._change:
            self._promised -= rows

    def keep(self, decided: Decided) -> Decided:
        """Take the decisions of one request, as promised; return them with their number."""
        rows = len(decided.asked)
        with self._change:
            self._promised -= rows
            self._numbered += 1
            numbered = replace(decided, number=self._numbered)
            self._waiting.append(numbered)
            self._rows += rows
            if self._rows >= self._flush_rows:
                self._change.notify()
        return numbered

    def stop(self, seconds: float = STOP_SECONDS) -> int:
        """Write what waits and end; return the rows that could not be written in that time."""
        with self._change:
            self._stopping = True
            self._ends_at = monotonic() + seconds
            self._change.notify()
        if self._thread.is_alive():
            self._thread.join(timeout=seconds + 5.0)
        if self._rows:
            log.critical("%d decisions were answered and could not be logged", self._rows)
        return self._rows

    def _run(self) -> None:
        while True:
            with self._change:
                self._change.wait_for(self._is_due, timeout=self._flush_seconds)
                ending = self._stopping
                taken = tuple(self._waiting)
            if taken and not self._write(taken):
                sleep(self._retry_seconds)
            if ending and (not self._rows or monotonic() >= self._ends_at):
                return

    def _is_due(self) -> bool:
        return self._stopping or self._rows >= self._flush_rows

    def _write(self, taken: tuple[Decided, ...]) -> bool:
        """Write requests that came in turn; those that are written leave the queue."""
        done: set[int] = set()
        try:
            for group in _groups(taken):
                _append(self._log, group)
                done.update(map(id, group))
                self._count(sum(len(decided.asked) for decided in group))
        except Exception as exc:  # noqa: BLE001  # whatever it is, no decision may be lost
            told = getattr(exc, "what", type(exc).__name__)
            if self.trouble is None:
                log.error("decisions cannot be logged: %s", told)  # noqa: TRY400  # no row
            self.trouble = str(told)
            return False
        finally:
            self._let_go(done)
        if self.trouble is not None:
            log.warning("decisions are logged again")
            self.trouble = None
        return True

    def _count(self, rows: int) -> None:
        with self._change:
            self._rows -= rows
            self.written += rows

    def _let_go(self, done: set[int]) -> None:
        """Take requests out of the queue in one pass: every request that comes needs this lock."""
        if done:
            with self._change:
                self._waiting = deque(one for one in self._waiting if id(one) not in done)


def _groups(taken: tuple[Decided, ...]) -> list[list[Decided]]:
    found: dict[Any, list[Decided]] = {}
    for decided in taken:
        found.setdefault(decided.kin, []).append(decided)
    return list(found.values())


def _append(writes: Log, group: list[Decided]) -> None:
    first = group[0]
    writes.append(first.schema.spec, first.by, scored_rows(group), scored_at=first.at)


def scored_rows(group: list[Decided]) -> ScoredRows:
    """Return the rows of requests that one version answered, as the log takes them.

    A row whose caller gave no key gets one that nobody else has: no label will find it. It is the
    same one when a write is tried again.
    """
    first = group[0]
    asked = [decided.asked for decided in group]
    numbers = np.concatenate([one.features.numbers for one in asked])
    several = zip(*(one.features.words for one in asked), strict=True)
    words = tuple([word for part in parts for word in part] for parts in several)
    features = first.schema.derivation.frame(PlainFeatures(numbers, words))
    ids = [key for decided in group for key in _keys(decided)]
    beside = {
        name: [cell for one in asked for cell in one.beside[name]] for name in first.asked.beside
    }
    return ScoredRows(
        ids=pd.Series(ids, dtype="str"),
        days=np.concatenate([one.days for one in asked]),
        scores=pa.array(np.concatenate([decided.scores for decided in group])),
        decisions=pa.array([word for d in group for word in d.decisions], pa.string()),
        features=features[list(first.order)],
        beside=pd.DataFrame(beside, index=range(len(ids))),
    )


def _keys(decided: Decided) -> list[str]:
    own = f"{NO_ID}{PROCESS}:{decided.number}"
    return [f"{own}:{at}" if key is None else key for at, key in enumerate(decided.asked.ids)]
