"""The assets that FinRisk's Dags report and wait for, by the model they belong to.

A tenant's model is called ``acme__credit_risk`` here, as in its Dags (``Lender.named``).

Airflow puts this folder on ``sys.path``, hence a name that no library has.
"""

from __future__ import annotations

from airflow.sdk import Asset, AssetAlias


def landing_asset(model: str) -> Asset:
    """New partitions landed; whoever delivers them reports it, and a night starts."""
    return Asset(f"{model}_landing", group="finrisk")


def snapshot_asset(model: str) -> Asset:
    """The night's rows were validated and, if they could be, frozen."""
    return Asset(f"{model}_snapshot", group="finrisk")


def decision_asset(model: str) -> Asset:
    """A night was decided, whichever way."""
    return Asset(f"{model}_decision", group="finrisk")


def decision_log_asset(model: str) -> Asset:
    """What a model decided was logged; what watches its decisions waits for this one."""
    return Asset(f"{model}_decision_log", group="finrisk")


def champion_asset(model: str) -> Asset:
    """Another version became champion; consumers of the model subscribe to this one."""
    return Asset(f"{model}_champion", group="finrisk")


def champion_alias(model: str) -> AssetAlias:
    """Stand in for the champion: only an alias leaves a task free to report no event."""
    return AssetAlias(f"{model}_champion_changed", group="finrisk")


def rerun_asset(drainer: str = "finrisk_reruns") -> Asset:
    """Say that an alarm asked for a night: the lender's drainer starts what the inbox accepted."""
    return Asset(f"{drainer}_asked", group="finrisk")


def rerun_alias(model: str) -> AssetAlias:
    """Stand in for what was asked: only an alias leaves a task free to report no event."""
    return AssetAlias(f"{model}_rerun_asked", group="finrisk")
