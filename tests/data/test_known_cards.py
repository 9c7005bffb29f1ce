from __future__ import annotations

import pandas as pd

from finrisk.data.known_cards import known_cards
from tests.data.cards import a_fraud_spec


def rows(*cells: tuple[str, str | None, int | None]) -> pd.DataFrame:
    days, cards, labels = zip(*cells, strict=True)
    return pd.DataFrame(
        {
            "_event_day": pd.to_datetime(list(days)),
            "customer": pd.array(list(cards), dtype="str"),
            "_label": pd.array(list(labels), dtype="Int8"),
        }
    )


def test_a_card_is_known_a_label_s_delay_after_its_first_fraud() -> None:
    frame = rows(
        ("2024-03-01", "a", 1),
        ("2024-03-02", "a", 0),
        ("2024-03-03", "a", None),  # two days later: believed, and this row has no label yet
        ("2024-03-03", "b", 0),
    )

    assert known_cards(frame, a_fraud_spec()).tolist() == [False, False, True, False]


def test_a_row_without_a_card_is_nobody_elses() -> None:
    frame = rows(("2024-03-01", None, 1), ("2024-03-09", None, 0), ("2024-03-09", "a", 0))

    assert not known_cards(frame, a_fraud_spec()).any()


def test_without_a_fraud_no_card_is_known() -> None:
    assert not known_cards(rows(("2024-03-01", "a", 0)), a_fraud_spec()).any()


def test_a_policy_without_cards_knows_none() -> None:
    gate = a_fraud_spec().gate.model_copy(update={"alerts": None})
    spec = a_fraud_spec().model_copy(update={"gate": gate})

    assert not known_cards(rows(("2024-03-01", "a", 1), ("2024-03-09", "a", 0)), spec).any()
