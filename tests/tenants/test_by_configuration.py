"""A second lender is a folder: its night, models in MLflow, rows, commands and pages."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from finrisk.cli import app
from finrisk.config import Settings
from finrisk.data.decision_log import DecisionLog
from finrisk.data.row_hashing import RowHasher
from finrisk.ledger.store import Ledger
from finrisk.pipelines.exporter.collector import LedgerCollector
from finrisk.pipelines.retention import collect
from finrisk.pipelines.rooms import Rooms
from finrisk.pipelines.scoring import score_days
from finrisk.tracking.client import open_client
from tests.dashboard.conftest import Show, texts
from tests.pipelines.lender import SECOND, night
from tests.tenants.worlds import MODEL, add_tenant

ANSWERED = CliRunner()
JULY = date(2024, 7, 10)
CANDIDATES = 2  # of a night


def champions(settings: Settings) -> dict[str, str]:
    found = {}
    for whose in (settings, settings.of_tenant("acme")):
        with Ledger.open(whose) as ledger:
            champion = ledger.champion(MODEL)
            assert champion is not None
            found[ledger.scope] = champion.artifact_sha256
    return found


def test_each_has_a_champion_of_its_own_fitted_on_its_own_rows(both: Settings) -> None:
    found = champions(both)

    assert set(found) == {"live", "acme"}
    assert found["live"] != found["acme"]
    for whose in (both, both.of_tenant("acme")):
        rooms = Rooms.open(MODEL, whose)
        look = rooms.ledger.looks(MODEL)[-1]
        other = both if whose.tenant else both.of_tenant("acme")
        assert rooms.snapshots.root.is_relative_to(whose.store)
        assert look.snapshot_sha256 not in {
            one.snapshot_sha256 for one in Rooms.open(MODEL, other).ledger.looks(MODEL)
        }


def test_each_has_an_experiment_and_a_registered_model(both: Settings) -> None:
    client = open_client(both)

    experiments = {one.name for one in client.search_experiments()}
    models = {one.name for one in client.search_registered_models()}

    assert {"finrisk-experiments", "finrisk-experiments-acme"} <= experiments
    assert models == {"credit-risk", "acme__credit-risk"}


def test_a_customer_of_both_has_two_hashes(both: Settings) -> None:
    first, second = (
        RowHasher.load(whose.row_hash_keys).keys(MODEL, ["ES91 2100"])
        for whose in (both, both.of_tenant("acme"))
    )

    assert first != second


def test_decisions_are_logged_apart(own: Settings, both: Settings) -> None:
    acme = both.of_tenant("acme").model_copy(update={"store": own.of_tenant("acme").store})
    rooms = Rooms.open(MODEL, acme)

    report = score_days(rooms, JULY, JULY)

    assert (report.scope, bool(report.logged)) == ("acme", report.logged > 0)
    assert DecisionLog.open(own).days(MODEL) == ()


def test_one_that_cannot_read_its_data_leaves_the_others_night_alone(own: Settings) -> None:
    """Landing is not copied: acme's night finds nothing, the first lender's own is as ever."""
    (own.home / "lenders" / "acme" / "models" / "credit_risk.yaml").write_text("name: [")

    done = Rooms.open(MODEL, own)

    assert done.ledger.champion(MODEL) is not None
    with pytest.raises(Exception, match="credit_risk"):
        Rooms.open(MODEL, own.of_tenant("acme"))


def test_the_command_line_works_for_the_tenant_that_is_named(
    both: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINRISK_HOME", str(both.home))
    monkeypatch.setenv("FINRISK_TENANTS", "lenders")
    found = champions(both)

    for tenant, scope in (("", "live"), ("acme", "acme")):
        monkeypatch.setenv("FINRISK_TENANT", tenant)
        told = json.loads(ANSWERED.invoke(app, ["history", MODEL, "--json"]).stdout)
        assert [one["artifact_sha256"] for one in told["promotions"]] == [found[scope]]
        refused = ANSWERED.invoke(
            app, ["replay", MODEL, "--from", "2024-08-05", "--to", "2024-08-05", "--scope", scope]
        )
        assert refused.exit_code == 2, refused.output


def test_tenants_are_listed_with_what_is_wrong(
    own: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINRISK_HOME", str(own.home))
    monkeypatch.setenv("FINRISK_TENANTS", "lenders")
    spoiled = add_tenant(own.home, "spoiled", title="Spoiled")
    (spoiled / "models" / "credit_risk.yaml").write_text("name: x\n")

    told = json.loads(ANSWERED.invoke(app, ["tenants", "list", "--json"]).stdout)

    first, acme, third = told["tenants"]
    assert (first["tenant"], first["models"], first["troubles"]) == ("", [MODEL], [])
    assert (acme["title"], acme["pool"], acme["models"]) == ("Acme Bank", "acme", [MODEL])
    assert (third["models"], len(third["troubles"])) == ([], 1)


def test_the_exporter_names_the_tenant_of_each_figure(both: Settings) -> None:
    collector = LedgerCollector(both, clock=lambda: datetime(2024, 8, 6, tzinfo=UTC))

    families = {one.name: one for one in collector.collect()}
    collector.close()

    for name in ("finrisk_champion_epoch", "finrisk_nights_missed", "finrisk_data_quality_rows"):
        assert {s.labels["tenant"] for s in families[name].samples} == {"live", "acme"}
    assert {s.labels["tenant"]: s.value for s in families["finrisk_up"].samples} == {
        "live": 1.0,
        "acme": 1.0,
    }


def test_a_tenant_that_comes_while_the_exporter_runs_is_seen(own: Settings) -> None:
    collector = LedgerCollector(own)
    list(collector.collect())
    add_tenant(own.home, "late")

    found = {one.name: one for one in collector.collect()}
    collector.close()

    assert {s.labels["tenant"] for s in found["finrisk_model_info"].samples} == {
        "live",
        "acme",
        "late",
    }


def test_retention_of_one_lender_takes_nothing_of_another(own: Settings) -> None:
    theirs = own.of_tenant("acme").store
    for store in (theirs, own.store):
        (store / ".x.tmp").write_text("a draft that a killed process left")
    before = {path for path in theirs.rglob("*") if path.is_file()}
    later = datetime(2030, 1, 1, tzinfo=UTC)

    report = collect(own, [MODEL], keep_days=1, dry_run=True, now=later)
    collect(own, [MODEL], keep_days=1, dry_run=False, now=later)

    assert {path for path in theirs.rglob("*") if path.is_file()} == before
    assert not (own.store / ".x.tmp").exists()
    gone = report.removed.get("candidates")
    looked_at = sum(report.kept.get("candidates", {}).values()) + (gone.count if gone else 0)
    assert looked_at == CANDIDATES


def test_a_night_of_the_second_goes_on_from_its_own_champion(own: Settings) -> None:
    """Only the first lender's second month is missing: nothing of it reaches acme's ledger."""
    with Ledger.open(own) as ledger:
        before = ledger.pulse()
    acme = Rooms.open(MODEL, own.of_tenant("acme"))

    decided = night(acme, SECOND)

    assert decided.as_of == SECOND
    assert acme.ledger.last_night(MODEL) is not None
    with Ledger.open(own) as ledger:
        assert ledger.pulse() == before


def test_the_dashboard_shows_each_by_its_title(
    both: Settings, show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINRISK_TENANTS", "lenders")

    first = show(both.home, "registry")
    second = show(both.home, "registry", scope="acme")

    assert first.sidebar.selectbox(key="scope").options == ["live", "Acme Bank"]
    assert not second.exception, second.exception
    assert second.sidebar.selectbox(key="model chosen").options == ["Loans of acme"]
    assert first.sidebar.selectbox(key="model chosen").options != ["Loans of acme"]


def test_whoever_comes_from_a_tenants_dag_sees_the_tenant(
    both: Settings, show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINRISK_TENANTS", "lenders")

    at = show(both.home, "promotions", dag="acme__credit_risk_retraining")

    assert not at.exception, at.exception
    assert at.sidebar.selectbox(key="scope").value == "acme"


@pytest.mark.parametrize("page", ["overview", "promotions", "monitoring", "quality", "settings"])
def test_every_page_shows_a_tenant(
    page: str, both: Settings, show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINRISK_TENANTS", "lenders")

    at = show(both.home, page, scope="acme")

    assert not at.exception, at.exception
    assert not at.error, texts(at)


def test_a_dashboard_of_one_tenant_knows_of_no_other(
    both: Settings, show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINRISK_TENANTS", "lenders")
    monkeypatch.setenv("FINRISK_TENANT", "acme")

    at = show(both.home, "registry", scope="live")

    assert not at.exception, at.exception
    assert [box.label for box in at.sidebar.selectbox] == ["Model"]
    assert at.sidebar.selectbox(key="model chosen").options == ["Loans of acme"]


def test_specs_may_lie_beside_the_data(tmp_path: Path) -> None:
    """``FINRISK_TENANTS`` may be the folder of the tenants' homes itself."""
    folder = tmp_path / "tenants" / "acme" / "models"
    folder.mkdir(parents=True)

    acme = Settings(home=tmp_path, tenants=Path("tenants")).of_tenant("acme")

    assert acme.conf_locations == (acme.home / "models",)
