"""The specs as a long-lived process sees them: read anew when a file changes, and only then."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

from finrisk.specs.loader import first_of_each_name, sound_and_broken, spec_files
from finrisk.specs.model_spec import ModelSpec

log = logging.getLogger(__name__)


class WatchedSpecs:
    """The sound specs of some folders and files; a broken one is logged and left out.

    Parameters
    ----------
    locations : iterable of Path
        As in ``FINRISK_CONF``; one that is missing has no specs.
    """

    def __init__(self, locations: Iterable[Path]) -> None:
        self._locations = tuple(locations)
        self._known: object = None
        self._specs: dict[str, ModelSpec] = {}
        self.broken = 0

    def now(self) -> dict[str, ModelSpec]:
        """Return the specs by model name; ``broken`` counts the files left out."""
        files = [path for location in self._locations for path in spec_files(location)]
        seen = tuple(map(_as_seen, files))
        if seen != self._known:
            self._read(files)
            self._known = seen
        return self._specs

    def _read(self, files: Iterable[Path]) -> None:
        sound, broken = sound_and_broken(files)
        for exc in broken.values():
            log.warning("model spec left out: %s", exc)
        self._specs, self.broken = first_of_each_name(sound), len(broken)


def _as_seen(path: Path) -> object:
    try:
        status = path.stat()
    except OSError:
        return (path, None)
    return (path, status.st_ino, status.st_mtime_ns, status.st_size)
