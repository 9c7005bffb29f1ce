"""What people do on the dashboard, from end to end: filter, compare, save, roll back."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from finrisk.config import Settings
from finrisk.dashboard.acting.promoters import add_promoter, revoke_promoter
from finrisk.ledger.store import Ledger
from finrisk.pipelines.rooms import Rooms
from finrisk.promotion.by_hand import promote_by_hand
from finrisk.records import PromotionKind
from tests.browser.conftest import Picture
from tests.browser.harness import Dashboard, address, dashboard, done, link_to, looking, open_page
from tests.dashboard.conftest import settings_of
from tests.pipelines.lender import SECOND

MODEL = "credit_risk"
REASON = "v2 declines twice as many applications of the new channel"


def choose(page: Page, label: str, option: str) -> None:
    """Choose by typing, as with a keyboard alone."""
    box = page.get_by_role("combobox", name=label)
    box.click()
    box.fill(option)
    page.keyboard.press("Enter")
    done(page)


def test_runs_are_filtered_and_the_address_can_be_sent(
    opened: Browser, served: Dashboard, picture: Picture
) -> None:
    with looking(opened) as (page, seen):
        open_page(page, address(served, "experiments"), "Experiments")
        expect(page.get_by_text("of 8")).to_be_visible()
        choose(page, "Kind of run", "night")
        expect(page.get_by_text("MLflow runs 1 to 2 of 2")).to_be_visible()
        done(page)
        picture(page, "experiments-filtered")
        sent = page.url
    with looking(opened) as (other, also_seen):
        open_page(other, sent, "Experiments")

        expect(other.get_by_text("MLflow runs 1 to 2 of 2")).to_be_visible()
        assert seen.wrong == also_seen.wrong == []


def test_two_versions_are_compared_and_the_table_is_saved(
    opened: Browser, served: Dashboard, picture: Picture, tmp_path: Path
) -> None:
    with looking(opened, accept_downloads=True) as (page, seen):
        open_page(page, f"{served.url}/comparison?model={MODEL}&a=1&b=2", "Model Comparison")
        picture(page, "comparison-of-two")
        expect(page.get_by_role("heading", name="Both on the same frozen rows")).to_be_visible()
        with page.expect_download() as waiting:
            page.get_by_role("button", name="Save as CSV").first.click()
        saved = tmp_path / "table.csv"
        waiting.value.save_as(saved)

        assert "AUC" in saved.read_text(encoding="utf-8")
        assert seen.wrong == []


def test_the_report_of_a_night_is_saved_whole(
    opened: Browser, served: Dashboard, tmp_path: Path
) -> None:
    with looking(opened, accept_downloads=True) as (page, seen):
        open_page(page, f"{served.url}/promotions?model={MODEL}&night=2024-08-05", "Promotions")
        with page.expect_download() as waiting:
            page.get_by_role("button", name="Save the report of this night").click()
        saved = tmp_path / "night.html"
        waiting.value.save_as(saved)

        page.goto(saved.as_uri())
        assert "2024-08-05" in page.inner_text("body")
        assert seen.wrong == []


@pytest.fixture
def second_champion(own_home: Path) -> Settings:
    """Let a person replace the first night's champion by the second night's version."""
    settings = settings_of(own_home)
    rooms = Rooms.open(MODEL, settings)
    newest = max(version.version for version in rooms.ledger.versions(MODEL))
    assert newest > 1
    promote_by_hand(
        rooms.ledger,
        rooms.registry,
        rooms.registered_name,
        MODEL,
        newest,
        force=True,
        actor="ben",
        reason="a test needs a predecessor",
        as_of=SECOND,
        at=rooms.local_now(),
    )
    rooms.ledger.close()
    return settings


def fill_in_a_rollback(page: Page, served: Dashboard, token: str) -> None:
    """Log in, and say why; the last click is the test's."""
    open_page(page, f"{served.url}/registry?model={MODEL}", "Model Registry")
    page.get_by_text("Log in to act").click()
    page.get_by_label("Promoter token", exact=True).fill(token)
    page.get_by_role("button", name="Log in", exact=True).click()
    done(page)
    page.get_by_text("Roll back", exact=True).click()
    done(page)
    page.get_by_role("textbox", name="Reason").fill(REASON)
    page.get_by_text("I have read what will happen").click()


def test_a_person_rolls_back_and_the_ledger_has_their_name(
    opened: Browser, second_champion: Settings, picture: Picture, tmp_path: Path
) -> None:
    settings = second_champion
    token, _ = add_promoter(settings.keys, "ada", at=datetime.now(UTC))
    with dashboard(settings.home, tmp_path) as served, looking(opened) as (page, seen):
        fill_in_a_rollback(page, served, token)
        picture(page, "registry-rolling-back")
        page.get_by_role("button", name="Roll back to v1").click()
        expect(page.get_by_text("v1 is champion after v2")).to_be_visible()
        done(page)
        picture(page, "registry-rolled-back")

        # The other pages show it without being asked again.
        link_to(page, "Overview").click()
        done(page, "Overview")
        expect(page.get_by_text("Champion v1")).to_be_visible()
        assert seen.wrong == []
        assert token not in served.log.read_text()

    with Ledger.open(settings) as ledger:
        link = ledger.history(MODEL)[-1]
        assert (link.version, link.kind, link.actor, link.reason) == (
            1,
            PromotionKind.ROLLBACK,
            "ada",
            REASON,
        )
        assert ledger.verify(MODEL) == link.epoch


def test_a_revoked_person_acts_no_more_on_a_page_that_is_open(
    opened: Browser, second_champion: Settings, tmp_path: Path
) -> None:
    settings = second_champion
    token, _ = add_promoter(settings.keys, "ada", at=datetime.now(UTC))
    with dashboard(settings.home, tmp_path) as served, looking(opened) as (page, seen):
        fill_in_a_rollback(page, served, token)
        revoke_promoter(settings.keys, "ada", at=datetime.now(UTC))
        page.get_by_role("button", name="Roll back to v1").click()
        expect(page.get_by_text("Nothing was done")).to_be_visible()

        assert seen.wrong == []
    with Ledger.open(settings) as ledger:
        assert ledger.history(MODEL)[-1].version == 2
