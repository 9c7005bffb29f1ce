"""The data-quality report as a page for people: self-contained, every text escaped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from jinja2 import Environment, StrictUndefined

from finrisk.data.column_quality import DIGITS, FEWEST_ROWS, PERCENTS
from finrisk.data.quality import QualityLine, QualityReport, shown_score
from finrisk.data.quality_template import INDEX, NIGHT
from finrisk.records import JsonObject
from finrisk.wording import counted, plain

MOST_VINTAGES = 36
WIDTH, HEIGHT = 720, 180
LEFT, RIGHT, TOP, BOTTOM = 48, 712, 24, 144
AXIS_STARTS = (0.99, 0.95, 0.9, 0.75, 0.5, 0.0)
LEAST_SHOWN = 0.0001
UNKNOWN = "–"

PARTS = (
    (
        "completeness",
        "over the columns whose missing cells are limited, the mean of (1 − missing share) ÷ "
        "(1 − allowed missing share), at most 1 each",
    ),
    ("validity", "share of rows whose every value is allowed; keys that stand twice count below"),
    ("uniqueness", "share of rows with a key that no other row has"),
    ("timeliness", "1 if the newest row is as young as max_age_days asks for, else 0"),
)
TO_BE_ASKED = {"timeliness": " (set max_age_days)"}


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The nights whose pages lie beside this one's; None where there is none."""

    earlier: date | None = None
    later: date | None = None


def night_page(
    report: QualityReport,
    before: Sequence[QualityLine],
    *,
    title: str,
    scope: str,
    beside: Neighbours | None = None,
) -> str:
    """Return one night's page.

    Parameters
    ----------
    report : QualityReport
        The night's.
    before : sequence of QualityLine
        The nights before it, oldest first; the curve shows them and this one.
    title, scope : str
        The model's title, and whose night it is.
    beside : Neighbours, optional
        What the page leads to, besides the list; None: it lies apart, and leads nowhere.
    """
    columns = report.columns
    return _PAGES.from_string(NIGHT).render(
        heading=f"Data quality of {title}",
        scope=scope,
        report=report,
        beside=beside,
        failures=report.line.failures,
        sentence=night_sentence(report),
        changes=_changes(report, before),
        parts=[_told(name, definition, getattr(report.parts, name)) for name, definition in PARTS],
        curve=_curve([*before, report.line]),
        vintages=report.vintages[::-1][:MOST_VINTAGES],
        dtypes=", ".join(f"{count} {dtype}" for dtype, count in report.dtypes.items()),
        numbers=[column for column in columns if column.mean is not None],
        words=[column for column in columns if column.shares],
        dates=[column for column in columns if column.first_month],
        percents=[str(percent) for percent in PERCENTS],
        fewest=FEWEST_ROWS,
    )


def index_page(
    nights: Sequence[QualityLine], *, model: str, title: str, scope: str, of: int
) -> str:
    """Return the page that lists nights, newest first.

    Parameters
    ----------
    nights : sequence of QualityLine
        Oldest first.
    model, title, scope : str
        Whose nights they are.
    of : int
        How many nights there are in all.
    """
    return _PAGES.from_string(INDEX).render(
        heading=f"Data quality of {title}",
        model=model,
        scope=scope,
        nights=list(reversed(nights)),
        of=of,
        curve=_curve(nights),
    )


def _told(name: str, definition: str, value: float | None) -> JsonObject:
    remedy = TO_BE_ASKED.get(name, "") if value is None else ""
    return {"name": name, "value": value, "definition": f"{definition}{remedy}"}


def night_sentence(report: QualityReport) -> str:
    """Return what the data allowed the night to do, and the first reason why not."""
    if report.problems:
        return f"the night was held: {report.problems[0]}"
    if report.result == "pass":
        return f"all {report.checks_run} checks of the contract passed"
    if report.result == "warn":
        first = next((f": {check.check}: {check.detail}" for check in report.failed), "")
        more = f" (+{report.checks_failed - 1} more)" if report.checks_failed > 1 else ""
        warnings = counted(report.checks_failed, "warning")
        return f"the night went on with {warnings}{first}{more}"
    blocking = next((check for check in report.failed if check.severity == "block"), None)
    why = f" ({blocking.check}: {blocking.detail})" if blocking else ""
    return f"the night was held by its data{why}; the champion stays"


def _changes(report: QualityReport, before: Sequence[QualityLine]) -> dict[str, str]:
    if not before:
        return {"score": "", "rows": ""}
    last = before[-1]
    since = f"since {last.as_of}"
    return {
        "score": f"{report.score - last.score:+.4f} {since}",
        "rows": f"{report.rows - last.rows:+,} {since}",
    }


def _curve(nights: Sequence[QualityLine]) -> JsonObject | None:
    """Return where the curve runs; its axis starts at the step below the lowest score."""
    if len(nights) < 2:  # noqa: PLR2004 - a curve joins two points
        return None
    lowest = min(night.score for night in nights)
    start = next(start for start in AXIS_STARTS if start <= lowest)

    def height(score: float) -> float:
        return round(BOTTOM - (score - start) / (1 - start) * (BOTTOM - TOP), 1)

    step = (RIGHT - LEFT) / (len(nights) - 1)
    dots = [
        {
            "x": round(LEFT + number * step, 1),
            "y": height(night.score),
            "as_of": night.as_of,
            "score": night.score,
            "result": night.result,
        }
        for number, night in enumerate(nights)
    ]
    marks = (start, (start + 1) / 2, 1.0)
    return {
        "width": WIDTH,
        "height": HEIGHT,
        "left": LEFT,
        "right": RIGHT,
        "top": TOP,
        "bottom": BOTTOM,
        "ticks": [{"y": height(mark), "label": f"{mark:.3g}"} for mark in marks],
        "dots": dots,
        "points": " ".join(f"{dot['x']},{dot['y']}" for dot in dots),
        "count": len(nights),
        "first": nights[0].as_of,
        "last": nights[-1].as_of,
        "last_score": nights[-1].score,
    }


def _share(value: float | None) -> str:
    if value is None:
        return UNKNOWN
    if 0 < value < LEAST_SHOWN:
        return f"<{LEAST_SHOWN:.2%}"
    return f"{value:.2%}" if value else "0%"


def _part(value: float | None) -> str:
    return "not asked" if value is None else shown_score(value)


def _figure(value: float | None) -> str:
    return UNKNOWN if value is None else plain(value, DIGITS)


def _by_share(shares: dict[str, float]) -> list[tuple[str, float]]:
    return sorted(shares.items(), key=lambda item: (-item[1], item[0]))


def _pages() -> Environment:
    pages = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    filters: dict[str, Any] = {
        "share": _share,
        "score": shown_score,
        "part": _part,
        "figure": _figure,
        "by_share": _by_share,
        "count": lambda value: f"{value:,}",
    }
    pages.filters.update(filters)
    return pages


_PAGES = _pages()
