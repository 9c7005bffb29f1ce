"""A thousand deliveries in ten seconds to `finrisk alerts serve`: how long each answer takes.

    python benchmarks/alerts.py [--deliveries N] [--seconds S] [--json]

The receiver is a process of its own, over HTTP, with a ledger on SQLite that waits for the disk.
Deliveries leave on a fixed beat whatever the answers do, and an answer's time counts from the beat,
so that a receiver that falls behind shows it. One in ten is another series of the same alert; all
the rest are the same one again, as Alertmanager repeats it. Airflow is imitated: it counts runs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import httpx
import numpy as np

CONNECTIONS = 10
PATH = "/finrisk/alerts/v1/alerts"
READY_SECONDS = 60


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--deliveries", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    figures = measure(asked.deliveries, asked.seconds)
    if asked.json:
        print(json.dumps(figures, indent=2))
        return
    for name, figure in figures.items():
        shown = f"{figure:,.1f}" if isinstance(figure, float) else f"{figure:,}"
        print(f"{name:<28}{shown:>14}")


def measure(deliveries: int, seconds: float) -> dict[str, Any]:
    airflow = ThreadingHTTPServer(("127.0.0.1", 0), ImitatedAirflow)
    threading.Thread(target=airflow.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        home, port = Path(folder), free_port()
        environment = os.environ | {
            "FINRISK_HOME": folder,
            "FINRISK_AIRFLOW_URL": f"http://127.0.0.1:{airflow.server_port}",
        }
        command = str(Path(sys.executable).with_name("finrisk"))
        subprocess.run([command, "init"], env=environment, check=True, capture_output=True)
        login = home / "keys" / "airflow.json"
        login.write_text('{"username": "finrisk-alerts", "password": "imitated"}')
        login.chmod(0o600)
        token = (home / "keys" / "alerts.token").read_text().strip()
        serving = [command, "alerts", "serve", "--port", str(port)]
        server = subprocess.Popen(serving, env=environment, stdout=subprocess.DEVNULL)
        try:
            address = f"http://127.0.0.1:{port}"
            until_healthy(address, token)
            answers = asyncio.run(deliver(address, token, deliveries, seconds))
        finally:
            server.terminate()
            server.wait(30)
    airflow.shutdown()
    took = np.array([answer[0] for answer in answers]) * 1000
    told = [word for _, words in answers for word in words]
    return {
        "deliveries": len(answers),
        "accepted": told.count("accepted"),
        "repeated": told.count("repeated"),
        "cooling_down": told.count("cooling_down"),
        "runs_started": len(ImitatedAirflow.runs),
        "answer_p50_ms": float(np.percentile(took, 50)),
        "answer_p99_ms": float(np.percentile(took, 99)),
        "answer_longest_ms": float(took.max()),
    }


async def deliver(
    address: str, token: str, deliveries: int, seconds: float
) -> list[tuple[float, list[str]]]:
    """Deliver on a beat over ten connections, by hand: a client's pool costs more than we do."""
    host, _, port = address.removeprefix("http://").partition(":")
    beats: asyncio.Queue[tuple[float, int]] = asyncio.Queue()
    answers: list[tuple[float, list[str]]] = []

    async def connection() -> None:
        reader, writer = await asyncio.open_connection(host, int(port))
        await answer_of(reader, writer, request(token, body(series=-1)))  # opens it; too old
        opened.release()
        while True:
            beat, number = await beats.get()
            told = await answer_of(reader, writer, bodies[number])
            answers.append((time.perf_counter() - beat, list(told)))
            beats.task_done()

    bodies = [request(token, body(series=n if n % 10 == 0 else 0)) for n in range(deliveries)]
    opened = asyncio.Semaphore(0)
    connections = [asyncio.create_task(connection()) for _ in range(CONNECTIONS)]
    for _ in connections:
        await opened.acquire()
    begun = time.perf_counter() + 0.5
    for number in range(deliveries):
        beat = begun + number * seconds / deliveries
        await asyncio.sleep(beat - time.perf_counter())
        beats.put_nowait((beat, number))
    await beats.join()
    for one in connections:
        one.cancel()
    return answers


def request(token: str, content: bytes) -> bytes:
    head = [
        f"POST {PATH} HTTP/1.1",
        "Host: finrisk",
        f"Authorization: Bearer {token}",
        "Content-Type: application/json",
        f"Content-Length: {len(content)}",
    ]
    return "\r\n".join([*head, "", ""]).encode() + content


async def answer_of(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, sent: bytes
) -> dict[str, int]:
    writer.write(sent)
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
    content = await reader.readexactly(length)
    if " 200 " not in head.partition("\r\n")[0]:
        raise SystemExit(f"{head}{content.decode()}")
    told: dict[str, int] = json.loads(content)
    return told


def body(series: int) -> bytes:
    labels = {
        "alertname": "FinRiskScoreDrift",
        "model": "credit_risk",
        "tenant": "live",
        "series": str(series),
    }
    alert = {
        "status": "firing",
        "labels": labels,
        "annotations": {"summary": "score PSI 0.31", "runbook_url": "https://example.org/runbook"},
        "startsAt": datetime.now(UTC).isoformat(),
        "endsAt": "0001-01-01T00:00:00Z",
    }
    if series <= 0:
        alert["startsAt"] = BEGAN if series == 0 else "2001-01-01T00:00:00Z"
    return json.dumps({"version": "4", "status": "firing", "alerts": [alert]}).encode()


BEGAN = datetime.now(UTC).isoformat()


class ImitatedAirflow(BaseHTTPRequestHandler):
    runs: ClassVar[set[str]] = set()

    def do_POST(self) -> None:
        told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path != "/auth/token":
            self.runs.add(told["dag_run_id"])
        answer = json.dumps({"access_token": "imitated"}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        return


def until_healthy(address: str, token: str) -> None:
    give_up = time.monotonic() + READY_SECONDS
    headers = {"Authorization": f"Bearer {token}"}
    while time.monotonic() < give_up:
        try:
            if httpx.get(f"{address}/finrisk/healthz", headers=headers).status_code == 204:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.2)
    raise SystemExit(f"the receiver did not answer within {READY_SECONDS} s")


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
