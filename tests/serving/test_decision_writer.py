"""Every row that was answered reaches the log; what cannot be logged is not answered."""

from __future__ import annotations

import json
import threading
from collections import Counter
from datetime import UTC, date, datetime
from time import monotonic
from typing import Any

import numpy as np
import pytest

from finrisk.config import SHIPPED_CONF
from finrisk.data.decision_rows import DecidedBy, ScoredRows
from finrisk.errors import DiskFull
from finrisk.serving.decision_writer import Decided, DecisionWriter, scored_rows
from finrisk.serving.problems import Refused
from finrisk.serving.requests import RequestSchema
from finrisk.specs.loader import load_spec
from finrisk.specs.model_spec import ModelSpec

SPEC = load_spec(SHIPPED_CONF / "credit_risk.yaml")
SCHEMA = RequestSchema.of(SPEC, SPEC.feature_names)
AT = datetime(2026, 3, 1, tzinfo=UTC)


class FakeLog:
    """A log that may be full; it remembers the keys it took, and by whom."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.parts: list[tuple[int, int]] = []
        self.full = threading.Event()
        self.tries = threading.Semaphore(0)

    def append(
        self, spec: ModelSpec, by: DecidedBy, rows: ScoredRows, *, scored_at: datetime
    ) -> None:
        self.tries.release()
        if self.full.is_set():
            raise DiskFull("no room to write the part")
        self.ids += rows.ids.tolist()
        self.parts.append((by.version, len(rows.ids)))
        assert len(rows.scores) == len(rows.features) == len(rows.days) == len(rows.ids)


def decided(*ids: str | None, version: int = 1) -> Decided:
    rows = [{"id": key, "features": SCHEMA.example(AT.date())} for key in ids]
    for row in rows:
        if row["id"] is None:
            del row["id"]
    asked = SCHEMA.to_score(json.dumps({"rows": rows}).encode(), date(2026, 3, 1))
    by = DecidedBy("credit_risk", version, version, f"{version:064x}", 0.3)
    scores = np.full(len(ids), 0.5)
    return Decided(SCHEMA, by, SPEC.feature_names, asked, scores, ["decline"] * len(ids), AT)


def writer(log: FakeLog, **changes: Any) -> DecisionWriter:
    made = DecisionWriter(log, **({"flush_seconds": 0.01, "retry_seconds": 0.01} | changes))
    made.start()
    return made


def keep(made: DecisionWriter, one: Decided) -> None:
    made.promise(len(one.asked))
    made.keep(one)


def test_a_stop_writes_whatever_waits() -> None:
    log = FakeLog()
    made = writer(log, flush_seconds=3600.0)
    for number in range(50):
        keep(made, decided(f"A-{number}", None))

    assert made.stop() == 0

    assert len(log.ids) == len(set(log.ids)) == 100
    assert {f"A-{number}" for number in range(50)} < set(log.ids)
    assert log.parts == [(1, 100)]


def test_so_many_rows_do_not_wait_for_the_time() -> None:
    log = FakeLog()
    made = writer(log, flush_seconds=3600.0, flush_rows=3)

    for number in range(3):
        keep(made, decided(f"A-{number}"))

    assert log.tries.acquire(timeout=5.0)
    made.stop()
    assert Counter(log.ids) == Counter(["A-0", "A-1", "A-2"])


def test_rows_of_two_versions_are_two_parts() -> None:
    log = FakeLog()
    made = writer(log, flush_seconds=3600.0)
    for number in range(6):
        keep(made, decided(f"A-{number}", version=1 + number % 2))

    made.stop()

    assert sorted(log.parts) == [(1, 3), (2, 3)]


def test_while_the_log_cannot_be_written_nothing_is_promised_and_nothing_lost() -> None:
    log = FakeLog()
    log.full.set()
    made = writer(log)
    keep(made, decided("A-1"))
    for _ in range(3):  # the third try begins after the first has failed
        assert log.tries.acquire(timeout=5.0)

    with pytest.raises(Refused) as refused:
        made.promise(1)
    assert refused.value.status == 503
    assert made.trouble == "no room to write the part"

    log.full.clear()
    assert made.stop() == 0
    assert log.ids == ["A-1"]
    assert made.trouble is None


def test_what_waits_is_bounded() -> None:
    made = DecisionWriter(FakeLog(), most_waiting=3)  # never started: nothing is written
    keep(made, decided("A-1", "A-2"))
    made.promise(1)

    with pytest.raises(Refused) as refused:
        made.promise(1)
    assert refused.value.kind == "cannot-log"

    made.release(1)
    made.promise(1)


def test_a_stop_ends_and_says_what_was_lost(caplog: pytest.LogCaptureFixture) -> None:
    log = FakeLog()
    log.full.set()
    made = writer(log)
    keep(made, decided("A-1", "A-2"))

    assert made.stop(seconds=0.05) == 2

    assert "2 decisions were answered and could not be logged" in caplog.text
    assert "A-1" not in caplog.text


def test_a_write_that_is_tried_again_names_its_rows_as_before() -> None:
    log = FakeLog()
    one = decided(None, None)
    made = DecisionWriter(log, retry_seconds=0.01, flush_seconds=0.01)
    keep(made, one)
    (taken,) = tuple(made._waiting)

    assert scored_rows([taken]).ids.tolist() == scored_rows([taken]).ids.tolist()
    assert len(set(scored_rows([taken]).ids)) == 2


class Timed(threading.Condition):
    """A lock that knows how long it was held at most."""

    longest = 0.0

    def __enter__(self) -> bool:
        taken = super().__enter__()
        self.since = monotonic()
        return taken

    def __exit__(self, *raised: Any) -> None:
        self.longest = max(self.longest, monotonic() - self.since)
        super().__exit__(*raised)


@pytest.mark.parametrize("fails_at", [None, 2])
def test_what_is_written_leaves_the_queue_without_holding_requests_up(fails_at: int | None) -> None:
    class FullAt(FakeLog):
        def append(self, spec: ModelSpec, by: DecidedBy, rows: ScoredRows, **more: Any) -> None:
            if by.version == fails_at:
                self.full.set()
            super().append(spec, by, rows, **more)

    log = FullAt()
    made = DecisionWriter(log)  # never started: it is told below
    one, other = decided("A-1"), decided("A-2", version=2)
    for _ in range(20_000):
        keep(made, one)
        keep(made, other)
    made._change = Timed()

    assert made._write(tuple(made._waiting)) is (fails_at is None)

    assert made._change.longest < 0.5  # one by one it took seconds
    left = 0 if fails_at is None else 20_000
    assert (made.waiting, len(made._waiting), made.written) == (left, left, 40_000 - left)
    assert {waits.by.version for waits in made._waiting} <= {2}
