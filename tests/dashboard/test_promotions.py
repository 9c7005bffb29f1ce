"""Promotions: who decided when and why, the evidence of a night, what the looks cost."""

from __future__ import annotations

from datetime import time, timedelta
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from finrisk.dashboard.promotions.budgets import year_of_looks
from finrisk.dashboard.promotions.charts import (
    APART,
    BETTER,
    WORSE,
    budget_of_year,
    champions_over_time,
    deciding_steps,
    differences,
    shown_differences,
)
from finrisk.dashboard.promotions.nights import report_page
from finrisk.dashboard.sources import Whose, sources
from finrisk.ledger.store import Ledger
from finrisk.pipelines.evidence_pages import page_path
from finrisk.records import Decision
from tests.clock import today
from tests.dashboard.conftest import Show, settings_of, texts
from tests.dashboard.night_worlds import (
    LAST_NIGHT,
    bare_home,
    block,
    copied,
    decide,
    ledger_of,
    link_of,
    promote,
)
from tests.dashboard.test_overview import spoil
from tests.ledger.factories import AT, MODEL, force, version

FIRST, SECOND, LAST = (today() - timedelta(days=days) for days in (30, 10, 1))
WHOSE = Whose("live", MODEL)
EVIDENCE, BUDGET, TIMELINE = "Evidence of a night", "Error budget", "Timeline"
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bare_home(tmp_path_factory.mktemp("bare") / "home")


@pytest.fixture(scope="module")
def decided(bare: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two promotions, a night that was blocked, and one that held; read only."""
    home = copied(bare, tmp_path_factory.mktemp("decided") / "home")
    with ledger_of(home) as ledger:
        promote(ledger, FIRST, 1)
        promote(ledger, SECOND, 2)
        block(ledger, SECOND + timedelta(days=1))
        decide(ledger, LAST, 3)
    return home


@pytest.fixture
def home(decided: Path, tmp_path: Path) -> Path:
    return copied(decided, tmp_path / "home")


@pytest.fixture
def ledger(home: Path) -> Ledger:
    return ledger_of(home)


def night_of(at: AppTest) -> str:
    return str(at.selectbox(key="promotions night").value)


def test_the_verified_chain_and_every_promotion_are_shown(home: Path, show: Show) -> None:
    at = show(home, "promotions")

    assert "2 links verified" in texts(at)
    chain = at.dataframe[0].value
    assert list(chain["version"]) == ["v2", "v1"]
    assert list(chain["how"]) == ["better, by the gate", "first champion"]


def test_a_chain_that_does_not_verify_is_an_error_and_hides_nothing(home: Path, show: Show) -> None:
    spoil(home, "promotions", "UPDATE promotions SET reason = 'nicer' WHERE epoch = 2")

    at = show(home, "promotions")

    assert "does not verify" in at.error[0].value
    assert len(at.dataframe[0].value) == 2


def test_what_decided_on_a_day_is_told_in_sentences(home: Path, show: Show) -> None:
    at = show(home, "promotions")

    at.date_input(key="promotions day").set_value(FIRST + timedelta(days=1)).run()

    assert "v1 decided \\(epoch 1\\)" in texts(at)
    assert "as the first champion" in texts(at)


def test_before_the_first_promotion_nobody_decided(home: Path, show: Show) -> None:
    at = show(home, "promotions")

    at.date_input(key="promotions day").set_value(FIRST - timedelta(days=1)).run()

    assert "had no champion" in at.info[0].value


def test_what_decided_at_a_moment_goes_by_the_record(home: Path, show: Show) -> None:
    at = show(home, "promotions")

    at.radio(key="promotions asked").set_value("a moment of the record").run()
    at.date_input(key="promotions day").set_value(SECOND).run()
    at.time_input(key="promotions time").set_value(time(1, 59)).run()
    assert "v1 decided" in texts(at)

    at.time_input(key="promotions time").set_value(time(2, 1)).run()
    assert "v2 decided" in texts(at)


def test_without_a_champion_the_page_says_how_to_get_one(bare: Path, show: Show) -> None:
    said = {
        part: texts(show(bare, "promotions", part=part)) for part in (EVIDENCE, BUDGET, TIMELINE)
    }

    assert "No version has been champion yet" in texts(show(bare, "promotions"))
    assert "No night is on record yet" in said[EVIDENCE]
    assert "No look was spent yet" in said[BUDGET]
    assert "Nothing is on record yet" in said[TIMELINE]


def test_the_newest_night_with_evidence_is_explained_unless_another_is_asked_for(
    home: Path, ledger: Ledger, show: Show
) -> None:
    block(ledger, today())

    at = show(home, "promotions", part=EVIDENCE)

    assert night_of(at) == str(LAST)


def test_the_address_chooses_the_night_and_keeps_what_people_choose(home: Path, show: Show) -> None:
    at = show(home, "promotions", night=str(SECOND))
    assert night_of(at) == str(SECOND)
    assert "v2 xgboost replaces v1" in texts(at)

    at.selectbox(key="promotions night").set_value(str(FIRST)).run()

    assert at.query_params["night"] in (str(FIRST), [str(FIRST)])
    assert "becomes the first champion" in texts(at)


def test_a_night_that_is_not_there_is_said_and_the_newest_shown(home: Path, show: Show) -> None:
    at = show(home, "promotions", night="1999-01-01")

    assert "There is no night 1999" in at.info[0].value
    assert night_of(at) == str(LAST)


def test_every_rule_is_told_with_its_outcome_figure_and_limit(home: Path, show: Show) -> None:
    at = show(home, "promotions", night=str(SECOND))

    said = texts(at)
    assert "**pass**] Δ AUC \\+0\\.0300, z 3\\.00 (needed: z ≥ 2\\.71)" in said
    assert "**warn**] score PSI 0\\.120 (needed: below 0\\.100)" in said
    assert "Guards: 1 of 2 pass" in said
    assert "Preconditions: 1 of 1 pass" in said
    assert "900 bads" in said


def test_a_night_that_did_not_come_to_the_gate_tells_its_reasons(home: Path, show: Show) -> None:
    at = show(home, "promotions", night=str(SECOND + timedelta(days=1)))

    assert "did not come to the gate" in texts(at)
    assert "duplicate key" in texts(at)


def test_a_night_that_people_decided_anew_shows_both_words(
    home: Path, ledger: Ledger, show: Show
) -> None:
    decided = decide(ledger, today(), 4, Decision.PROMOTE)
    changed = decided.replace(decision=Decision.HOLD, reasons=("nobody answered within 20 h",))
    stored = ledger.night(MODEL, today())
    assert stored is not None
    ledger.record_night(
        changed, snapshot_sha256=None, spec_sha256="0" * 64, holdout_sha256=None, at=stored.at
    )

    said = texts(show(home, "promotions", night=str(today())))

    assert "The gate said: **v4 xgboost replaces v2" in said
    assert "nobody answered within 20 h" in said


def test_only_the_chosen_nights_evidence_is_read(home: Path, show: Show) -> None:
    spoil(
        home,
        "evidence",
        "UPDATE evidence SET document = 'edited' WHERE challenger_version <> 2",
    )

    at = show(home, "promotions", night=str(SECOND))

    assert not at.error
    assert "v2 xgboost replaces v1" in texts(at)


def test_edited_evidence_is_an_error_and_no_traceback(home: Path, show: Show) -> None:
    spoil(home, "evidence", "UPDATE evidence SET document = 'edited'")

    at = show(home, "promotions", night=str(SECOND))

    assert not at.exception
    assert "was edited" in at.error[0].value


def test_the_report_is_made_from_the_evidence_and_runs_nothing(home: Path, show: Show) -> None:
    at = show(home, "promotions", night=str(SECOND))
    page = report_page(WHOSE, SECOND)

    assert b"v2 xgboost replaces v1" in page

    at.toggle(key="promotions report here").set_value(True).run()

    (frame,) = at.get("iframe")
    assert frame.proto.srcdoc.startswith('<iframe sandbox="" ')
    assert "default-src &#x27;none&#x27;" in frame.proto.srcdoc
    assert "v2 xgboost replaces v1" in frame.proto.srcdoc


def test_the_kept_report_with_its_pictures_is_preferred_if_it_is_of_this_evidence(
    home: Path, ledger: Ledger, show: Show
) -> None:
    show(home, "promotions")
    decided = ledger.night(MODEL, SECOND)
    assert decided is not None
    kept = page_path(settings_of(home), MODEL, SECOND)
    kept.parent.mkdir(parents=True)

    kept.write_text(f"with pictures, of {decided.decision.evidence_sha256}")
    assert report_page(WHOSE, SECOND).startswith(b"with pictures")

    kept.write_text("of evidence that was replaced")
    assert b"v2 xgboost replaces v1" in report_page(WHOSE, SECOND)


def test_the_years_budget_is_shown_with_every_look(home: Path, show: Show) -> None:
    at = show(home, "promotions", part=BUDGET)

    metrics = {metric.label: metric.value for metric in at.metric}
    looks = at.dataframe[0].value
    assert metrics["Reserve looks left"] == "4 of 4"
    assert list(looks["decision"]) == ["HOLD", "PROMOTE", "PROMOTE"][: len(looks)]
    assert looks["challenger"][0] == "v3"


def test_the_timeline_is_paged_and_filtered_newest_first(
    home: Path, ledger: Ledger, show: Show
) -> None:
    for number in range(4, 30):
        ledger.remember_version(version(number))
        force(ledger, version(number), at=AT, as_of=LAST)

    at = show(home, "promotions", part=TIMELINE)
    first = at.dataframe[0].value
    assert len(first) == 25
    assert first["kind"][0] == "night"

    at.button_group(key="promotions kinds").set_value(["night"]).run()
    nights = at.dataframe[0].value
    assert set(nights["kind"]) == {"night"}
    assert len(nights) == 4


def test_a_difference_says_whether_chance_would_give_it(home: Path, ledger: Ledger) -> None:
    decided = ledger.night(MODEL, SECOND)
    assert decided is not None
    evidence = ledger.evidence(decided.decision.evidence_sha256 or "")
    assert evidence is not None

    said = {one.name: one.said for one in shown_differences(evidence)}

    assert said == {
        "AUC, at the z needed": BETTER,
        "KS": APART,
        "Brier (lower is better)": BETTER,
        "AUC of channel=web": APART,
    }
    assert WORSE not in differences(shown_differences(evidence)).to_json()


def test_pictures_tell_kinds_apart_by_shape(home: Path, ledger: Ledger, show: Show) -> None:
    force(ledger, version(4), as_of=today())
    show(home, "promotions")
    sources()

    steps = champions_over_time(ledger.history(MODEL), today()).to_json()
    spent = budget_of_year(year_of_looks(WHOSE, LAST.year)).to_json()

    assert '"triangle-up"' in steps
    assert '"cross"' in steps
    assert "the year's budget" in spent


def test_a_promotion_that_counts_from_an_earlier_day_takes_the_later_days_over() -> None:
    first, second = link_of(as_of=LAST_NIGHT - 9 * DAY), link_of(2, 2, as_of=LAST_NIGHT)
    back = link_of(3, 1, as_of=LAST_NIGHT - 3 * DAY)

    steps = deciding_steps((first, second, back), LAST_NIGHT)

    assert [(step["day"], step["version"]) for step in steps[:-1]] == [
        (LAST_NIGHT - 9 * DAY, 1),
        (LAST_NIGHT - 3 * DAY, 1),
    ]


def test_two_promotions_of_one_day_are_drawn_in_their_order() -> None:
    links = (link_of(), link_of(2, 2), link_of(3, 3))

    assert [step["version"] for step in deciding_steps(links, LAST_NIGHT)] == [1, 2, 3, 3]
