"""Tables that a person can also take away: each has a button that saves it as CSV."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd
import streamlit as st

from finrisk.dashboard.look import UNKNOWN

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
NUMERIC = "0123456789."


def table(
    rows: pd.DataFrame | Iterable[Mapping[str, Any]],
    *,
    name: str,
    about: str,
    columns: Mapping[str, Any] | None = None,
    key: str | None = None,
) -> None:
    """Show rows, and a button that saves them.

    Parameters
    ----------
    rows : DataFrame or iterable of mappings
        One mapping a row; keys are the headings.
    name : str
        Of the file that is saved, without its ending.
    about : str
        What the table shows, for who hears the page read.
    columns : mapping, optional
        Streamlit's column configuration by heading.
    key : str, optional
        Of the widgets, where one page has several tables of one name.
    """
    frame = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(list(rows))
    st.dataframe(
        frame, hide_index=True, column_config=columns, alt=about, key=key, placeholder=UNKNOWN
    )
    st.download_button(
        "Save as CSV",
        data=as_csv(frame),
        file_name=f"{name}.csv",
        mime="text/csv",
        key=f"save {key or name}",
        on_click="ignore",
        icon=":material/download:",
        type="tertiary",
        help=about,
    )


def as_csv(frame: pd.DataFrame) -> bytes:
    r"""Return a frame as CSV in which no text is a formula to a spreadsheet.

    Reasons are typed by people, and a spreadsheet runs a cell that begins with ``=``.

    Examples
    --------
    >>> as_csv(pd.DataFrame({"reason": ["=1+1", "drift", "−0.1"], "z": [-1.5, 2.0, 0.0]})).decode()
    "reason,z\n'=1+1,-1.5\ndrift,2.0\n−0.1,0.0\n"
    """
    text = frame.select_dtypes(exclude=["number", "bool", "datetime"]).columns
    safe = frame.assign(**{name: frame[name].map(_harmless) for name in text})
    safe.columns = safe.columns.map(_harmless)
    return safe.to_csv(index=False, lineterminator="\n").encode(errors="replace")


def _harmless(cell: Any) -> Any:
    if not isinstance(cell, str) or not cell.lstrip(" ").startswith(FORMULA):
        return cell
    signed_number = cell[0] in "+-" and len(cell) > 1 and set(cell[1:]) <= set(NUMERIC)
    return cell if signed_number else f"'{cell}"
