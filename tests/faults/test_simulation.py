"""Seeded schedules hold every invariant; and the same schedules catch a ledger that is broken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from finrisk.ledger import lineage, looks, promotions
from finrisk.pipelines import promoting
from finrisk.promotion import rollback, swap
from finrisk.records import Champion, PromotionRecord
from finrisk.tracking.registration import Registration
from tests.faults.invariants import Violation
from tests.faults.simulated_mlflow import SimulatedRegistry
from tests.faults.simulation import play
from tests.faults.soak import template

Patch = Callable[[pytest.MonkeyPatch], None]
ENOUGH = 400  # a broken rule is seen much sooner


@pytest.fixture(scope="module")
def database() -> Iterator[Path]:
    with template() as made:
        yield made


def play_all(seeds: range, database: Path) -> None:
    for seed in seeds:
        play(seed, database.parent, database)


@pytest.mark.parametrize("first", range(0, 400, 50))
def test_no_schedule_breaks_an_invariant(database: Path, first: int) -> None:
    play_all(range(first, first + 50), database)


def test_a_seed_plays_the_same_acts_again(database: Path) -> None:
    once, again = (play(7, database.parent, database) for _ in range(2))

    assert once == again
    assert len(once) >= 14


def without_compare_and_swap(patch: pytest.MonkeyPatch) -> None:
    """Take a swap that hit nothing for done.

    Two more walls stand behind it and are taken down with it: the epoch's primary key, and evidence
    that must be about the champion of now.
    """
    link, grounds = promotions._link, promotions._check_grounds

    def next_in_line(scope: str, order: promotions.Order, last: Any) -> PromotionRecord:
        return link(scope, replace(order, expected_epoch=last.epoch if last else 0), last)

    def as_it_was(session: Any, scope: str, order: promotions.Order, now: Champion | None) -> None:
        if now is not None and order.expected_version is not None:
            now = now.replace(version=order.expected_version, epoch=order.expected_epoch)
        grounds(session, scope, order, now)

    patch.setattr(promotions, "_check_expected", lambda *_: None)
    patch.setattr(promotions, "_rows_hit", lambda _: 1)
    patch.setattr(promotions, "_link", next_in_line)
    patch.setattr(promotions, "_check_grounds", as_it_was)


def without_evidence(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(promotions, "check_evidence", lambda *_: None)


def without_idempotency(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Registration, "_found", lambda _: [])


def without_lineage(patch: pytest.MonkeyPatch) -> None:
    def anybody(model: str, history: list[Any], asked: int | None) -> int:
        return asked if history and asked else lineage.rollback_target(model, history, None)

    patch.setattr(rollback, "rollback_target", anybody)


def without_a_limit_to_the_budget(patch: pytest.MonkeyPatch) -> None:
    dear = SimpleNamespace(alpha=0.02, refused=None, left=1.0)
    patch.setattr(looks, "alpha_for_look", lambda *_: dear)


def without_reconciling(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(promoting, "reconcile_champion", lambda *_: None)


def without_copies(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(SimulatedRegistry, "_keep", lambda *_: None)


def without_a_chain(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(promotions, "_last", lambda *_: None)


def before_the_ledger(patch: pytest.MonkeyPatch) -> None:
    """Show the challenger before it is champion, as a registry's stage would be set first."""
    verify = SimulatedRegistry.verify

    def shown_first(registry: SimulatedRegistry, name: str, version: Any) -> None:
        verify(registry, name, version)
        registry.set_alias(name, "production", version.version)

    patch.setattr(SimulatedRegistry, "verify", shown_first)
    patch.setattr(promoting, "reconcile_champion", lambda *_: None)
    patch.setattr(swap, "projected", lambda *rest: rest[-1])


BROKEN: dict[Patch, str] = {
    without_compare_and_swap: "I1",
    without_evidence: "I5",
    without_idempotency: "I4",
    without_lineage: "I8",
    without_a_limit_to_the_budget: "I10",
    without_reconciling: "I2",
    without_copies: "I6",
    without_a_chain: "I3|ledger",
    before_the_ledger: "I2",
}


@pytest.mark.parametrize(
    ("broken", "invariant"), BROKEN.items(), ids=lambda v: getattr(v, "__name__", v)
)
def test_a_rule_that_is_taken_out_is_missed_at_once(
    database: Path, monkeypatch: pytest.MonkeyPatch, broken: Patch, invariant: str
) -> None:
    broken(monkeypatch)

    with pytest.raises(Violation, match=rf"seed \d+: .*({invariant})"):
        play_all(range(ENOUGH), database)
