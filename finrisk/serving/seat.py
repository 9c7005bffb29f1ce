"""The seat of one model: who answers now, who did before, and how one takes the other's place.

A swap is: load, verify, score the golden rows, make ready; and then one assignment. A request takes
the seated version once and keeps it to its end, so that none is answered by two of them.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic
from typing import Protocol

from finrisk.errors import ConfigurationError, FinRiskError, Unreachable
from finrisk.serving.problems import Refused
from finrisk.serving.remembered import Pointer, RememberedPointer
from finrisk.serving.seated import Seated

log = logging.getLogger(__name__)

POLL_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 60.0


class Champions(Protocol):
    """Where a seat learns who serves, and loads it from."""

    def pointer(self, model: str) -> Pointer | None:
        """Ask the ledger; ``Unreachable`` where it does not answer."""

    def spec_sha256(self, model: str) -> str:
        """Return what tells whether a spec was changed."""

    def load(self, model: str, pointer: Pointer, now: datetime) -> Seated:
        """Verify and make ready; any ``FinRiskError`` leaves the seat as it is."""


@dataclass
class Seat:
    """Who answers for one model.

    Parameters
    ----------
    model : str
        Its name.
    champions : Champions
        The ledger and the verified artifacts.
    remembered : RememberedPointer
        For a start while the ledger is away.
    now : callable
        Stamps a swap.
    clock : callable
        Seconds that only rise: a version that is refused is tried again after 1, 2, 4 … 60 s.
    """

    model: str
    champions: Champions
    remembered: RememberedPointer
    now: Callable[[], datetime]
    clock: Callable[[], float] = monotonic
    current: Seated | None = None
    previous: Seated | None = None
    ledger_answers: bool = False
    trouble: str | None = None
    swaps: int = 0
    _is_away: bool = False
    _refused: Pointer | None = None
    _tries: int = 0
    _next_try: float = field(default=0.0)

    def take(self) -> Seated:
        """Return who answers.

        Raises
        ------
        Refused
            503: nobody does yet.
        """
        seated = self.current
        if seated is None:
            raise Refused(
                503,
                "not-ready",
                f"no version of {self.model} is in use yet",
                remedy="wait; /readyz says why",
                headers={"Retry-After": "5"},
            )
        return seated

    def start(self) -> bool:
        """Seat the champion; say whether there ever was one, here or by the ledger.

        The last one that this machine served sits down where the ledger's cannot.

        Raises
        ------
        Unreachable
            The ledger does not answer, and nothing is remembered.
        """
        known = self.remembered.read()
        try:
            pointer = self.champions.pointer(self.model)
        except Unreachable as exc:
            if known is None:
                raise
            self._lost(exc)
            pointer = known
        else:
            self.ledger_answers = True
        if pointer is None:
            return False
        self._try(pointer)
        if self.current is None and known is not None and known != pointer:
            waits = self.trouble
            self._try(known)
            self.trouble = waits
        return True

    def refresh(self) -> None:
        """Ask the ledger who serves, and swap if it is another; whatever fails, serving goes on."""
        try:
            pointer = self.champions.pointer(self.model)
        except FinRiskError as exc:
            self._lost(exc)
            if self.current is None and (known := self.remembered.read()) is not None:
                self._try(known)
            return
        if not self.ledger_answers:
            log.info("%s: the ledger answers", self.model)
            self.ledger_answers, self._is_away = True, False
        if pointer is None:
            return
        if self.current is not None and pointer == self.current.pointer:
            self.trouble = None
            return
        self._try(pointer)

    def _lost(self, exc: FinRiskError) -> None:
        if not self._is_away:
            log.warning("%s: serving goes on without the ledger: %s", self.model, exc.what)
        self.ledger_answers, self._is_away = False, True

    def _try(self, pointer: Pointer) -> None:
        """Seat a version; one that was refused is tried again later and later."""
        if pointer == self._refused and self.clock() < self._next_try:
            return
        try:
            seated = self._ready(pointer)
        except Exception as exc:  # noqa: BLE001  # whatever a load raises, the seat stays taken
            self._refuse(pointer, exc)
            return
        before = self.current
        self.current = seated
        if before is not None:
            self.previous = before
            self.swaps += 1
        self.trouble, self._refused, self._tries = None, None, 0
        self.remembered.write(pointer)
        by = seated.by
        log.info(
            "%s: version %d answers, epoch %s, artifact %s",
            by.model,
            by.version,
            by.epoch,
            by.artifact_sha256,
        )

    def _ready(self, pointer: Pointer) -> Seated:
        """Return a seated version: one that is still warm, if it is the same bytes and spec."""
        digest = self.champions.spec_sha256(self.model)
        for warm in (self.current, self.previous):
            if (
                warm is not None
                and warm.by.artifact_sha256 == pointer.version.artifact_sha256
                and warm.spec_sha256 == digest
            ):
                return warm.of_epoch(pointer, self.now())
        return self.champions.load(self.model, pointer, self.now())

    def _refuse(self, pointer: Pointer, exc: Exception) -> None:
        told = str(exc) if isinstance(exc, FinRiskError) else type(exc).__name__
        self._tries = self._tries + 1 if pointer == self._refused else 1
        if self._tries == 1:
            stays = "nobody" if self.current is None else f"version {self.current.by.version}"
            log.error(
                "%s: version %d is not seated, %s answers on: %s",
                self.model,
                pointer.version.version,
                stays,
                told,
            )
        wait = min(LONGEST_WAIT_SECONDS, POLL_SECONDS * 2 ** (self._tries - 1))
        self._refused, self._next_try = pointer, self.clock() + wait
        what = exc.what if isinstance(exc, FinRiskError) else type(exc).__name__
        self.trouble = f"version {pointer.version.version} is not in use: {what}"


def start_all(seats: Sequence[Seat], *, demanded: bool, patient: bool = False) -> None:
    """Seat every model's champion.

    Parameters
    ----------
    demanded : bool
        Each of them must have had a champion; else one that had is enough.
    patient : bool
        None needs to have had one: the seats are looked at again, as ever.

    Raises
    ------
    ConfigurationError
        There is nothing to serve: no champion, ever.
    Unreachable
        The ledger does not answer, and nothing is remembered of it.
    """
    never = [seat.model for seat in seats if not seat.start()]
    if never and not patient and (demanded or len(never) == len(seats)):
        raise ConfigurationError(
            f"never had a champion: {', '.join(never)}",
            expected="a version that was promoted",
            remedy="run a night (finrisk retrain), or promote a version by hand",
        )


class Watch:
    """A thread that calls something every second or so, until it is stopped.

    Parameters
    ----------
    rounds : sequence of callables
        Called in turn; what one raises is logged, and the next is called.
    seconds : float
        Between two rounds.
    """

    def __init__(self, rounds: Sequence[Callable[[], None]], seconds: float = POLL_SECONDS) -> None:
        self._rounds = tuple(rounds)
        self._seconds = seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="finrisk-watch", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, and wait shortly for a round that is under way; a database may hold it longer."""
        self._stop.set()
        self._thread.join(timeout=2.0)

    def _run(self) -> None:
        while not self._stop.wait(self._seconds):
            for one in self._rounds:
                try:
                    one()
                except Exception:
                    log.exception("a round of the watch failed")
