"""A real ``mlflow server`` behind a proxy that spoils a call of a night: ten calls, eight faults.

Whatever the fault: nothing waits long, a step that cannot go on ends as ``Unreachable`` with the
champion untouched, and the same step again leaves one run, one version and one promotion.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest

from finrisk.errors import Unreachable
from finrisk.pipelines import steps
from finrisk.records import NightDecision
from finrisk.tracking import tags
from tests.faults.proxy import Call, Fault
from tests.faults.served_nights import MODEL, REQUEST, STRONG, Lender, Night, served_lender

SERVER = os.environ.get("TEST_MLFLOW_URL", "")
pytestmark = pytest.mark.skipif(not SERVER, reason="TEST_MLFLOW_URL names no mlflow server")

Open = Callable[..., Night]
REPEATED = {Fault.REFUSED, Fault.HANGS, Fault.FAILED, Fault.BUSY, Fault.LIMITED, Fault.LOST}
LASTING = (Fault.REFUSED, Fault.HANGS, Fault.LOST)


@dataclass(frozen=True)
class Spoiled:
    """A call of a night: which of its like, and the step that makes it.

    ``trains`` says whether the night trains in its own scope, or takes the lender's candidate.
    """

    step: str
    method: str
    path: str
    occurrence: int = 1
    trains: bool = False
    has_champion: bool = True
    has_answer: bool = True

    def times(self, times: int | None) -> Call:
        return Call(self.method, self.path, self.occurrence, times)

    def fails(self, fault: Fault) -> bool:
        """Whether a fault that passes fails the step: what is repeated succeeds, and so does what
        spoils an answer that is empty, or one that nobody waits for."""
        return fault not in REPEATED and self.has_answer


class FirstTries(Counter[tuple[str, str]]):
    """Every call's first try: the second is the client's repetition of it, and passes."""

    def __call__(self, method: str, path: str) -> bool:
        self[method, path] += 1
        return self[method, path] % 2 == 1


CALLS = {
    "search runs": Spoiled("train", "POST", "/runs/search$", trains=True),
    "create run": Spoiled("train", "POST", "/runs/create$", trains=True),
    "log batch": Spoiled("train", "POST", "/runs/log-batch$", 3, trains=True),
    "create logged model": Spoiled("train", "POST", "/logged-models$", trains=True),
    "upload": Spoiled("train", "PUT", "-artifacts/artifacts/", 3, trains=True, has_answer=False),
    "finalize logged model": Spoiled("train", "PATCH", "/logged-models/m-\\w+$", trains=True),
    "create registered model": Spoiled(
        "decide", "POST", "/registered-models/create$", has_champion=False
    ),
    "create model version": Spoiled("decide", "POST", "/model-versions/create$"),
    "download": Spoiled("decide", "GET", "-artifacts/artifacts/", 3, trains=True),
    "set alias": Spoiled("promote", "POST", "/registered-models/alias$", has_answer=False),
}


@pytest.fixture(scope="module")
def lender(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lender]:
    with served_lender(tmp_path_factory.mktemp("lender"), SERVER) as made:
        yield made


@pytest.fixture
def open_night(lender: Lender) -> Iterator[Open]:
    opened: list[Night] = []

    def opening(fault: Fault, **changes: bool) -> Night:
        patience = 1 if fault is Fault.HANGS else 10
        opened.append(Night(lender, seconds=patience, **changes))
        return opened[-1]

    yield opening
    lender.proxy.heal()
    for night in opened:
        night.rooms.ledger.close()


def lived(night: Night, *, trains: bool) -> NightDecision:
    """Run the night's steps from its snapshot on, each again where it failed."""
    trained = night.lender.strong
    if trains:
        trained = night.tried(steps.train, night.lender.prepared, STRONG)
    decision = night.tried(steps.decide, night.lender.prepared, [trained])
    return night.tried(steps.promote, decision)


def complete(runs: list[Any]) -> list[Any]:
    return [run for run in runs if run.data.tags.get(tags.COMPLETE) == tags.YES]


@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("name", CALLS)
def test_a_fault_that_passes_costs_a_repetition_of_the_call_or_of_the_step(
    lender: Lender, open_night: Open, name: str, fault: Fault
) -> None:
    spoiled = CALLS[name]
    night, call = open_night(fault, has_champion=spoiled.has_champion), spoiled.times(1)
    lender.proxy.arm(fault, call)

    decision = lived(night, trains=spoiled.trains)

    assert call.spoiled == 1
    assert night.failed == ([spoiled.step] if spoiled.fails(fault) else [])
    night.is_whole(decision)
    assert len(night.runs()) == len(complete(night.runs())) == spoiled.trains


@pytest.mark.parametrize("fault", LASTING)
@pytest.mark.parametrize("name", [name for name in CALLS if name != "set alias"])
def test_a_fault_that_lasts_ends_its_step_as_unreachable_and_the_next_try_finishes(
    lender: Lender, open_night: Open, name: str, fault: Fault
) -> None:
    spoiled = CALLS[name]
    night = open_night(fault, has_champion=spoiled.has_champion)
    lender.proxy.arm(fault, spoiled.times(None))

    decision = lived(night, trains=spoiled.trains)

    assert night.failed == [spoiled.step]
    night.is_whole(decision)
    assert len(night.runs()) == len(complete(night.runs())) == spoiled.trains


@pytest.mark.parametrize("fault", [*LASTING, Fault.TRUNCATED])
def test_a_fault_while_aliases_are_set_leaves_the_promotion_standing(
    lender: Lender, open_night: Open, fault: Fault
) -> None:
    night = open_night(fault)
    decision = night.tried(steps.decide, lender.prepared, [lender.strong])
    lender.proxy.arm(fault, CALLS["set alias"].times(None))

    with suppress(Unreachable):  # where the port is closed, the night's run cannot be either
        night.once(steps.promote, decision)

    champion = night.rooms.ledger.champion(MODEL)
    assert champion is not None
    assert decision.challenger is not None
    assert champion.version == decision.challenger.version
    lender.proxy.heal()
    night.is_whole(night.once(steps.promote, decision))


@pytest.mark.parametrize("fault", [Fault.BUSY, Fault.LOST])
def test_a_night_whose_every_call_is_spoiled_once_ends_as_if_none_had_been(
    lender: Lender, open_night: Open, fault: Fault
) -> None:
    night = open_night(fault)
    lender.proxy.arm(Fault.FAILED, CALLS["finalize logged model"].times(None))
    with pytest.raises(Unreachable):  # so that there is something unfinished to remove
        night.once(steps.train, lender.prepared, STRONG)
    lender.proxy.heal()
    lender.proxy.arm(fault, FirstTries())

    prepared = night.once(steps.prepare, REQUEST)
    trained = [night.once(steps.train, prepared, STRONG)]
    decision = night.once(steps.promote, night.once(steps.decide, prepared, trained))

    lender.proxy.heal()
    night.is_whole(decision)
    assert {run.info.status for run in night.runs()} == {"FINISHED"}
    assert len(night.runs()) == 3  # the night's, its data quality's and its candidate's
