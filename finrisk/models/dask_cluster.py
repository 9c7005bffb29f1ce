"""A connection to a Dask cluster that is known to run the same FinRisk on every worker."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from finrisk.errors import ConfigurationError, FinRiskError, Unreachable
from finrisk.models.dask_tasks import installed

PATIENCE_SECONDS = 30
"""For a scheduler to answer, and for its first worker to be there."""

LOOK_SECONDS = 2

TRIES = 3
"""Of what a lost worker may interrupt: XGBoost's own training does not outlive one."""

T = TypeVar("T")

log = logging.getLogger(__name__)


@contextmanager
def connected(address: str, *, patience_seconds: float = PATIENCE_SECONDS) -> Iterator[Any]:
    """Connect to a scheduler, for as long as a fit takes.

    Parameters
    ----------
    address : str
        As ``tcp://host:8786``.

    Yields
    ------
    distributed.Client

    Raises
    ------
    ConfigurationError
        No address, Dask is not installed, or a worker runs other versions than this process.
    Unreachable
        The scheduler does not answer, or has no worker.
    """
    client = _client(address, patience_seconds)
    try:
        _demand_workers(client, address, patience_seconds)
        yield client
    finally:
        client.close(timeout=patience_seconds)


def insist(what: str, client: Any, do: Callable[[], T], *, together: bool = False) -> T:
    """Do something on the cluster, again where it failed: a worker may have been lost.

    Parameters
    ----------
    what : str
        In words, for a person.
    client : distributed.Client
    do : callable
        Asks the cluster, and waits.
    together : bool
        Its tasks belong to the workers that it begins on and to no others, as XGBoost's training
        does: where one of them is gone it cannot end, and Dask may wait for it for ever.

    Raises
    ------
    FinRiskError
        What a worker raised of its data; it is not tried again.
    Unreachable
        It failed :data:`TRIES` times, or no worker came back.
    """
    for attempt in range(1, TRIES + 1):
        try:
            return _watched(client, do, together)
        except FinRiskError:
            raise
        except Exception as exc:  # what Dask, XGBoost and a socket raise of a lost worker
            if attempt == TRIES:
                raise _gave_up(what, exc) from exc
            log.warning("%s failed on the Dask cluster (%s); trying again", what, _line(exc))
            _wait_for_workers(client, PATIENCE_SECONDS)
    raise ValueError("TRIES is below 1")


class _WorkerLost(Exception):
    """One that the others wait for; they were given time to notice it themselves."""


def _watched(client: Any, do: Callable[[], T], together: bool) -> T:
    """Do something while somebody looks after the cluster: Dask waits for ever for a worker."""
    answers: queue.SimpleQueue[T | Exception] = queue.SimpleQueue()

    def answer() -> None:
        try:
            answers.put(do())
        except Exception as exc:  # noqa: BLE001 - raised where it was asked for
            answers.put(exc)

    began_on = _workers(client) if together else frozenset()
    # no pool: its threads are waited for, and this one may wait for a cluster that is gone
    threading.Thread(target=answer, daemon=True).start()
    well = time.monotonic()
    while True:
        try:
            found = answers.get(timeout=LOOK_SECONDS)
        except queue.Empty:
            trouble = _trouble(client, began_on)
            if trouble is None:
                well = time.monotonic()
            elif time.monotonic() - well > PATIENCE_SECONDS:
                raise trouble from None
            continue
        if isinstance(found, Exception):
            raise found
        return found


def _trouble(client: Any, began_on: frozenset[str]) -> Exception | None:
    """Return what keeps the cluster from ever answering, if anything does."""
    there = _workers(client)
    if not there or _stranded(client):
        return _no_worker(PATIENCE_SECONDS, "all that held rows are gone")
    if gone := began_on - there:
        return _WorkerLost(f"{', '.join(sorted(gone))} is gone")
    return None


def _workers(client: Any) -> frozenset[str]:
    """Return the addresses of a cluster's workers."""
    try:
        return frozenset(client.nthreads())
    except Exception:  # noqa: BLE001 - a scheduler that is gone has no worker, whatever Dask raises
        return frozenset()


def _stranded(client: Any) -> bool:
    """Say whether what this client holds waits for workers that are gone, though others came.

    Dask gives a task of lost workers to those that are left; but where none was left for a moment,
    it waits for the lost ones' addresses.
    """
    ours = {str(key) for key in client.futures}
    try:
        return bool(
            client.run_on_scheduler(
                lambda keys, dask_scheduler: any(
                    str(task.key) in keys for task in dask_scheduler.unrunnable
                ),
                ours,
            )
        )
    except Exception:  # noqa: BLE001 - as above: a scheduler that is gone strands all
        return True


def _client(address: str, patience_seconds: float) -> Any:
    if not address:
        raise ConfigurationError(
            "a candidate has engine dask, and no cluster is named",
            expected="FINRISK_DASK_SCHEDULER, as tcp://host:8786",
            remedy="set it, or train with engine: external_memory",
        )
    try:
        import xgboost.dask  # noqa: F401 - it needs dask.array and dask.dataframe
        from distributed import Client
    except ImportError as exc:
        raise ConfigurationError(
            "a candidate has engine dask, and Dask is not installed",
            expected="the packages of requirements-scale.lock",
            remedy="install them beside requirements.lock, on every worker as well",
        ) from exc
    try:
        return Client(address, timeout=patience_seconds)
    except (OSError, TimeoutError) as exc:
        raise Unreachable(
            f"the Dask scheduler at {address} does not answer",
            expected=f"an answer within {patience_seconds:g} s",
            got=type(exc).__name__,
            remedy="start it, or correct FINRISK_DASK_SCHEDULER; until then the champion stays",
        ) from exc


def _demand_workers(client: Any, address: str, patience_seconds: float) -> None:
    _wait_for_workers(client, patience_seconds)
    ours = installed()
    for worker, theirs in client.run(installed).items():
        apart = {n: f"{theirs.get(n)}, here {v}" for n, v in ours.items() if theirs.get(n) != v}
        if apart:
            raise ConfigurationError(
                f"worker {worker} of {address} has other versions",
                expected="those of this process: another one fits another model",
                got="; ".join(f"{name} {versions}" for name, versions in sorted(apart.items())),
                remedy="install the same locks on every worker",
            )


def _wait_for_workers(client: Any, patience_seconds: float) -> None:
    try:
        client.wait_for_workers(1, timeout=patience_seconds)
    except (OSError, TimeoutError) as exc:
        raise _no_worker(patience_seconds, "none") from exc


def _no_worker(patience_seconds: float, got: str) -> Unreachable:
    return Unreachable(
        "the Dask cluster has no worker that can go on",
        expected=f"one within {patience_seconds:g} s",
        got=got,
        remedy="start workers; until then the champion stays",
    )


def _gave_up(what: str, exc: Exception) -> Unreachable:
    return Unreachable(
        f"{what} failed {TRIES} times on the Dask cluster",
        got=_line(exc),
        remedy="see its workers' logs, then run the night again; the champion stays",
    )


def _line(exc: Exception) -> str:
    return f"{type(exc).__name__}: {str(exc).strip().splitlines()[0] if str(exc) else ''}"[:200]
