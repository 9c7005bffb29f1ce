"""Serve the metrics until the process is told to end."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server

from finrisk.config import Settings
from finrisk.errors import SettingsError
from finrisk.pipelines.exporter.collector import LedgerCollector

HOST, PORT = "127.0.0.1", 9464  # what OpenTelemetry's exporters take, and nothing of Prometheus'


@contextmanager
def serving(settings: Settings, host: str = HOST, port: int = PORT) -> Iterator[int]:
    """Serve ``/metrics`` for the length of the block; yield the port, a free one for 0.

    Raises
    ------
    SettingsError
        The address cannot be listened on.
    """
    collector = LedgerCollector(settings)
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    registry.register(collector)
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as exc:
        collector.close()
        raise SettingsError(
            f"the exporter cannot listen on {host}:{port}",
            got=exc.strerror or str(exc),
            remedy="stop what listens there, or name another --port",
        ) from exc
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        collector.close()


def serve(
    settings: Settings,
    host: str = HOST,
    port: int = PORT,
    *,
    tell: Callable[[int], None] = lambda _port: None,
) -> None:
    """Serve until SIGINT or SIGTERM; ``tell`` is called with the port once it listens."""
    told = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: told.set())
    with serving(settings, host, port) as listening:
        tell(listening)
        told.wait()
