"""A server from the settings: its seats, keys and decision log; and the process that runs it."""

from __future__ import annotations

import gc
import json
import logging
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Protocol

import uvicorn
from fastapi import FastAPI

from finrisk.config import Settings
from finrisk.connections import bounded_config
from finrisk.data.decision_log import DecisionLog
from finrisk.errors import ConfigurationError, FinRiskError
from finrisk.serving.app import Service, application
from finrisk.serving.beside import Beside, ChallengeSource
from finrisk.serving.decision_writer import DecisionWriter
from finrisk.serving.desk import Desk
from finrisk.serving.key_ring import KeyRing
from finrisk.serving.metrics import Gauged, Metrics
from finrisk.serving.remembered import RememberedPointer
from finrisk.serving.seat import Champions, Seat, start_all
from finrisk.serving.seated import ChampionSeats
from finrisk.serving.shadow import Shadows
from finrisk.specs.loader import load_specs
from finrisk.tenants import Tenant, tenants_of

log = logging.getLogger(__name__)

SWITCH_SECONDS = 0.0005
"""How long a thread that writes or loads may keep an answer waiting; Python's own: ten times it."""
MOST_CONNECTIONS = 512
KEEP_ALIVE_SECONDS = 30
STOP_SECONDS = 30


class Source(Champions, ChallengeSource, Protocol):
    """Where champions and their challengers come from."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


def open_service(
    settings: Settings,
    models: Sequence[str] = (),
    *,
    default: str | None = None,
    patient: bool = False,
    now: Callable[[], datetime] = _utc_now,
    champions: Source | None = None,
    writer: DecisionWriter | None = None,
) -> Service:
    """Seat the champions and open what a server needs.

    Parameters
    ----------
    models : sequence of str
        Those to serve; none: every model of ``conf/``, and of each tenant's folder.
    default : str, optional
        The model of ``/predict``; needed where several are served and it is to answer.
    patient : bool
        Open also where there never was a champion, and answer 503 until there is.
    champions, writer
        Others than the settings', for tests; a tenant has its own.

    Raises
    ------
    ConfigurationError
        There is nothing to serve, or the default is not served.
    Unreachable
        The ledger does not answer, and this machine never served.
    """
    demanded = bool(models)
    names = tuple(dict.fromkeys(models)) or tuple(load_specs(settings.conf_locations))
    if default is not None and default not in names:
        raise ConfigurationError(
            "the default model is not served", expected=f"one of {', '.join(names)}", got=default
        )
    others = [one for one in tenants_of(settings) if one.name != settings.tenant]
    desks: list[Desk] = []
    metrics = Metrics.made(lambda: gauges(desks) | challenger_gauges(desks))
    desk = _desk(settings, names, champions or ChampionSeats(settings), metrics, now, writer)
    start_all(tuple(desk.seats.values()), demanded=demanded, patient=patient or bool(others))
    desks.append(replace(desk, default=default or desk.default))
    desks += filter(None, (_of_tenant(one, models, metrics, now) for one in others))
    for one in desks:
        one.refresh()
    served = frozenset(one.tenant for one in desks[1:])
    ring = KeyRing(settings.keys, settings.scope, others=served)
    ring.refresh()
    return Service(desks[0], ring, others=tuple(desks[1:]))


def _of_tenant(
    tenant: Tenant, models: Sequence[str], metrics: Metrics, now: Callable[[], datetime]
) -> Desk | None:
    """Return a tenant's desk; whatever ails it, the others are served."""
    settings = tenant.settings
    specs, wrong = tenant.specs()
    for exc in wrong:
        log.warning("model spec left out: %s", exc)
    names = [name for name in specs if not models or name in models]
    try:
        desk = _desk(settings, names, ChampionSeats(settings), metrics, now)
        start_all(tuple(desk.seats.values()), demanded=False, patient=True)
    except FinRiskError as exc:
        log.error("the tenant %s is not served: %s", tenant.name, exc)  # noqa: TRY400  # said whole
        return None
    predicts = tenant.file.predicts
    return replace(desk, default=predicts if predicts in desk.seats else desk.default)


def _desk(
    settings: Settings,
    names: Sequence[str],
    source: Source,
    metrics: Metrics,
    now: Callable[[], datetime],
    writer: DecisionWriter | None = None,
) -> Desk:
    decisions = DecisionLog.open(settings)
    return Desk(
        seats={
            name: Seat(name, source, RememberedPointer.of(settings, name), now) for name in names
        },
        default=names[0] if len(names) == 1 else None,
        writer=writer or DecisionWriter(decisions),
        metrics=metrics,
        now=now,
        beside={name: Beside(name, source, now) for name in names},
        shadows=Shadows(decisions),
        tenant=settings.scope,
    )


def gauges(desks: Iterable[Desk]) -> Gauged:
    """Return what Prometheus is told of seats and of the decision logs."""
    versions: list[tuple[Mapping[str, str], float]] = []
    epochs: list[tuple[Mapping[str, str], float]] = []
    ledger: list[tuple[Mapping[str, str], float]] = []
    behind: list[tuple[Mapping[str, str], float]] = []
    swaps: list[tuple[Mapping[str, str], float]] = []
    waiting: list[tuple[Mapping[str, str], float]] = []
    refused: list[tuple[Mapping[str, str], float]] = []
    for desk in desks:
        waiting.append(({"tenant": desk.tenant}, float(desk.writer.waiting)))
        refused.append(({"tenant": desk.tenant}, float(desk.writer.trouble is not None)))
        for model, seat in desk.seats.items():
            of = {"tenant": desk.tenant, "model": model}
            if (seated := seat.current) is not None:
                versions.append((of, float(seated.by.version)))
                epochs.append((of, float(seated.by.epoch or 0)))
            ledger.append((of, float(seat.ledger_answers)))
            behind.append((of, float(seat.trouble is not None)))
            swaps.append((of, float(seat.swaps)))
    return {
        "finrisk_serving_version": ("Version in use", versions),
        "finrisk_serving_epoch": ("Epoch of the version in use", epochs),
        "finrisk_serving_ledger_answers": ("1: the ledger answers, 0: it does not", ledger),
        "finrisk_serving_swap_refused": ("1: the ledger's version is not in use", behind),
        "finrisk_serving_swaps": ("Versions that took another's place since the start", swaps),
        "finrisk_serving_decisions_waiting": (
            "Rows answered and not in the decision log yet",
            waiting,
        ),
        "finrisk_serving_decisions_refused": (
            "1: decisions cannot be logged, so none is made",
            refused,
        ),
    }


def challenger_gauges(desks: Iterable[Desk]) -> Gauged:
    """Return what Prometheus is told of those that run beside champions."""
    shares: list[tuple[Mapping[str, str], float]] = []
    fell_back: list[tuple[Mapping[str, str], float]] = []
    trouble: list[tuple[Mapping[str, str], float]] = []
    shadowed: list[tuple[Mapping[str, str], float]] = []
    for desk in desks:
        for model, one in desk.beside.items():
            of, champion = {"tenant": desk.tenant, "model": model}, desk.seats[model].current
            experiment = None if champion is None else one.of(champion)[1]
            share = 0.0 if experiment is None else experiment.challenge.share or 0.0
            shares.append((of, share))
            fell_back.append((of, float(one.fell_back)))
            trouble.append((of, float(bool(one.troubles))))
        if (shadows := desk.shadows) is not None:
            shadowed += [
                ({"tenant": desk.tenant, "became": word}, float(rows))
                for word, rows in (
                    ("scored", shadows.scored),
                    ("waiting", shadows.waiting),
                    ("dropped", shadows.dropped),
                    ("failed", shadows.failed),
                )
            ]
    return {
        "finrisk_serving_ab_share": ("Share of rows that a challenger decides", shares),
        "finrisk_serving_ab_fell_back": (
            "Rows of a challenger's arm that the champion had to decide",
            fell_back,
        ),
        "finrisk_serving_challenger_trouble": ("1: a challenger should run, and does not", trouble),
        "finrisk_serving_shadow_rows": (
            "Rows for shadows since the start: scored, waiting, dropped, failed",
            shadowed,
        ),
    }


def run(service: Service, host: str, port: int) -> int:
    """Serve until a signal comes; return the rows that could not be logged, which is 0."""
    _log_lines()
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.collect()
    gc.freeze()  # else a collection walks through every library that is loaded, 0.2 s at a time
    uvicorn.Server(server_config(application(service), host, port)).run()
    return sum(desk.writer.waiting for desk in service.desks.values())


def server_config(app: FastAPI, host: str, port: int) -> uvicorn.Config:
    """Return how it is served: one process, bounded in connections and in their patience."""
    return bounded_config(
        app,
        host,
        port,
        connections=MOST_CONNECTIONS,
        idle_seconds=KEEP_ALIVE_SECONDS,
        stop_seconds=STOP_SECONDS,
        workers=1,
        log_config=None,
        lifespan="on",
    )


def _log_lines() -> None:
    """Write one line of JSON a message: requests to standard output, the rest to standard error."""
    told = logging.StreamHandler(sys.stderr)
    told.setFormatter(_AsJson())
    logging.basicConfig(level=logging.INFO, handlers=[told], force=True)
    requests = logging.getLogger("finrisk.serving.access")
    requests.handlers = [logging.StreamHandler(sys.stdout)]
    requests.propagate = False


class _AsJson(logging.Formatter):
    """A message, and of an exception its kind: its text or a traceback may quote a value."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {"at": at, "level": record.levelname, "logger": record.name}
        line["message"] = record.getMessage()
        if record.exc_info and record.exc_info[0] is not None:
            line["exception"] = record.exc_info[0].__name__
        return json.dumps(line)
