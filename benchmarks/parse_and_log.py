"""What the platform costs: parsing the Dag file, logging one candidate.

    python benchmarks/parse_and_log.py [--json]

Dag parsing is CPU time beyond ``import airflow.sdk``, each time in a fresh interpreter. Logging is
wall time from a fitted candidate to a finished MLflow run with its signed model, on SQLite, after
imports: the median of five.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PARSE = """
import time, airflow.sdk
began = time.process_time()
import runpy, sys; sys.path.append("dags"); runpy.run_path("dags/retraining.py")
print(time.process_time() - began)
"""
TIMES = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    as_json = parser.parse_args().json
    with tempfile.TemporaryDirectory() as home:
        figures = {"dag_parse_cpu_s": _parse(), "log_candidate_s": _log(Path(home))}
    if as_json:
        print(json.dumps(figures, indent=2))
        return
    for name, figure in figures.items():
        print(f"{name:<24} {figure:>10.3f}")


def _parse() -> float:
    command = [sys.executable, "-c", PARSE]
    runs = [
        float(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)
        for _ in range(TIMES)
    ]
    return statistics.median(runs)


def _log(home: Path) -> float:
    """Fit once on a small simulated lender, then log the same candidate under five keys."""
    from finrisk.config import Settings
    from finrisk.data.simulated_delivery import land
    from finrisk.data.simulated_lender import SimulatedLender
    from finrisk.models.trainer import fit_candidate
    from finrisk.pipelines import steps
    from finrisk.pipelines.rooms import Rooms
    from finrisk.pipelines.training import as_log
    from finrisk.records import NightRequest
    from finrisk.setting_up import initialise
    from finrisk.tracking.manifest import Provenance

    settings = Settings(home=home)
    initialise(settings)
    rooms = Rooms.open("credit_risk", settings)
    as_of = date(2024, 8, 5)
    land(SimulatedLender(), rooms.spec, home, as_of)
    prepared = steps.prepare(NightRequest("credit_risk", as_of), rooms)
    assert prepared.snapshot is not None
    assert prepared.run_id is not None
    development = rooms.snapshots.development(prepared.snapshot.sha256)
    candidate = rooms.spec.candidate("xgboost")
    fitted = fit_candidate(development, rooms.spec, candidate, threads=1)
    provenance = Provenance(
        model="credit_risk",
        model_type="credit_risk",
        candidate="xgboost",
        as_of=as_of,
        run_key="",
        training_window=prepared.snapshot.development,
        snapshot_sha256=prepared.snapshot.sha256,
        spec_sha256=rooms.spec.sha256,
        seed=1,
        feature_definitions={},
    )
    seconds = []
    for n in range(TIMES):
        log = as_log(fitted, replace(provenance, run_key=f"bench-{n}"), rooms)
        began = time.perf_counter()
        rooms.tracker.log_candidate(prepared.run_id, log)
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


if __name__ == "__main__":
    main()
