"""Give a delivered column its declared type, strictly: what does not fit is counted, not guessed.

CSV is text throughout, so text is parsed. Parquet has types of its own: there, text where a number
is declared is a retyped column, and every cell of it is wrong; only dates may come as ISO text.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from finrisk.data.words import TRUTH_WORDS, missing_words, one_spelling
from finrisk.specs.data import ColumnType

ISO_DATE = r"\d{4}-\d{2}-\d{2}(?:[T ].*)?"
ISO_OFFSET = r"[T ].*(?:Z|[+-]\d{2}:?\d{2})$"
EXACT_INTEGERS = 2.0**53
CALENDAR = pd.Timestamp("0001-01-01"), pd.Timestamp("9999-12-31T23:59:59.999999")
ONE_DAY = pd.Timedelta(days=1)

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Coerced:
    """A column of its declared type; ``wrong`` marks the cells that did not fit, now missing."""

    values: pd.Series
    wrong: Mask


def coerce(
    column: pa.ChunkedArray,
    declared: ColumnType,
    *,
    parse: bool,
    timezone: str = "UTC",
    meant: Collection[str] = (),
) -> Coerced:
    """Give a column its declared type.

    Parameters
    ----------
    column : pyarrow.ChunkedArray, n cells
        As delivered.
    declared : ColumnType
        What the spec says it is.
    parse : bool
        Whether text may be parsed into numbers and booleans (CSV).
    timezone : str
        Where a moment with an offset gets its day.
    meant : collection of str
        Words to which the spec gives a meaning: no ``NA`` of a CSV category is missing if it is
        among them.

    Returns
    -------
    Coerced
        ``integer`` as int64 (float64 if any is missing), ``number`` as float64, ``boolean`` as
        pandas' nullable boolean, ``date`` as datetime64[us] at midnight, ``moment`` with its
        time of day, ``category`` and ``text`` as str with empty text missing; of a category,
        36, 36.0, '36' and '36.0' are all '36'.
    """
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_null(column.type):
        column = column.cast(pa.string())
    if declared == "text":
        return _unfailing(texts(column))
    if declared == "category":
        return _unfailing(_categories(column, meant, parse=parse))
    if _is_text(column) and (parse or declared in ("date", "moment")):
        column = pc.utf8_trim_whitespace(_without(missing_words(()), column))
        parsed = {
            "integer": _parsed_numbers,
            "number": _parsed_numbers,
            "boolean": _parsed_booleans,
        }.get(declared)
        found = parsed(column) if parsed else _parsed_times(column, declared, timezone)
        return _whole(found) if declared == "integer" else found
    return _typed(column, declared, timezone)


def texts(column: pa.ChunkedArray) -> pd.Series:
    """Return any column as text: 3.0 and 3 are both '3', empty text is missing."""
    if pa.types.is_floating(column.type):
        column = _integers_where_exact(pc.if_else(pc.is_nan(column), None, column))
    words = pc.cast(column, pa.string())
    found: pd.Series = pc.if_else(pc.equal(words, ""), None, words).to_pandas().astype("str")
    return found


def trimmed(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return text without white space around it, and any other column as it is."""
    return pc.utf8_trim_whitespace(column) if _is_text(column) else column


def _categories(column: pa.ChunkedArray, meant: Collection[str], *, parse: bool) -> pd.Series:
    """A Parquet file says itself what is missing; in a CSV a word must."""
    if parse and _is_text(column):
        column = _without(missing_words(meant), column)
    words = pa.chunked_array([pa.Array.from_pandas(texts(column), type=pa.string())])
    found: pd.Series = one_spelling(words).to_pandas().astype("str")
    return found


def _typed(column: pa.ChunkedArray, declared: ColumnType, timezone: str) -> Coerced:
    kind = column.type
    number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    if declared == "integer" and pa.types.is_signed_integer(kind) and column.null_count == 0:
        return _unfailing(column.cast(pa.int64()).to_pandas())
    if declared in ("integer", "number") and number:
        values = _float64(column)
        found = Coerced(values, np.isinf(values.to_numpy()))
        found = Coerced(values.mask(found.wrong), found.wrong)
        return _whole(found) if declared == "integer" else found
    if declared == "boolean" and pa.types.is_boolean(kind):
        return _unfailing(column.to_pandas().astype("boolean"))
    if declared == "boolean" and number:
        return _parsed_booleans(pa.chunked_array([pa.array(texts(column), pa.string())]))
    if declared in ("date", "moment") and (pa.types.is_date(kind) or pa.types.is_timestamp(kind)):
        times = _times(column.to_pandas(date_as_object=False), declared, timezone)
        return Coerced(times, (times.isna() & pc.is_valid(column).to_pandas()).to_numpy())
    return _all_wrong(column, declared)


def _all_wrong(column: pa.ChunkedArray, declared: ColumnType) -> Coerced:
    empty = pa.chunked_array([pa.nulls(len(column), pa.string())])
    values = coerce(empty, declared, parse=True).values
    return Coerced(values, pc.is_valid(column).to_numpy(zero_copy_only=False))


def _parsed_numbers(column: pa.ChunkedArray) -> Coerced:
    given = column.to_pandas().astype("str")
    values = pd.to_numeric(given, errors="coerce").astype("float64")
    values = values.mask(np.isinf(values))
    return Coerced(values, (values.isna() & given.notna()).to_numpy())


def _parsed_booleans(column: pa.ChunkedArray) -> Coerced:
    given = column.to_pandas().astype("str")
    values = given.str.lower().map(TRUTH_WORDS).astype("boolean")
    return Coerced(values, (values.isna() & given.notna()).to_numpy())


def _parsed_times(column: pa.ChunkedArray, declared: ColumnType, timezone: str) -> Coerced:
    given = column.to_pandas().astype("str")
    iso = given.where(given.str.fullmatch(ISO_DATE).astype("boolean").fillna(value=False))
    moved = iso.str.contains(ISO_OFFSET).astype("boolean").fillna(value=False).to_numpy(dtype=bool)
    plain = pd.to_datetime(iso.mask(moved), format="ISO8601", errors="coerce")
    values = _times(plain, declared, timezone)
    if moved.any():
        moments = pd.to_datetime(iso[moved], format="ISO8601", errors="coerce", utc=True)
        values = values.mask(moved, _times(moments, declared, timezone).reindex(values.index))
    return Coerced(values, (values.isna() & given.notna()).to_numpy())


def _times(moments: pd.Series, declared: ColumnType, timezone: str) -> pd.Series:
    """Give times by the zone's clock; a date is their day.

    A moment outside the calendar has no day; one alone made a table of 300,000 years' days.
    """
    zoned = isinstance(moments.dtype, pd.DatetimeTZDtype)
    first, last = CALENDAR
    if zoned:  # a day to spare: the zone may move it
        first, last = (first + ONE_DAY).tz_localize("UTC"), (last - ONE_DAY).tz_localize("UTC")
    moments = moments.where(moments.between(first, last))
    if zoned:
        moments = moments.dt.tz_convert(timezone).dt.tz_localize(None)
    local: pd.Series = moments.astype("datetime64[us]")
    return local if declared == "moment" else local.dt.normalize()


def _whole(numbers: Coerced) -> Coerced:
    """Keep integers, whichever way they were written: 3 and 3.0 are 3, and 3.5 is wrong."""
    values = numbers.values.to_numpy()
    broken = np.isfinite(values) & (values != np.floor(values))
    kept = pd.Series(np.where(broken, np.nan, values))
    exact = not kept.isna().any() and bool((kept.abs() < EXACT_INTEGERS).all())
    return Coerced(kept.astype("int64") if exact else kept, numbers.wrong | broken)


def _integers_where_exact(column: pa.ChunkedArray) -> pa.ChunkedArray:
    values = _float64(column).dropna().to_numpy()
    exact = bool(np.all((values == np.floor(values)) & (np.abs(values) < EXACT_INTEGERS)))
    return column.cast(pa.int64()) if exact else column


def _float64(column: pa.ChunkedArray) -> pd.Series:
    found: pd.Series = column.cast(pa.float64(), safe=False).to_pandas().astype("float64")
    return found


def _unfailing(values: pd.Series) -> Coerced:
    return Coerced(values, np.zeros(len(values), dtype=bool))


def _is_text(column: pa.ChunkedArray) -> bool:
    return bool(pa.types.is_string(column.type) or pa.types.is_large_string(column.type))


def _without(words: Collection[str], column: pa.ChunkedArray) -> pa.ChunkedArray:
    trimmed = pc.utf8_trim_whitespace(column)
    return pc.if_else(pc.is_in(trimmed, value_set=pa.array(words, trimmed.type)), None, column)
