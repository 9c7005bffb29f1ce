"""All checks in their order. Each runs even if another fails, and none changes anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

from finrisk.config import Settings
from finrisk.errors import ConfigurationError
from finrisk.ledger.store import Ledger
from finrisk.monitoring.first_champion import Named
from finrisk.pipelines.doctor.findings import Finding, guarded, warn
from finrisk.pipelines.doctor.installation import (
    key_findings,
    row_key_findings,
    settings_found,
    specs_found,
)
from finrisk.pipelines.doctor.machine import (
    Clock,
    clock_finding,
    database_time,
    disk_finding,
    folder_time,
    library_findings,
    required,
)
from finrisk.pipelines.doctor.models import Chart, model_findings
from finrisk.pipelines.doctor.stores import MlflowState, chain_findings, mlflow_state
from finrisk.pipelines.named_model import without_spec
from finrisk.records import ModelVersion
from finrisk.tracking.health import MlflowHealth
from finrisk.tracking.manifest import Manifest
from finrisk.tracking.registry import VersionRegistry
from finrisk.tracking.scoring_model import ScoringModel

FOLDERS = ("home", "store", "artifacts")


def _utc_now() -> datetime:
    return datetime.now(UTC)


def examine(
    model: str | None = None,
    *,
    clock: Clock = _utc_now,
    health_of: Callable[[Settings], MlflowHealth] = MlflowHealth,
) -> Iterator[Finding]:
    """Check everything that can be wrong with this installation, as the environment names it.

    Parameters
    ----------
    model : str, optional
        Look at this model alone; default: at every declared one, and at those that the ledger knows
        because they were registered by hand.
    clock : callable
        This machine's time, with its zone.
    health_of : callable
        What asks MLflow.

    Yields
    ------
    Finding
        As each is found: a server that does not answer takes its time.
    """
    settings, found = settings_found()
    yield from found
    by_hand = [name for name in without_spec(settings) if model in (None, name)]
    specs, found = specs_found(settings, None if by_hand == [model] else model)
    specs = {} if by_hand == [model] else specs
    yield from found
    yield from guarded("keys", partial(key_findings, settings))
    yield from guarded("row hashes", partial(row_key_findings, settings))
    yield from guarded("libraries", lambda: library_findings(required()))
    for name in FOLDERS:
        yield from guarded(f"disk of {name}", partial(_disk, settings, name))
    health = health_of(settings)
    state = mlflow_state(health)
    yield from state.findings
    ledger = guarded("ledger", partial(chain_findings, settings, [*specs, *by_hand]))
    yield from ledger
    yield from _clocks(settings, health, state, clock)
    readable = all(finding.check != "ledger" or not finding.exit_status for finding in ledger)
    for name in (*specs, *by_hand):
        if readable:
            named = Named.of_spec(settings, name, specs.get(name))
            yield from guarded(name, partial(_model, settings, named, health, state, clock))
        else:
            yield warn(name, "not checked: the ledger cannot be read", "first mend the ledger")


def _disk(settings: Settings, name: str) -> list[Finding]:
    return [disk_finding(name, getattr(settings, name))]


def _clocks(
    settings: Settings, health: MlflowHealth, state: MlflowState, clock: Clock
) -> Iterator[Finding]:
    asked: dict[str, Callable[[], datetime | None]] = {}
    if settings.home.is_dir():
        asked["the home folder"] = partial(folder_time, settings.home)
    if state.made:
        asked["the tracking server"] = lambda: health.tracking().server_time
    asked["the ledger's database"] = partial(database_time, settings.ledger_url.get_secret_value())
    for against, ask in asked.items():
        yield from guarded(f"clock against {against}", partial(clock_finding, against, ask, clock))


def _model(
    settings: Settings, named: Named, health: MlflowHealth, state: MlflowState, clock: Clock
) -> Iterator[Finding]:
    with Ledger.open(settings) as ledger:
        chart = Chart.of(named.model, ledger)
    registry = VersionRegistry(settings)
    chart = replace(chart, copied=_copied(chart, registry))
    asked = _InMlflow(health, registry, named.registered_name)
    schedule = named.spec.schedule if named.spec else None
    models = asked if state.answers else None
    yield from model_findings(chart, schedule, clock(), models, made=state.made)


def _copied(chart: Chart, registry: VersionRegistry) -> bool:
    if chart.champion is None:
        return False
    try:
        return registry.copies.problem(chart.champion.artifact_sha256) is None
    except ConfigurationError:  # no key to verify with: its own check says so
        return False


@dataclass(frozen=True)
class _InMlflow:
    """One registered model, as the checks of a model ask for it."""

    health: MlflowHealth
    registry: VersionRegistry
    registered_name: str

    def there(self) -> Mapping[int, str]:
        return self.health.versions(self.registered_name)

    def has_run(self, run_id: str) -> bool:
        return self.health.has_run(run_id)

    def open(self, version: ModelVersion) -> tuple[ScoringModel, Manifest]:
        return self.registry.open_stored(version)

    def shown(self, alias: str) -> int | None:
        return self.registry.alias_version(self.registered_name, alias)
