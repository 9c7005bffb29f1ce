"""Model Registry: a model's versions as the ledger has them, and what a person may do with one."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import streamlit as st

from finrisk.dashboard import look, tables
from finrisk.dashboard.experiments.queries import ShownRun
from finrisk.dashboard.page_links import link_to
from finrisk.dashboard.registry import forms as champion_forms
from finrisk.dashboard.registry import queries as ask
from finrisk.dashboard.registry.queries import InMlflow, Throne
from finrisk.dashboard.sources import Whose
from finrisk.ledger.register import OnRegister

LARGEST_VERSION = 2**31 - 1
SHORT = 8  # characters of a digest that tell two apart on one page
COLUMNS = {
    "alias": st.column_config.TextColumn(help="As the ledger says; it keeps no Staging"),
    "in MLflow": st.column_config.TextColumn(help="The aliases that MLflow shows on it"),
    "champion": st.column_config.TextColumn(
        help="Business days on which it decided; the last one is its successor's first"
    ),
    "its night": st.column_config.TextColumn(help="What the night decided that judged it"),
    "trained on": st.column_config.TextColumn(help="Beginning of the snapshot's sha256"),
    "artifact": st.column_config.TextColumn(help="Beginning of the artifact's sha256"),
    "MLflow": st.column_config.LinkColumn(display_text="open"),
}


def show(whose: Whose) -> None:
    """Show who serves, the versions newest first, one in full, and the actions."""
    champion_forms.carry_out(whose)
    throne = ask.throne(whose)
    _who_serves(throne)
    of_model = f"registry_page_{whose.scope}_{whose.model}"  # each model begins at its first page
    page = int(st.session_state.get(of_model, 1))
    versions, total = ask.register(whose, page)
    if not total:
        _nothing()
        return
    shown = _in_mlflow(whose, versions, first_page=page == 1)
    _tell_differences(whose, ask.differences(throne, shown, versions), shown)
    _list(whose, throne, shown, versions)
    st.caption(
        f"{len(versions)} of {total} versions, newest first. Production is the alias production, "
        "Staging the alias staging, Development neither. Digests are shortened; one version in "
        "full has them whole."
    )
    if total > ask.PAGE_VERSIONS:
        st.pagination(ceil(total / ask.PAGE_VERSIONS), key=of_model)
    _one(whose, throne, shown, versions)
    st.subheader("Actions")
    champion_forms.show(whose, throne, [one.version.version for one in versions])


def _who_serves(throne: Throne) -> None:
    st.markdown(look.plain_text(serving(throne)))
    if throne.freeze is not None:
        st.warning(look.plain_text(throne.freeze.sentence), icon=":material/ac_unit:")


def serving(throne: Throne) -> str:
    """Return who serves, who served before, and which version a person signed last."""
    if throne.champion is None:
        return "No version serves yet: there is no champion."
    said = [f"v{throne.champion.version} serves since {throne.since} (epoch {throne.epoch})."]
    if throne.previous is not None:
        said.append(f"Before it served v{throne.previous}.")
    anchor = throne.anchor
    said.append(
        "No version is signed."
        if anchor is None
        else f"Anchor, which challengers are held against as well: {anchor.sentence}."
    )
    return " ".join(said)


def _nothing() -> None:
    st.info(
        "No version is registered yet. A night registers the challenger that it judges: `finrisk "
        "retrain MODEL`, or the model's Dag. docs/tracking-api.md shows how a model that you "
        "fitted yourself is registered.",
        icon=":material/info:",
    )


def _in_mlflow(whose: Whose, versions: Sequence[OnRegister], *, first_page: bool) -> InMlflow:
    numbers = [one.version.version for one in versions]
    highest = LARGEST_VERSION if first_page else max(numbers, default=0)
    with st.spinner("Asking MLflow …"):
        return ask.in_mlflow(
            whose,
            min(numbers, default=0),
            highest,
            tuple(one.version.run_id for one in versions),
        )


def _tell_differences(whose: Whose, said: Sequence[str], shown: InMlflow) -> None:
    """Call out what MLflow shows otherwise, or that it could not be asked."""
    if shown.away is not None:
        st.warning(
            "MLflow could not be asked; what the ledger knows is below, without its aliases, "
            f"stages and times.\n\n{look.plain_text(shown.away)}",
            icon=":material/cloud_off:",
        )
        return
    if not said:
        st.caption(":material/check: MLflow shows what the ledger says.")
        return
    sentences = "\n".join(f"- {look.plain_text(one)}" for one in said)
    st.warning(
        f"MLflow differs from the ledger, which is right and which decides:\n\n{sentences}\n\n"
        f"The next night mends aliases and a champion's deleted version; "
        f"{look.command(f'finrisk reconcile {whose.model}')} does it now.",
        icon=":material/difference:",
    )


def _list(whose: Whose, throne: Throne, shown: InMlflow, versions: Sequence[OnRegister]) -> None:
    rows = [_row(whose, one, throne, shown) for one in versions]
    tables.table(
        rows,
        name=f"{whose.model}_versions",
        about="Registered versions, newest first: stage, origin, digests, aliases, signature, when "
        "each was champion and what its night decided",
        columns=COLUMNS,
        key="registry_versions",
    )


def _row(whose: Whose, one: OnRegister, throne: Throne, shown: InMlflow) -> dict[str, object]:
    number, zone = one.version.version, ask.zone_of(whose)
    run = shown.runs.get(one.version.run_id)
    in_mlflow = ", ".join(shown.aliases_of(number)) or "none"
    row: dict[str, object] = {
        "version": look.version(number),
        "stage": ask.stage(number, throne, shown) or look.UNKNOWN,
        "alias": ", ".join(aliases(number, throne)) or "none",
        "in MLflow": look.UNKNOWN if shown.away else in_mlflow,
        "champion": "; ".join(reign.text for reign in throne.reigns.get(number, ())) or "never",
        "as of": look.day(one.night) if one.night else (run and run.as_of) or look.UNKNOWN,
        "its night": "not judged" if one.decision is None else one.decision.value,
        "candidate": origin(one, run),
        "signed": signed(number, throne, zone),
        "trained on": short(one.snapshot_sha256),
        "artifact": short(one.version.artifact_sha256),
        "registered": look.moment(shown.registered.get(number), zone),
    }
    if url := ask.url_of(whose, number):
        row["MLflow"] = url
    return row


def origin(one: OnRegister, run: ShownRun | None) -> str:
    """Return the candidate's name, and its algorithm where that is another word."""
    candidate = one.candidate or (run.candidate if run else None)
    named = dict.fromkeys(filter(None, (candidate, run.algorithm if run else None)))
    return ", ".join(named) or look.UNKNOWN


def aliases(number: int, throne: Throne) -> list[str]:
    """Return the aliases that belong on a version by the ledger; it keeps no Staging."""
    on = {
        ask.PRODUCTION: throne.champion and throne.champion.version,
        ask.PREVIOUS: throne.previous,
    }
    return [alias for alias, version in on.items() if version == number]


def signed(number: int, throne: Throne, zone: str) -> str:
    """Return who signed a version last, and whether it is the anchor."""
    own = [one for one in throne.signatures if one.version == number]
    if not own:
        return "no"
    told = f"by {own[-1].actor}, {look.moment(own[-1].at, zone)}"
    return f"anchor, {told}" if own[-1] is throne.anchor else told


def short(sha256: str | None) -> str:
    """Return the beginning of a digest.

    Examples
    --------
    >>> short("62b864052c2e77150d4139eb"), short(None), short("")
    ('62b86405', '–', '–')
    """
    return sha256[:SHORT] if sha256 else look.UNKNOWN


def _one(whose: Whose, throne: Throne, shown: InMlflow, versions: Sequence[OnRegister]) -> None:
    """Show one version in full: whole digests, its run, its words, its signatures."""
    st.subheader("One version")
    of = {one.version.version: one for one in versions}
    number = st.selectbox(
        "Look into a version of this page",
        list(of),
        index=None,
        format_func=look.version,
        placeholder="Choose one",
        key="registry_version",
    )
    if number not in of:
        return
    one, run = of[number], shown.runs.get(of[number].version.run_id)
    told = shown.descriptions.get(number)
    if told:
        st.caption("Description in MLflow")
        st.text(told)
    for signature in throne.signatures:
        if signature.version == number:
            st.markdown(f":material/draw: {look.plain_text(signature.sentence)}")
    digests = {
        "artifact sha256": one.version.artifact_sha256,
        "manifest sha256": one.version.manifest_sha256,
        "trained on snapshot": one.snapshot_sha256 or look.UNKNOWN,
        "evidence sha256": one.evidence_sha256 or look.UNKNOWN,
        "MLflow run": one.version.run_id,
        "MLflow logged model": one.version.model_uri,
    }
    st.code("\n".join(f"{name:<20} {value}" for name, value in digests.items()), language=None)
    with st.container(horizontal=True):
        if url := ask.url_of(whose, number):
            st.link_button("Version in MLflow", url, icon=":material/open_in_new:")
        if run is not None:
            link_to("experiments", whose, label="Its run under Experiments", mlflow_run=run.run_id)
        if run is not None and run.url:
            st.link_button("Its run in MLflow", run.url, icon=":material/open_in_new:")
