"""`make soak`: thousands of seeded schedules; the first that breaks an invariant is printed whole.

``python -m tests.faults.soak --seed 4711`` replays one schedule, act by act.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from finrisk.ledger.migrate import migrate
from tests.faults.invariants import Violation
from tests.faults.simulation import play

AT_ONCE = 50
IN_MEMORY = Path("/dev/shm")  # noqa: S108  # what is waited for is the code, not the disk


@contextmanager
def template() -> Iterator[Path]:
    """Give an empty ledger, migrated once, in a folder that is deleted afterwards."""
    place = IN_MEMORY if IN_MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="finrisk-soak-", dir=place) as folder:
        database = Path(folder) / "template.db"
        migrate(f"sqlite:///{database}")
        yield database


def some(seeds: range, database: Path) -> tuple[Counter[str], str | None]:
    """Play some schedules; count what happened, and stop at the first violation."""
    counted: Counter[str] = Counter()
    for seed in seeds:
        try:
            trace = play(seed, database.parent, database)
        except Violation as exc:
            return counted, str(exc)
        counted["schedules"] += 1
        counted["acts"] += sum(":" not in line and "paused" not in line for line in trace)
        counted["kills"] += sum(": killed at" in line for line in trace)
        counted["pauses"] += sum("paused at" in line for line in trace)
        counted["refusals"] += sum(": " in line and "killed at" not in line for line in trace)
    return counted, None


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--seed", type=int, help="replay this schedule alone, and print its acts")
    asked.add_argument("--schedules", type=int, default=10_000)
    asked.add_argument("--first", type=int, default=0, help="the first seed")
    asked.add_argument("--processes", type=int, default=2)
    told = asked.parse_args()
    with template() as database:
        if told.seed is not None:
            return replay(told.seed, database)
        return soak(range(told.first, told.first + told.schedules), told.processes, database)


def replay(seed: int, database: Path) -> int:
    try:
        sys.stdout.write("\n".join(play(seed, database.parent, database)) + "\nno violation\n")
    except Violation as exc:
        sys.stdout.write(f"{exc}\n")
        return 1
    return 0


def soak(seeds: range, processes: int, database: Path) -> int:
    began, total = time.monotonic(), Counter[str]()
    parts = [seeds[start : start + AT_ONCE] for start in range(0, len(seeds), AT_ONCE)]
    with ProcessPoolExecutor(processes) as pool:
        for counted, violation in pool.map(some, parts, [database] * len(parts)):
            total += counted
            if violation is not None:
                pool.shutdown(wait=False, cancel_futures=True)
                sys.stdout.write(
                    f"{violation}\nreplay: make soak SEED={violation.split()[1][:-1]}\n"
                )
                return 1
            sys.stderr.write(f"\r{total['schedules']} of {len(seeds)} schedules")
    seconds = time.monotonic() - began
    figures = ", ".join(f"{total[what]:,} {what}" for what in sorted(total, reverse=True))
    sys.stdout.write(f"\n{figures}: 0 violations in {seconds:.0f} s\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
