"""One spelling for the words that a spec declares and rows carry.

A whole number, a float and a text of either are one word, so that a table which went through CSV,
or through a column with missing cells, still means what the spec says.
"""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from finrisk.specs.data import ColumnType, LabelColumn, LabelDatedEvent, LabelRule, Scalar
from finrisk.specs.model_spec import ModelSpec

MISSING_WORDS = ("", "NA", "N/A", "NaN", "nan", "NULL", "null")
TRUTH_WORDS = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}

_WHOLE_AS_FLOAT = r"^([+-]?\d+)\.0+$"
_PYTHONS_TRUTHS = pa.array(["True", "False"])


def one_spelling(words: pa.ChunkedArray) -> pa.ChunkedArray:
    """Spell whole numbers without a fraction, and pandas' True and False in small letters.

    Parameters
    ----------
    words : pyarrow.ChunkedArray of strings, n cells
        Leading zeros stay: ``007`` is a code, not a number.
    """
    words = pc.replace_substring_regex(words.cast(pa.string()), _WHOLE_AS_FLOAT, r"\1")
    return pc.if_else(pc.is_in(words, value_set=_PYTHONS_TRUTHS), pc.utf8_lower(words), words)


def as_word(value: Scalar) -> str:
    """Spell one declared value as :func:`one_spelling` spells cells.

    Examples
    --------
    >>> [as_word(value) for value in (36, 36.0, "36", "36.0", "036", True, "True", "rent")]
    ['36', '36', '36', '36', '036', 'true', 'true', 'rent']
    """
    if isinstance(value, float) and value.is_integer():
        return f"{value:.0f}"
    word: str = one_spelling(pa.chunked_array([[str(value)]]))[0].as_py()
    return word


def as_words(values: Iterable[Scalar], declared: ColumnType) -> list[str]:
    """Spell declared values as the cells of a column of that type are spelt.

    Examples
    --------
    >>> as_words([1, "0.0", "TRUE"], "boolean"), as_words([True, "2.0"], "integer")
    (['true', 'false', 'true'], ['1', '2'])
    """
    if declared in ("integer", "number"):
        values = [int(value) if isinstance(value, bool) else value for value in values]
    words = [as_word(value) for value in values]
    if declared == "boolean":
        return [as_word(TRUTH_WORDS.get(word.lower(), word)) for word in words]
    return words


def declared_words(spec: ModelSpec, column: str) -> list[str]:
    """Return the words that a spec gives a meaning in a column: of ``values`` and of the label."""
    kind = spec.columns[column]
    return as_words((*(kind.values or ()), *_of_label(spec.label.rule, column)), kind.type)


def missing_words(declared: Iterable[str]) -> list[str]:
    """Return the words that stand for a missing cell, but for those the spec gives a meaning."""
    meant = set(declared)
    return [word for word in MISSING_WORDS if word not in meant]


def _of_label(rule: LabelRule, column: str) -> tuple[Scalar, ...]:
    if isinstance(rule, LabelColumn) and rule.column == column:
        return (*rule.bad, *(rule.good or ()), *rule.indeterminate)
    if isinstance(rule, LabelDatedEvent) and rule.column == column:
        return tuple(value for value in (rule.equals, rule.contains) if value is not None)
    return ()
