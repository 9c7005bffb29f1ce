from __future__ import annotations

import json
import os
import stat
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from finrisk.data.decision_log import DecisionLog
from finrisk.data.decision_rows import ABSENT, FORM, HEADER, OWN, UNDECLARED
from finrisk.data.row_hashing import RowHasher
from finrisk.errors import ConfigurationError, DataError, DiskFull
from finrisk.faults import WHOLE_FILE, armed
from finrisk.features.derive import MISSING
from tests.data.decisions import AT, DAY, HASHER, NEXT, a_log, decided_by, logged_spec, scored_rows

LATER = AT + timedelta(hours=1)


def append(log: DecisionLog, **changes: Any) -> tuple[Path, ...]:
    asked: dict[str, Any] = {"spec": logged_spec(), "by": decided_by(), "scored_at": AT}
    asked |= {"rows": scored_rows()} | changes
    return log.append(**asked)


def test_what_was_logged_is_read_as_it_was(tmp_path: Path) -> None:
    log, rows = a_log(tmp_path), scored_rows()

    (part,) = append(log)

    frame = log.read("loans", DAY, DAY)
    assert part.parent == tmp_path / "store" / "decisions" / "live" / "loans" / "2024-03-01"
    assert frame["_score"].tolist() == rows.scores.to_pylist()
    assert frame["_decision"].tolist() == rows.decisions.to_pylist()
    assert set(frame["_as_of"]) == {pd.Timestamp(DAY)}
    assert set(frame["_scored_at"]) == {pd.Timestamp(AT)}
    alike = ["_model", "_scope", "_version", "_epoch", "_artifact_sha256", "_cutoff"]
    assert frame[alike].drop_duplicates().values.tolist() == [
        ["loans", "live", 3, 2, "ab" * 32, 0.5]
    ]
    features = frame[["income", "dependants", "home", "employed"]]
    pd.testing.assert_frame_equal(features, rows.features)


def test_keys_and_clusters_are_keyed_hashes_and_nothing_else_tells_them(tmp_path: Path) -> None:
    log, rows = a_log(tmp_path), scored_rows()
    (part,) = append(log)

    frame = log.read("loans", DAY, DAY)

    assert frame["_row"].tolist() == HASHER.rows("loans", rows.ids).to_pylist()
    hashes = HASHER.hashes("loans", "branch", rows.beside["branch"]).to_pylist()
    assert frame["_cluster_branch"].fillna("").tolist() == [told or "" for told in hashes]
    assert frame["_slice_channel"].tolist() == rows.beside["channel"].tolist()
    content = part.read_bytes()
    assert not {word for word in (b"loan-", b"B-1") if word in content}


def test_a_model_without_a_cutoff_or_an_epoch_has_neither(tmp_path: Path) -> None:
    log = a_log(tmp_path)

    append(
        log,
        by=decided_by(epoch=None, cutoff=None),
        rows=scored_rows(decisions=pa.nulls(4, pa.string())),
    )

    frame = log.read("loans", DAY, DAY)
    assert frame[["_epoch", "_cutoff", "_decision"]].isna().all(axis=None)


@pytest.mark.parametrize(
    ("declared", "hidden"),
    [
        ({"clusters": ["channel"]}, "_slice_channel"),
        ({"clusters": ["home"]}, "home"),
        ({"clusters": ["employed"]}, "employed"),
    ],
)
def test_what_identifies_is_hashed_even_where_it_is_a_feature_or_a_slice(
    tmp_path: Path, declared: dict[str, Any], hidden: str
) -> None:
    gate = logged_spec().gate.model_copy(update=declared)
    spec = logged_spec().model_copy(update={"gate": gate})
    log = a_log(tmp_path)

    append(log, spec=spec)

    assert log.read("loans", DAY, DAY)[hidden].dropna().str.fullmatch("[0-9a-f]{64}").all()


def test_a_word_that_the_spec_does_not_declare_is_not_written_down(tmp_path: Path) -> None:
    log, rows = a_log(tmp_path), scored_rows()
    leak = "anna@example.org"
    features = rows.features.assign(home=["own", leak, ABSENT, leak])
    beside = rows.beside.assign(channel=[leak, "web", None, "shop"])

    (part,) = append(log, rows=replace(rows, features=features, beside=beside))

    frame = log.read("loans", DAY, DAY)
    assert frame["home"].tolist() == ["own", UNDECLARED, ABSENT, UNDECLARED]
    assert frame["_slice_channel"].fillna("").tolist() == [UNDECLARED, "web", "", "shop"]
    assert leak.encode() not in part.read_bytes()


def test_the_word_for_a_missing_category_is_the_one_that_features_have() -> None:
    assert ABSENT == MISSING


def test_columns_that_rows_lack_are_null(tmp_path: Path) -> None:
    log = a_log(tmp_path)

    append(log, rows=scored_rows(beside=pd.DataFrame(index=range(4))))

    assert log.read("loans", DAY, DAY)[["_slice_channel", "_cluster_branch"]].isna().all(axis=None)


def test_rows_of_several_days_become_a_part_a_day(tmp_path: Path) -> None:
    log = a_log(tmp_path)
    days = np.array([NEXT, DAY, NEXT, DAY], dtype="datetime64[D]")

    append(log, rows=scored_rows(days=days))

    assert log.days("loans") == (DAY, NEXT)
    assert log.read("loans", NEXT, NEXT)["dependants"].tolist() == [0.0, 2.0]


def test_the_same_rows_by_the_same_version_are_one_part_and_keep_their_time(tmp_path: Path) -> None:
    log = a_log(tmp_path)
    first = append(log)
    before = first[0].read_bytes()

    again = append(log, scored_at=LATER)

    assert again == first
    assert first[0].read_bytes() == before
    assert len(log.read("loans", DAY, DAY)) == 4


@pytest.mark.parametrize(
    "changes",
    [
        {"by": decided_by(version=4, epoch=None)},
        {"by": decided_by(epoch=4)},
        {"by": decided_by(cutoff=0.4)},
        {"rows": scored_rows(first=1)},
        {"rows": scored_rows(features=scored_rows().features.assign(income=1.0))},
    ],
)
def test_anything_else_is_another_part(tmp_path: Path, changes: dict[str, Any]) -> None:
    log = a_log(tmp_path)
    first = append(log)

    assert append(log, **changes) != first


def test_a_part_that_cannot_be_read_is_written_again(tmp_path: Path) -> None:
    log = a_log(tmp_path)
    (part,) = append(log)
    part.write_bytes(part.read_bytes()[:100])

    append(log)

    assert len(log.read("loans", DAY, DAY)) == 4


def test_a_row_scored_again_by_a_restored_version_counts_once(tmp_path: Path) -> None:
    log = a_log(tmp_path)
    append(log)
    append(log, by=decided_by(version=9, epoch=4), scored_at=LATER)

    frame = log.read("loans", DAY, DAY)

    assert frame["_version"].tolist() == [9, 9, 9, 9]


def test_of_a_row_scored_more_than_once_by_a_version_the_last_counts(tmp_path: Path) -> None:
    log = a_log(tmp_path)
    corrected = scored_rows(2, scores=pa.array([0.9, 0.8]))
    append(log, rows=corrected, scored_at=LATER)
    append(log)  # what it replaces, though written later
    append(log, by=decided_by(version=4, epoch=None, artifact_sha256="ef" * 32))

    frame = log.read("loans", DAY, DAY)

    assert frame["_version"].value_counts().to_dict() == {3: 4, 4: 4}
    champion = frame[frame["_epoch"].notna()].sort_values("dependants")
    assert champion["_score"].tolist() == [0.9, 0.8, 0.2, 0.3]


def test_a_batch_that_fails_leaves_nothing(tmp_path: Path) -> None:
    log = a_log(tmp_path)

    with pytest.raises(DataError), log.batch(logged_spec(), decided_by()) as batch:  # noqa: PT012
        batch.add(scored_rows(), scored_at=AT)
        raise DataError("the next piece cannot be scored")

    assert log.days("loans") == ()
    assert [path.name for path in log.folder("loans").iterdir()] == []


def test_a_full_disk_leaves_nothing_either(tmp_path: Path) -> None:
    log = a_log(tmp_path)

    def full(point: str) -> None:
        if point == WHOLE_FILE:
            raise OSError(28, "No space left on device")

    with armed(full), pytest.raises(DiskFull):
        append(log)

    assert log.days("loans") == ()


def test_a_day_is_decided_when_its_last_piece_is_there_and_was_a_champion_s(tmp_path: Path) -> None:
    log, spec = a_log(tmp_path), logged_spec()

    for day, by, ends in (
        (DAY, decided_by(), True),
        (NEXT, decided_by(), False),  # a batch that was handed in, or a day cut off by a crash
        (date(2024, 3, 3), decided_by(epoch=None), True),
    ):
        with log.batch(spec, by) as batch:
            batch.add(scored_rows(day=day), scored_at=AT, ends_day=ends)

    assert log.decided_days("loans", DAY, date(2024, 3, 31)) == {DAY}
    assert log.decided_days("loans", NEXT, date(2024, 3, 31)) == frozenset()


def test_scopes_and_models_keep_apart(tmp_path: Path) -> None:
    append(a_log(tmp_path))
    append(a_log(tmp_path, "replay"), rows=scored_rows(2))

    assert len(a_log(tmp_path).read("loans", DAY, DAY)) == 4
    assert len(a_log(tmp_path, "replay").read("loans", DAY, DAY)) == 2
    assert a_log(tmp_path).read("cards", DAY, DAY).columns.tolist() == OWN.names


def test_versions_with_other_features_are_read_together(tmp_path: Path) -> None:
    log = a_log(tmp_path)
    append(log)
    features = scored_rows().features.drop(columns="income").assign(more=1.0, dependants="few")
    append(
        log, rows=scored_rows(day=NEXT, features=features), by=decided_by(version=4), scored_at=AT
    )

    frame = log.read("loans", DAY, NEXT)

    assert frame["income"].notna().sum() == 2
    assert frame["more"].tolist()[4:] == [1.0] * 4
    assert frame["dependants"].tolist()[4:] == ["few"] * 4  # a number there, a word here: text
    assert list(frame.columns[: len(OWN)]) == OWN.names


def test_columns_are_read_as_asked_and_streamed_by_day(tmp_path: Path) -> None:
    log = a_log(tmp_path)
    append(log, rows=scored_rows(day=NEXT))
    append(log)

    batches = list(log.batches("loans", DAY, NEXT, ["_as_of", "never_was", "_score"]))

    assert [batch.schema.names for batch in batches] == [["_as_of", "never_was", "_score"]] * 2
    assert [batch.column("_as_of")[0].as_py() for batch in batches] == [DAY, NEXT]
    assert batches[0].column("never_was").null_count == 4
    assert log.read("loans", DAY, DAY, ["never_was"]).shape == (4, 1)


def test_a_column_of_the_log_s_own_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no column '_scroe'"):
        a_log(tmp_path).read("loans", DAY, DAY, ["_scroe"])


def test_a_form_that_is_not_known_is_said(tmp_path: Path) -> None:
    log = a_log(tmp_path)
    (part,) = append(log)
    table = pq.read_table(part, partitioning=None)
    header = json.loads(table.schema.metadata[HEADER]) | {"form": FORM + 1}
    told = {HEADER: json.dumps(header).encode()}
    pq.write_table(table.replace_schema_metadata(told), part)

    with pytest.raises(DataError, match=r"another form .*expected form 1; got form 2; remedy"):
        log.read("loans", DAY, DAY)


@pytest.mark.parametrize("content", [b"", b"PAR1", None])
def test_what_is_no_part_is_said(tmp_path: Path, content: bytes | None) -> None:
    log = a_log(tmp_path)
    (part,) = append(log)
    if content is None:
        pq.write_table(pa.table({"a": [1]}), part)
    else:
        part.write_bytes(content)

    with pytest.raises(DataError, match="cannot be read as a part of the decision log"):
        log.read("loans", DAY, DAY)


def test_what_lies_beside_parts_is_passed_over(tmp_path: Path) -> None:
    log = a_log(tmp_path)
    (part,) = append(log)
    (part.parent / ".half.tmp").write_bytes(b"half")
    (part.parent / "link.parquet").symlink_to(part)
    (log.folder("loans") / "notes").mkdir()
    (log.folder("loans") / "20240301").mkdir()

    assert log.days("loans") == (DAY,)
    assert len(log.read("loans", DAY, DAY)) == 4


def test_folders_and_files_are_their_owner_s(tmp_path: Path) -> None:
    log = a_log(tmp_path)
    (part,) = append(log)

    folders = [part.parent, *part.parent.parents][:4]

    assert {stat.S_IMODE(folder.stat().st_mode) for folder in folders} == {0o700}
    assert folders[-1] == log.root
    assert stat.S_IMODE(part.stat().st_mode) == 0o600


def test_a_day_is_removed_unless_something_was_added_since(tmp_path: Path) -> None:
    log = a_log(tmp_path)
    (part,) = append(log)
    now = datetime.now(UTC)

    assert not log.remove("loans", DAY, older_than=now - timedelta(hours=1))
    for path in (part, part.parent):
        os.utime(path, (0, 0))
    assert log.remove("loans", DAY, older_than=now)

    assert log.days("loans") == ()
    assert not log.remove("loans", DAY, older_than=now)


def test_a_log_that_was_opened_to_be_read_takes_nothing(tmp_path: Path) -> None:
    log = DecisionLog(tmp_path / "decisions", "live")

    with pytest.raises(ConfigurationError, match="opened to be read"):
        append(log)


@pytest.mark.parametrize("name", ["../x", "Loans", ""])
def test_a_name_that_is_no_model_s_is_no_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match="no name of a model"):
        a_log(tmp_path).days(name)


def test_parts_say_which_key_hashed_them(tmp_path: Path) -> None:
    append(a_log(tmp_path))
    other = DecisionLog(a_log(tmp_path).root, "live", RowHasher(b"2" * 32))
    append(other)

    keys = {part.header.key_id for part in other.parts("loans", DAY, DAY)}

    assert keys == {HASHER.key_id, RowHasher(b"2" * 32).key_id}
