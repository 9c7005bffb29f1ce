"""Two tenants on one ledger, interleaved at random: each sees what it did, and nothing else.

Both have the same models, versions of the same numbers, nights of the same days, and use the same
keys, so that whatever is not kept apart meets. What a tenant should see is told by a few dicts, one
set a tenant, which know nothing of the other; every method of the ledger is the real one, with real
statements, on a database in memory that each interleaving finds empty.
"""

from __future__ import annotations

import dataclasses
import os
import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import StaticPool, create_engine
from sqlalchemy.orm import Session

from finrisk.errors import ConfigurationError, PromotionError, PromotionFrozen
from finrisk.ledger.challenges import ChallengeKind
from finrisk.ledger.events import EventKind
from finrisk.ledger.inbox import Asked, Limits
from finrisk.ledger.readings import Reading, State
from finrisk.ledger.schema import Base
from finrisk.ledger.store import Ledger
from finrisk.records import ModelVersion, PromotionKind
from tests.ledger.factories import (
    AT,
    BUDGET,
    NIGHT,
    digest,
    evidence,
    force,
    night_decision,
    request,
    version,
)

INTERLEAVINGS = int(os.environ.get("INTERLEAVINGS", "1000"))  # 10,000 take 75 s on two cores
PARTS = 4
STEPS = 8
TENANTS = ("acme", "borealis")
MODELS = ("credit_risk", "fraud")
KEYS = ("first", "second")


class InMemory(Ledger):
    """The ledger on a session that the test holds, so that thousands of worlds cost no disk."""

    def __init__(self, session: Session, scope: str) -> None:
        self.scope = scope
        self.session = session

    @contextmanager
    def _read(self) -> Iterator[Session]:
        yield self.session

    @contextmanager
    def _write(self, subject: str) -> Iterator[Session]:
        with self.session.begin_nested():
            yield self.session


@dataclass
class Seen:
    """What one tenant should see, by model; it has never heard of the other."""

    champion: dict[str, tuple[int, int, str]] = field(default_factory=dict)
    history: dict[str, list[tuple[int, int, str]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    freezes: dict[str, list[date | None]] = field(default_factory=lambda: defaultdict(list))
    signed: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    looks: dict[str, dict[date, str]] = field(default_factory=lambda: defaultdict(dict))
    paid: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    events: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    nights: dict[str, dict[date, str]] = field(default_factory=lambda: defaultdict(dict))
    alerts: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))
    shadows: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    readings: dict[str, dict[str, float]] = field(default_factory=lambda: defaultdict(dict))
    intents: dict[str, str] = field(default_factory=dict)


class Lender:
    """One tenant: it acts on the ledger and on what it should see, and holds the two together."""

    def __init__(self, session: Session, name: str, chance: random.Random) -> None:
        self.name = name
        self.ledger = InMemory(session, name)
        self.seen = Seen()
        self.chance = chance

    def version(self, model: str, number: int) -> ModelVersion:
        """Return a version of its own bytes, numbered as the other tenant's."""
        bytes_of = digest(f"{self.name} {model} {number}")
        return version(
            number, model=model, run_id=f"{self.name}-{number}", artifact_sha256=bytes_of
        )

    # what it does

    def promote(self, model: str) -> None:
        champion = self.seen.champion.get(model)
        free = [number for number in (1, 2, 3) if champion is None or number != champion[0]]
        new = self.version(model, self.chance.choice(free))
        epoch = 0 if champion is None else champion[1]
        if (frozen := self.seen.freezes[model]) and frozen[-1] is not None:
            with pytest.raises(PromotionFrozen):
                force(self.ledger, new, idem_key=f"{model} {epoch}")
            return
        force(self.ledger, new, idem_key=f"{model} {epoch}")
        self._serves(model, new, epoch + 1)
        self.seen.signed[model].append(new.version)  # who forces vouches for it

    def roll_back(self, model: str) -> None:
        now = self.seen.champion.get(model)
        served = [one for one, _, _ in self.seen.history[model] if now is None or one != now[0]]
        if now is None or not served:
            return
        back = self.version(model, served[-1])
        force(self.ledger, back, kind=PromotionKind.ROLLBACK, idem_key=f"{model} {now[1]}")
        self._serves(model, back, now[1] + 1)

    def _serves(self, model: str, new: ModelVersion, epoch: int) -> None:
        link = (new.version, epoch, new.artifact_sha256)
        self.seen.champion[model] = link
        self.seen.history[model].append(link)

    def freeze(self, model: str) -> None:
        until = self.chance.choice([None, NIGHT + timedelta(days=9)])
        known = self.seen.freezes[model]
        why = {"reason": "year-end", "actor": "ana", "at": AT}
        if until is None and not known:
            with pytest.raises(ConfigurationError, match="no change freeze to lift"):
                self.ledger.freeze(model, until, **why)
            return
        self.ledger.freeze(model, until, **why)
        if not known or known[-1] != until:
            known.append(until)

    def sign(self, model: str) -> None:
        number = self.chance.choice((1, 2, 3))
        given: dict[str, Any] = {"reason": "read it", "actor": "ana", "at": AT}
        if number not in {one for one, _, _ in self.seen.history[model]}:
            with pytest.raises(PromotionError):
                self.ledger.sign(self.version(model, number), **given)
            return
        self.ledger.sign(self.version(model, number), **given)
        self.seen.signed[model].append(number)

    def look(self, model: str) -> None:
        night = NIGHT + timedelta(days=self.chance.choice((0, 1)))
        if night in self.seen.looks[model]:
            return
        asked = request(
            night,
            champion=self.ledger.champion(model),
            challenger=self.version(model, 3),
            holdout=f"{self.name} {night}",
        )
        asked = dataclasses.replace(asked, model=model)
        grant = self.ledger.spend_look(asked, BUDGET, AT)
        assert grant.look is not None
        judged = evidence(self.version(model, 3), grant.look)
        facts = judged.facts.replace(model=model, highest_single_feature=self.name)
        self.ledger.save_evidence(judged.replace(facts=facts), AT)
        self.seen.looks[model][night] = asked.holdout_sha256
        self.seen.paid[model] += model in self.seen.champion  # the first champion's look is free

    def note(self, model: str) -> None:
        key, told = self.chance.choice(KEYS), self._own()
        document = {"told": told}
        kept = self.ledger.record_event(
            model, kind=EventKind.BAKE, key=key, as_of=NIGHT, document=document, at=AT
        )
        assert kept.document["told"] == self.seen.events[model].setdefault(key, told)

    def night(self, model: str) -> None:
        day, told = NIGHT + timedelta(days=self.chance.choice((0, 1))), self._own()
        self.ledger.record_night(
            night_decision(day, model=model, reasons=(told,)),
            snapshot_sha256=digest(told),
            spec_sha256=digest(self.name),
            holdout_sha256=None,
            at=AT,
        )
        self.seen.nights[model][day] = told

    def alert(self, model: str) -> None:
        key = self.chance.choice(KEYS)
        asked = Asked(model, digest(key), f"FinRisk {key}", "monitor", self.name, AT)
        rerun = self.ledger.receive_alert(asked, Limits(), AT)
        counted = self.seen.alerts[model]
        counted[key] = counted.get(key, 0) + 1
        assert (rerun.deliveries, rerun.reason) == (counted[key], self.name)

    def shadow(self, model: str) -> None:
        begun = self.seen.shadows[model]
        if begun or model not in self.seen.champion:
            return
        number = next(n for n in (1, 2, 3) if n != self.seen.champion[model][0])
        self.ledger.remember_version(self.version(model, number))
        self.ledger.begin_challenge(
            model,
            ChallengeKind.SHADOW,
            number,
            share=None,
            salt=None,
            actor="ana",
            reason="a look at it",
            at=AT,
        )
        begun.append(number)

    def read(self, model: str) -> None:
        value = self.chance.random()
        reading = Reading(
            model, NIGHT, "score_drift", "score", 1, value, None, None, 0.2, State.QUIET, {}
        )
        self.ledger.keep_readings(model, [reading], AT)
        self.seen.readings[model]["score"] = value

    def intend(self, _: str) -> None:
        key, told = self.chance.choice(KEYS), self._own()
        kept = self.ledger.begin_intent(key, "register", {"told": told}, AT)
        assert kept.payload["told"] == self.seen.intents.setdefault(key, told)

    def _own(self) -> str:
        return f"{self.name} {self.chance.random()}"

    # what it sees

    def look_around(self, model: str) -> None:
        """Hold one of its views beside what it should see."""
        self.chance.choice(VIEWS)(self, model)

    def sees_champion(self, model: str) -> None:
        found = self.ledger.champion(model)
        seen = None if found is None else (found.version, found.epoch, found.artifact_sha256)
        assert seen == self.seen.champion.get(model)

    def sees_history(self, model: str) -> None:
        found = self.ledger.history(model)
        links = [(link.version, link.epoch, link.artifact_sha256) for link in found]
        assert links == self.seen.history[model]
        assert self.ledger.verify(model) == len(links)

    def sees_freezes_and_signatures(self, model: str) -> None:
        assert [one.until for one in self.ledger.freezes(model)] == self.seen.freezes[model]
        signed = [(one.version, one.artifact_sha256) for one in self.ledger.signatures(model)]
        own = [(n, self.version(model, n).artifact_sha256) for n in self.seen.signed[model]]
        assert signed == own

    def sees_looks(self, model: str) -> None:
        found = {look.night: look.holdout_sha256 for look in self.ledger.looks(model)}
        assert found == self.seen.looks[model]
        spent = self.ledger.spent(model, NIGHT.year)
        assert spent.scheduled_looks == self.seen.paid[model]
        for judged in self.ledger.judged_looks(model, 9):
            assert judged.look.holdout_sha256 in found.values()

    def sees_events_and_nights(self, model: str) -> None:
        kept = self.ledger.events(model, EventKind.BAKE)
        assert {one.key: one.document["told"] for one in kept} == self.seen.events[model]
        nights = {one.as_of: one.reasons[0] for one in self.ledger.nights(model)}
        assert nights == self.seen.nights[model]

    def sees_alerts(self, model: str) -> None:
        found = {one.alert.removeprefix("FinRisk "): one for one in self.ledger.reruns(model)}
        assert {key: one.deliveries for key, one in found.items()} == self.seen.alerts[model]
        assert {one.reason for one in self.ledger.pending_reruns()} <= {self.name}

    def sees_challenges_and_readings(self, model: str) -> None:
        running = [(one.version, one.artifact_sha256) for one in self.ledger.challenges(model)]
        own = [(n, self.version(model, n).artifact_sha256) for n in self.seen.shadows[model]]
        assert running == own
        read = {one.subject: one.value for one in self.ledger.newest_readings(model)}
        assert read == self.seen.readings[model]

    def sees_versions_and_evidence(self, model: str) -> None:
        named = self.ledger.named(model)
        own = {self.version(model, number).artifact_sha256 for number in (1, 2, 3)}
        assert {one.artifact_sha256 for one in self.ledger.versions(model)} <= own
        assert set(named.artifacts) <= own


ACTS: tuple[Callable[[Lender, str], None], ...] = (
    Lender.promote,
    Lender.promote,
    Lender.roll_back,
    Lender.freeze,
    Lender.sign,
    Lender.look,
    Lender.note,
    Lender.night,
    Lender.alert,
    Lender.shadow,
    Lender.read,
    Lender.intend,
)
VIEWS: tuple[Callable[[Lender, str], None], ...] = (
    Lender.sees_champion,
    Lender.sees_history,
    Lender.sees_freezes_and_signatures,
    Lender.sees_looks,
    Lender.sees_events_and_nights,
    Lender.sees_alerts,
    Lender.sees_challenges_and_readings,
    Lender.sees_versions_and_evidence,
)


def interleave(session: Session, seed: int) -> None:
    """Let two tenants act in turns that chance decides, and look around at the end."""
    chance = random.Random(seed)
    lenders = [Lender(session, name, chance) for name in TENANTS]
    for _ in range(STEPS):
        chance.choice(ACTS)(chance.choice(lenders), chance.choice(MODELS))
    for lender in lenders:
        for model in MODELS:
            lender.look_around(model)


@pytest.fixture(scope="module")
def memory() -> Any:
    engine = create_engine("sqlite://", poolclass=StaticPool)
    Base.metadata.create_all(engine)
    return engine


@pytest.mark.parametrize("part", range(PARTS))
def test_two_tenants_interleaved_see_what_each_did_and_nothing_of_the_other(
    memory: Any, part: int
) -> None:
    for seed in range(part * INTERLEAVINGS // PARTS, (part + 1) * INTERLEAVINGS // PARTS):
        with memory.connect() as connection, connection.begin() as whole:
            session = Session(connection, join_transaction_mode="create_savepoint")
            try:
                interleave(session, seed)
            except BaseException as exc:
                exc.add_note(f"interleaving {seed}")
                raise
            finally:
                session.close()
                whole.rollback()
