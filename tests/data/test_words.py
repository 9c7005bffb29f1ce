from __future__ import annotations

import pyarrow as pa
import pytest

from finrisk.data.words import as_word, declared_words, missing_words, one_spelling
from finrisk.specs.data import Scalar
from tests.data.factories import DATED, REPORTS, a_spec


@pytest.mark.parametrize("value", [36, 36.0, "36", "36.0", "-2.00", "2.5", "007", "True", "a.0"])
def test_a_declared_value_is_spelt_as_its_cells_are(value: Scalar) -> None:
    cells = one_spelling(pa.chunked_array([[str(value), None]]))

    assert cells.to_pylist() == [as_word(value), None]


def test_the_values_of_a_column_and_of_its_label_have_a_meaning() -> None:
    column = {"type": "category", "values": [1, 0, "NA"]}
    rule = {"kind": "column", "column": "bad", "indeterminate": ["NULL"]}
    spec = a_spec(columns={"bad": column}, label={"rule": rule})

    assert set(declared_words(spec, "bad")) == {"1", "0", "NA", "NULL"}
    assert declared_words(spec, "income") == []
    assert not {"NA", "NULL"} & set(missing_words(declared_words(spec, "bad")))


def test_the_word_of_a_dated_event_has_a_meaning_and_a_feed_has_none() -> None:
    columns = {"status": {"type": "text"}, "last_paid": {"type": "date"}}
    dated = a_spec(columns=columns, label={"rule": DATED})
    of_feed = a_spec(columns=columns, label={"rule": REPORTS})

    assert declared_words(dated, "status") == ["Charged Off"]
    assert declared_words(of_feed, "status") == []
