"""Numbers of versions: one a key, and always after those the ledger knows."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import pytest

from finrisk.config import Settings
from finrisk.errors import ArtifactRejected
from finrisk.records import ModelVersion, TrainedCandidate
from finrisk.tracking.client import open_client
from finrisk.tracking.registry import VersionRegistry
from tests.services.stores import own

Key = Callable[[], str]


def registered(
    registry: VersionRegistry,
    trained: TrainedCandidate,
    key: str,
    name: str,
    known: Sequence[ModelVersion] = (),
) -> ModelVersion:
    return registry.register(own(name), trained, model="credit_risk", idem_key=key, known=known)


def before_the_reset(*numbers: int) -> list[ModelVersion]:
    """What a ledger remembers of an MLflow that is gone."""
    return [
        ModelVersion("credit_risk", number, f"run-{number}", f"models:/m-{number}", "a" * 64, "b")
        for number in numbers
    ]


def numbers(settings: Settings, name: str) -> list[int]:
    found = open_client(settings).search_model_versions(f"name = '{own(name)}'")
    return sorted(int(version.version) for version in found)


def test_after_a_reset_a_number_comes_after_those_the_ledger_knows(
    registry: VersionRegistry,
    settings: Settings,
    trained: TrainedCandidate,
    fresh_key: Key,
    caplog: pytest.LogCaptureFixture,
) -> None:
    made = registered(registry, trained, fresh_key(), "reset", before_the_reset(1, 2, 4))

    assert made.version == 5
    assert numbers(settings, "reset") == [5]
    assert caplog.text.count("MLflow's database was reset") == 1
    assert "Numbers go on after 4" in caplog.text


def test_after_the_numbers_went_on_nothing_is_passed_over(
    registry: VersionRegistry,
    settings: Settings,
    trained: TrainedCandidate,
    fresh_key: Key,
    caplog: pytest.LogCaptureFixture,
) -> None:
    known = before_the_reset(1, 2)
    known.append(registered(registry, trained, fresh_key(), "went-on", known))
    caplog.clear()

    following = registered(registry, trained, fresh_key(), "went-on", known)

    assert following.version == 4
    assert numbers(settings, "went-on") == [3, 4]
    assert caplog.text == ""


def test_registering_again_after_a_reset_is_the_same_version(
    registry: VersionRegistry, trained: TrainedCandidate, fresh_key: Key
) -> None:
    key, known = fresh_key(), before_the_reset(1)
    first = registered(registry, trained, key, "again", known)

    assert registered(registry, trained, key, "again", [*known, first]) == first


def test_a_version_the_ledger_knows_is_found_though_higher_ones_came_since(
    registry: VersionRegistry, trained: TrainedCandidate, fresh_key: Key
) -> None:
    key = fresh_key()
    first = registered(registry, trained, key, "higher-ones")
    known = [first, *before_the_reset(2, 3)]

    assert registered(registry, trained, key, "higher-ones", known) == first


def test_registering_the_same_run_twice_says_so_and_is_no_error(
    registry: VersionRegistry,
    trained: TrainedCandidate,
    fresh_key: Key,
    caplog: pytest.LogCaptureFixture,
) -> None:
    key = fresh_key()
    first = registered(registry, trained, key, "twice")

    with caplog.at_level(logging.INFO, "finrisk.tracking.registration"):
        second = registered(registry, trained, key, "twice")

    assert second == first
    assert (
        f"{own('twice')} version 1: MLflow run {trained.run_id} was registered before"
        in caplog.text
    )


def test_what_a_crash_left_while_numbers_were_passed_over_is_no_version(
    registry: VersionRegistry,
    settings: Settings,
    trained: TrainedCandidate,
    fresh_key: Key,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    key, known = fresh_key(), before_the_reset(1, 2)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(registry._client, "delete_model_version", killed)
        with pytest.raises(KeyboardInterrupt):
            registered(registry, trained, key, "crashed", known)
    assert numbers(settings, "crashed") == [1]

    made = registered(registry, trained, key, "crashed", known)

    assert made.version == 3
    assert numbers(settings, "crashed") == [3]


def test_a_registered_model_that_somebody_deleted_gets_its_version_back_under_its_number(
    registry: VersionRegistry, settings: Settings, trained: TrainedCandidate, fresh_key: Key
) -> None:
    key = fresh_key()
    known = before_the_reset(1)
    known.append(registered(registry, trained, key, "razed-and-back", known))
    open_client(settings).delete_registered_model(own("razed-and-back"))

    assert registered(registry, trained, key, "razed-and-back", known) == known[-1]


def test_an_mlflow_whose_numbers_do_not_rise_is_refused_after_as_many_tries(
    registry: VersionRegistry,
    trained: TrainedCandidate,
    fresh_key: Key,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried = []

    def always_the_first(*_: object, **__: object) -> ModelVersion:
        tried.append(1)
        return before_the_reset(1)[0]

    monkeypatch.setattr(registry._client, "create_model_version", always_the_first)

    with pytest.raises(ArtifactRejected, match="a number above 3"):
        registered(registry, trained, fresh_key(), "stuck", before_the_reset(3))

    assert len(tried) == 4
