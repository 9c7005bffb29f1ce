"""A registered version fitted again from what was recorded: the same scores, or a clear refusal."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from finrisk.config import Settings
from finrisk.data.spec_archive import SPECS, SpecArchive
from finrisk.errors import (
    ArtifactRejected,
    ConfigurationError,
    IntegrityError,
    NotReproduced,
    SnapshotMismatch,
)
from finrisk.pipelines import reproducing, steps
from finrisk.pipelines.reproducing import Reproduction, changed_libraries, reproduce
from finrisk.pipelines.rooms import Rooms
from finrisk.records import ModelVersion, NightRequest
from tests.pipelines.lender import FIRST, lender_of_its_own, night

MODEL = "credit_risk"


@pytest.fixture(scope="session")  # a module split over workers may be set up twice
def decided(shared: Settings) -> dict[str, ModelVersion]:
    """One night of a scope of this module's own; both candidates are registered."""
    rooms = Rooms.open(MODEL, shared.in_scope("reproducing"))
    prepared = steps.prepare(NightRequest(MODEL, FIRST), rooms)  # a decided night is not trained
    night(rooms, FIRST)
    versions = {}
    for name in ("lr", "xgb"):
        trained = steps.train(prepared, name, rooms)
        versions[name] = rooms.registry.register(
            rooms.registered_name, trained, model=MODEL, idem_key=f"reproducing-{name}"
        )
        rooms.ledger.remember_version(versions[name])
    rooms.ledger.close()
    return versions


@pytest.fixture
def settings(shared: Settings, decided: Any, tmp_path: Path) -> Settings:
    """The same MLflow and ledger, with a copy of the store to spoil."""
    shutil.copytree(shared.store, tmp_path / "store")
    return shared.in_scope("reproducing").model_copy(update={"store": tmp_path / "store"})


@pytest.fixture
def rooms(settings: Settings) -> Iterator[Rooms]:
    opened = Rooms.open(MODEL, settings)
    yield opened
    opened.ledger.close()


def test_every_version_scores_the_same_bit_for_bit(
    rooms: Rooms, decided: dict[str, ModelVersion]
) -> None:
    assert {version.version for version in decided.values()} == {2, 3}
    for number in (1, 2, 3):  # 1 is the night's own
        outcome = reproduce(rooms, number)

        assert outcome.identical
        assert outcome.largest_difference == 0
        assert outcome.same_parameters is True
        assert (outcome.threads, outcome.threads_recorded) == (1, True)
        assert outcome.libraries == {}
        assert outcome.reasons == ()
        assert outcome.holdout_rows > 100


def test_a_spec_that_changed_since_is_taken_from_the_archive(
    settings: Settings, decided: dict[str, ModelVersion], own_home: Path
) -> None:
    def another(document: dict[str, Any]) -> None:
        document["training"]["seed"] = 7
        document["candidates"][1]["parameters"]["max_depth"] = 3

    theirs = lender_of_its_own(settings, own_home, another)
    rooms = Rooms.open(MODEL, theirs.model_copy(update={"store": settings.store}))

    assert reproduce(rooms, decided["xgb"].version).identical


def test_a_spec_that_changed_and_was_not_kept_is_a_clear_error(
    settings: Settings, decided: dict[str, ModelVersion], own_home: Path
) -> None:
    theirs = lender_of_its_own(settings, own_home, reseeded)
    shutil.rmtree(settings.store / SPECS)
    rooms = Rooms.open(MODEL, theirs.model_copy(update={"store": settings.store}))

    with pytest.raises(
        ConfigurationError, match=r"no spec .*restore the store; or use the release"
    ):
        reproduce(rooms, decided["lr"].version)


def reseeded(document: dict[str, Any]) -> None:
    document["training"]["seed"] = 7


def test_a_forged_spec_is_refused(
    settings: Settings, decided: dict[str, ModelVersion], own_home: Path
) -> None:
    theirs = lender_of_its_own(settings, own_home, reseeded)
    used = Rooms.open(MODEL, settings).spec.sha256
    kept = settings.store / SPECS / f"{used}.json"
    forged = kept.read_bytes().replace(b'"seed": 20260101', b'"seed": 20260102')
    assert forged != kept.read_bytes()
    kept.write_bytes(forged)
    rooms = Rooms.open(MODEL, theirs.model_copy(update={"store": settings.store}))

    with pytest.raises(IntegrityError, match="is not what the night used"):
        reproduce(rooms, decided["lr"].version)


def test_the_night_keeps_the_spec_it_used(rooms: Rooms) -> None:
    kept = SpecArchive(rooms.settings.store / SPECS).open(rooms.spec.sha256)

    assert kept.meaning == rooms.spec.meaning


def test_a_tampered_snapshot_is_refused(rooms: Rooms, decided: dict[str, ModelVersion]) -> None:
    for path in (rooms.settings.store / "snapshots").rglob("*.parquet"):
        path.write_bytes(path.read_bytes()[:-1] + b"X")

    with pytest.raises(SnapshotMismatch, match="is not what was frozen"):
        reproduce(rooms, decided["lr"].version)


def test_a_snapshot_that_is_gone_is_refused(rooms: Rooms, decided: dict[str, ModelVersion]) -> None:
    shutil.rmtree(rooms.settings.store / "snapshots")

    with pytest.raises(SnapshotMismatch, match=r"no snapshot .*remedy: restore"):
        reproduce(rooms, decided["lr"].version)


def test_a_version_nobody_knows_names_those_there_are(rooms: Rooms) -> None:
    with pytest.raises(ConfigurationError, match=r"no version 99 .* expected one of: 1, 2"):
        reproduce(rooms, 99)


def test_an_artifact_that_is_not_the_recorded_one_is_refused(
    rooms: Rooms, decided: dict[str, ModelVersion]
) -> None:
    other = decided["lr"].replace(version=50, artifact_sha256="0" * 64)
    rooms.ledger.remember_version(other)

    with pytest.raises(ArtifactRejected, match="another artifact"):
        reproduce(rooms, 50)


class Tampering:
    """A registry whose manifests say something else."""

    def __init__(self, rooms: Rooms, **changes: Any) -> None:
        self.registry, self.changes = rooms.registry, changes

    def open(self, version: ModelVersion) -> Any:
        model, manifest = self.registry.open(version)
        libraries = manifest.libraries | self.changes.pop("libraries", {})
        origin = manifest.provenance.replace(**self.changes)
        return model, manifest.replace(provenance=origin, libraries=libraries)


def with_manifest(rooms: Rooms, **changes: Any) -> Rooms:
    tampering: Any = Tampering(rooms, **changes)
    return Rooms(
        rooms.settings, rooms.spec, rooms.ledger, rooms.tracker, tampering, rooms.snapshots
    )


def test_a_version_logged_by_hand_cannot_be_fitted_again(
    rooms: Rooms, decided: dict[str, ModelVersion]
) -> None:
    by_hand = with_manifest(rooms, snapshot_sha256="", spec_sha256="")

    with pytest.raises(ConfigurationError, match="it was logged by hand"):
        reproduce(by_hand, decided["lr"].version)


def test_unknown_threads_and_other_libraries_are_told_and_loosen_the_tolerance(
    rooms: Rooms, decided: dict[str, ModelVersion]
) -> None:
    older = with_manifest(rooms, threads=0, libraries={"numpy": "2.0.0"})

    outcome = reproduce(older, decided["lr"].version)

    assert outcome.tolerance == 1e-3
    assert outcome.reasons[0].startswith("numpy was 2.0.0, is ")
    assert "threads were not recorded; fitted again with 1" in outcome.reasons[1]
    assert Reproduction.from_json(outcome.to_json()) == outcome


def refitted_as(monkeypatch: pytest.MonkeyPatch, decided: ModelVersion, rooms: Rooms) -> None:
    """Let the fit come out as another version's model."""
    fit = reproducing.fit_from_snapshot
    other, _ = rooms.registry.open(decided)

    def fitted(*args: Any, **kwargs: Any) -> Any:
        again, days = fit(*args, **kwargs)
        return replace(again, model=other), days

    monkeypatch.setattr(reproducing, "fit_from_snapshot", fitted)


def test_a_version_that_scores_differently_is_not_reproduced(
    rooms: Rooms, decided: dict[str, ModelVersion], monkeypatch: pytest.MonkeyPatch
) -> None:
    refitted_as(monkeypatch, decided["xgb"], rooms)

    with pytest.raises(
        NotReproduced, match="expected a difference of at most 1e-06; got 0"
    ) as told:
        reproduce(rooms, decided["lr"].version)

    assert told.value.exit_status == 4


@pytest.mark.parametrize(
    ("again", "identical", "difference"),
    [
        ((0.1, 0.2), True, 0.0),
        ((0.1, 0.25), False, 0.05),
        ((0.1, float("nan")), False, float("nan")),
    ],
)
def test_scores_are_compared_number_by_number(
    again: tuple[float, ...], identical: bool, difference: float
) -> None:
    same, apart = reproducing._apart(np.array([0.1, 0.2]), np.array(again))

    assert same is identical
    assert apart == pytest.approx(difference, nan_ok=True)


def test_a_difference_that_is_no_number_is_not_reproduced(
    rooms: Rooms, decided: dict[str, ModelVersion], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        reproducing,
        "_compared",
        lambda *_: {
            "identical": False,
            "largest_difference": float("nan"),
            "development_rows": 1,
            "holdout_rows": 1,
        },
    )

    with pytest.raises(NotReproduced, match="got nan"):
        reproduce(rooms, decided["lr"].version)


def test_where_mlflow_lost_the_run_its_parameters_are_unknown(
    rooms: Rooms, decided: dict[str, ModelVersion], monkeypatch: pytest.MonkeyPatch
) -> None:
    version = decided["lr"].replace(version=51, run_id="0" * 32)
    rooms.ledger.remember_version(version)

    assert reproduce(rooms, 51).same_parameters is None


def test_parameters_that_the_search_chose_otherwise_are_told(
    rooms: Rooms, decided: dict[str, ModelVersion]
) -> None:
    version = decided["lr"].replace(version=52, run_id=decided["xgb"].run_id)
    rooms.ledger.remember_version(version)

    outcome = reproduce(rooms, 52)

    assert outcome.same_parameters is False
    assert "the search chose other parameters" in outcome.reasons


def test_libraries_of_either_side_count() -> None:
    assert changed_libraries({"a": "1", "b": "1"}, {"a": "1", "c": "2"}) == {
        "b": "1, is not here",
        "c": "not recorded, is 2",
    }
