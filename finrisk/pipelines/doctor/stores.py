"""Checks of what FinRisk speaks to: MLflow's tracking and registry, and the ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from finrisk.addresses import without_credentials
from finrisk.config import Settings
from finrisk.errors import FinRiskError
from finrisk.ledger.schema import HEAD
from finrisk.ledger.store import Ledger
from finrisk.pipelines.doctor.findings import Finding, guarded, ok, refused, warn
from finrisk.tracking.health import Answer, MlflowHealth
from finrisk.wording import counted

MADE_BY = "`finrisk init` makes it, and so does a first night"


@dataclass(frozen=True)
class MlflowState:
    """What came of asking MLflow: whether it answers, and whether its databases are there."""

    findings: tuple[Finding, ...]
    answers: bool
    made: bool


def mlflow_state(health: MlflowHealth) -> MlflowState:
    """Ask for the runs, the registry if it is elsewhere, and the experiment."""
    settings = health.settings
    asked = {"MLflow tracking": (settings.tracking_uri, health.tracking)}
    if settings.registry_uri != settings.tracking_uri:
        asked["MLflow registry"] = (settings.registry_uri, health.registry)
    findings: list[Finding] = []
    answers: list[Answer] = []
    for check, (uri, ask) in asked.items():
        findings += guarded(check, partial(_address, check, uri, ask, answers))
    all_answer = len(answers) == len(asked)
    made = all_answer and all(answer.made for answer in answers)
    if made:
        findings += guarded("MLflow experiment", partial(_experiment, health))
    return MlflowState(tuple(findings), answers=all_answer, made=made)


def _address(
    check: str, uri: str, ask: Callable[[], Answer], answers: list[Answer]
) -> Iterator[Finding]:
    answer = ask()
    answers.append(answer)
    place = without_credentials(uri)
    if answer.made:
        yield ok(check, f"{place} answers")
    else:
        yield warn(check, f"there is no MLflow database at {place}", MADE_BY)


def _experiment(health: MlflowHealth) -> Iterator[Finding]:
    check, name = "MLflow experiment", health.settings.scoped_experiment
    found = health.experiment()
    if found is None:
        yield warn(check, f"experiment {name!r} not found", MADE_BY)
    else:
        yield ok(check, f"{name} is experiment {found}")


def chain_findings(settings: Settings, models: Iterable[str]) -> Iterator[Finding]:
    """Verify every model's chain of promotions in every scope, and the evidence it rests on.

    Raises
    ------
    Unreachable
        The ledger does not answer, or was never set up.
    """
    with Ledger.open(settings) as ledger:
        scopes = list(filter(settings.owns_scope, ledger.scopes()))
    yield ok("ledger", f"schema {HEAD}, scopes: {', '.join(scopes) or 'none yet'}")
    for scope in scopes:
        with Ledger.open(settings.in_scope(scope)) as ledger:
            for model in models:
                yield _chain(ledger, model)


def _chain(ledger: Ledger, model: str) -> Finding:
    check = f"{model}: chain in scope {ledger.scope}"
    try:
        links = ledger.verify(model)
        for link in ledger.history(model):
            if link.evidence_sha256 is not None:
                ledger.evidence(link.evidence_sha256)  # raises where it was edited
    except FinRiskError as exc:
        return refused(check, exc)
    return ok(check, f"{counted(links, 'promotion')}, each as it was sealed")
