"""Which rows break a rule: the same number that Great Expectations counts."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from finrisk.data.broken_rows import broken_rows
from finrisk.data.contracts import validate
from tests.data.factories import a_spec, deliver, labelled, rows

AS_OF = date(2024, 7, 2)


def test_rows_are_counted_as_great_expectations_counts_them(tmp_path: Path) -> None:
    n = 240
    frame = rows(
        income=np.where(np.arange(n) < 9, -5.0, 4000.0),
        home=np.where(np.arange(n) < 5, "castle", "own"),
        employed=pd.array([None] * 3 + [True] * (n - 3), dtype="boolean"),
    )
    frame.loc[20:21, "id"] = "twice"
    frame.loc[30, "id"] = None
    frame.loc[40, "home"] = None
    columns = {"opened": {"type": "date", "min": date(2024, 1, 3)}}
    spec = a_spec(columns=columns)
    deliver(tmp_path, frame)
    landing, found = labelled(tmp_path, spec, AS_OF)

    breaks = broken_rows(landing, spec, AS_OF)

    counted = {
        (check.check, check.column): check.failing
        for check in validate(landing, found, spec, AS_OF, None).failed
        if (check.check, check.column) != ("missing value", "id")  # told as a missing key
    }
    assert {(b.rule.check, b.rule.column): len(b.rows) for b in breaks.found} == counted
    assert counted["range", "opened"] == 4
    assert breaks.of("range", "unknown value").sum() == 11
    assert breaks.mask(but={"range"}).sum() == 5 + 2 + 2  # castles, keys, a missing home and key


def test_an_ill_typed_cell_is_one_fault_and_not_a_missing_value_too(tmp_path: Path) -> None:
    frame = rows()
    frame.loc[7, "income"] = np.inf
    frame.loc[8, "income"] = np.nan
    deliver(tmp_path, frame)
    spec = a_spec()
    landing, _ = labelled(tmp_path, spec, AS_OF)

    breaks = {b.rule.check: b.rows.tolist() for b in broken_rows(landing, spec, AS_OF).found}

    assert breaks == {"type": [7], "missing value": [8]}
