"""Run nights of one model through the embedded Airflow, over a FINRISK_HOME that is there already.

    python -m deploy.embedded.nights MODEL --home DIR [--conf DIR] [--scope NAME] DATE [DATE ...]

Each date is one Dag run of the model's retraining Dag, paid from the schedule, one after the other.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from deploy.embedded import stack
from deploy.embedded.commands import finrisk, nights
from deploy.embedded.home import Home
from deploy.embedded.screen import Screen
from finrisk.pipelines.night_table import night_table

DAG_SECONDS = 90.0
NIGHT_SECONDS = 3600.0


def main() -> int:
    """Run the nights and print what the ledger says of them."""
    asked = _arguments()
    home = Home(asked.home.resolve(), conf=str(asked.conf or ""), scope=asked.scope)
    screen, dag_id = Screen(), f"{asked.model}_retraining"
    with screen.step("Setting up"):
        home.secrets()
        stack.migrate(home)
        finrisk(home, "init")
    try:
        with screen.step("Starting Airflow") as tell:
            airflow = stack.start(home, port=stack.free_port(), nightly=False)
            stack.wait_healthy(airflow, tell)
        with airflow.api() as api:
            api.wait_for_dag(dag_id, seconds=DAG_SECONDS)
            for day in asked.dates:
                with screen.step(f"Night as of {day}") as tell:
                    conf = {"as_of": day, "look": "scheduled", "reason": "replay"}
                    api.trigger(dag_id, f"night_{day}", conf)
                    api.wait(dag_id, f"night_{day}", seconds=NIGHT_SECONDS, tell=tell)
    finally:
        with stack.undisturbed(), screen.step("Stopping Airflow") as tell:
            stack.stop(home, tell)
    decided = [night for night in nights(home, asked.model) if str(night.as_of) in asked.dates]
    screen.console.print(night_table(decided, f"{asked.model}, through Airflow"))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("dates", nargs="+", metavar="DATE")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--conf", type=lambda text: Path(text).resolve())
    parser.add_argument("--scope", default="")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
