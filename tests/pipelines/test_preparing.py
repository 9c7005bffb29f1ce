"""What the data allow a night: a fault is an honest HOLD, and a rerun after the mend succeeds."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from finrisk.config import Settings
from finrisk.data.simulated_delivery import land_bad_month, mend_month
from finrisk.errors import ConfigurationError
from finrisk.pipelines import steps
from finrisk.pipelines.retrain import run_night
from finrisk.pipelines.rooms import Rooms
from finrisk.records import Decision, NightRequest, NightStatus
from tests.pipelines.lender import (
    FIRST,
    LENDER,
    SECOND,
    applications,
    decided,
    deliver,
    lender_of_its_own,
    night,
    no_sidecar,
    redeliver,
)


def test_a_night_with_nothing_new_trains_nothing_and_looks_at_nothing(rooms: Rooms) -> None:
    night(rooms, FIRST)

    idle = night(rooms, date(2024, 8, 6))

    assert (idle.status, idle.decision) == (NightStatus.NOTHING_NEW, Decision.HOLD)
    assert "nothing new since 2024-08-05" in idle.reasons[0]
    assert idle.run_id is None
    assert len(rooms.ledger.looks("credit_risk")) == 1


def test_a_broken_month_blocks_the_night_until_it_is_mended(rooms: Rooms, own_home: Path) -> None:
    night(rooms, FIRST)
    theirs = Rooms.open("credit_risk", lender_of_its_own(rooms.settings, own_home))
    deliver(theirs.settings, SECOND)
    land_bad_month(LENDER, theirs.spec, own_home, date(2024, 8, 1))

    blocked = night(theirs, SECOND)

    assert (blocked.status, blocked.decision) == (NightStatus.BLOCKED, Decision.HOLD)
    assert blocked.data_result == "block"
    assert blocked.champion_version == 1
    assert len(rooms.ledger.looks("credit_risk")) == 1

    mend_month(LENDER, theirs.spec, own_home, date(2024, 8, 1))
    assert night(theirs, SECOND).status is NightStatus.READY


@pytest.mark.parametrize("content", [b"", b"PAR1 cut off"])
def test_a_half_written_partition_holds_and_is_named(
    settings: Settings, own_home: Path, content: bytes
) -> None:
    theirs = Rooms.open("credit_risk", lender_of_its_own(settings, own_home))
    applications(theirs.settings, "2024-07").write_bytes(content)

    held = night(theirs, FIRST)

    assert (held.status, held.decision) == (NightStatus.BLOCKED, Decision.HOLD)
    assert "applications_2024-07.parquet" in held.reasons[0]
    assert "remedy" in held.reasons[0]


FAULTS = {
    "unknown column": (lambda f: f.assign(surprise=1), "surprise"),
    "column missing": (lambda f: f.drop(columns="utilisation"), "utilisation"),
    "wrong type": (lambda f: f.assign(income="a lot"), "income"),
    "duplicate keys": (lambda f: pd.concat([f, f.head(3)]), "application_id"),
    "unseen category": (lambda f: f.assign(channel="pigeon"), "channel"),
    "unit x 100": (lambda f: f.assign(loan_amount=f["loan_amount"] * 100), "loan_amount"),
    "all missing": (lambda f: f.assign(bureau_score=float("nan")), "bureau_score"),
    "day missing": (lambda f: f.head(20), "rows"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_the_data_is_one_honest_hold(
    settings: Settings, own_home: Path, fault: str
) -> None:
    spoil, named = FAULTS[fault]
    theirs = Rooms.open("credit_risk", lender_of_its_own(settings, own_home, no_sidecar))
    path = applications(theirs.settings, "2024-07")
    redeliver(path, spoil(pd.read_parquet(path)))

    held = night(theirs, FIRST)

    assert (held.status, held.decision) == (NightStatus.BLOCKED, Decision.HOLD)
    assert named in " ".join(held.reasons), held.reasons
    assert theirs.ledger.champion("credit_risk") is None


def test_nothing_landed_is_a_hold_with_the_folder(settings: Settings, own_home: Path) -> None:
    def elsewhere(document: dict[str, Any]) -> None:
        document["source"]["path"] = "landing/nowhere"

    theirs = Rooms.open("credit_risk", lender_of_its_own(settings, own_home, elsewhere))

    held = night(theirs, FIRST)

    assert held.status is NightStatus.BLOCKED
    assert "landing/nowhere" in held.reasons[0]


def test_too_few_matured_labels_hold(rooms: Rooms) -> None:
    held = night(rooms, date(2023, 9, 5))

    assert (held.status, held.decision) == (NightStatus.TOO_LITTLE, Decision.HOLD)
    assert "too few matured labels" in held.reasons[0]


def test_only_the_candidates_asked_for_are_trained(rooms: Rooms) -> None:
    assert night(rooms, FIRST, candidates=("lr",)).candidate == "lr"
    with pytest.raises(ConfigurationError, match="expected one of lr, xgb"):
        night(rooms, FIRST, candidates=("nn",))


def test_a_night_that_has_not_come_is_refused_before_anything_is_told(rooms: Rooms) -> None:
    told: list[str] = []
    request = NightRequest(model="credit_risk", as_of=date(2199, 9, 5))

    with pytest.raises(ConfigurationError, match="as_of 2199-09-05 has not come yet"):
        run_night(request, rooms, tell=told.append)
    with pytest.raises(ConfigurationError, match="as_of 2199-09-05 has not come yet"):
        steps.prepare(request, rooms)

    assert told == []


def test_a_promotion_that_was_decided_but_not_carried_out_is_made_up_the_next_night(
    rooms: Rooms,
) -> None:
    decision = decided(rooms, FIRST)
    assert rooms.ledger.champion("credit_risk") is None

    idle = night(rooms, date(2024, 8, 6))

    champion = rooms.ledger.champion("credit_risk")
    assert champion is not None
    assert champion.version == decision.challenger.version  # type: ignore[union-attr]
    assert idle.status is NightStatus.NOTHING_NEW
    counts_from = rooms.ledger.history("credit_risk")[0].as_of
    assert counts_from == date(2024, 8, 6)


def test_a_blocked_night_in_between_does_not_make_old_rows_new(
    rooms: Rooms, own_home: Path
) -> None:
    night(rooms, FIRST)
    theirs = Rooms.open("credit_risk", lender_of_its_own(rooms.settings, own_home))
    content = applications(theirs.settings, "2024-07").read_bytes()
    applications(theirs.settings, "2024-07").write_bytes(content[:-9])
    assert night(theirs, date(2024, 8, 6)).status is NightStatus.BLOCKED
    applications(theirs.settings, "2024-07").write_bytes(content)

    assert night(theirs, date(2024, 8, 7)).status is NightStatus.NOTHING_NEW


def test_rows_corrected_after_their_look_are_judged_the_next_night(
    rooms: Rooms, own_home: Path
) -> None:
    first = night(rooms, FIRST)
    theirs = Rooms.open("credit_risk", lender_of_its_own(rooms.settings, own_home, no_sidecar))
    feed = own_home / "landing" / "credit_risk_defaults"
    matured = feed / "defaults_2024-03-31.parquet"
    redeliver(matured, pd.read_parquet(matured).iloc[:-5])
    assert night(theirs, FIRST) == first

    after = night(theirs, date(2024, 8, 6))

    assert after.status is NightStatus.READY
    assert len(rooms.ledger.looks("credit_risk")) == 2


def test_a_dry_run_of_a_blocked_night_leaves_no_record(rooms: Rooms) -> None:
    dry = night(rooms, date(2022, 3, 5), dry_run=True)

    assert dry.status is NightStatus.BLOCKED
    assert rooms.ledger.nights("credit_risk") == []


def test_a_blocked_night_run_again_later_keeps_its_record(rooms: Rooms) -> None:
    blocked = night(rooms, date(2022, 3, 5))
    night(rooms, FIRST)

    again = night(rooms, date(2022, 3, 5))

    assert again == blocked
    assert again.champion_version is None
