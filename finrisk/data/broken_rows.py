"""Which landed rows break which rule of the contract.

Great Expectations says how many rows break a rule and not which, so the same rules are asked here
row by row; the verdict stays its own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from finrisk.data.contract_rules import row_rules
from finrisk.data.findings import broken_cells
from finrisk.data.gx_adapter import Expectation
from finrisk.data.labels import DAYS_TO_EVENT, Labelled, undeclared_labels
from finrisk.data.landing import Landing
from finrisk.specs.data import LabelColumn, Severity
from finrisk.specs.model_spec import ModelSpec

TYPE, MISSING_VALUE, MISSING_KEY = "type", "missing value", "missing key"
ANOTHER_LABEL = "another label"
IN_SET = "ExpectColumnValuesToBeInSet"
DUPLICATE_KEY = "duplicate key"

Mask = NDArray[np.bool_]
Positions = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Break:
    """A rule about rows, and the positions in ``Landing.frame`` of the rows that break it."""

    rule: Expectation
    rows: Positions


@dataclass(frozen=True, slots=True)
class Breaks:
    """Every rule that some landed row breaks.

    Attributes
    ----------
    rows : int
        How many rows landed with a day.
    found : tuple of Break
        In the order of the contract; one with no row is not among them.
    """

    rows: int
    found: tuple[Break, ...]

    def mask(self, *, severity: Severity | None = None, but: Collection[str] = ()) -> Mask:
        """Return the rows that break any rule.

        Parameters
        ----------
        severity : {"block", "warn"}, optional
            Only rules of this one.
        but : collection of str
            Checks that do not count.

        Returns
        -------
        bool array, shape (rows,)
        """
        broken = np.zeros(self.rows, dtype=bool)
        for one in self.found:
            if severity in (None, one.rule.severity) and one.rule.check not in but:
                broken[one.rows] = True
        return broken

    def of(self, *checks: str) -> Mask:
        """Return the rows that break one of these checks, shape (rows,)."""
        return self.mask(but={one.rule.check for one in self.found} - set(checks))


def broken_rows(landing: Landing, spec: ModelSpec, as_of: date) -> Breaks:
    """Ask every rule about rows of every landed row, but for the rule about outcomes.

    Columns that a partition lacks are the schema's fault, not the rows', and are not asked.

    Parameters
    ----------
    landing : Landing
        What landed.
    spec : ModelSpec
        Its columns carry the rules.
    as_of : date
        No row may be younger.
    """
    frame = landing.frame
    found = []
    for rule in _about_rows(spec, as_of, landing):
        broken = np.flatnonzero(_mask_of(rule, frame, landing))
        if len(broken):
            found.append(Break(rule, broken))
    found += _another_label(landing, spec, as_of, found)
    return Breaks(len(frame), tuple(found))


def with_early_outcomes(
    breaks: Breaks, labelled: Labelled, at: Positions, spec: ModelSpec, as_of: date
) -> Breaks:
    """Add the rows whose outcome came before them, which only their labels tell.

    Parameters
    ----------
    breaks : Breaks
        Of all landed rows.
    labelled : Labelled, n rows
        All of them, or those kept.
    at : int array, shape (n,)
        Where each labelled row stands among the landed ones.
    """
    (rule,) = (r for r in row_rules(spec, as_of, missing=(), ill_typed=()) if _early(r))
    early = at[_as_mask(broken_cells(rule, labelled.frame[DAYS_TO_EVENT]))]
    return Breaks(breaks.rows, (*breaks.found, Break(rule, early))) if len(early) else breaks


def _about_rows(spec: ModelSpec, as_of: date, landing: Landing) -> Iterator[Expectation]:
    """A key that is missing is one fault, not two."""
    for rule in row_rules(spec, as_of, missing=landing.missing_columns, ill_typed=()):
        twice = rule.check == MISSING_VALUE and rule.column == spec.row_key
        if rule.column is not None and not twice and not _early(rule):
            yield rule


def _another_label(
    landing: Landing, spec: ModelSpec, as_of: date, found: Sequence[Break]
) -> Iterator[Break]:
    """A label that is missing, or of another type, is one fault, not two."""
    label = spec.label.rule
    if not isinstance(label, LabelColumn) or label.column in landing.missing_columns:
        return
    strange = undeclared_labels(landing.frame, label, spec, as_of)
    for one in found:
        if one.rule.column == label.column and one.rule.check in (TYPE, MISSING_VALUE):
            strange[one.rows] = False
    if strange.any():
        rule = Expectation(IN_SET, ANOTHER_LABEL, "block", label.column, {})
        yield Break(rule, np.flatnonzero(strange))


def _mask_of(rule: Expectation, frame: pd.DataFrame, landing: Landing) -> Mask:
    """A cell of another type landed as missing; that it is missing is not a second fault."""
    ill_typed = landing.ill_typed.get(str(rule.column), np.zeros(len(frame), dtype=bool))
    if rule.check == TYPE:
        return ill_typed
    broken = _as_mask(broken_cells(rule, frame[str(rule.column)]))
    return broken & ~ill_typed if rule.check in (MISSING_VALUE, MISSING_KEY) else broken


def _as_mask(broken: pd.Series) -> Mask:
    return broken.to_numpy(dtype=bool, na_value=False)


def _early(rule: Expectation) -> bool:
    return rule.column == DAYS_TO_EVENT
