"""Nights of the simulated lender on the topology, asked for over Airflow's REST API."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from deploy.embedded.airflow_api import AirflowApi
from deploy.topology import Topology
from finrisk.names import qualified

MODEL, DAG = "credit_risk", "credit_risk_retraining"
WORKER = "airflow-worker"  # as `docker compose exec` is told in docs/deploy.md
SECONDS = 420.0
CANARY_PERSON = "canary.person.7f3a@lender.example"
CANARY_CARD = 4556737586899855.0


class Nights:
    """A lender's nights; who asks is Airflow's administrator, with the password of the file.

    Parameters
    ----------
    topology : Topology
    tenant : str
        The further lender whose they are; nothing for the first.
    """

    def __init__(self, topology: Topology, tenant: str = "") -> None:
        self.topology = topology
        self.dag = qualified(tenant, DAG)
        self.for_whom = ("env", f"FINRISK_TENANT={tenant}") if tenant else ()
        self.api = AirflowApi(
            topology.address("airflow-api-server"),
            "admin",
            topology.secret("airflow_admin_password"),
        )
        self.api.wait_for_dag(self.dag, seconds=120)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.api.__exit__()

    def land(self, as_of: str) -> None:
        """Land what there is by a day."""
        self._finrisk("simulate", "--to", as_of, "--model", MODEL)

    def change(self, month: str, column: str, value: object) -> None:
        """Change a cell of a landed month."""
        landed = self.topology.volume("finrisk") / "landing" / MODEL
        _change(landed / f"applications_{month}.parquet", column, value)

    def trigger(self, as_of: str, *candidates: str) -> None:
        """Ask for a night, of these candidates or of all."""
        conf: dict[str, Any] = {"as_of": as_of, "look": "scheduled", "reason": "a test's night"}
        if candidates:
            conf["candidates"] = list(candidates)
        self.api.trigger(self.dag, f"night_{as_of}", conf)

    def wait(self, as_of: str) -> None:
        """Wait for its end."""
        self.api.wait(self.dag, f"night_{as_of}", seconds=SECONDS, tell=lambda _: None)

    def until(self, as_of: str, happens: Callable[[list[dict[str, Any]]], bool]) -> None:
        """Wait for something to be so of its tasks."""
        give_up = time.monotonic() + SECONDS
        while not happens(self.api.tasks(self.dag, f"night_{as_of}")):
            if time.monotonic() > give_up:
                raise TimeoutError(as_of)
            time.sleep(0.2)

    def decided(self, as_of: str) -> dict[str, Any]:
        """Return the one night that the ledger has of a day."""
        (night,) = [one for one in self.history() if one["as_of"] == as_of]
        return night

    def history(self) -> list[dict[str, Any]]:
        """Return all nights that the ledger has of the lender."""
        return list(json.loads(self._finrisk("history", MODEL, "--json"))["nights"])

    def tries(self, as_of: str, task: str) -> list[int]:
        """Return how often each instance of a task was tried."""
        tasks = self.api.tasks(self.dag, f"night_{as_of}")
        return [int(one["try_number"]) for one in tasks if one["task_id"] == task]

    def _finrisk(self, *command: str) -> str:
        return self.topology.run(WORKER, *self.for_whom, "finrisk", *command)


def _change(path: Path, column: str, value: object) -> None:
    """Change the last row's cell, and the digest that the lender delivers beside."""
    table = pq.read_table(path)
    place = table.column_names.index(column)
    field = table.schema.field(place)
    cells = [*table.column(place).to_pylist()[:-1], value]
    pq.write_table(table.set_column(place, field, pa.array(cells, field.type)), path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_name(f"{path.name}.sha256").write_text(f"{digest}  {path.name}\n")
