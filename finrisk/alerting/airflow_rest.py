"""Start runs over Airflow's REST API, as an account of its own that may do nothing else."""

from __future__ import annotations

import json
import os
import stat
from http import HTTPStatus
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Self

import httpx
from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from finrisk.alerting.starting import AskedRun
from finrisk.config import Settings
from finrisk.errors import ConfigurationError, SettingsError, Unreachable

FOR_OTHERS = stat.S_IRWXO


class Login(BaseModel):
    """Who starts runs: what the file that ``FINRISK_AIRFLOW_LOGIN`` names holds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    username: str
    password: SecretStr

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the file.

        Raises
        ------
        ConfigurationError
            It is not there, everybody may read it, or it holds something else.
        """
        expected = '{"username": "…", "password": "…"}'
        try:
            with path.open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                document = file.read()
        except OSError as exc:
            raise ConfigurationError(
                f"the login for Airflow {path} cannot be read ({exc.strerror})",
                expected=expected,
                remedy="write it, for its owner only; FINRISK_AIRFLOW_LOGIN names another place",
            ) from exc
        if mode & FOR_OTHERS:
            raise ConfigurationError(
                f"{path} can be read by everybody",
                got=f"mode {stat.S_IMODE(mode):o}",
                remedy=f"chmod 600 {path}, and change the password",
            )
        try:
            return cls.model_validate_json(document)
        except ValidationError:
            # the error would quote what it could not read
            raise ConfigurationError(f"{path} holds no login", expected=expected) from None


class AirflowRest:
    """Starts runs; logs in when it has to, and again when its token has ended.

    Parameters
    ----------
    settings : Settings
        ``airflow_url`` and ``airflow_login`` say where and who; how long it waits is
        ``remote_timeout_seconds``.
    transport : httpx.BaseTransport, optional
        What carries the requests, if not the network.

    Raises
    ------
    SettingsError
        ``FINRISK_AIRFLOW_URL`` is not set.
    ConfigurationError
        There is no login.
    """

    def __init__(self, settings: Settings, *, transport: httpx.BaseTransport | None = None) -> None:
        if not settings.airflow_url:
            raise SettingsError(
                "no address of Airflow",
                expected="FINRISK_AIRFLOW_URL in the environment",
                remedy="export FINRISK_AIRFLOW_URL=http://127.0.0.1:8080",
            )
        self._login = Login.load(settings.airflow_login)
        self._http = httpx.Client(
            base_url=settings.airflow_url,
            timeout=settings.remote_timeout_seconds,
            transport=transport,
        )
        self._turn = Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def __call__(self, run: AskedRun) -> None:
        """Start a run, or find it there.

        Raises
        ------
        Unreachable
            Airflow does not answer, has no such Dag, refuses, or is somewhere else by now.
        """
        body = {"dag_run_id": run.run_id, "logical_date": None, "conf": run.conf}
        with self._turn:
            answer = self._ask(f"/api/v2/dags/{run.dag_id}/dagRuns", body)
        if answer.status_code == HTTPStatus.CONFLICT:
            return  # it is there: started before, and the answer lost
        if not answer.is_success:  # a redirect is none: nothing was started where it came from
            raise Unreachable(
                f"Airflow did not start {run.dag_id}",
                got=f"{answer.status_code} {_detail(answer)}",
                remedy="is the Dag there, and may the account of FINRISK_AIRFLOW_LOGIN start it?",
            )

    def _ask(self, path: str, body: dict[str, Any]) -> httpx.Response:
        if "Authorization" not in self._http.headers:
            self._log_in()
        answer = self._post(path, body)
        if answer.status_code == HTTPStatus.UNAUTHORIZED:
            self._log_in()
            answer = self._post(path, body)
        return answer

    def _log_in(self) -> None:
        self._http.headers.pop("Authorization", None)
        login = self._login
        body = {"username": login.username, "password": login.password.get_secret_value()}
        answer = self._post("/auth/token", body)
        try:
            token = answer.raise_for_status().json()["access_token"]
        except (httpx.HTTPStatusError, ValueError, KeyError, TypeError):
            # `from None`: what Airflow answered may repeat what it was told
            raise Unreachable(
                "Airflow gave no token",
                got=f"status {answer.status_code}",
                remedy="check the user and password of FINRISK_AIRFLOW_LOGIN",
            ) from None
        self._http.headers["Authorization"] = f"Bearer {token}"

    def _post(self, path: str, body: dict[str, Any]) -> httpx.Response:
        try:
            return self._http.post(path, json=body)
        except httpx.HTTPError as exc:
            raise Unreachable(
                f"Airflow does not answer at {self._http.base_url}", got=type(exc).__name__
            ) from exc


def _detail(answer: httpx.Response) -> str:
    try:
        return json.dumps(answer.json()["detail"])[:200]
    except (ValueError, KeyError, TypeError):
        return answer.reason_phrase
