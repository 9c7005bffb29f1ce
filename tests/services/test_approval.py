"""People and a real Airflow: who may answer a promotion, what an answer does, and who is told.

One stack for all cases, with its four processes. Nights are cheap: their looks were won before it
starts, so each run finds its night decided and comes to the question at once.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from deploy.embedded import processes, stack
from deploy.embedded.home import Home, Secrets, _write_private
from finrisk.config import Settings
from finrisk.data.simulated_delivery import land
from finrisk.ledger.events import EventKind
from finrisk.ledger.store import Ledger
from finrisk.pipelines.rooms import Rooms
from finrisk.records import Answer, Decision, PromotionKind
from finrisk.setting_up import initialise
from finrisk.specs.loader import load_spec
from tests.dags.post_office import Letterbox, web_server
from tests.ledger.factories import MODEL
from tests.pipelines.challenges import crown, fitted, registered, won
from tests.pipelines.lender import FIRST, LENDER, small_document

pytestmark = pytest.mark.skipif(
    not os.environ.get("TEST_MLFLOW_URL"), reason="minutes, with servers: make test-services"
)

PEOPLE = {"anna": "user", "ben": "user", "carol": "user", "admin": "admin"}
REJECTED, APPROVED = FIRST + timedelta(days=1), FIRST + timedelta(days=2)
IMPATIENT = "credit_risk_impatient"
PARKED_SECONDS = 2  # an answer within a fraction of a second of parking fails the task
WAIT_SECONDS = 120
POLL_SECONDS = 0.3
DAG, HURRIED = f"{MODEL}_retraining", f"{IMPATIENT}_retraining"


@dataclass(frozen=True)
class Office(Home):
    """An embedded home in which several people may log in, and notices go to one address."""

    notices: int = 0

    def secrets(self) -> Secrets:
        made = super().secrets()
        _write_private(self._passwords, json.dumps(dict.fromkeys(PEOPLE, made.password)))
        return made

    def airflow_environment(
        self, port: int, mlflow_ui: str, *, nightly: bool, dashboard: str = ""
    ) -> dict[str, str]:
        users = ",".join(f"{name}:{role}" for name, role in PEOPLE.items())
        address = {"conn_type": "http", "host": f"http://127.0.0.1:{self.notices}/notices"}
        return super().airflow_environment(
            port, mlflow_ui, nightly=nightly, dashboard=dashboard
        ) | {
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": users,
            "AIRFLOW__SCHEDULER__TRIGGER_TIMEOUT_CHECK_INTERVAL": "1",
            "AIRFLOW_CONN_DESK": json.dumps(address),
            "FINRISK_NOTIFY": "webhook:desk",
        }


@dataclass(frozen=True)
class Airflow:
    """A running stack, the ledger behind it, and what people were told."""

    stack: stack.Stack
    settings: Settings
    told: Letterbox
    champion: int

    @contextmanager
    def as_user(self, name: str) -> Iterator[httpx.Client]:
        """Log in as somebody."""
        password = self.stack.home.secrets().password
        with httpx.Client(base_url=self.stack.address, timeout=30) as http:
            answer = http.post("/auth/token", json={"username": name, "password": password})
            token = answer.raise_for_status().json()["access_token"]
            http.headers["Authorization"] = f"Bearer {token}"
            yield http

    def trigger(self, dag_id: str, run_id: str, as_of: date, by: str) -> None:
        with self.as_user(by) as http:
            body = {"dag_run_id": run_id, "logical_date": None, "conf": {"as_of": str(as_of)}}
            http.post(f"/api/v2/dags/{dag_id}/dagRuns", json=body).raise_for_status()

    def parked(self, dag_id: str, run_id: str) -> dict[str, Any]:
        """Wait until the question is asked; return it."""
        with self.as_user("admin") as http:
            path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/approve"

            def asked() -> bool:
                state = http.get(path).json().get("state")
                assert state not in ("failed", "up_for_retry", "skipped"), state
                return state == "awaiting_input"

            self.wait_for(asked, f"{run_id} asks")
            time.sleep(PARKED_SECONDS)
            question: dict[str, Any] = http.get(f"{path}/-1/hitlDetails").raise_for_status().json()
            return question

    def answer(self, run_id: str, by: str, option: str, comment: str) -> int:
        body = {"chosen_options": [option], "params_input": {"comment": comment}}
        path = f"/api/v2/dags/{DAG}/dagRuns/{run_id}/taskInstances/approve/-1/hitlDetails"
        with self.as_user(by) as http:
            return http.patch(path, json=body).status_code

    def ended(self, dag_id: str, run_id: str) -> str:
        with self.stack.api() as api:
            self.wait_for(lambda: api.state(dag_id, run_id) in ("success", "failed"), run_id)
            return api.state(dag_id, run_id)

    def states(self, dag_id: str, run_id: str) -> dict[str, str]:
        with self.stack.api() as api:
            return {task["task_id"]: task["state"] for task in api.tasks(dag_id, run_id)}

    def wait_for(self, ready: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        while not ready():
            self.stack.check()
            assert time.monotonic() < deadline, f"{what}: not within {WAIT_SECONDS} s"
            time.sleep(POLL_SECONDS)

    def wait_told(self, kind: str, model: str) -> dict[str, Any]:
        def of_it() -> list[dict[str, Any]]:
            return [p for p in self.told.posts if (p["kind"], p["model"]) == (kind, model)]

        self.wait_for(lambda: bool(of_it()), f"a notice of kind {kind}")
        return of_it()[0]


def write_specs(conf: Path) -> None:
    """Two models that ask people: one for an hour, one for a second, which is late as soon."""
    conf.mkdir(parents=True)
    for name, hours in ((MODEL, 1.0), (IMPATIENT, 0.0005)):
        document = small_document() | {"name": name, "registered_name": name.replace("_", "-")}
        document["gate"] |= {
            "approval": "person",
            "approvers": ["anna", "ben"],
            "approval_timeout_hours": hours,
        }
        document["notices"] = {"late_hours": hours}
        document["candidates"] = document["candidates"][:2]
        (conf / f"{name}.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")


def prepare(settings: Settings) -> int:
    """Make a champion, and nights that challengers won; return the champion.

    The impatient model's challenger is the other model's: nobody promotes it.
    """
    initialise(settings)
    land(LENDER, load_spec(settings.conf_locations[0] / f"{MODEL}.yaml"), settings.home, FIRST)
    rooms = Rooms.open(MODEL, settings)
    run_id, (first, second) = fitted(rooms)
    champion = registered(first, "first", rooms)
    crown(champion, rooms)
    rejected = registered(second, "second", rooms)
    won(rejected, REJECTED, rooms, run_id)
    won(registered(second, "third", rooms), APPROVED, rooms, run_id)
    unanswered = rejected.replace(model=IMPATIENT)
    rooms.ledger.remember_version(unanswered)
    won(unanswered, REJECTED, rooms, run_id)
    rooms.ledger.close()
    return champion.version


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Airflow]:
    folder = tmp_path_factory.mktemp("office")
    conf = folder / "conf" / "models"
    write_specs(conf)
    settings = Settings(home=folder, threads=1, pictures=False)
    champion = prepare(settings)
    with web_server() as box:
        home = Office(folder, conf=str(conf), notices=box.port)
        stack.migrate(home)
        running = stack.start(home, port=stack.free_port(), nightly=False)
        try:
            stack.wait_healthy(running)
            with running.api() as api:
                for dag_id in (DAG, HURRIED):
                    api.wait_for_dag(dag_id, seconds=WAIT_SECONDS)
            yield Airflow(running, settings, box, champion)
        finally:
            stack.stop(home)
            assert processes.noted(home.run) == []


def test_a_rejection_is_hold_with_the_comment_and_a_time_out_is_hold(airflow: Airflow) -> None:
    airflow.trigger(HURRIED, "impatient", REJECTED, by="admin")
    airflow.trigger(DAG, "rejected", REJECTED, by="admin")
    question = airflow.parked(DAG, "rejected")

    assert question["subject"].endswith(f"may v2 replace the champion v{airflow.champion}?")
    assert "AUC" in question["body"]
    assert {user["id"] for user in question["assigned_users"]} == {"anna", "ben"}
    assert airflow.answer("rejected", "anna", "Reject", "group 3 is too small") == 200
    assert airflow.answer("rejected", "ben", "Approve", "I think otherwise") == 409
    assert airflow.ended(DAG, "rejected") == "success"
    assert airflow.ended(HURRIED, "impatient") == "success"

    with Ledger.open(airflow.settings) as ledger:
        rejected, silent = ledger.night(MODEL, REJECTED), ledger.night(IMPATIENT, REJECTED)
        (event,) = ledger.events(MODEL, EventKind.APPROVAL)
        assert rejected is not None
        assert rejected.decision.decision is Decision.HOLD
        assert rejected.decision.reasons[0] == "anna rejected v2: group 3 is too small"
        assert Answer.from_json(event.document["answer"]).actor == "anna"
        assert silent is not None
        assert silent.decision.decision is Decision.HOLD
        assert silent.decision.reasons[0].startswith("nobody answered within 0.0005 h")
        assert ledger.champion(IMPATIENT) is None
        champion = ledger.champion(MODEL)
        assert champion is not None
        assert champion.epoch == 1
    assert f"{HURRIED} has not ended within" in airflow.wait_told("late", IMPATIENT)["title"]


def test_only_an_assigned_person_who_did_not_start_the_run_approves(airflow: Airflow) -> None:
    airflow.trigger(DAG, "approved", APPROVED, by="ben")
    question = airflow.parked(DAG, "approved")

    assert [user["id"] for user in question["assigned_users"]] == ["anna"]
    assert airflow.answer("approved", "carol", "Approve", "I am not asked") == 403
    assert airflow.answer("approved", "ben", "Approve", "I started it myself") == 403
    assert airflow.answer("approved", "admin", "Approve", "I am the admin") == 403
    assert airflow.answer("approved", "anna", "Approve", "read the evidence") == 200
    assert airflow.ended(DAG, "approved") == "success"

    with Ledger.open(airflow.settings) as ledger:
        link = ledger.history(MODEL)[-1]
        anchor = ledger.anchor(MODEL)
    assert (link.kind, link.version, link.epoch) == (PromotionKind.APPROVED, 3, 2)
    assert (link.actor, link.reason) == ("anna", "read the evidence")
    assert anchor is not None
    assert (anchor.version, anchor.actor) == (3, "anna")
    assert airflow.states(DAG, "approved") == {
        "prepare": "success",
        "train": "skipped",
        "decide": "success",
        "approve": "success",
        "promote": "success",
    }
    asked = airflow.wait_told("asked", MODEL)
    assert "/required_actions" in asked["text"]
    assert airflow.wait_told("promotion", MODEL)["title"].endswith(
        f"v3 is champion now after v{airflow.champion}"
    )


def test_a_night_that_was_answered_asks_nobody_again(airflow: Airflow) -> None:
    airflow.trigger(DAG, "again", APPROVED, by="admin")

    assert airflow.ended(DAG, "again") == "success"
    assert airflow.states(DAG, "again")["approve"] == "skipped"


def test_a_failed_run_is_told(airflow: Airflow) -> None:
    airflow.trigger(DAG, "of_tomorrow", date(2999, 1, 1), by="admin")

    assert airflow.ended(DAG, "of_tomorrow") == "failed"
    told = airflow.wait_told("failed", MODEL)
    assert told["title"].endswith(f"{DAG} failed")
    assert "of_tomorrow" in told["text"]
    assert told["severity"] == "critical"
