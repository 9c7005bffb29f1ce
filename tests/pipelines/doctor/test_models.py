"""One model's checks against a ledger's chart and an MLflow that says what a test wants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from finrisk.errors import ArtifactRejected, Unreachable
from finrisk.ledger.nights import StoredNight
from finrisk.pipelines.doctor.findings import Finding, Health
from finrisk.pipelines.doctor.models import Chart, model_findings
from finrisk.records import Champion, ModelVersion, PromotionKind, PromotionRecord
from finrisk.specs.model_spec import Schedule
from finrisk.tracking.manifest import library_versions
from tests.ledger.factories import MODEL, version
from tests.tracking.factories import night_decision

NOW = datetime(2024, 10, 1, 9, tzinfo=UTC)
AT = datetime(2024, 10, 1, 2, 30, tzinfo=UTC)


@dataclass(frozen=True)
class FakeMlflow:
    """What MLflow has; an error in the place of an answer is raised."""

    versions: dict[int, str] | Exception = field(
        default_factory=lambda: {number: f"run-{number}" for number in (1, 2)}
    )
    runs: frozenset[str] = frozenset({"run-1", "run-2"})
    libraries: dict[str, str] | Exception = field(default_factory=library_versions)
    aliases: dict[str, int] = field(default_factory=lambda: {"production": 2, "previous": 1})

    def there(self) -> Mapping[int, str]:
        if isinstance(self.versions, Exception):
            raise self.versions
        return self.versions

    def has_run(self, run_id: str) -> bool:
        return run_id in self.runs

    def open(self, version: ModelVersion) -> tuple[Any, Any]:
        if isinstance(self.libraries, Exception):
            raise self.libraries
        golden = SimpleNamespace(scores=(0.1, 0.2))
        return None, SimpleNamespace(golden=golden, libraries=self.libraries)

    def shown(self, alias: str) -> int | None:
        return self.aliases.get(alias)


def promotion(epoch: int, number: int, before: int | None) -> PromotionRecord:
    return PromotionRecord(
        model=MODEL,
        epoch=epoch,
        version=number,
        previous_version=before,
        kind=PromotionKind.FORCED,
        idem_key=f"key-{epoch}",
        artifact_sha256="a",
        evidence_sha256=None,
        actor="anna",
        reason="a test",
        as_of=None,
        at=AT,
        previous_hash="0",
        hash="1",
        projected=True,
    )


def stored(as_of: date = date(2024, 10, 1), at: datetime = AT) -> StoredNight:
    return StoredNight(night_decision(as_of=as_of), "5", "6", "7", at)


GOOD = Chart(
    model=MODEL,
    champion=Champion(MODEL, 2, 2, version(2).artifact_sha256),
    known=(version(1), version(2)),
    history=(promotion(1, 1, None), promotion(2, 2, 1)),
    last=stored(),
    last_ready=stored(),
    copied=True,
)
WITHOUT_COPY = replace(GOOD, copied=False)
EMPTY = Chart(MODEL, champion=None, known=(), history=(), last=None, last_ready=None)


def looked_at(
    chart: Chart = GOOD, mlflow: FakeMlflow | None = None, *, made: bool = True, asked: bool = True
) -> dict[str, Finding]:
    models = (mlflow or FakeMlflow()) if asked else None
    findings = list(model_findings(chart, Schedule(), NOW, models, made=made))
    assert all(finding.remedy for finding in findings if finding.outcome is not Health.OK)
    return {finding.check.removeprefix(f"{MODEL}: "): finding for finding in findings}


def test_a_sound_model_is_well_in_every_respect() -> None:
    found = looked_at()

    assert {name: f.found for name, f in found.items()} == {
        "champion": "version 2 at epoch 2",
        "last night": "as of 2024-10-01, HOLD, recorded 6 h ago",
        "copy": "the champion's artifact is kept here, and verifies",
        "versions": "2 of 2 known are in MLflow",
        "artifact": "verifies, and scores 2 golden rows as it did",
        "libraries": "those the champion was made with",
        "aliases": "production v2, previous v1",
    }
    assert {f.outcome for f in found.values()} == {Health.OK}


def test_a_model_before_its_first_night_has_nothing_that_fails() -> None:
    found = looked_at(EMPTY, FakeMlflow(versions={}, aliases={}))

    assert found["champion"].outcome is Health.WARN
    assert "finrisk retrain credit_risk" in (found["last night"].remedy or "")
    assert found["versions"].found == "none is registered yet"
    assert "artifact" not in found
    assert found["aliases"].found == "production nothing, previous nothing"


@pytest.mark.parametrize(
    ("as_of", "ago", "text"),
    [
        (date(2024, 9, 30), timedelta(hours=30), "recorded 30 h ago; no record of the night of"),
        (date(2024, 9, 27), timedelta(days=4), "recorded 4 days ago; no record of 4 nights"),
    ],
)
def test_nights_missing_since_the_last_one_are_told(as_of: date, ago: timedelta, text: str) -> None:
    found = looked_at(replace(GOOD, last=stored(as_of, NOW - ago)))["last night"]

    assert found.outcome is Health.WARN
    assert text in found.found


def test_a_reset_database_is_told_with_what_is_safe_lost_and_to_be_done() -> None:
    reset = FakeMlflow(versions={1: "another"}, runs=frozenset())

    found = looked_at(WITHOUT_COPY, reset)["versions"]

    assert (found.outcome, found.exit_status) == (Health.FAIL, 4)
    assert "MLflow's database was reset: it knows neither versions 1, 2" in found.found
    assert "Safe: the ledger" in found.found
    assert "Lost: MLflow's runs and versions" in found.found
    assert found.remedy is not None
    assert "`finrisk retrain credit_risk --as-of 2024-10-01`" in found.remedy
    assert "after 2" in found.remedy
    assert "`finrisk promote credit_risk VERSION --force --reason TEXT`" in found.remedy


def test_with_a_copy_of_the_champion_a_reset_is_mended_by_reconciling() -> None:
    reset = FakeMlflow(versions={1: "another"}, runs=frozenset())

    found = looked_at(mlflow=reset)

    assert "its copy serves, and challengers are compared with it" in found["versions"].found
    assert "`finrisk reconcile credit_risk`" in (found["versions"].remedy or "")
    assert found["copy"].outcome is Health.OK


def test_a_champion_without_a_copy_is_warned_of() -> None:
    found = looked_at(WITHOUT_COPY)["copy"]

    assert found.outcome is Health.WARN
    assert "`finrisk reconcile credit_risk`" in (found.remedy or "")


def test_a_reset_is_told_without_a_champion_and_without_a_night() -> None:
    chart = replace(EMPTY, known=(version(1),))

    found = looked_at(chart, FakeMlflow(versions={}, runs=frozenset(), aliases={}))["versions"]

    assert "it knows neither version 1 nor" in found.found
    assert "--as-of DATE" in (found.remedy or "")


def test_a_database_that_is_gone_altogether_was_reset_too() -> None:
    found = looked_at(made=False)

    assert "was reset" in found["versions"].found
    assert "artifact" not in found
    assert "versions" in looked_at(EMPTY, made=False)


def test_after_a_reset_a_version_that_came_since_is_the_way_out() -> None:
    chart = replace(WITHOUT_COPY, known=(version(1), version(2), version(3)))
    mlflow = FakeMlflow(versions={3: "run-3"}, runs=frozenset({"run-3"}))

    found = looked_at(chart, mlflow)["versions"]

    assert "neither versions 1, 2 nor" in found.found
    assert "`finrisk promote credit_risk 3 --force" in (found.remedy or "")


def test_a_champion_that_a_person_deleted_in_mlflow_is_no_reset() -> None:
    found = looked_at(WITHOUT_COPY, FakeMlflow(versions={1: "run-1"}))["versions"]

    assert (found.found, found.exit_status) == ("version 2 was deleted in MLflow", 4)
    assert "promote credit_risk 1 --force" in (found.remedy or "")


def test_a_former_champion_that_is_gone_is_told_and_one_that_never_served_is_not() -> None:
    without_the_first = FakeMlflow(versions={2: "run-2"})
    never_served = replace(GOOD, history=(promotion(1, 2, None),))

    assert looked_at(mlflow=without_the_first)["versions"].outcome is Health.WARN
    assert looked_at(never_served, without_the_first)["versions"].outcome is Health.OK


def test_an_artifact_that_does_not_verify_fails_and_the_aliases_are_still_looked_at() -> None:
    lost = ArtifactRejected("models:/m-2 is not in MLflow any more", remedy="restore it")

    found = looked_at(mlflow=FakeMlflow(libraries=lost))

    assert (found["artifact"].outcome, found["artifact"].exit_status) == (Health.FAIL, 4)
    assert found["aliases"].outcome is Health.OK


def test_other_libraries_than_the_champions_are_told() -> None:
    made_with = {**library_versions(), "scikit-learn": "1.8.0"}

    found = looked_at(mlflow=FakeMlflow(libraries=made_with))["libraries"]

    assert found.outcome is Health.WARN
    assert "scikit-learn 1.8.0 (here 1.9" in found.found


def test_an_alias_that_does_not_show_the_ledger_is_told() -> None:
    found = looked_at(mlflow=FakeMlflow(aliases={"production": 1}))["aliases"]

    assert found.outcome is Health.WARN
    assert "production shows v1, the ledger says v2" in found.found
    assert "previous shows nothing, the ledger says v1" in found.found
    assert "`finrisk reconcile credit_risk`" in (found.remedy or "")


def test_without_an_answer_the_ledgers_part_is_told() -> None:
    found = looked_at(asked=False)

    assert set(found) == {"champion", "copy", "last night", "MLflow"}
    assert found["MLflow"].outcome is Health.WARN


def test_mlflow_that_goes_silent_in_the_middle_fails_what_it_was_asked() -> None:
    silent = Unreachable("MLflow does not answer", remedy="start it")

    found = looked_at(mlflow=FakeMlflow(versions=silent))

    assert found["versions"].exit_status == 6
    assert found["artifact"].outcome is Health.OK
