"""Homes in which one thing of the comparison is missing or broken."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mlflow import MlflowClient

from finrisk.ledger.store import Ledger
from finrisk.setting_up import initialise
from finrisk.tracking import tags
from finrisk.tracking.champion_registry import ChampionRegistry
from tests.dashboard.conftest import settings_of
from tests.ledger.factories import version
from tests.pipelines.lender import write_spec


def with_one_version(home: Path) -> None:
    """Register one version by hand, in a home where no night ran."""
    with Ledger.open(settings_of(home)) as ledger:
        ledger.remember_version(version(1))


def registered_without_a_look(home: Path) -> None:
    """Register the candidate that the second night did not choose, as version 3: signed, sound."""
    settings = settings_of(home)
    registry = ChampionRegistry(settings)
    with Ledger.open(settings) as ledger:
        known = ledger.versions("credit_risk")
        client = MlflowClient(settings.tracking_uri)
        experiment = client.get_experiment_by_name(settings.scoped_experiment)
        runs = client.search_runs([experiment.experiment_id])
        others = [
            run.info.run_id
            for run in runs
            if tags.TRAINED in run.data.tags and run.info.run_id not in {v.run_id for v in known}
        ]
        registered = registry.register(
            settings.scoped_registered_name("credit-risk"),
            registry.trained_of_run(others[0]),
            model="credit_risk",
            idem_key="by-hand",
            known=known,
        )
        ledger.remember_version(registered)
        assert registered.version == len(known) + 1


def without_snapshots(home: Path) -> None:
    """Retention, or a person, deleted every snapshot."""
    shutil.rmtree(home / "store" / "snapshots")


def with_other_keys(home: Path) -> None:
    """Sign with other keys from now on: nothing that was signed before verifies."""
    shutil.rmtree(home / "keys")
    initialise(settings_of(home))


def with_spec(home: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the spec after its nights ran."""
    write_spec(home / "conf" / "models", change)


def without_spec(home: Path) -> None:
    """Delete the YAML: the ledger still knows the model."""
    shutil.rmtree(home / "conf")
    (home / "conf" / "models").mkdir(parents=True)


def same_bytes_again(home: Path) -> None:
    """Register the second version's bytes under a third number, as after a deletion in MLflow."""
    with Ledger.open(settings_of(home)) as ledger:
        second = ledger.version("credit_risk", 2)
        assert second is not None
        ledger.remember_version(second.replace(version=3))
