from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from finrisk.config import Settings
from finrisk.errors import ConfigurationError, Unreachable
from finrisk.ledger.migrate import migrate
from finrisk.ledger.store import Ledger
from finrisk.pipelines.doctor.findings import Health
from finrisk.pipelines.doctor.stores import chain_findings, mlflow_state
from finrisk.records import PromotionKind
from finrisk.tracking.health import Answer
from tests.ledger.factories import AT, MODEL, version

THERE = Answer(made=True)
AWAY = Unreachable("MLflow does not answer", remedy="start it")


@dataclass
class FakeHealth:
    """Says of each address what a test wants; an error in the place of an answer is raised."""

    settings: Settings
    runs: Answer | Exception = THERE
    versions: Answer | Exception = THERE
    found: str | Exception | None = "1"

    def tracking(self) -> Answer:
        return self._said(self.runs)

    def registry(self) -> Answer:
        return self._said(self.versions)

    def experiment(self) -> str | None:
        return self._said(self.found)

    def _said(self, answer: Any) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer


def settings(home: Path, **changes: str) -> Settings:
    return Settings(home=home, tracking_uri="http://anna:s3cret@mlflow:5000", **changes)


def told(health: FakeHealth) -> dict[str, tuple[Health, str]]:
    state = mlflow_state(health)  # type: ignore[arg-type]
    return {finding.check: (finding.outcome, finding.found) for finding in state.findings}


def test_one_mlflow_for_runs_and_versions_is_asked_once(tmp_path: Path) -> None:
    health = FakeHealth(settings(tmp_path))

    assert told(health) == {
        "MLflow tracking": (Health.OK, "http://mlflow:5000 answers"),
        "MLflow experiment": (Health.OK, "finrisk-experiments is experiment 1"),
    }
    assert mlflow_state(health).made  # type: ignore[arg-type]


def test_a_registry_elsewhere_is_asked_by_itself(tmp_path: Path) -> None:
    health = FakeHealth(settings(tmp_path, registry_uri="http://registry:5000"), versions=AWAY)

    state = mlflow_state(health)  # type: ignore[arg-type]

    assert [f.outcome for f in state.findings] == [Health.OK, Health.FAIL]
    assert state.findings[1].check == "MLflow registry"
    assert (state.answers, state.made) == (False, False)


def test_a_silent_mlflow_is_not_asked_for_its_experiment(tmp_path: Path) -> None:
    assert list(told(FakeHealth(settings(tmp_path), runs=AWAY))) == ["MLflow tracking"]


def test_a_database_that_is_not_there_is_told_and_does_answer(tmp_path: Path) -> None:
    health = FakeHealth(settings(tmp_path), runs=Answer(made=False))

    state = mlflow_state(health)  # type: ignore[arg-type]

    assert (state.answers, state.made) == (True, False)
    assert [f.outcome for f in state.findings] == [Health.WARN]
    assert "finrisk init" in (state.findings[0].remedy or "")


@pytest.mark.parametrize(
    ("found", "outcome", "text"),
    [
        (None, Health.WARN, "experiment 'finrisk-experiments' not found"),
        (ConfigurationError("it was deleted", remedy="restore it"), Health.FAIL, "it was deleted"),
    ],
)
def test_an_experiment_that_takes_no_runs(
    tmp_path: Path, found: str | Exception | None, outcome: Health, text: str
) -> None:
    health = FakeHealth(settings(tmp_path), found=found)

    assert told(health)["MLflow experiment"] == (outcome, text)


@pytest.fixture
def with_champions(tmp_path: Path) -> Settings:
    """A champion in two scopes, and a model nobody promoted."""
    made = Settings(home=tmp_path)
    migrate(made.ledger_url.get_secret_value())
    for scope in ("live", "replay"):
        with Ledger.open(made.in_scope(scope)) as ledger:
            ledger.remember_version(version())
            ledger.promote(
                MODEL,
                version(),
                None,
                0,
                "first",
                kind=PromotionKind.FORCED,
                evidence_sha256=None,
                actor="anna",
                reason="a test",
                as_of=None,
                at=AT,
            )
    return made


def test_every_chain_of_every_scope_is_verified(with_champions: Settings) -> None:
    found = {f.check: f.found for f in chain_findings(with_champions, [MODEL, "other"])}

    assert "scopes: live, replay" in found.pop("ledger")
    assert found == {
        "credit_risk: chain in scope live": "1 promotion, each as it was sealed",
        "other: chain in scope live": "0 promotions, each as it was sealed",
        "credit_risk: chain in scope replay": "1 promotion, each as it was sealed",
        "other: chain in scope replay": "0 promotions, each as it was sealed",
    }


def test_an_edited_promotion_fails_in_its_scope_alone(with_champions: Settings) -> None:
    engine = create_engine(with_champions.ledger_url.get_secret_value())
    with engine.begin() as connection:
        names = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'"))
        for (name,) in names.all():
            connection.execute(text(f"DROP TRIGGER {name}"))
        connection.execute(text("UPDATE promotions SET actor = 'eve' WHERE scope = 'replay'"))
    engine.dispose()

    outcomes = {
        f.check: (f.outcome, f.exit_status) for f in chain_findings(with_champions, [MODEL])
    }

    assert outcomes["credit_risk: chain in scope live"] == (Health.OK, 0)
    assert outcomes["credit_risk: chain in scope replay"] == (Health.FAIL, 4)


def test_a_ledger_that_was_never_set_up_names_init(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="finrisk init"):
        list(chain_findings(Settings(home=tmp_path), [MODEL]))
