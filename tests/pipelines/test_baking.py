"""After a promotion: readings, a rollback that nobody asked for, and what it came to."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from finrisk.config import Settings
from finrisk.errors import ArtifactRejected, Unreachable
from finrisk.evidence import Outcome
from finrisk.faults import armed
from finrisk.gate.bake import BakeVerdict
from finrisk.pipelines import promoting, steps
from finrisk.pipelines.trial import BAKER
from finrisk.records import (
    Decision,
    ModelVersion,
    NightRequest,
    NightStatus,
    PromotionKind,
    TrainedCandidate,
)
from finrisk.tracking.champion_registry import ChampionRegistry
from tests.data.cards import AS_OF, land_day
from tests.pipelines.fresh_champions import (
    HINTED,
    PLAIN,
    TWIN,
    Watched,
    amounts_drift,
    day_of_cards,
    fit_all,
    hint_explodes,
    land_world,
    open_rooms,
    spec_of,
)

Watch = Callable[..., Watched]
WORLDS = {"sound": (None, 11), "hint": (hint_explodes, 5), "drift": (amounts_drift, 5)}


class Crash(BaseException):
    """The process is killed."""


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    homes = tmp_path_factory.mktemp("worlds")
    return {name: land_world(homes / name, *world) for name, world in WORLDS.items()}


@pytest.fixture(scope="module")
def fitted(worlds: dict[str, Path], shared: Settings) -> dict[str, TrainedCandidate]:
    return fit_all(worlds["sound"], shared)


@pytest.fixture
def watch(
    worlds: dict[str, Path],
    fitted: dict[str, TrainedCandidate],
    shared: Settings,
    request: pytest.FixtureRequest,
) -> Iterator[Watch]:
    scope = hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:8]
    with ExitStack() as stack:

        def promoted(
            world: str, champion: str = HINTED, predecessor: str = PLAIN, **bake: Any
        ) -> Watched:
            rooms = open_rooms(worlds[world], shared, f"t-{scope}", spec_of(HINTED, **bake))
            stack.callback(rooms.ledger.close)
            watched = Watched(rooms, fitted)
            watched.promote(predecessor, AS_OF - timedelta(days=3))
            watched.promote(champion)
            return watched

        yield promoted


def test_a_champion_whose_scores_explode_gives_way_to_its_predecessor(watch: Watch) -> None:
    watched = watch("hint")

    told = watched.nights(1, 3)

    assert [baked.outcome for baked in watched.baked] == [Outcome.FAIL] * 3
    assert [baked.verdict for baked in watched.baked] == [
        BakeVerdict.BAKING,
        BakeVerdict.BAKING,
        BakeVerdict.ROLL_BACK,
    ]
    link = watched.links[-1]
    assert (watched.champion, link.version, link.kind) == (1, 1, PromotionKind.ROLLBACK)
    assert (link.actor, link.as_of) == (BAKER, AS_OF + timedelta(days=3))
    assert "score PSI" in link.reason
    assert "back to v1" in link.reason
    assert told[:2] == [(), ()]
    assert told[2] == (f"automatic rollback: {link.reason}",)
    assert watched.rooms.ledger.verify("cards") == 3


def test_a_reading_is_of_the_days_since_the_last_one_that_have_passed(watch: Watch) -> None:
    watched = watch("sound")

    watched.night(0)
    watched.night(1)
    watched.night(4)

    days = [(b.reading.first_day, b.reading.last_day, b.reading.rows) for b in watched.baked]
    later = AS_OF + timedelta(days=1)
    assert days == [(AS_OF, AS_OF, 480), (later, AS_OF + timedelta(days=3), 1440)]


def test_between_equals_the_bake_passes_and_then_nothing_is_read(watch: Watch) -> None:
    watched = watch("sound", TWIN, readings=5)

    watched.nights(1, 7)

    assert [baked.verdict for baked in watched.baked] == [
        *[BakeVerdict.BAKING] * 4,
        BakeVerdict.PASSED,
    ]
    assert Outcome.FAIL not in {baked.outcome for baked in watched.baked}
    assert len(watched.links) == 2


def test_a_population_that_drifts_rolls_nothing_back(watch: Watch) -> None:
    watched = watch("drift", TWIN)

    watched.nights(1, 4)

    psi = [baked.reading.signals[0] for baked in watched.baked]
    assert all(signal.champion is not None and signal.champion > 0.5 for signal in psi)
    assert [baked.outcome for baked in watched.baked] == [Outcome.WARN] * 4
    assert len(watched.links) == 2


def test_a_night_that_is_run_again_reads_once_and_rolls_back_once(watch: Watch) -> None:
    watched = watch("hint")
    watched.nights(1, 2)
    first = watched.night(3)

    again = watched.night(3)
    watched.night(2)

    assert again == first
    assert len(watched.baked) == 3
    assert len(watched.links) == 3


def test_a_crash_between_reading_and_rollback_is_finished_by_the_rerun(watch: Watch) -> None:
    watched = watch("hint")
    watched.nights(1, 2)

    def crash(point: str) -> None:
        if point == "promote:before":
            raise Crash

    with armed(crash), pytest.raises(Crash):
        watched.night(3)
    assert watched.champion == 2
    watched.night(3)

    assert watched.champion == 1
    assert len(watched.baked) == 3


def test_a_champion_that_came_meanwhile_is_not_rolled_back(watch: Watch) -> None:
    watched = watch("hint")
    third = watched.registered(TWIN)
    watched.nights(1, 2)

    def replaced(point: str) -> None:
        if point == "promote:before" and watched.champion == 2:
            watched.promote_version(third, AS_OF + timedelta(days=3))

    with armed(replaced):
        told = watched.night(3)

    assert watched.champion == third.version
    assert [link.kind for link in watched.links] == [PromotionKind.FORCED] * 3
    assert told == ()


def test_after_an_automatic_rollback_the_next_one_waits_for_a_person(watch: Watch) -> None:
    watched = watch("hint", breaches=1)
    watched.night(1)
    watched.promote(HINTED, AS_OF + timedelta(days=1))

    told = watched.nights(2, 3)

    assert watched.champion == 2
    assert [baked.verdict for baked in watched.baked] == [
        BakeVerdict.ROLL_BACK,
        *[BakeVerdict.COOLING_DOWN] * 2,
    ]
    assert "a person decides" in told[-1][0]


class Refusing(ChampionRegistry):
    """Reads artifacts, and lets none become champion."""

    def verify(self, registered_name: str, version: ModelVersion) -> None:
        raise ArtifactRejected(f"version {version.version} was edited")

    def verify_copy(self, version: ModelVersion) -> None:
        raise ArtifactRejected("there is no copy")


def test_a_predecessor_that_does_not_verify_leaves_the_champion_and_is_told(watch: Watch) -> None:
    watched = watch("hint")
    watched.nights(1, 2)
    rooms = replace(watched.rooms, registry=Refusing(watched.rooms.settings))

    told = watched.night(3, rooms)
    again = watched.night(3, rooms)

    assert watched.champion == 2
    assert told == again
    assert told[0].startswith("not carried out: v2 on 480 rows")
    assert "stays champion though its bake says otherwise" in told[1]
    refused = [e for e in watched.rooms.ledger.events("cards") if "refused" in e.document]
    assert len(refused) == 1


def test_a_refused_rollback_is_tried_again_on_the_next_breach(watch: Watch) -> None:
    watched = watch("hint")
    watched.nights(1, 2)
    watched.night(3, replace(watched.rooms, registry=Refusing(watched.rooms.settings)))

    watched.night(4)

    assert watched.champion == 1


@pytest.mark.parametrize("which", ["champion", "predecessor"])
def test_an_artifact_that_cannot_be_read_is_unknown_and_no_breach(watch: Watch, which: str) -> None:
    watched = watch("hint")
    spoilt = watched.registered(TWIN).replace(version=9, artifact_sha256="0" * 64)
    watched.rooms.ledger.remember_version(spoilt)
    if which == "champion":
        watched.promote_version(spoilt)
    else:
        watched.promote_version(spoilt)
        watched.promote(HINTED)

    watched.nights(1, 3)

    assert {baked.outcome for baked in watched.baked} == {Outcome.UNKNOWN}
    assert watched.baked[0].reading.unknown[0].startswith("v9: ")
    assert watched.links[-1].kind is PromotionKind.FORCED


class Away(ChampionRegistry):
    """MLflow does not answer."""

    def open(self, version: ModelVersion) -> Any:
        raise Unreachable("MLflow does not answer")


def test_an_mlflow_that_is_away_is_unknown(watch: Watch) -> None:
    watched = watch("hint")

    watched.night(1, replace(watched.rooms, registry=Away(watched.rooms.settings)))

    assert watched.baked[0].outcome is Outcome.UNKNOWN
    assert watched.baked[0].reading.unknown == (
        "v2: MLflow does not answer",
        "v1: MLflow does not answer",
    )


def test_too_few_rows_are_unknown_and_are_read_with_the_next_ones(watch: Watch) -> None:
    watched = watch("hint", min_rows=1000)

    watched.nights(1, 3)

    assert [baked.reading.rows for baked in watched.baked] == [480, 960, 1440]
    outcomes = [baked.outcome for baked in watched.baked]
    assert outcomes == [Outcome.UNKNOWN, Outcome.UNKNOWN, Outcome.FAIL]
    assert watched.baked[0].reading.unknown == ("480 of 1000 rows",)


def test_features_that_changed_their_meaning_say_nothing_of_the_model(watch: Watch) -> None:
    watched = watch("hint")
    spec = watched.rooms.spec
    night = spec.features[1].model_copy(update={"hours": (1, 5)})  # type: ignore[union-attr]
    changed = spec.model_copy(update={"features": (spec.features[0], night, *spec.features[2:])})

    watched.night(1, replace(watched.rooms, spec=changed))

    assert watched.baked[0].outcome is Outcome.UNKNOWN
    assert "features changed since it was fitted: night" in watched.baked[0].reading.unknown[0]


def test_a_first_champion_one_that_came_back_and_a_bake_switched_off_are_not_read(
    watch: Watch,
) -> None:
    watched = watch("hint", enabled=False)
    watched.night(1)
    assert watched.baked == []

    steps.roll_back("cards", 1, "a drill", "ada", as_of=AS_OF, rooms=watched.rooms)
    on = replace(watched.rooms, spec=spec_of(HINTED))
    watched.night(1, on)

    assert watched.baked == []


def test_a_first_champion_has_nobody_to_go_back_to(
    worlds: dict[str, Path], fitted: dict[str, TrainedCandidate], shared: Settings
) -> None:
    watched = Watched(open_rooms(worlds["hint"], shared, "t-first", spec_of(HINTED)), fitted)
    watched.promote(HINTED)

    watched.night(1)
    watched.rooms.ledger.close()

    assert watched.baked == []


def test_calibration_is_read_once_enough_bads_have_matured(watch: Watch) -> None:
    watched = watch("sound", min_bads=40)

    for number in (1, 4, 6):
        watched.night(number)

    offsets = [baked.reading.signals[1] for baked in watched.baked]
    bads = [baked.reading.bads for baked in watched.baked]
    assert [signal.champion is not None for signal in offsets] == [count >= 40 for count in bads]
    assert bads[0] == 0
    assert bads[-1] >= 40


@pytest.mark.parametrize(
    ("champion", "predecessor", "finding"),
    [
        (HINTED, PLAIN, "confirmed"),
        (TWIN, PLAIN, "not confirmed"),
        (PLAIN, HINTED, "worse"),
    ],
)
def test_realised_performance_is_told_once_and_rolls_nothing_back(
    watch: Watch, caplog: pytest.LogCaptureFixture, champion: str, predecessor: str, finding: str
) -> None:
    watched = watch("sound", champion, predecessor, realised_bads=60)

    with caplog.at_level(logging.INFO):
        told = watched.nights(5, 7)

    (event,) = watched.realised
    assert event.document["finding"] == finding, event.document["sentence"]
    assert event.document["window"]["bads"] >= 60
    assert watched.champion == 2
    assert any(event.document["sentence"] in notices for notices in told) is (finding == "worse")
    levels = {r.levelname for r in caplog.records if "realised" in r.getMessage()}
    assert levels == {"ERROR" if finding == "worse" else "INFO"}


def test_realised_performance_is_told_after_the_bake_as_well(watch: Watch) -> None:
    watched = watch("sound", readings=1, breaches=1, realised_bads=100)

    for number in (1, 2, 9, 10):
        watched.night(number)

    assert len(watched.baked) == 1
    assert len(watched.realised) == 1


# whole nights


def test_the_night_of_a_rollback_judges_against_the_predecessor_and_a_winner_waits(
    watch: Watch,
) -> None:
    watched = watch("hint", breaches=1, last=1)
    request = NightRequest("cards", AS_OF + timedelta(days=1), actor="test")

    prepared = steps.prepare(request, watched.rooms)
    trained = [steps.train(prepared, HINTED, watched.rooms)]
    decided = steps.promote(steps.decide(prepared, trained, watched.rooms), watched.rooms)

    assert watched.links[2].kind is PromotionKind.ROLLBACK
    assert (decided.champion_version, decided.champion_epoch) == (1, 3)
    won, rolled_back, waits = decided.reasons  # on rows that landed before the hint changed
    assert won.startswith("Δ average precision +")
    assert rolled_back.startswith("automatic rollback: v2 on 480 rows")
    assert waits.startswith("waits: an automatic rollback cools down until 2024-04-09")
    assert (decided.decision, watched.champion) == (Decision.HOLD, 1)
    run = watched.rooms.tracker._client.get_run(prepared.run_id)
    assert run.data.tags["finrisk.bake"] == "roll back"
    assert steps.prepare(request, watched.rooms).status is NightStatus.DECIDED
    assert len(watched.baked) == 1
    stored = watched.rooms.ledger.night("cards", request.as_of)
    assert stored is not None
    assert decided.challenger is not None
    cooled = AS_OF + timedelta(days=15)
    promoting.carry_out(stored.decision, decided.challenger, watched.rooms, cooled)
    assert watched.champion == decided.challenger.version


def test_a_blocked_night_and_a_dry_run_read_nothing(
    watch: Watch, shared: Settings, tmp_path: Path
) -> None:
    watched = watch("sound")
    as_of = AS_OF + timedelta(days=1)
    steps.prepare(NightRequest("cards", as_of, dry_run=True), watched.rooms)
    home = land_world(tmp_path, None, nights=1)
    land_day(home, AS_OF, day_of_cards(AS_OF).assign(amount=lambda rows: rows["amount"] * 30))
    settings = watched.rooms.settings.model_copy(update={"home": home})

    blocked = steps.prepare(NightRequest("cards", as_of), replace(watched.rooms, settings=settings))

    assert blocked.status is NightStatus.BLOCKED
    assert watched.rooms.ledger.events("cards") == []
