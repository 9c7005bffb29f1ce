from __future__ import annotations

import io

from rich.console import Console

from deploy.embedded.screen import LOG_WIDTH, Screen


def shown(*, terminal: bool) -> str:
    out = io.StringIO()
    screen = Screen(Console(file=out, force_terminal=terminal, width=100))
    with screen.step("Night 1 [of 7]") as tell:
        tell("train [xgboost]")
    screen.say("done [all]")
    return out.getvalue()


def test_a_log_gets_one_line_a_step() -> None:
    assert shown(terminal=False) == "  Night 1 [of 7]  0 s\ndone [all]\n"


def test_a_terminal_sees_what_runs_now() -> None:
    assert "Night 1 [of 7]" in shown(terminal=True)


def test_a_table_in_a_log_is_wide_enough() -> None:
    assert Screen(Console(file=io.StringIO(), width=40)).console.width == LOG_WIDTH
