"""A hostile, damaged or replayed artifact is refused at every door, and no code of it runs."""

from __future__ import annotations

import functools
import importlib
import pickle
import re
import shutil
import sys
import tracemalloc
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
import xgboost as xgb
import yaml

from finrisk.config import Settings
from finrisk.errors import ArtifactRejected
from finrisk.ledger.migrate import migrate
from finrisk.ledger.store import Ledger
from finrisk.promotion import swap
from finrisk.records import ModelVersion, PromotionKind
from finrisk.tracking import flavor
from finrisk.tracking import registry as registering
from finrisk.tracking.client import initialise_store, process_default
from finrisk.tracking.flavor import load_with_manifest
from finrisk.tracking.manifest import tree_sha256
from finrisk.tracking.night_tracker import NightTracker
from finrisk.tracking.quiet_mlflow import Model
from finrisk.tracking.registry import VersionRegistry
from finrisk.tracking.signing import Signer, Verifier, create_keys
from finrisk.tracking.verification import BOOSTER, LINEAR, MIB, MLMODEL
from tests.faults import hostile
from tests.faults.hostile import Attacker, Tampering, forest_model, manifest_of, sign_again
from tests.ledger.factories import AT, MODEL, NIGHT
from tests.tracking.factories import (
    artifact,
    boosted_model,
    candidate_log,
    prepared_night,
    provenance,
)

NAME = "credit-risk"
COMMON = ["MLmodel", "calibrator.json", "manifest.json", "manifest.sig", "prep.skops"]
COMMON += ["python_env.yaml", "requirements.txt"]
FILES = {"boosted": sorted([*COMMON, BOOSTER]), "forest": sorted([*COMMON, LINEAR])}
EVERY_FILE = [(kind, name) for kind, names in FILES.items() for name in names]
MOST_BYTES = 32 * MIB  # an honest artifact of these tests takes one


@dataclass(frozen=True)
class Stored:
    """A registered version, its folder in MLflow's store, and an untouched copy of that."""

    version: ModelVersion
    folder: Path
    untouched: Path

    def restore(self) -> None:
        shutil.rmtree(self.folder)
        shutil.copytree(self.untouched, self.folder)


@dataclass(frozen=True)
class Store:
    """A real MLflow store and a real ledger: a champion, and a challenger of each kind."""

    settings: Settings
    registry: VersionRegistry
    ledger: Ledger
    champion: Stored
    challengers: dict[str, Stored]

    @property
    def signer(self) -> Signer:
        return Signer.load(self.settings.keys)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    home = tmp_path_factory.mktemp("hostile")
    settings = Settings(
        home=home,
        tracking_uri="sqlite:///mlflow.db",
        registry_uri="",
        experiment_name="tests",
        threads=1,
        actor="tester",
    )
    create_keys(settings.keys)
    initialise_store(settings)
    migrate(f"sqlite:///{home / 'ledger.db'}")
    registry = VersionRegistry(settings)
    tracker = NightTracker(settings)
    night = tracker.start_night(prepared_night(), "night")

    def stored(key: str, model: Any) -> Stored:
        log = candidate_log(model=model, provenance=provenance(run_key=key))
        trained = tracker.log_candidate(night, log)
        version = registry.register(NAME, trained, model=MODEL, idem_key=key)
        logged = trained.model_uri.removeprefix("models:/")
        folder = next(settings.artifacts.glob(f"**/{logged}/artifacts"))
        untouched = Path(shutil.copytree(folder, home / "untouched" / key))
        return Stored(version, folder, untouched)

    with Ledger(f"sqlite:///{home / 'ledger.db'}", "live") as ledger:
        made = Store(
            settings,
            registry,
            ledger,
            stored("champion", boosted_model()),
            {"boosted": stored("boosted", boosted_model()), "forest": stored("f", forest_model())},
        )
        promoted(made, made.champion)
        yield made


@pytest.fixture(scope="module")
def older(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an artifact that this installation signed, and that no version stands for."""
    folder = tmp_path_factory.mktemp("older") / "artifact"
    return artifact(folder, store.signer, provenance=provenance(run_key="older"))


@pytest.fixture
def attacker(tmp_path: Path, older: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Attacker]:
    """Return somebody whose module lies where Python looks, so that naming it is enough."""
    create_keys(tmp_path / "stranger")
    made = Attacker(tmp_path / "mark", Signer.load(tmp_path / "stranger"), older)
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / f"{hostile.MODULE}.py").write_text(made.code)
    monkeypatch.syspath_prepend(tmp_path / "path")
    yield made
    sys.modules.pop(hostile.MODULE, None)


@pytest.fixture
def boosted(store: Store) -> Iterator[Stored]:
    yield store.challengers["boosted"]
    store.challengers["boosted"].restore()


@pytest.fixture
def parsers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of whatever is asked to read something, as it is asked; all of it works."""
    seen: list[str] = []

    def spied(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(real)
        def parse(*args: Any, **kwargs: Any) -> Any:
            seen.append(name)
            return real(*args, **kwargs)

        return parse

    for owner, names in (
        (skops.io, ("load", "loads", "get_untrusted_types")),
        (xgb.Booster, ("load_model",)),
        (pickle, ("load", "loads")),
        (np, ("load",)),
        (yaml, ("load", "safe_load")),
        (flavor, ("calibrator_from_json",)),
    ):
        for name in names:
            monkeypatch.setattr(owner, name, spied(name, getattr(owner, name)))
    monkeypatch.setattr(Model, "load", staticmethod(spied("MLmodel", Model.load)))
    return seen


def loaded(store: Store, stored: Stored) -> None:
    load_with_manifest(
        stored.folder,
        Verifier.load(store.settings.keys),
        expected_artifact_sha256=stored.version.artifact_sha256,
    )


def opened(store: Store, stored: Stored) -> None:
    store.registry.open(stored.version)


def downloaded(store: Store, stored: Stored) -> None:
    """Take the way of a remote store: list, then download into a folder that is deleted."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registering, "local_folder", lambda _: None)
        store.registry.open(stored.version)


def promoted(store: Store, stored: Stored) -> None:
    now = store.ledger.champion(MODEL)
    swap.promote(
        store.ledger,
        store.registry,
        NAME,
        stored.version,
        now and now.version,
        now.epoch if now else 0,
        stored.version.artifact_sha256,
        kind=PromotionKind.FORCED,
        evidence_sha256=None,
        actor="ada",
        reason="a drill",
        as_of=NIGHT,
        at=AT,
    )


Door = Callable[[Store, Stored], None]
DOORS: list[Door] = [loaded, opened, downloaded, promoted]
every_door = pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)


def refused(door: Door, store: Store, stored: Stored) -> str:
    """Return in which words a door refuses an artifact; the champion stays, in both places."""
    with pytest.raises(ArtifactRejected) as raised:
        door(store, stored)

    champion = store.ledger.champion(MODEL)
    assert champion is not None
    assert (champion.version, champion.epoch) == (store.champion.version.version, 1)
    assert len(store.ledger.history(MODEL)) == 1
    assert store.registry.alias_version(NAME, "production") == champion.version
    return str(raised.value)


def no_code_ran(attacker: Attacker) -> bool:
    return not attacker.mark.exists() and hostile.MODULE not in sys.modules


def signed_again(store: Store, stored: Stored, **changes: Any) -> Stored:
    """Sign with our own key what lies there now, and let the version be registered so."""
    sign_again(stored.folder, store.signer, **changes)
    return registered_as_it_is(stored)


def registered_as_it_is(stored: Stored) -> Stored:
    version = stored.version.replace(artifact_sha256=tree_sha256(stored.folder))
    return replace(stored, version=version)


# --- that these tests would notice


@pytest.mark.parametrize("kind", FILES)
def test_every_file_of_an_artifact_is_named_here(store: Store, kind: str) -> None:
    assert sorted(path.name for path in store.challengers[kind].folder.iterdir()) == FILES[kind]


@pytest.mark.parametrize("door", [loaded, opened, downloaded], ids=lambda door: door.__name__)
@pytest.mark.parametrize("kind", FILES)
def test_an_untouched_artifact_passes_and_is_seen_by_its_parsers(
    store: Store, parsers: list[str], door: Door, kind: str
) -> None:
    door(store, store.challengers[kind])

    expected = {"loads", "calibrator_from_json"}
    assert set(parsers) - {"load"} == expected | ({"load_model"} if kind == "boosted" else set())


def test_the_hostile_code_does_leave_its_mark_where_it_runs(attacker: Attacker) -> None:
    ways: list[Callable[[], object]] = [
        lambda: pickle.loads(attacker.pickled),  # noqa: S301
        lambda: importlib.import_module(hostile.MODULE),
    ]
    for way in ways:
        attacker.mark.unlink(missing_ok=True)
        way()
        assert attacker.mark.exists()


def test_the_hostile_transformer_would_name_its_code_to_whoever_trusts_it(
    attacker: Attacker,
) -> None:
    content = hostile.calling_hostile_code()

    skops.io.loads(content, trusted=skops.io.get_untrusted_types(data=content))

    assert attacker.mark.exists()


@pytest.mark.parametrize(
    "tampering",
    [hostile.loader_module_of_hostile_code, hostile.code_path_with_a_module],
    ids=lambda tampering: tampering.__name__,
)
def test_an_edited_mlmodel_runs_code_where_mlflow_itself_loads_so_finrisk_never_lets_it(
    attacker: Attacker, store: Store, boosted: Stored, tampering: Tampering
) -> None:
    tampering(boosted.folder, attacker)

    with pytest.raises(RuntimeError, match="hostile code ran"):
        loaded_by_mlflow(store, boosted)

    assert attacker.mark.exists()


# --- who may write into the store


@every_door
@pytest.mark.parametrize("tampering", hostile.UNSIGNED, ids=lambda tampering: tampering.__name__)
def test_a_hostile_artifact_is_refused_unparsed_and_none_of_its_code_runs(
    store: Store,
    boosted: Stored,
    attacker: Attacker,
    parsers: list[str],
    tampering: Tampering,
    door: Door,
) -> None:
    tampering(boosted.folder, attacker)
    parsers.clear()  # the attacker's own

    message = refused(door, store, boosted)

    assert re.search(hostile.UNSIGNED[tampering], message)
    assert parsers == []
    assert no_code_ran(attacker)


@pytest.mark.parametrize("tampering", hostile.UNSIGNED, ids=lambda tampering: tampering.__name__)
def test_a_champion_whose_kept_copy_is_hostile_too_is_refused_unparsed(
    store: Store, attacker: Attacker, parsers: list[str], tampering: Tampering
) -> None:
    copy = store.registry.copies.folder(store.champion.version.artifact_sha256)
    try:
        for folder in (copy, store.champion.folder):
            tampering(folder, attacker)
        parsers.clear()  # the attacker's own

        message = refused(opened, store, store.champion)
    finally:
        store.champion.restore()
        replace(store.champion, folder=copy).restore()

    assert re.search(hostile.UNSIGNED[tampering], message)
    assert parsers == []
    assert no_code_ran(attacker)


def test_a_folder_in_a_files_place_is_refused_before_all_it_holds_is_downloaded(
    store: Store, boosted: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    (boosted.folder / BOOSTER).unlink()
    (boosted.folder / BOOSTER).mkdir()
    fetched: list[str] = []
    monkeypatch.setattr(
        registering.mlflow.artifacts, "download_artifacts", lambda **_: fetched.append("all")
    )

    message = refused(downloaded, store, boosted)

    assert "model.ubj is no regular file" in message
    assert fetched == []


def test_mlflows_note_is_refused_before_it_is_downloaded_if_it_is_large(
    store: Store, boosted: Stored
) -> None:
    (boosted.folder / "registered_model_meta").write_bytes(bytes(MIB))

    assert "registered_model_meta is too large" in refused(downloaded, store, boosted)


# --- who has our key as well: a parser may look, but no code runs, and memory is bounded


@every_door
@pytest.mark.parametrize("tampering", hostile.SIGNED, ids=lambda tampering: tampering.__name__)
def test_a_hostile_artifact_is_refused_even_if_we_signed_it(
    store: Store, boosted: Stored, attacker: Attacker, tampering: Tampering, door: Door
) -> None:
    tampering(boosted.folder, attacker)

    message = refused(door, store, signed_again(store, boosted))

    assert re.search(hostile.SIGNED[tampering], message)
    assert no_code_ran(attacker)


@pytest.mark.parametrize("tampering", hostile.BOMBS, ids=lambda tampering: tampering.__name__)
def test_a_signed_bomb_is_refused_within_little_memory(
    store: Store, boosted: Stored, attacker: Attacker, tampering: Tampering
) -> None:
    tampering(boosted.folder, attacker)
    signed = signed_again(store, boosted)
    tracemalloc.start()
    try:
        refused(loaded, store, signed)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert most < MOST_BYTES


@every_door
def test_a_signed_manifest_nested_without_end_is_refused_unparsed(
    store: Store, boosted: Stored, parsers: list[str], door: Door
) -> None:
    hostile.sign_bytes(boosted.folder, store.signer, b"[" * 100_000)

    message = refused(door, store, registered_as_it_is(boosted))

    assert "the manifest is of another format" in message
    assert parsers == []


@every_door
@pytest.mark.parametrize("library", ["scikit-learn", "xgboost"])
def test_an_artifact_of_another_minor_version_of_its_library_is_refused_unparsed(
    store: Store, boosted: Stored, parsers: list[str], library: str, door: Door
) -> None:
    libraries = {**manifest_of(boosted.folder).libraries, library: "0.9.3"}

    message = refused(door, store, signed_again(store, boosted, libraries=libraries))

    assert f"made with another {library}; expected {library} 0.9" in message
    assert parsers == []


# --- every file: one bit flipped, missing, another beside it, edited


def flipped(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def missing(file: Path) -> None:
    file.unlink()


def beside(file: Path) -> None:
    shutil.copy(file, file.with_name(f"{file.name}.bak"))


def edited(file: Path) -> None:
    with file.open("ab") as end:
        end.write(b"\n")


DAMAGES: dict[Callable[[Path], None], str] = {
    flipped: "{name} was changed after it was signed|signature does not verify",
    missing: "no {name}|files are not those of its manifest",
    beside: "the artifact holds '{name}.bak'",
    edited: "{name} was changed after it was signed|{name} is too large|signature does not verify",
}


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
@pytest.mark.parametrize(("kind", "name"), EVERY_FILE)
def test_a_damaged_file_is_refused_at_every_door_before_a_parser_sees_it(
    store: Store, parsers: list[str], kind: str, name: str, damage: Callable[[Path], None]
) -> None:
    stored = store.challengers[kind]
    damage(stored.folder / name)
    try:
        messages = [refused(door, store, stored) for door in DOORS]
    finally:
        stored.restore()

    for message in messages:
        assert re.search(DAMAGES[damage].format(name=name), message)
    assert parsers == []


# --- people who load a model by MLflow itself


@pytest.mark.parametrize("name", [name for name in FILES["boosted"] if name != MLMODEL])
def test_a_flipped_bit_is_refused_where_mlflow_itself_loads(
    store: Store, boosted: Stored, monkeypatch: pytest.MonkeyPatch, parsers: list[str], name: str
) -> None:
    monkeypatch.setenv("FINRISK_HOME", str(store.settings.home))
    flipped(boosted.folder / name)

    with pytest.raises(ArtifactRejected):
        loaded_by_mlflow(store, boosted)

    assert not {"loads", "load_model", "calibrator_from_json"} & set(parsers)


def loaded_by_mlflow(store: Store, stored: Stored) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what importing mlflow.pyfunc says of MLflow's own hints
        import mlflow.pyfunc
    with process_default(store.settings.tracking_uri):
        mlflow.pyfunc.load_model(stored.version.model_uri)
