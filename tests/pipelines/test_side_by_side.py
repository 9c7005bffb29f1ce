"""Two versions on the same frozen rows: the gate's figures, and no label before the gate's look."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from finrisk.config import Settings
from finrisk.data.snapshots import SnapshotStore
from finrisk.errors import NotEnoughData, SnapshotMismatch
from finrisk.evaluation.same_rows import FrozenRows, Origin, SameRows
from finrisk.evidence import Evidence
from finrisk.features.derive import derive_features
from finrisk.pipelines import side_by_side
from finrisk.pipelines.rooms import Rooms
from finrisk.pipelines.side_by_side import on_the_same_rows, origin_of, shared_rows
from finrisk.records import ModelVersion, NightDecision, Window
from tests.pipelines.lender import FIRST, SECOND, deliver, lender_of_its_own, night

CREDIT = "credit_risk"
EXACT = 1e-12


@pytest.fixture(scope="module")
def judged(shared: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rooms]:
    """A champion of the first night, and a second night's challenger; nobody writes here."""
    scoped = shared.model_copy(update={"scope": "t-side-by-side"})
    settings = lender_of_its_own(scoped, tmp_path_factory.mktemp("side-by-side"))
    deliver(settings, SECOND)
    opened = Rooms.open(CREDIT, settings)
    for as_of in (FIRST, SECOND):
        night(opened, as_of)
    yield opened
    opened.ledger.close()


@pytest.fixture(scope="module")
def shown(judged: Rooms) -> SameRows:
    return compared(judged)


def version(rooms: Rooms, number: int) -> ModelVersion:
    found = rooms.ledger.version(CREDIT, number)
    assert found is not None
    return found


def origins(rooms: Rooms) -> tuple[Origin, Origin]:
    first, second = (origin_of(version(rooms, number), rooms) for number in (1, 2))
    return first, second


def compared(rooms: Rooms, a: int = 1, b: int = 2) -> SameRows:
    frozen = shared_rows(*origins(rooms), rooms)
    return on_the_same_rows(version(rooms, a), version(rooms, b), frozen, rooms)


def second_night(rooms: Rooms) -> tuple[NightDecision, Evidence]:
    decision = rooms.ledger.nights(CREDIT)[1]
    evidence = rooms.ledger.evidence(decision.evidence_sha256 or "")
    assert evidence is not None
    return decision, evidence


def test_the_rows_are_those_of_the_newest_judged_night(judged: Rooms) -> None:
    _, evidence = second_night(judged)
    assert evidence.look is not None

    frozen = shared_rows(*origins(judged), judged)

    assert frozen[0].holdout_sha256 == evidence.look.holdout_sha256
    assert frozen[0].night == SECOND


def test_figures_are_those_of_the_night_that_judged_both(judged: Rooms, shown: SameRows) -> None:
    _, evidence = second_night(judged)
    facts = evidence.facts
    assert facts.comparison is not None
    assert facts.guards is not None
    found = {pair.name: pair for pair in shown.metrics}

    auc = found["auc"]
    assert auc.a is not None
    assert auc.b is not None
    assert auc.difference is not None
    assert auc.a.value == pytest.approx(facts.comparison.champion, abs=EXACT)
    assert auc.b.value == pytest.approx(facts.comparison.challenger, abs=EXACT)
    assert auc.difference.value == pytest.approx(facts.comparison.difference, abs=EXACT)
    half = (auc.difference.high or 0.0) - auc.difference.value
    assert half == pytest.approx(1.959964 * facts.comparison.standard_error, abs=EXACT)
    for name, figure in facts.guards.metrics.items():
        paired = found[name].difference
        assert paired is not None
        assert paired.value == pytest.approx(figure.difference, abs=EXACT), name
    for name in ("precision", "recall", "f1_score", "accuracy", "brier", "gini"):
        a, b = found[name].a, found[name].b
        assert a is not None
        assert b is not None
        assert a.value == pytest.approx(facts.champion_metrics[name], abs=EXACT), name
        assert b.value == pytest.approx(facts.challenger_metrics[name], abs=EXACT), name


def test_calibration_and_stability_are_those_of_the_guards(judged: Rooms, shown: SameRows) -> None:
    guards = second_night(judged)[1].facts.guards
    assert guards is not None
    assert guards.calibration is not None
    found = {pair.name: pair for pair in shown.metrics}

    for side, gates in zip(("a", "b"), guards.calibration, strict=True):
        assert gates is not None
        for name, figure in (
            ("ece", gates.ece),
            ("calibration_offset", gates.offset),
            ("calibration_slope", gates.slope),
        ):
            assert getattr(found[name], side).value == pytest.approx(figure, abs=EXACT)
    psi = found["psi"]
    assert psi.a is not None
    assert psi.b is not None
    assert (psi.a.value, psi.b.value) == pytest.approx(guards.score_psi, abs=EXACT)


def test_the_auc_is_sklearns_on_the_rows_of_the_snapshot(judged: Rooms, shown: SameRows) -> None:
    holdout = judged.snapshots.holdout(shown.frozen.snapshot_sha256)
    features = derive_features(holdout, judged.spec)
    auc = next(pair for pair in shown.metrics if pair.name == "auc")

    for number, measured in ((1, auc.a), (2, auc.b)):
        model, _ = judged.registry.open(version(judged, number))
        assert measured is not None
        expected = roc_auc_score(holdout["_label"], model.score(features))
        assert measured.value == pytest.approx(expected, abs=EXACT)


def test_whoever_changes_side_at_the_cut_off_is_counted(judged: Rooms, shown: SameRows) -> None:
    holdout = judged.snapshots.holdout(shown.frozen.snapshot_sha256)
    features = derive_features(holdout, judged.spec)
    a, b = (judged.registry.open(version(judged, n))[0].score(features) >= 0.3 for n in (1, 2))

    assert shown.at_cutoff is not None
    assert shown.at_cutoff.would_be_declined.rows == int((b & ~a).sum())
    assert shown.at_cutoff.would_be_let_through.rows == int((a & ~b).sum())
    assert sum(rows for _, _, rows in shown.cells.counts) == len(holdout) == shown.rows


def test_looking_spends_no_look_and_writes_nothing(judged: Rooms) -> None:
    before = judged.ledger.pulse(), judged.ledger.looks(CREDIT)

    compared(judged)

    assert (judged.ledger.pulse(), judged.ledger.looks(CREDIT)) == before


def test_only_small_numbers_leave_no_row_and_no_id(judged: Rooms, shown: SameRows) -> None:
    ids = set(judged.snapshots.holdout(shown.frozen.snapshot_sha256)["_row_id"])

    texts, longest = _contents(shown)

    assert not ids & texts
    assert longest <= 1_600  # 40 × 40 cells, however many rows there are


def test_a_hold_out_whose_look_has_no_evidence_is_never_read(
    judged: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = origins(judged)
    monkeypatch.setattr(judged.ledger, "judged_looks", lambda *_: [])

    with pytest.raises(NotEnoughData, match="no night has judged"):
        shared_rows(*both, judged)


def test_a_version_without_a_look_is_not_scored(
    judged: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    frozen = shared_rows(*origins(judged), judged)
    stranger = version(judged, 2).replace(version=9, artifact_sha256="0" * 64)
    read: list[str] = []
    monkeypatch.setattr(judged.snapshots, "holdout", read.append, raising=True)

    with pytest.raises(NotEnoughData, match="v9 has had no look"):
        on_the_same_rows(version(judged, 1), stranger, frozen, judged)
    assert read == []


def test_rows_inside_the_embargo_of_either_version_are_no_common_rows(judged: Rooms) -> None:
    first, second = origins(judged)
    assert second.fitted_on is not None
    held = shared_rows(first, second, judged)[0].window
    late = Window(held.first_day, held.first_day, rows=1, bads=0)

    for pair in (
        (replace(first, fitted_on=late), second),
        (first, replace(second, fitted_on=late)),
    ):
        with pytest.raises(NotEnoughData, match="out of time for both") as refused:
            shared_rows(*pair, judged)
        assert "training window and the embargo end" in str(refused.value)


def test_the_embargo_is_the_gates_to_the_day(judged: Rooms) -> None:
    first, second = origins(judged)
    held = shared_rows(first, second, judged)[0].window
    embargo = judged.spec.gate.holdout.embargo_days

    def fitted_until(days_before: int) -> Origin:
        last = np.datetime64(held.first_day) - np.timedelta64(days_before, "D")
        return replace(first, fitted_on=Window(last.item(), last.item(), rows=1, bads=0))

    assert shared_rows(fitted_until(embargo + 2), second, judged)
    with pytest.raises(NotEnoughData):
        shared_rows(fitted_until(embargo + 1), second, judged)


def test_a_model_without_dates_is_refused_with_its_reason(judged: Rooms) -> None:
    first, second = origins(judged)

    with pytest.raises(NotEnoughData, match="when v1's development ends is unknown"):
        shared_rows(replace(first, fitted_on=None), second, judged)


def test_a_snapshot_that_retention_deleted_is_passed_over_for_an_older_one(
    judged: Rooms, tmp_path: Any
) -> None:
    first, second = origins(judged)
    newest = shared_rows(first, second, judged)[0]
    gone = replace(newest, snapshot_sha256="0" * 64)

    found = on_the_same_rows(version(judged, 1), version(judged, 2), (gone, newest), judged)

    assert found.frozen == newest
    empty = replace(judged, snapshots=SnapshotStore(tmp_path / "none"))
    with pytest.raises(SnapshotMismatch, match="not there any more"):
        on_the_same_rows(version(judged, 1), version(judged, 2), (newest,), empty)


def test_labels_that_are_not_those_that_were_judged_are_refused(judged: Rooms) -> None:
    newest = shared_rows(*origins(judged), judged)[0]
    relabelled: FrozenRows = replace(newest, holdout_sha256="0" * 64)

    with pytest.raises(SnapshotMismatch):
        on_the_same_rows(version(judged, 1), version(judged, 2), (relabelled,), judged)


def test_a_detector_is_shown_without_calibration(
    judged: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    scored = side_by_side._scored

    def as_detector(of: ModelVersion, rows: Any, rooms: Rooms) -> Any:
        side = scored(of, rows, rooms)
        return side if of.version == 1 else replace(side, is_probability=False)

    monkeypatch.setattr(side_by_side, "_scored", as_detector)

    found = compared(judged)

    assert found.probabilities == (True, False)
    assert found.calibration[0] is not None
    assert found.calibration[1] is None
    assert (found.differences, found.cutoff, found.at_cutoff) == (None, None, None)


def _contents(value: Any) -> tuple[set[str], int]:
    """Return every text inside, and the length of the longest array."""
    if isinstance(value, str):
        return {value}, 0
    if is_dataclass(value) and not isinstance(value, type):
        value = [getattr(value, field.name) for field in fields(value)]
    elif not isinstance(value, tuple | list):
        return set(), 0
    inside = [_contents(of) for of in value]
    texts = set().union(*(of[0] for of in inside)) if inside else set()
    return texts, max([len(value), *(of[1] for of in inside)])
