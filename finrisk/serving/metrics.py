"""What a server counts, for Prometheus: by tenant, model, route and status; never by who asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)

Gauged = dict[str, tuple[str, list[tuple[Mapping[str, str], float]]]]
"""Gauges by name: what each says, and its values by labels."""


@dataclass(frozen=True)
class Metrics:
    """Counters of one server, in a registry of its own."""

    registry: CollectorRegistry
    requests: Counter
    seconds: Histogram
    rows: Counter

    @classmethod
    def made(cls, gauges: Callable[[], Gauged]) -> Metrics:
        """Make them.

        Parameters
        ----------
        gauges : callable
            Asked whenever somebody reads the metrics.
        """
        registry = CollectorRegistry()
        registry.register(_Asked(gauges))
        return cls(
            registry=registry,
            requests=Counter(
                "finrisk_serving_requests",
                "Requests that were answered, by route, model and status",
                ("tenant", "route", "model", "status"),
                registry=registry,
            ),
            seconds=Histogram(
                "finrisk_serving_seconds",
                "Seconds from a request's head to its answer",
                ("route",),
                buckets=SECONDS,
                registry=registry,
            ),
            rows=Counter(
                "finrisk_serving_rows",
                "Rows that were scored, by what was decided",
                ("tenant", "model", "decision"),
                registry=registry,
            ),
        )

    def text(self) -> bytes:
        """Return all of it in Prometheus' text form."""
        return generate_latest(self.registry)


@dataclass(frozen=True)
class _Asked(Collector):
    gauges: Callable[[], Gauged]

    def collect(self) -> list[GaugeMetricFamily]:
        families = []
        for name, (says, values) in self.gauges().items():
            labels = list(values[0][0]) if values else []
            family = GaugeMetricFamily(name, says, labels=labels)
            for of, value in values:
                family.add_metric([of[label] for label in labels], value)
            families.append(family)
        return families
