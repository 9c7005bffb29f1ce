"""Start the runs that accepted alerts wait for; started twice it is one run, as its id is fixed.

How a run is started differs: inside Airflow's api-server, over Airflow's REST API, or by the Dag
``finrisk_reruns``. Which run it is stands here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from finrisk.errors import FinRiskError
from finrisk.ledger.inbox import Rerun
from finrisk.ledger.store import Ledger
from finrisk.names import qualified
from finrisk.records import LookKind

log = logging.getLogger(__name__)

LONGEST_REASON = 500  # of the form of dags/retraining.py


@dataclass(frozen=True, slots=True)
class AskedRun:
    """A Dag run as Airflow is asked for it."""

    dag_id: str
    run_id: str
    conf: dict[str, Any]


Start = Callable[[AskedRun], None]
"""Start a run, or find it there; a ``FinRiskError`` says that it was not started."""


def run_of(rerun: Rerun, tenant: str = "") -> AskedRun:
    """Return the run that an accepted alert may start.

    It pays its look from the reserve, the error budget's part for alerts and reruns by hand.

    Parameters
    ----------
    tenant : str
        In whose ledger rows it was found; its Dag is that one's. Empty: the first lender.

    Raises
    ------
    FinRiskError
        The alert was not accepted: it may start none.
    """
    if rerun.run_id is None:
        raise FinRiskError(f"alert {rerun.key} of {rerun.model} was {rerun.outcome}: no run")
    conf = {"look": LookKind.RESERVE.value, "reason": rerun.reason[:LONGEST_REASON]}
    if rerun.as_of is not None:
        conf["as_of"] = rerun.as_of.isoformat()
    return AskedRun(f"{qualified(tenant, rerun.model)}_retraining", rerun.run_id, conf)


def start_waiting(
    ledger: Ledger,
    reruns: Iterable[Rerun],
    start: Start,
    clock: Callable[[], datetime],
    tenant: str = "",
) -> list[str]:
    """Start these runs and note it; what cannot be started stays pending and is logged.

    Whatever one of them fails on, the others are started: none may block those behind it for good.

    Returns
    -------
    list of str
        The ids of the runs that are there now.
    """
    started = []
    for rerun in reruns:
        try:
            run = run_of(rerun, tenant)
            start(run)
            ledger.mark_started(rerun, clock())
        except FinRiskError as exc:
            log.warning("%s of %s stays pending: %s", rerun.run_id, rerun.model, exc)
        except Exception:
            # a start is whatever Airflow's own code does; the oldest would fail first, each time
            log.exception("%s of %s stays pending", rerun.run_id, rerun.model)
        else:
            log.info("%s of %s is started", run.run_id, run.dag_id)
            started.append(run.run_id)
    return started
