"""What a shadow and an experiment cost the answers: in turn, one server, client and load.

    python benchmarks/challengers.py [--json] [--seconds 6] [--rounds 3]

Asks at 200 requests a second, open loop, of one row with a key: of the champion alone, with another
version in its shadow, and with an experiment of one fifth.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from pathlib import Path
from typing import Any

import httpx
from serving import AT, MODEL, RATE, Load, _finrisk, _one_row, _paced, _request, _world, told

from finrisk.ledger.challenges import ChallengeKind
from finrisk.pipelines import challenging
from finrisk.pipelines.rooms import Rooms
from finrisk.serving.api_keys import add_key

WHO: dict[str, Any] = {"actor": "bench", "reason": "a measurement"}
SHARE = 0.2


def _measured(home: Path, seconds: float, rounds: int) -> dict[str, float]:
    rooms = _world(home)
    row, _ = _one_row(rooms)
    key, _ = add_key(rooms.settings.keys, "bench", tenant="live", at=AT, rate=1e9, burst=10**9)
    head = f"Authorization: Bearer {key}\r\n"
    document = {"rows": [{"id": "A-1", "features": row}]}
    request = _request(f"/v1/models/{MODEL}/score", document, head)
    seen: dict[str, list[Load]] = {"alone": [], "shadow": [], "experiment": []}
    with _finrisk(rooms.settings) as port:
        asyncio.run(_paced(port, request, 1.0))
        for _ in range(rounds):
            for state, loads in seen.items():
                _become(rooms, port, state)
                load = asyncio.run(_paced(port, request, seconds))
                assert not load.failed, (state, load.failed[:1])
                loads.append(load)
                _become(rooms, port, "alone")
        metrics = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    figures = {"requests_a_second": float(RATE)}
    for state, loads in seen.items():
        for percent in (50, 99):
            middle = statistics.median(load.quantile(percent) for load in loads)
            figures[f"{state}_p{percent}_ms"] = middle
    for line in metrics.splitlines():
        if line.startswith("finrisk_serving_shadow_rows{"):
            figures[line.split('"')[1] + "_shadow_rows"] = float(line.rsplit(" ", 1)[1])
    return figures


def _become(rooms: Rooms, port: int, state: str) -> None:
    """Start or stop, and wait until the server has heard of it."""
    number = 3 - (rooms.ledger.champion(MODEL) or _nobody()).version
    if state == "shadow":
        challenging.start_shadow(rooms, number, **WHO)
    elif state == "experiment":
        challenging.start_ab(rooms, number, SHARE, **WHO)
    else:
        for one in rooms.ledger.challenges(MODEL):
            if one.ended is None:
                challenging.stop(rooms, ChallengeKind(one.kind), **WHO)
    wanted = {"shadow": state == "shadow", "experiment": state == "experiment"}
    ends = time.perf_counter() + 30.0
    while time.perf_counter() < ends:
        told = httpx.get(f"http://127.0.0.1:{port}/readyz").json()["challengers"][MODEL]
        if all((told[name] is not None) is runs for name, runs in wanted.items()):
            return
        time.sleep(0.2)
    raise SystemExit(f"the server did not become {state}: {told}")


def _nobody() -> Any:
    raise SystemExit("there is no champion")


if __name__ == "__main__":
    told(_measured, __doc__, seconds=6.0)
