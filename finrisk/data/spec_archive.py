"""Model specs as nights used them, named by their sha256: what a version is rebuilt from.

A file holds exactly ``ModelSpec.meaning``, so it proves its own name, also after the schema has
grown keys that it does not have.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from pydantic import ValidationError

from finrisk.atomic import write_whole
from finrisk.errors import ConfigurationError, IntegrityError
from finrisk.specs.model_spec import ModelSpec

SPECS = "specs"  # its folder in the store
HEX = re.compile(r"[0-9a-f]{64}")


class SpecArchive:
    """Specs in one folder, ``<sha256>.json`` each; never removed, a few kB a change of a spec.

    Parameters
    ----------
    root : Path
        The folder, made on first use.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def keep(self, spec: ModelSpec) -> None:
        """Write the spec, unless it is there already."""
        content = spec.meaning
        path = self._path(hashlib.sha256(content).hexdigest())
        if path.exists() and path.read_bytes() == content:
            return
        self.root.mkdir(parents=True, exist_ok=True)
        write_whole(path, content)

    def open(self, sha256: str) -> ModelSpec:
        """Read the spec of this digest.

        Raises
        ------
        ConfigurationError
            It was never kept, or this version of FinRisk does not understand it.
        IntegrityError
            Its bytes do not give its name.
        """
        path = self._path(sha256)
        try:
            content = path.read_bytes()
        except FileNotFoundError as exc:
            raise ConfigurationError(
                f"no spec {sha256[:12]}…",
                expected=f"{path}",
                got="no such file: the version was fitted before specs were kept, or elsewhere",
                remedy="restore the store; or use the release that fitted it, with the spec as it "
                "was then in conf/: a later release digests keys that it did not have",
            ) from exc
        got = hashlib.sha256(content).hexdigest()
        if got != sha256:
            raise IntegrityError(
                f"spec {sha256[:12]}… is not what the night used",
                expected=sha256,
                got=got,
                remedy="restore the store from its backup",
            )
        try:
            return ModelSpec.model_validate_json(content)
        except ValidationError as exc:
            raise ConfigurationError(
                f"spec {sha256[:12]}… is of another schema: {exc.error_count()} keys do not fit",
                expected="a spec this version of FinRisk understands",
                remedy="use the FinRisk version that fitted it; the file is sound",
            ) from exc

    def _path(self, sha256: str) -> Path:
        if not HEX.fullmatch(sha256):
            raise IntegrityError("no name of a spec", expected="64 hexadecimal digits")
        return self.root / f"{sha256}.json"
