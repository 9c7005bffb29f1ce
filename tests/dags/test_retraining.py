from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pendulum
import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.api.datamodels._generated import DagRunType
from airflow.sdk.exceptions import ParamValidationError
from airflow.serialization.serialized_objects import DagSerialization
from airflow.timetables.base import TimeRestriction
from airflow.timetables.trigger import CronTriggerTimetable

from dags.retraining import night_of, request_of
from finrisk.errors import PromotionError, SpecError, StaleChallenger, Unreachable
from finrisk.records import LookKind
from tests.dags.conftest import DAGS, REPOSITORY

SLOT = datetime(2025, 3, 1, 2, 0, tzinfo=UTC)
LATE = datetime(2025, 3, 1, 23, 30, tzinfo=UTC)  # already 2 March in Madrid


@pytest.fixture(scope="module")
def bag() -> Any:
    return DagBag(str(DAGS))


@pytest.fixture
def dag(bag: Any) -> Any:
    return bag.dags["credit_risk_retraining"]


def dag_run(**changes: Any) -> SimpleNamespace:
    run = {
        "run_type": "scheduled",
        "run_id": "scheduled__2025-03-01T02:00:00+00:00",
        "logical_date": SLOT,
        "run_after": SLOT,
        "triggering_user_name": None,
    }
    return SimpleNamespace(**(run | changes))


def context(run: SimpleNamespace, **params: Any) -> Any:
    form = {
        "as_of": None,
        "candidates": ["logistic_regression", "xgboost", "random_forest"],
        "dry_run": False,
        "look": "reserve",
        "reason": "",
    }
    return {"dag_run": run, "params": form | params}


@pytest.mark.parametrize(
    ("run", "params", "as_of", "look"),
    [
        pytest.param(dag_run(), {}, date(2025, 3, 1), "scheduled", id="scheduled"),
        pytest.param(
            dag_run(run_type="backfill", logical_date=datetime(2024, 6, 1, tzinfo=UTC)),
            {},
            date(2024, 6, 1),
            "scheduled",
            id="backfilled: its own date, not the day of the backfill",
        ),
        pytest.param(
            dag_run(run_type="asset_triggered", logical_date=None, run_after=LATE),
            {},
            date(2025, 3, 1),
            "scheduled",
            id="asset-triggered: no logical date, so when it was due",
        ),
        pytest.param(
            dag_run(run_type="manual", logical_date=None, run_after=LATE),
            {},
            date(2025, 3, 1),
            "reserve",
            id="manual without a date",
        ),
        pytest.param(
            dag_run(run_type="manual", run_after=LATE),
            {"as_of": "2024-12-31", "look": "scheduled"},
            date(2024, 12, 31),
            "scheduled",
            id="manual: the form wins",
        ),
        pytest.param(
            dag_run(run_type="operator_triggered", logical_date=None),
            {},
            date(2025, 3, 1),
            "reserve",
            id="triggered by another Dag",
        ),
        pytest.param(
            dag_run(),
            {"look": "reserve"},
            date(2025, 3, 1),
            "scheduled",
            id="a scheduled night never pays from the reserve",
        ),
    ],
)
def test_a_run_decides_the_day_and_pays_from_the_purse_of_its_kind(
    run: SimpleNamespace, params: dict[str, Any], as_of: date, look: str
) -> None:
    request = request_of(context(run, **params), "credit_risk", "UTC")

    assert request.as_of == as_of
    assert request.look == LookKind(look)


def test_a_day_is_a_day_in_the_zone_of_the_spec() -> None:
    assert night_of(None, LATE, SLOT, "Europe/Madrid") == date(2025, 3, 2)
    assert night_of(None, None, LATE, "Europe/Madrid") == date(2025, 3, 2)
    assert night_of(None, LATE, SLOT, "UTC") == date(2025, 3, 1)


@pytest.mark.parametrize("cron", ["0 2 * * *", "30 2 * * *", "*/30 2 * * *", "0 3 * * *"])
@pytest.mark.parametrize("before", [date(2026, 3, 28), date(2026, 10, 24)])
def test_where_clocks_change_every_scheduled_run_is_of_its_own_day_and_no_day_is_left_out(
    cron: str, before: date
) -> None:
    """In spring half past two does not come, in autumn it comes twice."""
    timetable = CronTriggerTimetable(cron, timezone="Europe/Berlin")
    since = TimeRestriction(
        pendulum.datetime(before.year, before.month, before.day, tz="Europe/Berlin"),
        None,
        catchup=True,
    )
    nights: list[date] = []
    run = None
    while len(set(nights)) < 3:
        run = timetable.next_dagrun_info(
            last_automated_data_interval=run and run.data_interval, restriction=since
        )
        nights.append(night_of(None, run.logical_date, run.run_after, "Europe/Berlin"))

    assert sorted(set(nights)) == [before + n * timedelta(days=1) for n in range(3)]
    assert nights == sorted(nights)


def test_a_day_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="isoformat"):
        night_of("yesterday", None, SLOT, "UTC")


def test_the_actor_is_the_person_who_triggered_else_airflow() -> None:
    by_ada = dag_run(run_type="manual", triggering_user_name="ada")

    assert request_of(context(by_ada), "credit_risk", "UTC").actor == "ada"
    assert request_of(context(dag_run()), "credit_risk", "UTC").actor == "airflow"


@pytest.mark.parametrize("run_type", [DagRunType.MANUAL, DagRunType.OPERATOR_TRIGGERED])
def test_a_run_that_was_asked_for_pays_as_asked_in_a_tasks_own_words_too(
    run_type: DagRunType,
) -> None:
    """Their text is "DagRunType.MANUAL"; only the scheduler's is "manual"."""
    assert request_of(context(dag_run(run_type=run_type)), "credit_risk", "UTC").look == "reserve"


def test_the_form_travels_whole_into_the_request() -> None:
    asked = context(
        dag_run(run_type="manual"), candidates=["xgboost"], dry_run=True, reason="a look at drift"
    )

    request = request_of(asked, "credit_risk", "UTC")

    assert request.candidates == ("xgboost",)
    assert request.dry_run
    assert request.reason == "a look at drift"
    assert request_of(context(dag_run(), reason=None), "credit_risk", "UTC").reason == ""


def test_every_sound_spec_has_its_dag_and_nothing_fails_to_import(bag: Any) -> None:
    assert bag.import_errors == {}
    assert {dag_id for dag_id in bag.dags if dag_id.endswith("_retraining")} == {
        f"{path.stem}_retraining" for path in (REPOSITORY / "conf" / "models").glob("*.yaml")
    }


def test_tasks_are_few_and_in_the_order_of_a_night(dag: Any) -> None:
    downstream = {task.task_id: task.downstream_task_ids for task in dag.tasks}

    assert downstream == {
        "prepare": {"train", "decide"},
        "train": {"decide"},
        "decide": {"promote"},
        "promote": set(),
    }
    assert dag.get_task("train").is_mapped
    assert dag.get_task("decide").trigger_rule == "none_failed"


def test_dag_says_whose_it_is_what_it_does_and_how_often_at_once(dag: Any) -> None:
    assert dag.owner == "credit-risk"
    assert {"finrisk", "retraining", "credit_risk"} <= set(dag.tags)
    assert "# Retail credit risk" in dag.doc_md
    assert "finrisk history credit_risk" in dag.doc_md
    assert dag.max_active_runs == 1
    assert dag.catchup is False


def test_every_task_ends_and_is_tried_again_later_and_later(dag: Any) -> None:
    for task in dag.tasks:
        assert task.execution_timeout > timedelta(0)
        assert task.retries == 2
        assert task.retry_exponential_backoff == 2.0
        assert task.max_retry_delay <= timedelta(minutes=10)


@pytest.mark.parametrize(
    ("error", "action"),
    [
        (Unreachable("MLflow does not answer"), "default"),
        (OSError("disk"), "default"),
        (StaleChallenger("the champion changed"), "fail"),
        (PromotionError("refused"), "fail"),
        (SpecError("unknown key"), "fail"),
    ],
)
def test_only_what_may_pass_is_tried_again(dag: Any, error: Exception, action: str) -> None:
    decision = dag.get_task("promote").retry_policy.evaluate(error, 1, 2)

    assert decision.action.value == action


def test_outlets_are_assets_that_others_can_wait_for(dag: Any) -> None:
    outlets = {task.task_id: {o.name for o in task.outlets} for task in dag.tasks if task.outlets}

    assert outlets == {
        "prepare": {"credit_risk_snapshot"},
        "promote": {"credit_risk_decision", "credit_risk_champion_changed"},
    }


def test_a_new_dag_waits_for_its_next_slot_and_a_late_one_makes_up_the_newest(dag: Any) -> None:
    scheduled = DagSerialization.from_dict(DagSerialization.to_dict(dag))
    now = datetime.now(UTC)

    upcoming = scheduled.next_dagrun_info(last_automated_run_info=None)

    assert now - timedelta(minutes=15) < upcoming.run_after <= now + timedelta(days=1)
    assert (upcoming.run_after.hour, upcoming.run_after.minute) == (2, 0)


def test_a_landing_starts_a_night_as_well_as_the_clock(dag: Any) -> None:
    assert type(dag.timetable).__name__ == "AssetOrTimeSchedule"
    assert dag.timetable.asset_condition.name == "credit_risk_landing"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("as_of", "2025-02-30"),
        ("as_of", "'; drop table champions; --"),
        ("candidates", []),
        ("candidates", ["../../etc/passwd"]),
        ("candidates", ["xgboost", "xgboost"]),
        ("candidates", "xgboost"),
        ("dry_run", "yes"),
        ("look", "unlimited"),
        ("reason", "x" * 501),
        ("reason", {"$ne": None}),
    ],
)
def test_the_form_refuses_what_does_not_fit(dag: Any, field: str, value: Any) -> None:
    with pytest.raises(ParamValidationError):
        dag.params.get_param(field).resolve(value)


def test_the_form_explains_the_error_budget(dag: Any) -> None:
    look = dag.params.get_param("look")

    assert look.value == "reserve"
    assert look.schema["enum"] == [kind.value for kind in LookKind]
    assert "error budget" in look.schema["description_md"]
    assert dag.params.get_param("candidates").value == [
        "logistic_regression",
        "xgboost",
        "random_forest",
    ]


def test_a_broken_spec_is_an_import_error_and_the_other_models_keep_their_dags(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = (REPOSITORY / "conf" / "models" / "credit_risk.yaml").read_text(encoding="utf-8")
    (tmp_path / "sound.yaml").write_text(sound, encoding="utf-8")
    (tmp_path / "broken.yaml").write_text(f"{sound}\nownre: nobody\n", encoding="utf-8")
    monkeypatch.setenv("FINRISK_CONF", str(tmp_path))

    bag = DagBag(str(DAGS))

    models = {dag_id for dag_id in bag.dags if not dag_id.startswith("finrisk_")}
    each = ("retraining", "rollback", "scoring", "monitoring")
    assert models == {f"credit_risk_{what}" for what in each}
    assert [Path(path).name for path in bag.import_errors] == ["broken_specs.py"]
    (shown,) = bag.import_errors.values()
    assert "broken.yaml: ownre: unknown key; did you mean 'owner'?" in shown
    assert len(shown.splitlines()) < 10, "a person reads this in the UI"
