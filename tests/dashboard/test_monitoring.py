"""The monitoring page: what alarms, since when, what it asked for; pictures of what was read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from finrisk.dashboard.kinds import KIND_WORDS
from finrisk.dashboard.monitoring.page import late_sentence
from finrisk.dashboard.monitoring.reading_words import TITLES, said
from finrisk.dashboard.monitoring.words import (
    MonitorToday,
    asked_sentence,
    limits_sentences,
    monitors_of,
    outcome_sentence,
    runbook_of,
    without_news,
)
from finrisk.evaluation.watched import (
    CALIBRATION,
    FEATURE_DRIFT,
    MONITORS,
    PERFORMANCE,
    SCORE_DRIFT,
)
from finrisk.ledger.inbox import Outcome, Rerun
from finrisk.ledger.reading_history import DayState, began_on
from finrisk.ledger.readings import Reading, State
from finrisk.pipelines.monitors import asking
from finrisk.records import PromotionKind
from finrisk.setting_up import initialise
from finrisk.specs.alerts import ALERT_OF_MONITOR, AlertClass
from finrisk.specs.monitoring import Monitoring
from finrisk.tracking.night_tracker import NightTracker
from finrisk.tracking.run_of_day import run_of_day
from finrisk.tracking.run_writer import RunContents
from tests.dashboard.conftest import Show, settings_of, texts
from tests.dashboard.monitoring_worlds import DAY, LAST, World, days, reading, world_of
from tests.ledger.factories import MODEL
from tests.pipelines.lender import write_spec

ALARM = {"state": State.ALARM, "value": 0.31, "threshold": 0.12}
RUNBOOKS = Path(__file__).parents[2] / "docs" / "runbooks"
TABS = [
    "States by day",
    "Drift",
    "Performance",
    "Calibration and slices",
    "Volume and freshness",
    "Readings of the day",
    "Alerts",
]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that was set up, once for all worlds of this file."""
    home = tmp_path_factory.mktemp("watched")
    write_spec(home / "conf" / "models")
    initialise(settings_of(home))
    return home


@pytest.fixture
def new_world(template: Path, tmp_path: Path) -> Iterator[Callable[[], World]]:
    made: list[World] = []
    numbers = count()

    def make() -> World:
        made.append(world_of(template, tmp_path / f"world {next(numbers)}"))
        return made[-1]

    yield make
    for world in made:
        world.ledger.close()


@pytest.fixture
def world(new_world: Callable[[], World]) -> World:
    """Version 1 is champion, and was read on five days without anything wrong."""
    made = new_world()
    made.crown(1, LAST - 10 * DAY)
    made.read(days(5))
    return made


def charts(at: AppTest) -> list[dict[str, Any]]:
    return [json.loads(element.proto.spec) for element in at.get("vega_lite_chart")]


def alts(at: AppTest) -> list[str]:
    return [element.proto.alt for element in at.get("vega_lite_chart")]


def shown_tab(show: Show, home: Path, tab: str, **query: str) -> AppTest:
    at = show(home, "monitoring", monitoring_tab=tab, **query)
    assert not at.exception, at.exception
    assert not at.error, texts(at)
    return at


# the head


def test_a_model_that_was_never_read_is_told_how_it_is(
    new_world: Callable[[], World], show: Show
) -> None:
    at = show(new_world().home, "monitoring")

    assert "finrisk monitor credit_risk" in texts(at)
    assert "No alert has asked" in texts(at)
    assert not at.exception


def test_a_quiet_day_says_so_and_shows_no_card(world: World, show: Show) -> None:
    at = show(world.home, "monitoring")

    assert "As of 2026-03-01, v1 was read: 10 monitors are quiet." in texts(at)
    assert "What to do" not in texts(at)


def test_an_alarm_says_since_when_its_runbook_and_what_it_asked_for(
    world: World, show: Show
) -> None:
    drift = reading("score_drift", **ALARM)
    world.read(days(3), drift)
    (began, *_) = asking.askings(
        [drift], [drift.replace(as_of=day) for day in days(3)], _spec(world.home)
    )
    world.alert(1, datetime(2026, 3, 1, 3, tzinfo=UTC), **_asked(began))

    told = texts(show(world.home, "monitoring"))

    assert "score PSI 0\\.31 \\(alarm from 0\\.12\\)" in told
    assert "Since 2026-02-27." in told
    assert "docs/runbooks/FinRiskScoreDrift.md" in told
    assert "accepted, and not started yet" in told.replace("\\", "")


def _spec(home: Path) -> Any:
    from finrisk.specs.loader import load_spec

    return load_spec(home / "conf" / "models" / "credit_risk.yaml")


def _asked(began: Any) -> dict[str, Any]:
    return {name: getattr(began, name) for name in ("key", "alert", "source", "reason", "began")}


def test_an_alarm_that_may_not_ask_says_so(world: World, show: Show) -> None:
    world.read(days(1), reading("feature_drift", "income", **ALARM))

    told = texts(show(world.home, "monitoring")).replace("\\", "")

    assert "feature_drift is not among monitoring.reruns.alarms" in told


def test_readings_of_another_champion_than_todays_are_called_so(world: World, show: Show) -> None:
    world.crown(2, LAST)

    assert "These readings are of v1; v2 is champion now" in texts(show(world.home, "monitoring"))


def test_readings_older_than_the_schedule_are_called_late(world: World, show: Show) -> None:
    assert "The newest reading is of 2026-03-01; by the schedule" in texts(
        show(world.home, "monitoring")
    )


def test_readings_of_yesterday_are_not_late(new_world: Callable[[], World], show: Show) -> None:
    fresh = new_world()
    today = datetime.now(UTC).date()
    fresh.read([today])

    assert "by the schedule" not in texts(show(fresh.home, "monitoring"))


def test_what_nobody_can_say_stands_with_its_reason_and_is_not_quiet(
    world: World, show: Show
) -> None:
    why = {"reason": "no decision of the champion is logged"}
    unknown = {"state": State.UNKNOWN, "value": None, "detail": why}
    world.read(days(1), reading("score_drift", **unknown), reading("volume", **unknown))

    told = texts(show(world.home, "monitoring"))

    assert "**Score drift, Volume**: no decision of the champion is logged" in told
    assert "docs/runbooks/FinRiskMonitorsBlind.md" in told
    assert "8 are quiet" in told


def test_a_subject_that_looks_like_markdown_is_shown_as_it_is(world: World, show: Show) -> None:
    odd = reading("slice", "channel=[x](http://y) :red[z]", **ALARM)
    world.read(days(1), odd)

    told = texts(show(world.home, "monitoring"))

    assert "[x](http" not in told
    assert ":red[z]" not in told


# the pictures


@pytest.mark.parametrize("tab", TABS)
def test_a_tab_shows_its_part_of_the_world(tab: str, world: World, show: Show) -> None:
    at = shown_tab(show, world.home, tab)

    assert all(alts(at)), "a picture without words for who does not see it"


def test_one_day_alone_is_drawn(new_world: Callable[[], World], show: Show) -> None:
    single = new_world()
    single.read([LAST])

    at = shown_tab(show, single.home, "Performance")

    assert "0.74" in json.dumps(_data(at))


def _data(at: AppTest) -> list[Any]:
    from streamlit.dataframe_util import convert_arrow_bytes_to_pandas_df

    return [
        convert_arrow_bytes_to_pandas_df(data.data.data).to_csv()
        for element in at.get("vega_lite_chart")
        for data in element.proto.datasets
    ]


def test_days_before_the_range_are_not_drawn(world: World, show: Show) -> None:
    world.read(days(1, LAST - 60 * DAY))

    def first_days(chosen: str) -> str:
        at = shown_tab(show, world.home, "Drift", monitoring_days=chosen)
        return alts(at)[0]

    assert "2026-02-25" not in first_days("90 days")
    assert first_days("90 days").endswith("2025-12-31 to 2026-03-01")
    assert first_days("30 days").endswith("2026-01-31 to 2026-03-01")
    assert first_days("all").endswith("2025-12-31 to 2026-03-01")


def test_features_are_chosen_for_pictures_of_their_own(world: World, show: Show) -> None:
    at = shown_tab(show, world.home, "Drift")
    chosen = at.multiselect[0]

    at = chosen.set_value(["income"]).run()

    assert [alt for alt in alts(at) if alt.startswith("PSI of income")]
    assert not [alt for alt in alts(at) if alt.startswith("PSI of channel")]


def test_the_most_drifted_feature_stands_first(world: World, show: Show) -> None:
    world.read(days(1), reading("feature_drift", "utilisation", **ALARM))

    at = shown_tab(show, world.home, "Drift")

    assert at.multiselect[0].value[0] == "utilisation"


def test_a_new_champion_is_a_rule_in_the_pictures(world: World, show: Show) -> None:
    world.crown(2, LAST - 2 * DAY)

    drawn = _data(shown_tab(show, world.home, "Performance"))

    assert any(f"v2,{KIND_WORDS[PromotionKind.FORCED]}" in data for data in drawn)


def test_an_estimate_is_dashed_and_named_as_one(world: World, show: Show) -> None:
    at = shown_tab(show, world.home, "Performance")

    lines = next(layer for layer in charts(at)[0]["layer"] if "strokeDash" in layer["encoding"])
    scale = lines["encoding"]["strokeDash"]["scale"]
    dashes = dict(zip(scale["domain"], map(tuple, scale["range"]), strict=True))
    assert dashes["estimate: no label seen"] != dashes["on matured labels, 95 %"]
    assert "it is never an alarm" in texts(at)


def test_before_anything_matured_the_page_says_from_when(world: World, show: Show) -> None:
    why = "no decision of the champion has matured: the first does on 2026-09-30"
    unknown = {"state": State.UNKNOWN, "value": None, "low": None, "high": None}
    names = ("auc", "ks", "average_precision")
    of = [reading("performance", name, detail={"reason": why}, **unknown) for name in names]
    world.read(days(5), *of)

    told = texts(shown_tab(show, world.home, "Performance")).replace("\\", "")

    assert "Nothing has matured in these days" in told
    assert "the first does on 2026-09-30" in told


def test_slices_stand_in_a_table_with_what_was_seen_and_said(world: World, show: Show) -> None:
    at = shown_tab(show, world.home, "Calibration and slices")

    assert list(at.dataframe[0].value["Slice"]) == ["channel=branch", "channel=web"]
    assert at.dataframe[0].value["Observed bad rate"][0] == "18.0 %"


def test_the_readings_of_the_day_are_those_that_are_not_quiet_until_all_are_asked_for(
    world: World, show: Show
) -> None:
    world.read(days(1), reading("volume", state=State.WARN))
    at = shown_tab(show, world.home, "Readings of the day")
    assert list(at.dataframe[0].value["Reading"]) == ["Volume"]

    at = at.toggle[0].set_value(True).run()

    assert len(at.dataframe[0].value) == 22


# the alerts


def test_alerts_come_a_page_at_a_time(world: World, show: Show) -> None:
    began = datetime(2026, 2, 1, tzinfo=UTC)
    for number in range(25):
        world.alert(number, began + number * timedelta(hours=1))
    at = shown_tab(show, world.home, "Alerts")
    assert at.dataframe[0].value["Reason"][0] == "alert 24"

    at = at.pagination[0].set_value(2).run()

    assert list(at.dataframe[0].value["Reason"]) == [f"alert {n}" for n in (4, 3, 2, 1, 0)]


def test_an_alert_leads_to_its_night_where_airflow_is_known(
    world: World, show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINRISK_AIRFLOW_UI_URL", "http://airflow.test")
    world.alert(1, datetime(2026, 2, 1, tzinfo=UTC))

    table = shown_tab(show, world.home, "Alerts").dataframe[0].value

    address = "http://airflow.test/dags/credit_risk_retraining/runs/alert__FinRiskScoreDrift__"
    assert table["Night in Airflow"][0].startswith(address)


def test_a_cool_down_that_lasts_is_told(world: World, show: Show) -> None:
    world.alert(1, datetime.now(UTC) - timedelta(hours=1))

    told = texts(shown_tab(show, world.home, "Alerts"))

    assert "FinRiskScoreDrift cools down until" in told
    assert "no alert of any class" in told


# MLflow


def test_the_monitoring_run_is_looked_up_only_when_asked_for(
    world: World, show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_UI_URL", "http://mlflow.test")
    settings = settings_of(world.home)
    run_id = NightTracker(settings).log_monitoring(
        "key", RunContents(), model=MODEL, model_type=MODEL, as_of=LAST, states={"quiet": 1}
    )
    at = show(world.home, "monitoring")

    at = at.button(key="monitoring_find_run").click().run()

    links = [element.proto.url for element in at.get("link_button")]
    assert f"http://mlflow.test/#/runs/{run_id}" in links
    assert run_of_day(settings, "monitoring", MODEL, LAST - DAY) is None


def test_without_mlflow_the_page_says_so_and_stands(
    world: World, show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("FINRISK_REMOTE_TIMEOUT_SECONDS", "1")
    monkeypatch.setenv("FINRISK_REMOTE_RETRIES", "0")
    at = show(world.home, "monitoring")

    at = at.button(key="monitoring_find_run").click().run()

    assert not at.exception
    assert "MLflow does not answer" in texts(at)
    assert "10 monitors are quiet" in texts(at)


# the words


def test_every_monitor_has_a_title_and_those_that_ask_are_those_that_ask() -> None:
    assert tuple(TITLES) == MONITORS
    assert ALERT_OF_MONITOR == {
        SCORE_DRIFT: AlertClass.SCORE_DRIFT,
        FEATURE_DRIFT: AlertClass.FEATURE_DRIFT,
        PERFORMANCE: AlertClass.PERFORMANCE_LOSS,
        CALIBRATION: AlertClass.CALIBRATION_LOSS,
    }


def test_every_runbook_that_is_named_exists() -> None:
    named = set()
    for monitor in MONITORS:
        for state in State:
            for subject in ("", "labels"):
                of = MonitorToday(monitor, state, (reading(monitor, subject, state=state),))
                named.add(runbook_of(of))
    named.add("FinRiskMonitorsSilent")

    there = {path.stem for path in RUNBOOKS.glob("*.md")}
    assert named - {None} <= there
    assert len(named) > 7


def test_an_alarm_of_each_monitor_but_the_estimate_has_a_runbook() -> None:
    without = [
        monitor
        for monitor in MONITORS
        if runbook_of(MonitorToday(monitor, State.ALARM, (reading(monitor, **ALARM),))) is None
    ]
    assert without == ["estimate"]


def test_an_alarm_began_when_the_alert_says_it_did() -> None:
    chance = Random(7)
    for _ in range(200):
        history = [
            reading("score_drift", as_of=day, state=chance.choice(list(State)), version=version)
            for day in days(8)
            if chance.random() > 0.2
            for version in [chance.choice([1, 1, 1, 2])]
        ]
        alarm = reading("score_drift", **ALARM)
        history = [r for r in history if r.as_of < LAST] + [alarm]
        counted = [DayState(r.as_of, r.monitor, r.version, r.state, 1) for r in history]

        assert began_on(counted, "score_drift", 1, LAST) == began_on(
            history, "score_drift", 1, LAST
        )


def test_monitors_that_alarm_stand_first_and_their_worst_figure_leads() -> None:
    found = monitors_of(
        [
            reading("score_drift"),
            reading("feature_drift", "age", value=0.2, state=State.ALARM),
            reading("feature_drift", "income", value=0.9, state=State.ALARM),
            reading("slice", "a", state=State.UNKNOWN, value=None),
            reading("volume", state=State.WARN),
        ]
    )

    assert [of.monitor for of in found] == ["feature_drift", "volume", "slice", "score_drift"]
    assert found[0].sentence.startswith("PSI of income 0.90")


def rerun(**changes: Any) -> Rerun:
    at = datetime(2026, 3, 1, 3, tzinfo=UTC)
    good = Rerun(
        model=MODEL,
        key="k",
        alert="FinRiskScoreDrift",
        source="monitor",
        reason="",
        began=at,
        received=at,
        deliveries=1,
        outcome=Outcome.ACCEPTED,
        run_id="alert__x",
        started=None,
    )
    return good.replace(**changes)


@pytest.mark.parametrize(
    ("changes", "said_of_it"),
    [
        ({}, "accepted, and not started yet"),
        (
            {"started": datetime(2026, 3, 1, 3, 5, tzinfo=UTC)},
            "accepted, and started on 2026-03-01 03:05 UTC",
        ),
        ({"outcome": Outcome.COOLING_DOWN}, "refused, its class was cooling down"),
        ({"outcome": Outcome.CAPPED}, "refused, the nights of that day were used up"),
    ],
)
def test_what_became_of_an_alert_is_told(changes: dict[str, Any], said_of_it: str) -> None:
    assert outcome_sentence(rerun(**changes), "UTC").startswith(said_of_it)


def test_an_alarm_that_could_ask_and_left_no_alert_is_not_called_asked() -> None:
    monitor = MonitorToday("score_drift", State.ALARM, (reading("score_drift", **ALARM),), LAST)

    assert "Asked for no night that is on record" in asked_sentence(monitor, Monitoring(), "UTC")


def test_limits_end_when_the_inbox_says_they_do() -> None:
    now = datetime(2026, 3, 3, 3, tzinfo=UTC)

    (cooling,) = limits_sentences([rerun()], Monitoring(), now, "UTC")
    assert "cools down until 2026-03-08 03:00 UTC" in cooling
    (free,) = limits_sentences([rerun()], Monitoring(), now + timedelta(days=6), "UTC")
    assert "Nothing cools down" in free
    told = limits_sentences([rerun()], Monitoring(), now - timedelta(days=1, hours=1), "UTC")
    assert "before 2026-03-02 03:00 UTC" in told[1]


def test_the_whole_schedule_missed_is_told_as_at_least() -> None:
    many = tuple(date(2026, 1, 1) + n * DAY for n in range(60))

    assert "60 days or more missing" in late_sentence(date(2025, 12, 31), many)
    assert "1 day missing" in late_sentence(date(2025, 12, 31), many[:1])


def test_reasons_alike_are_told_once_for_all_their_monitors() -> None:
    unknown = {"state": State.UNKNOWN, "value": None, "detail": {"reason": "no champion"}}
    found = monitors_of([reading(name, **unknown) for name in ("volume", "score_drift")])

    assert without_news(found) == [("no champion", "Score drift, Volume")]


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (reading("feature_drift", "age", value=0.3, threshold=None), "PSI of age 0.30"),
        (reading("missing_rate", "age", value=0.2, detail={"before": 0.1}), "10.0 % in the ref"),
        (reading("categories", "channel", value=0.38), "38.0 % of rows have a word"),
        (reading("volume", value=0.5), "0.5 times as many rows"),
        (reading("calibration", value=0.4), "offset +0.40, alarm beyond ±0.10"),
        (reading("estimate", "auc", value=0.7), "estimated AUC 0.700"),
        (reading("freshness", "landing", value=5.0, threshold=3.0), "5 days old (limit 3)"),
        (
            reading("freshness", "labels", state=State.UNKNOWN, detail={"reason": "no limit"}),
            "days old (limit 0.1): no limit",
        ),
        (reading("slice", "a=b", value=None, detail={"reason": "no bads"}), "a=b: no bads"),
        (reading("some_later_monitor", "x", value=2.0), "x 2 (limit 0.1)"),
    ],
)
def test_a_reading_is_told_with_its_figure(one: Reading, words: str) -> None:
    assert words in said(one)
