"""The feed of bad outcomes: which rows it reports, and when their event came."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from finrisk.data.coercion import coerce, texts, trimmed
from finrisk.data.day_files import DayRange, day_of
from finrisk.data.landing import ROW_ID
from finrisk.data.partitions import DELIVER_AGAIN, Delivery, Partition, open_partitions
from finrisk.data.reach import first_day_read
from finrisk.errors import LandingError
from finrisk.specs.data import LabelReports
from finrisk.specs.model_spec import ModelSpec

EVENT_ON = "_event_on"
KNOWN_ON = "_known_on"
MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Reports:
    """What was reported by ``as_of``.

    Attributes
    ----------
    frame : DataFrame
        ``_row_id`` (text, each once), ``_event_on`` (datetime64, its earliest event) and
        ``_known_on``: that day, or the day of its file where files hold one day each. A report that
        is backdated was not known before it was delivered.
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
    by_day = rule.partition == "day"
    days = DayRange(since, as_of - timedelta(days=1)) if by_day else None
    columns = (rule.key, rule.event_date)
    root = home / rule.path
    try:
        delivery = open_partitions(
            root, rule.format, rule.digest_sidecar, columns, days, allow_empty=by_day
        )
    except LandingError as exc:
        return Reports(_frame([]), (), (f"reports: {exc}",))
    problems = [*delivery.problems, *_missing_days(delivery, days)]
    frames: list[pd.DataFrame] = []
    files: list[str] = []
    for partition in delivery.partitions:
        if absent := [c for c in (rule.key, rule.event_date) if c not in partition.header]:
            problems.append(f"{partition.name}: no column {absent[0]!r}; remedy: {DELIVER_AGAIN}")
            continue
        frame = _read(partition, rule, timezone)
        if ahead := int((frame[EVENT_ON] > frame[KNOWN_ON]).sum()):
            problems.append(
                f"{partition.name}: {ahead} reports are dated after their file's day; remedy: "
                f"{DELIVER_AGAIN}"
            )
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
    frame = pd.DataFrame({ROW_ID: texts(keys), EVENT_ON: dates.values})
    of_file = day_of(partition.name) if rule.partition == "day" else None
    if of_file is None:
        return frame.assign(**{KNOWN_ON: frame[EVENT_ON]})
    return frame.assign(**{KNOWN_ON: pd.Timestamp(of_file).as_unit("us")})


def _frame(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    if not frames:
        days = pd.Series(dtype="datetime64[us]")
        return pd.DataFrame({ROW_ID: pd.Series(dtype="str"), EVENT_ON: days, KNOWN_ON: days})
    every = pd.concat(frames, ignore_index=True).sort_values([EVENT_ON, KNOWN_ON, ROW_ID])
    first = every.drop_duplicates(ROW_ID, keep="first").reset_index(drop=True)
    known = every.groupby(ROW_ID, sort=False)[KNOWN_ON].min()
    return first.assign(**{KNOWN_ON: known.reindex(first[ROW_ID]).to_numpy()})


def _missing_days(delivery: Delivery, days: DayRange | None) -> Iterator[str]:
    """Say which days of a feed are lost: their frauds would be taken for genuine.

    A day without a report is a file without rows. What went before the first file is not asked.
    """
    there = {day for p in delivery.partitions if (day := day_of(p.name)) is not None}
    if days is None or not there:
        return
    first = min(there)
    every = (first + timedelta(days=n) for n in range((days.last - first).days + 1))
    if missing := [str(day) for day in every if day not in there]:
        more = f" and {len(missing) - MOST_NAMED} more" if len(missing) > MOST_NAMED else ""
        yield (
            f"reports: no file of {', '.join(missing[:MOST_NAMED])}{more}; remedy: deliver it; one "
            "without rows says that nothing was reported"
        )
