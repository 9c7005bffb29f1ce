"""The part of Airflow's REST API that drives nights: trigger a run, wait, say how it went."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Self

import httpx

FINISHED = frozenset({"success", "failed"})
POLL_SECONDS = 0.4
HTTP_SECONDS = 30.0


class AirflowApiError(RuntimeError):
    """Airflow refused, or did not do in time what it was asked."""


class RunFailed(AirflowApiError):
    """A Dag run ended as failed; the message names the tasks."""


class AirflowApi:
    """A client that is logged in.

    Parameters
    ----------
    address : str
        The api-server, without a path.
    user, password : str
        A login of the simple auth manager.
    transport : httpx.BaseTransport, optional
        What carries the requests, if not the network.
    """

    def __init__(
        self,
        address: str,
        user: str,
        password: str,
        *,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._http = httpx.Client(base_url=address, timeout=HTTP_SECONDS, transport=transport)
        answer = self._ask("POST", "/auth/token", {"username": user, "password": password})
        self._http.headers["Authorization"] = f"Bearer {answer['access_token']}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def wait_for_dag(self, dag_id: str, *, seconds: float) -> None:
        """Return when the dag-processor has read a Dag.

        Raises
        ------
        AirflowApiError
            It is not there in time; the message quotes the import errors, if any.
        """
        deadline = time.monotonic() + seconds
        while not self._knows(dag_id):
            if time.monotonic() > deadline:
                raise AirflowApiError(
                    f"no Dag {dag_id} after {seconds:.0f} s\n{self.import_errors()}"
                )
            time.sleep(POLL_SECONDS)

    def import_errors(self) -> str:
        """Return what Airflow could not import, one text."""
        errors = self._ask("GET", "/api/v2/importErrors")["import_errors"]
        return "\n".join(f"{e['filename']}: {e['stack_trace']}" for e in errors)

    def trigger(self, dag_id: str, run_id: str, conf: Mapping[str, Any]) -> None:
        """Start a manual run. Its own id makes it safe to ask twice: the second is a 409.

        Raises
        ------
        AirflowApiError
            The run exists already, or its params do not fit.
        """
        body = {"dag_run_id": run_id, "logical_date": None, "conf": dict(conf)}
        self._ask("POST", f"/api/v2/dags/{dag_id}/dagRuns", body)

    def wait(
        self, dag_id: str, run_id: str, *, seconds: float, tell: Callable[[str], None]
    ) -> None:
        """Return when a run has succeeded; meanwhile tell which tasks run.

        Raises
        ------
        RunFailed
            It failed; the message names the failed tasks.
        AirflowApiError
            It did not end in time.
        """
        deadline = time.monotonic() + seconds
        while (state := self.state(dag_id, run_id)) not in FINISHED:
            if time.monotonic() > deadline:
                raise AirflowApiError(f"{run_id} is {state} after {seconds:.0f} s")
            tell(_progress(self.tasks(dag_id, run_id)))
            time.sleep(POLL_SECONDS)
        if state == "failed":
            failed = [t for t in self.tasks(dag_id, run_id) if t["state"] == "failed"]
            names = ", ".join(f"{t['task_id']} (try {t['try_number']})" for t in failed)
            raise RunFailed(f"{run_id} failed: {names or 'no task failed'}")

    def state(self, dag_id: str, run_id: str) -> str:
        """Return a run's state."""
        return str(self._ask("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}")["state"])

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Return a run's task instances."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances"
        tasks: list[dict[str, Any]] = self._ask("GET", path)["task_instances"]
        return tasks

    def links(self, dag_id: str, run_id: str, task_id: str) -> dict[str, str | None]:
        """Return a task's extra links by name."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/links"
        links: dict[str, str | None] = self._ask("GET", path)["extra_links"]
        return links

    def _knows(self, dag_id: str) -> bool:
        return self._http.get(f"/api/v2/dags/{dag_id}").status_code == httpx.codes.OK

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        try:
            answer = self._http.request(method, path, json=body)
        except httpx.HTTPError as exc:
            raise AirflowApiError(f"{method} {path}: {exc}") from exc
        if answer.is_error:
            raise AirflowApiError(f"{method} {path}: {answer.status_code} {answer.text[:500]}")
        document: dict[str, Any] = answer.json()
        return document


def _progress(tasks: list[dict[str, Any]]) -> str:
    running = sorted({t["task_id"] for t in tasks if t["state"] == "running"})
    done = sum(t["state"] in ("success", "skipped") for t in tasks)
    return f"{', '.join(running) or 'between tasks'} ({done} of {len(tasks)} tasks done)"
