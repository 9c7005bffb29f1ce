"""What a promotion costs in the ledger, the registry's calls aside: SQLite, synchronous = FULL.

    python benchmarks/promotion.py [--json]

Wall time of ``Ledger.promote`` with versions that are registered already, after the first
promotion and after a thousand; in turns with bare commits of one row into the same kind of file.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path

from finrisk.ledger.migrate import migrate
from finrisk.ledger.store import Ledger
from finrisk.records import ModelVersion, PromotionKind

MODEL = "credit_risk"
HISTORIES = (1, 1000)
TIMES = 500
NIGHT, AT = date(2026, 3, 1), datetime(2026, 3, 1, 2, 0, tzinfo=UTC)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    as_json = parser.parse_args().json
    figures: dict[str, float] = {}
    for history in HISTORIES:
        with tempfile.TemporaryDirectory() as home:
            figures |= _measured(Path(home), history)
    if as_json:
        print(json.dumps(figures, indent=2))
        return
    for name, figure in figures.items():
        print(f"{name:<30} {figure:>10.3f}")


def _measured(home: Path, history: int) -> dict[str, float]:
    url = f"sqlite:///{home}/ledger.db"
    migrate(url)
    promotions, commits = [], []
    with Ledger(url, "live") as ledger, closing(_bare(home / "bare.db")) as bare:
        for number in range(1, history + TIMES + 1):
            ledger.remember_version(_version(number))
        for number in range(1, history + 1):
            _promote(ledger, number)
        for number in range(history + 1, history + TIMES + 1):
            promotions.append(_timed(lambda n=number: _promote(ledger, n)))
            commits.append(_timed(lambda n=number: _commit(bare, n)))
        assert ledger.verify(MODEL) == history + TIMES
    p50, p99 = (_quantile(promotions, percent) for percent in (50, 99))
    bare_p50 = _quantile(commits, 50)
    return {
        f"promote_p50_ms_after_{history}": p50,
        f"promote_p99_ms_after_{history}": p99,
        f"commit_p50_ms_after_{history}": bare_p50,
        f"ratio_p50_after_{history}": p50 / bare_p50,
    }


def _promote(ledger: Ledger, number: int) -> None:
    """Replace the version before; forced, because evidence is read and not weighed here."""
    ledger.promote(
        MODEL,
        _version(number),
        number - 1 or None,
        number - 1,
        f"promotion {number}",
        kind=PromotionKind.FORCED,
        evidence_sha256=None,
        actor="bench",
        reason="a benchmark",
        as_of=NIGHT,
        at=AT,
    )


def _version(number: int) -> ModelVersion:
    return ModelVersion(
        model=MODEL,
        version=number,
        run_id=f"run-{number}",
        model_uri=f"models:/m-{number}",
        artifact_sha256=f"{number:064x}",
        manifest_sha256=f"{number:064x}",
    )


def _bare(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE one (number INTEGER PRIMARY KEY, artifact TEXT)")
    return connection


def _commit(bare: sqlite3.Connection, number: int) -> None:
    bare.execute("BEGIN IMMEDIATE")
    bare.execute("INSERT INTO one VALUES (?, ?)", (number, f"{number:064x}"))
    bare.execute("COMMIT")


def _timed(work: Callable[[], None]) -> float:
    """Return milliseconds."""
    began = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - began)


def _quantile(milliseconds: list[float], percent: int) -> float:
    return statistics.quantiles(milliseconds, n=100, method="inclusive")[percent - 1]


if __name__ == "__main__":
    main()
