"""Questions about the installation itself: where things are, what answers, what is set up wrong.

No password leaves here: addresses come without their credentials, and of named connections only
the names.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from platform import python_version
from typing import Any

from pydantic import SecretStr

from finrisk.addresses import text_without_credentials, without_credentials
from finrisk.config import CONNECTION_PREFIX, Settings, environment_name
from finrisk.dashboard.sources import remembered, sources
from finrisk.errors import FinRiskError
from finrisk.ledger.schema import HEAD
from finrisk.wording import counted

ADDRESS = "://"
MADE_BY = "nothing is there yet; a first night makes it, and so does finrisk init"
LIBRARIES = (
    *("finrisk", "mlflow", "mlflow-skinny", "streamlit", "altair", "sqlalchemy", "scikit-learn"),
    *("xgboost-cpu", "xgboost", "pandas", "numpy", "great-expectations", "apache-airflow"),
)


class State(StrEnum):
    """Whether something is there to speak to."""

    ANSWERS = "answers"
    NOT_SET_UP = "not set up"
    AWAY = "does not answer"


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting, as it may be shown.

    Parameters
    ----------
    variable : str
        What it is read from.
    given : bool
        The environment names it; else it is the default.
    """

    field: str
    variable: str
    value: str
    given: bool
    about: str


@dataclass(frozen=True, slots=True)
class Answering:
    """Something that FinRisk speaks to: where it is, whether it answers, and what was said."""

    what: str
    where: str
    state: State
    said: str


def settings() -> list[Setting]:
    """Return every setting of this process, in their order."""
    return shown(sources().settings)


def shown(found: Settings) -> list[Setting]:
    """Return settings as they may be shown.

    Examples
    --------
    >>> told = shown(Settings(ledger_url="postgresql+psycopg://ana:s3cret@db/risk"))
    >>> [one.value for one in told if one.field == "ledger_url"]
    ['postgresql+psycopg://db/risk']
    """
    return [
        Setting(
            field=name,
            variable=environment_name(name),
            value=_shown(found, name),
            given=name in found.model_fields_set,
            about=field.description or "",
        )
        for name, field in type(found).model_fields.items()
    ]


def connections(environment: Mapping[str, str] = os.environ) -> list[str]:
    """Return the names of the databases that specs may read from; their addresses are secret.

    Examples
    --------
    >>> connections({"FINRISK_CONNECTION_CORE": "postgresql://x", "HOME": "/root"})
    ['CORE']
    """
    prefix = CONNECTION_PREFIX
    return sorted(name.removeprefix(prefix) for name in environment if name.startswith(prefix))


@remembered
def answering(scope: str) -> list[Answering]:
    """Ask the ledger and MLflow whether they answer; one that is away takes its time-out."""
    found = sources().settings
    told = [_ledger(scope)]
    from finrisk.tracking.health import MlflowHealth

    health = MlflowHealth(found)
    asked = [("MLflow tracking", found.tracking_uri, health.tracking)]
    if found.registry_uri != found.tracking_uri:
        asked.append(("MLflow registry", found.registry_uri, health.registry))
    for what, address, ask in asked:
        where = without_credentials(address)
        try:
            made = ask().made
        except FinRiskError as exc:
            told.append(_away(what, where, exc))
        else:
            state = State.ANSWERS if made else State.NOT_SET_UP
            told.append(Answering(what, where, state, "" if made else MADE_BY))
    return told


@remembered
def libraries() -> list[tuple[str, str]]:
    """Return what is installed of the libraries that decide how things behave, with versions."""
    return [("python", python_version()), *_installed(LIBRARIES)]


@remembered
def broken_specs() -> list[str]:
    """Return what is wrong with the model specs that cannot be read, a sentence each."""
    from finrisk.pipelines.doctor.findings import Health
    from finrisk.pipelines.doctor.installation import specs_found

    found = specs_found(sources().settings, None)[1]
    return [
        f"{finding.found} {finding.remedy or ''}".strip()
        for finding in found
        if finding.outcome is Health.FAIL
    ]


def _shown(found: Settings, name: str) -> str:
    value: Any = getattr(found, name)
    if name == "promoters":  # people's addresses: anybody may read this page
        rules = found.promoter_rules
        kinds = sorted({rule.kind.value for rule in rules})
        return ", ".join(f"{sum(r.kind == kind for r in rules)} by {kind}" for kind in kinds)
    if name == "conf":
        return os.pathsep.join(map(str, found.conf_locations))
    if isinstance(value, SecretStr):
        text = value.get_secret_value()
        return without_credentials(text) if ADDRESS in text else "a hidden value"
    return without_credentials(str(value)) if ADDRESS in str(value) else str(value)


def _ledger(scope: str) -> Answering:
    where = without_credentials(sources().settings.ledger_url.get_secret_value())
    try:
        scopes = sources().ledger(scope).scopes()
    except FinRiskError as exc:
        return _away("Ledger", where, exc)
    said = f"schema {HEAD}, {counted(len(scopes), 'scope')}"
    return Answering("Ledger", where, State.ANSWERS, said)


def _away(what: str, where: str, error: FinRiskError) -> Answering:
    said = text_without_credentials(" ".join(str(error).split()))
    return Answering(what, where, State.AWAY, said)


def _installed(names: Iterable[str]) -> list[tuple[str, str]]:
    found = []
    for name in names:
        try:
            found.append((name, version(name)))
        except PackageNotFoundError:
            continue
    return found
