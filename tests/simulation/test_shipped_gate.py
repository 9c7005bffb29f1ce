from __future__ import annotations

from datetime import date

import pytest

from finrisk.gate.decision import may_look
from finrisk.records import Decision
from finrisk.simulation.shipped_gate import ShippedGate, facts_of_look
from tests.simulation.factories import daily, in_terminals, scored


def test_every_precondition_holds_on_a_simulated_night() -> None:
    setting = daily()

    assert may_look(facts_of_look(setting, scored(), 3, None, None, None), setting.policy)


@pytest.mark.parametrize(
    ("gain", "decision"),
    [(0.05, Decision.PROMOTE), (0.0, Decision.HOLD), (-0.05, Decision.REJECT)],
)
def test_the_real_gate_decides(gain: float, decision: Decision) -> None:
    verdict = ShippedGate(daily()).verdict(scored(gain))

    assert verdict.decision is decision
    assert verdict.z_needed == pytest.approx(3.696, abs=1e-3)


def test_a_looks_date_moves_with_the_night() -> None:
    setting = daily().delayed()

    facts = facts_of_look(setting, scored(), 31, 0.001, None, None)

    assert facts.as_of == date(2025, 2, 1)
    assert facts.holdout is not None
    assert (facts.holdout.last_day, facts.holdout.first_day) == (
        date(2025, 1, 25),
        date(2025, 1, 16),
    )


def test_a_year_has_as_many_looks_as_its_budget_and_the_next_year_begins_anew() -> None:
    gate = ShippedGate(daily())
    spent = [gate._pay() for _ in range(365)]

    assert all(refused is None for _, refused in spent)
    assert sum(alpha or 0.0 for alpha, _ in spent) == pytest.approx(0.04)
    assert gate._pay()[0] == pytest.approx(0.04 / 365)


def test_declared_clusters_widen_the_interval() -> None:
    found = scored(0.03, shape=in_terminals(own_share=0.9, bads_each=20.0))

    verdicts = [
        ShippedGate(daily()).verdict(
            type(found)(found.labels, found.champion, found.challenger, clusters)
        )
        for clusters in (None, found.clusters)
    ]

    widths = [v.interval[1] - v.interval[0] for v in verdicts if v.interval]
    assert widths[1] > 1.2 * widths[0]
