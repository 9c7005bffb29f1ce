"""What a scrape asks: the ledger, the specs and the newest data-quality report of each model.

The ledger is connected to for each scrape: a restored SQLite file is another file under the same
name, and a connection kept open would go on reading the old one. One that does not answer within
``PATIENCE_SECONDS`` gives ``finrisk_up 0`` and nothing of the models. Scrapes that come together
share one reading.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late
from datetime import UTC, date, datetime
from threading import Lock
from time import monotonic, perf_counter

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from finrisk.config import Settings
from finrisk.data.quality_store import QualityStore
from finrisk.errors import FinRiskError
from finrisk.keys import code_version
from finrisk.ledger.store import Ledger
from finrisk.pipelines.exporter import declared as m
from finrisk.pipelines.exporter import samples as of
from finrisk.pipelines.exporter.declared import METRICS, Kind, Metric
from finrisk.pipelines.exporter.readings import of_readings
from finrisk.pipelines.exporter.samples import Sample, Whose
from finrisk.pipelines.missed import missed_nights
from finrisk.specs.model_spec import ModelSpec
from finrisk.specs.watched import WatchedSpecs
from finrisk.tenants import tenants_of

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 5.0  # Prometheus gives up on a scrape after ten
LEDGER, SPECS, QUALITY = "ledger", "specs", "data_quality"
Family = CounterMetricFamily | GaugeMetricFamily


def _utc_now() -> datetime:
    return datetime.now(UTC)


class _Lender:
    """One lender's specs and rows; its ledger is the same object, as it knows its statements."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.specs = WatchedSpecs(settings.conf_locations)
        self._ledger: Ledger | None = None

    def connected(self) -> Ledger:
        """Return the ledger, checked."""
        if self._ledger is None:
            self._ledger = Ledger.open(self.settings)
        else:
            self._ledger.demand_schema()
        return self._ledger


class LedgerCollector(Collector):
    """Reads the models of a scope and of its tenants at each scrape, for a registry.

    Parameters
    ----------
    settings : Settings
        Whose ledger, whose specs, which scope; of a live one, its tenants' as well.
    clock : callable
        Returns now, with its zone.
    patience_seconds : float
        How long the ledger may take before it counts as away.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Callable[[], datetime] = _utc_now,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._patience = patience_seconds
        self._lenders: dict[str, _Lender] = {}
        self._errors: Counter[str] = Counter({LEDGER: 0, SPECS: 0, QUALITY: 0})
        # One: while a database hangs, later scrapes must not queue up behind it.
        self._asking = ThreadPoolExecutor(1, thread_name_prefix="finrisk-scrape")
        self._asked: Future[list[Sample]] | None = None
        self._deadline = 0.0  # of what was asked, on the monotonic clock
        self._lock = Lock()  # scrapes come in threads of their own

    def collect(self) -> Iterator[Family]:
        """Yield every metric that is known now."""
        began = perf_counter()
        found = self._answered()
        told = [
            *(Sample(m.UP, (one,), float(found is not None)) for one in self._scopes()),
            Sample(m.BUILD_INFO, (code_version(),), 1.0),
            *(Sample(m.SCRAPE_ERRORS, (part,), float(n)) for part, n in self._errors.items()),
            Sample(m.SCRAPE_SECONDS, (), perf_counter() - began),
            *(found or ()),
        ]
        yield from families(told)

    def describe(self) -> Iterable[Family]:
        """Return nothing: registering must ask nothing of the ledger."""
        return []

    def close(self) -> None:
        """End the thread that asks; one that hangs ends with its database's deadline."""
        self._asking.shutdown(wait=False)

    def _answered(self) -> list[Sample] | None:
        """Return what the models' stores say; None where the ledger is away, or hangs."""
        try:
            asked, patience = self._asking_now()
            return asked.result(patience)
        except Late:
            log.warning("the ledger did not answer within %.1f s", self._patience)
        except FinRiskError as exc:
            log.warning("nothing to export: %s", exc)
        except Exception:  # a scrape that fails says nothing of the ledger: up 0 does
            log.exception("nothing to export")
        with self._lock:
            self._errors[LEDGER] += 1
        return None

    def _asking_now(self) -> tuple[Future[list[Sample]], float]:
        """Return the reading that runs, begun if there is none, and how long it still may take."""
        with self._lock:
            if self._asked is None or self._asked.done():
                self._asked = self._asking.submit(self._read)
                self._deadline = monotonic() + self._patience
            return self._asked, max(0.0, self._deadline - monotonic())

    def _read(self) -> list[Sample]:
        now = self._clock()
        known = [self._lender(scope) for scope in self._scopes()]
        specs = [lender.specs.now() for lender in known]
        self._errors[SPECS] += any(lender.specs.broken for lender in known)
        return [
            sample
            for lender, its in zip(known, specs, strict=True)
            for sample in self._of_lender(lender, its, now)
        ]

    def _scopes(self) -> list[str]:
        """Return the scopes of now: a tenant may have come since the last scrape."""
        if not self._settings.is_live:
            return [self._settings.scope]
        return [one.settings.scope for one in tenants_of(self._settings)]

    def _lender(self, scope: str) -> _Lender:
        if scope not in self._lenders:
            self._lenders[scope] = _Lender(self._settings.in_scope(scope))
        return self._lenders[scope]

    def _of_lender(
        self, lender: _Lender, specs: dict[str, ModelSpec], now: datetime
    ) -> list[Sample]:
        with lender.connected() as ledger:
            return [
                sample
                for name in sorted({*ledger.models(), *specs})
                for sample in self._of_model(lender, ledger, name, specs.get(name), now)
            ]

    def _of_model(
        self, lender: _Lender, ledger: Ledger, name: str, spec: ModelSpec | None, now: datetime
    ) -> Iterator[Sample]:
        whose = Whose(ledger.scope, name)
        local = now if spec is None else spec.schedule.local(now)
        standing = ledger.standing(name, local.date())
        yield from of.of_standing(whose, standing)
        yield from of_readings(whose, standing.readings)
        if spec is None:  # a model that was retired keeps its history
            return
        night = standing.last_night
        last = None if night is None else night.decision.as_of
        missed = missed_nights(spec.schedule, last, now)
        yield from of.of_spec(whose, spec)
        yield from of.of_budget(whose, standing.spent, spec.gate.error_budget)
        yield from whose.told(m.NIGHTS_MISSED, len(missed))
        yield from self._of_quality(lender.settings, whose, spec)

    def _of_quality(self, settings: Settings, whose: Whose, spec: ModelSpec) -> Iterator[Sample]:
        root = settings.store / "data_quality"
        store = QualityStore(root, whose.tenant, spec.name, spec.title)
        newest = max(store.folder.glob("????-??-??.json"), default=None)
        if newest is None:
            return
        try:  # not its history, which leaves out what it cannot read
            yield from of.of_quality(whose, store.report(date.fromisoformat(newest.stem)))
        except (OSError, ValueError) as exc:
            self._errors[QUALITY] += 1
            log.warning("data quality of %s: %s", spec.name, type(exc).__name__)


def families(samples: Iterable[Sample]) -> Iterator[Family]:
    """Yield samples as metric families, in the order in which the metrics are declared."""
    made: dict[Metric, Family] = {}
    for sample in samples:
        if sample.metric not in made:
            made[sample.metric] = _family(sample.metric)
        made[sample.metric].add_metric(sample.labels, sample.value)
    yield from (made[metric] for metric in METRICS if metric in made)


def _family(metric: Metric) -> Family:
    if metric.kind is Kind.COUNTER:
        return CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
    return GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
