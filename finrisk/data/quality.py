"""How good was what landed tonight? One record a night, and a score of four shares.

The score judges everything that landed, so that the same delivery has the same score whether its
broken rows block the night or are set aside. All other figures are of the rows that were validated.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from finrisk.data.broken_rows import DUPLICATE_KEY, MISSING_KEY
from finrisk.data.column_quality import (
    FEWEST_ROWS,
    ColumnQuality,
    allowed_missing,
    column_quality,
)
from finrisk.data.labels import LABEL, Labelled
from finrisk.data.landing import EVENT_DAY, Landing
from finrisk.data.quarantine import Delivered
from finrisk.data.vintages import vintages_of
from finrisk.records import Check, DataVerdict, Record
from finrisk.specs.data import LabelDatedEvent
from finrisk.specs.model_spec import ModelSpec
from finrisk.specs.source import FILE_POSITION

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class QualityParts(Record):
    """What the score is the mean of: shares from 0 (worst) to 1; None where nothing is asked.

    ``completeness``: over the columns whose missing cells are limited, the mean of
    (1 − missing share) ÷ (1 − allowed missing share), at most 1 each; a limit of 1 is no limit.
    ``validity``: share of rows that break no rule about rows; those about keys standing twice are
    the next part's. ``uniqueness``: share of rows with a key that no other row has; None where no
    column is the key. ``timeliness``: 1 if the newest row is within ``contract.max_age_days``, else
    0; None where that is not set.
    """

    completeness: float | None
    validity: float | None
    uniqueness: float | None
    timeliness: float | None

    @property
    def score(self) -> float:
        """The mean of the parts that are asked for; 0 where none is known.

        Examples
        --------
        >>> QualityParts(1.0, 0.98, 1.0, None).score
        0.993333
        """
        parts = (self.completeness, self.validity, self.uniqueness, self.timeliness)
        known = [part for part in parts if part is not None]
        return round(sum(known) / len(known), 6) if known else 0.0


NOTHING_KNOWN = QualityParts(None, None, None, None)


@dataclass(frozen=True, slots=True)
class VintageQuality(Record):
    """One vintage: rows validated, landed rows that break a rule, and how its rows ended.

    ``bad_rate`` is None until 20 of them have a label.
    """

    vintage: str
    rows: int
    broken_rows: int
    missing_share: float
    bad_rate: float | None


@dataclass(frozen=True, slots=True)
class QualityLine(Record):
    """One night in a list of nights."""

    as_of: date
    result: str
    rows: int
    quarantined: int
    missing_share: float | None
    checks_failed: int
    score: float
    checks_blocking: int = 0

    @property
    def failures(self) -> str:
        """How many checks failed, those that block and those that warn apart.

        Examples
        --------
        >>> QualityLine(date(2024, 7, 2), "block", 9, 0, 0.0, 3, 0.9, checks_blocking=1).failures
        '1 block, 2 warn'
        """
        warning = self.checks_failed - self.checks_blocking
        counts = {"block": self.checks_blocking, "warn": warning}
        return ", ".join(f"{count:,} {word}" for word, count in counts.items() if count) or "none"


def shown_score(score: float) -> str:
    """Return a score to four digits, rounded down: 1 is perfect, and nothing else looks so.

    Examples
    --------
    >>> shown_score(0.99998), shown_score(1.0)
    ('0.9999', '1.0000')
    """
    return f"{math.floor(score * 10_000) / 10_000:.4f}"


@dataclass(frozen=True, slots=True)
class QualityReport(Record):
    """The data quality of one night of one model. ``rows`` are those validated.

    ``quarantined`` rows were set aside before. ``problems`` are why nothing could be validated, or
    which partitions were not picked up. ``dtypes`` counts columns by their type. ``missing_share``
    leaves out the date of the label's event, which a good row has not. ``label_completeness`` is
    the share of bads that were reported by their maturity; None where reports do not come late.
    """

    model: str
    as_of: date
    result: str
    rows: int
    quarantined: int
    missing_share: float | None
    score: float
    parts: QualityParts
    checks_run: int
    failed: tuple[Check, ...]
    problems: tuple[str, ...]
    vintages: tuple[VintageQuality, ...]
    columns: tuple[ColumnQuality, ...]
    dtypes: dict[str, int]
    label_completeness: float | None = None

    @property
    def checks_failed(self) -> int:
        """Failed checks, and problems that kept a check from being asked."""
        return len(self.failed) + len(self.problems)

    @property
    def line(self) -> QualityLine:
        """The night as one of a list."""
        return QualityLine(
            as_of=self.as_of,
            result=self.result,
            rows=self.rows,
            quarantined=self.quarantined,
            missing_share=self.missing_share,
            checks_failed=self.checks_failed,
            score=self.score,
            checks_blocking=len(self.problems)
            + sum(check.severity == "block" for check in self.failed),
        )


def quality_report(
    spec: ModelSpec,
    as_of: date,
    verdict: DataVerdict,
    delivered: Delivered | None,
    labelled: Labelled | None,
    problems: tuple[str, ...] = (),
) -> QualityReport:
    """Describe what landed; the same for the same delivery.

    Parameters
    ----------
    spec : ModelSpec
        Whose columns and contract.
    as_of : date
        The night's day.
    verdict : DataVerdict
        What the contract said.
    delivered : Delivered or None
        What landed; None where nothing could be read, which has the score 0.
    labelled : Labelled or None
        The rows that were kept, with their labels; None where they could not be labelled.
    problems : tuple of str
        What stood in the way of reading or validating.
    """
    frame = pd.DataFrame() if delivered is None else delivered.landing.frame
    missing = {} if frame.empty else {c: frame[c].isna().to_numpy() for c in spec.columns}
    counted = {c: cells for c, cells in missing.items() if c not in _event_dates(spec)}
    columns = tuple(
        column_quality(c, frame[c], spec.columns[c], cells, figures=c != spec.row_key)
        for c, cells in missing.items()
    )
    parts = NOTHING_KNOWN if delivered is None else _parts(delivered, spec, as_of)
    return QualityReport(
        model=spec.name,
        as_of=as_of,
        result=verdict.result,
        rows=len(frame),
        quarantined=0 if delivered is None else len(delivered.aside.rows),
        missing_share=_mean([column.missing_share for column in columns if column.name in counted]),
        score=parts.score,
        parts=parts,
        checks_run=verdict.checks_run,
        failed=verdict.failed,
        problems=problems,
        vintages=tuple(_vintages(delivered, counted, labelled, spec)) if delivered else (),
        columns=columns,
        dtypes=dict(sorted(Counter(column.dtype for column in columns).items())),
        label_completeness=None if labelled is None else labelled.completeness,
    )


def _event_dates(spec: ModelSpec) -> tuple[str | None, ...]:
    """The columns that only a row with an event has, whose missing cells say nothing."""
    rule = spec.label.rule
    if isinstance(rule, LabelDatedEvent):
        return (rule.date_column, rule.fallback_date_column)
    return ()


def _parts(delivered: Delivered, spec: ModelSpec, as_of: date) -> QualityParts:
    landed, breaks = delivered.landed, delivered.breaks
    dated, undated = len(landed.frame), len(landed.undated)
    if dated + undated == 0:
        return NOTHING_KNOWN
    broken = int(breaks.mask(but=(DUPLICATE_KEY,)).sum()) + undated
    keyed = spec.row_key != FILE_POSITION and dated > 0
    doubtful = int(breaks.of(DUPLICATE_KEY, MISSING_KEY).sum())
    return QualityParts(
        completeness=_completeness(landed, spec),
        validity=1 - broken / (dated + undated),
        uniqueness=1 - doubtful / dated if keyed else None,
        timeliness=_timeliness(landed, spec, as_of),
    )


def _completeness(landed: Landing, spec: ModelSpec) -> float | None:
    rows = len(landed.frame) + len(landed.undated)
    kept = []
    for name, column in spec.columns.items():
        allowed = allowed_missing(column)
        if allowed is not None:
            parts = [part[name] for part in (landed.frame, landed.undated) if len(part)]
            missing = sum(int(part.isna().sum()) for part in parts) / rows
            kept.append(min(1.0, (1 - missing) / (1 - allowed)))
    return _mean(kept)


def _timeliness(landed: Landing, spec: ModelSpec, as_of: date) -> float | None:
    limit = spec.contract.max_age_days
    if limit is None:
        return None
    if landed.frame.empty:
        return 0.0
    age_days = (as_of - landed.frame[EVENT_DAY].max().date()).days
    return float(age_days <= limit)


def _vintages(
    delivered: Delivered, missing: Mapping[str, Mask], labelled: Labelled | None, spec: ModelSpec
) -> Iterator[VintageQuality]:
    frame = delivered.landing.frame
    broken = _broken_by_vintage(delivered, spec)
    names, position = vintages_of(frame[EVENT_DAY], spec.time.vintage)
    absent = np.zeros(len(frame), dtype=np.int32)
    for cells in missing.values():
        absent += cells
    rows = np.bincount(position)
    shares = np.bincount(position, weights=absent) / (rows * max(len(missing), 1))
    label = np.full(len(frame), np.nan)
    if labelled is not None:
        label = labelled.frame[LABEL].to_numpy(dtype=np.float64, na_value=np.nan)
    matured = ~np.isnan(label)
    known = np.bincount(position[matured], minlength=len(names))
    bads = np.bincount(position[matured], weights=label[matured], minlength=len(names))
    for at, name in enumerate(names):
        rate = float(bads[at] / known[at]) if known[at] >= FEWEST_ROWS else None
        yield VintageQuality(name, int(rows[at]), broken[name], float(shares[at]), rate)


def _broken_by_vintage(delivered: Delivered, spec: ModelSpec) -> dict[str, int]:
    days = delivered.landed.frame[EVENT_DAY]
    names, position = vintages_of(days, spec.time.vintage)
    counts = np.bincount(position, weights=delivered.breaks.mask())
    return {name: int(count) for name, count in zip(names, counts, strict=True)}


def _mean(shares: Sequence[float]) -> float | None:
    return sum(shares) / len(shares) if shares else None
