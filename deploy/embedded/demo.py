"""``make demo``: seven decision dates of the simulated lender, through a real Airflow.

Sets up ``var/demo`` afresh, starts Airflow, lands each date's data, lets the scheduler run its
night, shows what was decided and why, and stops everything. Exit status 0 only if every night ran
and the story came true: a first promotion, a blocked night, a promotion that drift earned.
"""

from __future__ import annotations

import shutil
import signal
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from types import FrameType

from rich.table import Table

from deploy.embedded import processes, stack
from deploy.embedded.airflow_api import AirflowApi, AirflowApiError
from deploy.embedded.commands import finrisk, nights
from deploy.embedded.home import REPOSITORY, Home
from deploy.embedded.screen import Screen
from deploy.embedded.stack import Stack, StackError
from deploy.embedded.story import DAG_ID, MODEL, STORY, DecisionDate, broken_promises
from finrisk.pipelines.night_table import night_table
from finrisk.records import NightDecision

HOME = Home(REPOSITORY / "var" / "demo")
DAG_SECONDS = 90.0
NIGHT_SECONDS = 600.0
FAILED, BUSY, INTERRUPTED = 1, 2, 130


def main() -> int:
    """Run the demo and return its exit status."""
    signal.signal(signal.SIGTERM, _leave)
    screen = Screen()
    if busy := [running.name for running in processes.noted(HOME.run) if running.alive()]:
        screen.say(f"{', '.join(busy)} still run in {HOME.folder}; stop them: make down")
        return BUSY
    began = time.monotonic()
    try:
        _set_up(screen)
        _run_nights(screen)
        decided = nights(HOME, MODEL)
    except (StackError, AirflowApiError) as exc:
        screen.say(f"\nThe demo failed: {exc}\nTask logs are in {HOME.task_logs}")
        return FAILED
    except KeyboardInterrupt:
        screen.say("\nInterrupted; everything is stopped.")
        return INTERRUPTED
    return _report(screen, decided, time.monotonic() - began)


def _leave(_signal: int, _frame: FrameType | None) -> None:
    """Turn a termination into an ordinary way out, on which everything is stopped."""
    sys.exit(128 + signal.SIGTERM)


def _set_up(screen: Screen) -> None:
    shutil.rmtree(HOME.folder, ignore_errors=True)
    HOME.folder.mkdir(parents=True)
    HOME.secrets()
    with (
        screen.step("Setting up: databases, keys, the lender's history"),
        ThreadPoolExecutor(2) as at_once,
    ):
        airflow = at_once.submit(stack.migrate, HOME)
        finrisk(HOME, "init")
        finrisk(HOME, "simulate", "--to", str(STORY[0].as_of))
        airflow.result()


def _run_nights(screen: Screen) -> None:
    try:
        with screen.step(
            "Starting Airflow: api-server, scheduler, dag-processor, triggerer"
        ) as tell:
            airflow = stack.start(HOME, port=stack.free_port(), nightly=False)
            stack.wait_healthy(airflow, tell)
        with airflow.api() as api:
            api.wait_for_dag(DAG_ID, seconds=DAG_SECONDS)
            for number, night in enumerate(STORY, start=1):
                label = f"Night {number} of {len(STORY)}, as of {night.as_of}: {night.happens}"
                with screen.step(label) as tell:
                    _run_night(airflow, api, night, tell)
    finally:
        with stack.undisturbed(), screen.step("Stopping Airflow") as tell:
            stack.stop(HOME, tell)


def _run_night(airflow: Stack, api: AirflowApi, night: DecisionDate, tell: stack.Tell) -> None:
    def watch(now: str) -> None:
        airflow.check()  # a run would wait for a dead scheduler until the night's time is up
        tell(now)

    tell("data land")
    changes = ["--break-month", night.break_month] if night.break_month else []
    changes += ["--mend-month", night.mend_month] if night.mend_month else []
    finrisk(HOME, "simulate", "--to", str(night.as_of), *changes)
    conf = {"as_of": str(night.as_of), "look": "scheduled", "reason": night.happens}
    api.trigger(DAG_ID, night.run_id, conf)
    api.wait(DAG_ID, night.run_id, seconds=NIGHT_SECONDS, tell=watch)


def _report(screen: Screen, decided: Sequence[NightDecision], seconds: float) -> int:
    screen.console.print()
    screen.console.print(night_table(decided, f"What {MODEL} decided, night by night"))
    screen.say(
        "Δ AUC is challenger − champion on the same hold-out; a promotion needs z ≥ z needed,\n"
        "which the year's error budget sets. A blocked night trains nothing; the champion stays.\n"
    )
    screen.console.print(_where_next())
    minutes, rest = divmod(round(seconds), 60)
    broken = broken_promises(decided)
    for promise in broken:
        screen.say(f"did not come true: {promise}")
    screen.say(
        f"{'Failed' if broken else 'Done'} after {minutes} min {rest} s; nothing runs any more."
    )
    return FAILED if broken else 0


def _where_next() -> Table:
    shown = HOME.folder.relative_to(REPOSITORY)
    table = Table(title="Where to look next", title_justify="left", show_header=False, box=None)
    for look, what in (
        ("make up", "the Airflow and MLflow UIs over these nights"),
        (f"FINRISK_HOME={shown} .venv/bin/finrisk history {MODEL} --verify", "the ledger"),
        (f"FINRISK_HOME={shown} .venv/bin/finrisk as-of {MODEL} {STORY[-1].as_of}", "who decided"),
        (f"{shown}/store", "snapshots, evidence, Data Docs"),
        (f"{HOME.task_logs.relative_to(REPOSITORY)}", "the tasks' logs"),
        ("conf/models/credit_risk.yaml", "what this model is; a second one is a second file"),
    ):
        table.add_row(f"  {look}", what)
    return table


if __name__ == "__main__":
    sys.exit(main())
