"""The data-quality page: the night's verdict and its reasons, what fails again, what leads out."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from finrisk.dashboard.kept_pages import shut_in
from finrisk.dashboard.quality.charts import figure_picture
from finrisk.dashboard.quality.page import rows_change, score_change
from finrisk.dashboard.quality.queries import FailedCheck, Night
from finrisk.dashboard.quality.words import repeated
from finrisk.data.column_quality import ColumnQuality
from finrisk.data.quality import QualityParts, QualityReport, VintageQuality
from finrisk.data.quality_history import newest_reports, nights_of
from finrisk.data.quality_store import QualityStore
from finrisk.records import Check
from finrisk.setting_up import initialise
from tests.dashboard.conftest import Show, settings_of, texts
from tests.pipelines.lender import write_spec

MODEL, TITLE = "credit_risk", "Retail credit risk"
NEWEST = date(2024, 12, 5)
DAY = timedelta(days=1)
RANGE = Check(
    "block", "income", "range", 29, "29 rows of 'income' below 0", ("number of 5 digits",)
)
LEVEL = Check("warn", None, "level", 1, "median of amount against vintages before")
TABS = ["Score and rows", "Failing checks", "Columns", "Vintages", "The kept page"]


def report(as_of: date = NEWEST, **changes: Any) -> QualityReport:
    """One good night; a test changes the one thing that matters."""
    good = QualityReport(
        model=MODEL,
        as_of=as_of,
        result="pass",
        rows=41_000,
        quarantined=3,
        missing_share=0.0125,
        score=0.98,
        parts=QualityParts(0.97, 0.99, 0.98, None),
        checks_run=62,
        failed=(),
        problems=(),
        vintages=(
            VintageQuality("2024-10", 900, 0, 0.01, 0.12),
            VintageQuality("2024-11", 950, 2, 0.01, None),
        ),
        columns=(
            ColumnQuality(
                "income", "number", "float64", 0.02, 0.2, 800, 2500.0, 900.0, {"50": 2400}
            ),
            ColumnQuality("channel", "category", "str", 0.0, 0.0, 2, shares={"web": 0.7}),
        ),
        dtypes={"float64": 1, "str": 1},
        label_completeness=0.97,
    )
    return good.replace(**changes)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that was set up, once for all tests of this file."""
    home = tmp_path_factory.mktemp("quality")
    write_spec(home / "conf" / "models")
    initialise(settings_of(home))
    return home


@pytest.fixture
def home(template: Path, tmp_path: Path) -> Path:
    """A home with nothing but what was set up."""
    return Path(shutil.copytree(template, tmp_path / "home"))


Keep = Callable[..., QualityStore]


@pytest.fixture
def keep(home: Path) -> Keep:
    def kept(*reports: QualityReport, scope: str = "live") -> QualityStore:
        store = QualityStore(settings_of(home).store / "data_quality", scope, MODEL, TITLE)
        for one in reports:
            store.keep(one)
        return store

    return kept


def blocked(as_of: date = NEWEST) -> QualityReport:
    return report(as_of, result="block", failed=(RANGE, LEVEL), score=0.91)


def shown(show: Show, home: Path, **query: str) -> AppTest:
    at = show(home, "quality", **query)
    assert not at.exception, at.exception
    assert not at.error, texts(at)
    return at


def alts(at: AppTest) -> list[str]:
    return [element.proto.alt for element in at.get("vega_lite_chart")]


# the night


def test_without_a_report_the_page_says_how_one_comes(home: Path, show: Show) -> None:
    assert "`finrisk retrain credit_risk`" in texts(shown(show, home))


def test_the_newest_night_is_shown_until_another_is_chosen(
    home: Path, keep: Keep, show: Show
) -> None:
    keep(blocked(NEWEST - DAY), report())
    at = shown(show, home)
    assert "all 62 checks of the contract passed" in texts(at)

    at = at.selectbox(key="night").set_value("2024-12-04").run()

    assert "the night was held by its data" in texts(at)


def test_the_address_names_the_night(home: Path, keep: Keep, show: Show) -> None:
    keep(blocked(NEWEST - DAY), report())

    at = shown(show, home, night="2024-12-04")

    assert at.selectbox(key="night").value == "2024-12-04"
    assert "the night was held by its data" in texts(at)


def test_failed_checks_stand_with_severity_count_and_masked_examples(
    home: Path, keep: Keep, show: Show
) -> None:
    keep(blocked())

    table = shown(show, home).dataframe[0].value

    assert table.iloc[0].to_dict() == {
        "Severity": "block",
        "Column": "income",
        "Check": "range",
        "Failing": 29,
        "What was found": "29 rows of 'income' below 0",
        "Examples (masked)": "number of 5 digits",
    }
    assert list(table["Column"])[1] == "–"


def test_figures_stand_with_their_change_since_the_night_before(
    home: Path, keep: Keep, show: Show
) -> None:
    keep(report(NEWEST - DAY, rows=40_000, score=0.97), report())

    metrics = {m.label: (m.value, m.delta) for m in shown(show, home).metric}

    assert metrics["Score (1 = best)"] == ("0.9800", "+0.0100")
    assert metrics["Rows validated"] == ("41,000", "+1,000")
    assert metrics["Bads reported"] == ("97.0 %", "")


def test_what_did_not_change_shows_no_change() -> None:
    before = night(NEWEST - DAY)

    assert score_change(report(), before) is None
    assert rows_change(report(), before) is None
    assert score_change(report(), None) is None


def test_completeness_that_nobody_knows_is_a_dash_with_its_reason(
    home: Path, keep: Keep, show: Show
) -> None:
    keep(report(label_completeness=None))

    told = texts(shown(show, home))

    assert "Bads reported –" in told
    assert "reports do not come later here, or are too few" in told


def test_a_night_that_could_not_be_read_says_what_stood_in_the_way(
    home: Path, keep: Keep, show: Show
) -> None:
    nothing = {"parts": QualityParts(None, None, None, None), "columns": (), "vintages": ()}
    keep(report(result="block", rows=0, problems=("2024-11: wrong [digest](http://x)",), **nothing))

    told = texts(shown(show, home))

    assert "What stood in the way" in told
    assert "[digest](http" not in told


def test_a_report_that_cannot_be_read_is_said_and_others_stand(
    home: Path, keep: Keep, show: Show
) -> None:
    store = keep(report(NEWEST - DAY), report())
    (store.folder / "2024-12-05.json").write_text("{")

    told = texts(shown(show, home))

    assert "The report of 2024-12-05 cannot be read" in told
    assert "Left out, because they cannot be read: 2024-12-05" in told


# what leads out of the folder


@pytest.mark.parametrize(
    "night",
    ["../../../keys/signing", "/etc/passwd", "2024-12-05/../../x", "..%2f..", "9999-99-99", "\x00"],
)
def test_a_night_of_the_address_that_is_none_opens_nothing(
    night: str, home: Path, keep: Keep, show: Show
) -> None:
    keep(report())

    at = shown(show, home, night=night, quality_tab="The kept page")

    assert at.selectbox(key="night").value == "2024-12-05"


def test_a_link_in_the_folder_is_no_night(home: Path, keep: Keep, tmp_path: Path) -> None:
    store = keep(report())
    secret = tmp_path / "secret.json"
    secret.write_bytes(report(NEWEST + DAY).canonical())
    (store.folder / "2024-12-06.json").symlink_to(secret)

    assert nights_of(store) == [NEWEST]


def test_a_model_whose_name_or_folder_leads_away_has_no_store(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from finrisk.dashboard.quality.queries import store_of
    from finrisk.dashboard.sources import Whose, sources

    monkeypatch.setenv("FINRISK_HOME", str(home))
    sources.clear()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    root = settings_of(home).store / "data_quality" / "live"
    root.mkdir(parents=True)
    (root / "linked").symlink_to(elsewhere)

    for name in ("../live/credit_risk", "..", ".", "/etc", "a/b", "linked"):
        assert store_of(Whose("live", name)) is None, name
    assert store_of(Whose("live", "credit_risk")) is not None
    sources.clear()


# over the nights


@pytest.mark.parametrize("tab", TABS)
def test_a_tab_shows_its_part_of_the_night(tab: str, home: Path, keep: Keep, show: Show) -> None:
    keep(blocked(NEWEST - DAY), report())

    at = shown(show, home, quality_tab=tab)

    assert all(alts(at)), "a picture without words for who does not see it"


@pytest.mark.parametrize("tab", TABS)
def test_a_tab_shows_one_night_of_which_nothing_is_known(
    tab: str, home: Path, keep: Keep, show: Show
) -> None:
    unknown = QualityParts(None, None, None, None)
    nothing = {"columns": (), "vintages": (), "missing_share": None, "label_completeness": None}
    keep(report(result="block", rows=0, quarantined=0, parts=unknown, score=0.0, **nothing))

    shown(show, home, quality_tab=tab)


def test_score_rows_aside_missing_and_completeness_are_drawn(
    home: Path, keep: Keep, show: Show
) -> None:
    keep(report(NEWEST - DAY), report())

    found = alts(shown(show, home, quality_tab="Score and rows"))

    words = (
        "score and its parts",
        "Rows landed",
        "set aside",
        "missing cells",
        "reported by their",
    )
    assert len(found) == len(words)
    assert all(word in alt for word, alt in zip(words, found, strict=True))


def test_checks_that_fail_again_are_counted_over_the_nights(
    home: Path, keep: Keep, show: Show
) -> None:
    keep(report(NEWEST - 2 * DAY, result="warn", failed=(LEVEL,)), report(NEWEST - DAY), blocked())

    table = shown(show, home, quality_tab="Failing checks").dataframe[-1].value

    counts = dict(zip(table["Check"], table["Nights failed"], strict=True))
    assert counts == {"level": 2, "range": 1}


def test_columns_and_vintages_are_those_of_the_chosen_night(
    home: Path, keep: Keep, show: Show
) -> None:
    keep(report(NEWEST - DAY, columns=(), vintages=()), report())

    columns = shown(show, home, quality_tab="Columns").dataframe[-1].value
    vintages = shown(show, home, quality_tab="Vintages").dataframe[-1].value

    assert list(columns["Column"]) == ["income", "channel"]
    assert columns["50 %"][0] == "2,400"
    assert list(vintages["Bad rate"]) == ["–", "12.00 %"]


def test_only_the_chosen_number_of_nights_is_drawn(home: Path, keep: Keep, show: Show) -> None:
    store = keep(report())
    for back in range(40):
        night_of = report(NEWEST - back * DAY)
        (store.folder / f"{night_of.as_of}.json").write_bytes(night_of.canonical())

    thirty = alts(shown(show, home, quality_nights="30 nights"))[0]
    ninety = alts(shown(show, home))[0]

    assert "2024-11-06 to 2024-12-05" in thirty
    assert "2024-10-27 to 2024-12-05" in ninety


# the kept page


class Tags(HTMLParser):
    """The tags of a page, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def tags(page: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = Tags()
    parser.feed(page)
    return parser.found


def test_the_kept_page_is_shown_where_nothing_of_it_runs(
    home: Path, keep: Keep, show: Show
) -> None:
    keep(report(NEWEST - DAY), report())

    at = shown(show, home, quality_tab="The kept page")

    (frame,) = at.get("iframe")
    ((tag, attributes),) = tags(frame.proto.srcdoc)
    assert (tag, attributes["sandbox"]) == ("iframe", "")
    assert "night as of" in str(attributes["srcdoc"])
    assert not [tag for tag, _ in tags(str(attributes["srcdoc"])) if tag in ("script", "a")]


def test_a_page_cannot_end_the_frame_it_is_in() -> None:
    evil = '"></iframe><script>alert(1)</script><iframe srcdoc="'

    ((_, attributes),) = tags(shut_in(evil, title=evil))

    assert attributes["title"] == evil
    assert str(attributes["srcdoc"]).endswith(evil)


def test_data_docs_are_named_where_they_are_and_said_to_be_gone_where_not(
    home: Path, keep: Keep, show: Show
) -> None:
    keep(report())
    docs = settings_of(home).store / "data_docs" / MODEL / str(NEWEST) / "index.html"
    assert "no Data Docs of 2024-12-05" in " ".join(c.value for c in shown(show, home).code)

    docs.parent.mkdir(parents=True)
    docs.write_text("")

    assert str(docs) in " ".join(c.value for c in shown(show, home).code)


def test_links_stand_where_airflow_and_mlflow_are_known(
    home: Path, keep: Keep, show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(report())
    assert not shown(show, home).get("link_button")
    monkeypatch.setenv("FINRISK_AIRFLOW_UI_URL", "http://airflow.test")
    monkeypatch.setenv("MLFLOW_UI_URL", "http://mlflow.test")

    at = shown(show, home)

    addresses = [element.proto.url for element in at.get("link_button")]
    assert addresses == ["http://airflow.test/dags/credit_risk_retraining/runs"]
    assert "MLflow has no data-quality run" in texts(
        at.button(key="quality_find_run").click().run()
    )


def test_a_night_of_a_real_lender_leads_to_its_runs_in_mlflow(
    decided_home: Path, show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_UI_URL", "http://mlflow.test")
    at = shown(show, decided_home)
    (of_night,) = [element.proto.url for element in at.get("link_button")]

    at = at.button(key="quality_find_run").click().run()

    addresses = {element.proto.url for element in at.get("link_button")}
    (of_quality,) = addresses - {of_night}
    assert of_quality.startswith("http://mlflow.test/#/runs/")


# pure


def night(as_of: date = NEWEST, *failed: FailedCheck) -> Night:
    good = report(as_of)
    return Night(good.line, good.parts, failed, good.label_completeness)


def failed(**changes: Any) -> FailedCheck:
    return replace(FailedCheck("range", "income", "warn", 3), **changes)


def test_a_check_that_blocked_once_is_told_as_one_that_blocks() -> None:
    nights = [night(NEWEST - DAY, failed(severity="block")), night(NEWEST, failed())]

    (found,) = repeated(nights)

    assert (found.severity, found.nights, found.in_a_row, found.last) == ("block", 2, 2, NEWEST)


def test_a_night_without_the_failure_ends_the_row() -> None:
    nights = [night(NEWEST - DAY, failed()), night(NEWEST)]

    (found,) = repeated(nights)

    assert (found.nights, found.in_a_row) == (1, 0)


def test_the_same_check_of_two_columns_is_two() -> None:
    found = repeated([night(NEWEST, failed(), failed(column="age"), failed(column=None))])

    assert [of.name for of in found] == ["range", "range: age", "range: income"]


def test_the_newest_reports_are_read_and_the_broken_ones_named(keep: Keep) -> None:
    store = keep(*(report(NEWEST - back * DAY) for back in range(4)))
    (store.folder / f"{NEWEST - DAY}.json").write_text("[]")

    history = newest_reports(store, 3)

    assert [of.as_of for of in history.reports] == [NEWEST - 2 * DAY, NEWEST]
    assert history.unreadable == (NEWEST - DAY,)


def test_no_check_that_ran_is_not_told_as_none_that_failed(
    home: Path, keep: Keep, show: Show
) -> None:
    keep(report(result="block", checks_run=0, problems=("no file landed",), score=0.0))

    said = texts(shown(show, home))

    assert "No check ran." in said
    assert "None of 0" not in said


def test_no_share_has_an_axis_beyond_all_of_it() -> None:
    nights = [night(NEWEST - DAY), night(NEWEST)]

    drawn = figure_picture(nights, [0.99, 1.0], "share of bads", share=True).to_dict()

    assert '"domain": [0, 1.0]' in json.dumps(drawn)
