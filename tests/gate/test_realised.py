"""What a promotion came to: the interval of the difference says it, or does not."""

from __future__ import annotations

from datetime import date

import pytest

from finrisk.gate.realised import Finding, Realised, realised
from finrisk.records import Comparison, Window

AS_OF = date(2026, 5, 1)
WINDOW = Window(first_day=date(2026, 3, 1), last_day=date(2026, 4, 20), rows=9000, bads=500)


def found(difference: float, error: float, by: str = "rows", clusters: int = 400) -> Realised:
    compared = Comparison(
        champion=0.5,
        challenger=0.5 + difference,
        difference=difference,
        standard_error=error,
        z=difference / error if error else None,
        p_value=None,
        metric="average_precision",
        variance_by=by,
    )
    return realised(
        compared,
        {"customer": clusters, "terminal": 2 * clusters},
        epoch=2,
        as_of=AS_OF,
        versions=(2, 1),
        window=WINDOW,
    )


@pytest.mark.parametrize(
    ("difference", "error", "finding"),
    [
        (0.03, 0.01, Finding.CONFIRMED),
        (0.019, 0.01, Finding.NOT_CONFIRMED),
        (0.0, 0.01, Finding.NOT_CONFIRMED),
        (-0.019, 0.01, Finding.NOT_CONFIRMED),
        (-0.03, 0.01, Finding.WORSE),
        (-0.03, 0.0, Finding.NOT_CONFIRMED),  # no variance, no test
    ],
)
def test_the_interval_is_above_holds_or_is_below_nothing(
    difference: float, error: float, finding: Finding
) -> None:
    assert found(difference, error).finding is finding


def test_few_clusters_make_the_interval_wider() -> None:
    by_rows, few = found(0.021, 0.01), found(0.021, 0.01, "customer x terminal", clusters=8)

    assert (by_rows.finding, few.finding) == (Finding.CONFIRMED, Finding.NOT_CONFIRMED)
    assert few.interval[0] < by_rows.interval[0]


def test_the_sentence_names_both_versions_the_rows_and_the_interval() -> None:
    told = found(0.03, 0.01)

    assert told.sentence == (
        "v2 against v1 on 500 bads of 2026-03-01 to 2026-04-20: average precision +0.0300 "
        "(+0.0104 to +0.0496): confirmed"
    )
    assert (told.champion, told.predecessor) == (0.53, 0.5)
    assert Realised.from_json(told.to_json()) == told
