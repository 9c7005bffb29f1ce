"""The rooms a step works in, opened once from the environment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Self

from finrisk.config import Connections, Settings, connection_from_environment, load_settings
from finrisk.data.snapshots import SnapshotStore
from finrisk.errors import ConfigurationError
from finrisk.ledger.store import Ledger
from finrisk.names import qualified
from finrisk.specs.loader import find_spec
from finrisk.specs.model_spec import ModelSpec, Schedule
from finrisk.tenants import demand_own_places
from finrisk.tracking.champion_registry import ChampionRegistry
from finrisk.tracking.night_tracker import NightTracker


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Rooms:
    """One model's spec, and the stores its night reads and writes.

    ``connections`` gives the address of a database that the spec names; a tenant's ``core`` is
    ``acme__core`` there, so that its specs reach no database of another.
    ``now`` stamps rows of the ledger and refuses nights that have not come. Nothing else depends on
    it: a night's own time is its as_of.
    """

    settings: Settings
    spec: ModelSpec
    ledger: Ledger
    tracker: NightTracker
    registry: ChampionRegistry
    snapshots: SnapshotStore
    now: Callable[[], datetime] = _utc_now
    connections: Connections = connection_from_environment

    @classmethod
    def open(
        cls,
        model: str,
        settings: Settings | None = None,
        connections: Connections = connection_from_environment,
    ) -> Self:
        """Open the rooms of one model.

        Raises
        ------
        UnknownModel
            No spec declares it.
        SpecError
            A tenant's spec reads outside the tenant's folder.
        Unreachable
            The ledger was never set up (``finrisk init``), or does not answer.
        """
        settings = settings or load_settings()
        spec = find_spec(settings.conf_locations, model)
        demand_own_places(settings, spec)
        return cls(
            settings=settings,
            spec=spec,
            ledger=Ledger.open(settings),
            tracker=NightTracker(settings),
            registry=ChampionRegistry(settings),
            snapshots=SnapshotStore(settings.store / "snapshots"),
            connections=_of_tenant(settings.tenant, connections),
        )

    def local_now(self) -> datetime:
        """Return now, by the clock of the model's nights."""
        return self.spec.schedule.local(self.now())

    def day(self, as_of: date | None = None) -> date:
        """Return a day that has begun where the model's nights are; today, unless one is asked for.

        Raises
        ------
        ConfigurationError
            It has not come yet.
        """
        return begun(as_of, self.spec.schedule, self.now())

    @property
    def landing_register(self) -> Path:
        """Where this scope remembers the files that its nights read."""
        return self.settings.store / "landing" / self.settings.scope / f"{self.spec.name}.json"

    @property
    def registered_name(self) -> str:
        """The registered model's name in this scope."""
        return self.settings.scoped_registered_name(self.spec.registered_name)


def _of_tenant(tenant: str, connections: Connections) -> Connections:
    return (lambda name: connections(qualified(tenant, name))) if tenant else connections


def begun(as_of: date | None, schedule: Schedule, now: datetime) -> date:
    """Return a day that has begun by a schedule's clock; today, unless one is asked for.

    Raises
    ------
    ConfigurationError
        It has not come yet.

    Examples
    --------
    >>> begun(None, Schedule(timezone="Asia/Tokyo"), datetime(2025, 3, 1, 20, tzinfo=UTC))
    datetime.date(2025, 3, 2)
    """
    today = schedule.local(now).date()
    if as_of is not None and as_of > today:
        raise ConfigurationError(
            f"as_of {as_of} has not come yet",
            expected=f"{today} ({schedule.timezone}) at the latest",
        )
    return as_of or today
