from __future__ import annotations

import shutil
from datetime import date, timedelta
from pathlib import Path

import pytest

from finrisk.config import SHIPPED_CONF, Settings
from finrisk.errors import ConfigurationError, UnknownModel
from finrisk.pipelines.simulation import CARDS, land_simulated

CARDS_TO = date(2024, 1, 4)


def conf_of(home: Path, *models: str) -> Settings:
    """Settings whose conf declares these of the shipped models."""
    folder = home / "conf" / "models"
    folder.mkdir(parents=True)
    for model in models:
        shutil.copy(SHIPPED_CONF / f"{model}.yaml", folder)
    return Settings(home=home)


def landed(home: Path) -> set[str]:
    """The folders in which anything landed."""
    return {path.parent.name for path in home.rglob("landing/*/*.parquet")}


def test_what_has_landed_is_not_landed_again(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)

    first = land_simulated(settings, date(2023, 2, 5))

    assert "applications_2023-01.parquet" in first
    assert land_simulated(settings, date(2023, 2, 5)) == []


def test_a_month_comes_broken_and_comes_again(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    land_simulated(settings, date(2023, 2, 5))
    partition = tmp_path / "landing" / "credit_risk" / "applications_2023-01.parquet"
    right = partition.read_bytes()

    land_simulated(settings, date(2023, 2, 5), broken="2023-01")
    assert partition.read_bytes() != right

    land_simulated(settings, date(2023, 2, 5), mended="2023-01")
    assert partition.read_bytes() == right


def test_a_day_comes_broken_and_comes_again(tmp_path: Path) -> None:
    settings = conf_of(tmp_path, "fraud")
    land_simulated(settings, CARDS_TO)
    partition = tmp_path / "landing" / "fraud" / "2024-01-03.parquet"
    right = partition.read_bytes()

    broken = land_simulated(settings, CARDS_TO, broken_day="2024-01-03")
    assert partition.read_bytes() != right
    assert land_simulated(settings, CARDS_TO) == []

    mended = land_simulated(settings, CARDS_TO, mended_day="2024-01-03")
    assert partition.read_bytes() == right
    assert broken == mended == ["2024-01-03.parquet"]


def test_without_a_name_both_simulated_models_are_delivered(tmp_path: Path) -> None:
    land_simulated(conf_of(tmp_path, "credit_risk", "fraud"), CARDS_TO)

    assert landed(tmp_path) >= {"credit_risk", "fraud"}


@pytest.mark.parametrize("model", ["credit_risk", "fraud"])
def test_a_named_model_is_delivered_alone(tmp_path: Path, model: str) -> None:
    land_simulated(conf_of(tmp_path, "credit_risk", "fraud"), CARDS_TO, models=[model])

    assert landed(tmp_path) & {"credit_risk", "fraud"} == {model}


@pytest.mark.parametrize("model", ["credit_risk", "fraud"])
def test_a_conf_with_one_of_them_is_no_error_unless_the_other_is_named(
    tmp_path: Path, model: str
) -> None:
    (other,) = {"credit_risk", "fraud"} - {model}
    settings = conf_of(tmp_path, model)

    land_simulated(settings, CARDS_TO)

    assert landed(tmp_path) & {"credit_risk", "fraud"} == {model}
    with pytest.raises(UnknownModel, match=f"no model '{other}'"):
        land_simulated(settings, CARDS_TO, models=[other])


def test_a_conf_with_neither_has_nothing_to_deliver(tmp_path: Path) -> None:
    assert land_simulated(conf_of(tmp_path), CARDS_TO) == []


def test_a_model_that_is_not_simulated_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="'mortgages' is not simulated; expected credit"):
        land_simulated(Settings(home=tmp_path), CARDS_TO, models=["mortgages"])


def test_a_month_that_is_none_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="expected YYYY-MM; got 'May'"):
        land_simulated(Settings(home=tmp_path), date(2023, 2, 5), broken="May")


@pytest.mark.parametrize("text", ["May", "2024-05", "20240506"])
def test_a_day_that_is_none_is_an_error_before_anything_lands(tmp_path: Path, text: str) -> None:
    for change in ({"broken_day": text}, {"mended_day": text}):
        with pytest.raises(ConfigurationError, match=f"expected YYYY-MM-DD; got '{text}'"):
            land_simulated(Settings(home=tmp_path), CARDS_TO, **change)

    assert landed(tmp_path) == set()


def test_a_period_of_a_model_that_is_not_delivered_is_an_error(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)

    with pytest.raises(ConfigurationError, match="2024-01-03 is a period of fraud, which is not"):
        land_simulated(settings, CARDS_TO, models=["credit_risk"], broken_day="2024-01-03")
    with pytest.raises(ConfigurationError, match=r"2023-01 is a period of credit_risk.*got fraud"):
        land_simulated(settings, CARDS_TO, models=["fraud"], mended="2023-01")
    assert landed(tmp_path) == set()


def test_a_day_before_the_cards_begin_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="expected 2024-01-01 or later"):
        land_simulated(conf_of(tmp_path, "fraud"), CARDS_TO, broken_day="2023-12-31")


def test_the_embedded_cards_have_a_hundredth_of_fraud_and_drift_once() -> None:
    drift = CARDS.stolen_cards_from
    assert drift is not None
    before = [CARDS.day(drift - timedelta(days=n)) for n in range(1, 29)]
    after = [CARDS.day(drift + timedelta(days=n)) for n in range(14, 42)]

    for days, frauds, scenarios in ((before, (40, 55), {1, 2}), (after, (50, 70), {1, 2, 3})):
        assert 4_500 < sum(len(day.transactions) for day in days) / 28 < 5_000
        assert frauds[0] < sum(len(day.frauds) for day in days) / 28 < frauds[1]
        assert {kind for day in days for kind in day.frauds["scenario"]} == scenarios
