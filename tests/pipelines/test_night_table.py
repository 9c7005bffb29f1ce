from __future__ import annotations

import io
from datetime import date

from rich.console import Console

from finrisk.pipelines.night_table import cells, headings, night_markdown, night_table
from finrisk.records import Comparison, Decision, ModelVersion, NightDecision, NightStatus

HELD = NightDecision(
    model="loans",
    as_of=date(2024, 9, 5),
    status=NightStatus.BLOCKED,
    decision=Decision.HOLD,
    reasons=("income | range: 3 above 50000",),
    data_result="block",
)
PROMOTED = HELD.replace(
    as_of=date(2024, 10, 5),
    status=NightStatus.READY,
    decision=Decision.PROMOTE,
    reasons=("Δ AUC +0.0312, z 4.10 ≥ 2.71 needed",),
    data_result="pass",
    champion_version=1,
    challenger=ModelVersion("loans", 2, "r", "models:/m-1", "a" * 64, "b" * 64),
    candidate="xgb",
    comparison=Comparison(0.70, 0.7312, 0.0312, 0.0076, 4.1, 0.0001),
    z_needed=2.713,
)


def test_a_figure_that_is_not_there_is_a_dash() -> None:
    assert cells(HELD)[2:7] == ("–", "–", "–", "–", "–")


def test_a_compared_night_shows_its_figures() -> None:
    assert cells(PROMOTED)[:8] == (
        "2024-10-05",
        "pass",
        "v1",
        "v2 xgb",
        "+0.0312",
        "4.10",
        "2.71",
        "PROMOTE",
    )


def test_markdown_has_a_row_a_night_and_keeps_its_columns() -> None:
    lines = night_markdown([HELD, PROMOTED]).splitlines()

    assert len(lines) == 4
    assert {line.count("|") for line in lines} == {len(headings([])) + 3}
    assert "| 0.7000 | 0.7312 | +0.0312 |" in lines[3]


def test_the_terminal_shows_every_decision_and_takes_no_markup_from_a_reason() -> None:
    console = Console(width=200, record=True, file=io.StringIO())
    tagged = HELD.replace(reasons=("[red]not markup[/red]",))

    console.print(night_table([tagged, PROMOTED], "loans"))

    text = console.export_text()
    assert "PROMOTE" in text
    assert "[red]not markup[/red]" in text
