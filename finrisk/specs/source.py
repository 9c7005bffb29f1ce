"""Where rows come from: partition files in a folder, or one SELECT on a named connection."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, field_validator

from finrisk.specs.base import NAME_PATTERN, Closed

FIRST_DAY, LAST_DAY = "first_day", "last_day"
FILE_POSITION = "file_position"
"""A row's key where no column is one: its file, and its place in it."""

# What SQL does not execute: 'text', "names" and `names`, -- comments, /* comments */.
_QUOTED = re.compile(
    r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|--[^\n]*|/\*.*?\*/",
    re.DOTALL,
)
# As SQLAlchemy finds them: neither the :: of a cast nor a \: that is meant as it stands.
_BOUND = re.compile(r"(?<![:\w\\]):(\w+)(?!:)")


class FileSource(Closed):
    """Where partition files land, and when one counts as complete."""

    path: str = Field(description="folder of partition files, or one file, under FINRISK_HOME")
    format: Literal["parquet", "csv"] = "parquet"
    digest_sidecar: Literal["required", "if_present"] = Field(
        default="if_present",
        description="<file>.sha256 beside each partition: a CSV cut at a line's end cannot be told "
        "from a whole one without it",
    )
    partition: Literal["any", "day"] = Field(
        default="any",
        description="day: each file holds one day and names it (2024-03-01.parquet), so that a "
        "night opens the days it needs and no other, and a row of another day is seen",
    )


class SqlSource(Closed):
    """A table in a database: which connection, and the one SELECT that reads its rows."""

    connection: str = Field(
        description="a name; its address is in FINRISK_CONNECTION_<NAME>, or a connection of "
        "Airflow's. Never an address: a spec holds no secrets"
    )
    query: str = Field(
        description="one SELECT; :last_day is bound to as_of, :first_day to the first day that the "
        "split may use (1900-01-01 without training.max_vintages)"
    )

    @property
    def is_bounded_below(self) -> bool:
        """Whether the query leaves out rows that happened before ``:first_day``."""
        return FIRST_DAY in self.bound

    @property
    def bound(self) -> tuple[str, ...]:
        """The parameters that the query binds, each once."""
        return tuple(sorted(set(_BOUND.findall(_QUOTED.sub(" ", self.query)))))

    @field_validator("connection")
    @classmethod
    def _a_name(cls, connection: str) -> str:
        if "://" in connection:
            raise ValueError("expected a name, not an address: a spec holds no secrets")
        if not re.fullmatch(NAME_PATTERN, connection):
            raise ValueError("expected a name of small letters, digits and _, for example 'dwh'")
        return connection

    @field_validator("query")
    @classmethod
    def _one_bounded_select(cls, query: str) -> str:
        bare = _QUOTED.sub(" ", query).strip().removesuffix(";")
        if ";" in bare:
            raise ValueError("expected one statement, without ';' inside")
        if not re.match(r"(?:select|with)\b", bare, re.IGNORECASE):
            raise ValueError("expected a query that begins with SELECT or WITH")
        if LAST_DAY not in _BOUND.findall(bare):
            raise ValueError("expected a bound ':last_day', so that a night sees no later row")
        if idle := _BOUND.findall(
            " ".join(_QUOTED.findall(query))
        ):  # SQLAlchemy binds it there too
            raise ValueError(
                f"':{idle[0]}' stands in quoted text or in a comment, where nothing can be bound. "
                f"Write '\\:{idle[0]}' there"
            )
        if strange := sorted(set(_BOUND.findall(bare)) - {FIRST_DAY, LAST_DAY}):
            raise ValueError(
                f"binds ':{strange[0]}'; expected :first_day and :last_day only. Write '\\:' for a "
                "colon that is meant as it stands"
            )
        return query


def _form(given: Any) -> str:
    """Tell the forms apart by their keys; whatever is neither is told what a file source needs."""
    if isinstance(given, dict):
        return "sql" if given.keys() & {"connection", "query"} else "files"
    return "sql" if isinstance(given, SqlSource) else "files"


Source = Annotated[
    Annotated[FileSource, Tag("files")] | Annotated[SqlSource, Tag("sql")], Discriminator(_form)
]
