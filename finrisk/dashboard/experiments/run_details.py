"""One MLflow run in full: figures, parameters, tags; its pictures and documents on demand."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import streamlit as st

from finrisk.dashboard import look, tables
from finrisk.dashboard.experiments import queries as ask
from finrisk.dashboard.experiments.queries import ShownFile, ShownRun, WholeRun
from finrisk.errors import ArtifactRejected, UnknownRun
from finrisk.wording import counted, plain

RUN = "mlflow_run"
CHOSEN, PART = "experiments_run", "experiments_part"
FIGURES, PARAMETERS, TAGS, PICTURES, DOCUMENTS = (
    "Figures",
    "Parameters",
    "Tags",
    "Pictures",
    "Documents",
)
MOST_PICTURES = 12
LONGEST_JSON = 200_000
LONGEST_TEXT = 20_000
MINUTE, HOUR = 60, 3600


def choose(scope: str, listed: Sequence[ShownRun], zone: str) -> None:
    """Let people choose one of the runs listed, or the one that the address names, and show it."""
    named = {run.run_id: run for run in listed}
    asked = st.query_params.get(RUN)
    options = list(dict.fromkeys([*([asked] if asked else []), *named]))
    if not options:
        return
    st.subheader("One run")
    chosen = st.selectbox(
        "Look into a run",
        options,
        index=0 if asked else None,
        format_func=lambda run_id: label(named[run_id], zone) if run_id in named else run_id,
        placeholder="Choose one of this page",
        key=CHOSEN,
    )
    if chosen is None:
        st.query_params.pop(RUN, None)
        return
    st.query_params[RUN] = chosen
    try:
        whole = ask.whole_run(scope, chosen)
    except UnknownRun as exc:
        st.warning(look.plain_text(str(exc)), icon=":material/search_off:")
        return
    _head(whole, zone)
    _part(scope, whole)


def label(run: ShownRun, zone: str) -> str:
    """Return how a run is called where one is chosen."""
    return f"{run.name} · {run.kind} · {look.moment(run.started, zone)}"


def duration(seconds: float | None) -> str:
    """Return how long something took, as people say it.

    Examples
    --------
    >>> duration(0.4), duration(95), duration(7260), duration(None)
    ('0.4 s', '1 min 35 s', '2 h 1 min', '–')
    """
    if seconds is None:
        return look.UNKNOWN
    if seconds < MINUTE:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < HOUR:
        return f"{whole // MINUTE} min {whole % MINUTE} s"
    return f"{whole // HOUR} h {whole % HOUR // MINUTE} min"


def _head(whole: WholeRun, zone: str) -> None:
    run = whole.run
    st.markdown(f"**{look.plain_text(run.name)}**")
    facts = [run.kind, run.status, f"started {look.moment(run.started, zone)}"]
    facts += [f"took {duration(run.seconds)}"] if run.seconds is not None else ["not ended"]
    facts += [f"as of {run.as_of}"] if run.as_of else []
    facts += [run.outcome] if run.outcome else []
    st.markdown(look.plain_text(", ".join(facts)))
    with st.container(horizontal=True):
        if run.url:
            st.link_button("Open in MLflow", run.url, icon=":material/open_in_new:")
        if whole.parent_run_id:
            st.button(
                "Look into the run it belongs to",
                key="experiments_parent",
                icon=":material/arrow_upward:",
                on_click=_look_into,
                args=(whole.parent_run_id,),
            )


def _look_into(run_id: str) -> None:
    st.query_params[RUN] = run_id
    st.session_state[CHOSEN] = run_id


def _part(scope: str, whole: WholeRun) -> None:
    parts = [FIGURES, PARAMETERS, TAGS, PICTURES, DOCUMENTS]
    part = st.segmented_control(
        "Show of it", parts, default=FIGURES, required=True, key=PART, bind="query-params"
    )
    run_id = whole.run.run_id
    if part == PICTURES:
        _pictures(scope, run_id)
    elif part == DOCUMENTS:
        _documents(scope, run_id)
    elif part == PARAMETERS:
        _names_and_values(whole.params, "parameter", run_id)
    elif part == TAGS:
        _names_and_values(whole.tags, "tag", run_id)
    else:
        figures = {name: plain(value, 6) for name, value in whole.metrics.items()}
        _names_and_values(figures, "metric", run_id)


def _names_and_values(values: Mapping[str, str], what: str, run_id: str) -> None:
    if not values:
        st.caption(f"This run has no {what}.")
        return
    st.caption(counted(len(values), what))
    tables.table(
        [{what: name, "value": value} for name, value in values.items()],
        name=f"{what}s_{run_id[:8]}",
        about=f"Every {what} of the run, with its value",
        key=f"experiments_{what}s",
    )


def _pictures(scope: str, run_id: str) -> None:
    pictures = [file for file in ask.files(scope, run_id) if file.is_picture]
    if not pictures:
        st.caption(
            "This run has no picture. `FINRISK_PICTURES=false` switches them off; a night that "
            "reached no comparison draws none."
        )
        return
    left, right = st.columns(2)
    for number, picture in enumerate(pictures[:MOST_PICTURES]):
        with right if number % 2 else left:
            _picture(scope, run_id, picture)
    if (more := len(pictures) - MOST_PICTURES) > 0:
        st.caption(f"{counted(more, 'more picture')} in MLflow.")


def _picture(scope: str, run_id: str, picture: ShownFile) -> None:
    name = called(picture.path)
    try:
        content = ask.content(scope, run_id, picture.path)
    except ArtifactRejected as exc:
        st.warning(look.plain_text(str(exc)), icon=":material/broken_image:")
        return
    caption = look.plain_text(name)
    try:
        st.image(content, caption=caption, width="stretch", alt=f"Picture of the run: {name}")
    except Exception:  # noqa: BLE001 - whatever a decoder makes of bytes that somebody prepared
        st.warning(f"{caption} is no picture that can be read.", icon=":material/broken_image:")


def called(path: str) -> str:
    """Return a picture's name as people read it.

    Examples
    --------
    >>> called("pictures/holdout_precision_recall.png")
    'holdout precision recall'
    """
    return path.rsplit("/", 1)[-1].rsplit(".", 1)[0].replace("_", " ")


def _documents(scope: str, run_id: str) -> None:
    documents = [file.path for file in ask.files(scope, run_id) if not file.is_picture]
    if not documents:
        st.caption("This run has no document.")
        return
    path = st.selectbox("Document", documents, key="experiments_document")
    try:
        content = ask.content(scope, run_id, path)
    except ArtifactRejected as exc:
        st.warning(look.plain_text(str(exc)), icon=":material/block:")
        return
    st.download_button(
        "Save this document",
        content,
        file_name=path.rsplit("/", 1)[-1],
        mime="text/plain",
        key="experiments_save_document",
        on_click="ignore",
        icon=":material/download:",
        type="tertiary",
    )
    _document(path, content)


def _document(path: str, content: bytes) -> None:
    """Show a document as it is: whoever wrote it into MLflow, it is text and nothing else."""
    text = content.decode("utf-8", errors="replace")
    if path.endswith(".json") and len(content) <= LONGEST_JSON:
        try:
            st.json(json.loads(text), expanded=1)
        except (ValueError, RecursionError):  # the second: brackets in brackets, thousands deep
            st.caption("This is no JSON that can be shown, though it is called so.")
        else:
            return
    st.code(text[:LONGEST_TEXT], language=None, wrap_lines=True)
    if (more := len(text) - LONGEST_TEXT) > 0:
        st.caption(f"{counted(more, 'more character')}: save it to read them.")
