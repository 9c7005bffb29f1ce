"""The feed of bad outcomes: which rows it reports, and when their event came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from finrisk.data.coercion import coerce, texts, trimmed
from finrisk.data.day_files import DayRange
from finrisk.data.landing import ROW_ID
from finrisk.data.partitions import DELIVER_AGAIN, Partition, open_partitions
from finrisk.data.reach import first_day_read
from finrisk.errors import LandingError
from finrisk.specs.data import LabelReports
from finrisk.specs.model_spec import ModelSpec

EVENT_ON = "_event_on"


@dataclass(frozen=True, slots=True)
class Reports:
    """What was reported by ``as_of``.

    Attributes
    ----------
    frame : DataFrame
        ``_row_id`` (text, each once) and ``_event_on`` (datetime64, its earliest event).
    files : tuple of str
        The partitions that the reports came from.
    problems : tuple of str
        Partitions not picked up, and reports without a key or a date. The night holds on any:
        a missing report would make a bad row good.
    """

    frame: pd.DataFrame
    files: tuple[str, ...]
    problems: tuple[str, ...]


def reports_for(spec: ModelSpec, home: Path, as_of: date) -> Reports | None:
    """Read the feed that a model's label needs; ``None`` if its label stands in the rows."""
    rule = spec.label.rule
    if not isinstance(rule, LabelReports):
        return None
    since = first_day_read(spec, as_of)
    return read_reports(rule, home, as_of, spec.schedule.timezone, since)


def read_reports(
    rule: LabelReports,
    home: Path,
    as_of: date,
    timezone: str = "UTC",
    since: date | None = None,
) -> Reports:
    """Read the reports whose event came by ``as_of``; of duplicates the earliest counts.

    Parameters
    ----------
    rule : LabelReports
        Where reports land, and their two columns.
    home : Path
        What a relative path starts from.
    as_of : date
        Later events are not known yet.
    timezone : str
        Where a moment with an offset gets its day.
    since : date, optional
        Of files that hold one day each, those of earlier days are left alone: no row is so old.
    """
    days = DayRange(since, as_of) if rule.partition == "day" else None
    columns = (rule.key, rule.event_date)
    try:
        delivery = open_partitions(home / rule.path, rule.format, "if_present", columns, days)
    except LandingError as exc:
        return Reports(_frame([]), (), (f"reports: {exc}",))
    problems = list(delivery.problems)
    frames: list[pd.DataFrame] = []
    files: list[str] = []
    for partition in delivery.partitions:
        if absent := [c for c in (rule.key, rule.event_date) if c not in partition.header]:
            problems.append(f"{partition.name}: no column {absent[0]!r}; remedy: {DELIVER_AGAIN}")
            continue
        frame = _read(partition, rule, timezone)
        if broken := int(frame.isna().any(axis=1).sum()):
            problems.append(
                f"{partition.name}: {broken} reports lack {rule.key!r} or a date in "
                f"{rule.event_date!r}; remedy: {DELIVER_AGAIN}"
            )
        known = frame[(frame[EVENT_ON] <= np.datetime64(as_of)) & frame[ROW_ID].notna()]
        if len(known):
            frames.append(known)
            files.append(partition.name)
    return Reports(_frame(frames), tuple(files), tuple(problems))


def _read(partition: Partition, rule: LabelReports, timezone: str) -> pd.DataFrame:
    table = partition.table
    dates = coerce(table.column(rule.event_date), "date", parse=True, timezone=timezone)
    keys = table.column(rule.key)
    keys = trimmed(keys) if rule.format == "csv" else keys
    return pd.DataFrame({ROW_ID: texts(keys), EVENT_ON: dates.values})


def _frame(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    if not frames:
        empty = {ROW_ID: pd.Series(dtype="str"), EVENT_ON: pd.Series(dtype="datetime64[us]")}
        return pd.DataFrame(empty)
    every = pd.concat(frames, ignore_index=True).sort_values([EVENT_ON, ROW_ID])
    return every.drop_duplicates(ROW_ID, keep="first").reset_index(drop=True)
