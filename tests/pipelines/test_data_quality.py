"""A few bad rows do not stop a night that allows it; every night tells how good its data were."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from finrisk.config import Settings
from finrisk.data.quality import QualityReport
from finrisk.data.quality_store import QualityStore
from finrisk.errors import Unreachable
from finrisk.pipelines import steps
from finrisk.pipelines.data_quality import quality_metrics
from finrisk.pipelines.rooms import Rooms
from finrisk.records import NightRequest, NightStatus, PreparedNight
from tests.pipelines.lender import FIRST, applications, lender_of_its_own, no_sidecar, redeliver

Change = Callable[[dict[str, Any]], None]
Spoil = Callable[[pd.DataFrame], pd.DataFrame]


def lenient(document: dict[str, Any]) -> None:
    no_sidecar(document)
    document["contract"]["quarantine"] = {"max_share": 0.02}


def a_few_bad(frame: pd.DataFrame) -> pd.DataFrame:
    """Four of some 500 rows: out of range, of an unknown word, without a value, and twice there."""
    frame = frame.copy()
    frame.loc[0, "income"] = -1.0
    frame.loc[1, "channel"] = "pigeon"
    frame.loc[2, "debt_to_income"] = None
    return pd.concat([frame, frame.loc[[3]]], ignore_index=True)


def spoilt(settings: Settings, home: Path, spoil: Spoil, change: Change = lenient) -> Rooms:
    theirs = Rooms.open("credit_risk", lender_of_its_own(settings, home, change))
    path = applications(theirs.settings, "2024-07")
    redeliver(path, spoil(pd.read_parquet(path)))
    return theirs


def prepared(rooms: Rooms, as_of: date = FIRST, **changes: Any) -> PreparedNight:
    request = NightRequest(model="credit_risk", as_of=as_of, actor="test").replace(**changes)
    return steps.prepare(request, rooms)


def quarantine(rooms: Rooms) -> Path:
    return rooms.settings.store / "quarantine" / rooms.settings.scope / "credit_risk"


def reports(rooms: Rooms) -> QualityStore:
    settings = rooms.settings
    return QualityStore(settings.store / "data_quality", settings.scope, "credit_risk", "")


def quality_runs(rooms: Rooms) -> list[Any]:
    client, experiment = rooms.tracker._client, rooms.tracker._experiment_id
    found: list[Any] = client.search_runs([experiment], "tags.experiment_type = 'data_quality'")
    return found


def test_a_few_bad_rows_are_set_aside_and_the_night_goes_on(
    settings: Settings, own_home: Path
) -> None:
    theirs = spoilt(settings, own_home, a_few_bad)

    night = prepared(theirs)

    assert (night.status, night.data.result) == (NightStatus.READY, "warn")
    assert {check.check: check.failing for check in night.data.failed} == {
        "quarantined: range": 1,
        "quarantined: unknown value": 1,
        "quarantined: missing value": 1,
        "quarantined: duplicate key": 1,
    }
    kept = pd.read_parquet(quarantine(theirs) / f"{FIRST}.parquet")
    assert len(kept) == 4
    assert stat.S_IMODE(quarantine(theirs).stat().st_mode) == 0o700
    report = reports(theirs).report(FIRST)
    assert (report.result, report.quarantined, report.checks_failed) == ("warn", 4, 4)


def test_the_night_after_the_mend_leaves_no_rows_set_aside(
    settings: Settings, own_home: Path
) -> None:
    theirs = spoilt(settings, own_home, a_few_bad)
    prepared(theirs)
    redeliver_clean = applications(settings, "2024-07").read_bytes()
    applications(theirs.settings, "2024-07").write_bytes(redeliver_clean)

    night = prepared(theirs)

    assert night.data.result == "pass"
    assert list(quarantine(theirs).iterdir()) == []
    assert reports(theirs).report(FIRST).score == 1.0
    assert len(quality_runs(theirs)) == 2


def test_too_many_bad_rows_block_the_night_as_before(settings: Settings, own_home: Path) -> None:
    theirs = spoilt(settings, own_home, lambda f: f.assign(income=f["income"].where(f.index > 20)))

    night = prepared(theirs)

    assert night.status is NightStatus.BLOCKED
    assert "missing value: 21 of" in night.reasons[0]
    assert [c.check for c in night.data.failed] == ["missing value", "quarantine not used"]
    assert night.reasons[1].startswith("quarantine not used: 1 vintage above max_share 2.0 % (")
    assert not quarantine(theirs).exists()
    assert reports(theirs).report(FIRST).problems == ()


def test_a_dry_run_leaves_no_rows_and_no_report(settings: Settings, own_home: Path) -> None:
    theirs = spoilt(settings, own_home, a_few_bad)

    night = prepared(theirs, dry_run=True)

    assert night.status is NightStatus.READY
    assert not quarantine(theirs).exists()
    assert not reports(theirs).folder.exists()
    assert quality_runs(theirs) == []


def test_a_night_tells_mlflow_once_under_its_own_run(rooms: Rooms) -> None:
    night = prepared(rooms)
    prepared(rooms)

    (run,) = quality_runs(rooms)
    report = reports(rooms).report(FIRST)
    assert run.info.run_name.startswith("data_quality_credit_risk_2")
    assert run.info.status == "FINISHED"
    assert run.data.tags["mlflow.parentRunId"] == night.run_id
    assert run.data.tags["finrisk.as_of"] == str(FIRST)
    assert run.data.tags["model_type"] == "credit_risk"
    assert run.data.tags["dataset"] == "credit_risk_landing"
    metrics = run.data.metrics
    assert metrics["data_quality_score"] == report.score == 1.0
    assert (metrics["rows"], metrics["columns"]) == (report.rows, 16)
    assert metrics["missing_share.bureau_score"] > 0
    assert len([name for name in metrics if name.startswith("missing_share.")]) == 16
    client = rooms.tracker._client
    names = {item.path for item in client.list_artifacts(run.info.run_id)}
    assert names == {"data_quality.html", "data_quality.json"}
    path = Path(client.download_artifacts(run.info.run_id, "data_quality.json"))
    assert QualityReport.from_json(json.loads(path.read_text())) == report


def test_a_night_whose_label_is_not_known_is_described_all_the_same(
    settings: Settings, own_home: Path
) -> None:
    def labelled_by_hand(document: dict[str, Any]) -> None:
        no_sidecar(document)
        document["columns"]["outcome"] = {"type": "integer"}
        document["label"]["rule"] = {"kind": "column", "column": "outcome"}

    theirs = spoilt(settings, own_home, lambda f: f, labelled_by_hand)
    for path in applications(theirs.settings, "2024-07").parent.glob("*.parquet"):
        frame = pd.read_parquet(path).assign(outcome=7)
        frame.to_parquet(path, index=False)
        path.with_name(path.name + ".sha256").unlink(missing_ok=True)

    night = prepared(theirs)

    report = reports(theirs).report(FIRST)
    assert night.status is NightStatus.BLOCKED
    assert report.problems == night.reasons
    assert "have another label in column 'outcome'" in report.problems[0]
    assert (report.rows > 5000, report.checks_failed) == (True, 1)
    assert quality_runs(theirs)[0].data.tags["mlflow.parentRunId"] == night.run_id


def test_a_night_for_which_nothing_landed_has_the_score_0(
    settings: Settings, own_home: Path
) -> None:
    def elsewhere(document: dict[str, Any]) -> None:
        document["source"]["path"] = "landing/nowhere"

    theirs = Rooms.open("credit_risk", lender_of_its_own(settings, own_home, elsewhere))

    prepared(theirs)

    (run,) = quality_runs(theirs)
    assert run.data.metrics["data_quality_score"] == 0.0
    assert "missing_share" not in run.data.metrics
    assert "landing/nowhere" in reports(theirs).page(FIRST).read_text()


def test_a_night_without_a_run_of_its_own_has_a_report_too(rooms: Rooms) -> None:
    night = prepared(rooms, date(2023, 9, 5))

    assert (night.status, night.run_id) == (NightStatus.TOO_LITTLE, None)
    (run,) = quality_runs(rooms)
    assert "mlflow.parentRunId" not in run.data.tags


def test_a_report_that_mlflow_does_not_take_is_kept_and_stops_no_night(
    rooms: Rooms, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def no_answer(*_: object, **__: object) -> str:
        raise Unreachable("MLflow does not answer")

    monkeypatch.setattr(type(rooms.tracker), "log_quality", no_answer)

    night = prepared(rooms, date(2023, 9, 5))

    assert night.status is NightStatus.TOO_LITTLE
    assert reports(rooms).report(date(2023, 9, 5)).rows > 0
    assert "data quality of credit_risk as of 2023-09-05 not logged" in caplog.text


def test_no_document_of_a_night_shows_a_value(settings: Settings, own_home: Path) -> None:
    canary = "ES9121000418450200051332"

    def spoil(frame: pd.DataFrame) -> pd.DataFrame:
        frame = a_few_bad(frame)
        frame.loc[[10, 11], "application_id"] = canary
        frame.loc[12, "income"] = 98765432.1
        return frame

    theirs = spoilt(settings, own_home, spoil)

    night = prepared(theirs)

    assert night.data.result == "warn"
    assert len(pd.read_parquet(quarantine(theirs) / f"{FIRST}.parquet")) == 7
    told = [p.read_text() for p in reports(theirs).folder.iterdir()]
    assert len(told) == 3
    for text in (*told, json.dumps(night.to_json())):
        assert canary not in text
        assert "9876543" not in text
        assert "pigeon" not in text


def test_a_column_of_any_name_has_a_metric(rooms: Rooms) -> None:
    prepared(rooms, date(2023, 9, 5))
    report = reports(rooms).report(date(2023, 9, 5))
    odd = report.replace(columns=(report.columns[0].replace(name="debt/income"),))

    assert "missing_share.debt_income" in quality_metrics(odd)
