"""What a tenant's settings are, and what they lead to."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from finrisk.config import Settings, load_settings
from finrisk.errors import ConfigurationError, SettingsError, SpecError
from finrisk.names import LIVE, TENANT_PATTERN
from finrisk.pipelines.rooms import Rooms
from finrisk.setting_up import initialise
from finrisk.specs.loader import load_spec
from finrisk.tenants import demand_own_places, strangers, tenant, tenants_of
from finrisk.tracking.client import open_client
from tests.specs.factories import CREDIT_RISK
from tests.tenants.worlds import add_tenant, own_settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    add_tenant(tmp_path, "acme")
    add_tenant(tmp_path, "borealis")
    return own_settings(tmp_path)


def test_without_tenants_all_is_as_it_was(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)

    assert settings.tenant_names == ()
    assert settings.of_tenant("") is settings
    assert settings.in_scope("acme").store == settings.store
    assert settings.in_scope("acme").scoped_registered_name("loans") == "loans-acme"
    assert [one.name for one in tenants_of(settings)] == [""]


def test_a_tenant_has_a_home_of_its_own_and_shares_the_servers(settings: Settings) -> None:
    acme = settings.of_tenant("acme")

    assert (acme.scope, acme.is_live) == ("acme", True)
    assert acme.conf_locations == (settings.home / "lenders" / "acme" / "models",)
    assert acme.home == settings.home / "tenants" / "acme"
    assert acme.store == settings.store / "tenants" / "acme"
    assert acme.row_hash_keys == settings.keys / "tenants" / "acme"
    assert acme.scoped_registered_name("loans") == "acme__loans"
    assert acme.scoped_experiment == "finrisk-experiments-acme"
    shared = ("ledger_url", "tracking_uri", "registry_uri", "keys", "signing_keys")
    assert all(getattr(acme, name) == getattr(settings, name) for name in shared)


def test_a_tenants_scope_leads_to_the_tenant(settings: Settings) -> None:
    assert settings.in_scope("acme") == settings.of_tenant("acme")
    replay = settings.in_scope("acme__replay")
    assert (replay.tenant, replay.scope, replay.is_live) == ("acme", "acme__replay", False)
    assert settings.of_tenant("acme").in_scope("replay") == replay
    assert settings.in_scope("replay").tenant == ""


@pytest.mark.parametrize("scope", [LIVE, "acme", "borealis", "replay", "borealis__replay"])
def test_within_a_tenant_no_scope_leads_out_of_it(settings: Settings, scope: str) -> None:
    acme = settings.of_tenant("acme")

    found = acme.in_scope(scope)

    assert found.scope.split("__")[0] == "acme"
    assert (found.store, found.conf_locations) == (acme.store, acme.conf_locations)


def test_a_process_of_one_tenant_opens_no_other(settings: Settings) -> None:
    acme = settings.of_tenant("acme")

    assert acme.tenant_names == ("acme",)
    for other in ("borealis", ""):
        with pytest.raises(SettingsError, match="works for the tenant acme"):
            acme.of_tenant(other)


def test_the_environment_names_the_tenant(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINRISK_HOME", str(settings.home))
    monkeypatch.setenv("FINRISK_TENANTS", "lenders")
    monkeypatch.setenv("FINRISK_TENANT", "acme")

    assert load_settings().store == settings.of_tenant("acme").store
    monkeypatch.setenv("FINRISK_SCOPE", "replay")
    assert load_settings().scope == "acme__replay"
    monkeypatch.setenv("FINRISK_TENANT", "acne")
    with pytest.raises(SettingsError, match="no tenant 'acne'; expected one of acme, borealis"):
        load_settings()


def test_a_tenant_is_not_named_as_a_scope(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINRISK_HOME", str(settings.home))
    monkeypatch.setenv("FINRISK_TENANTS", "lenders")
    monkeypatch.setenv("FINRISK_SCOPE", "acme")

    with pytest.raises(SettingsError, match="set FINRISK_TENANT=acme"):
        load_settings()


@pytest.mark.parametrize("name", ["live", "replay", "Acme", "a__b", "a_", "_a", "a-b", "a" * 21])
def test_a_folder_whose_name_is_no_tenants_is_told_and_left_out(
    settings: Settings, name: str
) -> None:
    add_tenant(settings.home, name)

    assert settings.tenant_names == ("acme", "borealis")
    assert [name in str(one) for one in strangers(settings)] == [True]


def test_no_two_names_make_one_in_mlflow(settings: Settings) -> None:
    names = ("a", "a_b", "b", "ab")
    assert all(re.fullmatch(TENANT_PATTERN, name) for name in names)
    models = ("b-c", "c", "b", "a-b")
    for name in names:
        add_tenant(settings.home, name)
    scopes = [LIVE, *(scope for name in names for scope in (name, f"{name}__replay"))]

    found = [settings.in_scope(scope).scoped_registered_name(m) for scope in scopes for m in models]

    assert len(set(found)) == len(scopes) * len(models)


def test_a_model_registered_by_hand_cannot_take_a_tenants_name(settings: Settings) -> None:
    with pytest.raises(SettingsError, match="would be a model of a tenant's"):
        settings.scoped_registered_name("acme__loans")


def test_a_broken_tenant_file_is_the_tenants_own_trouble(settings: Settings) -> None:
    (settings.home / "lenders" / "acme" / "tenant.yaml").write_text("tittle: Acme\n")
    (settings.home / "lenders" / "borealis" / "tenant.yaml").write_text("title: Borealis Bank\n")

    first, acme, borealis = tenants_of(settings)

    assert acme.trouble is not None
    assert "tittle" in str(acme.trouble)
    assert (first.trouble, borealis.trouble, borealis.title) == (None, None, "Borealis Bank")


def test_a_broken_spec_of_a_tenant_stops_nobodys_setting_up(settings: Settings) -> None:
    broken = settings.home / "lenders" / "acme" / "models" / "credit_risk.yaml"
    broken.write_text("name: credit_risk\n")

    initialise(settings)

    assert (settings.of_tenant("borealis").row_hash_keys / "row-hash.key").exists()
    specs, wrong = tenant(settings.of_tenant("acme")).specs()
    assert (specs, len(wrong)) == ({}, 1)


@pytest.mark.parametrize("path", ["/srv/borealis", "../borealis/landing", "landing/../../x", "~x"])
def test_a_tenants_spec_reads_nothing_outside_its_folder(settings: Settings, path: str) -> None:
    spec = load_spec(CREDIT_RISK)
    source = spec.source.model_copy(update={"path": path})
    spec = spec.model_copy(update={"source": source})

    with pytest.raises(SpecError, match="leads out of the tenant's folder"):
        demand_own_places(settings.of_tenant("acme"), spec)
    demand_own_places(settings, spec)  # the first lender's were always anywhere


def test_a_name_that_is_a_tenants_name_is_still_free(settings: Settings) -> None:
    spec = load_spec(CREDIT_RISK)
    source = {"connection": "acme", "query": "SELECT 1 WHERE 1 < :last_day"}

    demand_own_places(settings, type(spec).model_validate(spec.model_dump() | {"source": source}))
    assert settings.scoped_registered_name("acme") == "acme"


def test_a_tenants_connections_are_its_own(settings: Settings) -> None:
    initialise(settings)
    asked: list[str] = []

    def address(name: str) -> str:
        asked.append(name)
        return "sqlite:///of_the_lender.db"

    Rooms.open("credit_risk", settings.of_tenant("acme"), address).connections("core")
    Rooms.open("credit_risk", settings, address).connections("core")

    assert asked == ["acme__core", "core"]


def test_the_first_lender_names_no_connection_of_a_tenants(settings: Settings) -> None:
    spec = load_spec(CREDIT_RISK)
    source = {"connection": "acme__core", "query": "SELECT 1 WHERE 1 < :last_day"}
    spec = type(spec).model_validate(spec.model_dump() | {"source": source})

    with pytest.raises(SpecError, match="connection 'acme__core' is a tenant's"):
        demand_own_places(settings, spec)


def test_a_tenant_that_cannot_be_set_up_keeps_no_other_from_it(settings: Settings) -> None:
    initialise(settings)
    client = open_client(settings)
    deleted = client.get_experiment_by_name("finrisk-experiments-acme")
    client.delete_experiment(deleted.experiment_id)
    shutil.rmtree(settings.of_tenant("borealis").row_hash_keys)

    with pytest.raises(ConfigurationError, match="'finrisk-experiments-acme' was deleted"):
        initialise(settings)

    assert (settings.of_tenant("borealis").row_hash_keys / "row-hash.key").exists()


def test_a_process_of_one_tenant_sets_nothing_up_for_all(settings: Settings) -> None:
    with pytest.raises(ConfigurationError, match="unset FINRISK_TENANT"):
        initialise(settings.of_tenant("acme"))
