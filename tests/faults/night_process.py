"""A small world of card payments, whose nights are lived by processes of their own.

A night that is told to die kills its own process at a named fault point, with SIGKILL: nothing is
flushed, closed, rolled back or removed. Processes are forked from a server that has imported what a
night needs, and runs one thread: a night takes two seconds then, and not fifteen.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import tempfile
from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import pytest
import yaml

from finrisk.config import Settings
from finrisk.data.stored_files import unfinished
from finrisk.faults import WHOLE_FILE, armed
from finrisk.pipelines.retrain import run_night
from finrisk.pipelines.rooms import Rooms
from finrisk.records import NightDecision, NightRequest
from finrisk.setting_up import initialise
from tests.data.cards import AS_OF, FIRST, a_fraud_spec, land

MODEL = "cards"
WEAK, STRONG = "forest", "boosted"
FIRST_NIGHT = NightRequest(MODEL, AS_OF, candidates=(WEAK,), actor="test", reason="the first")
NEXT_NIGHT = NightRequest(MODEL, AS_OF + timedelta(days=4), actor="test", reason="the next")
PATIENCE_SECONDS = 300
ONE_THREAD = {  # of a process that only imports: OpenBLAS and Arrow's allocator would start more
    "OPENBLAS_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
}


@dataclass(frozen=True)
class World:
    """Two databases and a store that nights change, over a home that they only read or add to."""

    home: Path
    state: Path

    @classmethod
    def made(cls, home: Path, state: Path) -> Self:
        """Land four weeks of payments, and set up what must exist before the first night."""
        land(home, days=(NEXT_NIGHT.as_of - FIRST).days)
        spec = a_fraud_spec(
            candidates=[
                {"name": WEAK, "algorithm": "isolation_forest", "parameters": {"n_estimators": 5}},
                {"name": STRONG, "algorithm": "xgboost", "parameters": {"n_estimators": 20}},
            ]
        )
        document = spec.model_dump(mode="json", exclude_unset=True)
        # few trees on few rows: their scores are lumps, whose shares jump between any two samples
        document["gate"]["guards"]["stability"] = {"max_score_psi": 5.0}
        conf = home / "conf" / "models"
        conf.mkdir(parents=True)
        (conf / f"{MODEL}.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
        state.mkdir()
        world = cls(home, state)
        initialise(world.settings)
        return world

    @property
    def settings(self) -> Settings:
        return Settings(
            home=self.home,
            tracking_uri=f"sqlite:///{self.state}/mlflow.db",
            ledger_url=f"sqlite:///{self.state}/ledger.db",
            store=self.state / "store",
            threads=1,
            pictures=False,
        )

    @property
    def scratch(self) -> Path:
        """Where its nights have their temporary folders, which the dead leave behind."""
        return self.state / "scratch"

    def copied(self, state: Path) -> World:
        shutil.copytree(self.state, state)
        return replace(self, state=state)


@dataclass(frozen=True, slots=True)
class Death:
    """Where a night dies.

    ``file_of`` is the folder of the store that a whole file is to appear in; ``time`` counts how
    often the point is come to.
    """

    point: str
    file_of: str = ""
    time: int = 1

    def __str__(self) -> str:
        of = f" in {self.file_of}" if self.file_of else ""
        return f"{self.point}{of}" + (f" for the {self.time}nd time" if self.time > 1 else "")


@dataclass(frozen=True, slots=True)
class Lived:
    """A night that came to its end: what it decided, and the points it came to."""

    decision: NightDecision
    reached: tuple[Death, ...]


def live(world: World, request: NightRequest) -> Lived:
    """Let a process live a night to its end."""
    told = world.state / "told.json"
    status = _in_a_process(world, request, None, told)
    assert status == 0
    document = json.loads(told.read_text())
    reached = (Death(*where) for where in document["reached"])
    return Lived(NightDecision.from_json(document["decision"]), tuple(reached))


def die(world: World, request: NightRequest, death: Death) -> None:
    """Let a process live a night until it dies there, and nowhere else."""
    told = world.state / "last_words"
    status = _in_a_process(world, request, death, told)
    assert status == -signal.SIGKILL
    assert told.read_text() == str(death)


def _in_a_process(world: World, request: NightRequest, death: Death | None, told: Path) -> int:
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["tests.faults.warm"])
    process = processes.Process(target=_night, args=(world, request, death, told), daemon=True)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ONE_THREAD.items():
            patch.setenv(name, value)
        process.start()
    process.join(PATIENCE_SECONDS)
    if process.exitcode is None:
        process.kill()
        raise TimeoutError(f"{request} took more than {PATIENCE_SECONDS} s")
    return process.exitcode


def _night(world: World, request: NightRequest, death: Death | None, told: Path) -> None:
    world.scratch.mkdir(exist_ok=True)
    tempfile.tempdir = str(world.scratch)
    settings = world.settings
    reached: Counter[tuple[str, str]] = Counter()

    def come_to(point: str) -> None:
        where = (point, _file_of(settings.store) if point == WHOLE_FILE else "")
        reached[where] += 1
        if death == Death(*where, time=reached[where]):
            told.write_text(str(death))
            os.kill(os.getpid(), signal.SIGKILL)

    rooms = Rooms.open(MODEL, settings)
    with armed(come_to):
        decision = run_night(request, rooms, tell=lambda _: None)
    rooms.ledger.close()
    document: dict[str, Any] = {"decision": decision.to_json(), "reached": list(reached)}
    told.write_text(json.dumps(document))


def _file_of(store: Path) -> str:
    """Return the folder of the store in which something whole is about to appear."""
    newest = max(unfinished(store), key=lambda file: file.path.stat().st_mtime_ns)
    return newest.path.relative_to(store).parts[0]
