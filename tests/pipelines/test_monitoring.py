"""A champion watched with real stores: quiet where nothing changed, and an alarm where it did."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any, cast

import pandas as pd
import pyarrow.parquet as pq
import pytest

from finrisk.config import Settings
from finrisk.data.decision_log import DecisionLog
from finrisk.data.decision_rows import HEADER
from finrisk.errors import ConfigurationError
from finrisk.ledger.inbox import Outcome
from finrisk.ledger.readings import Reading, State
from finrisk.ledger.store import Ledger
from finrisk.pipelines.monitoring import monitor
from finrisk.pipelines.monitors.champion import champion_of
from finrisk.pipelines.monitors.decisions import decided_by
from finrisk.pipelines.rooms import Rooms
from finrisk.pipelines.scoring import score_days
from finrisk.records import ModelVersion
from finrisk.specs.alerts import AlertClass
from finrisk.specs.model_spec import ModelSpec
from tests.pipelines.lender import deliver
from tests.pipelines.watched_worlds import (
    AUGUST,
    CREDIT,
    MARKETPLACE,
    MATURED,
    SOON,
    WatchedWorld,
    a_world,
    of,
)


class LedgerThatTells:
    """The ledger, and what was asked of its readings."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.asked: list[dict[str, Any]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    def readings(self, model: str, **which: Any) -> list[Reading]:
        self.asked.append(which)
        return self._ledger.readings(model, **which)


def of_champion(world: WatchedWorld) -> tuple[ModelVersion, ModelSpec]:
    champion = champion_of(world.rooms, SOON)
    assert champion is not None
    return champion.version, world.rooms.spec


def copied_store(world: WatchedWorld, day: date) -> WatchedWorld:
    """The same world with a store of its own, in which a day and the one before are decided too."""
    store = Path(tempfile.mkdtemp(dir=world.rooms.settings.home)) / "store"
    shutil.copytree(world.rooms.settings.store, store)
    settings = world.rooms.settings.model_copy(update={"store": store})
    rooms = replace(world.rooms, settings=settings)
    score_days(rooms, day - timedelta(days=1), day)
    return WatchedWorld(rooms)


@pytest.fixture(scope="module")
def steady(shared: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WatchedWorld]:
    world = a_world(shared, tmp_path_factory.mktemp("steady"), "t-steady")
    yield world
    world.rooms.ledger.close()


@pytest.fixture(scope="module")
def shifted(shared: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WatchedWorld]:
    """The bureau counts otherwise since August, and half of a column does not come any more."""

    def changed(rows: pd.DataFrame) -> pd.DataFrame:
        return rows.assign(
            bureau_score=(rows["bureau_score"] - 120).clip(300),
            utilisation=rows["utilisation"].where(rows.index % 2 == 0),
        )

    home = tmp_path_factory.mktemp("shifted")
    world = a_world(shared, home, "t-shifted", august=changed)
    yield world
    world.rooms.ledger.close()


@pytest.fixture(scope="module")
def market(shared: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WatchedWorld]:
    """A marketplace opens in August; what told risk before tells little there."""
    home = tmp_path_factory.mktemp("market")
    world = a_world(shared, home, "t-market", lender=MARKETPLACE)
    yield world
    world.rooms.ledger.close()


def test_months_like_those_before_give_no_alarm_and_ask_for_nothing(steady: WatchedWorld) -> None:
    report = steady.read(SOON)

    assert (report.alarms, report.asked) == ((), ())
    assert of(report.readings, "score_drift").state is State.QUIET
    assert of(report.readings, "score_drift").threshold is not None
    watched = {r.subject for r in report.readings if r.monitor == "feature_drift"}
    assert watched == set(steady.rooms.spec.feature_names)
    assert of(report.readings, "volume").state is State.QUIET
    assert steady.rooms.ledger.readings(CREDIT, since=SOON) == sorted(
        report.readings, key=lambda r: (r.as_of, r.monitor, r.subject)
    )


def test_labels_that_have_not_matured_never_enter(steady: WatchedWorld) -> None:
    before = date(2025, 3, 29)  # August's six months and the reporting lag end on the 30th

    young = steady.read(before)
    grown = steady.read(before + timedelta(days=1))

    early = of(young.readings, "performance", "auc")
    assert (early.value, early.state) == (None, State.UNKNOWN)
    assert "the first does on 2025-03-30" in early.detail["reason"]
    auc = of(grown.readings, "performance", "auc")
    decided = DecisionLog.open(steady.rooms.settings).read(CREDIT, *AUGUST)
    assert auc.detail["rows"] == len(decided)
    low, value, high = auc.low or 0.0, auc.value or 0.0, auc.high or 0.0
    assert 0.5 < low < value < high < 1.0


def test_days_that_chose_the_champion_say_nothing_of_it(steady: WatchedWorld) -> None:
    history = steady.rooms.ledger.history(CREDIT)
    evidence = steady.rooms.ledger.evidence(history[-1].evidence_sha256 or "")
    assert evidence is not None
    assert evidence.facts.holdout is not None
    judged_until = evidence.facts.holdout.last_day
    assert judged_until < AUGUST[0]

    # its own hold-out, decided again under its epoch, as a delivery that is scored late would be
    with_holdout = copied_store(steady, judged_until)
    auc = of(with_holdout.read(MATURED, asks=False).readings, "performance", "auc")
    young = of(with_holdout.read(SOON, asks=False).readings, "performance", "auc")

    assert auc.detail["first_day"] == str(AUGUST[0])
    assert (young.value, young.state) == (None, State.UNKNOWN)
    assert "the first does on 2025-03-30" in young.detail["reason"]


def test_no_run_reads_all_that_was_ever_read(steady: WatchedWorld) -> None:
    ledger = LedgerThatTells(steady.rooms.ledger)
    world = WatchedWorld(replace(steady.rooms, ledger=cast("Any", ledger)))

    world.read(SOON)

    assert ledger.asked == [{"since": SOON - timedelta(days=120)}]


def test_a_detector_has_estimates_that_are_unknown(steady: WatchedWorld, tmp_path: Path) -> None:
    found = decided_by(DecisionLog.open(steady.rooms.settings), *of_champion(steady), SOON)
    folder = tmp_path / "store" / "decisions" / steady.rooms.settings.scope / CREDIT
    for part in found.parts:  # as a detector logs them: without a cut-off
        table = pq.read_table(part.path, partitioning=None)
        told = json.loads(table.schema.metadata[HEADER]) | {"cutoff": None}
        target = folder / part.path.parent.name / part.path.name
        target.parent.mkdir(parents=True)
        pq.write_table(table.replace_schema_metadata({HEADER: json.dumps(told)}), target)
    settings = steady.rooms.settings.model_copy(update={"store": tmp_path / "store"})

    report = WatchedWorld(replace(steady.rooms, settings=settings)).read(SOON, asks=False)

    estimates = [r for r in report.readings if r.monitor == "estimate"]
    assert [(r.subject, r.state) for r in estimates] == [
        ("auc", State.UNKNOWN),
        ("average_precision", State.UNKNOWN),
    ]
    assert "detector" in estimates[0].detail["reason"]


def test_performance_is_held_against_what_the_champion_showed(steady: WatchedWorld) -> None:
    report = steady.read(MATURED)

    auc = of(report.readings, "performance", "auc")
    link = steady.rooms.ledger.history(CREDIT)[-1]
    evidence = steady.rooms.ledger.evidence(link.evidence_sha256 or "")
    assert evidence is not None
    shown = evidence.facts.challenger_metrics["auc"]
    assert auc.detail["shown"] == pytest.approx(shown, abs=1e-4)
    assert (auc.threshold or 1.0) < auc.detail["least"] < shown
    assert [v["vintage"] for v in auc.detail["by_vintage"]] == ["2024-08"]
    assert auc.state is not State.ALARM
    assert of(report.readings, "calibration").state is not State.ALARM
    slices = {r.subject for r in report.readings if r.monitor == "slice"}
    assert slices == {"channel=branch", "channel=broker", "channel=web"}


def test_a_shift_is_an_alarm_that_asks_once_however_often_it_is_read(shifted: WatchedWorld) -> None:
    first = shifted.read(SOON)
    again = shifted.read(SOON)
    next_day = shifted.read(SOON + timedelta(days=1))

    score = of(first.readings, "score_drift")
    assert score.state is State.ALARM
    assert of(first.readings, "feature_drift", "bureau_score").state is State.ALARM
    assert of(first.readings, "feature_drift", "income").state is State.QUIET
    (asked,) = first.asked
    assert (asked.alert, asked.source) == (AlertClass.SCORE_DRIFT, "monitor")
    assert asked.outcome is Outcome.ACCEPTED
    assert first.awaits_start
    assert f"score PSI {score.value:.2f} (limit {score.threshold:.2f})" in asked.reason
    assert [r.asked[0].deliveries for r in (first, again, next_day)] == [1, 2, 3]
    (kept,) = shifted.rooms.ledger.reruns(CREDIT)
    assert kept.began.date() == SOON


def test_an_alarm_reads_what_was_read_of_its_own_kind(shifted: WatchedWorld) -> None:
    ledger = LedgerThatTells(shifted.rooms.ledger)
    world = WatchedWorld(replace(shifted.rooms, ledger=cast("Any", ledger)))

    world.read(SOON)

    assert {"monitor": "score_drift"} in ledger.asked
    assert {} not in ledger.asked
    assert len([asked for asked in ledger.asked if "since" not in asked]) <= 2


def test_an_alarm_that_only_tells_asks_for_nothing(shifted: WatchedWorld) -> None:
    before = shifted.rooms.ledger.reruns(CREDIT)
    silent = shifted.with_spec(reruns={"alarms": ["calibration"]})

    told = silent.read(date(2024, 10, 5))
    by_hand = shifted.read(date(2024, 10, 6), asks=False)

    assert of(told.readings, "score_drift").state is State.ALARM
    assert told.asked == by_hand.asked == ()
    assert shifted.rooms.ledger.reruns(CREDIT) == before


def test_the_estimate_sees_no_label_and_is_never_an_alarm(market: WatchedWorld) -> None:
    report = market.read(MATURED)

    auc = of(report.readings, "performance", "auc")
    estimate = of(report.readings, "estimate", "auc")
    assert (estimate.value or 0.0) > (
        auc.value or 1.0
    ) + 0.02  # it takes the scores for right, and they are not
    assert estimate.state is not State.ALARM
    assert "probability of bad" in estimate.detail["assumes"][0]
    assert not {r.alert for r in report.asked} - set(AlertClass)


def test_a_new_channel_is_seen_at_once_and_its_harm_once_labels_mature(
    market: WatchedWorld,
) -> None:
    young, grown = market.read(SOON), market.read(MATURED)

    assert of(young.readings, "categories", "channel").state is State.ALARM
    assert of(young.readings, "feature_drift", "channel").state is State.ALARM
    assert of(young.readings, "calibration").state is State.UNKNOWN
    worst = of(grown.readings, "slice", "channel=marketplace")
    usual = of(grown.readings, "slice", "channel=web")
    assert (worst.value or 0.0) > (usual.value or 0.0)  # more of them go bad than was said


def test_the_same_day_read_again_takes_the_place_of_what_was_read(market: WatchedWorld) -> None:
    day = date(2025, 4, 4)
    market.read(day)

    market.with_spec(left_out=["channel", "income"]).read(day)

    kept = market.rooms.ledger.readings(CREDIT, since=day)
    assert not {r.subject for r in kept if r.as_of == day and r.monitor == "feature_drift"} & {
        "channel",
        "income",
    }


def test_the_reference_is_counted_once_and_outlives_what_landed(
    market: WatchedWorld, tmp_path: Path
) -> None:
    before = market.read(SOON, asks=False)
    gone = market.rooms.settings.model_copy(update={"home": tmp_path})

    after = WatchedWorld(replace(market.rooms, settings=gone)).read(SOON, asks=False)

    assert of(after.readings, "score_drift") == of(before.readings, "score_drift")
    landing = of(after.readings, "freshness", "landing")
    assert landing.state is State.UNKNOWN
    assert landing.detail["reason"]
    assert of(after.readings, "performance", "auc").state is State.UNKNOWN


def test_a_reference_that_is_spoilt_is_made_again(steady: WatchedWorld) -> None:
    before = of(steady.read(SOON).readings, "score_drift")
    (kept,) = (steady.rooms.settings.store / "references").rglob("*.json")
    kept.write_text("{")

    assert of(steady.read(SOON).readings, "score_drift") == before


def test_without_a_reference_drift_is_unknown_and_not_quiet(
    market: WatchedWorld, tmp_path: Path
) -> None:
    store = market.rooms.settings.store
    elsewhere = tmp_path / "store"
    elsewhere.mkdir()
    (elsewhere / "decisions").symlink_to(store / "decisions")
    settings = market.rooms.settings.model_copy(update={"home": tmp_path, "store": elsewhere})

    report = WatchedWorld(replace(market.rooms, settings=settings)).read(SOON, asks=False)

    drift = of(report.readings, "score_drift")
    assert (drift.value, drift.state) == (None, State.UNKNOWN)
    assert drift.detail["reason"].startswith("no reference: ")
    assert of(report.readings, "estimate", "auc").value is not None


def test_without_a_champion_everything_is_unknown(rooms: Rooms) -> None:
    deliver(rooms.settings, SOON)

    report = monitor(CREDIT, as_of=SOON, rooms=rooms)

    assert (report.version, report.alarms) == (None, ())
    decided = [r for r in report.readings if r.monitor != "freshness"]
    assert {(r.state, r.value) for r in decided} == {(State.UNKNOWN, None)}
    assert "there is no champion yet" in report.sentence


def test_without_a_decision_everything_but_freshness_is_unknown(steady: WatchedWorld) -> None:
    report = steady.read(AUGUST[0])  # it was promoted on this day, and decides from then on

    assert {r.state for r in report.readings if r.monitor != "freshness"} == {State.UNKNOWN}
    assert of(report.readings, "freshness", "decisions").detail["reason"]


def test_the_run_of_the_day_is_logged_once_with_its_figures(steady: WatchedWorld) -> None:
    pictured = replace(
        steady.rooms, settings=steady.rooms.settings.model_copy(update={"pictures": True})
    )
    world = WatchedWorld(pictured)

    first, again = (world.read(MATURED + timedelta(days=1)) for _ in range(2))

    assert first.run_id is not None
    assert first.run_id == again.run_id
    run = pictured.tracker._client.get_run(first.run_id)
    assert run.data.metrics["score_drift"] == pytest.approx(of(first.readings, "score_drift").value)
    assert run.data.metrics["performance.auc"] == of(first.readings, "performance", "auc").value
    pictures = pictured.tracker._client.list_artifacts(first.run_id, "pictures")
    assert {Path(p.path).stem for p in pictures} == {"drift_over_time", "performance_over_time"}


def test_a_day_that_has_not_come_cannot_be_read(steady: WatchedWorld) -> None:
    with pytest.raises(ConfigurationError, match="has not come yet"):
        steady.read(date(2026, 3, 2))


def test_a_feed_that_stops_is_an_alarm_of_freshness(steady: WatchedWorld) -> None:
    report = steady.read(date(2025, 6, 20))

    assert of(report.readings, "freshness", "decisions").state is State.ALARM
    assert of(report.readings, "freshness", "landing").state is State.ALARM
    assert report.asked == ()


def test_a_column_of_which_half_is_missing_is_an_alarm(shifted: WatchedWorld) -> None:
    report = shifted.read(SOON)

    missing = of(report.readings, "missing_rate", "utilisation")
    assert missing.state is State.ALARM
    assert missing.value == pytest.approx(0.5, abs=0.1)
    assert of(report.readings, "missing_rate", "bureau_score").state is State.QUIET
