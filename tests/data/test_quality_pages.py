"""The pages: self-contained, escaped, and the verdict first."""

from __future__ import annotations

import re
from datetime import date, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from finrisk.data.column_quality import ColumnQuality
from finrisk.data.quality import QualityParts, QualityReport, VintageQuality
from finrisk.data.quality_page import index_page, night_page
from finrisk.data.quality_store import MOST_NIGHTS, QualityStore
from finrisk.records import Check

AS_OF = date(2024, 7, 2)
HOSTILE = "<script>alert('x')</script>"


def a_report(**changes: Any) -> QualityReport:
    columns = (
        ColumnQuality("id", "text", "str", 0.0, 0.0, 4000),
        ColumnQuality(
            "income",
            "number",
            "float64",
            0.0125,
            0.2,
            900,
            4321.0,
            87.5,
            {"5": 900.0, "50": 4000.0},
        ),
        ColumnQuality(
            "home",
            "category",
            "str",
            0.0,
            None,
            3,
            shares={"own": 0.25, "rent": 0.7},
            pooled_share=0.05,
        ),
        ColumnQuality(
            "opened",
            "date",
            "datetime64[us]",
            0.0,
            0.0,
            60,
            first_month="2024-01",
            last_month="2024-06",
        ),
    )
    made = QualityReport(
        model="loans",
        as_of=AS_OF,
        result="warn",
        rows=4000,
        quarantined=2,
        missing_share=0.0125,
        score=0.99375,
        parts=QualityParts(1.0, 0.995, 1.0, None),
        checks_run=62,
        failed=(
            Check(
                "warn", "income", "quarantined: range", 2, "2 of 4002 rows", ("number of 6 digits",)
            ),
        ),
        problems=(),
        vintages=tuple(
            VintageQuality(
                f"{2020 + n // 12}-{n % 12 + 1:02d}", 100, 3, 0.01, 0.25 if n < 50 else None
            )
            for n in range(54)
        ),
        columns=columns,
        dtypes={"float64": 1, "str": 2, "datetime64[us]": 1},
    )
    return made.replace(**changes)


def nights(count: int, last: date = AS_OF) -> list[QualityReport]:
    """Reports of the nights up to a day, oldest first, each a little worse than the one before."""
    return [
        a_report(as_of=last - timedelta(days=count - 1 - n), score=1 - n / 100)
        for n in range(count)
    ]


class Page(HTMLParser):
    """What a browser would make of a page: its tags, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)
        self.text = " ".join(self.text.split()) + " "
        assert self.open == [], "a tag was left open"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta",) and not (self.get_starttag_text() or "").endswith("/>"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += f"{data} "

    def attributes(self, name: str) -> list[str | None]:
        return [attributes[name] for _, attributes in self.tags if name in attributes]


def page_of(report: QualityReport, before: list[QualityReport] | None = None) -> Page:
    lines = [night.line for night in before or []]
    return Page(night_page(report, lines, title="Loans", scope="live"))


def test_a_page_tells_the_verdict_the_score_and_its_formula() -> None:
    text = page_of(a_report()).text

    assert "WARN · the night went on with 1 warning: quarantined: range: 2 of 4002 rows " in text
    assert "0.9937" in text
    assert "4,000" in text
    assert "1.25%" in text
    assert "Score = the mean of the parts that the contract asks for." in text
    assert "(1 − missing share) ÷ (1 − allowed missing share)" in text
    assert "timeliness not asked" in text
    assert "asks for, else 0 (set max_age_days)" in text
    assert "70.00% rent 25.00% own" in text
    assert "datetime64[us]" in text.partition("Read as")[2]


def test_money_is_written_out() -> None:
    column = ColumnQuality("income", "number", "float64", 0.0, 0.2, 900, 40_110.0, 1_234_000.0)

    assert "40,110 1,234,000" in page_of(a_report(columns=(column,))).text


def test_checks_that_block_are_told_apart_from_those_that_warn() -> None:
    checks = [Check(severity, None, "range", 1, "1 row") for severity in ("block", "warn", "warn")]
    report = a_report(failed=tuple(checks), problems=("a.parquet: empty file",))

    index = Page(index_page([report.line], model="loans", title="Loans", scope="live", of=1))

    assert "Checks failed 2 block, 2 warn" in page_of(report).text
    assert "2 block, 2 warn" in index.text
    assert "Checks failed none" in page_of(a_report(failed=())).text


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"result": "pass", "failed": ()}, "PASS · all 62 checks of the contract passed"),
        (
            {"result": "block", "failed": (Check("block", "home", "unknown value", 7, "7 rows"),)},
            "BLOCK · the night was held by its data (unknown value: 7 rows); the champion stays",
        ),
        ({"result": "warn", "failed": ()}, "WARN · the night went on with 0 warnings"),
        (
            {"failed": (Check("warn", "a", "late", 1, "1 row"), Check("warn", "b", "new", 2, "2"))},
            "WARN · the night went on with 2 warnings: late: 1 row (+1 more)",
        ),
        (
            {"result": "block", "problems": ("a.parquet: empty file",)},
            "BLOCK · the night was held: a.parquet: empty file",
        ),
    ],
)
def test_the_first_sentence_says_what_became_of_the_night(
    changes: dict[str, Any], sentence: str
) -> None:
    assert sentence in page_of(a_report(**changes)).text


def test_a_page_loads_nothing_and_runs_nothing() -> None:
    page = page_of(a_report(), nights(3, AS_OF - timedelta(days=1)))

    assert not {tag for tag, _ in page.tags} & {"script", "link", "img", "iframe", "object"}
    assert page.attributes("src") == page.attributes("href") == []
    policy = next(a["content"] for t, a in page.tags if t == "meta" and "http-equiv" in a)
    assert policy == "default-src 'none'; style-src 'unsafe-inline'"


def test_every_text_is_escaped() -> None:
    column = ColumnQuality(
        HOSTILE, "category", "str", 0.0, None, 1, shares={HOSTILE: 1.0}, pooled_share=0.0
    )
    check = Check("warn", HOSTILE, HOSTILE, 1, HOSTILE, (HOSTILE,))
    hostile = a_report(model=HOSTILE, failed=(check,), problems=(HOSTILE,), columns=(column,))

    page = night_page(hostile, [], title=HOSTILE, scope=HOSTILE)
    index = index_page([hostile.line], model=HOSTILE, title=HOSTILE, scope=HOSTILE, of=1)

    assert "<script" not in page + index
    assert page.count("&lt;script&gt;") >= 10


def test_the_curve_has_a_point_a_night_and_axes_with_their_words() -> None:
    *before, tonight = nights(5)

    page = page_of(tonight, before)

    dots = [attributes["class"] for tag, attributes in page.tags if tag == "circle"]
    assert dots == ["dot warn"] * 5
    assert "Nights: pass warn block" in page.text
    (points,) = page.attributes("points")
    heights = [float(point.split(",")[1]) for point in str(points).split()]
    assert heights == sorted(heights)  # the scores fall, and a page's y grows downwards
    assert heights[0] == 24.0
    for word in ("data-quality score (1 = best)", "as of (night)", "2024-06-28", "0.95", "1 "):
        assert word in page.text
    (label,) = page.attributes("aria-label")
    assert "5 nights" in str(label)


def test_a_score_of_nought_stays_within_the_picture() -> None:
    page = page_of(a_report(score=0.0), [a_report(as_of=date(2024, 7, 1), score=1.0)])

    (points,) = page.attributes("points")
    assert points == "48.0,24.0 712.0,144.0"


@pytest.mark.parametrize(
    ("share", "shown"), [(0.0, "0%"), (0.00002, "<0.01%"), (0.0001, "0.01%"), (0.5, "50.00%")]
)
def test_a_share_that_is_not_nought_never_looks_so(share: float, shown: str) -> None:
    assert f"Missing cells {shown}" in page_of(a_report(missing_share=share)).text


def test_the_first_night_has_no_curve_and_no_change() -> None:
    page = page_of(a_report())

    assert not [t for t, _ in page.tags if t == "svg"]
    assert "since" not in page.text


def test_a_page_says_what_changed_since_the_night_before() -> None:
    before = a_report(as_of=date(2024, 7, 1), score=0.99, rows=3950)

    text = page_of(a_report(), [before]).text

    assert "+0.0038 since 2024-07-01" in text
    assert "+50 since 2024-07-01" in text


def test_a_page_shows_the_newest_vintages_and_says_how_many_there_are() -> None:
    page = page_of(a_report()).text

    assert "Newest first, 36 of 54: more would hide the newest ones" in page
    assert page.index("2024-06 100 3") < page.index("2024-05 100 3")
    assert "2021-06 100 3" not in page
    assert "Newest first. The bad rate" in page_of(a_report(vintages=a_report().vintages[:3])).text


def test_a_night_that_read_nothing_has_a_page_too() -> None:
    nothing = a_report(
        result="block", rows=0, missing_share=None, score=0.0, columns=(), vintages=(), dtypes={},
        parts=QualityParts(None, None, None, None), failed=(), problems=("nothing landed",),
    )  # fmt: skip

    text = page_of(nothing).text

    assert "nothing landed" in text
    assert "Columns" not in text


def a_store(root: Path) -> QualityStore:
    return QualityStore(root, "live", "loans", "Loans")


def test_a_night_leaves_a_document_a_page_and_a_list(tmp_path: Path) -> None:
    store, report = a_store(tmp_path), a_report()

    page = store.keep(report)

    folder = tmp_path / "live" / "loans"
    assert sorted(f.name for f in folder.iterdir()) == [
        "2024-07-02.html",
        "2024-07-02.json",
        "index.html",
    ]
    assert (folder / "2024-07-02.json").read_bytes() == report.canonical()
    assert Page(store.page(AS_OF).read_text()).attributes("href") == ["index.html"]
    assert Page(page).attributes("href") == []  # it goes into MLflow, without its neighbours
    assert store.report(AS_OF) == report
    assert not list(folder.glob(".*"))


def test_the_list_is_newest_first_and_leads_to_the_pages(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    for report in nights(3):
        store.keep(report)

    index = Page(store.index.read_text())

    assert index.attributes("href") == ["2024-07-02.html", "2024-07-01.html", "2024-06-30.html"]
    assert "3 nights of 3" in index.text
    assert [line.as_of.day for line in store.history()] == [30, 1, 2]
    assert [line.as_of.day for line in store.history(2)] == [1, 2]


def led_to(store: QualityStore, day: str) -> list[str | None]:
    return Page((store.folder / f"{day}.html").read_text()).attributes("href")


def test_a_page_leads_to_the_list_and_to_the_nights_beside_it(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    first, second, third = nights(3)
    for report in (first, third, second):
        store.keep(report)

    assert led_to(store, "2024-06-30") == ["index.html", "2024-07-01.html"]
    assert led_to(store, "2024-07-01") == ["index.html", "2024-06-30.html", "2024-07-02.html"]
    assert led_to(store, "2024-07-02") == ["index.html", "2024-07-01.html"]

    for gone in store.folder.glob("2024-06-30.*"):
        gone.unlink()
    store.refresh()

    assert led_to(store, "2024-07-01") == ["index.html", "2024-07-02.html"]


def test_a_list_written_anew_leads_to_what_is_there(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    for report in nights(3):
        store.keep(report)
    listed = store.index.read_text()
    store.refresh()
    assert store.index.read_text() == listed

    for gone in store.folder.glob("2024-06-30.*"):
        gone.unlink()
    store.refresh()

    index = Page(store.index.read_text())
    assert index.attributes("href") == ["2024-07-02.html", "2024-07-01.html"]
    assert "2 nights of 2" in index.text


def test_a_night_run_again_replaces_its_own_and_an_older_one_sees_no_later_night(
    tmp_path: Path,
) -> None:
    store = a_store(tmp_path)
    first, second, third = nights(3)
    for report in (first, third, second):
        page = store.keep(report)

    assert "2024-07-02" not in page  # the page of the second
    store.keep(second.replace(score=0.5))
    assert [line.score for line in store.history()] == [1.0, 0.5, 0.98]
    assert len(Page(store.index.read_text()).attributes("href")) == 3


def test_a_list_of_many_nights_is_cut_and_says_so(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    store.folder.mkdir(parents=True)
    for report in nights(MOST_NIGHTS + 1):
        (store.folder / f"{report.as_of}.json").write_bytes(report.replace(score=0.9).canonical())

    store.keep(a_report())

    assert len(store.history()) == MOST_NIGHTS
    assert re.search(rf"{MOST_NIGHTS} nights\s+of {MOST_NIGHTS + 1}", store.index.read_text())


def test_a_document_that_cannot_be_read_stops_no_night(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = a_store(tmp_path)
    store.keep(a_report())
    (store.folder / "2024-07-01.json").write_text('{"of": "another version"}')
    (store.folder / "2024-06-30.json").write_text("cut off")
    (store.folder / "notes-of-me.json").write_text("{}")
    (store.folder / "2024-99-99.json").write_text("{}")

    store.keep(a_report(as_of=date(2024, 7, 3)))

    assert [line.as_of.day for line in store.history()] == [2, 3]
    assert "2024-07-01: ValidationError" in caplog.text


def test_where_no_night_was_there_is_no_history(tmp_path: Path) -> None:
    assert a_store(tmp_path).history() == []
