"""The lenders of an installation: the first one, and those that have a folder of their own.

A folder in ``FINRISK_TENANTS`` is a tenant: ``models/`` has its specs, and ``tenant.yaml``, which
may be absent, says how it is shown and how much of Airflow it may take.
"""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import Field, ValidationError, field_validator

from finrisk.config import Settings
from finrisk.errors import ConfigurationError, FinRiskError, SpecError
from finrisk.names import TENANT_IN_WORDS
from finrisk.people import Channel, channels_of
from finrisk.specs.base import Closed
from finrisk.specs.loader import read_mapping, sound_and_broken, spec_files
from finrisk.specs.model_spec import ModelSpec

TENANT_FILE = "tenant.yaml"
FIRST_LENDER = "First lender"


class TenantFile(Closed):
    """What ``tenant.yaml`` says; every key may be left out."""

    title: str = Field(default="", max_length=80, description="how people call the lender")
    owner: str = Field(default="", max_length=120, description="who answers for it")
    pool: str = Field(
        default="",
        pattern=r"^[A-Za-z0-9_.-]{0,64}$",
        description="Airflow's pool of its tasks; empty: the default one",
    )
    pool_slots: int = Field(
        default=4, ge=1, le=1000, description="tasks at once, where setting up makes the pool"
    )
    predicts: str = Field(default="", description="its model of /predict, where it has several")
    notify: str = Field(
        default="", description="who is told of its nights, as FINRISK_NOTIFY; empty: nobody"
    )

    @field_validator("notify")
    @classmethod
    def _names_channels(cls, notify: str) -> str:
        channels_of(notify)
        return notify


@dataclass(frozen=True)
class Tenant:
    """One lender: its settings, and what its folder says.

    Parameters
    ----------
    settings : Settings
        Its own: scope, specs, landing, store, key of row hashes.
    trouble : SpecError, optional
        What is wrong with its ``tenant.yaml``; then nothing is known of its pool, and no Dag made.
    """

    settings: Settings
    file: TenantFile
    trouble: SpecError | None = None

    @property
    def name(self) -> str:
        """Its name; empty of the first lender."""
        return self.settings.tenant

    @property
    def title(self) -> str:
        """How people call it."""
        return self.file.title or self.name or FIRST_LENDER

    @property
    def channels(self) -> tuple[Channel, ...]:
        """The ways to its own people: a tenant's news are not for the first lender's."""
        return channels_of(self.file.notify) if self.name else self.settings.channels

    def specs(self) -> tuple[dict[str, ModelSpec], list[FinRiskError]]:
        """Return its sound specs by model name, and what is wrong with the others."""
        files = [path for place in self.settings.conf_locations for path in spec_files(place)]
        found, broken = sound_and_broken(files)
        wrong: list[FinRiskError] = list(broken.values())
        sound: dict[str, ModelSpec] = {}
        for path, spec in found:
            if trouble := self._misplaced(spec):
                wrong.append(SpecError(f"{path}: {trouble.what}", remedy=trouble.remedy))
            else:
                sound.setdefault(spec.name, spec)
        return sound, wrong

    def _misplaced(self, spec: ModelSpec) -> FinRiskError | None:
        if self.settings.is_of_a_tenant(spec.name):
            return SpecError(
                f"name {spec.name!r} is that of a tenant's model",
                remedy="name the model without __",
            )
        try:
            demand_own_places(self.settings, spec)
        except SpecError as exc:
            return exc
        return None


def tenants_of(settings: Settings) -> tuple[Tenant, ...]:
    """Return the lenders that these settings may open, those of the settings themselves first."""
    others = (name for name in settings.tenant_names if name != settings.tenant)
    return tuple(map(tenant, (settings, *map(settings.of_tenant, others))))


def tenant(settings: Settings) -> Tenant:
    """Return the lender whose settings these are."""
    if not settings.tenant or settings.tenants is None:
        return Tenant(settings, TenantFile())
    path = settings.tenants / settings.tenant / TENANT_FILE
    if not path.exists():
        return Tenant(settings, TenantFile())
    try:
        return Tenant(settings, TenantFile.model_validate(read_mapping(path)))
    except SpecError as exc:
        return Tenant(settings, TenantFile(), exc)
    except ValidationError as exc:
        first = exc.errors()[0]
        key = ".".join(map(str, first["loc"]))
        trouble = SpecError(
            f"{path}: {key}: {first['msg']}", expected=f"keys {', '.join(TenantFile.model_fields)}"
        )
        return Tenant(settings, TenantFile(), trouble)


def strangers(settings: Settings) -> tuple[SpecError, ...]:
    """Return what is wrong with folders that stand where tenants do, and are none."""
    if settings.tenants is None or settings.tenant:
        return ()
    folders = (one for one in sorted(settings.tenants.iterdir()) if one.is_dir())
    return tuple(
        SpecError(f"{one}: no tenant's name", expected=TENANT_IN_WORDS, got=repr(one.name[:80]))
        for one in folders
        if one.name not in settings.tenant_names and not one.name.startswith(".")
    )


def demand_no_tenant(settings: Settings) -> None:
    """Refuse what is of the whole installation to a process that works for one tenant.

    Raises
    ------
    ConfigurationError
        The settings are a tenant's.
    """
    if settings.tenant:
        raise ConfigurationError(
            "this is done for every lender at once",
            expected="a process of no tenant",
            got=f"tenant {settings.tenant}",
            remedy="unset FINRISK_TENANT",
        )


def demand_own_places(settings: Settings, spec: ModelSpec) -> None:
    """Refuse a spec that reads what is another lender's.

    Raises
    ------
    SpecError
        A path of a tenant's spec is absolute or leads upwards, or the first lender's names a
        tenant's connection.
    """
    connection = getattr(spec.source, "connection", "")
    if settings.is_of_a_tenant(connection):
        raise SpecError(f"{spec.name}: the connection {connection!r} is a tenant's")
    rule = spec.label.rule
    for place in (getattr(spec.source, "path", ""), getattr(rule, "path", "")):
        if settings.tenant and (place.startswith(("/", "~")) or ".." in place.split("/")):
            raise SpecError(
                f"{spec.name}: {place!r} leads out of the tenant's folder",
                expected=f"a folder under {settings.home}",
                remedy="deliver there; a link in it may lead elsewhere",
            )
