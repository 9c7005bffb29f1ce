"""What a database said of each matured vintage: rows and a digest, to tell a later correction.

A file's bytes are its digest; a query has none. Only vintages whose labels are believed are told:
younger ones still grow. What grows on after that, the date of an event or a column known only after
the outcome, is left out of the digest. So is the oldest vintage, which a query may read in part.
"""

from __future__ import annotations

import hashlib
from datetime import date

import numpy as np
import pandas as pd

from finrisk.data.landing_register import LandedFile
from finrisk.data.maturity import is_mature, last_day
from finrisk.data.vintages import vintages_of
from finrisk.specs.data import LabelColumn
from finrisk.specs.model_spec import ModelSpec

SHORT = 12


def vintage_digests(
    frame: pd.DataFrame, days: pd.Series, spec: ModelSpec, as_of: date
) -> tuple[LandedFile, ...]:
    """Return what each matured vintage holds; the order of its rows does not count.

    Parameters
    ----------
    frame : DataFrame, n rows
        Every declared column, of its declared type.
    days : Series of datetime64, n rows
        Event days, none missing.
    spec : ModelSpec
        Whose rows. Other columns, or other types, make other names: nothing is compared with them.
    as_of : date
        The night's day.
    """
    watched = _watched(spec)
    of_columns = " ".join(f"{name}:{spec.columns[name].type}" for name in watched)
    columns = hashlib.sha256(of_columns.encode()).hexdigest()[:SHORT]
    names, position = vintages_of(days, spec.time.vintage)
    hashes = pd.util.hash_pandas_object(frame[watched], index=False).to_numpy()
    order = np.lexsort((hashes, position))
    ends = np.cumsum(np.bincount(position, minlength=len(names)))
    found = []
    for name, rows in zip(names[1:], np.split(hashes[order], ends[:-1])[1:], strict=True):
        if is_mature(name, spec.label, as_of):
            found.append(
                LandedFile(
                    name=name,
                    first_name=f"{name} {columns}",
                    sha256=hashlib.sha256(rows.tobytes()).hexdigest(),
                    newest=last_day(name),
                    rows=len(rows),
                )
            )
    return tuple(found)


def _watched(spec: ModelSpec) -> list[str]:
    grows = set(spec.leakage_columns)
    rule = spec.label.rule
    if not isinstance(rule, LabelColumn):  # there the value is the label, which is believed by now
        grows |= {*spec.label_columns, getattr(rule, "fallback_date_column", None) or ""}
    return [name for name in spec.columns if name not in grows]
