"""``finrisk init``: everything that must exist once, made under a lock, before Airflow starts.

Processes that first use a fresh SQLite store at the same time race its migrations and crash.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from filelock import FileLock, Timeout

from finrisk.addresses import without_credentials
from finrisk.alerting.tokens import create_alert_token
from finrisk.config import Settings
from finrisk.data.row_hashing import create_row_hash_key
from finrisk.errors import FinRiskError, Unreachable
from finrisk.ledger.migrate import migrate, revision_at
from finrisk.ledger.schema import HEAD
from finrisk.records import Record
from finrisk.specs.loader import load_specs
from finrisk.tenants import Tenant, demand_no_tenant, tenants_of
from finrisk.tracking.client import initialise_store
from finrisk.tracking.signing import create_keys

LOCK_SECONDS = 120


@dataclass(frozen=True, slots=True)
class SchemaState(Record):
    """The schema of a ledger (None: it has none yet), and the one this release expects."""

    now: str | None
    expected: str

    @property
    def fits(self) -> bool:
        """Whether this release can open it."""
        return self.now == self.expected


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
    others = [one for one in tenants_of(settings) if one.name]
    with alone(settings):
        _make_folders(settings)
        create_keys(settings.keys, settings.signing_keys)
        create_row_hash_key(settings.row_hash_keys)
        create_alert_token(settings.keys)
        migrate(settings.ledger_url.get_secret_value())
        initialise_store(settings)
        _set_up_tenants(others)
    done = {
        "home": str(settings.home),
        "models": ", ".join(sorted(specs)) or "none declared",
        "keys": str(settings.keys),
        "ledger": without_credentials(settings.ledger_url.get_secret_value()),
        "tracking": without_credentials(settings.tracking_uri),
        "experiment": settings.scoped_experiment,
    }
    return done | ({"tenants": ", ".join(one.name for one in others)} if others else {})


def _set_up_tenants(tenants: Iterable[Tenant]) -> None:
    """Set up all of them that can be, then say what ails the first that cannot."""
    troubles: list[FinRiskError] = []
    for one in tenants:
        try:
            _make_folders(one.settings)
            create_row_hash_key(one.settings.row_hash_keys)
            initialise_store(one.settings)
        except FinRiskError as exc:
            troubles.append(exc)
    if troubles:
        raise troubles[0]


def _make_folders(settings: Settings) -> None:
    for folder in (settings.home, settings.store, settings.artifacts):
        folder.mkdir(parents=True, exist_ok=True)


def upgrade_ledger(settings: Settings) -> SchemaState:
    """Bring the ledger to this release's schema; safe to repeat, and beside `finrisk init`.

    Returns
    -------
    SchemaState
        As it was found.

    Raises
    ------
    ConfigurationError
        A later release has been at it; nothing was changed.
    Unreachable
        The database does not answer, or another process has held the lock for two minutes.
    """
    with alone(settings):
        return SchemaState(migrate(settings.ledger_url.get_secret_value()), HEAD)


def schema_state(settings: Settings) -> SchemaState:
    """Return the ledger's schema beside the one this release expects; changes nothing."""
    return SchemaState(revision_at(settings.ledger_url.get_secret_value()), HEAD)


@contextmanager
def alone(settings: Settings) -> Iterator[None]:
    """Let one process at a time make or change what must exist once.

    Raises
    ------
    ConfigurationError
        This process works for one tenant.
    Unreachable
        Another has been at it for two minutes.
    """
    demand_no_tenant(settings)
    settings.home.mkdir(parents=True, exist_ok=True)
    lock = FileLock(settings.home / ".finrisk-init.lock", timeout=LOCK_SECONDS)
    try:
        lock.acquire()
    except Timeout as exc:
        raise Unreachable(
            f"another `finrisk init`, `db upgrade` or `restore` has held {lock.lock_file} "
            f"for {LOCK_SECONDS} s",
            remedy="wait for it, or delete the lock if none runs",
        ) from exc
    try:
        yield
    finally:
        lock.release()
