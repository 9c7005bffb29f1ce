"""What features over time cost: against one bare DuckDB query, a night alone, and out of core.

    python benchmarks/features.py --data fdh_simulated_raw.parquet [--rows20m] [--json]

The file is the Fraud Detection Handbook's simulated transactions. Each measurement has a process of
its own, whose peak memory is the kernel's figure for it; CPU seconds stand beside wall seconds,
which on a shared machine say more about its other guests. Bare is the query as one would write it:
the file read straight, windows of intervals, labels summed over the shifted window, no types
checked, no late reports. A night is one new day of rows in memory with the days that its
windows look back on; day 180 and day 40 tell whether it costs more later. The 20 million rows are
200 daily files of 100,000.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

FIRST, LAST = date(2018, 4, 1), date(2018, 9, 30)
LENGTHS = (1, 7, 30)
NIGHTS = (40, 180)
DAYS, ROWS_A_DAY = 200, 100_000
CUSTOMERS, TERMINALS = 250_000, 50_000
TURNS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="fdh_simulated_raw.parquet")
    parser.add_argument("--rows20m", action="store_true", help="also 20 million rows; minutes")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
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
    """Run every part in a process of its own, the first two in turns."""
    with tempfile.TemporaryDirectory() as home:
        asked.home = Path(home)
        turns = [(_child(asked, "bare"), _child(asked, "shipped")) for _ in range(TURNS)]
        bare, shipped = (min(part, key=lambda f: f["cpu_s"]) for part in zip(*turns, strict=True))
        night = _child(asked, "nights")
        found = {f"bare_{k}": v for k, v in bare.items()}
        found |= {f"shipped_{k}": v for k, v in shipped.items()}
        found["cpu_ratio"] = shipped["cpu_s"] / bare["cpu_s"]
        walls = [min(figures["wall_s"] for figures in part) for part in zip(*turns, strict=True)]
        found["wall_ratio"] = walls[1] / walls[0]
        found |= night
        found["day_180_to_day_40"] = night["day_180_cpu_s"] / night["day_40_cpu_s"]
        if asked.rows20m:
            found |= {f"rows20m_{k}": v for k, v in _child(asked, "rows20m").items()}
    return found


def _child(asked: argparse.Namespace, part: str) -> dict[str, Any]:
    command = [sys.executable, __file__, "--data", str(asked.data), "--part", part]
    command += ["--home", str(asked.home), "--threads", str(asked.threads)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def _timed(work: Callable[[], Any]) -> tuple[dict[str, float], Any]:
    wall, cpu = time.perf_counter(), time.process_time()
    found = work()
    seconds = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
    return {k: round(v, 3) for k, v in seconds.items()}, found


def bare(asked: argparse.Namespace) -> dict[str, Any]:
    import duckdb

    customer = "PARTITION BY CUSTOMER_ID ORDER BY TX_DATETIME RANGE BETWEEN INTERVAL {n} DAY "
    customer += "PRECEDING AND CURRENT ROW"
    terminal = "PARTITION BY TERMINAL_ID ORDER BY TX_DATETIME RANGE BETWEEN INTERVAL {m} DAY "
    terminal += "PRECEDING AND INTERVAL 7 DAY PRECEDING"
    columns = [
        "TRANSACTION_ID",
        "TX_DATETIME",
        "CAST(isodow(TX_DATETIME) >= 6 AS DOUBLE) AS weekend",
        "CAST(hour(TX_DATETIME) <= 6 AS DOUBLE) AS night",
    ]
    for n in LENGTHS:
        c, t = customer.format(n=n), terminal.format(m=n + 7)
        columns += [
            f"count(*) OVER ({c}) AS customer_count_{n}d",
            f"avg(TX_AMOUNT) OVER ({c}) AS customer_mean_{n}d",
            f"count(*) OVER ({t}) AS terminal_count_{n}d",
            f"coalesce(sum(TX_FRAUD) OVER ({t}) / count(*) OVER ({t}), 0) "
            f"AS terminal_bad_share_{n}d",
        ]
    connection = duckdb.connect()
    connection.execute(f"SET threads = {asked.threads}; SET preserve_insertion_order = false")
    out = asked.home / "bare.parquet"
    query = f"COPY (SELECT {', '.join(columns)} FROM '{asked.data}') TO '{out}' (FORMAT parquet)"  # noqa: S608
    return _timed(lambda: connection.execute(query))[0]


def shipped(asked: argparse.Namespace) -> dict[str, Any]:
    from finrisk.pipelines.feature_building import build_features

    spec, out = handbook_spec(asked.data.name), asked.home / "shipped.parquet"
    seconds, built = _timed(
        lambda: build_features(
            spec, asked.data.resolve().parent, FIRST, LAST, out, threads=asked.threads
        )
    )
    return seconds | {"rows": built.rows}


def nights(asked: argparse.Namespace) -> dict[str, Any]:
    """Serve one new day from rows in memory, all earlier days being stored."""
    import numpy as np
    import pandas as pd

    from finrisk.features.store import FeatureStore, served_features

    spec = handbook_spec(asked.data.name)
    table = pd.read_parquet(asked.data)
    bad = table["TX_FRAUD"] == 1
    rows = pd.DataFrame(
        {
            "_row_id": table["TRANSACTION_ID"].astype("str"),
            "TX_DATETIME": table["TX_DATETIME"].astype("datetime64[us]"),
            "CUSTOMER_ID": table["CUSTOMER_ID"].astype("str"),
            "TERMINAL_ID": table["TERMINAL_ID"].astype("str"),
            "TX_AMOUNT": table["TX_AMOUNT"],
            "_bad_on": table["TX_DATETIME"].dt.normalize().where(bad).astype("datetime64[us]"),
        }
    )
    found: dict[str, Any] = {}
    for turn in range(TURNS + 1):
        for number in NIGHTS:
            day = FIRST + timedelta(days=number)
            since = np.datetime64(day - timedelta(days=spec.look_back_days))
            times = rows["TX_DATETIME"]
            past = rows[(times >= since) & (times < np.datetime64(day) + 1)]
            store = FeatureStore(asked.home / f"store-{turn}-{number}")
            seconds, served = _timed(
                lambda past=past, day=day, store=store: served_features(
                    past, spec, [day], store, asked.threads
                )
            )
            if turn == 0:  # the first pays for imports
                continue
            for name, figure in seconds.items():
                key = f"day_{number}_{name}"
                found[key] = min(found.get(key, figure), figure)
            found[f"day_{number}_rows"] = len(served)
    return found


def rows20m(asked: argparse.Namespace) -> dict[str, Any]:
    from finrisk.pipelines.feature_building import build_features

    folder = asked.home / "transactions"
    generating, _ = _timed(lambda: deliver(folder))
    spec = handbook_spec("transactions", partition="day")
    last = FIRST + timedelta(days=DAYS - 1)
    out = asked.home / "rows20m.parquet"
    seconds, built = _timed(
        lambda: build_features(
            spec, asked.home, FIRST, last, out, threads=asked.threads, memory_mb=1024
        )
    )
    return seconds | {"rows": built.rows, "generating_s": generating["wall_s"]}


def deliver(folder: Path) -> None:
    """Write daily files of transactions: customers and terminals of unlike activity, 0.8 % bad."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir()
    rng = np.random.default_rng(11)
    for number in range(DAYS):
        day = FIRST + timedelta(days=number)
        seconds = np.sort(rng.integers(0, 86_400_000_000, ROWS_A_DAY))
        customers = (CUSTOMERS * rng.random(ROWS_A_DAY) ** 1.5).astype("int32")
        terminals = (TERMINALS * rng.random(ROWS_A_DAY) ** 2).astype("int32")
        columns = {
            "TRANSACTION_ID": np.arange(ROWS_A_DAY, dtype="int64") + number * ROWS_A_DAY,
            "TX_DATETIME": np.datetime64(day, "us") + seconds.astype("timedelta64[us]"),
            "CUSTOMER_ID": customers,
            "TERMINAL_ID": terminals,
            "TX_AMOUNT": np.round(rng.gamma(2.0, 25.0, ROWS_A_DAY), 2),
            "TX_FRAUD": (rng.random(ROWS_A_DAY) < 0.008).astype("int16"),
        }
        pq.write_table(pa.table(columns), folder / f"{day}.parquet")


def handbook_spec(path: str, partition: str = "any") -> Any:
    from finrisk.specs.model_spec import ModelSpec

    windows = [
        {"name": "customer", "entity": "CUSTOMER_ID", "days": LENGTHS, "mean": "TX_AMOUNT"},
        {
            "name": "terminal",
            "entity": "TERMINAL_ID",
            "days": LENGTHS,
            "shift_days": 7,
            "bad_share": True,
        },
    ]
    return ModelSpec.model_validate(
        {
            "name": "handbook",
            "title": "Handbook",
            "owner": "bench",
            "model_type": "fraud_detection",
            "registered_name": "handbook",
            "source": {"path": path, "partition": partition},
            "row_key": "TRANSACTION_ID",
            "time": {"column": "TX_DATETIME", "vintage": "day"},
            "columns": {
                "TRANSACTION_ID": {"type": "text"},
                "TX_DATETIME": {"type": "moment"},
                "CUSTOMER_ID": {"type": "text"},
                "TERMINAL_ID": {"type": "text"},
                "TX_AMOUNT": {"type": "number"},
                "TX_FRAUD": {"type": "integer"},
            },
            "label": {
                "rule": {"kind": "column", "column": "TX_FRAUD"},
                "reporting_lag_days": 7,
            },
            "features": [
                {"name": "weekend", "weekend": "TX_DATETIME"},
                {"name": "night", "hours": [0, 6], "of": "TX_DATETIME"},
            ],
            "windows": windows,
            "candidates": [{"name": "lr", "algorithm": "logistic_regression"}],
            "training": {"max_vintages": 28},
            "gate": {"alerts": {"per_day": 100}, "holdout": {"embargo_days": 7}},
        }
    )


PARTS = {"bare": bare, "shipped": shipped, "nights": nights, "rows20m": rows20m}


if __name__ == "__main__":
    main()
