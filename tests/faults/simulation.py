"""One schedule of nights, promoters, reconcilers, rollbacks and people, drawn from a seed.

The ledger is a real one on SQLite, and what is done to it is FinRisk's own code, down to the fault
points: there a process may be killed, or others may act in between, as if it had been paused. After
every act the invariants are checked. The same seed gives the same schedule, act by act.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

from finrisk import faults
from finrisk.errors import FinRiskError
from finrisk.keys import registration_key
from finrisk.ledger.looks import LookRequest
from finrisk.ledger.store import Ledger
from finrisk.pipelines import promoting, steps
from finrisk.pipelines.night_record import keep_night, spent_a_look
from finrisk.promotion.by_hand import promote_by_hand
from finrisk.promotion.swap import promote
from finrisk.records import (
    Decision,
    LookKind,
    ModelVersion,
    NightDecision,
    NightRequest,
    NightStatus,
    PreparedNight,
    PromotionKind,
    TrainedCandidate,
)
from finrisk.specs.loader import load_spec
from finrisk.specs.policy import ErrorBudget
from tests.faults.invariants import Violation, Watch, demand
from tests.faults.simulated_mlflow import SimulatedMlflow, SimulatedRegistry
from tests.ledger.factories import MODEL, digest, evidence
from tests.specs.factories import CREDIT_RISK
from tests.tracking.factories import prepared_night

NAME = "credit-risk"
START = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)
BUDGET = ErrorBudget(looks_per_year=24)  # few enough for a schedule to use them up
SPEC = load_spec(CREDIT_RISK)
INSIDE = {"promote:during", "evidence:during"}  # a transaction: nobody can act in between
DEEPEST = 2
RACE = "promote:before"  # the champion is read, the swap not begun: here rivals meet


Act = Callable[["World"], None]


class Killed(BaseException):
    """A process was killed: nothing catches it but the scheduler."""


@dataclass
class World:
    """A lender's ledger, MLflow and people, and what has happened so far."""

    seed: int
    folder: Path
    template: Path
    acts: int = 14
    trace: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rng = Random(self.seed)
        database = self.folder / f"{self.seed}.db"
        shutil.copy(self.template, database)
        self.ledger = Ledger(f"sqlite:///{database}", "live")
        self.mlflow = SimulatedMlflow(self.rng, faults=self.rng.choice([0.0, 0.02, 0.1]))
        self.registry = SimulatedRegistry(self.mlflow)
        self.watch = Watch(self.ledger, MODEL, str(database), BUDGET.alpha_year)
        self.clock, self.today, self.depth = START, START.date(), 0
        self.kills, self.pauses = self.rng.choice([0.0, 0.03]), self.rng.choice([0.0, 0.05])
        self.decisions: list[NightDecision] = []
        self.nights: list[date] = []
        self.requests = 0
        self.rooms: Any = SimpleNamespace(
            settings=SimpleNamespace(scope="live", actor="night"),
            spec=SPEC,
            ledger=self.ledger,
            registry=self.registry,
            registered_name=NAME,
            now=lambda: self.clock,
            local_now=lambda: self.clock,
            day=lambda as_of=None: as_of or self.today,
        )

    def close(self) -> None:
        self.watch.close()
        self.ledger.close()
        for left in self.folder.glob(f"{self.seed}.db*"):
            left.unlink()

    def run(self) -> None:
        """Play the schedule, then let everything come to rest; a broken invariant raises."""
        with faults.armed(self.at):
            for _ in range(self.acts):
                self.act()
        self.rest()

    def act(self, weight_of: dict[Act, float] | None = None) -> None:
        """Let somebody do something, and see that every invariant holds after it."""
        minutes = self.rng.choice([1, 5, 60, 600, -30, -1440])  # clocks go back, too
        self.clock += timedelta(minutes=minutes)
        weight_of = weight_of or ACTS
        chosen = self.rng.choices(list(weight_of), weights=list(weight_of.values()))[0]
        said = f"{'  ' * self.depth}{chosen.__name__}"
        self.trace.append(said)
        self.depth += 1
        try:
            chosen(self)
        except Killed as exc:
            self.trace.append(f"{said}: killed at {exc}")
        except FinRiskError as exc:
            self.trace.append(f"{said}: {type(exc).__name__}: {exc.what}")
        finally:
            self.depth -= 1
        self.watch.check(self.registry.copies)

    def at(self, point: str) -> None:
        """At a fault point: go on, be killed, or be paused while others act."""
        drawn = self.rng.random()
        if drawn < self.kills:
            raise Killed(point)
        pauses = 0.5 if point == RACE and self.pauses else self.pauses
        if drawn < self.kills + pauses and point not in INSIDE and self.depth <= DEEPEST:
            self.trace.append(f"{'  ' * self.depth}paused at {point}")
            self.act(RIVALS if point == RACE else ACTS)

    def rest(self) -> None:
        """Heal MLflow, run every night again as a retry would, reconcile, check what is left."""
        self.mlflow.away, self.mlflow.faults = False, 0.0
        for day in sorted(set(self.nights)):
            self.quietly(partial(self.run_night, day))
            self.watch.check(self.registry.copies)
        for _ in range(2):
            self.quietly(lambda: promoting.reconcile_champion(MODEL, self.today, self.rooms))
            self.watch.check(self.registry.copies)
        champion = self.ledger.champion(MODEL)
        shown = self.mlflow.aliases.get("production")
        if champion is not None:
            demand(shown == champion.version, "I2", f"alias {shown}, ledger {champion.version}")
            demand(self.ledger.unprojected(MODEL) == [], "I2", "a promotion is not projected")
        keys = [version.key for version in self.mlflow.versions.values()]
        demand(len(keys) == len(set(keys)), "I4", "a key has two versions")

    def quietly(self, act: Callable[[], None]) -> None:
        try:
            act()
        except FinRiskError as exc:
            self.trace.append(f"at rest: {type(exc).__name__}: {exc.what}")

    def run_night(self, day: date, variant: int = 0) -> None:
        """Do what a night does to the ledger and the registry, in its order."""
        self.nights.append(day)
        rooms, model = self.rooms, MODEL
        promoting.carry_out_pending(NightRequest(model, day), rooms)
        stored = self.ledger.night(model, day)
        if stored is not None and spent_a_look(stored.decision, rooms):
            steps.promote(stored.decision, rooms)
            return
        with faults.step("register"):
            version = self.registered(self.trained(day, variant))
        champion = self.ledger.champion(model)
        prepared = a_prepared_night(day)
        with faults.step("evaluate"):
            request = LookRequest(
                model=model,
                night=day,
                kind=LookKind.SCHEDULED,
                holdout_sha256=digest(f"holdout of {day.toordinal() // 2}"),
                snapshot_sha256=digest(f"snapshot of {day}"),
                challenger_sha256=version.artifact_sha256,
                champion=champion,
            )
            grant = self.ledger.spend_look(request, BUDGET, self.clock)
            faults.reach("evaluate:during")
        decision = self.decided(prepared, version, grant)
        decision = keep_night(decision, prepared, rooms)
        self.decisions.append(decision)
        steps.promote(decision, rooms)

    def decided(self, prepared: PreparedNight, version: ModelVersion, grant: Any) -> NightDecision:
        day = prepared.request.as_of
        decision = NightDecision(
            model=MODEL,
            as_of=day,
            status=NightStatus.READY,
            decision=Decision.HOLD,
            reasons=(grant.refused or "",),
            data_result="pass",
            challenger=version,
        )
        if grant.look is None:
            return decision
        found, sha256 = grant.evidence, grant.evidence_sha256
        if found is None:
            verdict = Random(f"{self.seed} {day}").choice(list(Decision))
            found = evidence(version, grant.look, decision=verdict)
            with faults.step("evidence"):
                sha256 = self.ledger.save_evidence(found, self.clock)
        return decision.replace(
            decision=found.verdict.decision,
            champion_version=grant.look.champion_version,
            champion_epoch=grant.look.champion_epoch,
            evidence_sha256=sha256,
        )

    def registered(self, trained: TrainedCandidate) -> ModelVersion:
        key = registration_key(NAME, trained.run_id, trained.artifact_sha256)
        self.ledger.begin_intent(key, "register", {"run_id": trained.run_id}, self.clock)
        version = self.registry.register(
            NAME, trained, model=MODEL, idem_key=key, known=self.ledger.versions(MODEL)
        )
        self.ledger.finish_intent(key, version.to_json())
        self.ledger.remember_version(version)
        return version

    def trained(self, day: date, variant: int) -> TrainedCandidate:
        """Return a night's candidate, its artifact in MLflow; a retrained one is another."""
        name = f"{day} {variant}"
        uri, sha256 = f"models:/m-{digest(name)[:8]}", digest(name)
        self.mlflow.artifacts.setdefault(uri, sha256)
        return TrainedCandidate("xgb", "xgboost", digest(name)[:32], uri, sha256, 0.7, 1.0)


def a_prepared_night(day: date) -> PreparedNight:
    return prepared_night(request=NightRequest(MODEL, day), run_id=None)


def night(world: World) -> None:
    world.today += timedelta(days=1)
    world.run_night(world.today)


def night_again(world: World) -> None:
    if world.nights:
        world.run_night(world.rng.choice(world.nights), variant=world.rng.choice([0, 0, 1]))


def late_promoter(world: World) -> None:
    """A task that was thought dead carries out its old decision."""
    if world.decisions:
        steps.promote(world.rng.choice(world.decisions), world.rooms)


def roll_back(world: World) -> None:
    world.requests += world.rng.choice([0, 1, 1])  # a request asked again has the same id
    target = world.rng.choice([None, None, world.rng.randint(1, 6)])
    steps.roll_back(
        MODEL, target, "complaints", "anna", request_id=str(world.requests), rooms=world.rooms
    )


def promote_someone(world: World) -> None:
    known = world.ledger.versions(MODEL)
    if known:
        promote_by_hand(
            world.ledger,
            world.registry,
            NAME,
            MODEL,
            world.rng.choice(known).version,
            force=world.rng.random() < 0.7,
            actor="anna",
            reason="a drill",
            as_of=world.today,
            at=world.clock,
        )


def promote_on_borrowed_evidence(world: World) -> None:
    """Ask for a promotion on what was found about another version, or another champion."""
    known, champion = world.ledger.versions(MODEL), world.ledger.champion(MODEL)
    if not (known and world.decisions and champion):
        return
    new = world.rng.choice(known)
    promote(
        world.ledger,
        world.registry,
        NAME,
        new,
        champion.version,
        champion.epoch,
        f"borrowed {champion.epoch} {new.version}",
        kind=PromotionKind.SUPERIORITY,
        evidence_sha256=world.rng.choice(world.decisions).evidence_sha256,
        actor="mallory",
        reason="looks good",
        as_of=world.today,
        at=world.clock,
    )


def reconcile(world: World) -> None:
    promoting.reconcile_champion(MODEL, world.today, world.rooms)


def freeze(world: World) -> None:
    until = world.today + timedelta(days=2)
    world.ledger.freeze(MODEL, until, reason="year-end", actor="anna", at=world.clock)


def move_alias(world: World) -> None:
    if world.mlflow.versions:
        alias = world.rng.choice(["production", "previous"])
        world.mlflow.aliases[alias] = world.rng.choice(list(world.mlflow.versions))


def delete_alias(world: World) -> None:
    world.mlflow.aliases.pop("production", None)


def delete_version(world: World) -> None:
    if world.mlflow.versions:
        world.mlflow.drop(world.rng.choice(list(world.mlflow.versions)))


def delete_registered_model(world: World) -> None:
    world.mlflow.delete_registered_model()


def spoil_artifact(world: World) -> None:
    if world.mlflow.artifacts:
        world.mlflow.artifacts[world.rng.choice(list(world.mlflow.artifacts))] = "spoilt"


def go_away_or_come_back(world: World) -> None:
    world.mlflow.away = not world.mlflow.away


ACTS: dict[Act, float] = {
    night: 8,
    night_again: 3,
    late_promoter: 2,
    roll_back: 2,
    promote_someone: 2,
    promote_on_borrowed_evidence: 1,
    reconcile: 2,
    freeze: 0.3,
    move_alias: 1,
    delete_alias: 0.7,
    delete_version: 1,
    delete_registered_model: 0.2,
    spoil_artifact: 1,
    go_away_or_come_back: 0.7,
}
RIVALS: dict[Act, float] = {promote_someone: 3, roll_back: 2, night: 1, late_promoter: 1}


def play(seed: int, folder: Path, template: Path) -> list[str]:
    """Play one schedule; return its trace. A violation names the seed and carries the trace."""
    logging.disable(logging.CRITICAL)
    world = World(seed, folder, template)
    try:
        with closing(world):
            world.run()
    except Exception as exc:
        told = "\n".join(world.trace)
        raise Violation(f"seed {seed}: {exc}\n{told}") from exc
    finally:
        logging.disable(logging.NOTSET)
    return world.trace
