"""Whole nights on real stores: the rules a night keeps, whatever happens to it."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from finrisk.config import Settings
from finrisk.data.simulated_delivery import land_bad_month, mend_month
from finrisk.errors import ConfigurationError, Unreachable
from finrisk.pipelines import steps
from finrisk.pipelines.rooms import Rooms
from finrisk.records import Decision, LookKind, NightRequest, NightStatus, PromotionKind
from finrisk.tracking.registry import FinRiskModelRegistry
from finrisk.tracking.tracker import FinRiskMLflowTracker
from tests.pipelines.lender import (
    FIRST,
    LENDER,
    SECOND,
    decided,
    deliver,
    lender_of_its_own,
    night,
)

NEWEST_MONTH = date(2024, 7, 1)


def alias(rooms: Rooms, name: str = "production") -> int | None:
    return rooms.registry.alias_version(rooms.registered_name, name)


def applications(settings: Settings, month: str) -> Path:
    return settings.home / "landing" / "credit_risk" / f"applications_{month}.parquet"


def redeliver(path: Path, frame: pd.DataFrame) -> None:
    """Write a partition as its sender would, without a digest beside it."""
    frame.to_parquet(path, index=False)
    path.with_name(path.name + ".sha256").unlink()


def no_sidecar(document: dict[str, Any]) -> None:
    document["source"]["digest_sidecar"] = "if_present"


def test_a_first_champion_is_promoted_by_the_floors(rooms: Rooms) -> None:
    decision = night(rooms, FIRST)

    champion = rooms.ledger.champion("credit_risk")
    assert decision.decision is Decision.PROMOTE, decision.reasons
    assert champion is not None
    assert (champion.version, champion.epoch) == (decision.challenger.version, 1)  # type: ignore[union-attr]
    assert alias(rooms) == champion.version
    assert rooms.ledger.history("credit_risk")[0].kind is PromotionKind.BOOTSTRAP
    assert rooms.ledger.looks("credit_risk")[0].alpha == 0.0


def test_a_night_run_again_is_the_same_night(rooms: Rooms) -> None:
    first = night(rooms, FIRST)

    again = night(rooms, FIRST)

    assert again == first
    assert len(rooms.ledger.versions("credit_risk")) == 1
    assert len(rooms.ledger.history("credit_risk")) == 1
    assert len(rooms.ledger.looks("credit_risk")) == 1


def test_a_retry_of_training_resumes_the_run_that_finished(rooms: Rooms) -> None:
    prepared = steps.prepare(NightRequest("credit_risk", FIRST), rooms)
    once = steps.train(prepared, "lr", rooms)

    again = steps.train(prepared, "lr", rooms)

    assert again == once.replace(resumed=True)


def test_a_crash_between_verdict_and_promotion_ends_as_if_undisturbed(rooms: Rooms) -> None:
    decision = decided(rooms, FIRST)
    assert rooms.ledger.champion("credit_risk") is None

    again = decided(rooms, FIRST)
    steps.promote(again, rooms)
    steps.promote(again, rooms)

    assert again == decision
    assert len(rooms.ledger.history("credit_risk")) == 1


def test_a_night_with_nothing_new_trains_nothing_and_looks_at_nothing(rooms: Rooms) -> None:
    night(rooms, FIRST)

    idle = night(rooms, date(2024, 8, 6))

    assert (idle.status, idle.decision) == (NightStatus.NOTHING_NEW, Decision.HOLD)
    assert "nothing new since 2024-08-05" in idle.reasons[0]
    assert idle.run_id is None
    assert len(rooms.ledger.looks("credit_risk")) == 1


def test_a_challenger_is_compared_on_the_same_rows_under_the_budget(
    rooms: Rooms, shared: Settings, own_home: Path
) -> None:
    night(rooms, FIRST)
    theirs = Rooms.open("credit_risk", lender_of_its_own(rooms.settings, own_home))
    deliver(theirs.settings, SECOND)

    second = night(theirs, SECOND)

    assert second.status is NightStatus.READY, second.reasons
    assert second.comparison is not None
    assert second.z_needed == pytest.approx(2.713, abs=0.001)
    assert second.champion_version == 1
    assert second.budget_left == pytest.approx(0.05 - 0.04 / 12)
    evidence = rooms.ledger.evidence(second.evidence_sha256 or "")
    assert evidence is not None
    assert evidence.facts.rows_in_both == 0
    assert evidence.facts.champion_metrics["auc"] == second.comparison.champion_auc


def test_a_dry_run_never_shows_the_hold_outs_figures(rooms: Rooms) -> None:
    dry = night(rooms, FIRST, dry_run=True)

    assert dry.decision is Decision.HOLD
    assert dry.comparison is None
    assert "the hold-out was not looked at" in dry.reasons[0]
    assert rooms.ledger.looks("credit_risk") == []
    assert rooms.ledger.versions("credit_risk") == []
    assert rooms.ledger.nights("credit_risk") == []


def test_only_the_candidates_asked_for_are_trained(rooms: Rooms) -> None:
    assert night(rooms, FIRST, candidates=("lr",)).candidate == "lr"
    with pytest.raises(ConfigurationError, match="expected one of lr, xgb"):
        night(rooms, FIRST, candidates=("nn",))


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


def test_a_planted_leak_holds_the_night(settings: Settings, own_home: Path) -> None:
    """The income tells the label of every matured row."""

    def wide(document: dict[str, Any]) -> None:
        no_sidecar(document)
        document["columns"]["income"] = {"type": "number"}

    theirs = Rooms.open("credit_risk", lender_of_its_own(settings, own_home, wide))
    feed = (own_home / "landing" / "credit_risk_defaults").glob("*.parquet")
    defaulted = pd.concat([pd.read_parquet(path) for path in feed]).set_index("application_id")
    for path in sorted((own_home / "landing" / "credit_risk").glob("*.parquet")):
        frame = pd.read_parquet(path)
        on = frame["application_id"].map(defaulted["defaulted_on"])
        is_bad = on <= frame["application_date"] + pd.DateOffset(months=6)
        redeliver(path, frame.assign(income=is_bad * 1000.0 + 1000.0))

    held = night(theirs, FIRST)

    assert held.decision is Decision.HOLD
    assert "'income' alone has AUC" in " ".join(held.reasons)
    assert theirs.ledger.looks("credit_risk") == []


def test_a_tampered_challenger_is_rejected_before_a_look(rooms: Rooms) -> None:
    prepared = steps.prepare(NightRequest("credit_risk", FIRST), rooms)
    trained = steps.train(prepared, "lr", rooms)
    model_id = trained.model_uri.removeprefix("models:/")
    (calibrator,) = rooms.settings.artifacts.rglob(f"{model_id}/**/calibrator.json")
    calibrator.write_bytes(calibrator.read_bytes() + b" ")

    decision = steps.decide(prepared, [trained], rooms)

    assert decision.decision is Decision.REJECT
    assert "does not verify" in decision.reasons[0]
    assert rooms.ledger.looks("credit_risk") == []


def test_a_champion_that_changed_meanwhile_keeps_its_place(rooms: Rooms) -> None:
    decision = decided(rooms, FIRST)
    challenger = decision.challenger
    assert challenger is not None
    rooms.ledger.promote(
        "credit_risk",
        challenger,
        None,
        0,
        "somebody else",
        kind=PromotionKind.FORCED,
        evidence_sha256=None,
        actor="somebody",
        reason="was quicker",
        as_of=FIRST,
        at=rooms.now(),
    )

    ended = steps.promote(decision, rooms)

    stored = rooms.ledger.night("credit_risk", FIRST)
    assert ended.decision is Decision.HOLD
    assert stored is not None
    assert stored.decision == ended
    assert len(rooms.ledger.history("credit_risk")) == 1


def test_an_mlflow_that_does_not_answer_leaves_the_champion_alone(rooms: Rooms) -> None:
    night(rooms, FIRST)
    gone = rooms.settings.model_copy(
        update={"tracking_uri": "http://127.0.0.1:9", "registry_uri": "http://127.0.0.1:9"}
        | {"remote_timeout_seconds": 1, "remote_retries": 0}
    )
    cut_off = Rooms(
        settings=gone,
        spec=rooms.spec,
        ledger=rooms.ledger,
        tracker=FinRiskMLflowTracker(gone),
        registry=FinRiskModelRegistry(gone),
        snapshots=rooms.snapshots,
    )
    before = rooms.ledger.champion("credit_risk")

    with pytest.raises(Unreachable, match="MLFLOW_TRACKING_URI"):
        night(cut_off, FIRST)

    assert rooms.ledger.champion("credit_risk") == before
    assert night(rooms, FIRST).decision is Decision.PROMOTE


def test_a_reserve_look_needs_more(rooms: Rooms, own_home: Path) -> None:
    night(rooms, FIRST)
    theirs = Rooms.open("credit_risk", lender_of_its_own(rooms.settings, own_home))
    deliver(theirs.settings, SECOND)

    second = night(theirs, SECOND, look=LookKind.RESERVE)

    assert second.z_needed == pytest.approx(2.807, abs=0.001)
