"""The rooms a step works in, opened once from the environment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from finrisk.config import Connections, Settings, connection_from_environment, load_settings
from finrisk.data.snapshots import SnapshotStore
from finrisk.ledger.store import Ledger
from finrisk.specs.loader import find_spec
from finrisk.specs.model_spec import ModelSpec
from finrisk.tracking.night_tracker import NightTracker
from finrisk.tracking.registry import VersionRegistry


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Rooms:
    """One model's spec, and the stores its night reads and writes.

    ``connections`` gives the address of a database that the spec names.
    ``now`` stamps rows of the ledger and refuses nights that have not come. Nothing else depends on
    it: a night's own time is its as_of.
    """

    settings: Settings
    spec: ModelSpec
    ledger: Ledger
    tracker: NightTracker
    registry: VersionRegistry
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
        Unreachable
            The ledger was never set up (``finrisk init``), or does not answer.
        """
        settings = settings or load_settings()
        return cls(
            settings=settings,
            spec=find_spec(settings.conf_locations, model),
            ledger=Ledger.open(settings),
            tracker=NightTracker(settings),
            registry=VersionRegistry(settings),
            snapshots=SnapshotStore(settings.store / "snapshots"),
            connections=connections,
        )

    @property
    def landing_register(self) -> Path:
        """Where this scope remembers the files that its nights read."""
        return self.settings.store / "landing" / self.settings.scope / f"{self.spec.name}.json"

    @property
    def registered_name(self) -> str:
        """The registered model's name in this scope."""
        return self.settings.scoped_registered_name(self.spec.registered_name)


def open_ledger(model: str, scope: str | None = None) -> Ledger:
    """Open the ledger alone, for questions about one model in one scope."""
    settings = load_settings()
    find_spec(settings.conf_locations, model)
    if scope is not None:
        settings = settings.in_scope(scope)
    return Ledger.open(settings)
