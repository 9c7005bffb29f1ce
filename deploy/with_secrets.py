"""``python -m deploy.with_secrets COMMAND...``: run a program that reads no secret from a file.

MLflow and libpq take their passwords from the environment alone. For each of them ``NAME_FILE``
names the file; this sets ``NAME`` for the program that takes our place, and for nobody else.
Airflow reads files by its own ``…_CMD``, FinRisk by ``FINRISK_LEDGER_PASSWORD_FILE``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

FROM_FILES = (
    "MLFLOW_AUTH_ADMIN_PASSWORD",
    "MLFLOW_FLASK_SERVER_SECRET_KEY",
    "MLFLOW_TRACKING_PASSWORD",
    "PGPASSWORD",
)


def environment(given: Mapping[str, str]) -> dict[str, str]:
    """Return the environment with the secrets that its ``…_FILE`` variables name.

    Raises
    ------
    ValueError
        A file is empty: the program would start with an empty password.
    OSError
        A file cannot be read.
    """
    made = dict(given)
    for name in FROM_FILES:
        if path := made.pop(f"{name}_FILE", ""):
            secret = Path(path).read_text(encoding="utf-8").strip()
            if not secret:
                raise ValueError(f"{name}_FILE: expected a secret in {path}; got an empty file")
            made[name] = secret
    return made


def main(command: Sequence[str]) -> None:
    """Become the command."""
    try:
        made = environment(os.environ)
    except (OSError, ValueError) as exc:
        sys.exit(f"no secret: {exc}")
    os.execvpe(command[0], list(command), made)  # noqa: S606 - no shell; signals are the program's


if __name__ == "__main__":
    main(sys.argv[1:])
