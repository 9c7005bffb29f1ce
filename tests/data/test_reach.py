from __future__ import annotations

from datetime import timedelta

from finrisk.data.reach import DAYS_FOR_MEDIANS, first_day_read
from tests.data.cards import AS_OF, a_fraud_spec
from tests.data.factories import a_spec

# the label's delay and as_of's day, the hold-out, the embargo and the day beside it, development
SPLIT = 1 + 2 + 4 + 2 + 1 + 8


def test_a_night_reads_its_split_and_what_its_windows_look_back_on() -> None:
    long = {"name": "customer", "entity": "customer", "days": [40], "mean": "amount"}

    short_of_windows = first_day_read(a_fraud_spec(), AS_OF)
    far = first_day_read(a_fraud_spec(windows=[long]), AS_OF)

    assert short_of_windows == AS_OF - timedelta(days=SPLIT + DAYS_FOR_MEDIANS)
    assert far == AS_OF - timedelta(days=SPLIT + 40)


def test_a_model_without_windows_reads_all_there_is() -> None:
    assert first_day_read(a_spec(training={"max_vintages": 9}), AS_OF) is None
