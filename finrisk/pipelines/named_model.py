"""A model that a person speaks of: one of ``conf/``, or one that was registered by hand.

Who is champion, a freeze or a signature need the ledger and the registry alone, so a spec is not
asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Self

from finrisk.config import Settings, load_settings
from finrisk.errors import ConfigurationError, FinRiskError, UnknownModel
from finrisk.ledger.store import Ledger
from finrisk.monitoring.first_champion import Named
from finrisk.pipelines.rooms import begun
from finrisk.specs.loader import find_spec
from finrisk.specs.model_spec import Schedule
from finrisk.tracking.champion_registry import ChampionRegistry


@dataclass(frozen=True)
class NamedModel:
    """A model's name, and the stores its champions are in; without a spec, days are those of UTC.

    Used as a context, it gives the ledger's connections back.
    """

    settings: Settings
    named: Named
    ledger: Ledger
    registry: ChampionRegistry

    @classmethod
    def open(cls, model: str, scope: str | None = None) -> Self:
        """Open what is needed to speak of a model, in one scope.

        Raises
        ------
        UnknownModel
            No spec declares it, and nothing of that name was registered in this scope.
        Unreachable
            The ledger was never set up, or does not answer.
        """
        settings = load_settings()
        settings = settings if scope is None else settings.in_scope(scope)
        try:
            spec = find_spec(settings.conf_locations, model)
        except UnknownModel:
            if model not in _on_record(settings):
                raise
            spec = None
        return cls(
            settings=settings,
            named=Named.of_spec(settings, model, spec),
            ledger=Ledger.open(settings),
            registry=ChampionRegistry(settings),
        )

    @property
    def registered_name(self) -> str:
        """The registered model's name in this scope."""
        return self.named.registered_name

    @property
    def has_nights(self) -> bool:
        """Whether there is a spec, and so a night that judges."""
        return self.named.spec is not None

    def now(self) -> datetime:
        """Return now."""
        return datetime.now(UTC)

    def local_now(self) -> datetime:
        """Return now, by the clock of the model's nights."""
        return self.named.local(self.now())

    def day(self, as_of: date | None = None) -> date:
        """Return a day that has begun where the model's nights are; today, unless one is asked for.

        Raises
        ------
        ConfigurationError
            It has not come yet.
        """
        spec = self.named.spec
        return begun(as_of, spec.schedule if spec else Schedule(), self.now())


def without_spec(settings: Settings) -> Iterator[str]:
    """Yield the models that the ledger knows in this scope and that no spec declares."""
    for name in _on_record(settings):
        try:
            find_spec(settings.conf_locations, name)
        except UnknownModel:
            yield name
        except ConfigurationError:  # a broken file may be the one that declares it
            continue


def _on_record(settings: Settings) -> list[str]:
    """Return the names the ledger holds anything of; none where it does not answer."""
    try:
        with Ledger.open(settings) as ledger:
            return ledger.models()
    except FinRiskError:
        return []
