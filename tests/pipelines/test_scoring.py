"""Batches through real small worlds: the same scores by every way in, and nothing by halves."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import create_engine

from finrisk.config import Settings
from finrisk.errors import ConfigurationError, ContractBreach, DataError, LandingError
from finrisk.features.derive import derive_features
from finrisk.pipelines import decider
from finrisk.pipelines.feature_building import build_features
from finrisk.pipelines.rooms import Rooms
from finrisk.pipelines.scoring import score_days, score_file
from finrisk.pipelines.window_building import feature_store
from finrisk.specs.source import SqlSource
from finrisk.tracking.champion_registry import ChampionRegistry
from tests.data.cards import AS_OF, land_day, transactions
from tests.pipelines.lender import FIRST
from tests.pipelines.scored_worlds import (
    CARDS,
    CREDIT,
    JULY,
    NOW,
    cards_champion,
    expected_scores,
    july,
    log_of,
    read_scores,
    with_own_store,
    written,
)

Frame = pd.DataFrame
YESTERDAY = AS_OF - timedelta(days=1)


@pytest.fixture
def rooms(credit_champion: Rooms, tmp_path: Path) -> Rooms:
    return with_own_store(credit_champion, tmp_path)


@pytest.fixture
def cards(cards_world: Rooms, tmp_path: Path) -> Rooms:
    return with_own_store(cards_world, tmp_path)


def files(folder: Path) -> dict[str, bytes]:
    """Everything in the store but locks."""
    every = (path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    return {str(path.relative_to(folder)): path.read_bytes() for path in every}


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_landed_days_are_scored_as_the_champion_scores_their_rows(
    rooms: Rooms, tmp_path: Path, ending: str
) -> None:
    report = score_days(rooms, *JULY, output=tmp_path / f"scores.{ending}")

    scores = read_scores(tmp_path / f"scores.{ending}")
    assert list(scores.columns) == ["application_id", "score", "decision", "version", "epoch"]
    assert dict(zip(scores["application_id"], scores["score"], strict=True)) == pytest.approx(
        expected_scores(rooms, july(rooms)), rel=1e-12
    )
    declined = scores["score"] >= rooms.spec.gate.cutoff
    assert scores["decision"].tolist() == np.where(declined, "decline", "approve").tolist()
    assert set(zip(scores["version"], scores["epoch"], strict=True)) == {(1, 1)}
    assert report.rows == report.logged == len(july(rooms))
    assert report.decisions == scores["decision"].value_counts().to_dict()


def test_the_log_has_what_the_file_has_and_the_features_it_was_made_of(
    rooms: Rooms, tmp_path: Path
) -> None:
    score_days(rooms, *JULY, output=tmp_path / "scores.parquet")

    log = log_of(rooms)
    assert log.hasher is not None
    scores = read_scores(tmp_path / "scores.parquet")
    hashes = log.hasher.rows(CREDIT, scores["application_id"]).to_pylist()
    logged = log.read(CREDIT, *JULY).set_index("_row").loc[hashes]
    landed = july(rooms).set_index("application_id").loc[scores["application_id"]]
    features = derive_features(landed, rooms.spec)
    assert logged["_score"].tolist() == scores["score"].tolist()
    assert logged["_as_of"].tolist() == landed["application_date"].tolist()
    assert logged["_slice_channel"].tolist() == landed["channel"].tolist()
    for name in rooms.spec.feature_names:
        assert logged[name].astype(str).tolist() == features[name].astype(str).tolist()
    assert not {"application_id", "age_band", "application_date"} & set(logged.columns)


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_a_file_of_the_same_rows_has_the_same_scores_in_its_own_order(
    rooms: Rooms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    monkeypatch.setattr("finrisk.data.given_files.PIECE_ROWS", 50)
    rows = july(rooms).sample(frac=1.0, random_state=1)
    batch = tmp_path / f"batch.{ending}"
    rows.to_csv(batch, index=False) if ending == "csv" else rows.to_parquet(batch, index=False)

    report = score_file(rooms, batch, output=tmp_path / "scores.parquet")

    scores = read_scores(tmp_path / "scores.parquet")
    assert scores["application_id"].tolist() == rows["application_id"].tolist()
    assert dict(zip(scores["application_id"], scores["score"], strict=True)) == pytest.approx(
        expected_scores(rooms, july(rooms)), rel=1e-9
    )
    assert len(log_of(rooms).read(CREDIT, *JULY)) == report.rows == len(rows)


def test_columns_that_are_not_needed_are_not_asked_for_and_those_that_are_logged_may_lack(
    rooms: Rooms, tmp_path: Path
) -> None:
    told: list[str] = []
    spec = rooms.spec
    slices = spec.gate.guards.slices.model_copy(update={"columns": ("age_band",)})
    guards = spec.gate.guards.model_copy(update={"slices": slices})
    gate = spec.gate.model_copy(update={"guards": guards})
    batch = written(rooms, tmp_path, lambda rows: rows.drop(columns="age_band").assign(name="x"))

    score_file(
        replace(rooms, spec=spec.model_copy(update={"gate": gate})),
        batch,
        output=None,
        tell=told.append,
    )

    assert told == ["no column age_band: null in the decision log"]
    assert log_of(rooms).read(CREDIT, *JULY)["_slice_age_band"].isna().all()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda rows: rows.drop(columns=["income", "purpose"]), "lacks 2 columns: income, purpose"),
        (lambda rows: rows.drop(columns="application_id"), "lacks 1 column: application_id"),
        (lambda rows: rows.drop(columns="application_date"), "lacks 1 column: application_date"),
        (lambda rows: rows.assign(income="a lot"), "column 'income'; expected number, finite; got"),
        (
            lambda rows: rows.assign(income=rows["income"].where(rows.index != 7, np.inf)),
            "1 cell of another type in column 'income'; .*got a number that is not finite",
        ),
        (
            lambda rows: rows.assign(income=rows["income"].where(rows.index != 7)),
            "1 row missing, where the spec has no 'nullable: true', column 'income'",
        ),
        (lambda rows: rows.assign(term_months=36.5), "of another type in column 'term_months'"),
        (lambda rows: pd.concat([rows, rows.head(3)]), "3 rows with a row key that another row"),
        (
            lambda rows: rows.assign(
                application_id=rows["application_id"].where(rows.index > 1, None)
            ),
            "2 rows without a key, column 'application_id'",
        ),
        (
            lambda rows: rows.assign(application_date=pd.Timestamp("2026-03-02")),
            "rows of a day after 2026-03-01, column 'application_date'",
        ),
        (
            lambda rows: rows.assign(
                application_date=rows["application_date"].where(rows.index > 1)
            ),
            "2 rows without a day, column 'application_date'",
        ),
        (lambda rows: rows.head(0), "has no row"),
    ],
)
def test_a_batch_with_anything_wrong_writes_nothing(
    rooms: Rooms, tmp_path: Path, change: Callable[[Frame], Frame], told: str
) -> None:
    batch = written(rooms, tmp_path, change)

    with pytest.raises(ContractBreach, match=told):
        score_file(rooms, batch, output=tmp_path / "scores.csv")

    assert files(rooms.settings.store) == {}
    assert not (tmp_path / "scores.csv").exists()


def test_a_late_fault_undoes_the_pieces_before_it(
    rooms: Rooms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("finrisk.data.given_files.PIECE_ROWS", 100)
    batch = written(rooms, tmp_path, lambda rows: pd.concat([rows, rows.tail(1)]))
    (tmp_path / "scores.csv").write_text("an earlier one")

    with pytest.raises(ContractBreach, match="1 row with a row key"):
        score_file(rooms, batch, output=tmp_path / "scores.csv")

    assert files(rooms.settings.store) == {}
    assert (tmp_path / "scores.csv").read_text() == "an earlier one"


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("batch.csv", b"", "empty file"),
        ("batch.csv", b"application_id,income\nA,1", "cut off"),
        ("batch.csv", b"income,income\n1,2\n", "stands twice"),
        ("batch.parquet", b"PAR1", "no parquet file that can be read"),
    ],
)
def test_a_file_that_is_not_whole_is_said(
    rooms: Rooms, tmp_path: Path, name: str, content: bytes, told: str
) -> None:
    (tmp_path / name).write_bytes(content)

    with pytest.raises(LandingError, match=told):
        score_file(rooms, tmp_path / name, output=None)


def test_a_broken_line_is_not_quoted(rooms: Rooms, tmp_path: Path) -> None:
    batch = tmp_path / "batch.csv"
    july(rooms).head(3).to_csv(batch, index=False)
    with batch.open("a") as file:
        file.write("anna@example.org,too,few\n")

    with pytest.raises(LandingError, match="rows that do not fit the header") as raised:
        score_file(rooms, batch, output=None)

    assert raised.value.__cause__ is None
    assert "anna" not in str(raised.value)


@pytest.mark.parametrize(
    ("asked", "error", "told"),
    [
        ({"output": None, "record": False}, ConfigurationError, "nothing would come of it"),
        ({"file": Path("none.csv")}, ConfigurationError, "no file none.csv"),
        ({"file": Path("x.xlsx")}, ConfigurationError, "ends with .csv or .parquet"),
        ({"output": Path("/none/such/scores.csv")}, ConfigurationError, "no folder /none/such"),
        ({"output": Path("scores.txt")}, ConfigurationError, "ends with .csv or .parquet"),
        ({"version": 9}, ConfigurationError, "knows no version 9 of credit_risk .*one of: 1, 2"),
        ({"as_of": date(2026, 3, 2)}, ConfigurationError, "has not come yet"),
        ({"as_of": date(2024, 7, 10)}, ContractBreach, "of a day after 2024-07-10"),
    ],
)
def test_what_cannot_be_asked_is_refused(
    rooms: Rooms, tmp_path: Path, asked: dict[str, Any], error: type[Exception], told: str
) -> None:
    given: dict[str, Any] = {"file": written(rooms, tmp_path, lambda rows: rows), "output": None}

    with pytest.raises(error, match=told):
        score_file(rooms, **(given | asked))

    assert files(rooms.settings.store) == {}


def test_without_a_champion_nothing_decides(settings: Settings, tmp_path: Path) -> None:
    rooms = with_own_store(Rooms.open(CREDIT, settings), tmp_path)

    with pytest.raises(ConfigurationError, match="has no champion in scope"):
        score_days(rooms, *JULY)

    rooms.ledger.close()


def test_the_champion_s_copy_decides_while_mlflow_is_away(
    credit_champion: Rooms, tmp_path: Path
) -> None:
    away = "http://127.0.0.1:1"
    own = {"tracking_uri": away, "registry_uri": away, "store": tmp_path / "store"}
    settings = credit_champion.settings.model_copy(update=own | {"remote_retries": 0})
    shutil.copytree(credit_champion.settings.store / "champions", settings.store / "champions")
    rooms = replace(credit_champion, settings=settings, registry=ChampionRegistry(settings))

    assert score_days(rooms, *JULY).rows == len(july(rooms))


def test_another_version_decides_without_an_epoch(rooms: Rooms, tmp_path: Path) -> None:
    report = score_days(rooms, *JULY, version=2, output=tmp_path / "scores.csv")
    score_days(rooms, *JULY)

    scores = read_scores(tmp_path / "scores.csv")
    logged = log_of(rooms).read(CREDIT, *JULY)
    assert (report.version, report.epoch) == (2, None)
    assert scores["epoch"].isna().all()
    assert scores["score"].tolist() == pytest.approx(
        [expected_scores(rooms, july(rooms), 2)[key] for key in scores["application_id"]]
    )
    assert logged.groupby("_version")["_epoch"].count().to_dict() == {1: report.rows, 2: 0}


def test_the_champion_by_its_number_is_the_champion(rooms: Rooms) -> None:
    assert score_days(rooms, *JULY, version=1).epoch == 1


def test_scored_again_the_log_is_as_it_was(rooms: Rooms) -> None:
    score_days(rooms, *JULY)
    before = files(rooms.settings.store)

    score_days(rooms, date(2024, 6, 20), date(2024, 7, 15))
    score_days(rooms, *JULY)

    assert before.items() <= files(rooms.settings.store).items()
    assert len(log_of(rooms).read(CREDIT, *JULY)) == len(july(rooms))
    assert len(list(log_of(rooms).parts(CREDIT, *JULY))) == 31


def test_pieces_of_a_day_are_the_same_whichever_days_are_asked_for(
    rooms: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("finrisk.pipelines.day_pieces.PIECE_ROWS", 7)
    score_days(rooms, *JULY)
    parts = [part.path for part in log_of(rooms).parts(CREDIT, *JULY)]

    score_days(rooms, date(2024, 7, 10), date(2024, 7, 20))

    assert [part.path for part in log_of(rooms).parts(CREDIT, *JULY)] == parts
    assert max(part.header.rows for part in log_of(rooms).parts(CREDIT, *JULY)) == 7
    ends = [part.header for part in log_of(rooms).parts(CREDIT, *JULY) if part.header.ends_day]
    assert len(ends) == len({header.as_of for header in ends}) == len(log_of(rooms).days(CREDIT))


def test_nothing_is_logged_where_nothing_shall_be(rooms: Rooms, tmp_path: Path) -> None:
    report = score_days(rooms, *JULY, output=tmp_path / "scores.csv", record=False)

    assert report.logged == 0
    assert files(rooms.settings.store) == {}


def test_a_day_that_has_not_passed_is_not_scored_as_landed(rooms: Rooms) -> None:
    with pytest.raises(ConfigurationError, match=r"2026-03-01 has not passed yet.*--input"):
        score_days(rooms, FIRST, NOW.date())


def test_a_version_of_other_features_is_refused(rooms: Rooms) -> None:
    changed = [f for f in rooms.spec.features if f != "income"]
    spec = rooms.spec.model_copy(update={"features": tuple(changed)})

    with pytest.raises(DataError, match=r"1 feature gone or defined otherwise.*got income; remedy"):
        score_days(replace(rooms, spec=spec), *JULY)


def test_rows_without_a_day_count_for_the_day_that_is_said(rooms: Rooms, tmp_path: Path) -> None:
    batch = written(rooms, tmp_path, lambda rows: rows.drop(columns="application_date"))

    report = score_file(rooms, batch, output=None, as_of=date(2024, 8, 1))

    assert log_of(rooms).days(CREDIT) == (date(2024, 8, 1),)
    assert report.first_day == report.last_day == date(2024, 8, 1)


def test_a_place_in_a_file_is_a_key(rooms: Rooms, tmp_path: Path) -> None:
    spec = rooms.spec.model_copy(update={"row_key": "file_position"})
    batch = written(rooms, tmp_path, lambda rows: rows.head(3))

    score_file(replace(rooms, spec=spec), batch, output=tmp_path / "scores.csv")

    assert read_scores(tmp_path / "scores.csv")["_row_id"].tolist() == [
        "batch#0",
        "batch#1",
        "batch#2",
    ]


def test_rows_of_a_database_are_scored_as_those_of_files(rooms: Rooms, tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path}/dwh.db"
    engine = create_engine(address)
    dates = july(rooms)["application_date"].dt.strftime("%Y-%m-%d")
    july(rooms).assign(application_date=dates).to_sql("loans", engine, index=False)
    engine.dispose()
    query = "SELECT * FROM loans WHERE application_date <= :last_day"
    source = SqlSource(connection="dwh", query=query)
    of_a_table = replace(
        rooms,
        spec=rooms.spec.model_copy(update={"source": source}),
        connections=lambda _: address,
    )

    score_days(of_a_table, date(2024, 7, 5), date(2024, 7, 20), output=tmp_path / "scores.csv")

    expected = expected_scores(rooms, july(rooms))
    scores = read_scores(tmp_path / "scores.csv")
    assert scores["score"].tolist() == pytest.approx(
        [expected[key] for key in scores["application_id"]], rel=1e-9
    )
    assert log_of(rooms).days(CREDIT)[0] == date(2024, 7, 5)


def test_days_that_a_night_does_not_reach_are_refused(cards: Rooms) -> None:
    query = "SELECT * FROM tx WHERE at >= :first_day AND at <= :last_day"
    source = SqlSource(connection="dwh", query=query)
    spec = cards.spec.model_copy(update={"source": source})

    with pytest.raises(ConfigurationError, match="does not read all that 2023-01-01 needs"):
        score_days(replace(cards, spec=spec), date(2023, 1, 1), YESTERDAY)


def test_windows_are_built_as_nights_build_them(
    cards: Rooms, cards_world: Rooms, tmp_path: Path
) -> None:
    first = AS_OF - timedelta(days=4)

    score_days(cards, first, YESTERDAY, output=tmp_path / "scores.parquet")

    served = feature_store(cards_world).read(cards.spec, first, YESTERDAY)
    log = log_of(cards)
    assert log.hasher is not None
    logged = log.read(CARDS, first, YESTERDAY).set_index("_row")
    hashes = log.hasher.rows(CARDS, served["_row_id"]).to_pylist()
    for name in cards.spec.window_features:
        assert logged.loc[hashes, name].tolist() == pytest.approx(
            served[name].tolist(), nan_ok=True
        )
    assert feature_store(cards).days(cards.spec) == ()  # only a night keeps what a model learns of
    assert set(read_scores(tmp_path / "scores.parquet")["decision"]) == {"alert", "pass"}


def test_what_a_night_served_is_what_decides(cards: Rooms, cards_world: Rooms) -> None:
    served = feature_store(cards_world).read(cards.spec, YESTERDAY, YESTERDAY)
    some = served.head(100).assign(customer_mean_3d=4321.0)
    feature_store(cards).keep(cards.spec, YESTERDAY, some)

    score_days(cards, YESTERDAY, YESTERDAY)

    logged = log_of(cards).read(CARDS, YESTERDAY, YESTERDAY)
    assert int((logged["customer_mean_3d"] == 4321.0).sum()) == 100


def test_a_file_with_the_features_of_windows_scores_as_its_days(
    cards: Rooms, tmp_path: Path
) -> None:
    score_days(cards, YESTERDAY, YESTERDAY, output=tmp_path / "days.parquet")
    built = build_features(
        cards.spec,
        cards.settings.home,
        YESTERDAY,
        YESTERDAY,
        tmp_path / "features.parquet",
        threads=1,
    )

    score_file(cards, built.out, output=tmp_path / "file.parquet")

    found = [
        read_scores(tmp_path / f"{name}.parquet").set_index("tx")["score"].sort_index()
        for name in ("days", "file")
    ]
    pd.testing.assert_series_equal(*found)


def test_a_file_without_the_features_of_windows_is_told_where_they_come_from(
    cards: Rooms, tmp_path: Path
) -> None:
    transactions(YESTERDAY).to_parquet(tmp_path / "batch.parquet", index=False)

    with pytest.raises(
        ContractBreach,
        match=r"lacks 8 columns: customer_count_1d, .*`finrisk features cards`.*--from",
    ):
        score_file(cards, tmp_path / "batch.parquet", output=None)


def test_a_derived_feature_may_come_ready(cards: Rooms, tmp_path: Path) -> None:
    built = build_features(
        cards.spec, cards.settings.home, YESTERDAY, YESTERDAY, tmp_path / "f.parquet", threads=1
    )
    ready = pd.read_parquet(built.out)
    ready.drop(columns="at").to_parquet(tmp_path / "ready.parquet", index=False)

    score_file(cards, built.out, output=tmp_path / "derived.csv", record=False)
    score_file(
        cards, tmp_path / "ready.parquet", output=tmp_path / "ready.csv", as_of=AS_OF, record=False
    )

    assert (tmp_path / "ready.csv").read_text() == (tmp_path / "derived.csv").read_text()


def test_a_lost_day_between_others_is_not_counted_as_quiet(cards: Rooms, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(cards.settings.home / "landing", home / "landing")
    shutil.copytree(cards.settings.home / "reports", home / "reports")
    lost = AS_OF - timedelta(days=3)
    (home / "landing" / f"{lost}.parquet").unlink()
    settings = cards.settings.model_copy(update={"home": home})

    with pytest.raises(LandingError, match=f"no rows of {lost}: windows"):
        score_days(replace(cards, settings=settings), YESTERDAY, YESTERDAY)

    assert files(cards.settings.store) == {}


def test_a_detector_scores_and_does_not_decide(shared: Settings, tmp_path: Path) -> None:
    forest = {"name": "forest", "algorithm": "isolation_forest", "parameters": {"n_estimators": 20}}
    rooms = cards_champion(shared, tmp_path / "home", "t-detector", candidates=[forest])
    rooms = with_own_store(rooms, tmp_path)

    report = score_days(rooms, YESTERDAY, YESTERDAY, output=tmp_path / "scores.parquet")

    logged = log_of(rooms).read(CARDS, YESTERDAY, YESTERDAY)
    rooms.ledger.close()
    assert report.decisions == {}
    assert "no cut-off" in report.sentence
    assert logged[["_decision", "_cutoff"]].isna().all(axis=None)
    assert read_scores(tmp_path / "scores.parquet")["decision"].isna().all()


CANARIES = {
    "customer": "anna.canary@example.org",
    "terminal": "ES9121000418450200051332",
    "tx": "4929123456781234",
}


def test_nothing_of_a_customer_is_in_the_log_in_a_message_or_in_mlflow(
    cards_world: Rooms, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    home = tmp_path / "home"
    for name in ("landing", "reports"):
        shutil.copytree(cards_world.settings.home / name, home / name)
    rows = transactions(YESTERDAY)
    marked = rows.assign(
        **{name: rows[name].where(rows.index % 9 > 0, canary) for name, canary in CANARIES.items()}
    ).drop_duplicates("tx")
    land_day(home, YESTERDAY, marked.assign(kind=CANARIES["customer"]))
    settings = cards_world.settings.model_copy(update={"home": home})
    rooms = with_own_store(replace(cards_world, settings=settings), tmp_path)
    told: list[str] = []

    report = score_days(rooms, YESTERDAY, YESTERDAY, tell=told.append)

    logged = log_of(rooms).read(CARDS, YESTERDAY, YESTERDAY)
    places = [*rooms.settings.store.rglob("*"), rooms.settings.home / ".." / "mlflow.db"]
    places += [*cards_world.settings.artifacts.rglob("*"), *mlflow_files(cards_world.settings)]
    contents = b"".join(path.read_bytes() for path in places if path.is_file())
    words = " ".join((caplog.text, *told, report.sentence, str(report.to_json())))
    for canary in CANARIES.values():
        assert canary.encode() not in contents
        assert canary not in words
        assert not logged.astype(str).isin([canary]).any(axis=None)
    assert len(logged) == len(marked)


def mlflow_files(settings: Settings) -> list[Path]:
    return [Path(settings.tracking_uri.removeprefix("sqlite:///"))]


def test_a_fault_in_marked_cells_does_not_quote_them(
    rooms: Rooms, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    canary = CANARIES["customer"]
    batch = written(rooms, tmp_path, lambda rows: rows.assign(income=canary, application_id=canary))

    with pytest.raises(ContractBreach) as raised:
        score_file(rooms, batch, output=None)

    assert canary not in f"{raised.value} {raised.value.__cause__} {caplog.text}"
    assert "text of 23 characters" in str(raised.value)


def test_words_of_a_decision_are_of_the_model_s_type() -> None:
    assert decider.WORDS == {
        "credit_risk": ("decline", "approve"),
        "fraud_detection": ("alert", "pass"),
    }


def test_a_row_without_a_score_ends_the_batch(rooms: Rooms) -> None:
    opened = decider.open_decider(rooms)

    class Silent:
        def score(self, features: Frame) -> Any:
            return np.full(len(features), np.nan)

    silent = replace(opened, model=Silent())  # type: ignore[arg-type]

    with pytest.raises(DataError, match="gives 2 rows no score"):
        silent.decide(pd.DataFrame(index=range(2)))


def test_a_model_at_its_cutoff_declines(rooms: Rooms) -> None:
    opened = decider.open_decider(rooms)

    class Even:
        def score(self, features: Frame) -> Any:
            return np.array([0.3, 0.2999])

    even = replace(opened, model=Even())  # type: ignore[arg-type]

    assert even.decide(pd.DataFrame(index=range(2)))[1].to_pylist() == ["decline", "approve"]


def test_progress_is_told_while_it_lasts(rooms: Rooms, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("finrisk.pipelines.scoring.TELL_SECONDS", 0.0)
    told: list[str] = []

    report = score_days(rooms, *JULY, tell=told.append)

    # Other tests of the session may have let a month more land.
    landed = list((rooms.settings.home / "landing" / "credit_risk").glob("*.parquet"))
    assert told[0] == f"reading {len(landed)} files"
    assert told[-1] == f"{report.rows} rows scored"
