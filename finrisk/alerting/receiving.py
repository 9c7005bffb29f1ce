"""Take a delivery in: store what may ask, in the ledger, before anything is started."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock

from finrisk.alerting.asking import Answer, Asking, askings
from finrisk.alerting.deliveries import Alert, Delivery
from finrisk.alerting.starting import Start, start_waiting
from finrisk.config import Settings
from finrisk.errors import FinRiskError
from finrisk.ledger.inbox import Outcome, Rerun
from finrisk.ledger.store import Ledger
from finrisk.specs.watched import WatchedSpecs
from finrisk.tenants import tenants_of

log = logging.getLogger(__name__)

STORED = {
    Outcome.ACCEPTED: Answer.ACCEPTED,
    Outcome.COOLING_DOWN: Answer.COOLING_DOWN,
    Outcome.CAPPED: Answer.CAPPED,
}


def utc_now() -> datetime:
    """Return now."""
    return datetime.now(UTC)


@dataclass
class _Lender:
    """One lender's specs and rows of the ledger, opened at the first call that finds it."""

    settings: Settings
    specs: WatchedSpecs = field(init=False, repr=False)
    _ledger: Ledger | None = field(default=None, init=False, repr=False)
    _opening: Lock = field(default_factory=Lock, init=False, repr=False)

    def __post_init__(self) -> None:
        self.specs = WatchedSpecs(self.settings.conf_locations)

    def opened(self) -> Ledger:
        with self._opening:
            if self._ledger is None:
                self._ledger = Ledger.open(self.settings)
            return self._ledger

    def close(self) -> None:
        if self._ledger is not None:
            self._ledger.close()


@dataclass
class Receiver:
    """Takes deliveries in and starts what they ask for, after the answer.

    The ledger is opened at the first delivery and not before: whoever serves this may fork. A start
    that fails, or that a restart loses, leaves its alert pending for the drainer.

    Parameters
    ----------
    settings : Settings
        Whose ledger, whose specs, which scope; with those of its tenants.
    start : Start
        How a run is started here.
    clock : callable
        Returns now, with its zone.
    """

    settings: Settings
    start: Start
    clock: Callable[[], datetime] = utc_now
    _lenders: dict[str, _Lender] = field(default_factory=dict, init=False, repr=False)
    _opening: Lock = field(default_factory=Lock, init=False, repr=False)
    _starting: ThreadPoolExecutor = field(init=False, repr=False)
    _draining: Future[None] | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        # One at a time, and not in the answer's way: Airflow may take seconds.
        self._starting = ThreadPoolExecutor(1, thread_name_prefix="finrisk-reruns")

    def take(self, delivery: Delivery) -> Counter[str]:
        """Store a delivery and count what became of its alerts; starts follow in their own thread.

        Raises
        ------
        FinRiskError
            The ledger does not answer. Whatever was stored is stored; the sender tries again.
        """
        told: Counter[str] = Counter()
        now = self.clock()
        for lender, its in self._parts(delivery):
            allowed = {name: spec.monitoring.reruns for name, spec in lender.specs.now().items()}
            for one in askings(its, allowed, lender.settings.scope, now):
                told[self._stored(lender, one, now) if isinstance(one, Asking) else one] += 1
        return told

    def ready(self) -> None:
        """Read the specs and open the ledger, so that the first delivery does not wait for it.

        Raises
        ------
        FinRiskError
            The ledger does not answer.
        """
        for lender in self._known():
            lender.specs.now()
        self._known()[0].opened().models()

    def drain(self) -> list[str]:
        """Start whatever is pending of any lender; return the ids of the runs that are there."""
        there = []
        for lender in self._known():
            ledger = lender.opened()
            there += self._started(lender, ledger.pending_reruns())
        return there

    def drain_later(self) -> None:
        """Start whatever is pending, in the thread of the starts; a ledger that is away is told.

        Nothing where the drain that was asked for last has not ended: it, or the next, finds all.
        """
        if self._draining is None or self._draining.done():
            self._draining = self._starting.submit(_reported, self.drain)

    def close(self) -> None:
        """Finish the start that was begun, and give the ledger's connections back.

        Those that wait behind it stay pending: a server's end does not wait for each of them.
        """
        self._starting.shutdown(wait=True, cancel_futures=True)
        for lender in self._lenders.values():
            lender.close()

    def _known(self) -> list[_Lender]:
        """Return the lenders of now, the settings' own first: one may have come since."""
        with self._opening:
            for one in tenants_of(self.settings):
                if one.settings.scope not in self._lenders:
                    self._lenders[one.settings.scope] = _Lender(one.settings)
            return list(self._lenders.values())

    def _parts(self, delivery: Delivery) -> Iterator[tuple[_Lender, Delivery]]:
        """Give each lender the alerts whose label names it, and the first those that name none."""
        first, *others = self._known()
        by_scope = {lender.settings.scope: lender for lender in others}
        parts: dict[str, list[Alert]] = defaultdict(list)
        for alert in delivery.alerts:
            named = alert.labels.get("tenant", "")
            parts[named if named in by_scope else ""].append(alert)
        for named, alerts in parts.items():
            part = delivery.model_copy(update={"alerts": tuple(alerts)})
            yield by_scope.get(named, first), part

    def _stored(self, lender: _Lender, asking: Asking, now: datetime) -> Answer:
        rerun = lender.opened().receive_alert(asking.asked, asking.limits, now)
        if rerun.deliveries > 1:
            return Answer.REPEATED
        log.info("%s of %s: %s", rerun.alert, rerun.model, rerun.outcome)
        if rerun.outcome is Outcome.ACCEPTED:
            self._starting.submit(_reported, self._started, lender, [rerun])
        return STORED[rerun.outcome]

    def _started(self, lender: _Lender, reruns: Sequence[Rerun]) -> list[str]:
        tenant = lender.settings.tenant
        return start_waiting(lender.opened(), reruns, self.start, self.clock, tenant)


def _reported(work: Callable[..., object], *arguments: object) -> None:
    """Do it in a thread whose result nobody asks for: what goes wrong must be in the log."""
    try:
        work(*arguments)
    except FinRiskError as exc:
        log.warning("pending alerts stay pending: %s", exc)
    except Exception:
        log.exception("pending alerts stay pending")
