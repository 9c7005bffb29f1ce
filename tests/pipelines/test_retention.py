"""What retention removes, and above all what it does not. A lender and a clock of its own."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from pydantic import SecretStr

from finrisk.config import Settings
from finrisk.data.decision_log import DecisionLog
from finrisk.errors import ConfigurationError, UnknownModel, Unreachable
from finrisk.ledger.migrate import migrate
from finrisk.pipelines import protected, retention, steps
from finrisk.pipelines.audit import deciding_on
from finrisk.pipelines.reproducing import reproduce
from finrisk.pipelines.retention import collect, collect_model
from finrisk.pipelines.retention_report import RetentionReport
from finrisk.pipelines.rooms import Rooms
from finrisk.pipelines.scoring import score_days
from finrisk.promotion.by_hand import promote_by_hand
from finrisk.promotion.rollback import roll_back
from finrisk.records import ModelVersion, NightRequest, PreparedNight, TrainedCandidate
from finrisk.setting_up import initialise
from finrisk.tracking.cleaning import MlflowCleaner
from finrisk.tracking.holdings import Holdings
from finrisk.tracking.night_tracker import NightTracker
from tests.data.decisions import decided_by, scored_rows
from tests.pipelines.lender import FIRST, SECOND, deliver, night, write_spec

MODEL = "credit_risk"
NOW = datetime.now(UTC)
LATER = NOW + timedelta(days=120)
BY_HAND: dict[str, Any] = {"actor": "anna", "reason": "drill", "as_of": SECOND, "at": NOW}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home after its first night: two candidates, one of them champion."""
    home = tmp_path_factory.mktemp("template")
    write_spec(home / "conf" / "models")
    settings = Settings(home=home, threads=1, pictures=False)
    initialise(settings)
    deliver(settings, SECOND)
    night(Rooms.open(MODEL, settings), FIRST)
    return home


@pytest.fixture
def settings(template: Path, tmp_path: Path) -> Settings:
    """A copy of the home for this test: what one test removes another one needs."""
    home = tmp_path / "home"
    shutil.copytree(template, home)
    relocate(home / "mlflow.db", str(template), str(home))
    return Settings(home=home, threads=1, pictures=False)


def relocate(database: Path, old: str, new: str) -> None:
    """Let MLflow find its artifacts where the home is now."""
    places = {"experiments": "artifact_location", "runs": "artifact_uri"}
    with closing(sqlite3.connect(database)) as connection, connection:
        for table, column in (places | {"logged_models": "artifact_location"}).items():
            connection.execute(
                f"UPDATE {table} SET {column} = replace({column}, ?, ?)",  # noqa: S608
                (old, new),
            )


@pytest.fixture
def rooms(settings: Settings) -> Iterator[Rooms]:
    opened = Rooms.open(MODEL, settings)
    yield opened
    opened.ledger.close()


def gone(settings: Settings, **changes: Any) -> RetentionReport:
    asked: dict[str, Any] = {"keep_days": 90, "dry_run": False, "now": LATER} | changes
    return collect(settings, [MODEL], **asked)


def prepared(rooms: Rooms, as_of: date, **changes: Any) -> PreparedNight:
    return steps.prepare(NightRequest(MODEL, as_of).replace(**changes), rooms)


def registered(rooms: Rooms, one: TrainedCandidate, *, remember: bool = True) -> ModelVersion:
    version = rooms.registry.register(
        rooms.registered_name, one, model=MODEL, idem_key=f"by-hand-{one.run_id}"
    )
    if remember:
        rooms.ledger.remember_version(version)
    return version


def files(settings: Settings) -> set[str]:
    """Everything under artifacts and store."""
    return {
        str(path.relative_to(settings.home))
        for folder in (settings.artifacts, settings.store)
        for path in folder.rglob("*")
        if path.is_file()
    }


def runs(rooms: Rooms) -> set[str]:
    """The candidate runs that MLflow still shows."""
    found = MlflowCleaner(rooms.settings).holdings().candidates
    return {run.run_id for run in found if not run.deleted}


def lost(rooms: Rooms) -> TrainedCandidate:
    """The candidate of the first night that was not chosen."""
    champion = rooms.ledger.version(MODEL, 1)
    assert champion is not None
    (other,) = runs(rooms) - {champion.run_id}
    return rooms.registry.trained_of_run(other)


def force(rooms: Rooms, version: ModelVersion) -> None:
    promote_by_hand(
        rooms.ledger,
        rooms.registry,
        rooms.registered_name,
        MODEL,
        version.version,
        force=True,
        **BY_HAND,
    )


def test_the_candidate_that_lost_goes_and_everything_of_the_champion_works_on(
    rooms: Rooms, settings: Settings
) -> None:
    loser = lost(rooms)

    report = gone(settings)

    assert report.removed["candidates"].count == 1
    assert report.removed["candidates"].bytes > 1000
    assert report.kept["candidates"] == {"ever champion, or named by evidence or a look": 1}
    assert report.left == ()
    assert loser.run_id not in runs(rooms)
    assert not any(loser.model_uri.removeprefix("models:/") in name for name in files(settings))
    champion = rooms.ledger.version(MODEL, 1)
    assert champion is not None
    rooms.registry.verify(rooms.registered_name, champion)
    assert reproduce(rooms, 1).identical
    assert deciding_on(rooms.ledger, MODEL, SECOND)["version"] == 1


def test_asked_again_nothing_more_goes(rooms: Rooms, settings: Settings) -> None:
    gone(settings)
    before = files(settings)

    again = gone(settings)

    assert again.removed == {}
    assert files(settings) == before


def test_a_dry_run_tells_the_same_and_removes_nothing(rooms: Rooms, settings: Settings) -> None:
    before, shown = files(settings), runs(rooms)

    told = gone(settings, dry_run=True)

    assert (files(settings), runs(rooms)) == (before, shown)
    assert told.removed == gone(settings).removed


def test_what_is_young_stays(rooms: Rooms, settings: Settings) -> None:
    before = files(settings)

    report = gone(settings, now=NOW, keep_days=1)

    assert report.removed == {}
    assert files(settings) == before
    assert report.kept["candidates"] == {"younger than the limit": 2}


def test_a_former_champion_stays_and_can_be_rolled_back_to(
    rooms: Rooms, settings: Settings
) -> None:
    second = registered(rooms, lost(rooms))
    force(rooms, second)

    report = gone(settings)

    assert "candidates" not in report.removed
    for number in (1, 2):
        assert reproduce(rooms, number).identical
    back = roll_back(
        rooms.ledger, rooms.registry, rooms.registered_name, MODEL, to_version=None, **BY_HAND
    )
    assert back.version == 1


def test_copies_of_the_newest_champions_stay_and_an_older_one_goes(
    rooms: Rooms, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protected, "COPIES_KEPT", 1)
    first = rooms.ledger.version(MODEL, 1)
    second = registered(rooms, lost(rooms))
    assert first is not None
    force(rooms, second)

    report = gone(settings)

    copies = rooms.registry.copies
    assert report.removed["champions"].count == 1
    assert copies.problem(first.artifact_sha256) == "there is none"
    assert copies.problem(second.artifact_sha256) is None
    rooms.registry.verify(rooms.registered_name, first)  # MLflow has it, and so it is kept again
    assert copies.problem(first.artifact_sha256) is None


def test_a_champion_of_another_scope_stays(rooms: Rooms, settings: Settings) -> None:
    replay = Rooms.open(MODEL, settings.in_scope("replay"))
    night(replay, FIRST)

    gone(settings)

    version = replay.ledger.version(MODEL, 1)
    assert version is not None
    replay.registry.verify(replay.registered_name, version)
    assert version.run_id in runs(replay)
    assert len(runs(replay)) == 2  # the other is live's: in both scopes the loser went
    assert reproduce(replay, 1).identical


def test_a_registered_version_that_nothing_names_goes_and_the_ledger_keeps_its_row(
    rooms: Rooms, settings: Settings
) -> None:
    unnamed = registered(rooms, lost(rooms))

    report = gone(settings)

    assert report.removed["candidates"].count == 1
    assert rooms.ledger.version(MODEL, unnamed.version) == unnamed
    assert [v.version for v in rooms.registry._client.search_model_versions()] == [1]


def aliased(rooms: Rooms, one: TrainedCandidate) -> None:
    version = registered(rooms, one)
    rooms.registry.set_alias(rooms.registered_name, "staging", version.version)


def unknown_to_the_ledger(rooms: Rooms, one: TrainedCandidate) -> None:
    registered(rooms, one, remember=False)


def under_a_name_of_their_own(rooms: Rooms, one: TrainedCandidate) -> None:
    rooms.registry.register("anna-tries", one, model=MODEL, idem_key="anna")


def without_its_night(rooms: Rooms, one: TrainedCandidate) -> None:
    rooms.tracker._client.set_tag(one.run_id, "mlflow.parentRunId", "0" * 32)


@pytest.mark.parametrize(
    ("spare", "reason"),
    [
        (aliased, "an alias points at it"),
        (unknown_to_the_ledger, "registered, and the ledger does not know it"),
        (under_a_name_of_their_own, "registered, and the ledger does not know it"),
        (without_its_night, "logged by hand, not by a night"),
    ],
)
def test_what_somebody_may_still_want_stays(
    rooms: Rooms,
    settings: Settings,
    spare: Callable[[Rooms, TrainedCandidate], None],
    reason: str,
) -> None:
    loser = lost(rooms)
    spare(rooms, loser)

    report = gone(settings)

    assert "candidates" not in report.removed
    assert report.kept["candidates"][reason] == 1
    assert loser.run_id in runs(rooms)


def test_things_of_another_model_stay(rooms: Rooms, settings: Settings) -> None:
    document = (settings.home / "conf" / "models" / "credit_risk.yaml").read_text()
    other = document.replace("name: credit_risk", "name: cards", 1)
    other = other.replace("registered_name: credit-risk", "registered_name: cards")
    (settings.home / "conf" / "models" / "cards.yaml").write_text(other)
    before = files(settings)

    report = collect(settings, ["cards"], keep_days=90, dry_run=False, now=LATER)

    assert report.removed == {}
    assert files(settings) == before


def test_a_removal_that_was_killed_half_way_is_finished_by_the_next(
    rooms: Rooms, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    loser = lost(rooms)

    def killed(path: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("finrisk.tracking.cleaning.shutil.rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            gone(settings)
    assert any(loser.run_id in name for name in files(settings))

    report = gone(settings)

    assert report.removed["candidates"].count == 1
    assert not any(loser.run_id in name for name in files(settings))
    assert not any(loser.model_uri.removeprefix("models:/") in name for name in files(settings))


def test_a_folder_that_the_system_will_not_give_up_is_told(
    rooms: Rooms, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:

    def refused(path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("finrisk.tracking.cleaning.shutil.rmtree", refused)

    report = gone(settings)

    assert len(report.left) == 2  # the run's folder and the logged model's
    assert all("could not be removed: Permission denied" in sentence for sentence in report.left)


def test_files_in_another_place_are_left_there_and_told(rooms: Rooms, settings: Settings) -> None:
    loser = lost(rooms)
    before = files(settings)

    report = gone(settings.model_copy(update={"artifacts": settings.home / "other"}))

    assert report.removed["candidates"].count == 1
    assert report.removed["candidates"].bytes == 0
    assert "1 candidates have files outside" in report.left[0]
    assert loser.run_id not in runs(rooms)
    assert files(settings) == before


def test_a_candidate_registered_while_the_removal_runs_stays(
    rooms: Rooms, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    loser = lost(rooms)
    ask = retention.ledger_facts

    def a_rerun_in_between(settings: Settings) -> Any:
        facts = ask(settings)
        registered(rooms, loser)
        return facts

    monkeypatch.setattr(retention, "ledger_facts", a_rerun_in_between)

    report = gone(settings)

    assert report.kept["candidates"]["registered while the removal ran"] == 1
    assert loser.run_id in runs(rooms)


def resumed_at(rooms: Rooms, moment: datetime) -> Rooms:
    """The same rooms, on another day."""
    return replace(rooms, tracker=NightTracker(rooms.settings, now=lambda: moment))


def trained_on(rooms: Rooms, as_of: date) -> tuple[PreparedNight, list[TrainedCandidate]]:
    ready = prepared(rooms, as_of)
    return ready, [steps.train(ready, name, rooms) for name in ready.candidates]


def test_an_old_night_that_is_being_resumed_keeps_its_candidates(
    rooms: Rooms, settings: Settings
) -> None:
    trained_on(rooms, SECOND)
    ready, again = trained_on(resumed_at(rooms, LATER), SECOND)
    for snapshot in (settings.store / "snapshots").glob("*"):
        os.utime(snapshot, (LATER.timestamp(), LATER.timestamp()))

    report = gone(settings)

    assert all(one.resumed for one in again)
    assert report.kept["candidates"]["younger than the limit"] == len(again)
    assert steps.decide(ready, again, rooms).challenger is not None


def test_a_candidate_that_is_resumed_while_a_removal_runs_stays(
    rooms: Rooms, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained_on(rooms, SECOND)
    listed: Callable[[MlflowCleaner], Holdings] = MlflowCleaner.holdings

    def resumed_just_after(cleaner: MlflowCleaner) -> Holdings:
        holdings = listed(cleaner)
        trained_on(resumed_at(rooms, LATER), SECOND)
        return holdings

    monkeypatch.setattr(MlflowCleaner, "holdings", resumed_just_after)

    report = gone(settings)

    assert report.kept["candidates"]["younger than the limit"] == 2


# snapshots


def snapshots(rooms: Rooms) -> set[str]:
    return {snapshot.sha256 for snapshot in rooms.snapshots.stored()}


def test_the_snapshot_of_a_night_that_led_to_nothing_goes(rooms: Rooms, settings: Settings) -> None:
    kept = snapshots(rooms)
    prepared(rooms, SECOND, dry_run=True)
    assert len(snapshots(rooms)) == 2

    report = gone(settings)

    assert report.removed["snapshots"].count == 1
    assert snapshots(rooms) == kept


def test_the_snapshot_of_the_newest_night_stays_though_nothing_names_it(
    rooms: Rooms, settings: Settings
) -> None:
    decision = steps.decide(prepared(rooms, SECOND), [], rooms)  # ready, and no candidate came

    report = gone(settings)

    assert decision.evidence_sha256 is None
    assert "snapshots" not in report.removed
    assert len(snapshots(rooms)) == 2


def test_the_snapshot_of_a_candidate_that_stays_stays(rooms: Rooms, settings: Settings) -> None:
    night_of_trial = prepared(rooms, SECOND, dry_run=True)
    aliased(rooms, steps.train(night_of_trial, "lr", rooms))

    report = gone(settings)

    assert report.kept["snapshots"]["a candidate that stays was fitted on it"] == 1


def test_a_snapshot_frozen_again_is_young_again(rooms: Rooms) -> None:
    (sha256,) = snapshots(rooms)
    os.utime(rooms.snapshots.path(sha256), (0, 0))

    prepared(rooms, FIRST, dry_run=True)

    assert not rooms.snapshots.remove(sha256, older_than=NOW)
    assert snapshots(rooms) == {sha256}


def orphan(rooms: Rooms) -> str:
    """Freeze what no night is known to have frozen."""
    name = "ab" * 32
    path = rooms.snapshots.path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"rows")
    return name


def test_a_snapshot_of_no_known_night_goes_only_when_asked_for(
    rooms: Rooms, settings: Settings
) -> None:
    name = orphan(rooms)

    assert gone(settings).kept["snapshots"]["of no night that is known"] == 1
    assert name in snapshots(rooms)

    gone(settings, take_nobodys=True)
    assert name not in snapshots(rooms)
    assert len(snapshots(rooms)) == 1


def test_beside_a_ledger_and_an_mlflow_that_know_no_night_no_snapshot_goes(
    settings: Settings, tmp_path: Path
) -> None:
    elsewhere = settings.model_copy(
        update={
            "tracking_uri": f"sqlite:///{tmp_path}/other.db",
            "registry_uri": f"sqlite:///{tmp_path}/other.db",
            "ledger_url": SecretStr(f"sqlite:///{tmp_path}/empty.db"),
        }
    )
    migrate(f"sqlite:///{tmp_path}/empty.db")

    report = gone(elsewhere, take_nobodys=True)

    assert report.kept["snapshots"] == {"of no night that is known": 1}


def test_while_a_champion_does_not_tell_its_snapshot_none_goes(
    rooms: Rooms, settings: Settings
) -> None:
    prepared(rooms, SECOND, dry_run=True)
    forced = registered(rooms, lost(rooms))
    force(rooms, forced)
    model_id = forced.model_uri.removeprefix("models:/")
    (manifest,) = settings.artifacts.glob(f"models/{model_id}/artifacts/manifest.json")
    manifest.write_bytes(manifest.read_bytes().replace(b"20260101", b"20260102"))

    report = gone(settings)

    assert "snapshots" not in report.removed
    assert report.kept["snapshots"]["a needed version does not tell its snapshot"] == 1
    assert (
        "credit_risk v2 in scope live does not tell its own; restore its artifact, or the "
        "signing.pub.pem that it was signed with"
    ) in report.left[0]


# pages and rows


def test_pages_of_old_nights_go_and_the_newest_nights_stay(
    rooms: Rooms, settings: Settings
) -> None:
    night(rooms, SECOND)
    docs = settings.store / "data_docs" / MODEL
    rows = settings.store / "quarantine" / "live" / MODEL
    rows.mkdir(parents=True)
    for as_of in (FIRST, SECOND):
        (rows / f"{as_of}.parquet").write_bytes(b"rows")
    unfinished = settings.store / "snapshots" / ".killed.tmp"
    unfinished.write_bytes(b"half")

    report = gone(settings)

    assert sorted(path.name for path in docs.iterdir()) == [str(SECOND)]
    assert [path.stem for path in rows.iterdir()] == [str(SECOND)]
    assert not unfinished.exists()
    assert report.removed["unfinished"].bytes == 4
    assert report.kept["data_docs"] == {"of the newest night": 1}
    listed = (settings.store / "data_quality" / "live" / MODEL / "index.html").read_text()
    assert f"{SECOND}.html" in listed
    assert f"{FIRST}.html" not in listed


def test_decisions_go_once_their_labels_have_been_known_for_as_long(
    rooms: Rooms, settings: Settings
) -> None:
    log, today = DecisionLog.open(settings), NOW.date()
    score_days(rooms, date(2024, 7, 1), date(2024, 7, 2))
    for scope in ("live", "replay"):
        other = replace(log, scope=scope)
        by = decided_by(model=MODEL)
        other.append(rooms.spec, by, scored_rows(day=today), scored_at=NOW)

    told = gone(settings, dry_run=True)
    young = gone(settings, now=NOW)
    before = log.days(MODEL)
    report = gone(settings)

    assert "decisions" not in young.removed
    assert before == (date(2024, 7, 1), date(2024, 7, 2), today)
    assert report.removed["decisions"] == told.removed["decisions"]
    assert report.removed["decisions"].count == 2
    assert report.kept["decisions"] == {"their labels are younger than the limit": 2}
    assert log.days(MODEL) == replace(log, scope="replay").days(MODEL) == (today,)


def test_a_page_the_system_will_not_give_up_is_told(
    rooms: Rooms, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    unfinished = settings.store / ".killed.tmp"
    unfinished.write_bytes(b"half")

    def refused(file: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("finrisk.data.stored_files.remove", refused)

    assert "Permission denied" in gone(settings).left[0]


# asking


def test_two_removals_do_not_run_at_once(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "LOCK_SECONDS", 0.05)
    with (
        FileLock(settings.home / ".finrisk-gc.lock"),
        pytest.raises(Unreachable, match="another removal"),
    ):
        gone(settings)


@pytest.mark.parametrize("days", [0, -1, 10**6])
def test_an_age_that_is_none_is_refused(settings: Settings, days: int) -> None:
    with pytest.raises(ConfigurationError, match="no such age"):
        gone(settings, keep_days=days)


def test_a_model_nobody_declared_is_refused(settings: Settings) -> None:
    with pytest.raises(UnknownModel):
        collect(settings, ["cars"], keep_days=90, dry_run=True, now=NOW)


def test_the_task_takes_settings_and_clock_of_now(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINRISK_HOME", str(settings.home))

    report = collect_model(MODEL, keep_days=7, dry_run=True)

    assert report.dry_run
    assert RetentionReport.from_json(report.to_json()) == report
