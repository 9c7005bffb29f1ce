"""What Airflow adds to a night: the demo's first nights through the scheduler and in process.

    python benchmarks/airflow_night.py [--nights 3] [--json]

The same nights of the simulated lender run once through the embedded Airflow, each Dag run timed
from its trigger to its end, and once step by step in this process, imports done. The difference is
what Airflow costs: scheduling, task processes and their imports, less what runs side by side.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import time
from pathlib import Path

from deploy.embedded import stack
from deploy.embedded.commands import finrisk
from deploy.embedded.home import Home
from deploy.embedded.story import DAG_ID, STORY

READY = tuple(night for night in STORY if not night.break_month)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nights", type=int, default=3, choices=range(1, len(READY) + 1))
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    nights = READY[: arguments.nights]
    with tempfile.TemporaryDirectory() as folder:
        under_airflow = _under_airflow(Home(Path(folder) / "airflow"), nights)
        in_process = _in_process(Path(folder) / "process", nights)
    figures = [
        {"as_of": str(night.as_of), "airflow_s": a, "in_process_s": b, "on_top_s": a - b}
        for night, a, b in zip(nights, under_airflow, in_process, strict=True)
    ]
    if arguments.json:
        print(json.dumps(figures, indent=2))
        return
    for figure in figures:
        print(
            "  ".join(
                f"{k} {v:.1f}" if isinstance(v, float) else f"{k} {v}" for k, v in figure.items()
            )
        )


def _under_airflow(home: Home, nights: tuple) -> list[float]:
    home.folder.mkdir(parents=True)
    home.secrets()
    stack.migrate(home)
    finrisk(home, "init")
    seconds = []
    try:
        airflow = stack.start(home, port=stack.free_port(), nightly=False)
        stack.wait_healthy(airflow, lambda _: None)
        with airflow.api() as api:
            api.wait_for_dag(DAG_ID, seconds=90.0)
            for night in nights:
                finrisk(home, "simulate", "--to", str(night.as_of))
                began = time.perf_counter()
                conf = {"as_of": str(night.as_of), "look": "scheduled", "reason": "benchmark"}
                api.trigger(DAG_ID, night.run_id, conf)
                api.wait(DAG_ID, night.run_id, seconds=600.0, tell=lambda _: None)
                seconds.append(time.perf_counter() - began)
    finally:
        stack.stop(home, lambda _: None)
    shutil.rmtree(home.folder)
    return seconds


def _in_process(home: Path, nights: tuple) -> list[float]:
    os.environ |= {"FINRISK_HOME": str(home), "OMP_WAIT_POLICY": "PASSIVE"}
    from finrisk.config import load_settings
    from finrisk.data import gx_adapter  # noqa: F401 - its import is not the night's
    from finrisk.pipelines.retrain import run_night
    from finrisk.pipelines.rooms import Rooms
    from finrisk.pipelines.simulation import land_simulated
    from finrisk.records import NightRequest
    from finrisk.setting_up import initialise

    settings = load_settings()
    initialise(settings)
    rooms = Rooms.open("credit_risk", settings)
    seconds = []
    for night in nights:
        land_simulated(settings, night.as_of)
        began = time.perf_counter()
        run_night(NightRequest("credit_risk", night.as_of), rooms, tell=lambda _: None)
        seconds.append(time.perf_counter() - began)
    return seconds


if __name__ == "__main__":
    main()
