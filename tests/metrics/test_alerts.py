from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finrisk.errors import ConfigurationError, DataError, LabelError, NotEnoughData
from finrisk.metrics.alerts import (
    BudgetMetrics,
    alerts_by_day,
    budget_metrics,
    daily_precision,
    fraud_metrics,
)
from finrisk.metrics.card_alerts import card_precision, known_compromised
from finrisk.metrics.days import rows_by_day
from finrisk.metrics.ranking import ranking_metrics

EXACT = 1e-12
Row = tuple[int, int, int, int]
"""Label, score, day and card."""

ROWS = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 4), st.integers(0, 3), st.integers(0, 5)),
    min_size=1,
    max_size=40,
).map(lambda rows: [(0, 1, 0, 0), (1, 2, 0, 1), *rows])


def columns(rows: Sequence[Row]) -> list[list[int]]:
    return [list(column) for column in zip(*rows, strict=True)]


def plain_caught(rows: Sequence[Row], k: int) -> dict[int, tuple[Fraction, int, int]]:
    """Return what is caught, the alerts and the bads of each day, score by score."""
    days: dict[int, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for label, score, day, _ in rows:
        days[day][score].append(label)
    found = {}
    for day, by_score in days.items():
        caught, room = Fraction(0), k
        for score in sorted(by_score, reverse=True):
            labels = by_score[score]
            taken = min(room, len(labels))
            caught += Fraction(taken * sum(labels), len(labels))
            room -= taken
        found[day] = (caught, k - room, sum(map(sum, by_score.values())))
    return found


def plain_card_precision(rows: Sequence[Row], k: int, known: Sequence[bool]) -> Fraction:
    blocked: set[int] = set()
    shares = []
    for day in sorted({row[2] for row in rows}):
        risk: dict[int, int] = {}
        bad_cards = set()
        for (label, score, of_day, card), is_known in zip(rows, known, strict=True):
            if of_day != day or is_known or card in blocked:
                continue
            risk[card] = max(risk.get(card, 0), score)
            if label:
                bad_cards.add(card)
        first = sorted(risk, key=lambda card: (-risk[card], card))[:k]
        found = bad_cards & set(first)
        blocked |= found
        shares.append(Fraction(len(found), k))
    return sum(shares, Fraction(0)) / len(shares)


@given(ROWS, st.integers(1, 12))
@settings(max_examples=200, deadline=None)
def test_each_day_counts_what_its_riskiest_rows_hold(rows: list[Row], k: int) -> None:
    labels, scores, days, _ = columns(rows)

    of = alerts_by_day(labels, scores, days, k=k)

    oracle = plain_caught(rows, k)
    assert of.days.tolist() == sorted(oracle)
    assert of.rows.tolist() == [days.count(day) for day in sorted(oracle)]
    for place, day in enumerate(sorted(oracle)):
        caught, alerts, bads = oracle[day]
        assert of.bads_caught[place] == pytest.approx(float(caught), abs=EXACT)
        assert (of.alerts[place], of.bads[place]) == (alerts, bads)


@given(ROWS, st.integers(1, 12))
@settings(max_examples=100, deadline=None)
def test_the_daily_figure_averages_days_and_the_budgets_pools_them(rows: list[Row], k: int) -> None:
    labels, scores, days, _ = columns(rows)
    oracle = plain_caught(rows, k).values()

    mean = daily_precision(labels, scores, days, k=k)
    at = budget_metrics(labels, scores, days, k=k)

    assert mean == pytest.approx(float(sum(c / a for c, a, _ in oracle) / len(oracle)), abs=EXACT)
    caught, alerts, bads = (sum(part) for part in zip(*oracle, strict=True))
    assert at.precision == pytest.approx(float(caught / alerts), abs=EXACT)
    assert at.recall == pytest.approx(float(caught / bads), abs=EXACT)
    assert at.f1 == pytest.approx(float(2 * caught / (alerts + bads)), abs=EXACT)


@given(ROWS, st.integers(1, 8), st.data())
@settings(max_examples=200, deadline=None)
def test_cards_are_found_out_day_by_day(rows: list[Row], k: int, data: st.DataObject) -> None:
    labels, scores, days, cards = columns(rows)
    known = data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows)))

    precision = card_precision(labels, scores, days, cards, k=k, known=known)

    assert precision == pytest.approx(float(plain_card_precision(rows, k, known)), abs=EXACT)


@given(ROWS, st.integers(0, 3))
@settings(max_examples=100, deadline=None)
def test_a_card_is_known_once_a_bad_of_it_is_a_delay_old(rows: list[Row], delay: int) -> None:
    labels, _, days, cards = columns(rows)

    found = known_compromised(labels, days, cards, delay_days=delay)

    assert found.tolist() == [
        any(bad and c == card and d <= day - delay for bad, _, d, c in rows)
        for _, _, day, card in rows
    ]


@given(ROWS, st.integers(1, 8), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_the_order_of_the_rows_leaves_no_trace(rows: list[Row], k: int, seed: int) -> None:
    whole = [np.array(column) for column in columns(rows)]
    labels, scores, days, cards = whole
    order = np.random.default_rng(seed).permutation(len(rows))

    of = fraud_metrics(labels, scores, days, k=k, cards=cards)

    labels, scores, days, cards = (column[order] for column in whole)
    assert fraud_metrics(labels, scores, days, k=k, cards=cards) == of


def test_one_day_is_precision_at_k_of_its_rows() -> None:
    labels, scores = [1, 0, 0, 1, 0, 1], [0.9, 0.8, 0.5, 0.5, 0.2, 0.1]

    for k in (1, 3, 6, 50):
        expected = ranking_metrics(labels, scores, ks=(k,)).precision_at_k[k]
        assert daily_precision(labels, scores, [7] * 6, k=k) == expected


def test_a_day_with_fewer_rows_than_k_is_over_its_own() -> None:
    of = alerts_by_day([1, 0, 0, 1, 0, 0], [1, 2, 3, 4, 5, 6], [1, 1, 2, 2, 2, 2], k=3)

    assert of.alerts.tolist() == [2, 3]
    assert of.precision.tolist() == [1 / 2, 1 / 3]
    assert of.daily_precision == pytest.approx(5 / 12)


def test_a_day_without_bads_has_no_recall_and_a_precision_of_zero() -> None:
    of = alerts_by_day([1, 0, 0, 0], [0.9, 0.1, 0.8, 0.2], [1, 1, 2, 2], k=1)

    assert of.precision.tolist() == [1.0, 0.0]
    assert of.recall[0] == 1.0
    assert np.isnan(of.recall[1])
    assert of.at_budget == BudgetMetrics(precision=0.5, recall=1.0, f1=2 / 3)


def test_of_a_moment_the_date_counts() -> None:
    moments = np.array(["2024-03-01T23:59:59", "2024-03-02T00:00", "2024-03-02T08:30"], "M8[ns]")

    of = alerts_by_day([0, 1, 0], [0.2, 0.9, 0.4], moments, k=1)

    assert of.days.tolist() == np.array(["2024-03-01", "2024-03-02"], "M8[D]").tolist()
    assert of.bads_caught.tolist() == [0.0, 1.0]


def test_days_may_lie_far_apart_and_before_the_epoch() -> None:
    when, places = rows_by_day([20_240_301, -5, 20_240_301], 3)

    assert when.tolist() == [-5, 20_240_301]
    assert [rows.tolist() for rows in places] == [[1], [0, 2]]


def test_a_card_that_was_found_out_leaves_its_place_to_the_next() -> None:
    labels = [1, 0, 0, 1, 1, 0]
    scores = [0.9, 0.2, 0.1, 0.9, 0.5, 0.1]
    days, cards = [1, 1, 1, 2, 2, 2], ["a", "b", "c", "a", "b", "c"]

    assert card_precision(labels, scores, days, cards, k=1) == 1.0
    assert daily_precision(labels, scores, days, k=1) == 1.0
    without_b = card_precision([1, 0, 0, 1, 0, 0], scores, days, cards, k=1)
    assert without_b == 0.5


def test_a_card_missed_by_the_alerts_stays() -> None:
    labels, scores = [0, 1, 0, 1], [0.9, 0.2, 0.1, 0.8]

    assert card_precision(labels, scores, [1, 1, 2, 2], ["a", "b", "a", "b"], k=1) == 0.5


def test_a_card_counts_once_a_day_however_many_its_rows() -> None:
    labels = [1, 1, 1, 0, 0]
    scores = [0.9, 0.8, 0.7, 0.6, 0.5]

    assert card_precision(labels, scores, [1] * 5, ["a", "a", "a", "b", "c"], k=3) == 1 / 3


def test_a_card_is_compromised_by_any_row_of_its_day() -> None:
    labels, scores = [0, 1, 0], [0.9, 0.1, 0.5]

    assert card_precision(labels, scores, [1, 1, 1], ["a", "a", "b"], k=1) == 1.0


def test_of_cards_with_one_score_the_smaller_id_comes_first() -> None:
    for labels, expected in (([1, 0, 0], 1.0), ([0, 1, 0], 0.0)):
        assert card_precision(labels, [0.5] * 3, [1] * 3, ["a", "b", "c"], k=1) == expected


def test_places_that_no_card_is_left_to_fill_count_as_missed() -> None:
    labels, scores, days = [1, 0, 1, 0], [0.9, 0.1, 0.9, 0.1], [1, 1, 2, 2]

    assert card_precision(labels, scores, days, ["a", "b", "a", "b"], k=2) == 0.25
    all_known = card_precision(
        labels, scores, days, ["a", "b", "a", "b"], k=2, known=np.ones(4, bool)
    )
    assert all_known == 0.0


def test_a_cards_many_rows_do_not_hide_the_cards_below() -> None:
    rng = np.random.default_rng(3)
    cards = np.concatenate([np.zeros(500, int), rng.integers(1, 60, size=500)])
    scores = np.concatenate([1.0 + rng.random(500), rng.random(500)])
    labels = (rng.random(1_000) < 0.1).astype(int)
    days = np.zeros(1_000, int)
    scaled = (1e6 * scores).astype(int)
    rows = list(zip(*(c.tolist() for c in (labels, scaled, days, cards)), strict=True))

    for k in (1, 7, 40, 100):
        expected = float(plain_card_precision(rows, k, [False] * 1_000))
        assert card_precision(labels, scaled, days, cards, k=k) == pytest.approx(expected)


def test_all_figures_have_the_names_that_the_gate_and_mlflow_use() -> None:
    labels, scores, days = [1, 0, 0, 1], [0.9, 0.4, 0.8, 0.3], [1, 1, 2, 2]

    of = fraud_metrics(labels, scores, days, k=50, cards=[1, 2, 3, 4], known=[False] * 4)

    ranking = ranking_metrics(labels, scores, ks=()).named()
    assert {name: of[name] for name in ranking} == ranking
    assert set(of) - set(ranking) == {
        "daily_precision_at_50",
        "card_precision_at_50",
        "precision",
        "recall",
        "f1_score",
    }
    assert "card_precision_at_50" not in fraud_metrics(labels, scores, days, k=50)


GOOD: dict[str, Any] = {
    "y_true": [1, 0, 0, 1],
    "y_score": [0.9, 0.4, 0.8, 0.3],
    "days": [1, 1, 2, 2],
    "cards": ["a", "b", "a", "b"],
    "k": 1,
}


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"y_true": [0, 0, 0, 0]}, LabelError, "one class only"),
        ({"y_true": [0, 1, 2, 0]}, LabelError, "other than 0 and 1"),
        ({"y_score": [0.1, np.nan, 0.2, 0.3]}, DataError, "not finite"),
        ({"days": [1, 2]}, DataError, r"days are no column of the rows; expected shape \(4,\)"),
        ({"days": [1.0, 1.0, 2.0, 2.0]}, DataError, "days are no days; .*remedy: convert"),
        ({"days": ["1", "1", "2", "2"]}, DataError, "days are no days"),
        (
            {"days": np.array(["2024-01-01", "NaT", "NaT", "2024-01-02"], "M8[s]")},
            DataError,
            "days are missing; .*got 2 of 4 missing",
        ),
        ({"k": 0}, ConfigurationError, "alert budget is out of range; expected at least 1; got 0"),
        ({"cards": ["a", "b"]}, DataError, "'cards' is no column of the rows"),
        ({"cards": ["a"] * 4}, NotEnoughData, "at least 2 clusters; got 1"),
        ({"known": [True]}, DataError, "known is no flag a row"),
        ({"known": [0, 0, 0, 1]}, DataError, "known is no flag a row"),
    ],
)
def test_what_cannot_be_measured_is_an_error(
    change: dict[str, Any], error: type[Exception], says: str
) -> None:
    fraud_metrics(**GOOD)

    with pytest.raises(error, match=says):
        fraud_metrics(**GOOD | change)


def test_a_delay_is_never_negative() -> None:
    with pytest.raises(ConfigurationError, match="delay is out of range"):
        known_compromised([0, 1], [1, 2], [1, 2], delay_days=-1)
