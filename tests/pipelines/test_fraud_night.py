"""Nights of card transactions: labels that come late, features as they were served, detectors."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from finrisk.config import Settings
from finrisk.data.labels import LABEL
from finrisk.data.landing import EVENT_DAY, ROW_ID
from finrisk.pipelines import steps
from finrisk.pipelines.reproducing import reproduce
from finrisk.pipelines.retrain import run_night
from finrisk.pipelines.rooms import Rooms
from finrisk.pipelines.window_building import feature_store
from finrisk.records import Decision, NightDecision, NightRequest, NightStatus, PromotionKind
from tests.data.cards import (
    AS_OF,
    FIRST,
    a_fraud_spec,
    frauds,
    land,
    land_day,
    land_reports,
    nothing_reported,
    transactions,
)

DETECTORS = [
    {"name": "forest", "algorithm": "isolation_forest", "parameters": {"n_estimators": 20}},
    {"name": "svm", "algorithm": "one_class_svm", "parameters": {"components": 20}},
    {"name": "envelope", "algorithm": "elliptic_envelope"},
]
NEXT = AS_OF + timedelta(days=4)


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("cards")
    land(home, days=(NEXT - FIRST).days)
    return home


@pytest.fixture
def rooms(shared: Settings, landed: Path, request: pytest.FixtureRequest) -> Iterator[Rooms]:
    scope = hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:8]
    opened = opened_in(landed, shared, f"t-{scope}")
    yield opened
    opened.ledger.close()


def opened_in(home: Path, shared: Settings, scope: str, **changes: Any) -> Rooms:
    """The rooms of the small fraud spec over one home, on the shared stores."""
    document = json.loads(a_fraud_spec(**changes).model_dump_json(exclude_unset=True))
    conf = home / "conf" / scope
    conf.mkdir(parents=True, exist_ok=True)
    (conf / "cards.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
    settings = Settings(
        home=home,
        conf=str(conf),
        tracking_uri=shared.tracking_uri,
        registry_uri=shared.registry_uri,
        ledger_url=shared.ledger_url,
        store=shared.store,
        artifacts=shared.artifacts,
        keys=shared.keys,
        scope=scope,
        threads=1,
        pictures=False,
    )
    return Rooms.open("cards", settings)


def night(rooms: Rooms, as_of: date, **changes: Any) -> NightDecision:
    request = NightRequest("cards", as_of, actor="test", reason="a test")
    return run_night(request.replace(**changes), rooms, tell=lambda _: None)


def snapshot_of(rooms: Rooms, as_of: date) -> pd.DataFrame:
    prepared = steps.prepare(NightRequest("cards", as_of, dry_run=True), rooms)
    assert prepared.snapshot is not None, prepared.reasons
    return rooms.snapshots.open(prepared.snapshot.sha256)


def test_a_first_model_is_promoted_by_the_floors_with_fraud_s_own_figures(rooms: Rooms) -> None:
    decided = night(rooms, AS_OF)

    assert decided.decision is Decision.PROMOTE, decided.reasons
    assert decided.run_id is not None
    evidence = rooms.ledger.evidence(decided.evidence_sha256 or "")
    assert evidence is not None
    asked = {"average_precision", "daily_precision_at_10", "card_precision_at_10", "f1_score"}
    assert asked <= evidence.facts.challenger_metrics.keys()
    assert "average precision" in decided.reasons[0]
    assert set(evidence.facts.bad_clusters or {}) == {"customer", "terminal"}


def test_a_later_challenger_is_compared_by_average_precision_with_clusters(rooms: Rooms) -> None:
    night(rooms, AS_OF)
    decided = night(rooms, NEXT)

    assert decided.status is NightStatus.READY, decided.reasons
    compared = decided.comparison
    assert compared is not None
    assert compared.metric == "average_precision"
    assert set(compared.standard_errors) == {
        "rows",
        "customer",
        "terminal",
        "customer x terminal",
    }
    evidence = rooms.ledger.evidence(decided.evidence_sha256 or "")
    assert evidence is not None
    assert evidence.facts.guards is not None
    assert "daily_precision_at_10" in evidence.facts.guards.metrics


def test_a_night_that_is_run_again_leaves_what_it_left(rooms: Rooms) -> None:
    first = night(rooms, AS_OF)
    kept = feature_store(rooms).days(rooms.spec)

    assert night(rooms, AS_OF) == first
    assert feature_store(rooms).days(rooms.spec) == kept
    assert kept[-1] == AS_OF - timedelta(days=1)  # a day in progress has no features yet
    assert len(rooms.ledger.history("cards")) == 1


def test_a_dry_run_keeps_no_features(rooms: Rooms) -> None:
    dry = night(rooms, AS_OF, dry_run=True)

    assert dry.candidate == "boosted"
    assert feature_store(rooms).days(rooms.spec) == ()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda home: (home / "landing" / f"{AS_OF - timedelta(days=5)}.parquet").unlink(), "day"),
        (
            lambda home: land_day(
                home,
                AS_OF - timedelta(days=1),
                transactions(AS_OF - timedelta(days=1)).assign(amount=lambda t: t["amount"] * 30),
            ),
            "level",
        ),
    ],
)
def test_bad_data_train_nothing_and_the_mended_night_succeeds(
    shared: Settings, tmp_path: Path, request: pytest.FixtureRequest, spoil: Any, said: str
) -> None:
    land(tmp_path)
    spoil(tmp_path)
    rooms = opened_in(tmp_path, shared, f"t-{said}")

    blocked = night(rooms, AS_OF)
    for day in (1, 5):
        land_day(tmp_path, AS_OF - timedelta(days=day))
    mended = night(rooms, AS_OF)
    rooms.ledger.close()

    assert blocked.status is NightStatus.BLOCKED
    assert said in blocked.reasons[0]
    assert feature_store(rooms).days(rooms.spec) != ()
    assert mended.decision is Decision.PROMOTE


def test_a_late_report_enters_the_next_snapshot_and_rewrites_no_served_feature(
    shared: Settings, tmp_path: Path
) -> None:
    land(tmp_path, days=(NEXT - FIRST).days)
    rooms = opened_in(tmp_path, shared, "t-late")
    night(rooms, AS_OF)
    yesterday = AS_OF - timedelta(days=1)
    before = feature_store(rooms).read(rooms.spec, FIRST, yesterday)
    day = AS_OF - timedelta(days=6)
    of_day = transactions(day)
    late = of_day[~of_day["tx"].isin(frauds(of_day)["tx"])].head(30)
    land_reports(tmp_path, late[["tx"]].assign(reported_on=pd.Timestamp(AS_OF)))
    # backdated, as a feed that was mended would be: a window built anew would know it
    land_reports(tmp_path, late[["tx"]].assign(reported_on=pd.Timestamp(day)))

    frozen = snapshot_of(rooms, NEXT).set_index(ROW_ID)
    night(rooms, NEXT)
    after = feature_store(rooms).read(rooms.spec, FIRST, yesterday)
    elsewhere = opened_in(tmp_path, shared, "t-late-anew")
    steps.prepare(NightRequest("cards", NEXT), elsewhere)
    anew = feature_store(elsewhere).read(rooms.spec, before[EVENT_DAY].min().date(), yesterday)
    rooms.ledger.close()
    elsewhere.ledger.close()

    assert set(frozen.loc[late["tx"], LABEL]) == {1}
    pd.testing.assert_frame_equal(after, before)
    built = anew.merge(before[[ROW_ID]]).set_index(ROW_ID)
    served = before.set_index(ROW_ID).loc[built.index]
    assert not built["terminal_bad_share_3d"].equals(served["terminal_bad_share_3d"])


def test_a_row_that_comes_late_gets_its_features_and_its_neighbours_keep_theirs(
    shared: Settings, tmp_path: Path
) -> None:
    land(tmp_path)
    day = AS_OF - timedelta(days=4)
    land_day(tmp_path, day, transactions(day).iloc[:-5])
    rooms = opened_in(tmp_path, shared, "t-late-rows")
    night(rooms, AS_OF)
    before = feature_store(rooms).read(rooms.spec, day, day)
    land_day(tmp_path, day, transactions(day), name=f"{day}~2.parquet")
    land_day(tmp_path, AS_OF)
    land_reports(tmp_path, frauds(transactions(AS_OF)))

    night(rooms, AS_OF + timedelta(days=1))
    after = feature_store(rooms).read(rooms.spec, day, day)
    rooms.ledger.close()

    assert len(after) == len(before) + 5
    same = after[after[ROW_ID].isin(before[ROW_ID])].reset_index(drop=True)
    pd.testing.assert_frame_equal(same, before)


def test_the_split_leaves_the_label_s_delay_between_development_and_hold_out(rooms: Rooms) -> None:
    frozen = snapshot_of(rooms, AS_OF)
    days = frozen.groupby("_part")[EVENT_DAY].agg(["min", "max"])

    assert days.loc["holdout", "max"] == pd.Timestamp(AS_OF - timedelta(days=2))
    gap = days.loc["holdout", "min"] - days.loc["development", "max"]
    assert gap > pd.Timedelta(days=1 + rooms.spec.gate.holdout.embargo_days)


@pytest.mark.parametrize("candidate", DETECTORS, ids=[str(d["name"]) for d in DETECTORS])
def test_a_detector_may_be_first_champion_and_yields_to_a_better_model(
    shared: Settings, landed: Path, candidate: dict[str, Any]
) -> None:
    boosted = {"name": "boosted", "algorithm": "xgboost", "parameters": {"n_estimators": 20}}
    rooms = opened_in(landed, shared, f"t-{candidate['name']}", candidates=[candidate, boosted])

    first = night(rooms, AS_OF, candidates=(candidate["name"],))
    later = night(rooms, NEXT, candidates=("boosted",))
    links = rooms.ledger.history("cards")
    version = rooms.ledger.version("cards", links[0].version)
    assert version is not None
    model, manifest = rooms.registry.open(version)
    rooms.ledger.close()

    assert first.decision is Decision.PROMOTE, first.reasons
    assert links[0].kind is PromotionKind.BOOTSTRAP
    assert model.is_detector
    assert manifest.provenance.model_type == "fraud_detection"
    assert later.comparison is not None
    assert later.comparison.difference > 0.0
    guards = {r.rule: r for r in (rooms_evidence(later, rooms).verdict.rules)}
    assert "keeps_brier" not in guards
    assert guards["calibration_offset"].outcome == "pass"


def test_a_detector_does_not_replace_a_model_with_probabilities(
    shared: Settings, landed: Path
) -> None:
    boosted = {"name": "boosted", "algorithm": "xgboost", "parameters": {"n_estimators": 20}}
    rooms = opened_in(landed, shared, "t-yield", candidates=[boosted, DETECTORS[0]])
    night(rooms, AS_OF, candidates=("boosted",))

    later = night(rooms, NEXT, candidates=("forest",))

    rules = {r.rule: r for r in rooms_evidence(later, rooms).verdict.rules}
    rooms.ledger.close()
    assert rules["gives_probability"].outcome == "fail"
    assert later.decision is Decision.HOLD
    assert len(rooms.ledger.looks("cards")) == 1  # the first champion's; none is spent on this


def rooms_evidence(decided: NightDecision, rooms: Rooms) -> Any:
    evidence = rooms.ledger.evidence(decided.evidence_sha256 or "")
    assert evidence is not None
    return evidence


def test_a_fraud_version_is_fitted_again_bit_for_bit(rooms: Rooms) -> None:
    night(rooms, AS_OF)
    champion = rooms.ledger.champion("cards")
    assert champion is not None

    assert reproduce(rooms, champion.version).identical


def test_a_night_without_a_single_fraud_holds_with_its_reason(
    shared: Settings, tmp_path: Path
) -> None:
    land(tmp_path)
    nothing_reported(tmp_path, since=FIRST)
    rooms = opened_in(tmp_path, shared, "t-none")

    held = night(rooms, AS_OF)
    rooms.ledger.close()

    assert held.decision is Decision.HOLD
    assert held.status in (NightStatus.TOO_LITTLE, NightStatus.BLOCKED)
    assert held.reasons
