"""Reports that speak of no landed row: their rows are bad, and would be taken for good.

A feed that lost leading zeros in one partition, or wrote ``1001.0``, looks whole. Not every such
report is at fault, though: the feed may speak of rows older than the first landed one, whose
partitions were never delivered or have been cleared away.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from finrisk.data.landing import EVENT_DAY, ROW_ID
from finrisk.data.masking import MOST_EXAMPLES, examples, masked
from finrisk.data.maturity import settled_days, window_ends
from finrisk.data.reports import EVENT_ON, Reports
from finrisk.records import Check
from finrisk.specs.data import LabelReports
from finrisk.specs.model_spec import ModelSpec

MOST_STRANGERS = 0.2  # a fifth of the bads would be taken for good: the night holds
FEW_STRANGERS = 0.02
REMEDY = "remedy: compare keys"

Days = NDArray[np.datetime64]
Mask = NDArray[np.bool_]
Found = tuple[tuple[str, ...], tuple[Check, ...]]


def strange_reports(reports: Reports, frame: pd.DataFrame, spec: ModelSpec) -> Found:
    """Judge how many reports name no landed row.

    Of the reports with an event after the first landed event day, a stranger counts if the first
    landed row's performance window had ended by its event, since until then it may belong to an
    older row, or, whenever its event came, if its key is a landed one but for leading zeros,
    ``.0``, case or white space. Rows younger than ``as_of`` have no event by ``as_of`` yet. Where
    a query leaves out old rows, whatever is not misspelt may be one of theirs.

    Parameters
    ----------
    reports : Reports
        Known by ``as_of``.
    frame : DataFrame, n rows
        ``Landing.frame``.
    spec : ModelSpec
        Whose windows, with a label rule of kind ``reports``.

    Returns
    -------
    problems, findings
        A problem above 20 %, or where no report at all names a landed row; a warning above 2 %.
    """
    rule = spec.label.rule
    if reports.frame.empty or not isinstance(rule, LabelReports):
        return (), ()
    keys = reports.frame[ROW_ID]
    known = _among(keys, frame[ROW_ID])
    if not known.any():
        none = f"reports: none of {len(keys)} keys in {rule.key!r} is a landed row; {REMEDY}"
        return (none,), ()
    if known.all():  # the usual night; what follows reads every key
        return (), ()
    first = frame[EVENT_DAY].to_numpy().astype("datetime64[D]").min(keepdims=True)
    events = reports.frame[EVENT_ON].to_numpy().astype("datetime64[D]")
    misspelt = ~known & _among(_bare(keys), _bare(frame[ROW_ID]))
    too_late = ~known & (events > _reported_by(first, spec, rule))
    judged = (events > first) & (known | misspelt | too_late)
    return _verdict(rule, keys, judged & ~known, int(judged.sum()), int((judged & misspelt).sum()))


def _reported_by(first: Days, spec: ModelSpec, rule: LabelReports) -> Days:
    """Return the day after which an event can be of no row older than the first one read.

    Late reports have no such day; but for a few they have come after some times the maturity.
    """
    if rule.after_window == "bad":
        return first + np.timedelta64(settled_days(spec.label), "D")
    return np.full_like(first, "NaT") if spec.is_read_in_part else window_ends(first, spec.label)


def _verdict(rule: LabelReports, keys: pd.Series, strange: Mask, of: int, misspelt: int) -> Found:
    count = int(strange.sum())
    share = count / max(of, 1)
    if share <= FEW_STRANGERS:
        return (), ()
    shown = examples(masked(key) for key in keys[strange].head(MOST_EXAMPLES))
    detail = (
        f"{count} of {of} keys ({share:.1%}) in {rule.key!r} are no landed row, {misspelt} of them "
        f"but for leading zeros, '.0', case or white space"
    )
    if share > MOST_STRANGERS:
        return (f"reports: {detail} ({', '.join(shown)}); {REMEDY}",), ()
    return (), (Check("warn", None, "strange reports", count, f"reports: {detail}", shown),)


def _among(keys: pd.Series, landed: pd.Series) -> Mask:
    """As objects: among a million rows of Arrow text pandas searches for seven seconds."""
    found: Mask = keys.astype(object).isin(landed.astype(object)).to_numpy()
    return found


def _bare(keys: pd.Series) -> pd.Series:
    """Take from keys what a spreadsheet or a float takes from them, or adds."""
    without = keys.str.strip().str.lower().str.replace(r"\.0+$", "", regex=True)
    return without.str.lstrip("0")
