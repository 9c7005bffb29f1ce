"""A table that is asked for one column at a time: a frame, or rows that are too many for one."""

from __future__ import annotations

from typing import Any, Protocol

import pandas as pd


class Columns(Protocol):
    """What a frame and a stored part of a snapshot have in common."""

    @property
    def columns(self) -> pd.Index[Any]:
        """Names, in order."""

    @property
    def dtypes(self) -> pd.Series[Any]:
        """The type of each column, by its name."""

    def __len__(self) -> int:
        """Return the number of rows."""

    def __getitem__(self, name: Any, /) -> Any:
        """Return one column, as a Series."""
