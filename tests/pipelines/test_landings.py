"""Nights on a database, and nights that are told of late and corrected files."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import create_engine, text

from finrisk.config import Settings
from finrisk.data.landing_register import CORRECTED, LATE, read_register
from finrisk.errors import Unreachable
from finrisk.pipelines import steps
from finrisk.pipelines.rooms import Rooms
from finrisk.records import Decision, NightRequest, NightStatus, PreparedNight
from tests.pipelines.lender import (
    FIRST,
    SECOND,
    applications,
    deliver,
    lender_of_its_own,
    night,
    no_sidecar,
    redeliver,
)

QUERY = """
SELECT * FROM applications
WHERE application_date >= :first_day AND application_date <= :last_day
"""


def in_a_database(document: dict[str, Any]) -> None:
    document["source"] = {"connection": "lender_dwh", "query": QUERY}


def few_vintages(document: dict[str, Any]) -> None:
    document["training"] |= {"max_vintages": 4, "min_vintages": 2}
    document["gate"]["holdout"] |= {"max_vintages": 3}


def few_vintages_in_a_database(document: dict[str, Any]) -> None:
    few_vintages(document)
    in_a_database(document)


def load_applications(home: Path) -> str:
    """Put the landed applications into a SQLite file, and give its address."""
    files = sorted((home / "landing" / "credit_risk").glob("*.parquet"))
    every = pd.concat([pd.read_parquet(file) for file in files], ignore_index=True)
    address = f"sqlite:///{home}/dwh.db"
    engine = create_engine(address)
    days = every["application_date"].dt.strftime("%Y-%m-%d")
    every.assign(application_date=days).to_sql("applications", engine, index=False)
    engine.dispose()
    return address


def correct_in_the_database(home: Path) -> None:
    engine = create_engine(f"sqlite:///{home}/dwh.db")
    with engine.begin() as connection:
        changed = (
            "UPDATE applications SET income = income + 1 WHERE application_date LIKE '2023-05%'"
        )
        connection.execute(text(changed))
    engine.dispose()


def prepared(rooms: Rooms, as_of: date = FIRST, **changes: Any) -> PreparedNight:
    request = NightRequest(model="credit_risk", as_of=as_of, actor="test")
    return steps.prepare(request.replace(**changes), rooms)


def found(night: PreparedNight) -> dict[str, tuple[str, ...]]:
    return {check.check: check.examples for check in night.data.failed}


@pytest.fixture
def theirs(settings: Settings, own_home: Path) -> Iterator[Rooms]:
    opened = Rooms.open("credit_risk", lender_of_its_own(settings, own_home, no_sidecar))
    yield opened
    opened.ledger.close()


def test_a_night_on_a_database_is_the_night_on_its_files(
    rooms: Rooms, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = Rooms.open("credit_risk", lender_of_its_own(rooms.settings, own_home, in_a_database))
    monkeypatch.setenv("FINRISK_CONNECTION_LENDER_DWH", load_applications(own_home))
    of_files = prepared(rooms, dry_run=True)

    of_table = prepared(theirs, dry_run=True)
    ended = night(theirs, FIRST)

    assert of_table.snapshot == of_files.snapshot
    assert of_table.data.replace(docs_uri=None) == of_files.data.replace(docs_uri=None)
    assert (ended.status, ended.decision) == (NightStatus.READY, Decision.PROMOTE)
    assert night(theirs, date(2024, 8, 6)).status is NightStatus.NOTHING_NEW
    correct_in_the_database(own_home)
    corrected = prepared(theirs, date(2024, 8, 7))
    assert found(corrected) == {"corrected vintage": ("2023-05, 490 rows",)}
    assert corrected.data.failed[0].detail.endswith("other content than on 2024-08-06")


def test_a_query_that_leaves_out_old_rows_freezes_the_same_ones(
    settings: Settings, own_home: Path
) -> None:
    as_of = date(2025, 1, 5)
    of_files = Rooms.open("credit_risk", lender_of_its_own(settings, own_home, few_vintages))
    deliver(of_files.settings, as_of)
    address = load_applications(own_home)
    conf = lender_of_its_own(settings, own_home / "sql", few_vintages_in_a_database)
    reports = "landing/credit_risk_defaults"
    (own_home / "sql" / reports).rename(own_home / "sql" / "landing" / "earlier")
    (own_home / reports).rename(own_home / "sql" / reports)
    of_table = Rooms.open("credit_risk", conf, lambda _: address)

    part = prepared(of_table, as_of, dry_run=True)
    (own_home / "sql" / reports).rename(own_home / reports)
    whole = prepared(of_files, as_of, dry_run=True)

    assert part.status is NightStatus.READY, part.reasons
    assert part.snapshot is not None
    assert whole.snapshot is not None
    assert part.snapshot.sha256 == whole.snapshot.sha256
    assert part.snapshot.immature == whole.snapshot.immature


def test_a_database_that_does_not_answer_stops_the_night_and_leaves_no_record(
    settings: Settings, own_home: Path
) -> None:
    conf = lender_of_its_own(settings, own_home, in_a_database)
    theirs = Rooms.open("credit_risk", conf, lambda _: "sqlite:////nowhere/dwh.db")

    with pytest.raises(Unreachable, match="lender_dwh"):
        prepared(theirs)

    assert theirs.ledger.nights("credit_risk") == []


def test_a_query_that_cannot_be_run_blocks_the_night_with_its_reason(
    settings: Settings, own_home: Path
) -> None:
    conf = lender_of_its_own(settings, own_home, in_a_database)
    (own_home / "dwh.db").touch()
    theirs = Rooms.open("credit_risk", conf, lambda _: "sqlite:///dwh.db")

    held = night(theirs, FIRST)

    assert (held.status, held.decision) == (NightStatus.BLOCKED, Decision.HOLD)
    assert "the query of model 'credit_risk' cannot be run on 'lender_dwh'" in held.reasons[0]


def test_late_and_corrected_files_are_told_once_and_hold_nothing(theirs: Rooms) -> None:
    late, corrected = (applications(theirs.settings, month) for month in ("2023-05", "2023-06"))
    deliver(theirs.settings, SECOND)
    whole = pd.read_parquet(late)
    redeliver(late, whole.iloc[10:])
    first = prepared(theirs)
    whole.iloc[:10].to_parquet(late.with_name("rest_of_2023-05.parquet"), index=False)
    mended = pd.read_parquet(corrected)
    mended["income"] += 1
    mended.to_parquet(corrected.with_name("applications_2023-06~2.parquet"), index=False)

    second = prepared(theirs, SECOND)
    again = prepared(theirs, SECOND)
    third = prepared(theirs, date(2024, 9, 6))

    assert first.data.result == third.data.result == "pass"
    assert (second.status, second.data.result) == (NightStatus.READY, "warn")
    assert found(second) == {
        LATE: ("rest_of_2023-05.parquet",),
        CORRECTED: ("applications_2023-06~2.parquet",),
    }
    assert again == second


def test_the_register_remembers_the_files_of_a_night_by_scope(theirs: Rooms) -> None:
    prepared(theirs)

    register = read_register(theirs.landing_register)

    path = theirs.landing_register.relative_to(theirs.settings.store)
    assert path == Path("landing", theirs.settings.scope, "credit_risk.json")
    assert register.nights[0].as_of == FIRST
    assert {file.first_seen for file in register.files.values()} == {FIRST}
    assert "applications_2024-07.parquet" in register.files


def test_a_dry_run_and_a_blocked_night_register_nothing(theirs: Rooms) -> None:
    prepared(theirs, dry_run=True)
    assert not theirs.landing_register.exists()

    applications(theirs.settings, "2024-07").write_bytes(b"cut off")
    assert prepared(theirs).status is NightStatus.BLOCKED
    assert not theirs.landing_register.exists()


def test_an_incomplete_correction_holds_the_night_and_is_named(theirs: Rooms) -> None:
    path = applications(theirs.settings, "2024-07")
    path.with_name("applications_2024-07~2.parquet").write_bytes(b"PAR1 half")

    held = prepared(theirs)

    assert held.status is NightStatus.BLOCKED
    assert held.reasons[0].startswith("applications_2024-07~2.parquet: not a whole Parquet file")
