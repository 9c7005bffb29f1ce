from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from finrisk.data.contracts import validate
from finrisk.data.labels import LABEL
from finrisk.data.landing import ROW_ID
from finrisk.data.simulated_card_delivery import (
    CENTS,
    SENT_TWICE_ROWS,
    day_of,
    land,
    land_bad_day,
    mend_day,
)
from finrisk.data.simulated_cards import KEY, SimulatedCards
from finrisk.errors import SpecError
from finrisk.specs.model_spec import ModelSpec
from tests.data.factories import a_spec, files, labelled

FRAUD = Path(__file__).resolve().parents[2] / "conf" / "models" / "fraud.yaml"
FIRST = date(2024, 1, 1)
CARDS = SimulatedCards(
    seed=7, customers=1_000, terminals=1_000, first_day=FIRST, terminals_compromised_a_day=1
)
AS_OF = date(2024, 2, 15)
DAYS = [FIRST + timedelta(days=n) for n in range((AS_OF - FIRST).days)]
ROWS, REPORTS = Path("landing/fraud"), Path("landing/fraud_reports")


def shipped() -> ModelSpec:
    return ModelSpec.model_validate(yaml.safe_load(FRAUD.read_text(encoding="utf-8")))


SPEC = shipped()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where everything up to ``AS_OF`` landed; a test that changes it takes a copy."""
    folder = tmp_path_factory.mktemp("cards")
    land(CARDS, SPEC, folder, AS_OF)
    return folder


def test_a_partition_a_day_lands_with_its_digest(home: Path) -> None:
    rows = sorted(path.name for path in (home / ROWS).glob("*.parquet"))
    reports = sorted(path.name for path in (home / REPORTS).glob("*.parquet"))

    assert rows == [f"{day}.parquet" for day in DAYS]
    assert set(reports) <= {f"reports_{day}.parquet" for day in DAYS[1:]}
    assert len(reports) > len(DAYS) - 5
    for path in (*(home / ROWS).glob("*.parquet"), *(home / REPORTS).glob("*.parquet")):
        digest, name = path.with_name(f"{path.name}.sha256").read_text().split()
        assert (digest, name) == (hashlib.sha256(path.read_bytes()).hexdigest(), path.name)


def test_what_landed_is_what_happened_and_no_more(home: Path) -> None:
    day = date(2024, 2, 10)

    landed = pd.read_parquet(home / ROWS / f"{day}.parquet")

    pd.testing.assert_frame_equal(landed, CARDS.transactions(day))


def test_a_days_reports_are_all_that_were_made_on_it_whenever_it_happened(home: Path) -> None:
    day = date(2024, 2, 12)
    every = pd.concat([CARDS.reports(before) for before in DAYS])

    landed = pd.read_parquet(home / REPORTS / f"reports_{day}.parquet")

    assert (landed["reported_on"] == pd.Timestamp(day)).all()
    assert set(landed[KEY]) == set(every.loc[every["reported_on"] == pd.Timestamp(day), KEY])


def test_every_day_after_the_first_has_a_file_of_reports_even_without_one(home: Path) -> None:
    landed = {p.stem.removeprefix("reports_") for p in (home / REPORTS).glob("*.parquet")}

    assert landed == {str(day) for day in DAYS[1:]}


def test_what_had_arrived_keeps_the_contract_and_its_labels_are_the_truth(home: Path) -> None:
    landing, found = labelled(home, SPEC, AS_OF)

    assert (landing.problems, landing.breaches, found.problems) == ((), (), ())
    assert landing.unknown_columns == landing.missing_columns == ()
    assert validate(landing, found, SPEC, AS_OF, None).result == "pass"
    bads = set(found.frame.loc[found.frame[LABEL] == 1, ROW_ID])
    truth = set(pd.concat([CARDS.frauds(day) for day in DAYS])[KEY])
    assert bads <= truth
    matured = [day for day in DAYS if day + timedelta(days=7) <= AS_OF]
    believed = set(pd.concat([CARDS.frauds(day) for day in matured])[KEY])
    assert len(bads & believed) / len(believed) > 0.9


def test_landing_again_delivers_nothing_and_a_later_day_only_what_is_new(tmp_path: Path) -> None:
    land(CARDS, SPEC, tmp_path, date(2024, 1, 20))
    before = files(tmp_path)

    again = land(CARDS, SPEC, tmp_path, date(2024, 1, 20))
    later = land(CARDS, SPEC, tmp_path, date(2024, 1, 21))

    assert again == ()
    assert later == ("2024-01-20.parquet", "reports_2024-01-20.parquet")
    assert before.items() <= files(tmp_path).items()


def test_landing_day_by_day_or_at_once_is_the_same(home: Path, tmp_path: Path) -> None:
    for as_of in (date(2024, 1, 1), date(2024, 1, 3), date(2024, 1, 4), date(2024, 2, 14), AS_OF):
        land(CARDS, SPEC, tmp_path, as_of)

    assert files(tmp_path) == files(home)


def test_a_partition_without_its_digest_is_delivered_again(home: Path, tmp_path: Path) -> None:
    shutil.copytree(home, tmp_path, dirs_exist_ok=True)
    for folder, name in ((ROWS, "2024-01-09"), (REPORTS, "reports_2024-02-01")):
        (tmp_path / folder / f"{name}.parquet.sha256").unlink()

    again = land(CARDS, SPEC, tmp_path, AS_OF)

    assert again == ("2024-01-09.parquet", "reports_2024-02-01.parquet")
    assert files(tmp_path) == files(home)


def test_a_day_lands_only_when_it_is_over(tmp_path: Path) -> None:
    assert land(CARDS, SPEC, tmp_path, date(2023, 6, 1)) == ()
    assert land(CARDS, SPEC, tmp_path, FIRST) == ()
    assert land(CARDS, SPEC, tmp_path, date(2024, 1, 2)) == ("2024-01-01.parquet",)


def test_a_bad_day_blocks_until_it_is_mended(home: Path, tmp_path: Path) -> None:
    shutil.copytree(home, tmp_path, dirs_exist_ok=True)
    day = DAYS[-1]

    name = land_bad_day(CARDS, SPEC, tmp_path, day)
    wrong = pd.read_parquet(tmp_path / ROWS / name)
    landing, found = labelled(tmp_path, SPEC, AS_OF)
    broken = validate(landing, found, SPEC, AS_OF, None)
    not_repaired = land(CARDS, SPEC, tmp_path, AS_OF)
    mend_day(CARDS, SPEC, tmp_path, day)

    right = CARDS.transactions(day)
    assert name == f"{day}.parquet"
    assert wrong["amount"].head(len(right)).tolist() == pytest.approx(right["amount"] * CENTS)
    assert wrong[KEY].duplicated().sum() == SENT_TWICE_ROWS
    assert broken.result == "block"
    assert {check.check for check in broken.failed} >= {"duplicate key"}
    assert not_repaired == ()
    assert files(tmp_path) == files(home)


def test_a_day_on_which_no_card_is_used_has_no_partition(tmp_path: Path) -> None:
    nobody = replace(CARDS, radius=0.0)

    assert not any("reports" not in name for name in land(nobody, SPEC, tmp_path, AS_OF))


def test_a_spec_without_a_feed_cannot_be_delivered_to(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"no feed of reports.*expected label.rule.kind: reports"):
        land(CARDS, a_spec(), tmp_path, AS_OF)


def test_a_spec_on_a_database_has_no_folder_to_deliver_to(tmp_path: Path) -> None:
    query = {"connection": "dwh", "query": "SELECT * FROM cards WHERE day <= :last_day"}

    with pytest.raises(SpecError, match=r"no folder to deliver to; expected source\.path"):
        land(CARDS, a_spec(source=query), tmp_path, AS_OF)


@pytest.mark.parametrize("text", ["20240506", "2024-W19-1", "2024-05", "yesterday", ""])
def test_a_day_is_written_as_year_month_and_day(text: Any) -> None:
    assert day_of("2024-05-06") == date(2024, 5, 6)
    with pytest.raises(ValueError, match=r"Invalid isoformat|no day written"):
        day_of(text)
