"""What batch scoring costs beside the bare model on a ready frame.

    python benchmarks/scoring.py [--rows N] [--json]

A champion of the simulated lender scores a file of applications, resampled and numbered anew, into
a Parquet file and the decision log; Parquet and CSV in. Bare is `model.score` on the same rows as a
frame of features that is there already. Each measurement is the best of three, and has a process of
its own whose peak memory is the kernel's figure. CPU seconds stand beside wall seconds, which on a
shared machine say more about its other guests.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

MODEL = "credit_risk"
AS_OF = date(2024, 8, 5)
TURNS = 3
REPOSITORY = Path(__file__).resolve().parent.parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--candidate", default="xgboost")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--part", choices=sorted(PARTS), help=argparse.SUPPRESS)
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.part:
        figures = PARTS[asked.part](asked)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps(figures | {"peak_mb": round(peak)}))
        return
    figures = measure(asked)
    if asked.json:
        print(json.dumps(figures, indent=2))
        return
    for name, figure in figures.items():
        shown = f"{figure:,.2f}" if isinstance(figure, float) else f"{figure:,}"
        print(f"{name:<28}{shown:>14}")


def measure(asked: argparse.Namespace) -> dict[str, Any]:
    """Run every part in a process of its own, over one home."""
    with tempfile.TemporaryDirectory() as home:
        asked.home = Path(home)
        _child(asked, "prepare")
        found: dict[str, Any] = {"rows": asked.rows, "threads": os.cpu_count() or 1}
        bare = _child(asked, "bare")
        found |= {f"bare_{name}": figure for name, figure in bare.items()}
        for part in ("parquet", "csv"):
            figures = _child(asked, part)
            found |= {f"{part}_{name}": figure for name, figure in figures.items()}
            found[f"{part}_rows_a_second"] = round(asked.rows / figures["wall_s"])
            found[f"{part}_cpu_us_a_row"] = figures["cpu_s"] / asked.rows * 1e6
            found[f"{part}_cpu_to_bare"] = figures["cpu_s"] / bare["cpu_s"]
        return found


def _child(asked: argparse.Namespace, part: str) -> dict[str, Any]:
    command = [sys.executable, __file__, "--part", part, "--home", str(asked.home)]
    command += ["--rows", str(asked.rows), "--candidate", asked.candidate]
    environment = os.environ | {"FINRISK_HOME": str(asked.home), "FINRISK_PICTURES": "false"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{part}: exit status {done.returncode}\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def _best(work: Callable[[], Any]) -> dict[str, float]:
    """Return the least wall and CPU seconds; one run before pays for imports."""
    work()
    found: dict[str, float] = {}
    for _ in range(TURNS):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        seconds = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
        found = {name: min(found.get(name, s), s) for name, s in seconds.items()}
    return {name: round(seconds, 3) for name, seconds in found.items()}


def prepare(asked: argparse.Namespace) -> dict[str, Any]:
    """Make a champion, and the files that it scores."""
    import numpy as np
    import pandas as pd

    from finrisk.config import load_settings
    from finrisk.pipelines.retrain import run_night
    from finrisk.pipelines.rooms import Rooms
    from finrisk.pipelines.simulation import land_simulated
    from finrisk.records import NightRequest
    from finrisk.setting_up import initialise

    conf = asked.home / "conf" / "models"
    conf.mkdir(parents=True)
    shutil.copy(REPOSITORY / "conf" / "models" / f"{MODEL}.yaml", conf)
    settings = load_settings()
    initialise(settings)
    land_simulated(settings, AS_OF, models=(MODEL,))
    request = NightRequest(MODEL, AS_OF, candidates=(asked.candidate,), actor="bench")
    night = run_night(request, Rooms.open(MODEL), tell=lambda _: None)
    assert night.challenger is not None, night.reasons
    landed = sorted((asked.home / "landing" / MODEL).glob("*.parquet"))
    every = pd.concat([pd.read_parquet(file) for file in landed], ignore_index=True)
    rng = np.random.default_rng(1)
    rows = every.iloc[rng.integers(0, len(every), asked.rows)].reset_index(drop=True)
    rows["application_id"] = [f"B-{n:09d}" for n in range(asked.rows)]
    rows["application_date"] = pd.Timestamp(AS_OF)
    rows.to_parquet(asked.home / "batch.parquet", index=False)
    rows.to_csv(asked.home / "batch.csv", index=False)
    return {}


def bare(asked: argparse.Namespace) -> dict[str, Any]:
    import pandas as pd

    from finrisk.features.derive import derive_features
    from finrisk.pipelines.decider import open_decider
    from finrisk.pipelines.rooms import Rooms

    rooms = Rooms.open(MODEL)
    model = open_decider(rooms).model
    features = derive_features(pd.read_parquet(asked.home / "batch.parquet"), rooms.spec)
    return _best(lambda: model.score(features))


def scored(asked: argparse.Namespace) -> dict[str, Any]:
    from finrisk.pipelines.rooms import Rooms
    from finrisk.pipelines.scoring import score_file

    rooms = Rooms.open(MODEL)

    def work() -> None:
        shutil.rmtree(rooms.settings.store / "decisions", ignore_errors=True)
        score_file(
            rooms,
            asked.home / f"batch.{asked.part}",
            output=asked.home / "scores.parquet",
        )

    return _best(work)


PARTS = {"prepare": prepare, "bare": bare, "parquet": scored, "csv": scored}


if __name__ == "__main__":
    main()
