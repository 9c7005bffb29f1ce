"""Named points at which a test breaks FinRisk. Inert: no setting, file or environment arms them.

A night has twelve steps whose interruption matters; each has three points, ``snapshot:before``,
``snapshot:during`` and ``snapshot:after``. Beside them stand a few that are no step. A test hands
:func:`armed` what is to happen: kill the process, fail, or let somebody else act in between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

STEPS = (
    "land",
    "validate",
    "snapshot",
    "features",
    "train",
    "log_run",
    "upload_artifact",
    "register",
    "evaluate",
    "evidence",
    "promote",
    "project_alias",
)
BEFORE, DURING, AFTER = "before", "during", "after"
WHOLE_FILE = "whole_file"  # written and synced under another name, not yet in its place
KEPT_COPY = "kept_copy"  # a champion's copy is whole under another name, not yet in its place
POINTS = (
    *(f"{step}:{moment}" for step in STEPS for moment in (BEFORE, DURING, AFTER)),
    WHOLE_FILE,
    KEPT_COPY,
)

_handler: Callable[[str], None] | None = None


def reach(point: str) -> None:
    """Say that the code has come to this point; nothing happens unless a test armed it."""
    if _handler is not None:
        _handler(point)


@contextmanager
def step(name: str) -> Iterator[None]:
    """Mark the block as a step: its beginning and, if nothing was raised, its end."""
    reach(f"{name}:{BEFORE}")
    yield
    reach(f"{name}:{AFTER}")


@contextmanager
def armed(handler: Callable[[str], None]) -> Iterator[None]:
    """Call ``handler`` with each point that is reached, for the length of the block.

    Examples
    --------
    >>> seen = []
    >>> with armed(seen.append), step("promote"):
    ...     reach("promote:during")
    >>> seen
    ['promote:before', 'promote:during', 'promote:after']
    """
    global _handler  # noqa: PLW0603  # one process, one test
    before, _handler = _handler, handler
    try:
        yield
    finally:
        _handler = before
