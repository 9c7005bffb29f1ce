"""From the plain values of a request to what the model sees, without a frame.

The same features as :func:`finrisk.features.derive.derive_features`, bit for bit; a frame of one
row takes milliseconds, this takes some ten microseconds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from finrisk.features.derive import FIRST_NUMBER, MISSING, SATURDAY
from finrisk.specs.model_spec import ModelSpec
from finrisk.specs.training import (
    DerivedFeature,
    Hours,
    LeadingNumber,
    MonthsBetween,
    Ratio,
    Weekend,
)

Matrix = NDArray[np.float64]
Cells = Sequence[dict[str, Any]]
Word = str

NAN = float("nan")
_FIRST_NUMBER = re.compile(FIRST_NUMBER)
_WHOLE_AS_FLOAT = re.compile(r"([+-]?[0-9]+)\.0+")
PYTHONS_TRUTHS = ("True", "False")


@dataclass(frozen=True, slots=True)
class PlainFeatures:
    """Features of n rows.

    Parameters
    ----------
    numbers : (n, k) array of float64
        The spec's numeric features in its order; NaN where one is missing.
    words : tuple of lists of n str
        Its categories, in its order; ``"missing"`` where one is.
    """

    numbers: Matrix
    words: tuple[list[Word], ...]

    def __len__(self) -> int:
        return len(self.numbers)


@dataclass(frozen=True)
class PlainDerivation:
    """How the rows of one spec become features.

    Parameters
    ----------
    names : tuple of str
        All features, in the order of the spec.
    numeric, categorical : tuple of str
        Its two kinds.
    """

    names: tuple[str, ...]
    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    _gathered: Callable[[dict[str, Any]], tuple[Any, ...]]
    _sources: tuple[int | Callable[[Matrix, Cells], Matrix], ...]
    _as_gathered: bool

    @classmethod
    def of(cls, spec: ModelSpec) -> Self:
        """Return the derivation of a spec's features."""
        categorical = spec.categorical_features
        numeric = tuple(name for name in spec.feature_names if name not in categorical)
        derived = {f.name: f for f in spec.features if not isinstance(f, str)}
        plain = [name for name in numeric if name not in derived]
        parts = [c for f in derived.values() if isinstance(f, Ratio) for c in f.ratio]
        gathered = tuple(dict.fromkeys((*plain, *parts)))
        place = {name: number for number, name in enumerate(gathered)}
        sources: list[int | Callable[[Matrix, Cells], Matrix]] = [
            _derived(derived[name], place) if name in derived else place[name] for name in numeric
        ]
        return cls(
            names=spec.feature_names,
            numeric=numeric,
            categorical=categorical,
            _gathered=_gatherer(gathered),
            _sources=tuple(sources),
            _as_gathered=numeric == gathered,
        )

    def features(self, rows: Cells) -> PlainFeatures:
        """Return what the model sees of rows whose cells a request's schema let pass."""
        base = np.array([self._gathered(row) for row in rows], dtype=np.float64)
        numbers = base
        if not self._as_gathered:
            numbers = np.empty((len(rows), len(self.numeric)), dtype=np.float64)
            for column, source in enumerate(self._sources):
                found = base[:, source] if isinstance(source, int) else source(base, rows)
                numbers[:, column] = found
        words = tuple([_word(row[name]) for row in rows] for name in self.categorical)
        return PlainFeatures(numbers, words)

    def ready(self, rows: Sequence[Sequence[Any]], order: tuple[str, ...]) -> PlainFeatures:
        """Return rows of ready features, which stand in ``order``; others are missing."""
        place = {name: number for number, name in enumerate(order)}
        columns = [
            [None] * len(rows) if name not in place else [row[place[name]] for row in rows]
            for name in self.numeric
        ]
        numbers = np.array(columns, dtype=np.float64).reshape(len(self.numeric), len(rows)).T
        words = tuple(
            [_word(row[place[name]] if name in place else None) for row in rows]
            for name in self.categorical
        )
        return PlainFeatures(np.ascontiguousarray(numbers), words)

    def frame(self, features: PlainFeatures) -> pd.DataFrame:
        """Return features as the frame that ``derive_features`` makes."""
        columns: dict[str, Any] = {
            name: features.numbers[:, place] for place, name in enumerate(self.numeric)
        }
        for name, words in zip(self.categorical, features.words, strict=True):
            columns[name] = pd.array(words, dtype="str")
        return pd.DataFrame(columns, columns=list(self.names))


def _gatherer(names: tuple[str, ...]) -> Callable[[dict[str, Any]], tuple[Any, ...]]:
    if not names:
        return lambda _: ()
    if len(names) == 1:  # itemgetter of one name gives no tuple
        return lambda row: (row[names[0]],)
    return itemgetter(*names)


def _word(cell: str | None) -> str:
    """Spell a category as landing does: 36.0 and 36 are one word."""
    if cell is None:
        return MISSING
    if cell.endswith("0") and (whole := _WHOLE_AS_FLOAT.fullmatch(cell)):
        return whole[1]
    return cell.lower() if cell in PYTHONS_TRUTHS else cell


def _derived(feature: DerivedFeature, place: dict[str, int]) -> Callable[[Matrix, Cells], Matrix]:
    match feature:
        case Ratio(ratio=(above, below)):
            return _ratio(place[above], place[below])
        case MonthsBetween(months_between=(first, second)):
            return lambda _, rows: _each(_months, rows, first, second)
        case LeadingNumber(leading_number=column):
            return lambda _, rows: _each(_leading, rows, column)
        case Weekend(weekend=column):
            return lambda _, rows: _each(_weekend, rows, column)
        case Hours(hours=(first_hour, last_hour), of=column):
            within = _within(first_hour, last_hour)
            return lambda _, rows: _each(within, rows, column)


def _each(rule: Callable[..., float], rows: Cells, *names: str) -> Matrix:
    cells = ([row[name] for name in names] for row in rows)
    found = [NAN if None in row else rule(*row) for row in cells]
    return np.array(found, dtype=np.float64)


def _ratio(above: int, below: int) -> Callable[[Matrix, Cells], Matrix]:
    def quotient(base: Matrix, _: Cells) -> Matrix:
        over, under = base[:, above], base[:, below]
        with np.errstate(over="ignore"):
            found = np.divide(over, under, out=np.full(len(base), np.nan), where=under != 0)
        return np.where(np.isfinite(found), found, np.nan)

    return quotient


def _months(start: datetime, end: datetime) -> float:
    return float((end.year - start.year) * 12 + (end.month - start.month) - (end.day < start.day))


def _leading(text: str) -> float:
    found = _FIRST_NUMBER.search(text)
    number = float(found[1]) if found else NAN
    return number if number - number == 0.0 else NAN  # hundreds of digits are infinity


def _weekend(moment: datetime) -> float:
    return float(moment.weekday() >= SATURDAY)


def _within(first: int, last: int) -> Callable[[datetime], float]:
    if first <= last:
        return lambda moment: float(first <= moment.hour <= last)
    return lambda moment: float(moment.hour >= first or moment.hour <= last)
