"""Tables of two versions: their metrics, the gate's figures, what differs between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from finrisk.dashboard import look
from finrisk.dashboard.comparison import words
from finrisk.dashboard.comparison.queries import GatesView
from finrisk.dashboard.comparison.words import AT_DECISIONS, BRIER
from finrisk.evaluation.same_rows import Direction, Measured, MetricPair, Origin, SameRows
from finrisk.evidence import PairedFigure
from finrisk.gate.figures import LOWER_IS_BETTER
from finrisk.records import Window

Row = dict[str, str]

NOT_OF_RANKING = AT_DECISIONS | {
    BRIER,
    "ece",
    "calibration_offset",
    "calibration_slope",
    "psi",
}
SHORT = 12


def metric_rows(shown: SameRows, names: tuple[str, str], *, ranking: bool) -> list[Row]:
    """Return a table of metrics: those of the ranking, or of decisions and probabilities."""
    chosen = [pair for pair in shown.metrics if (pair.name in NOT_OF_RANKING) != ranking]
    return [_metric_row(pair, shown, names) for pair in chosen]


def _metric_row(pair: MetricPair, shown: SameRows, names: tuple[str, str]) -> Row:
    digits = words.digits_of(pair)
    return {
        "Metric": f"{words.metric_name(pair.name, shown)} ({pair.direction.value})",
        f"A: {names[0]} (95 %)": _with_interval(pair.a, digits),
        f"B: {names[1]} (95 %)": _with_interval(pair.b, digits),
        "B − A (95 %)": _with_interval(pair.difference, digits, signed=True),
        "Better": words.better(pair, names),
        "Interval": pair.interval,
    }


def gate_rows(view: GatesView) -> list[Row]:
    """Return the gate's paired figures, the headline first."""
    found = view.comparison
    figures = dict(view.metrics)
    rows = []
    if found is not None:
        bounds = figures.pop(found.metric, None)
        headline = PairedFigure(
            champion=found.champion,
            challenger=found.challenger,
            difference=found.difference,
            lower=bounds.lower if bounds else None,
            upper=bounds.upper if bounds else None,
        )
        note = f"headline; s {found.standard_error:.4f} by {found.variance_by}"
        rows.append(_gate_row(view, found.metric, headline, note))
    for name, figure in figures.items():
        direction = Direction.LOWER if name in LOWER_IS_BETTER else Direction.HIGHER
        rows.append(_gate_row(view, name, figure, direction.value))
    return rows


def _gate_row(view: GatesView, name: str, of: PairedFigure, note: str) -> Row:
    rare = name == BRIER and of.champion < words.RARE
    digits = words.RARE_DIGITS if rare else words.DIGITS
    return {
        "Metric": words.named(name),
        f"Champion v{view.champion}": look.figure(of.champion, digits),
        f"Challenger v{view.challenger}": look.figure(of.challenger, digits),
        "Challenger − champion": look.signed(of.difference, digits),
        "Lower bound": look.signed(of.lower, digits),
        "Upper bound": look.signed(of.upper, digits),
        "Note": note,
    }


def origin_rows(a: Origin | None, b: Origin | None, names: tuple[str, str]) -> list[Row]:
    """Return what is known of where both come from, and whether it is the same."""
    left, right = _facts(a), _facts(b)
    return _side_by_side(left, right, names, what="What")


def parameter_rows(
    a: Mapping[str, Any] | None, b: Mapping[str, Any] | None, names: tuple[str, str]
) -> list[Row]:
    """Return both versions' parameters, those that differ first.

    Examples
    --------
    >>> a, b = {"C": "0.3", "seed": "1"}, {"C": "0.3", "max_depth": "3"}
    >>> rows = parameter_rows(a, b, ("v1", "v2"))
    >>> [(row["Parameter"], row["v1"], row["v2"], row["Differs"]) for row in rows]
    [('max_depth', '–', '3', 'yes'), ('seed', '1', '–', 'yes'), ('C', '0.3', '0.3', 'no')]
    """
    left = {name: str(value) for name, value in sorted((a or {}).items())}
    right = {name: str(value) for name, value in sorted((b or {}).items())}
    rows = _side_by_side(left, right, names, what="Parameter")
    return sorted(rows, key=lambda row: (row["Differs"] == "no", row["Parameter"]))


def differing(rows: list[Row]) -> list[Row]:
    """Return the rows in which the two versions differ."""
    return [row for row in rows if row["Differs"] == "yes"]


def _with_interval(of: Measured | None, digits: int, *, signed: bool = False) -> str:
    if of is None:
        return look.UNKNOWN
    form = look.signed if signed else words.plain_figure
    if of.low is None or of.high is None:
        return form(of.value, digits)
    return f"{form(of.value, digits)} ({form(of.low, digits)} to {form(of.high, digits)})"


def _facts(of: Origin | None) -> dict[str, str]:
    if of is None:
        return {}
    return dict(_told_facts(of))


def _told_facts(of: Origin) -> Iterator[tuple[str, str]]:
    fitted: Window | None = of.fitted_on
    yield "Algorithm", of.algorithm
    yield "Candidate", of.candidate
    yield "As of", look.day(of.as_of)
    yield "Fitted on rows from", look.day(fitted.first_day if fitted else None)
    yield "Fitted on rows to", look.day(fitted.last_day if fitted else None)
    yield "Rows it was fitted on", f"{fitted.rows:,}" if fitted else look.UNKNOWN
    yield "Bads among them", f"{fitted.bads:,}" if fitted else look.UNKNOWN
    yield "Snapshot", of.snapshot_sha256[:SHORT] or look.UNKNOWN
    yield "Spec", of.spec_sha256[:SHORT] or look.UNKNOWN
    yield "Score", "on a scale of its own" if of.is_detector else "probability of bad"
    yield "Cut-off when it was fitted", look.UNKNOWN if of.cutoff is None else f"{of.cutoff:g}"
    yield "Features", str(len(of.features))
    for name in of.features:
        yield f"Feature {name}", of.feature_definitions.get(name, "used")
    yield "Seed", str(of.seed)
    yield "Threads", str(of.threads) if of.threads else look.UNKNOWN
    yield (
        "One row, 99th percentile",
        (look.UNKNOWN if of.one_row_ms is None else f"{of.one_row_ms:.1f} ms"),
    )
    yield "Size of the artifact", f"{of.artifact_mb:.2f} MB"
    for name, installed in sorted(of.libraries.items()):
        yield f"Library {name}", installed


def _side_by_side(
    left: Mapping[str, str], right: Mapping[str, str], names: tuple[str, str], *, what: str
) -> list[Row]:
    rows = []
    for name in dict.fromkeys((*left, *right)):
        a, b = left.get(name, look.UNKNOWN), right.get(name, look.UNKNOWN)
        rows.append({what: name, names[0]: a, names[1]: b, "Differs": "no" if a == b else "yes"})
    return rows
