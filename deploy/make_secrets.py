"""``python3 -m deploy.make_secrets``: a file for each secret of docker-compose.yaml, and ``.env``.

Needs Python alone. A secret that is there stays: this may run again, for a new one that a release
brings. Each is of 256 random bits or more, in letters that an address takes unquoted.
"""

from __future__ import annotations

import argparse
import base64
import os
import secrets
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
TOKEN_BYTES = 32
JWT_BYTES = 64  # shorter, and Airflow's HS512 tokens are weaker than they look
NAMES = (
    "postgres_password",
    "airflow_db_password",
    "mlflow_db_password",
    "ledger_db_password",
    "redis_password",
    "airflow_fernet_key",
    "airflow_jwt_secret",
    "airflow_api_secret_key",
    "airflow_admin_password",
    "mlflow_admin_password",
    "mlflow_flask_secret_key",
    "mlflow_trainer_password",
    "mlflow_promoter_password",
    "mlflow_scorer_password",
    "grafana_admin_password",
)


def make_secrets(folder: Path) -> list[str]:
    """Make the secrets that are missing, for their owner's eyes only; return their names."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    missing = [name for name in NAMES if not (folder / name).exists()]
    for name in missing:
        descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(_secret(name))
    return missing


def make_env(path: Path) -> bool:
    """Write ``.env`` with this user's ids, unless there is one; return whether it was written."""
    if path.exists():
        return False
    example = (REPOSITORY / ".env.example").read_text(encoding="utf-8")
    ids = {"FINRISK_UID": os.getuid(), "FINRISK_GID": os.getgid()}
    if ids["FINRISK_UID"] == 0:
        raise SystemExit(
            "make the secrets as the user that the containers shall run as; got root, and a "
            "container would run as root. Remedy: sudo -u USER python3 -m deploy.make_secrets"
        )
    lines = [
        f"{name}={ids[name]}" if (name := line.partition("=")[0]) in ids else line
        for line in example.splitlines()
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return True


def _secret(name: str) -> str:
    if name == "airflow_fernet_key":
        return base64.urlsafe_b64encode(secrets.token_bytes(TOKEN_BYTES)).decode("ascii")
    return secrets.token_urlsafe(JWT_BYTES if name == "airflow_jwt_secret" else TOKEN_BYTES)


def main() -> int:
    """Make what is missing and say what was made; never a secret."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", type=Path, default=REPOSITORY / "secrets")
    parser.add_argument("--env", type=Path, default=REPOSITORY / ".env")
    asked = parser.parse_args()
    wrote_env = make_env(asked.env)
    made = make_secrets(asked.folder)
    print(f"{asked.folder}: {len(made)} made, {len(NAMES) - len(made)} kept")
    print(f"{asked.env}: {'written' if wrote_env else 'kept'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
