from __future__ import annotations

import hashlib
import json
import logging
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import typer
import yaml
from typer.testing import CliRunner

from finrisk.commands.features import MEMORY_MB, features
from finrisk.errors import ConfigurationError, ContractBreach, LabelError, LandingError
from finrisk.features.derive import derive_features
from finrisk.features.windows import window_features
from finrisk.pipelines import feature_building
from finrisk.pipelines.feature_building import BuiltFeatures, build_features
from finrisk.pipelines.feature_rows import FeatureRows
from finrisk.specs.model_spec import ModelSpec
from tests.features.transactions import a_spec, some_rows

FIRST, LAST = date(2024, 3, 31), date(2024, 4, 5)
RUN = CliRunner()


def landed(seed: int = 1, count: int = 300) -> pd.DataFrame:
    """Transactions as a sender writes them, with what became of them."""
    rows = some_rows(seed, count)
    rng = np.random.default_rng(seed)
    rows["kind"] = pd.array(rng.choice(["food", "fuel", None], count), dtype="str")
    rows["fraud"] = rows["_bad_on"].notna().astype("int64")
    return rows.rename(columns={"_row_id": "id"})


def deliver(home: Path, rows: pd.DataFrame, ending: str = "parquet") -> Path:
    """A file a day; the column of reports is no part of it."""
    folder = home / "landing" / "cards"
    folder.mkdir(parents=True, exist_ok=True)
    for day, of_day in rows.drop(columns="_bad_on").groupby(rows["at"].dt.date):
        write(of_day, folder / f"{day}.{ending}")
    return folder


def write(rows: pd.DataFrame, file: Path) -> None:
    if file.suffix == ".csv":
        rows.to_csv(file, index=False)
    else:
        rows.to_parquet(file, index=False)


def expected(rows: pd.DataFrame, spec: ModelSpec) -> pd.DataFrame:
    """The same features, of the rows in memory."""
    rows = rows.rename(columns={"id": "_row_id"})
    windows = window_features(rows, spec, FIRST, LAST, threads=1)
    every = rows.merge(windows.drop(columns="_event_day"), on="_row_id")
    made = derive_features(every, spec).assign(id=every["_row_id"], at=every["at"])
    ordered = made.sort_values(["at", "id"], ignore_index=True)
    return ordered[["id", "at", *spec.feature_names]]


def of_own_day(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(_bad_on=rows["at"].dt.normalize().where(rows["fraud"] == 1))


def build(home: Path, spec: ModelSpec | None = None, **changes: Any) -> BuiltFeatures:
    asked: dict[str, Any] = {"first": FIRST, "last": LAST, "out": home / "out.parquet"}
    asked |= {"threads": 1, "memory_mb": 200, "ordered": True} | changes
    return build_features(spec or a_spec(), home, **asked)


def read(built: BuiltFeatures) -> pd.DataFrame:
    return pq.read_table(built.out).to_pandas()


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_files_give_what_rows_in_memory_give(tmp_path: Path, ending: str) -> None:
    rows = landed()
    deliver(tmp_path, rows, ending)
    spec = a_spec(source={"path": "landing/cards", "format": ending, "partition": "day"})

    built = build(tmp_path, spec)

    found = read(built)
    assert built.columns == ("id", "at", *spec.feature_names) == tuple(found.columns)
    assert built.rows == len(found)
    pd.testing.assert_frame_equal(found, expected(of_own_day(rows), spec), rtol=1e-12)


def test_reports_count_from_the_day_they_came(tmp_path: Path) -> None:
    rows = landed(2)
    deliver(tmp_path, rows)
    (tmp_path / "landing" / "reports").mkdir()
    told = rows[rows["_bad_on"].notna()]
    reports = pd.DataFrame({"id": told["id"], "on": told["_bad_on"]})
    reports.to_csv(tmp_path / "landing" / "reports" / "march.csv", index=False)
    rule = {"kind": "reports", "path": "landing/reports", "format": "csv", "key": "id"}
    rule |= {"event_date": "on", "after_window": "bad"}
    spec = a_spec(label={"rule": rule, "reporting_lag_days": 2})

    found = read(build(tmp_path, spec))

    assert found["shop_bad_share_3d"].gt(0).any()
    pd.testing.assert_frame_equal(found, expected(rows, spec), rtol=1e-12)


def test_whole_numbers_as_keys_and_entities_come_out_as_text_and_count_the_same(
    tmp_path: Path,
) -> None:
    rows = landed(3)
    numbered = rows.assign(id=np.arange(len(rows)) + 7, shop=(rows["shop"] == "x").astype("int32"))
    deliver(tmp_path, numbered)

    found = read(build(tmp_path))

    texts = numbered.assign(id=numbered["id"].astype("str"), shop=numbered["shop"].astype("str"))
    reference = expected(of_own_day(texts), a_spec()).set_index("id")
    pd.testing.assert_frame_equal(found.set_index("id"), reference.loc[found["id"]], rtol=1e-12)
    assert found["at"].is_monotonic_increasing


def placed_by_file() -> ModelSpec:
    """A spec of rows without a key; windows would need one, features of the row itself do not."""
    spec = a_spec(source={"path": "landing"})
    return spec.model_copy(update={"row_key": "file_position", "windows": ()})


def test_the_place_in_a_file_is_a_key(tmp_path: Path) -> None:
    rows = landed(4)
    file = tmp_path / "landing" / "all.parquet"
    file.parent.mkdir()
    write(rows.drop(columns="_bad_on"), file)
    spec = placed_by_file()

    found = read(build(tmp_path, spec))

    placed = rows.assign(_row_id=[f"all#{n}" for n in range(len(rows))]).set_index("_row_id")
    of_found = placed.loc[found["_row_id"]]
    assert len(found) > 0
    assert found["at"].tolist() == of_found["at"].tolist()
    assert found["amount"].equals(of_found["amount"].reset_index(drop=True))


def test_without_windows_the_first_midnight_is_there_too(tmp_path: Path) -> None:
    rows = landed(4)
    rows["at"] = rows["at"].dt.normalize()  # a date, as of a loan's application
    file = tmp_path / "landing" / "all.parquet"
    file.parent.mkdir()
    write(rows.drop(columns="_bad_on"), file)

    found = read(build(tmp_path, placed_by_file()))

    wanted = rows["at"].between(pd.Timestamp(FIRST), pd.Timestamp(LAST))
    assert (rows["at"] == pd.Timestamp(FIRST)).any()
    assert len(found) == int(wanted.sum())


def test_columns_may_stand_beside_the_features_as_text(tmp_path: Path) -> None:
    rows = landed(3)
    numbered = rows.assign(shop=(rows["shop"] == "x").astype("int32"))
    deliver(tmp_path, numbered)

    built = build(tmp_path, beside=("shop", "amount"))

    found = read(built).set_index("id")
    assert built.columns[-2:] != ("_column_shop", "_column_amount")  # windows stand last
    expected = numbered.set_index("id").loc[found.index, "shop"].astype("str")
    assert found["_column_shop"].tolist() == expected.tolist()
    assert found["_column_amount"].dtype == "str"


def test_pieces_of_a_file_are_read_as_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = landed(5)
    file = tmp_path / "landing" / "all.parquet"
    file.parent.mkdir()
    write(rows.drop(columns="_bad_on"), file)
    spec = placed_by_file()
    whole = read(build(tmp_path, spec))
    monkeypatch.setattr("finrisk.pipelines.landed_pieces.PIECE_ROWS", 17)

    pd.testing.assert_frame_equal(read(build(tmp_path, spec)), whole)


def test_the_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    deliver(tmp_path, landed())

    first = build(tmp_path).out.read_bytes()

    assert build(tmp_path, threads=2).out.read_bytes() == first


def test_without_an_order_the_rows_are_the_same(tmp_path: Path) -> None:
    deliver(tmp_path, landed())
    ordered = read(build(tmp_path))

    found = read(build(tmp_path, ordered=False, threads=2))

    assert found.sort_values(["at", "id"], ignore_index=True).equals(ordered)


def test_files_of_other_days_are_not_opened(tmp_path: Path) -> None:
    rows = landed(6)
    folder = deliver(tmp_path, rows)
    for far in (FIRST - timedelta(days=6), LAST + timedelta(days=1)):
        (folder / f"{far}.parquet").write_bytes(b"nothing")

    built = build(tmp_path)

    reached = {str(FIRST - timedelta(days=n)) for n in range(1, 6)}
    assert reached <= {name.removesuffix(".parquet") for name in built.files}
    assert f"{FIRST - timedelta(days=6)}.parquet" not in built.files


def test_a_revision_replaces_its_file(tmp_path: Path) -> None:
    rows = landed(7)
    folder = deliver(tmp_path, rows)
    of_day = rows["at"].dt.date == LAST
    corrected = rows.assign(amount=rows["amount"].where(~of_day, 1.0))
    write(corrected[of_day].drop(columns="_bad_on"), folder / f"{LAST}~2.parquet")

    found = read(build(tmp_path))

    pd.testing.assert_frame_equal(found, expected(of_own_day(corrected), a_spec()), rtol=1e-12)


def test_a_missing_day_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = deliver(tmp_path, landed(8))
    gone = FIRST - timedelta(days=2)
    (folder / f"{gone}.parquet").unlink()

    with caplog.at_level(logging.WARNING):
        built = build(tmp_path)

    assert built.missing_days == (gone,)
    assert f"no rows of {gone}; windows that hold these days count too little" in caplog.text


def test_a_spec_without_windows_has_the_features_of_its_rows(tmp_path: Path) -> None:
    rows = landed(9)
    deliver(tmp_path, rows)
    spec = a_spec().model_copy(update={"windows": ()})

    built = build(tmp_path, spec)

    assert built.missing_days == ()
    assert read(built)["amount"].notna().any()
    assert built.columns == ("id", "at", "amount", "weekend", "kind")


def sidecar(file: Path, content: bytes) -> None:
    digest = hashlib.sha256(content).hexdigest()
    file.with_name(f"{file.name}.sha256").write_text(f"{digest}  {file.name}\n")


def test_a_sidecar_is_checked(tmp_path: Path) -> None:
    file = deliver(tmp_path, landed(10)) / f"{LAST}.parquet"
    sidecar(file, file.read_bytes())
    build(tmp_path)
    sidecar(file, b"other bytes")

    with pytest.raises(LandingError, match=r"its bytes do not give the sha256 of its sidecar"):
        build(tmp_path)


def no_file(file: Path) -> None:
    file.unlink()
    sidecar(file, b"")


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-50])


def twice(file: Path) -> None:
    file.with_name(f"again_{file.name}").write_bytes(file.read_bytes())


def misnamed(file: Path) -> None:
    file.rename(file.with_name(f"{file.stem}~02.parquet"))


def with_column(name: str, values: Any) -> Any:
    def change(file: Path) -> None:
        write(pd.read_parquet(file).assign(**{name: values}), file)

    return change


def without_amount(file: Path) -> None:
    write(pd.read_parquet(file).drop(columns="amount"), file)


SHIFTED = pd.Timestamp(LAST + timedelta(days=1)).as_unit("us")


@pytest.mark.parametrize(
    ("spoil", "error", "told"),
    [
        (no_file, LandingError, "announced, not there"),
        (cut, LandingError, "2024-04-05.parquet: not a whole Parquet file; remedy"),
        (twice, LandingError, "2024-04-05 was delivered twice"),
        (misnamed, LandingError, "revisions are written ~2"),
        (without_amount, LandingError, "2024-04-05.parquet: no column 'amount'"),
        (with_column("amount", "much"), ContractBreach, "cells that are no number in column 'amou"),
        (with_column("at", SHIFTED), ContractBreach, "rows of another day in column 'at'"),
        (with_column("at", None), ContractBreach, "rows without a day in column 'at'"),
        (with_column("id", None), ContractBreach, "rows without a key in column 'id'"),
        (with_column("amount", 1e19), ContractBreach, "numbers too large"),
    ],
)
def test_what_is_wrong_with_a_file_is_told(
    tmp_path: Path, spoil: Any, error: type[Exception], told: str
) -> None:
    file = deliver(tmp_path, landed(11)) / f"{LAST}.parquet"
    spoil(file)

    with pytest.raises(error, match=told):
        build(tmp_path)

    assert not list(tmp_path.glob("*.parquet"))
    assert not list(tmp_path.glob(".features-*"))


def test_a_matured_label_that_is_not_declared_is_told(tmp_path: Path) -> None:
    file = deliver(tmp_path, landed(11)) / f"{FIRST}.parquet"
    with_column("fraud", 7)(file)

    with pytest.raises(LabelError, match="another label in column 'fraud'"):
        build(tmp_path)


@pytest.mark.parametrize(
    ("asked", "error", "told"),
    [
        ({"first": LAST, "last": FIRST}, ConfigurationError, "the last day is before the first"),
        (
            {"first": date(2030, 1, 1), "last": date(2030, 1, 2)},
            LandingError,
            "no rows of 'cards' from 2029-12-27 to 2030-01-02",
        ),
        ({"out": Path("/nowhere/out.parquet")}, ConfigurationError, "no folder /nowhere"),
    ],
)
def test_what_cannot_be_asked_is_refused(
    tmp_path: Path, asked: dict[str, Any], error: type[Exception], told: str
) -> None:
    deliver(tmp_path, landed(12))

    with pytest.raises(error, match=told):
        build(tmp_path, **asked)


def test_a_day_that_only_its_past_has_landed_of_has_no_rows(tmp_path: Path) -> None:
    deliver(tmp_path, landed(12))

    with pytest.raises(LandingError, match="no rows of 'cards' from 2024-04-08 to 2024-04-08"):
        build(tmp_path, first=date(2024, 4, 8), last=date(2024, 4, 8))


def test_a_database_is_refused(tmp_path: Path) -> None:
    source = {"connection": "dwh", "query": "SELECT * FROM t WHERE at <= :last_day"}

    with pytest.raises(ConfigurationError, match="reads a database"):
        build(tmp_path, a_spec(source=source))


def test_undated_rows_are_refused(tmp_path: Path) -> None:
    time = {"release": {"nights": 10, "first_night": "2024-01-01"}, "vintage": "day"}
    columns = {name: {"type": "number"} for name in ("id", "amount", "fraud")}
    changes = {"time": time, "features": ["amount"], "windows": [], "columns": columns}
    spec = ModelSpec.model_validate({**a_spec().model_dump(mode="json"), **changes})

    with pytest.raises(ConfigurationError, match="undated rows"):
        build(tmp_path, spec)


def test_reports_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    deliver(tmp_path, landed(13))
    rule = {"kind": "reports", "path": "landing/none", "key": "id", "event_date": "on"}

    with pytest.raises(LandingError, match="1 problem with the reports of 'cards'"):
        build(tmp_path, a_spec(label={"rule": rule, "reporting_lag_days": 2}))


def test_the_columns_that_are_read_are_those_that_are_needed() -> None:
    spec = a_spec()
    made = FeatureRows(spec, spec.source, None, set())  # type: ignore[arg-type]

    assert made.columns == ("id", "at", "card", "amount", "shop", "kind", "fraud")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    deliver(tmp_path, landed())
    (tmp_path / "conf" / "models").mkdir(parents=True)
    document = a_spec().model_dump(mode="json", exclude_unset=True)
    (tmp_path / "conf" / "models" / "cards.yaml").write_text(yaml.safe_dump(document))
    monkeypatch.setenv("FINRISK_HOME", str(tmp_path))
    return tmp_path


def command(*arguments: str) -> Any:
    app = typer.Typer()
    app.command("features")(features)
    return RUN.invoke(app, [*arguments, "--from", str(FIRST), "--to", str(LAST)])


def test_the_command_writes_the_file_and_says_so(home: Path) -> None:
    result = command("cards", "--out", str(home / "f.parquet"), "--json")

    told = json.loads(result.stdout)
    assert result.exit_code == 0
    assert told["rows"] == pq.read_metadata(home / "f.parquet").num_rows > 0
    assert told["missing_days"] == []
    shown = command("cards", "--out", str(home / "f.parquet"))
    assert f"{told['rows']} rows with 11 features" in shown.stdout
    assert "reading 11 files" in shown.stderr


@pytest.mark.parametrize(("model", "status"), [("crads", 2), ("cards", 3)])
def test_the_commands_status_says_what_failed(home: Path, model: str, status: int) -> None:
    (home / "landing" / "cards" / f"{LAST}.parquet").write_bytes(b"nothing")

    result = command(model, "--out", str(home / "f.parquet"))

    assert result.exit_code == status
    assert "error:" in result.stderr


def test_the_commands_memory_is_the_functions() -> None:
    assert MEMORY_MB == feature_building.MEMORY_MB
