"""What must outlive a machine does: a champion comes back from its backup, as it was."""

from __future__ import annotations

import gzip
import io
import json
import shutil
import stat
import tarfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from finrisk.config import Settings
from finrisk.errors import (
    ArtifactRejected,
    BackupRejected,
    ConfigurationError,
    DiskFull,
    LedgerCorrupted,
    PromotionError,
    RollbackRefused,
    Unreachable,
)
from finrisk.ledger.migrate import migrate, revision_at
from finrisk.ledger.schema import HEAD
from finrisk.ledger.store import Ledger
from finrisk.monitoring.first_champion import Named
from finrisk.pipelines import by_hand
from finrisk.pipelines.audit import deciding_on, history_of
from finrisk.pipelines.backup.contents import MANIFEST
from finrisk.pipelines.backup.making import back_up
from finrisk.pipelines.backup.restoring import restore
from finrisk.pipelines.backup.unpacking import unpack
from finrisk.pipelines.named_model import NamedModel
from finrisk.pipelines.person import Person
from finrisk.pipelines.rooms import Rooms
from finrisk.promotion.reconcile import reconcile
from finrisk.setting_up import initialise, upgrade_ledger
from finrisk.tracking.kept_copies import FOLDER
from finrisk.tracking.signing import PRIVATE_KEY, PUBLIC_KEY, create_keys
from tests.ledger.databases import POSTGRES, on_postgresql, postgres_database, sqlite_url, url
from tests.ledger.earlier_schemas import at_revision, set_revision
from tests.pipelines.lender import FIRST, SECOND, deliver, night, write_spec

__all__ = ["POSTGRES", "postgres_database", "sqlite_url", "url"]

AT = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)
LATER = datetime(2199, 1, 1, tzinfo=UTC)  # than the clock that stamped the promotions
MODEL = "credit_risk"
NOBODY = "http://127.0.0.1:9"  # the discard port: refused at once


def settings_of(home: Path, **changes: Any) -> Settings:
    return Settings(home=home, threads=1, pictures=False, actor="test", **changes)


@pytest.fixture(scope="module")
def decided_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that decided two nights, and whose second version was promoted by hand; read only."""
    home = tmp_path_factory.mktemp("decided")
    write_spec(home / "conf" / "models")
    settings = settings_of(home)
    initialise(settings)
    deliver(settings, SECOND)
    rooms = Rooms.open(MODEL, settings)
    for as_of in (FIRST, SECOND):
        night(rooms, as_of, candidates=("lr",))
    named = Named.of_spec(settings, MODEL, rooms.spec)
    found = NamedModel(settings, named, rooms.ledger, rooms.registry)
    by_hand.promote(found, 2, by=Person("anna"), reason="a drill", force=True, as_of=SECOND)
    rooms.ledger.close()
    return home


@pytest.fixture(scope="module")
def taken(decided_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its backup; read only."""
    target = tmp_path_factory.mktemp("backups") / "night.tar.gz"
    back_up(settings_of(decided_home), target, AT)
    return target


@pytest.fixture
def new_home(decided_home: Path, tmp_path: Path) -> Settings:
    """Another machine: conf and keys were put back, and there is no MLflow."""
    home = tmp_path / "new"
    for kept in ("conf", "keys"):
        shutil.copytree(decided_home / kept, home / kept)
    return settings_of(home, tracking_uri=NOBODY, remote_retries=0, remote_timeout_seconds=1)


def told(settings: Settings) -> list[Any]:
    with Ledger.open(settings) as ledger:
        return [
            history_of(ledger, MODEL, verify=True),
            [deciding_on(ledger, MODEL, day) for day in (FIRST, SECOND, LATER)],
            ledger.signatures(MODEL),
            ledger.looks(MODEL),
        ]


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_restored_ledger_tells_what_the_lost_one_told_and_has_its_copies(
    decided_home: Path, taken: Path, new_home: Settings
) -> None:
    report = restore(new_home, taken)

    before = settings_of(decided_home)
    assert told(new_home) == told(before)
    assert (report.loaded, report.links, report.copies, report.models) == (True, 2, 2, (MODEL,))
    assert (report.schema, report.schema_now, report.absent) == (HEAD, HEAD, {})
    assert (report.can_sign, report.key_from_backup) == (True, False)
    for folder in (FOLDER, "specs"):
        assert files(new_home.store / folder) == files(before.store / folder) != {}
    assert not list(new_home.store.glob(".restore*"))


def test_a_model_rolls_back_on_a_new_machine_while_mlflow_is_away(
    taken: Path, new_home: Settings
) -> None:
    restore(new_home, taken)
    rooms = Rooms.open(MODEL, new_home)

    link = by_hand.roll_back(rooms, MODEL, None, actor="anna", reason="it is worse")

    assert (link.version, link.previous_version, link.epoch) == (1, 2, 3)
    assert rooms.ledger.verify(MODEL) == 3
    rooms.ledger.close()


def test_a_restored_champion_is_registered_again_in_a_new_mlflow(
    taken: Path, new_home: Settings
) -> None:
    restore(new_home, taken)
    settings = settings_of(new_home.home)
    initialise(settings)
    rooms = Rooms.open(MODEL, settings)

    report = reconcile(
        rooms.ledger, rooms.registry, MODEL, rooms.registered_name, as_of=SECOND, at=AT
    )

    assert next(damage.repaired for damage in report.damages if damage.place == "version")
    champion = rooms.ledger.champion(MODEL)
    assert champion is not None
    assert rooms.registry.alias_version(rooms.registered_name, "production") == champion.version
    assert rooms.ledger.verify(MODEL) == 3
    rooms.ledger.close()


def test_restoring_again_changes_nothing_and_restoring_over_other_rows_is_refused(
    taken: Path, new_home: Settings
) -> None:
    restore(new_home, taken)
    before = told(new_home)

    assert not restore(new_home, taken).loaded
    assert told(new_home) == before

    rooms = Rooms.open(MODEL, new_home)
    by_hand.roll_back(rooms, MODEL, None, actor="anna", reason="it is worse")
    rooms.ledger.close()
    with pytest.raises(PromotionError, match="a ledger is never overwritten"):
        restore(new_home, taken)
    assert len(list((new_home.store / FOLDER).glob("??/*"))) == 2


def test_a_folder_is_as_good_as_a_file(
    decided_home: Path, new_home: Settings, tmp_path: Path
) -> None:
    target = tmp_path / "night"

    taken = back_up(settings_of(decided_home), target, AT)

    assert taken.absent == {}
    assert stat.S_IMODE(target.stat().st_mode) == 0o700
    assert restore(new_home, target).loaded
    assert told(new_home) == told(settings_of(decided_home))


def test_the_same_state_gives_the_same_bytes_and_only_its_owner_reads_them(
    decided_home: Path, taken: Path, tmp_path: Path
) -> None:
    back_up(settings_of(decided_home), tmp_path / "again.tar.gz", AT)

    assert (tmp_path / "again.tar.gz").read_bytes() == taken.read_bytes()
    assert stat.S_IMODE(taken.stat().st_mode) == 0o600
    assert [path.name for path in taken.parent.iterdir()] == [taken.name]


def test_no_secret_and_no_customers_row_is_in_a_backup(decided_home: Path, taken: Path) -> None:
    with tarfile.open(taken) as tar:
        names = tar.getnames()
    content = gzip.decompress(taken.read_bytes())

    secrets = [f for f in (decided_home / "keys").iterdir() if f.name != PUBLIC_KEY]
    assert len(secrets) >= 3
    for secret in secrets:
        assert secret.read_bytes().strip() not in content
    assert b"PRIVATE KEY" not in content
    assert not [name for name in names if name.endswith(".parquet")]
    assert {name.split("/")[0] for name in names} == {
        MANIFEST,
        PUBLIC_KEY,
        "ledger",
        "champions",
        "specs",
    }


def test_an_earlier_release_s_backup_is_upgraded_on_its_way(
    decided_home: Path, new_home: Settings, tmp_path: Path
) -> None:
    old = settings_of(decided_home, ledger_url=SecretStr(f"sqlite:///{tmp_path / 'old.db'}"))
    at_revision(
        f"sqlite:///{tmp_path / 'old.db'}", "0005", f"sqlite:///{decided_home / 'ledger.db'}"
    )

    assert back_up(old, tmp_path / "old.tar.gz", AT).schema == "0005"
    report = restore(new_home, tmp_path / "old.tar.gz")

    assert (report.schema, report.schema_now) == ("0005", HEAD)
    assert told(new_home)[0]["promotions"] == told(settings_of(decided_home))[0]["promotions"]
    assert not restore(new_home, tmp_path / "old.tar.gz").loaded


def test_a_champion_without_its_copy_is_told_and_the_rest_is_backed_up(
    decided_home: Path, new_home: Settings, tmp_path: Path
) -> None:
    home = tmp_path / "own"
    shutil.copytree(decided_home, home, ignore=shutil.ignore_patterns("artifacts", "landing"))
    settings = settings_of(home)
    with Ledger.open(settings) as ledger:
        one, two = (link.artifact_sha256 for link in ledger.history(MODEL))
    shutil.rmtree(home / "store" / FOLDER / one[:2] / one)
    spoilt = home / "store" / FOLDER / two[:2] / two / "calibrator.json"
    spoilt.write_bytes(spoilt.read_bytes() + b" ")

    report = back_up(settings, tmp_path / "night.tar.gz", AT)

    assert report.absent[one] == "no copy on this machine"
    assert "changed after it was signed" in report.absent[two]
    assert report.serving_absent == {two: f"{MODEL} in scope live"}
    assert restore(new_home, tmp_path / "night.tar.gz").absent == report.absent


def test_a_machine_without_keys_takes_the_public_one_and_init_makes_no_other_pair(
    taken: Path, new_home: Settings, decided_home: Path
) -> None:
    shutil.rmtree(new_home.keys)

    report = restore(new_home, taken)
    create_keys(new_home.keys)  # as `finrisk init` does

    assert (report.key_from_backup, report.can_sign) == (True, False)
    assert (new_home.keys / PUBLIC_KEY).read_bytes() == (
        decided_home / "keys" / PUBLIC_KEY
    ).read_bytes()
    assert not (new_home.keys / PRIVATE_KEY).exists()


def test_a_machine_with_another_key_is_refused_before_anything_is_put_in_place(
    taken: Path, new_home: Settings
) -> None:
    shutil.rmtree(new_home.keys)
    create_keys(new_home.keys)

    with pytest.raises(ConfigurationError, match=r"another installation's key.*put the key"):
        restore(new_home, taken)

    assert list(new_home.store.iterdir()) == []
    assert not (new_home.home / "ledger.db").exists()


@pytest.mark.parametrize(
    ("revision", "says"), [("0999", "newer than this release"), ("0001", "finrisk db upgrade")]
)
def test_a_ledger_of_another_release_is_not_restored_into(
    taken: Path, new_home: Settings, revision: str, says: str
) -> None:
    address = new_home.ledger_url.get_secret_value()
    if revision < HEAD:
        migrate(address, to=revision)
    else:
        migrate(address)
        set_revision(address, revision)

    with pytest.raises(ConfigurationError, match=says):
        restore(new_home, taken)

    assert revision_at(address) == revision
    assert not list((new_home.store / FOLDER).glob("??/*"))


@on_postgresql
def test_a_backup_of_sqlite_is_restored_on_postgresql(
    url: str, taken: Path, new_home: Settings, decided_home: Path
) -> None:
    there = new_home.model_copy(update={"ledger_url": SecretStr(url)})

    assert restore(there, taken).loaded

    assert told(there) == told(settings_of(decided_home))
    back_up(there, taken.parent / "from_postgresql", AT)
    one, two = taken.parent / "unpacked", taken.parent / "from_postgresql"
    one.mkdir()
    unpack(taken, one)
    for file in (one / "ledger").iterdir():
        assert (two / "ledger" / file.name).read_bytes() == file.read_bytes()


@pytest.mark.parametrize("target", ["night.tar.gz", "night"])
def test_a_backup_replaces_nothing_and_is_there_whole_or_not_at_all(
    decided_home: Path, tmp_path: Path, target: str
) -> None:
    settings = settings_of(decided_home)
    back_up(settings, tmp_path / target, AT)

    with pytest.raises(ConfigurationError, match="a backup replaces nothing"):
        back_up(settings, tmp_path / target, AT)
    with pytest.raises(ConfigurationError, match="the backup disk, mounted"):
        back_up(settings, tmp_path / "unmounted" / target, AT)
    elsewhere = settings_of(decided_home, ledger_url=SecretStr(f"sqlite:///{tmp_path}/none.db"))
    with pytest.raises(Unreachable, match="there is no ledger"):
        back_up(elsewhere, tmp_path / "new.tar.gz", AT)
    assert [path.name for path in tmp_path.iterdir()] == [target]


# what a stranger may have done to a file that is to be restored

Members = dict[str, bytes]
Edit = Callable[[Members], None]


def members_of(archive: Path) -> Members:
    with tarfile.open(archive) as tar:
        return {m.name: tar.extractfile(m).read() for m in tar}  # type: ignore[union-attr]


def manifest_of(members: Members) -> Any:
    return json.loads(members[MANIFEST])


def rewritten(members: Members, /, **changes: Any) -> None:
    """Change the manifest, which is first all the same."""
    members[MANIFEST] = json.dumps(manifest_of(members) | changes).encode()


def with_digests(members: Members) -> None:
    """Let the manifest tell the truth of members that were changed: it is not signed."""
    from finrisk.tracking.manifest import digest_of

    told = {name: digest_of(body) for name, body in members.items() if name != MANIFEST}
    tables = manifest_of(members)["tables"]
    for table, dumped in tables.items():
        dumped["sha256"] = told[f"ledger/{table}.jsonl"].sha256
    rewritten(members, members={n: d.to_json() for n, d in told.items()}, tables=tables)


def packed(members: Members, path: Path, *more: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w:gz", format=tarfile.USTAR_FORMAT) as tar:
        for name, body in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(body)
            tar.addfile(info, io.BytesIO(body))
        for info in more:
            tar.addfile(info, io.BytesIO(b"x" * info.size))
    return path


def refused(settings: Settings, source: Path, error: type[Exception], says: str) -> None:
    """See that it is refused, and that nothing came of it, inside the home or outside."""
    outside = files(source.parent)
    with pytest.raises(error, match=says):
        restore(settings, source)
    assert not (settings.store / FOLDER).exists()
    assert not (settings.home / "ledger.db").exists()
    assert list(settings.store.iterdir()) == []
    assert {n: b for n, b in files(source.parent).items() if n in outside} == outside


@pytest.fixture
def members(taken: Path) -> Members:
    return members_of(taken)


@pytest.mark.parametrize(
    ("name", "kind", "says"),
    [
        ("../escaped.json", tarfile.REGTYPE, "which its manifest does not name"),
        ("/tmp/escaped.json", tarfile.REGTYPE, "which its manifest does not name"),  # noqa: S108
        ("ledger/looks.jsonl", tarfile.REGTYPE, "which its manifest does not name, or twice"),
        ("extra.json", tarfile.REGTYPE, "which its manifest does not name"),
        ("ledger/link", tarfile.SYMTYPE, "no plain file"),
        ("ledger/link", tarfile.LNKTYPE, "no plain file"),
        ("ledger", tarfile.DIRTYPE, "no plain file"),
        ("fifo", tarfile.FIFOTYPE, "no plain file"),
        ("device", tarfile.CHRTYPE, "no plain file"),
        ("././@LongLink", tarfile.GNUTYPE_LONGNAME, "no plain file"),
        ("././@PaxHeader", tarfile.XHDTYPE, "no plain file"),
    ],
    ids=str,
)
def test_a_member_that_no_backup_has_is_refused(
    members: Members, new_home: Settings, tmp_path: Path, name: str, kind: bytes, says: str
) -> None:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, "/etc/passwd"

    hostile = packed(members, tmp_path / "hostile.tar.gz", info)

    refused(new_home, hostile, BackupRejected, says)


def renamed(name: str) -> Edit:
    def edit(members: Members) -> None:
        members[name] = b"{}"
        with_digests(members)

    return edit


def without(name: str) -> Edit:
    return lambda members: members.pop(name) and None  # type: ignore[func-returns-value]


def edited(table: str, old: bytes, new: bytes, *, told: bool) -> Edit:
    def edit(members: Members) -> None:
        name = f"ledger/{table}.jsonl"
        assert old in members[name]
        members[name] = members[name].replace(old, new)
        if told:
            with_digests(members)

    return edit


def any_copy_edited(members: Members) -> None:
    name = next(n for n in members if n.endswith("/calibrator.json"))
    members[name] += b" "
    with_digests(members)


def another_key(members: Members) -> None:
    members[PUBLIC_KEY] = members[PUBLIC_KEY].replace(b"PUBLIC", b"PUBLYC")
    with_digests(members)


def a_copy_less(members: Members) -> None:
    gone = next(name.split("/")[1] for name in members if name.startswith("champions/"))
    for name in [name for name in members if gone in name]:
        del members[name]
    with_digests(members)


def an_epoch_less(members: Members) -> None:
    name = "ledger/promotions.jsonl"
    members[name] = members[name].splitlines(keepends=True)[0]
    tables = manifest_of(members)["tables"]
    rewritten(members, tables=tables | {"promotions": tables["promotions"] | {"rows": 1}})
    with_digests(members)


def another_spec(members: Members) -> None:
    name = next(name for name in members if name.startswith("specs/"))
    members[name] += b" "
    with_digests(members)


HOSTILE: dict[str, tuple[Edit, type[Exception], str]] = {
    "a path out of the folder": (renamed("ledger/../../x"), BackupRejected, "the backup holds"),
    "an absolute path": (renamed("/etc/cron.d/x"), BackupRejected, "the backup holds"),
    "a private key": (renamed("signing.pem"), BackupRejected, "the backup holds 'signing.pem'"),
    "a pickle": (renamed(f"champions/{'0' * 64}/model.pkl"), BackupRejected, "the backup holds"),
    "a table of nobody": (renamed("ledger/users.jsonl"), BackupRejected, "the backup holds"),
    "no manifest": (without(MANIFEST), BackupRejected, "no backup of FinRisk"),
    "a member less": (without("ledger/looks.jsonl"), BackupRejected, "has no ledger/looks"),
    "no key": (without(PUBLIC_KEY), BackupRejected, f"has no {PUBLIC_KEY}"),
    "a row of the same length": (
        edited("promotions", b'"anna"', b'"evee"', told=False),
        BackupRejected,
        "changed after the backup was taken",
    ),
    "a longer row": (
        edited("promotions", b'"anna"', b'"eve and anna"', told=False),
        BackupRejected,
        "of another size",
    ),
    "a row, and its digests": (
        edited("promotions", b'"anna"', b'"eve"', told=True),
        LedgerCorrupted,
        "hash does not fit the chain",
    ),
    "a promotion less": (an_epoch_less, LedgerCorrupted, "the champion"),
    "a copy, and its digests": (any_copy_edited, ArtifactRejected, "changed after it was signed"),
    "a copy less": (a_copy_less, BackupRejected, "not those of its ledger's champions"),
    "another spec": (another_spec, BackupRejected, "not what a night used"),
    "a key that is none": (another_key, ConfigurationError, "holds no signing key"),
    "a later schema": (
        lambda members: rewritten(members, schema="0999"),
        ConfigurationError,
        "the backup is newer than this release",
    ),
    "a relative schema": (
        lambda members: rewritten(members, schema="-1"),
        BackupRejected,
        "of no schema that ever was",
    ),
    "another format": (
        lambda members: rewritten(members, format="finrisk-backup-2"),
        BackupRejected,
        "of another format",
    ),
    "other heads of chains": (
        lambda members: rewritten(members, chains=[]),
        BackupRejected,
        "tells of another ledger",
    ),
    "no tables": (lambda members: rewritten(members, tables={}), BackupRejected, "fit itself"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_an_edited_backup_is_refused_whoever_wrote_its_manifest(
    members: Members, new_home: Settings, tmp_path: Path, what: str
) -> None:
    edit, error, says = HOSTILE[what]
    edit(members)

    refused(new_home, packed(members, tmp_path / "edited.tar.gz"), error, says)


@pytest.mark.parametrize("share", [0.0, 0.2, 0.9, 0.9999])
def test_a_backup_that_is_cut_short_is_refused(
    taken: Path, new_home: Settings, tmp_path: Path, share: float
) -> None:
    whole = taken.read_bytes()
    cut = tmp_path / "cut.tar.gz"
    cut.write_bytes(whole[: int(len(whole) * share)])

    refused(new_home, cut, BackupRejected, "cut short or damaged")


def test_a_flipped_bit_is_noticed(taken: Path, new_home: Settings, tmp_path: Path) -> None:
    flipped = bytearray(taken.read_bytes())
    flipped[len(flipped) // 2] ^= 0x10
    (tmp_path / "flipped.tar.gz").write_bytes(flipped)

    refused(new_home, tmp_path / "flipped.tar.gz", BackupRejected, "cut short or damaged|changed")


@pytest.mark.parametrize(
    ("size", "error", "says"),
    [
        (9 * 1024**3, BackupRejected, "too large; expected at most"),
        (8 * 1024**3 - 1, BackupRejected, "more than its bytes can"),
        (-1, BackupRejected, "too large"),
    ],
)
def test_a_bomb_is_refused_before_it_is_unpacked(
    members: Members,
    new_home: Settings,
    tmp_path: Path,
    size: int,
    error: type[Exception],
    says: str,
) -> None:
    told = manifest_of(members)["members"]
    told["ledger/looks.jsonl"]["bytes"] = size
    rewritten(members, members=told)

    refused(new_home, packed(members, tmp_path / "bomb.tar.gz"), error, says)


def test_what_does_not_fit_on_the_disk_is_told_before_it_is_unpacked(
    decided_home: Path, new_home: Settings, tmp_path: Path
) -> None:
    back_up(settings_of(decided_home), tmp_path / "night", AT)
    manifest = json.loads((tmp_path / "night" / MANIFEST).read_text())
    large = {"sha256": "0" * 64, "bytes": 200 * 1024**2}
    many = {f"champions/{number:064x}/model.ubj": large for number in range(20_000)}
    manifest["members"] |= many
    (tmp_path / "night" / MANIFEST).write_text(json.dumps(manifest))

    refused(new_home, tmp_path / "night", DiskFull, "no room to unpack")


@pytest.mark.parametrize("name", ["ledger/looks.jsonl", "stranger"])
def test_a_link_in_a_folder_is_not_followed(
    decided_home: Path, new_home: Settings, tmp_path: Path, name: str
) -> None:
    back_up(settings_of(decided_home), tmp_path / "night", AT)
    (tmp_path / "night" / name).unlink(missing_ok=True)
    (tmp_path / "night" / name).symlink_to("/etc/passwd")

    refused(new_home, tmp_path / "night", BackupRejected, "no plain file")


def test_what_follows_the_end_is_not_overlooked(
    taken: Path, new_home: Settings, tmp_path: Path
) -> None:
    longer = tmp_path / "longer.tar.gz"
    longer.write_bytes(taken.read_bytes() + gzip.compress(b"\0" * 20480))

    refused(new_home, longer, BackupRejected, "something follows")


def test_a_backup_that_is_not_there_is_a_clear_error(new_home: Settings, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read; got No such file"):
        restore(new_home, tmp_path / "none.tar.gz")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BackupRejected, match=r"no backup of FinRisk; .* got nothing"):
        restore(new_home, tmp_path / "empty")


def test_an_upgrade_and_a_restore_take_turns_with_init(taken: Path, new_home: Settings) -> None:
    assert upgrade_ledger(new_home).now is None
    assert upgrade_ledger(new_home).fits
    assert restore(new_home, taken).loaded
    with pytest.raises(RollbackRefused):
        by_hand.roll_back(
            Rooms.open(MODEL, new_home), MODEL, 2, actor="anna", reason="is champion already"
        )
