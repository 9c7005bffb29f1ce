"""What the first start makes for tenants."""

from __future__ import annotations

from pathlib import Path

from deploy.first_start import pools_of
from finrisk.tenants import tenants_of
from tests.tenants.worlds import add_tenant, own_settings


def test_each_pool_that_tenants_name_is_made_once_with_the_most_slots(tmp_path: Path) -> None:
    add_tenant(tmp_path, "acme", pool="lenders", pool_slots=2)
    add_tenant(tmp_path, "borealis", pool="lenders", pool_slots=6)
    add_tenant(tmp_path, "ceres", pool="ceres")
    add_tenant(tmp_path, "delta", pool="default_pool")

    found = pools_of(tenants_of(own_settings(tmp_path)))

    assert [pool[:2] for pool in found] == [("lenders", "6"), ("ceres", "4")]
