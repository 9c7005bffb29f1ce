from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from finrisk.data.contracts import validate
from finrisk.data.labels import LABEL, VINTAGE
from finrisk.data.landing import ROW_ID
from finrisk.data.maturity import is_mature, months_later, vintage_of
from finrisk.data.simulated_delivery import land, land_bad_month, mend_month, month_of
from finrisk.data.simulated_lender import KEY, SimulatedLender
from finrisk.errors import SpecError
from tests.data.factories import a_spec, files, labelled, shipped_spec

LENDER = SimulatedLender(seed=7, applications_per_month=300, drift_month=date(2023, 4, 1))
SPEC = shipped_spec()
AS_OF = date(2023, 9, 5)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where everything up to ``AS_OF`` landed; a test that changes it takes a copy."""
    folder = tmp_path_factory.mktemp("lender")
    land(LENDER, SPEC, folder, AS_OF)
    return folder


def test_what_had_arrived_lands_whole_and_keeps_the_contract(home: Path) -> None:
    landing, found = labelled(home, SPEC, AS_OF)

    assert (landing.problems, landing.breaches, found.problems) == ((), (), ())
    assert len(landing.files) == 8
    assert validate(landing, found, SPEC, AS_OF, None).result == "pass"


def test_landing_again_delivers_nothing_and_a_later_day_only_what_is_new(tmp_path: Path) -> None:
    land(LENDER, SPEC, tmp_path, date(2023, 4, 1))
    before = files(tmp_path)

    again = land(LENDER, SPEC, tmp_path, date(2023, 4, 1))
    later = land(LENDER, SPEC, tmp_path, date(2023, 4, 16))

    assert again == ()
    assert later == ("defaults_2023-04-15.parquet",)
    assert before.items() <= files(tmp_path).items()


def test_landing_month_by_month_or_at_once_is_the_same(tmp_path: Path) -> None:
    for day in (date(2023, 2, 1), date(2023, 3, 20), date(2023, 4, 1)):
        land(LENDER, SPEC, tmp_path / "a", day)
    land(LENDER, SPEC, tmp_path / "b", date(2023, 4, 1))

    assert files(tmp_path / "a") == files(tmp_path / "b")


def test_a_month_lands_only_when_it_is_over(tmp_path: Path) -> None:
    assert land(LENDER, SPEC, tmp_path, date(2023, 1, 10)) == ()
    assert land(LENDER, SPEC, tmp_path, date(2023, 1, 31)) == ()
    assert land(LENDER, SPEC, tmp_path, date(2023, 2, 1))[0] == "applications_2023-01.parquet"


@pytest.mark.parametrize("as_of", [date(2023, 8, 30), date(2023, 9, 30)])
def test_on_the_day_a_vintage_matures_every_default_that_counts_was_reported(
    tmp_path: Path, as_of: date
) -> None:
    land(LENDER, SPEC, tmp_path, as_of)

    _, found = labelled(tmp_path, SPEC, as_of)

    month = month_of("2023-01" if as_of.month == 8 else "2023-02")
    assert is_mature(vintage_of(month, "month"), SPEC.label, as_of)
    applications = LENDER.applications(month).set_index(KEY)["application_date"]
    reports = LENDER.reports(month).set_index(KEY)["defaulted_on"]
    ends = months_later(applications.loc[reports.index].to_numpy().astype("datetime64[D]"), 6)
    true_bads = set(reports.index[reports.to_numpy().astype("datetime64[D]") <= ends])
    rows = found.frame[found.frame[VINTAGE] == vintage_of(month, "month")]
    assert set(rows.loc[rows[LABEL] == 1, ROW_ID]) == true_bads
    assert len(true_bads) < len(reports)  # the late ones do not count


def test_a_bad_month_blocks_until_it_is_mended(home: Path, tmp_path: Path) -> None:
    shutil.copytree(home, tmp_path, dirs_exist_ok=True)
    right = files(tmp_path)
    month = date(2023, 8, 1)

    name = land_bad_month(LENDER, SPEC, tmp_path, month)
    landing, found = labelled(tmp_path, SPEC, AS_OF)
    broken = validate(landing, found, SPEC, AS_OF, None)
    not_repaired = land(LENDER, SPEC, tmp_path, AS_OF)
    mend_month(LENDER, SPEC, tmp_path, month)

    assert name == "applications_2023-08.parquet"
    assert broken.result == "block"
    assert {check.check for check in broken.failed} >= {"range", "duplicate key"}
    assert not_repaired == ()
    assert files(tmp_path) == right


def test_the_truth_never_lands(home: Path) -> None:
    landing, _ = labelled(home, SPEC, AS_OF)

    assert landing.unknown_columns == ()
    truth = LENDER.true_probability(landing.frame)
    numbers = landing.frame.select_dtypes("number").fillna(0.0)
    assert max(abs(np.corrcoef(truth, numbers[c])[0, 1]) for c in numbers) < 0.95


def test_a_spec_without_a_feed_cannot_be_delivered_to(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"no feed of reports.*expected label.rule.kind: reports"):
        land(LENDER, a_spec(), tmp_path, AS_OF)


def test_a_spec_on_a_database_has_no_folder_to_deliver_to(tmp_path: Path) -> None:
    query = {"connection": "dwh", "query": "SELECT * FROM loans WHERE opened <= :last_day"}

    with pytest.raises(SpecError, match=r"no folder to deliver to; expected source\.path"):
        land(LENDER, a_spec(source=query), tmp_path, AS_OF)


def test_a_month_is_written_as_year_and_month() -> None:
    assert month_of("2024-09") == date(2024, 9, 1)
    with pytest.raises(ValueError, match="Invalid isoformat"):
        month_of("September")
