from __future__ import annotations

import json
from datetime import date

import pytest
from pydantic import ValidationError

from finrisk.evidence import Facts
from finrisk.records import Check, DataVerdict, LookKind, NightDecision, NightRequest, Window
from tests.gate.factories import good_facts
from tests.ledger.factories import night_decision


def test_a_record_survives_json_unchanged() -> None:
    request = NightRequest("loans", date(2024, 2, 29), LookKind.RESERVE, candidates=("lr",))

    document = json.loads(json.dumps(request.to_json()))

    assert NightRequest.from_json(document) == request
    assert document["look"] == "reserve"


def test_a_wrong_type_is_refused() -> None:
    document = Window(date(2024, 1, 1), date(2024, 1, 31), 10, 1).to_json()

    with pytest.raises(ValidationError):
        Window.from_json({**document, "rows": "many"})


def test_facts_and_decisions_stored_before_a_field_was_added_still_parse() -> None:
    facts, decision = good_facts().to_json(), night_decision().to_json()
    del facts["frozen"], decision["missed"]

    assert Facts.from_json(facts) == good_facts()
    assert NightDecision.from_json(decision) == night_decision()


def test_the_canonical_form_does_not_depend_on_the_order_of_keys() -> None:
    window = Window(date(2024, 1, 1), date(2024, 1, 31), 10, 1)

    assert (
        window.canonical() == Window.from_json(dict(reversed(window.to_json().items()))).canonical()
    )
    assert window.replace(rows=11).canonical() != window.canonical()


def test_the_sentence_of_a_data_verdict_leads_with_what_blocks() -> None:
    warned = Check("warn", "income", "range", 3, "3 above 50000")
    blocked = Check("block", None, "row key unique", 2, "2 duplicate keys")

    assert DataVerdict("block", (warned, blocked), 30).blocking == (
        "row key unique: 2 duplicate keys",
    )
    assert DataVerdict("pass", checks_run=30).sentence == "30 checks passed"
    assert (
        DataVerdict("block", (warned, blocked), 30).sentence
        == "row key unique: 2 duplicate keys (+1 more)"
    )
