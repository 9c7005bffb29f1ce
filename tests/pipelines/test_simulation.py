from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from finrisk.config import Settings
from finrisk.errors import ConfigurationError
from finrisk.pipelines.simulation import land_simulated


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


def test_a_month_that_is_none_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="expected YYYY-MM; got 'May'"):
        land_simulated(Settings(home=tmp_path), date(2023, 2, 5), broken="May")
