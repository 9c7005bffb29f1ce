"""What a scrape costs: two models with a year of nights each, and with ten.

    PYTHONPATH=. python benchmarks/exporter.py

One process, SQLite on this machine's disk. Wall is what Prometheus waits for, CPU what it costs.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, process_time

from prometheus_client import CollectorRegistry, generate_latest

from finrisk.config import Settings
from finrisk.ledger.migrate import migrate
from finrisk.ledger.store import Ledger
from finrisk.pipelines.exporter.collector import LedgerCollector
from tests.ledger.factories import force, version
from tests.pipelines.exporter.filled import fill, keep_quality

MODELS = ("credit_risk", "fraud")
YEARS = (1, 10)
SCRAPES = 40
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def main() -> None:
    print("years | ledger, MB | first, ms | median, ms | p95, ms | CPU, ms | series | bytes")
    for years in YEARS:
        with TemporaryDirectory() as folder:
            print(f"{years:5} | {measured(Path(folder), years * 365)}")


def measured(home: Path, nights: int) -> str:
    url = f"sqlite:///{home}/ledger.db"
    migrate(url)
    fill(url, MODELS, nights=nights)
    with Ledger(url, "live") as ledger:
        for model in MODELS:
            force(ledger, version(1, model=model), idem_key=model)
            keep_quality(home / "store", model)
    collector = LedgerCollector(Settings(home=home), clock=lambda: NOW)
    registry = CollectorRegistry()
    registry.register(collector)
    walls, cpus = [], []
    exposed = b""
    for _ in range(SCRAPES):
        wall, cpu = perf_counter(), process_time()
        exposed = generate_latest(registry)
        walls.append((perf_counter() - wall) * 1000)
        cpus.append((process_time() - cpu) * 1000)
    collector.close()
    series = sum(not line.startswith(b"#") for line in exposed.splitlines())
    later = sorted(walls[1:])
    megabytes = (home / "ledger.db").stat().st_size / 1e6
    return (
        f"{megabytes:10.0f} | {walls[0]:9.0f} | {median(later):10.1f} | "
        f"{later[int(0.95 * len(later))]:7.1f} | {median(cpus):7.1f} | {series:6} | {len(exposed)}"
    )


if __name__ == "__main__":
    sys.exit(main())
