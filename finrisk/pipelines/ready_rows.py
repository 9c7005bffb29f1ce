"""Rows that can be scored, and the promise that none of them comes twice."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from finrisk.errors import ContractBreach
from finrisk.wording import counted

Days = NDArray[np.datetime64]


@dataclass(frozen=True, slots=True)
class ReadyRows:
    """A piece of rows, n of them.

    Parameters
    ----------
    ids : Series of str
        ``_row_id``.
    days : array of datetime64[D]
        The event day of each.
    features : DataFrame
        As :func:`finrisk.features.derive.derive_features` returns them.
    beside : DataFrame
        Declared columns for the decision log's slices and clusters, as far as the rows have them.
    ends_day : bool
        Whether it is the last piece of a landed day.
    """

    ids: pd.Series
    days: Days
    features: pd.DataFrame
    beside: pd.DataFrame
    ends_day: bool = False


def read_ahead(pieces: Iterator[ReadyRows]) -> Iterator[ReadyRows]:
    """Yield the same pieces; while one is scored, the next one is read and typed."""
    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(next, pieces, None)
        while (piece := following.result()) is not None:
            following = pool.submit(next, pieces, None)
            yield piece


@dataclass(slots=True)
class RowKeys:
    """Row keys that came so far, in eight bytes each.

    Of ten million rows two different keys are taken for one with a chance of three in a million.
    """

    seen: list[NDArray[np.uint64]] = field(default_factory=list)

    def add(self, ids: pd.Series) -> None:
        """Remember the keys of a piece."""
        self.seen.append(pd.util.hash_array(ids.to_numpy(dtype=object)))

    def demand_once(self, where: str) -> None:
        """Return if no key came twice.

        Raises
        ------
        ContractBreach
            Some did: nobody can say which of the rows is to be decided.
        """
        # np.unique takes twenty times as long as a sort
        keys = np.sort(np.concatenate(self.seen or [np.zeros(0, dtype=np.uint64)]))
        if repeats := int(np.count_nonzero(keys[1:] == keys[:-1])):
            raise ContractBreach(
                f"{where}: {counted(repeats, 'row')} with a row key that another row has",
                expected="each row once",
                remedy="remove the copies; of copies that differ somebody must say which is right",
            )
