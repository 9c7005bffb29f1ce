"""Every page in a real browser, light and dark: no error in the console, usable by keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page

from finrisk.dashboard.pages import PAGES
from tests.browser.conftest import Picture
from tests.browser.harness import (
    Dashboard,
    Seen,
    address,
    dashboard,
    done,
    link_to,
    looking,
    open_page,
    press_until,
)
from tests.browser.reading import pale, unnamed, way_of_tab

TITLES = {page.name: page.title for page in PAGES}
NAMES = list(TITLES)
PHONE = 390  # pixels


@dataclass(frozen=True, slots=True)
class Visit:
    """One page, opened by its address, and what went wrong on it."""

    name: str
    theme: str
    page: Page
    seen: Seen


@pytest.fixture(
    scope="module",
    params=[(name, theme) for theme in ("light", "dark") for name in NAMES],
    ids="-".join,
)
def visit(request: pytest.FixtureRequest, opened: Browser, served: Dashboard) -> Iterator[Visit]:
    name, theme = request.param
    with looking(opened, dark=theme == "dark") as (page, seen):
        open_page(page, address(served, name), TITLES[name])
        yield Visit(name, theme, page, seen)


def test_a_page_opens_by_its_address_and_nothing_is_wrong(visit: Visit, picture: Picture) -> None:
    picture(visit.page, f"{visit.name}-{visit.theme}")

    assert visit.seen.wrong == []
    assert visit.seen.warnings == []
    assert visit.page.get_by_test_id("stException").count() == 0
    assert visit.page.get_by_test_id("stAlertContentError").all_inner_texts() == []


def test_a_page_has_one_heading_of_the_first_level_and_is_called_so(visit: Visit) -> None:
    (heading,) = visit.page.get_by_role("heading", level=1).all_inner_texts()

    assert heading == TITLES[visit.name]
    assert TITLES[visit.name] in visit.page.title()


def test_everything_that_can_be_used_has_a_name(visit: Visit) -> None:
    assert [f"{one.role}: {one.html}" for one in unnamed(visit.page)] == []


def test_text_stands_out_from_what_is_behind_it(visit: Visit) -> None:
    assert pale(visit.page) == []


def test_the_tab_key_comes_through_a_page_and_out_of_it(visit: Visit) -> None:
    way = way_of_tab(visit.page)

    links = [stop["name"] for stop in way if stop["where"] == "stSidebarNavLink"]
    assert len(links) == len(PAGES), links


@pytest.mark.parametrize("name", NAMES)
def test_a_page_is_reached_by_its_link_with_the_keyboard(
    name: str, opened: Browser, served: Dashboard
) -> None:
    other = NAMES[NAMES.index(name) - 1]
    with looking(opened) as (page, seen):
        open_page(page, address(served, other), TITLES[other])
        link = link_to(page, TITLES[name])

        reached = press_until(page, "Tab", lambda: link.evaluate("e => e.matches(':focus')"))
        page.keyboard.press("Enter")
        done(page, TITLES[name])

        assert reached
        assert seen.wrong == []


@pytest.mark.parametrize("name", NAMES)
def test_a_page_fits_a_narrow_screen(
    name: str, opened: Browser, served: Dashboard, picture: Picture
) -> None:
    with looking(opened, width=PHONE, height=800) as (page, seen):
        open_page(page, address(served, name), TITLES[name])
        picture(page, f"{name}-narrow")

        wider = page.get_by_test_id("stMain").evaluate("e => e.scrollWidth - e.clientWidth")
        assert wider <= 0
        assert seen.wrong == []


def test_an_empty_home_says_what_to_do(
    opened: Browser, empty_home: object, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("empty")
    with dashboard(empty_home, folder) as served, looking(opened) as (page, seen):  # type: ignore[arg-type]
        for name, title in TITLES.items():
            open_page(page, address(served, name), title)

            assert page.get_by_test_id("stException").count() == 0, name
        assert seen.wrong == []
