"""Two lenders of one installation in a browser: chosen by their titles, each with its own pages."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser, expect

from finrisk.dashboard.pages import PAGES
from tests.browser.conftest import Picture
from tests.browser.harness import address, dashboard, done, link_to, looking, open_page
from tests.tenants.worlds import two_lenders

FIRST_TITLE, SECOND_TITLE = "Retail credit risk", "Loans of acme"


def test_a_second_lender_is_chosen_by_its_title_and_has_every_page(
    opened: Browser, picture: Picture, tmp_path: Path
) -> None:
    home = two_lenders(tmp_path / "home").home
    both = {"FINRISK_TENANTS": "lenders"}
    with (
        dashboard(home, tmp_path, environment=both) as served,
        looking(opened) as (page, seen),
    ):
        open_page(page, address(served, PAGES[0].name), PAGES[0].title)
        main = page.get_by_test_id("stMain")
        expect(main).to_contain_text(FIRST_TITLE)
        assert SECOND_TITLE not in main.inner_text()

        page.get_by_role("combobox", name="Scope").click()
        page.get_by_role("option", name="Acme Bank").click()
        done(page, PAGES[0].title)
        expect(main).to_contain_text(SECOND_TITLE)
        assert FIRST_TITLE not in main.inner_text()
        picture(page, "overview-of-a-second-lender")

        for one in PAGES[1:]:
            link_to(page, one.title).click()
            done(page, one.title)
            assert FIRST_TITLE not in main.inner_text(), one.name
            assert page.get_by_test_id("stException").count() == 0, one.name
        assert seen.wrong == []
