"""MLflow's database is deleted under a lender that has a champion: nothing decided is lost."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from finrisk.config import Settings
from finrisk.pipelines.doctor.examination import examine
from finrisk.pipelines.doctor.findings import Finding, Health, exit_status
from finrisk.pipelines.rooms import Rooms
from finrisk.promotion.by_hand import promote_by_hand
from finrisk.records import Decision, PromotionKind
from finrisk.setting_up import initialise
from tests.pipelines.lender import FIRST, SECOND, deliver, night, write_spec

MODEL = "credit_risk"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_spec(tmp_path / "conf" / "models")
    monkeypatch.setenv("FINRISK_HOME", str(tmp_path))
    monkeypatch.setenv("FINRISK_THREADS", "1")
    return tmp_path


def forget_stores() -> None:
    """Forget what MLflow keeps open for the life of a process: the next one finds the file gone."""
    # read only once a store was opened: their import warns, and open_client knows how
    from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore as RegistryStore
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore as TrackingStore
    from mlflow.tracking._model_registry.registry import ModelRegistryStoreRegistry
    from mlflow.tracking._tracking_service.registry import TrackingStoreRegistry

    for registry in (TrackingStoreRegistry, ModelRegistryStoreRegistry):
        registry._get_store_with_resolved_uri.cache_clear()
    for store in (TrackingStore, RegistryStore):
        for engine in store._engine_map.values():
            engine.dispose()
        store._engine_map.clear()


@contextmanager
def opened() -> Iterator[Rooms]:
    """Give the rooms as a new process opens them."""
    forget_stores()
    rooms = Rooms.open(MODEL)
    try:
        yield rooms
    finally:
        rooms.ledger.close()


def of(findings: list[Finding], check: str) -> Finding:
    return next(finding for finding in findings if finding.check == f"{MODEL}: {check}")


def without_copies(home: Path) -> None:
    shutil.rmtree(home / "store" / "champions")


def test_after_a_reset_the_next_night_is_judged_against_the_copy_and_registers_it_again(
    home: Path,
) -> None:
    settings = Settings(home=home, threads=1, pictures=False)
    initialise(settings)
    deliver(settings, SECOND)
    with opened() as rooms:
        night(rooms, FIRST, candidates=("lr",))
        before = rooms.ledger.champion(MODEL)
    assert before is not None
    (home / "mlflow.db").unlink()
    gone = list(examine())
    assert "finrisk reconcile credit_risk" in (of(gone, "versions").remedy or "")

    with opened() as rooms:
        second = night(rooms, SECOND, candidates=("lr",))
        history = rooms.ledger.history(MODEL)
        looks = rooms.ledger.looks(MODEL)

    assert second.comparison is not None
    assert len(looks) == 2
    assert [link.kind for link in history] == [PromotionKind.BOOTSTRAP, PromotionKind.RESTORED]
    assert history[-1].artifact_sha256 == before.artifact_sha256
    assert exit_status(list(examine(MODEL))) == 0


def test_after_a_reset_without_copies_a_person_may_force_the_next_champion(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings(home=home, threads=1, pictures=False)
    initialise(settings)
    deliver(settings, SECOND)
    with opened() as rooms:
        first = night(rooms, FIRST, candidates=("lr",))
        before = rooms.ledger.champion(MODEL)
    assert first.decision is Decision.PROMOTE
    assert before is not None

    (home / "mlflow.db").unlink()
    without_copies(home)
    gone = list(examine())
    assert exit_status(gone) == 4
    assert "MLflow's database was reset" in of(gone, "versions").found
    assert "--as-of 2024-08-05" in (of(gone, "versions").remedy or "")
    assert not (home / "mlflow.db").exists()

    with opened() as rooms, caplog.at_level(logging.WARNING, "finrisk.tracking.registration"):
        second = night(rooms, SECOND, candidates=("lr",))
        assert second.decision is not Decision.PROMOTE
        assert second.challenger is not None
        assert second.challenger.version == before.version + 1
        assert rooms.ledger.champion(MODEL) == before
        assert rooms.ledger.verify(MODEL) == 1
        assert len(rooms.ledger.looks(MODEL)) == 1  # nothing was spent on a comparison with nobody
    assert caplog.text.count("Numbers go on after 1") == 1

    counted = list(examine(MODEL))
    assert of(counted, "versions").outcome is Health.FAIL
    assert "promote credit_risk 2 --force" in (of(counted, "versions").remedy or "")
    assert of(counted, "aliases").outcome is Health.WARN

    with opened() as rooms:
        link = promote_by_hand(
            rooms.ledger,
            rooms.registry,
            rooms.registered_name,
            MODEL,
            second.challenger.version,
            force=True,
            actor="anna",
            reason="MLflow was reset",
            as_of=SECOND,
            at=rooms.now(),
        )
        assert (link.version, link.previous_version, link.epoch) == (2, 1, 2)
        assert rooms.registry.alias_version(rooms.registered_name, "production") == 2
        assert rooms.ledger.verify(MODEL) == 2
    mended = list(examine(MODEL))
    assert exit_status(mended) == 0
    assert "former champions are not in MLflow any more: version 1" in of(mended, "versions").found


def test_after_a_reset_with_nothing_new_the_last_night_again_gives_a_version_to_force(
    home: Path,
) -> None:
    settings = Settings(home=home, threads=1, pictures=False)
    initialise(settings)
    deliver(settings, FIRST)
    with opened() as rooms:
        night(rooms, FIRST, candidates=("lr",))
    (home / "mlflow.db").unlink()
    without_copies(home)

    with opened() as rooms:
        night(rooms, FIRST, candidates=("lr",))
        known = [version.version for version in rooms.ledger.versions(MODEL)]
        stored = rooms.ledger.night(MODEL, FIRST)

    assert known == [1, 2]
    assert stored is not None
    assert stored.decision.decision is Decision.PROMOTE  # what was decided then stands
    assert "promote credit_risk 2 --force" in (of(list(examine()), "versions").remedy or "")
