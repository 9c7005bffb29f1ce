"""``finrisk init``: everything that must exist once, made under a lock, before Airflow starts.

Processes that first use a fresh SQLite store at the same time race its migrations and crash.
"""

from __future__ import annotations

from filelock import FileLock, Timeout

from finrisk.addresses import without_credentials
from finrisk.alerting.tokens import create_alert_token
from finrisk.config import Settings
from finrisk.data.row_hashing import create_row_hash_key
from finrisk.errors import Unreachable
from finrisk.ledger.migrate import migrate
from finrisk.specs.loader import load_specs
from finrisk.tracking.client import initialise_store
from finrisk.tracking.signing import create_keys

LOCK_SECONDS = 120


def initialise(settings: Settings) -> dict[str, str]:
    """Make folders, keys, the ledger's schema and the MLflow store; safe to repeat.

    Returns
    -------
    dict of str to str
        What is there now, and where; addresses without credentials.

    Raises
    ------
    SpecError
        A model spec is at fault; nothing was made yet.
    Unreachable
        Another ``finrisk init`` has held the lock for two minutes, or a server does not answer.
    """
    specs = load_specs(settings.conf_locations)
    for folder in (settings.home, settings.store, settings.artifacts):
        folder.mkdir(parents=True, exist_ok=True)
    lock = settings.home / ".finrisk-init.lock"
    try:
        with FileLock(lock, timeout=LOCK_SECONDS):
            create_keys(settings.keys)
            create_row_hash_key(settings.keys)
            create_alert_token(settings.keys)
            migrate(settings.ledger_url.get_secret_value())
            initialise_store(settings)
    except Timeout as exc:
        raise Unreachable(
            f"another `finrisk init` has held {lock} for {LOCK_SECONDS} s",
            remedy="wait for it, or delete the lock if none runs",
        ) from exc
    return {
        "home": str(settings.home),
        "models": ", ".join(sorted(specs)) or "none declared",
        "keys": str(settings.keys),
        "ledger": without_credentials(settings.ledger_url.get_secret_value()),
        "tracking": without_credentials(settings.tracking_uri),
        "experiment": settings.scoped_experiment,
    }
