"""The parts of the data-quality page below the night's verdict, one tab each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import streamlit as st

from finrisk.dashboard import tables
from finrisk.dashboard.kept_pages import shut_in
from finrisk.dashboard.look import UNKNOWN, day, share
from finrisk.dashboard.quality import charts
from finrisk.dashboard.quality.queries import Nights, page_of, quarantine_of
from finrisk.dashboard.quality.words import repeated
from finrisk.dashboard.sources import Whose
from finrisk.data.column_quality import ColumnQuality
from finrisk.data.quality import QualityReport
from finrisk.data.quality_page import PARTS
from finrisk.wording import counted, plain

MOST_CHECKS = 20
FRAME_HEIGHT = 720
VERDICTS = "Circle pass, diamond warn, square block."


@dataclass(frozen=True, slots=True)
class Chosen:
    """The night that was chosen, its report if it can be read, and the nights of the pictures."""

    whose: Whose
    night: date
    report: QualityReport | None
    nights: Nights


def score(chosen: Chosen) -> None:
    """Show the score and its parts, the rows, what was set aside, what is missing."""
    shown = chosen.nights.shown
    if not shown:
        st.info("None of these nights can be read.", icon=":material/info:")
        return
    span = f"{shown[0].line.as_of} to {shown[-1].line.as_of}"
    st.altair_chart(
        charts.score_picture(shown),
        alt=f"Data-quality score and its parts by night, {span}",
        width="stretch",
    )
    st.caption(
        f"The marks are of the score, and say the night's verdict. {VERDICTS} The score is the "
        "mean of the parts that the contract asks for; it stops nothing by itself: a failed check "
        "does. " + " ".join(f"**{name}**: {told}." for name, told in PARTS)
    )
    _figures(chosen, span)


def _figures(chosen: Chosen, span: str) -> None:
    shown = chosen.nights.shown
    policy = quarantine_of(chosen.whose)
    lines = [of.line for of in shown]
    landed = [float(line.rows + line.quarantined) for line in lines]
    aside = [
        line.quarantined / rows if rows else None for line, rows in zip(lines, landed, strict=True)
    ]
    limit = None if policy is None else policy.max_share
    missing = [line.missing_share for line in lines]
    complete = [of.label_completeness for of in shown]
    left, right = st.columns(2)
    with left:
        _figure("Rows landed", chosen, landed, "rows", span)
    with right:
        _figure("Share of rows set aside", chosen, aside, "share of rows", span, limit=limit)
    left, right = st.columns(2)
    with left:
        _figure("Share of missing cells", chosen, missing, "share of cells", span)
    with right:
        why = "reports do not come later here, or are too few"
        reported = "Share of bads reported by their maturity"
        _figure(reported, chosen, complete, "share of bads", span, unknown=why)
    if policy is None:
        st.caption("The contract sets no rows aside: a row that breaks a blocking rule blocks.")
    else:
        st.caption(
            f"Dotted: contract.quarantine.max_share, {share(policy.max_share)} of all rows and of "
            "each vintage. Above it nothing is set aside, and the night is held."
        )


def _figure(
    what: str,
    chosen: Chosen,
    figures: Sequence[float | None],
    axis: str,
    span: str,
    *,
    limit: float | None = None,
    unknown: str = "no row was read in any of these nights",
) -> None:
    st.markdown(f"**{what}**")
    if all(value is None for value in figures):
        st.info(f"Not known: {unknown}.")
        return
    drawn = charts.figure_picture(
        chosen.nights.shown, figures, axis, share=axis.startswith("share"), limit=limit
    )
    st.altair_chart(drawn, alt=f"{what} by night, {span}", width="stretch")


def failures(chosen: Chosen) -> None:
    """Show which checks fail again and again."""
    shown = chosen.nights.shown
    found = repeated(shown)
    if not found:
        st.info(f"No check failed in {counted(len(shown), 'night')}.", icon=":material/check:")
        return
    names = [of.name for of in found[:MOST_CHECKS]]
    st.altair_chart(
        charts.failures_picture(shown, names),
        alt=f"Checks that failed by night; most often {names[0]}, in {found[0].nights} of "
        f"{len(shown)} nights",
        width="stretch",
    )
    if len(found) > MOST_CHECKS:
        st.caption(f"The {MOST_CHECKS} most frequent of {len(found)}; the table has all.")
    rows = [
        {
            "Check": of.check,
            "Column": of.column or UNKNOWN,
            "Worst severity": of.severity,
            "Nights failed": of.nights,
            "Of nights": len(shown),
            "Newest nights in a row": of.in_a_row,
            "Last failed": day(of.last),
            "Failing then": of.failing,
        }
        for of in found
    ]
    tables.table(
        rows, name=f"repeated_failures_{chosen.whose.model}", about="Checks that failed, by nights"
    )


def columns(chosen: Chosen) -> None:
    """List the columns of the chosen night."""
    report = chosen.report
    if report is None or not report.columns:
        st.info("No column could be read that night.", icon=":material/info:")
        return
    counts = ", ".join(f"{count} {dtype}" for dtype, count in report.dtypes.items())
    st.markdown(f"{counted(len(report.columns), 'column')}: {counts}.")
    tables.table(
        [_column(of) for of in report.columns],
        name=f"columns_{report.model}_{report.as_of}",
        about=f"Columns that landed by {report.as_of}: missing cells and figures",
    )
    st.caption(
        "Of the rows that were validated. Left out: a value that fewer than 20 rows have, a "
        "quantile beyond which fewer than 5 lie, least and greatest values; so no figure is one "
        "person's."
    )


def _column(of: ColumnQuality) -> dict[str, Any]:
    commonest = sorted(of.shares.items(), key=lambda item: (-item[1], item[0]))
    months = [of.first_month or "", of.last_month or ""]
    return {
        "Column": of.name,
        "Declared": of.declared,
        "Stored as": of.dtype,
        "Missing": share(of.missing_share, 2),
        "Allowed": "any" if of.allowed_missing is None else share(of.allowed_missing),
        "Different values": of.distinct,
        "Mean": _short(of.mean),
        "Std": _short(of.std),
        **{f"{p} %": _short(of.quantiles.get(p)) for p in ("5", "50", "95")},
        "Commonest values": ", ".join(f"{value} {share(part)}" for value, part in commonest[:5]),
        "Months": " to ".join(months) if any(months) else "",
    }


def _short(value: float | None) -> str:
    return "" if value is None else plain(value, 4)


def vintages(chosen: Chosen) -> None:
    """Show the vintages of the chosen night."""
    report = chosen.report
    if report is None or not report.vintages:
        st.info("No vintage could be read that night.", icon=":material/info:")
        return
    if any(of.bad_rate is not None for of in report.vintages):
        st.altair_chart(
            charts.vintages_picture(report.vintages),
            alt=f"Bad rate by vintage as of {report.as_of}",
            width="stretch",
        )
    rows = [
        {
            "Vintage": of.vintage,
            "Rows validated": of.rows,
            "Rows broken": of.broken_rows,
            "Missing cells": share(of.missing_share, 2),
            "Bad rate": share(of.bad_rate, 2),
        }
        for of in reversed(report.vintages)
    ]
    tables.table(
        rows,
        name=f"vintages_{report.model}_{report.as_of}",
        about=f"Vintages as of {report.as_of}, the newest first",
    )
    st.caption(
        f"A bad rate is {UNKNOWN} until 20 rows of the vintage have a label. Broken rows are of "
        "what landed, set aside or not."
    )


def kept_page(chosen: Chosen) -> None:
    """Show the page that is kept of the night, shut in, and let people take it away."""
    page = page_of(chosen.whose, chosen.night)
    if page is None:
        st.info(f"There is no readable report of {chosen.night}.", icon=":material/info:")
        return
    st.download_button(
        "Save the page as HTML",
        data=page.encode(),
        file_name=f"data_quality_{chosen.whose.model}_{chosen.night}.html",
        mime="text/html",
        key="quality_save_page",
        on_click="ignore",
        icon=":material/download:",
    )
    st.iframe(
        shut_in(page, title="data-quality page"),
        height=FRAME_HEIGHT,
        alt=f"Data-quality page of the night of {chosen.night}",
    )


TABS: Mapping[str, Callable[[Chosen], None]] = {
    "Score and rows": score,
    "Failing checks": failures,
    "Columns": columns,
    "Vintages": vintages,
    "The kept page": kept_page,
}
