"""Which two versions of a model are looked at: people choose, and the address keeps it."""

from __future__ import annotations

from functools import partial

import streamlit as st

from finrisk.dashboard.comparison.queries import Choice, Choices
from finrisk.dashboard.sources import Whose

OF_WHOM = "comparison of"
A, B = "a", "b"
MOST_DIGITS = 10  # of a version in the address


def choose_two(whose: Whose, there: Choices) -> tuple[Choice, Choice] | None:
    """Let people choose two versions; say what is missing where there are not two."""
    if len(there.versions) < 2 or there.a is None or there.b is None:  # noqa: PLR2004 - a pair
        _too_few(there)
        return None
    numbers = [choice.version for choice in there.versions]
    left, right = st.columns(2)
    with left:
        a = _choose(whose, there, A, "Version A", there.a, numbers)
    with right:
        b = _choose(whose, there, B, "Version B (differences are B − A)", there.b, numbers)
    st.session_state[OF_WHOM] = (whose.scope, whose.model)
    one, other = there.of(a), there.of(b)
    if one.version == other.version:
        st.info("Choose two different versions: these are the same.", icon=":material/info:")
        return None
    if one.artifact_sha256 == other.artifact_sha256:
        st.info(
            f"v{a} and v{b} stand for the very same bytes, registered twice: "
            "every figure of one is that of the other.",
            icon=":material/info:",
        )
        return None
    return one, other


def _choose(
    whose: Whose, there: Choices, name: str, label: str, default: int, numbers: list[int]
) -> int:
    """Let people choose a version; the address says which, as a plain number."""
    key = f"comparison {name} {whose.scope} {whose.model}"
    if st.session_state.get(key) not in numbers:
        asked = _asked(name, whose)
        st.session_state[key] = asked if asked in numbers else default
    chosen: int = st.selectbox(
        label,
        numbers,
        format_func=partial(_described, there),
        key=key,
        help="Any two versions of the model; the address of this page keeps them",
    )
    if st.query_params.get(name) != str(chosen):
        st.query_params[name] = str(chosen)
    return chosen


def _asked(name: str, whose: Whose) -> int | None:
    """Return the version that the address asks for, unless it meant another model."""
    before = st.session_state.get(OF_WHOM)
    if before not in (None, (whose.scope, whose.model)):
        return None
    text = st.query_params.get(name, "").removeprefix("v")
    return int(text) if text.isdecimal() and len(text) <= MOST_DIGITS else None


def _described(there: Choices, number: int) -> str:
    role = there.of(number).role
    return f"v{number} · {role}" if role else f"v{number}"


def _too_few(there: Choices) -> None:
    if not there.versions:
        said = "There is no version yet. The first night that trains a model registers one."
    else:
        said = (
            f"There is only one version, v{there.versions[0].version}, and nothing to compare it "
            "with. The next night whose data are new registers another."
        )
    st.info(said, icon=":material/info:")
