"""``make demo``: decision dates of the simulated cards and of the simulated lender, by Airflow.

Sets up ``var/demo`` afresh, starts Airflow, lands each date's data, lets the scheduler run its
night, shows what was decided and why, and stops everything. The last night is none of the schedule:
the champion's decisions are watched, and an alarm asks for it. Exit status 0 only if every night
ran and both stories came true: a first promotion, a blocked night, a promotion that drift earned.
"""

from __future__ import annotations

import shutil
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from types import FrameType

from rich.table import Table

from deploy.embedded import processes, stack
from deploy.embedded.airflow_api import AirflowApi, AirflowApiError
from deploy.embedded.commands import alerts, finrisk, nights
from deploy.embedded.home import REPOSITORY, Home
from deploy.embedded.screen import Screen
from deploy.embedded.stack import Stack, StackError
from deploy.embedded.story import (
    CREDIT,
    FRAUD,
    SCORED_LAST,
    STORIES,
    DecisionDate,
    broken_promises,
)
from finrisk.pipelines.night_table import night_table
from finrisk.records import NightDecision

HOME = Home(REPOSITORY / "var" / "demo")
DAG_SECONDS = 90.0
NIGHT_SECONDS = 600.0
DRAINER = "finrisk_reruns"
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
        decided = {model: nights(HOME, model) for model in STORIES}
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
        screen.step("Setting up: databases, keys, the histories of loans and cards"),
        ThreadPoolExecutor(2) as at_once,
    ):
        airflow = at_once.submit(stack.migrate, HOME)
        finrisk(HOME, "init")
        for story in STORIES.values():
            finrisk(HOME, "simulate", *story[0].landing)
        airflow.result()


def _run_nights(screen: Screen) -> None:
    try:
        with screen.step(
            "Starting Airflow: api-server, scheduler, dag-processor, triggerer"
        ) as tell:
            airflow = stack.start(HOME, port=stack.free_port(), nightly=False)
            stack.wait_healthy(airflow, tell)
        with airflow.api() as api:
            for model, story in STORIES.items():
                api.wait_for_dag(story[0].dag_id, seconds=DAG_SECONDS)
                for number, night in enumerate(story, start=1):
                    of = f"{model}, night {number} of {len(story)}, as of {night.as_of}"
                    with screen.step(f"{of}: {night.happens}") as tell:
                        _run_night(airflow, api, night, tell)
                if model == FRAUD:
                    with screen.step("its champion decides what landed last, for the log") as tell:
                        _score(api, model, *SCORED_LAST, tell)
    finally:
        with stack.undisturbed(), screen.step("Stopping Airflow") as tell:
            stack.stop(HOME, tell)


def _run_night(airflow: Stack, api: AirflowApi, night: DecisionDate, tell: stack.Tell) -> None:
    def watch(now: str) -> None:
        airflow.check()  # a run would wait for a dead scheduler until the night's time is up
        tell(now)

    tell("data land")
    finrisk(HOME, "simulate", *night.landing)
    if night.watched is not None:
        _run_asked_night(api, night, *night.watched, watch)
        return
    conf = {"as_of": str(night.as_of), "look": "scheduled", "reason": night.happens}
    _run(api, night.dag_id, night.run_id, conf, watch)


def _run_asked_night(
    api: AirflowApi, night: DecisionDate, first: date, last: date, tell: stack.Tell
) -> None:
    """Let the champion decide, read how that ended, and start the night that an alarm asks for."""
    model, about = night.model, f"watched_{night.as_of}"
    _score(api, model, first, last, tell)
    _run(api, f"{model}_monitoring", about, {"as_of": str(night.as_of)}, tell)
    asked = [rerun for rerun in alerts(HOME, model) if rerun.run_id is not None]
    if not asked:
        raise StackError(f"no alarm of {model} asked for the night as of {night.as_of}")
    _run(api, DRAINER, about, {}, tell)
    for rerun in asked:
        api.wait(night.dag_id, str(rerun.run_id), seconds=NIGHT_SECONDS, tell=tell)


def _score(api: AirflowApi, model: str, first: date, last: date, tell: stack.Tell) -> None:
    conf = {"from_day": str(first), "to_day": str(last)}
    _run(api, f"{model}_scoring", f"days_to_{last}", conf, tell)


def _run(
    api: AirflowApi, dag_id: str, run_id: str, conf: Mapping[str, str], tell: stack.Tell
) -> None:
    api.wait_for_dag(dag_id, seconds=DAG_SECONDS)
    api.trigger(dag_id, run_id, conf)
    api.wait(dag_id, run_id, seconds=NIGHT_SECONDS, tell=tell)


def _report(screen: Screen, decided: Mapping[str, Sequence[NightDecision]], seconds: float) -> int:
    for model, decisions in decided.items():
        screen.console.print()
        screen.console.print(night_table(decisions, f"What {model} decided, night by night"))
    screen.say(
        "Δ is challenger − champion on the same hold-out; a promotion needs z ≥ z needed, which\n"
        "the year's error budget sets. A blocked night trains nothing; the champion stays.\n"
    )
    for rerun in alerts(HOME, CREDIT):
        screen.say(
            f"{rerun.alert} asked for {rerun.run_id}, as of {rerun.as_of}:\n{rerun.reason}\n"
        )
    screen.console.print(_where_next())
    minutes, rest = divmod(round(seconds), 60)
    broken = [p for model in decided for p in broken_promises(model, decided[model])]
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
        (f"FINRISK_HOME={shown} .venv/bin/finrisk history {CREDIT} --verify", "the ledger"),
        (
            f"FINRISK_HOME={shown} .venv/bin/finrisk monitor {FRAUD} "
            f"--as-of {STORIES[FRAUD][-1].as_of} --tell-only",
            "how it does",
        ),
        (
            f"FINRISK_HOME={shown} .venv/bin/finrisk as-of {CREDIT} {STORIES[CREDIT][-1].as_of}",
            "who decided",
        ),
        (f"{shown}/store", "snapshots, evidence, Data Docs; decisions, under decisions/"),
        (f"{HOME.task_logs.relative_to(REPOSITORY)}", "the tasks' logs"),
        ("conf/models/", "what the models are; a third one is a third file"),
    ):
        table.add_row(f"  {look}", what)
    return table


if __name__ == "__main__":
    sys.exit(main())
