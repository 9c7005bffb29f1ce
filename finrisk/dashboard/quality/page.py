"""How good what landed was: the night's verdict and its reasons, and how that moves."""

from __future__ import annotations

from datetime import date

import streamlit as st

from finrisk.dashboard import links, tables
from finrisk.dashboard.look import DATA_RESULTS, UNKNOWN, command, plain_text, share
from finrisk.dashboard.page_links import link_row, mlflow_run_button
from finrisk.dashboard.quality.queries import (
    MOST_NIGHTS,
    Night,
    Nights,
    all_nights,
    night_run,
    nights,
    places_of,
    report_of,
)
from finrisk.dashboard.quality.tabs import TABS, Chosen
from finrisk.dashboard.sources import Whose, sources
from finrisk.data.quality import QualityReport, shown_score
from finrisk.data.quality_page import night_sentence
from finrisk.wording import counted, day_ranges

RANGES = {"30 nights": 30, "90 nights": 90, "365 nights": MOST_NIGHTS}
USUAL = "90 nights"


def show(whose: Whose) -> None:
    """Show one night's report, then the nights before it."""
    there = all_nights(whose)
    if not there:
        _no_report(whose)
        return
    named = [night.isoformat() for night in there]
    asked = st.selectbox(
        "Night", named, key="night", bind="query-params", help="Nights that have a report"
    )
    night = date.fromisoformat(asked or named[0])
    report = report_of(whose, night)
    if report is None:
        st.warning(
            f"The report of {night} cannot be read. "
            f"{command(f'finrisk retrain {whose.model} --as-of {night}')} writes it anew, if the "
            "night is not decided yet.",
            icon=":material/warning:",
        )
    else:
        _verdict(whose, report)
        _failed(report)
    _over_nights(whose, night, report)
    _elsewhere(whose, night)


def _no_report(whose: Whose) -> None:
    name = whose.model.replace("`", "'")  # it stands within backticks
    st.info(
        f"No night of {plain_text(whose.model)} has left a data-quality report yet. Each night "
        f"writes one, also one that its data held: `finrisk retrain {name}`, or "
        f"`{name}_retraining` in Airflow. docs/own-data.md says what is checked.",
        icon=":material/info:",
    )


def _verdict(whose: Whose, report: QualityReport) -> None:
    icon, colour = DATA_RESULTS[report.result]
    st.markdown(f"### :{colour}[{icon} {report.result}] · {plain_text(night_sentence(report))}")
    before = _before(nights(whose, MOST_NIGHTS), report)
    figures = [
        ("Score (1 = best)", shown_score(report.score), score_change(report, before)),
        ("Rows validated", f"{report.rows:,}", rows_change(report, before)),
        ("Rows set aside", f"{report.quarantined:,}", None),
        ("Missing cells", share(report.missing_share, 2), None),
        ("Checks failed", report.line.failures, None),
        ("Bads reported", share(report.label_completeness), None),
    ]
    for column, (label, value, change) in zip(st.columns(len(figures)), figures, strict=True):
        column.metric(label, value, change, delta_color="off")
    since = "" if before is None else f"Changes are since the night of {before.line.as_of}. "
    late = "the share of bads that were reported by their maturity"
    if report.label_completeness is None:
        late += f"; {UNKNOWN}: reports do not come later here, or are too few"
    st.caption(f"{since}Bads reported: {late}.")
    if report.problems:
        st.markdown("**What stood in the way**")
        for problem in report.problems:
            st.markdown(f"- {plain_text(problem)}")


def score_change(report: QualityReport, before: Night | None) -> str | None:
    """Return by how much the score moved; None where it did not, or nothing came before."""
    moved = 0.0 if before is None else round(report.score - before.line.score, 4)
    return f"{moved:+.4f}" if moved else None


def rows_change(report: QualityReport, before: Night | None) -> str | None:
    """Return how many rows more were validated; None where none were, or nothing came before."""
    more = 0 if before is None else report.rows - before.line.rows
    return f"{more:+,}" if more else None


def _before(known: Nights, report: QualityReport) -> Night | None:
    earlier = [of for of in known.shown if of.line.as_of < report.as_of]
    return earlier[-1] if earlier else None


def _failed(report: QualityReport) -> None:
    st.subheader("Checks that failed")
    if not report.checks_run:
        st.markdown("No check ran.")
        return
    if not report.failed:
        st.markdown(f"None of {counted(report.checks_run, 'check')} of the contract failed.")
        return
    rows = [
        {
            "Severity": check.severity,
            "Column": check.column or UNKNOWN,
            "Check": check.check,
            "Failing": check.failing,
            "What was found": check.detail,
            "Examples (masked)": ", ".join(check.examples),
        }
        for check in report.failed
    ]
    tables.table(
        rows,
        name=f"failed_checks_{report.model}_{report.as_of}",
        about=f"Checks of the data contract that failed in the night of {report.as_of}",
    )
    st.caption(
        f"{counted(report.checks_run, 'check')} ran. Block: the night was held. Warn: it went on. "
        "Failing counts rows, or vintages where a check is about those. Examples show the form of "
        "a value, never the value."
    )


def _over_nights(whose: Whose, night: date, report: QualityReport | None) -> None:
    st.subheader("Over the nights")
    chosen = st.segmented_control(
        "Nights shown, up to the newest",
        list(RANGES),
        default=USUAL,
        required=True,
        key="quality_nights",
        bind="query-params",
    )
    found = nights(whose, RANGES[chosen or USUAL])
    if found.unreadable:
        which = ", ".join(day_ranges(found.unreadable))
        st.warning(f"Left out, because they cannot be read: {which}.", icon=":material/warning:")
    shown = Chosen(whose, night, report, found)
    tabs = st.tabs(list(TABS), key="quality_tab", bind="query-params")
    for tab, part in zip(tabs, TABS.values(), strict=True):
        if tab.open:
            with tab:
                part(shown)


def _elsewhere(whose: Whose, night: date) -> None:
    st.subheader("Where else it stands")
    settings = sources().settings
    link_row(
        [
            ("The nights in Airflow", links.retraining(settings, whose.model)),
            ("The night's run in MLflow", links.mlflow_run(settings, night_run(whose, night))),
        ]
    )
    mlflow_run_button(
        whose, "data_quality", night, label="data-quality run", key="quality_find_run"
    )
    places = places_of(whose, night)
    if places is None:
        return
    st.markdown(
        "This server hands out no files. On the machine that keeps them, the night's page and "
        "Great Expectations' Data Docs are:"
    )
    st.code(str(places.page or f"no page of {night} in {places.folder}"), language=None)
    st.code(
        str(
            places.data_docs
            or f"no Data Docs of {night}: nothing was validated, or they are past their retention"
        ),
        language=None,
    )
    if places.data_docs is not None:
        st.caption("Data Docs are of the night that was validated last on that day, in any scope.")
