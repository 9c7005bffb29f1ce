"""What a request may say: one schema a model, made from its spec, and nothing else gets through.

JSON goes into typed values in one step, without Python objects of what is refused: a number that is
not finite, a word that nobody declared, an unknown field or a nesting without end costs a message.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, Any, NotRequired, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from finrisk.data.decision_rows import columns_beside
from finrisk.serving.plain_features import PlainDerivation, PlainFeatures
from finrisk.serving.problems import Place, Refused, malformed
from finrisk.serving.row_types import RowId, cell_type, day_type, example, feature_type
from finrisk.specs.model_spec import ModelSpec
from finrisk.wording import counted

MOST_ROWS = 1_000
MOST_PLACES = 20
OLDEST_DAYS = 31
"""A row may be of so many days before today: the log has files for each day."""
MOST_DAYS = 31
"""Days that the rows of one request may be of: each costs the log a file."""
LONGEST_NAME = 100
LONGEST_SAID = 300

Days = NDArray[np.datetime64]
_typed_dict: Any = TypedDict


@dataclass(frozen=True, slots=True)
class Asked:
    """The rows of one request, n of them, as what the model sees and what is logged.

    Parameters
    ----------
    ids : list of n str or None
        Row keys, where the caller gave one.
    days : (n,) array of datetime64[D]
        The event day of each.
    beside : dict of str to list of n values
        The declared columns that are logged beside the features, where any row has one.
    explain : bool
        Whether reasons are wanted.
    """

    ids: list[str | None]
    days: Days
    features: PlainFeatures
    beside: dict[str, list[Any]]
    explain: bool = False

    def __len__(self) -> int:
        return len(self.features)


@dataclass(frozen=True)
class RequestSchema:
    """What may be asked of one model.

    Parameters
    ----------
    spec : ModelSpec
        Whose columns.
    order : tuple of str
        The model's features, in its order: what a list of plain values means.
    """

    spec: ModelSpec
    order: tuple[str, ...]
    derivation: PlainDerivation
    row: Any
    predict: TypeAdapter[Any]
    score: TypeAdapter[Any]

    @classmethod
    def of(cls, spec: ModelSpec, order: tuple[str, ...]) -> Self:
        """Make the schemas of a spec and of a model of it."""
        row = _row_type(spec)
        ready = _tuple_of(feature_type(spec, name) for name in order)
        several = _rows_of(row | ready)
        predict = _closed("Predict", {"features": row | several, "id": NotRequired[RowId]})
        of_row = _closed("Row", {"features": row, "id": NotRequired[RowId]})
        rows = _rows_of(of_row)
        explain = NotRequired[Annotated[bool, Field(strict=True)]]
        score = _closed("Score", {"rows": rows, "explain": explain})
        return cls(
            spec=spec,
            order=order,
            derivation=PlainDerivation.of(spec),
            row=row,
            predict=TypeAdapter(predict),
            score=TypeAdapter(score),
        )

    def to_predict(self, body: bytes, today: date) -> Asked:
        """Read a request of ``/predict``: one row by its names, or several, by names or in order.

        Raises
        ------
        Refused
            It is no such request; the answer says where and why, and repeats no value.
        """
        said = _read(self.predict, body)
        given, key = said["features"], said.get("id")
        if isinstance(given, dict):
            return self._asked([given], [key], today)
        if key is not None and len(given) > 1:
            raise malformed("one id goes with one row", (Place("id", "expected with one row"),))
        if all(isinstance(row, dict) for row in given):
            return self._asked(given, [key] * len(given), today)
        if any(isinstance(row, dict) for row in given):
            raise malformed("rows of two forms", (Place("features", "expected one form"),))
        features = self.derivation.ready(given, self.order)
        days = np.full(len(given), np.datetime64(today, "D"))
        return Asked([key] * len(given), days, features, {})

    def to_score(self, body: bytes, today: date) -> Asked:
        """Read a request of ``/v1/models/{model}/score``; raises as :meth:`to_predict` does."""
        said = _read(self.score, body)
        rows = said["rows"]
        ids = [row.get("id") for row in rows]
        _demand_once(ids)
        cells = [row["features"] for row in rows]
        return self._asked(cells, ids, today, explain=said.get("explain", False))

    def example(self, today: date) -> dict[str, Any]:
        """Return a row that it takes, nobody's: of today, values in the middle of the spec's."""
        row = {name: example(self.spec, name) for name in _required(self.spec)}
        time = self.spec.time.column
        if time in row:
            is_day = self.spec.columns[time].type == "date"
            row[time] = str(today) if is_day else f"{today}T12:00:00"
        return row

    def _asked(
        self,
        cells: list[dict[str, Any]],
        ids: list[str | None],
        today: date,
        *,
        explain: bool = False,
    ) -> Asked:
        days = _days(cells, self.spec.time.column, today)
        beside = {
            name: [row.get(name) for row in cells]
            for name in columns_beside(self.spec)
            if any(name in row for row in cells)
        }
        return Asked(ids, days, self.derivation.features(cells), beside, explain)


def _required(spec: ModelSpec) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*spec.feature_columns, *spec.window_features)))


def _row_type(spec: ModelSpec) -> Any:
    fields = {name: cell_type(spec, name) for name in _required(spec)}
    for name in columns_beside(spec):
        if name not in fields:
            fields[name] = NotRequired[cell_type(spec, name, beside=True)]
    time = spec.time.column
    if time is not None and time not in fields:
        fields[time] = NotRequired[day_type(spec, time)]
    return _closed("Features", fields)


def _rows_of(row: Any) -> Any:
    return Annotated[list[row], Field(min_length=1, max_length=MOST_ROWS)]


def _tuple_of(made: Iterable[Any]) -> Any:
    return tuple[tuple(made)]  # type: ignore[misc]


def _closed(name: str, fields: dict[str, Any]) -> Any:
    made = _typed_dict(name, fields)
    made.__pydantic_config__ = ConfigDict(extra="forbid", hide_input_in_errors=True)
    return made


def _read(adapter: TypeAdapter[Any], body: bytes) -> Any:
    try:
        return adapter.validate_json(body)
    except ValidationError as exc:
        found = exc.errors(include_url=False, include_context=False, include_input=False)
    # not chained: pydantic's own error holds what was sent
    if found[0]["type"] == "json_invalid":
        place = Place("", found[0]["msg"][:LONGEST_SAID])
        raise Refused(400, "invalid-json", "the body is no JSON", places=(place,))
    telling = [error for error in found if error["type"] not in OF_ANOTHER_FORM] or found
    places = tuple(_place(error["loc"], error["type"], error["msg"]) for error in telling)
    raise malformed(
        f"{counted(len(places), 'place')} of the request cannot be used", places[:MOST_PLACES]
    )


OF_ANOTHER_FORM = frozenset({"dict_type", "list_type", "tuple_type"})
"""What pydantic also says of each form that a request might have had, where it has another."""


def _place(loc: tuple[int | str, ...], kind: str, said: str) -> Place:
    """Say where and what; pydantic's names of the alternatives it tried are no place."""
    steps = [str(step)[:LONGEST_NAME] for step in loc if not _is_an_alternative(step)]
    told = _SAID.get(kind) or said.removeprefix("Value error, ")
    return Place("/".join(steps), told.replace("Input should be", "expected")[:LONGEST_SAID])


_SAID = {
    "missing": "expected this field; null says that a value is missing",
    "extra_forbidden": "expected no such field",
    "finite_number": "expected a finite number",
    "float_type": "expected a number",
    "too_long": f"expected {MOST_ROWS} rows at most, and of a list of values one for each feature",
    "too_short": "expected a row at least",
}


def _is_an_alternative(step: int | str) -> bool:
    return isinstance(step, str) and (
        step == "Features" or step.startswith(("list[", "tuple[", "function-", "constrained"))
    )


def _demand_once(ids: list[str | None]) -> None:
    given = [key for key in ids if key is not None]
    if len(set(given)) < len(given):
        raise malformed("a row key that another row has", (Place("rows", "expected each id once"),))


def _days(cells: list[dict[str, Any]], column: str | None, today: date) -> Days:
    if column is None:
        return np.full(len(cells), np.datetime64(today, "D"))
    oldest = today - timedelta(days=OLDEST_DAYS)
    days = np.array([_day(row.get(column), today) for row in cells], dtype="datetime64[D]")
    for wrong, title, expected in (
        (days > np.datetime64(today, "D"), "that has not come", f"{today} at the latest"),
        (days < np.datetime64(oldest, "D"), "too long ago", f"{oldest} at the earliest"),
    ):
        if bool(wrong.any()):
            place = Place(f"rows/{int(np.argmax(wrong))}/features/{column}", f"expected {expected}")
            raise malformed(f"a row of a day {title}", (place,))
    if len(np.unique(days)) > MOST_DAYS:
        raise malformed(
            "rows of too many days", (Place("rows", f"expected {MOST_DAYS} days at most"),)
        )
    return days


def _day(moment: datetime | None, today: date) -> date:
    return today if moment is None else moment.date()
