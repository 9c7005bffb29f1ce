"""The last known pointer of the ledger, in a small file, for a start while the ledger is away.

It names bytes by their digest, and the kept copy of them is verified as ever: who can write this
file can at most bring back an earlier champion of ours, and only while the ledger does not answer.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path

from finrisk.atomic import write_whole
from finrisk.config import Settings
from finrisk.errors import DiskFull
from finrisk.records import ModelVersion, Record

log = logging.getLogger(__name__)

FOLDER = "serving"


@dataclass(frozen=True, slots=True)
class Pointer(Record):
    """Which version serves, by which promotion."""

    version: ModelVersion
    epoch: int


@dataclass(frozen=True)
class RememberedPointer:
    """The pointer of one model in one scope, as it was last known."""

    path: Path

    @classmethod
    def of(cls, settings: Settings, model: str) -> RememberedPointer:
        """Return where a model's is."""
        return cls(settings.store / FOLDER / settings.scope / f"{model}.json")

    def read(self) -> Pointer | None:
        """Return it; None where there is none, or it cannot be read."""
        try:
            return Pointer.from_json(json.loads(self.path.read_bytes()))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError) as exc:
            log.warning("%s: the last known champion cannot be read (%s)", self.path.name, exc)
            return None

    def write(self, pointer: Pointer) -> None:
        """Keep it; where that fails, serving goes on and the log says so."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_whole(self.path, json.dumps(pointer.to_json()).encode())
        except (OSError, DiskFull) as exc:
            log.warning("%s: the champion is not remembered: %s", self.path.name, exc)
