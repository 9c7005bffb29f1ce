"""`finrisk serve` beside `mlflow models serve`: one model, machine, client and load, in turn.

    python benchmarks/serving.py [--json] [--seconds 4] [--rounds 3]

Trains an XGBoost champion of 150 trees and a second version on a small simulated lender, starts
both servers, and asks them in turn. Then: 1000-row batches, and promotion and rollback under 200
requests a second.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
os.environ.update(ONE_THREAD)

import httpx  # noqa: E402
import yaml  # noqa: E402

from finrisk.config import SHIPPED_CONF, Settings  # noqa: E402
from finrisk.data.simulated_delivery import land  # noqa: E402
from finrisk.data.simulated_lender import SimulatedLender  # noqa: E402
from finrisk.ledger.store import Ledger  # noqa: E402
from finrisk.pipelines import steps  # noqa: E402
from finrisk.pipelines.rooms import Rooms  # noqa: E402
from finrisk.records import NightRequest, PromotionKind  # noqa: E402
from finrisk.serving.api_keys import add_key  # noqa: E402
from finrisk.setting_up import initialise  # noqa: E402

MODEL, AS_OF = "credit_risk", date(2024, 8, 5)
AT = datetime(2024, 8, 5, tzinfo=UTC)
CLIENTS = (1, 4)
BATCH = 1000
RATE, SWAP_SECONDS = 200, 4.0
START_SECONDS = 300.0
Measured = Callable[[Path, float, int], dict[str, float]]


@dataclass
class Load:
    """What one load saw: seconds of each answer, and what was no 200."""

    seconds: list[float] = field(default_factory=list)
    failed: list[bytes] = field(default_factory=list)
    lasted: float = 0.0

    @property
    def rate(self) -> float:
        return len(self.seconds) / self.lasted

    def quantile(self, percent: int) -> float:
        return 1000.0 * sorted(self.seconds)[int(len(self.seconds) * percent / 100)]


def told(measured: Measured, about: str, *, seconds: float) -> None:
    """Read the arguments, measure, and print a figure a line."""
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seconds", type=float, default=seconds)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        figures = measured(Path(home), asked.seconds, asked.rounds)
    if asked.json:
        print(json.dumps(figures, indent=2))
        return
    for name, figure in figures.items():
        print(f"{name:<42} {figure:>12.3f}")


def _measured(home: Path, seconds: float, rounds: int) -> dict[str, float]:
    rooms = _world(home)
    row, ready = _one_row(rooms)
    key, _ = add_key(rooms.settings.keys, "bench", tenant="live", at=AT, rate=1e9, burst=10**9)
    figures = _in_process(rooms, row)
    version = rooms.ledger.version(MODEL, 1)
    assert version is not None
    with _mlflow(rooms.settings, version.model_uri) as theirs, _finrisk(rooms.settings) as ours:
        head = f"Authorization: Bearer {key}\r\n"
        path = f"/v1/models/{MODEL}/score"
        columns, cells = list(ready), [list(ready.values())]
        split = {"dataframe_split": {"columns": columns, "data": cells}}
        asks = {
            "mlflow": (theirs, _request("/invocations", split)),
            "finrisk": (ours, _request(path, {"rows": [{"features": row}]}, head)),
            "reasons": (
                ours,
                _request(path, {"rows": [{"features": row}], "explain": True}, head),
            ),
        }
        for clients in CLIENTS:
            figures |= _in_turn(asks, clients, seconds, rounds)
        batch = _request(path, {"rows": [{"features": row}] * BATCH}, head)
        figures["batch_rows_a_second_by_http"] = BATCH * _loaded(ours, batch, 2, seconds).rate
        figures |= _swaps(rooms, ours, asks["finrisk"][1])
    return figures


def _in_turn(
    asks: dict[str, tuple[int, bytes]], clients: int, seconds: float, rounds: int
) -> dict[str, float]:
    seen: dict[str, list[Load]] = {name: [] for name in asks}
    for _ in range(rounds):
        for name, (port, request) in asks.items():
            load = _loaded(port, request, clients, seconds)
            assert not load.failed, (name, load.failed[:1])
            seen[name].append(load)
    figures = {}
    for name, loads in seen.items():
        told = f"{name}_{clients}_clients"
        figures[f"{told}_a_second"] = statistics.median(load.rate for load in loads)
        for percent in (50, 99):
            middle = statistics.median(load.quantile(percent) for load in loads)
            figures[f"{told}_p{percent}_ms"] = middle
    theirs = f"mlflow_{clients}_clients"
    for name in ("finrisk", "reasons"):
        told = f"{name}_{clients}_clients"
        rate = figures[f"{told}_a_second"] / figures[f"{theirs}_a_second"]
        figures[f"{told}_times_mlflows_rate"] = rate
        slowest = figures[f"{told}_p99_ms"] / figures[f"{theirs}_p99_ms"]
        figures[f"{told}_p99_over_mlflows"] = slowest
    return figures


def _swaps(rooms: Rooms, port: int, request: bytes) -> dict[str, float]:
    """Ask 200 times a second, open loop: without a swap, and while one follows the other."""
    quiet = asyncio.run(_paced(port, request, 3 * SWAP_SECONDS))
    changing = threading.Thread(target=_promote_and_back, args=(rooms,))
    changing.start()
    swapped = asyncio.run(_paced(port, request, 3 * SWAP_SECONDS))
    changing.join()
    ready = httpx.get(f"http://127.0.0.1:{port}/readyz").json()
    assert ready["models"][MODEL]["epoch"] == 3, ready
    return {
        "swap_requests": float(len(swapped.seconds)),
        "swap_failed": float(len(swapped.failed) + len(quiet.failed)),
        "swap_p99_ms": swapped.quantile(99),
        "no_swap_p99_ms": quiet.quantile(99),
        "swap_p99_ratio": swapped.quantile(99) / quiet.quantile(99),
    }


def _promote_and_back(rooms: Rooms) -> None:
    for number, (version, epoch) in ((2, (1, 1)), (1, (2, 2))):
        time.sleep(SWAP_SECONDS)
        with Ledger.open(rooms.settings) as ledger:
            new = ledger.version(MODEL, number)
            assert new is not None
            ledger.promote(
                MODEL,
                new,
                version,
                epoch,
                f"bench {epoch}",
                kind=PromotionKind.FORCED,
                evidence_sha256=None,
                actor="bench",
                reason="bench",
                as_of=None,
                at=AT,
            )


def _in_process(rooms: Rooms, row: dict[str, Any]) -> dict[str, float]:
    """Time the scoring path of a batch: typed cells to decisions, and JSON to decisions."""
    from finrisk.serving.remembered import Pointer
    from finrisk.serving.seated import ChampionSeats

    version = rooms.ledger.version(MODEL, 1)
    assert version is not None
    seated = ChampionSeats(rooms.settings).load(MODEL, Pointer(version, 1), AT)
    assert seated.scorer.is_compiled
    cells = [dict(row) for _ in range(BATCH)]
    body = json.dumps({"rows": [{"features": one} for one in cells]}).encode()

    def typed() -> None:
        seated.decisions(seated.score(seated.schema.derivation.features(cells)))

    def whole() -> None:
        seated.decisions(seated.score(seated.schema.to_score(body, AS_OF).features))

    return {
        "batch_rows_a_second_typed": BATCH / _median_seconds(typed),
        "batch_rows_a_second_from_json": BATCH / _median_seconds(whole),
    }


def _median_seconds(work: Any, times: int = 30) -> float:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def _request(path: str, document: Any, head: str = "") -> bytes:
    body = json.dumps(document).encode()
    return (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n{head}\r\n"
    ).encode() + body


def _loaded(port: int, request: bytes, clients: int, seconds: float) -> Load:
    """Ask by some clients, each as soon as it has its answer."""
    return asyncio.run(_closed_loop(port, request, clients, seconds))


async def _closed_loop(port: int, request: bytes, clients: int, seconds: float) -> Load:
    load = Load()
    began = time.perf_counter()

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.perf_counter() - began < seconds:
            await _once(reader, writer, request, load, time.perf_counter())
        writer.close()

    await asyncio.gather(*(client() for _ in range(clients)))
    load.lasted = time.perf_counter() - began
    return load


async def _paced(port: int, request: bytes, seconds: float) -> Load:
    """Ask at a rate, whatever comes back; an answer's time begins when it was due."""
    load, count = Load(), int(RATE * seconds)
    began = time.perf_counter() + 0.1
    due = iter(range(count))

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for number in due:
            at = began + number / RATE
            await asyncio.sleep(max(0.0, at - time.perf_counter()))
            await _once(reader, writer, request, load, at)
        writer.close()

    await asyncio.gather(*(client() for _ in range(32)))
    load.lasted = seconds
    return load


async def _once(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    request: bytes,
    load: Load,
    began: float,
) -> None:
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    await reader.readexactly(length)
    load.seconds.append(time.perf_counter() - began)
    if b" 200 " not in head[:15]:
        load.failed.append(head)


def _world(home: Path) -> Rooms:
    """Train two versions on a small lender; the first is champion."""
    document = yaml.safe_load((SHIPPED_CONF / f"{MODEL}.yaml").read_text())
    boosted = {"algorithm": "xgboost", "parameters": {"n_estimators": 150, "max_depth": 4}}
    slower = {"algorithm": "xgboost", "parameters": {"n_estimators": 150, "max_depth": 3}}
    document["candidates"] = [{"name": "first", **boosted}, {"name": "second", **slower}]
    document["training"] |= {"max_vintages": 8, "search": {"folds": 2}}
    document["gate"]["holdout"] |= {"target_bads": 120, "min_bads": 100}
    document["gate"]["floors"] = {"auc": 0.5, "ks": 0.01}
    document["gate"]["guards"]["replicates"] = 200
    conf = home / "conf" / "models"
    conf.mkdir(parents=True)
    (conf / f"{MODEL}.yaml").write_text(yaml.safe_dump(document))
    settings = Settings(home=home, threads=1, pictures=False)
    initialise(settings)
    rooms = Rooms.open(MODEL, settings)
    lender = SimulatedLender(seed=5, applications_per_month=1000, drift_month=None)
    land(lender, rooms.spec, home, AS_OF)
    prepared = steps.prepare(NightRequest(MODEL, AS_OF, actor="bench"), rooms)
    trained = [steps.train(prepared, name, rooms) for name in prepared.candidates]
    decided = steps.promote(steps.decide(prepared, trained, rooms), rooms)
    assert decided.challenger is not None, decided.reasons
    (other,) = (one for one in trained if one.candidate != decided.candidate)
    version = rooms.registry.register(
        rooms.registered_name, other, model=MODEL, idem_key="the-other-one"
    )
    rooms.ledger.remember_version(version)
    rooms.registry.verify(rooms.registered_name, version)
    return rooms


def _one_row(rooms: Rooms) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return one landed row as a caller sends it, and as the model sees it."""
    import pandas as pd

    from finrisk.features.derive import derive_features

    (path, *_) = sorted((rooms.settings.home / "landing" / MODEL).glob("*.parquet"))
    frame = pd.read_parquet(path).dropna().head(1)
    cells = frame.astype(object).to_dict(orient="records")[0]
    row = {name: cells[name] for name in rooms.spec.feature_columns}
    ready = derive_features(frame, rooms.spec).astype(object).to_dict(orient="records")[0]
    return json.loads(json.dumps(row, default=float)), json.loads(json.dumps(ready, default=float))


@contextmanager
def _finrisk(settings: Settings) -> Iterator[int]:
    port = _free_port()
    command = ["-c", "from finrisk.cli import main; main()", "serve", "--port", str(port)]
    with _running([sys.executable, *command], settings, port, "/readyz"):
        yield port


@contextmanager
def _mlflow(settings: Settings, model_uri: str) -> Iterator[int]:
    port = _free_port()
    command = ["-m", "mlflow", "models", "serve", "-m", model_uri, "--env-manager", "local"]
    with _running([sys.executable, *command, "-p", str(port)], settings, port, "/ping"):
        yield port


@contextmanager
def _running(command: list[str], settings: Settings, port: int, path: str) -> Iterator[None]:
    own = ONE_THREAD | {
        "FINRISK_HOME": str(settings.home),
        "FINRISK_THREADS": "1",
        "MLFLOW_TRACKING_URI": settings.tracking_uri,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    told = settings.home / f"server-{port}.log"
    with (
        told.open("w") as lines,
        subprocess.Popen(
            command,
            env=os.environ | own,
            stdout=lines,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process,
    ):
        try:
            _await(process, f"http://127.0.0.1:{port}{path}", told)
            yield
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)


def _await(process: subprocess.Popen[bytes], address: str, told: Path) -> None:
    ends = time.monotonic() + START_SECONDS
    while time.monotonic() < ends:
        assert process.poll() is None, told.read_text()[-2000:]
        try:
            if httpx.get(address).status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.2)
    raise AssertionError(told.read_text()[-2000:])


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


if __name__ == "__main__":
    told(_measured, __doc__, seconds=4.0)
