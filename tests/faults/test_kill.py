"""kill -9 at every named point of a night: run again, it ends as if nothing had happened."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from finrisk.faults import AFTER, BEFORE, DURING, KEPT_COPY, POINTS, STEPS, WHOLE_FILE
from finrisk.ledger.store import Ledger
from finrisk.pipelines.retention import collect
from finrisk.pipelines.rooms import Rooms
from finrisk.records import Decision, NightRequest, PromotionKind
from finrisk.tracking.manifest import tree_sha256
from tests.faults.night_process import (
    FIRST_NIGHT,
    MODEL,
    NEXT_NIGHT,
    Death,
    World,
    die,
    live,
)
from tests.faults.night_state import COPIES, State, files_of, hidden, pending_models, state_of

FOLDERS = {
    "data_docs",
    "data_quality",
    "evidence",
    "features",
    "landing",
    "snapshots",
    "specs",
}
AT_STEPS = [Death(f"{step}:{moment}") for step in STEPS for moment in (BEFORE, DURING, AFTER)]
AT_FILES = [Death(WHOLE_FILE, folder) for folder in sorted(FOLDERS)]
AT_THE_COPY = Death(KEPT_COPY)
SINCE_REGISTERING = AT_STEPS[AT_STEPS.index(Death("register:before")) :]


@dataclass(frozen=True)
class Night:
    """A night that nobody disturbed: what it found, and what it left."""

    request: NightRequest
    before: World
    after: World
    reached: tuple[Death, ...]
    left: State
    whole: tuple[dict[str, str], dict[str, str]]


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Night:
    folder = tmp_path_factory.mktemp("cards")
    return undisturbed(FIRST_NIGHT, World.made(folder / "home", folder / "nothing"), "first")


@pytest.fixture(scope="module")
def later(first: Night) -> Night:
    return undisturbed(NEXT_NIGHT, first.after, "later")


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "state"
    shutil.rmtree(tmp_path)  # ten megabytes each


def undisturbed(request: NightRequest, before: World, name: str) -> Night:
    after = before.copied(before.state.with_name(name))
    lived = live(after, request)
    assert lived.decision.decision is Decision.PROMOTE, lived.decision.reasons
    whole = (files_of(before), files_of(after))
    return Night(request, before, after, lived.reached, state_of(after, request), whole)


@pytest.mark.parametrize("death", [*AT_STEPS, *AT_FILES, AT_THE_COPY], ids=str)
def test_a_first_night_that_was_killed_ends_as_an_undisturbed_one(
    first: Night, state: Path, death: Death
) -> None:
    killed_and_run_again(first, state, death)


@pytest.mark.parametrize("death", [*SINCE_REGISTERING, AT_THE_COPY], ids=str)
def test_a_night_that_replaces_a_champion_and_was_killed_ends_as_an_undisturbed_one(
    later: Night, state: Path, death: Death
) -> None:
    killed_and_run_again(later, state, death)


def test_the_candidate_that_was_logged_before_the_kill_is_the_one_that_counts(
    later: Night, state: Path
) -> None:
    killed_and_run_again(later, state, Death("log_run:during", time=2))


def test_a_night_that_is_killed_in_every_step_on_its_way_ends_as_an_undisturbed_one(
    first: Night, state: Path
) -> None:
    on_its_way = [death for death in first.reached if death.point.endswith(DURING)]

    killed_and_run_again(first, state, *on_its_way)


def test_what_killed_nights_left_goes_with_a_removal_and_the_champion_stays(
    first: Night, state: Path
) -> None:
    deaths = [
        Death(WHOLE_FILE, "data_docs"),
        Death(WHOLE_FILE, "snapshots"),
        Death("upload_artifact:during"),
        AT_THE_COPY,
    ]
    world = killed_and_run_again(first, state, *deaths)
    before = hidden(world), pending_models(world)

    past_all_limits = datetime.now(UTC) + timedelta(days=2)
    collect(world.settings, [MODEL], keep_days=1, dry_run=False, now=past_all_limits)

    assert [len(found) for found in before] == [3, 1]
    assert hidden(world) == []
    assert not any(folder.exists() for folder in before[1])
    rooms = Rooms.open(MODEL, world.settings)
    with rooms.ledger as ledger:
        (champion,) = ledger.versions(MODEL)
    rooms.registry.open_stored(champion)


def test_an_undisturbed_night_comes_to_every_point_there_is(first: Night, later: Night) -> None:
    for night in (first, later):
        assert {death.point for death in night.reached} == set(POINTS)
    assert {death.file_of for death in first.reached} == {"", *FOLDERS}


def test_the_undisturbed_nights_make_a_first_champion_and_replace_it(later: Night) -> None:
    with Ledger.open(later.after.settings) as ledger:
        links = ledger.history(MODEL)

    assert [link.kind for link in links] == [PromotionKind.BOOTSTRAP, PromotionKind.SUPERIORITY]
    assert all(link.projected for link in links)


def killed_and_run_again(night: Night, state: Path, *deaths: Death) -> World:
    world = night.before.copied(state)
    for death in deaths:
        die(world, night.request, death)
        nothing_is_half_done(world, night)

    lived = live(world, night.request)

    assert lived.decision == stored_decision(world, night.request)
    assert state_of(world, night.request) == night.left
    return world


def nothing_is_half_done(world: World, night: Night) -> None:
    """Every file that has its name is as it was before, or as it is to be; so is the ledger."""
    for name, digest in files_of(world).items():
        assert digest in [files.get(name) for files in night.whole], name
    for copy in (world.settings.store / COPIES).glob("??/[!.]*"):
        assert tree_sha256(copy) == copy.name
    with Ledger.open(world.settings) as ledger:
        ledger.verify(MODEL)
        for link in ledger.history(MODEL):
            assert ledger.evidence(link.evidence_sha256 or "") is not None


def stored_decision(world: World, request: NightRequest) -> object:
    with Ledger.open(world.settings) as ledger:
        stored = ledger.night(MODEL, request.as_of)
    return stored and stored.decision
