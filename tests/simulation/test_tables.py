from __future__ import annotations

import pytest

from finrisk.simulation.tables import _guards, _nights, _rate, _table


def test_a_rate_stands_with_its_interval() -> None:
    shown = _rate({"rate": 0.0333, "interval": [0.001, 0.1857]}, "rate")

    assert shown == "0.03 (0.00 to 0.19)"


@pytest.mark.parametrize(
    ("found", "shown"),
    [
        ({"wait": 49.0, "never": 0.0}, "49"),
        ({"wait": 49.0, "never": 0.1}, "49, 10% of years never"),
        ({"wait": None, "never": 0.57}, "57% of years never"),
    ],
)
def test_nights_say_how_many_years_never(found: dict[str, float | None], shown: str) -> None:
    assert _nights(found, "wait") == shown


def test_guards_that_block_are_named() -> None:
    found = {
        "joint_pass": 0.9,
        "interval": [0.8, 0.95],
        "challengers": 100,
        "gain": 0.0104,
        "blocked_by": {"ks": 0.1},
    }

    assert _guards(found).endswith("minimum detectable difference, 0.0104; ks blocks 10.0%.")


def test_a_table_is_markdown() -> None:
    assert _table(("a", "b"), [("1", "2")]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"
