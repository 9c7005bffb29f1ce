"""What a person sees while the demo works: a spinner on a terminal, plain lines in a log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

LOG_WIDTH = 160  # a log file has no width of its own, and the table needs one


class Screen:
    """Progress and results, on one console."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console()
        if not self.console.is_terminal:
            self.console.width = LOG_WIDTH

    def say(self, text: str = "") -> None:
        """Print a line as it is."""
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    @contextmanager
    def step(self, label: str) -> Iterator[Callable[[str], None]]:
        """Show that something runs, what it is doing now, and at its end how long it took.

        Yields
        ------
        callable
            Takes what it is doing now. A log gets no such line: there would be hundreds.
        """
        began = time.monotonic()
        if self.console.is_terminal:
            columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
            with Progress(*columns, console=self.console, transient=True) as progress:
                task = progress.add_task(escape(label))
                yield lambda now: progress.update(
                    task, description=f"{escape(label)} [dim]{escape(now)}[/dim]"
                )
        else:
            yield lambda _now: None
        self.say(f"  {label}  {time.monotonic() - began:.0f} s")
