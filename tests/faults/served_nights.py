"""One lender's night on a real ``mlflow server``, lived again and again in scopes of their own.

What does not depend on MLflow is done once: rows are validated, candidates fitted. Each scope has a
champion, a registered name and an MLflow experiment of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import pytest

from finrisk.config import Settings
from finrisk.data import contracts
from finrisk.errors import Unreachable
from finrisk.keys import registration_key
from finrisk.pipelines import steps, training
from finrisk.pipelines.rooms import Rooms
from finrisk.records import (
    Decision,
    NightDecision,
    NightRequest,
    PreparedNight,
    PromotionKind,
    TrainedCandidate,
)
from finrisk.setting_up import initialise
from finrisk.tracking import tags
from finrisk.tracking.client import open_client
from tests.faults.proxy import FaultProxy, fault_proxy
from tests.pipelines.lender import FIRST, deliver, write_spec

MODEL = "credit_risk"
WEAK, STRONG = "xgb", "lr"
REQUEST = NightRequest(MODEL, FIRST, candidates=(STRONG,), actor="test", reason="a test")
STEP_SECONDS = 60  # a step and all it may wait, on a busy machine
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Lender:
    """A lender whose calls to MLflow pass a proxy; one prepared night, and its two candidates."""

    settings: Settings
    proxy: FaultProxy
    prepared: PreparedNight
    weak: TrainedCandidate
    strong: TrainedCandidate


@contextmanager
def served_lender(home: Path, server: str) -> Iterator[Lender]:
    """Prepare a night on a server for the length of the block."""
    write_spec(home / "conf" / "models", _far_apart)
    with fault_proxy(server) as proxy, _working_once():
        settings = Settings(
            home=home,
            tracking_uri=proxy.url,
            experiment_name=f"faults-{uuid4().hex[:8]}",
            scope="shared",
            threads=1,
            pictures=False,
            remote_retries=1,
        )
        initialise(settings)
        deliver(settings, FIRST)
        rooms = Rooms.open(MODEL, settings)
        prepared = steps.prepare(REQUEST, rooms)
        weak, strong = (steps.train(prepared, name, rooms) for name in (WEAK, STRONG))
        rooms.ledger.close()
        yield Lender(settings, proxy, prepared, weak, strong)


class Night:
    """The lender's night in a scope of its own; a step that failed is run again, as by Airflow.

    Parameters
    ----------
    lender : Lender
        Its proxy is healed once a step has failed.
    seconds : int
        How long a try may take.
    has_champion : bool
        The weak candidate serves already.
    """

    def __init__(self, lender: Lender, *, seconds: int, has_champion: bool = True) -> None:
        settings = lender.settings.model_copy(update={"remote_timeout_seconds": seconds})
        self.lender = lender
        scope = f"n-{uuid4().hex[:8]}"  # other workers' nights are on the same server
        self.rooms = Rooms.open(MODEL, settings.in_scope(scope))
        self.failed: list[str] = []
        if has_champion:
            self._crown(lender.weak)
        self.first_champion = self.rooms.ledger.champion(MODEL)

    def tried(self, step: Callable[..., Answer], *given: Any) -> Answer:
        """Run a step, and once more where it ends as ``Unreachable``; nothing else may come."""
        try:
            return self.once(step, *given)
        except Unreachable:
            self.failed.append(step.__name__)
            if step is not steps.promote:
                assert self.rooms.ledger.champion(MODEL) == self.first_champion
            self.lender.proxy.heal()
        return self.once(step, *given)

    def once(self, step: Callable[..., Answer], *given: Any) -> Answer:
        """Run a step, and see that it ends in bounded time."""
        began = time.monotonic()
        try:
            return step(*given, self.rooms)
        finally:
            assert time.monotonic() - began < STEP_SECONDS

    def is_whole(self, decision: NightDecision) -> None:
        """See that one version and one promotion came of it, and that the alias shows them."""
        ledger, registry, name = self.rooms.ledger, self.rooms.registry, self.rooms.registered_name
        challenger = decision.challenger
        assert decision.decision is Decision.PROMOTE, decision.reasons
        assert challenger is not None
        epochs = 1 if self.first_champion is None else 2
        history = ledger.history(MODEL)
        assert [link.epoch for link in history] == list(range(1, epochs + 1))
        assert history[-1].version == challenger.version
        assert ledger.verify(MODEL) == epochs
        assert registry.alias_version(name, "production") == challenger.version
        key = registration_key(name, challenger.run_id, challenger.artifact_sha256)
        of_key = f"name = '{name}' and {tags.equals(tags.IDEM_KEY, key)}"
        found = open_client(self.rooms.settings).search_model_versions(of_key)
        assert [int(version.version) for version in found] == [challenger.version]

    def runs(self) -> list[Any]:
        """Return the MLflow runs of this scope."""
        client, name = open_client(self.rooms.settings), self.rooms.settings.scoped_experiment
        found = client.get_experiment_by_name(name)
        return [] if found is None else list(client.search_runs([found.experiment_id]))

    def _crown(self, weak: TrainedCandidate) -> None:
        rooms = self.rooms
        version = rooms.registry.register(
            rooms.registered_name, weak, model=MODEL, idem_key="the-first"
        )
        rooms.ledger.remember_version(version)
        rooms.ledger.promote(
            MODEL,
            version,
            None,
            0,
            "the-first",
            kind=PromotionKind.FORCED,
            evidence_sha256=None,
            actor="test",
            reason="a test",
            as_of=FIRST,
            at=datetime.now(UTC),
        )


def _far_apart(document: dict[str, Any]) -> None:
    """Let the gate promote the one candidate over the other."""
    document["candidates"][1]["parameters"] |= {"n_estimators": 1, "max_depth": 1}
    # a collection of garbage in the middle of scoring a row counts as the model's time
    document["gate"]["guards"]["operations"] = {"max_one_row_ms": 60_000.0}


@contextmanager
def _working_once() -> Iterator[None]:
    """Keep what was validated, fitted and timed: it is the same in every scope."""
    with pytest.MonkeyPatch.context() as patch:
        for module, name, which in (
            (contracts, "run_suites", lambda _suites, as_of, _docs: as_of),
            (training, "fit_from_snapshot", lambda _of, _spec, candidate, *_, **__: candidate.name),
            (training, "one_row_milliseconds", lambda model, _rows: id(model)),
        ):
            patch.setattr(module, name, _remembering(getattr(module, name), which))
        yield


def _remembering(work: Callable[..., Any], which: Callable[..., Any]) -> Callable[..., Any]:
    done: dict[Any, Any] = {}

    def remembered(*given: Any, **named: Any) -> Any:
        key = which(*given, **named)
        if key not in done:
            done[key] = work(*given, **named)
        return done[key]

    return remembered
