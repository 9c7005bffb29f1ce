"""Experiments: the MLflow runs behind a model, filtered, ordered, and one of them in full."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from functools import partial

import streamlit as st

from finrisk.dashboard import look, tables
from finrisk.dashboard.experiments import queries as ask
from finrisk.dashboard.experiments import run_details
from finrisk.dashboard.experiments.queries import Filter, ShownRun, ShownRuns
from finrisk.dashboard.registry.queries import zone_of
from finrisk.dashboard.sources import Whose
from finrisk.errors import ConfigurationError
from finrisk.tracking.wanted_runs import STATUSES, RunKind

ROWS = 50
RUN_PIXELS = 270  # its name is in full where one run is chosen
THIS_MODEL, ALL_MODELS = "this model", "all models, and none"
KINDS = tuple(kind.value for kind in RunKind if kind is not RunKind.OTHER)
STARTED = "start"
METRICS = {
    "auc": "AUC",
    "average_precision": "average precision",
    "ks": "KS",
    "gini": "Gini",
    "brier": "Brier score (lower = better)",
    "development_score": "development score",
    "search_best": "best score of a search",
    "data_quality_score": "data quality score",
    "challenger_auc": "challenger's AUC",
    "difference": "challenger − champion",
    "z": "z",
}
ALWAYS = ("auc", "average_precision", "development_score")
TOKENS, ASKED, QUESTIONS = "experiments tokens", "experiments asked", "experiments questions"


def show(whose: Whose) -> None:
    """Show the runs that people ask for, a page at a time, and the one that they choose."""
    st.caption(
        "What was tried and measured, as MLflow keeps it. Nothing here decides: who serves stands "
        "in the ledger, under Model Registry and Promotions."
    )
    wanted = _filter(whose)
    try:
        found = _page(whose, wanted)
    except ConfigurationError as exc:
        st.warning(f"{look.plain_text(str(exc))}", icon=":material/search_off:")
        return
    if found.runs:
        _list(found, wanted)
    else:
        _nothing(wanted)
    _turn_pages()
    run_details.choose(whose.scope, found.runs, wanted.zone)


def _filter(whose: Whose) -> Filter:
    """Let people narrow; the address keeps what they chose."""
    with st.container(border=True):
        asked = _what(whose)
        since, until = _days()
        metric, ascending = _order()
    if since and until and since > until:
        st.warning(f"From {since} until {until} is no time at all: no run can be in it.")
    return replace(asked, since=since, until=until, metric=metric, ascending=ascending)


def _what(whose: Whose) -> Filter:
    whom, kind, algorithm, status = st.columns(4)
    of = whom.selectbox(
        "Runs of",
        [THIS_MODEL, ALL_MODELS],
        key="experiments_of",
        bind="query-params",
        help="A run that was logged by hand carries the name it was logged under, which may be "
        "no declared model: look for it among all.",
    )
    kinds = kind.selectbox(
        "Kind of run",
        KINDS,
        index=None,
        placeholder="every kind",
        key="experiments_kind",
        bind="query-params",
    )
    named = algorithm.selectbox(
        "Algorithm",
        ask.algorithms(whose.scope),
        index=None,
        placeholder="every algorithm",
        accept_new_options=True,
        key="experiments_algorithm",
        bind="query-params",
        help="Nights, data quality and monitoring have none. A candidate's own name is part of "
        "its run's name.",
    )
    ended = status.selectbox(
        "Status",
        STATUSES,
        index=None,
        format_func=str.lower,
        placeholder="every status",
        key="experiments_status",
        bind="query-params",
    )
    return Filter(
        model=whose.model if of != ALL_MODELS else None,
        zone=zone_of(whose),
        kind=kinds,
        algorithm=(named or "").strip() or None,
        status=ended,
        text=_text(),
    )


def _text() -> str:
    text = st.text_input(
        "Text in the run's name",
        key="experiments_text",
        bind="query-params",
        type="search",
        max_chars=120,
        help="Capitals or not. Letters, digits, spaces and . : + - _ can be searched for, and _ "
        "stands for any one character; quotes, % and brackets cannot. Only names are searched, "
        "not parameters or tags.",
    )
    return (text or "").strip()


def _days() -> tuple[date | None, date | None]:
    first, last = st.columns(2)
    since = first.date_input(
        "Started from", value=None, key="experiments_from", bind="query-params", format="YYYY-MM-DD"
    )
    until = last.date_input(
        "Started until", value=None, key="experiments_until", bind="query-params",
        format="YYYY-MM-DD", help="That day included, by the clock of the model's nights",
    )  # fmt: skip
    return since, until


def _order() -> tuple[str | None, bool]:
    by, way = st.columns(2)
    ordered = by.selectbox(
        "Order by",
        [STARTED, *METRICS],
        format_func=lambda name: METRICS.get(name, "start"),
        key="experiments_order",
        bind="query-params",
        help="Runs without the metric come last. A tracking server with thousands of runs takes "
        "some seconds to order by a metric.",
    )
    ascending = way.selectbox(
        "Beginning with",
        [False, True],
        format_func=lambda up: "the earliest or lowest" if up else "the newest or highest",
        key="experiments_ascending",
        bind="query-params",
    )
    return (None if ordered in (None, STARTED) else ordered), bool(ascending)


def _page(whose: Whose, wanted: Filter) -> ShownRuns:
    """Return the page that is asked for; another question begins at its first."""
    question = (whose, wanted)
    if st.session_state.get(ASKED) != question:
        asked_before = st.session_state.get(QUESTIONS, 0)
        st.session_state.update({ASKED: question, TOKENS: [None], QUESTIONS: asked_before + 1})
    tokens: list[str | None] = st.session_state[TOKENS]
    page = _number()
    with st.spinner("Asking MLflow …", show_time=True):
        found = ask.runs(whose.scope, wanted, tokens[page - 1])
    if found.tokens:
        st.session_state[TOKENS] = list(found.tokens)
    elif found.following and page == len(tokens):
        tokens.append(found.following)
    return found


def _number() -> int:
    """Return the number of the page that is shown, of those whose token is known."""
    return min(int(st.session_state.get(_page_key(), 1)), len(st.session_state[TOKENS]))


def _page_key() -> str:
    """Return the key of the pages of one question: each question has its own first page."""
    return f"experiments_page_{st.session_state[QUESTIONS]}"


def _turn_pages() -> None:
    if (pages := len(st.session_state[TOKENS])) > 1:
        st.pagination(pages, key=_page_key())


def _list(found: ShownRuns, wanted: Filter) -> None:
    st.caption(_span(found))
    tables.table(
        rows_of(found.runs, wanted),
        name="mlflow_runs",
        about="MLflow runs: what each was made for, its status, start, duration and main figures",
        columns={
            "run": st.column_config.TextColumn(width=RUN_PIXELS),
            "MLflow": st.column_config.LinkColumn(display_text="open"),
            **{METRICS[name]: st.column_config.NumberColumn(format="%.4f") for name in METRICS},
        },
        key="experiments_runs",
    )


def _span(found: ShownRuns) -> str:
    """Say which of how many runs the page shows."""
    before = ROWS * (_number() - 1)
    span = f"{before + 1:,} to {before + len(found.runs):,}"
    if found.total is None:
        return f"MLflow runs {span}; a tracking server does not count how many there are."
    return f"MLflow runs {span} of {found.total:,}"


def _nothing(wanted: Filter) -> None:
    narrowed = any((wanted.kind, wanted.algorithm, wanted.status, wanted.text))
    if narrowed or wanted.since or wanted.until:
        st.info("No run fits all of that. Take a filter away.", icon=":material/filter_alt_off:")
        return
    st.info(
        "MLflow has no run of this model yet. A night writes the first ones: `finrisk retrain "
        "MODEL`, or the model's Dag. A run that was logged by hand stands under "
        f"“{ALL_MODELS}” if it has another name.",
        icon=":material/info:",
    )


def rows_of(runs: Sequence[ShownRun], wanted: Filter) -> list[dict[str, object]]:
    """Return the table's rows: what none of them has, or says twice, is no column.

    Parameters
    ----------
    runs : sequence of ShownRun
    wanted : Filter
        Runs of all models have theirs as a column; the metric they are ordered by is one, too.
    """
    figures = [m for m in METRICS if m == wanted.metric or m in ALWAYS]
    shown = [m for m in figures if m == wanted.metric or any(m in run.metrics for run in runs)]
    told: list[tuple[str, Callable[[ShownRun], object]]] = [
        ("run", lambda run: run.name),
        ("kind", lambda run: run.kind),
    ]
    if wanted.model is None:
        told.append(("model", lambda run: run.model or look.UNKNOWN))
    if any(run.candidate not in (None, run.algorithm) for run in runs):
        told.append(("candidate", lambda run: run.candidate or look.UNKNOWN))
    if any(run.algorithm for run in runs):
        told.append(("algorithm", lambda run: run.algorithm or look.UNKNOWN))
    told.append(("as of", lambda run: run.as_of or look.UNKNOWN))
    told += [(METRICS[name], partial(_figure, name)) for name in shown]
    if any(run.outcome for run in runs):
        told.append(("outcome", lambda run: run.outcome or look.UNKNOWN))
    told += [
        ("status", lambda run: run.status),
        ("started", lambda run: look.moment(run.started, wanted.zone)),
        ("took", lambda run: run_details.duration(run.seconds)),
    ]
    if any(run.url for run in runs):
        told.append(("MLflow", lambda run: run.url))
    return [{heading: of(run) for heading, of in told} for run in runs]


def _figure(name: str, run: ShownRun) -> float | None:
    return run.metrics.get(name)
