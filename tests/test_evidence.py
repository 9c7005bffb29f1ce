"""Evidence is kept for good: what an earlier version stored is still read."""

from __future__ import annotations

import json

from finrisk.evidence import Evidence
from finrisk.gate.decision import decide
from finrisk.specs.policy import GatePolicy
from tests.gate.factories import good_facts
from tests.ledger.factories import evidence, version


def test_evidence_with_every_guard_survives_json_unchanged() -> None:
    facts = good_facts()
    found = evidence(version(2), None).replace(facts=facts, verdict=decide(facts, GatePolicy()))

    assert Evidence.from_json(json.loads(found.canonical())) == found


def test_evidence_from_before_the_guards_is_read_as_it_was() -> None:
    document = evidence(version(2), None).to_json()
    facts = document["facts"]
    compared = facts["comparison"]
    compared["champion_auc"] = compared.pop("champion")
    compared["challenger_auc"] = compared.pop("challenger")
    for later in ("metric", "standard_errors", "variance_by"):
        del compared[later]
    for later in ("bad_clusters", "guards"):
        del facts[later]
    for rule in document["verdict"]["rules"]:
        del rule["harm"]

    found = Evidence.from_json(document)

    assert found.facts.comparison is not None
    assert found.facts.comparison.champion == 0.70
    assert (found.facts.comparison.metric, found.facts.guards) == ("auc", None)
