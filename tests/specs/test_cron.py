from __future__ import annotations

from datetime import UTC, datetime

import pytest

from finrisk.specs.cron import check_cron

SOUND = [
    "0 2 * * *",
    "*/15 8-18/2 1,15 * mon-fri",
    "0 0 29 2 *",
    "0 0 31 feb,mar *",
    "0 0 31 2 mon",
    "59 23 31 12 7",
    "0 2 L * *",
    "0 2 * JAN-jun SUN",
    "5/10 0 * * 0-6",
]
BROKEN = [
    ("nightly", "expected five fields"),
    ("@daily", "expected five fields"),
    ("0 0 2 * * *", "expected five fields"),
    ("60 2 * * *", "minute: expected 0-59, got '60'"),
    ("0 24 * * *", "hour: expected 0-23, got '24'"),
    ("0 2 0 * *", "day of the month: expected 1-31, got '0'"),
    ("0 2 * 13 *", "month: expected 1-12 or jan-dec, got '13'"),
    ("0 2 * * 8", "weekday: expected 0-7 or sun-sat, got '8'"),
    ("0 2 * * monday", "weekday: expected 0-7 or sun-sat, got 'monday'"),
    ("0 l * * *", "hour: expected 0-23, got 'l'"),
    ("0 2, * * *", "hour: cannot read ''"),
    ("0 -2 * * *", "hour: cannot read '-2'"),
    ("0 */0 * * *", "hour: expected a step of 1 to 23, got 0"),
    ("*/60 2 * * *", "minute: expected a step of 1 to 59, got 60"),
    ("0 18-8 * * *", "hour: '18-8' runs backwards"),
    ("0 2 30 2 *", "day 30 never comes in month 2"),
    ("0 2 31 4,6 *", "day 31 never comes in month 4,6"),
]


@pytest.mark.parametrize("cron", SOUND)
def test_a_sound_expression_is_returned_and_has_a_next_night_for_airflow(cron: str) -> None:
    croniter = pytest.importorskip("croniter")

    assert check_cron(cron) == cron
    assert croniter.croniter(cron, datetime(2024, 1, 1, tzinfo=UTC)).get_next(datetime)


@pytest.mark.parametrize(("cron", "said"), BROKEN, ids=[cron for cron, _ in BROKEN])
def test_a_schedule_that_can_never_run_is_an_error_naming_the_field(cron: str, said: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is asserted below
        check_cron(cron)

    assert said in str(caught.value)
