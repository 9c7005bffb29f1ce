"""Each reason to stay, alone: one thing that may go, then a table of single changes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from finrisk.data.snapshots import StoredSnapshot
from finrisk.data.stored_files import StoredFile
from finrisk.pipelines import retention_rules as rules
from finrisk.pipelines.protected import NeededCopies, NeededSnapshots, NeededVersions
from finrisk.pipelines.retention_rules import (
    why_candidate_stays,
    why_copy_stays,
    why_decisions_stay,
    why_file_stays,
    why_snapshot_stays,
)
from finrisk.tracking.holdings import CandidateRun
from finrisk.tracking.kept_copies import StoredCopy
from finrisk.tracking.listing import RegisteredVersion

LIMIT = datetime(2026, 3, 1, tzinfo=UTC)
OLD = LIMIT - timedelta(days=1)
SHA = "ab" * 32


def candidate(**changes: Any) -> CandidateRun:
    good: dict[str, Any] = {
        "run_id": "run-2",
        "scope": "live",
        "model": "credit_risk",
        "last_used": OLD,
        "of_a_night": True,
        "deleted": False,
        "dataset": SHA[:12],
        "artifact_sha256": "artifact-2",
        "children": (),
        "model_ids": ("m-2",),
        "versions": (),
        "folders": (),
        "elsewhere": False,
    }
    return CandidateRun(**{**good, **changes})


def version(**changes: Any) -> RegisteredVersion:
    good: dict[str, Any] = {"name": "credit-risk", "number": 2, "model": "credit_risk"}
    return RegisteredVersion(**{**good, **changes})


NEEDED = NeededVersions(
    runs=frozenset({"run-1"}),
    model_uris=frozenset({"models:/m-1"}),
    artifacts=frozenset({"artifact-1"}),
    known_runs={
        ("live", "credit_risk", 1): "run-1",
        ("live", "credit_risk", 2): "run-2",
        ("live", "credit_risk", 3): "run-3",
    },
)


def why(run: CandidateRun) -> str | None:
    return why_candidate_stays(run, NEEDED, "credit-risk", LIMIT)


@pytest.mark.parametrize(
    "unneeded",
    [
        candidate(),
        candidate(versions=(version(),)),
        candidate(deleted=True),
        candidate(artifact_sha256="", model_ids=()),
    ],
)
def test_an_old_candidate_that_nothing_names_may_go(unneeded: CandidateRun) -> None:
    assert why(unneeded) is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"last_used": LIMIT}, rules.YOUNG),
        ({"last_used": None}, rules.YOUNG),
        ({"run_id": "run-1"}, rules.NEEDED),
        ({"artifact_sha256": "artifact-1"}, rules.NEEDED),
        ({"model_ids": ("m-2", "m-1")}, rules.NEEDED),
        ({"run_id": "run-1", "deleted": True}, rules.NEEDED),
        ({"of_a_night": False}, rules.BY_HAND),
        ({"versions": (version(aliases=("staging",)),)}, rules.ALIASED),
        ({"versions": (version(), version(name="anna-tries"))}, rules.STRANGE),
        ({"versions": (version(model=None),)}, rules.STRANGE),
        ({"versions": (version(number=3),)}, rules.STRANGE),
        ({"versions": (version(number=9),)}, rules.STRANGE),
        ({"versions": (version(),), "scope": "replay"}, rules.STRANGE),
    ],
)
def test_a_candidate_stays_for_any_single_reason(changes: dict[str, Any], reason: str) -> None:
    assert why(candidate(**changes)) == reason


def snapshots(**changes: Any) -> NeededSnapshots:
    good: dict[str, Any] = {
        "named": frozenset(),
        "owners": {SHA: frozenset({"credit_risk"})},
        "untold": (),
    }
    return NeededSnapshots(**{**good, **changes})


def why_snapshot(needed: NeededSnapshots, **changes: Any) -> str | None:
    asked: dict[str, Any] = {"datasets": set(), "models": ["credit_risk"], "take_nobodys": False}
    asked |= changes
    snapshot = StoredSnapshot(SHA, asked.pop("modified", OLD), 10)
    return why_snapshot_stays(snapshot, needed, older_than=LIMIT, **asked)


def test_an_old_snapshot_of_ours_that_nothing_names_may_go() -> None:
    assert why_snapshot(snapshots()) is None
    assert why_snapshot(snapshots(owners={"cd" * 32: frozenset({"x"})}), take_nobodys=True) is None


@pytest.mark.parametrize(
    ("needed", "changes", "reason"),
    [
        ({}, {"modified": LIMIT}, rules.YOUNG),
        ({"named": frozenset({SHA})}, {}, rules.NAMED),
        ({}, {"datasets": {SHA[:12]}}, rules.FITTED_ON),
        ({"untold": ("credit_risk v1",)}, {}, rules.UNTOLD),
        ({"owners": {SHA: frozenset({"credit_risk", "cards"})}}, {}, rules.OF_OTHERS),
        ({"owners": {}}, {}, rules.OF_NOBODY),
        ({"owners": {}}, {"take_nobodys": True}, rules.OF_NOBODY),
    ],
)
def test_a_snapshot_stays_for_any_single_reason(
    needed: dict[str, Any], changes: dict[str, Any], reason: str
) -> None:
    assert why_snapshot(snapshots(**needed), **changes) == reason


@pytest.mark.parametrize(
    ("as_of", "modified", "newest", "reason"),
    [
        (OLD.date(), OLD, False, None),
        (None, OLD, False, None),
        (LIMIT.date(), OLD, False, rules.YOUNG),
        (OLD.date(), LIMIT, False, rules.YOUNG),
        (date(2024, 1, 1), LIMIT, False, rules.YOUNG),
        (OLD.date(), OLD, True, rules.NEWEST),
    ],
)
def test_a_page_is_old_by_its_night_and_by_its_clock(
    as_of: date | None, modified: datetime, newest: bool, reason: str | None
) -> None:
    page = StoredFile("data_docs", Path("page"), as_of, modified, 1, newest)

    assert why_file_stays(page, LIMIT) == reason


@pytest.mark.parametrize(
    ("day", "read_since", "reason"),
    [
        (date(2026, 1, 1), date(2025, 12, 31), rules.STILL_READ),
        (date(2026, 1, 1), date(2026, 1, 1), rules.STILL_READ),
        (date(2026, 1, 1), date(2026, 1, 2), None),
        (date(2026, 3, 1), date(2026, 3, 2), rules.YOUNG),
    ],
)
def test_served_features_stay_while_nights_read_their_day(
    day: date, read_since: date, reason: str | None
) -> None:
    served = StoredFile("features", Path("f"), day, OLD, 4, newest=True)

    assert why_file_stays(served, LIMIT, read_since) == reason


OTHER = "cd" * 32


@pytest.mark.parametrize(
    ("sha256", "modified", "models", "reason"),
    [
        (SHA, OLD, ("credit_risk",), None),
        (SHA, LIMIT, ("credit_risk",), rules.YOUNG),
        (OTHER, OLD, ("credit_risk",), rules.RECENT),
        (SHA, OLD, ("fraud",), rules.OF_OTHERS),
        ("ef" * 32, OLD, ("credit_risk",), rules.OF_NOBODY),
    ],
)
def test_a_copy_goes_once_others_followed_its_champion_long_ago(
    sha256: str, modified: datetime, models: tuple[str, ...], reason: str | None
) -> None:
    owners = {SHA: frozenset({"credit_risk"}), OTHER: frozenset({"credit_risk"})}
    needed = NeededCopies(artifacts=frozenset({OTHER}), owners=owners)

    assert why_copy_stays(StoredCopy(sha256, modified, 1), needed, models, LIMIT) == reason


@pytest.mark.parametrize(
    ("as_of", "modified", "known_on", "reason"),
    [
        (date(2026, 2, 28), OLD, date(2026, 2, 28), None),
        (date(2026, 3, 1), OLD, date(2026, 2, 28), rules.YOUNG),
        (date(2025, 1, 1), LIMIT, date(2025, 2, 1), rules.YOUNG),
        (date(2025, 8, 1), OLD, date(2026, 3, 1), rules.LABELS_YOUNG),
        (None, OLD, date(2025, 2, 1), rules.YOUNG),
    ],
)
def test_decisions_go_when_day_file_and_labels_are_old(
    as_of: date | None, modified: datetime, known_on: date, reason: str | None
) -> None:
    day = StoredFile("decisions", Path("x"), as_of, modified, 4, newest=True)

    assert why_decisions_stay(day, LIMIT, known_on) == reason
