"""``make down``: stop what ``make up`` started, or what an interrupted demo left."""

from __future__ import annotations

import sys

from deploy.embedded import processes, stack
from deploy.embedded.demo import HOME
from deploy.embedded.screen import Screen


def main(arguments: list[str]) -> int:
    """Stop everything in the demo's home; with ``--quiet`` say nothing if nothing ran."""
    screen = Screen()
    if not processes.noted(HOME.run):
        if "--quiet" not in arguments:
            screen.say("Nothing runs.")
        return 0
    with stack.undisturbed(), screen.step("Stopping") as tell:
        stack.stop(HOME, tell)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
