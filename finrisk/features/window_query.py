"""The SQL of windows: a spec in, text out; :mod:`finrisk.features.windows` runs it.

Times are whole microseconds, so both ends of a window are exact. Sums are whole numbers too, of
units of 2⁻⁴⁰: a sum of floats depends on its order, and then the last digits of a feature would
change with rows that are not in its window.

The few bads make the shares. A row of time t sees a bad of time u, reported on day r, while
``max(u, r) + shift ≤ t < u + shift + n days``: one event up and one down, summed by entity, and
each row takes the last sum before it. Summing labels over a window could not tell when each was
known.
"""

# ruff: noqa: S608 -- the text is made of names of ours, numbers and quoted names; no cell enters it
from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

from finrisk.specs.model_spec import ModelSpec
from finrisk.specs.windows import Measure, Window

ROW_ID = "_row_id"
TIME = "_time"
BAD_ON = "_bad_on"
DAY_US = 86_400_000_000
UNITS = 2**40  # in 1: twelve decimals, and a trillion rows of a trillion fit into a sum's 127 bits
EPOCH = date(1970, 1, 1)


def entity_names(spec: ModelSpec) -> dict[str, str]:
    """Return what each entity's column is called where the query reads it."""
    return _numbered("_entity", (window.entity for window in spec.windows))


def value_names(spec: ModelSpec) -> dict[str, str]:
    """Return what each column that is averaged is called where the query reads it."""
    return _numbered("_value", (window.mean for window in spec.windows if window.mean))


def microseconds(day: date) -> int:
    """Return a midnight as the query has it.

    Examples
    --------
    >>> microseconds(date(1970, 1, 2))
    86400000000
    """
    return (day - EPOCH).days * DAY_US


def quoted(name: str) -> str:
    """Return a column's name as SQL takes it.

    Examples
    --------
    >>> print(quoted('net "of tax" amount'))
    "net ""of tax"" amount"
    """
    return '"' + name.replace('"', '""') + '"'


def window_query(
    spec: ModelSpec,
    relation: str,
    first: date,
    last: date,
    carried: Mapping[str, str],
    *,
    ordered: bool = False,
) -> str:
    """Return the query for the features of windows of some days' rows.

    Parameters
    ----------
    spec : ModelSpec
        Whose windows; without any the carried columns are all there is.
    relation : str
        What is read, as SQL: ``_row_id``, ``_time`` (BIGINT, microseconds), ``_bad_on`` (BIGINT,
        the midnight of the day on which a row was reported bad, or NULL), and each entity and
        value (DOUBLE) by :func:`entity_names` and :func:`value_names`.
    first, last : date
        The event days wanted, both included.
    carried : mapping of str to str
        Columns of the relation that are passed on, and what they are called in the answer; row ids
        come as text, the time as TIMESTAMP.
    ordered : bool
        By time, rows of one moment by row id, which is carried then; else in no order.

    Returns
    -------
    str
        A SELECT of the carried columns and ``spec.window_features`` (DOUBLE).
    """
    since, until = microseconds(first), microseconds(last) + DAY_US
    oldest = since - spec.look_back_days * DAY_US  # outside itself: windows are open on the left
    oldest = min(oldest, since - 1)  # without windows the first midnight is inside
    rows = f"{relation} WHERE {TIME} > {oldest} AND {TIME} < {until}"
    by_entity: dict[str, list[Window]] = {}
    for window in spec.windows:
        by_entity.setdefault(window.entity, []).append(window)
    # one sort for each entity, and no column through a sort that does not need it: what is sorted
    # is what fills the memory
    done = list(dict.fromkeys((TIME, *carried)))
    query = _with_known_bads(spec, rows, [*done, *_needed(spec.windows, spec)])
    remaining = list(by_entity.values())
    while remaining:
        windows = remaining.pop(0)
        later = [window for group in remaining for window in group]
        kept = list(dict.fromkeys((*done, *_needed(later, spec), *_known(later))))
        query = _measured(windows, spec, query, kept)
        done += [_feature(window, m, n) for window in windows for m, n in _each(window)]
    answer = [f"{_passed(column)} AS {quoted(name)}" for column, name in carried.items()]
    for window in spec.windows:
        for measure, days in _each(window):
            name = quoted(window.feature_name(measure, days))
            answer.append(f"CAST(r.{_feature(window, measure, days)} AS DOUBLE) AS {name}")
    # ordered before counts become doubles and numbers text: a third less is sorted
    order = f" ORDER BY {TIME}, {ROW_ID}" if ordered else ""
    wanted = f"SELECT * FROM ({query}) WHERE {TIME} >= {since}{order}"
    return f"SELECT {', '.join(answer)} FROM ({wanted}) AS r"


def _numbered(prefix: str, columns: Iterable[str]) -> dict[str, str]:
    """Give names of our own: SQL takes Amount and amount for one."""
    return {column: f"{prefix}_{n}" for n, column in enumerate(dict.fromkeys(columns))}


def _passed(column: str) -> str:
    own = {ROW_ID: f"CAST(r.{ROW_ID} AS VARCHAR)", TIME: f"make_timestamp(r.{TIME})"}
    return own.get(column, f"r.{quoted(column)}")


def _each(window: Window) -> list[tuple[Measure, int]]:
    return [(measure, days) for measure in window.measures for days in window.days]


def _feature(window: Window, what: str, days: int) -> str:
    return f"_{window.name}_{what}_{days}"


def _needed(windows: Iterable[Window], spec: ModelSpec) -> list[str]:
    """Return the columns of the relation that windows are made of."""
    entities, values = entity_names(spec), value_names(spec)
    found = []
    for window in windows:
        found.append(entities[window.entity])
        found += [values[window.mean]] if window.mean else []
        found += [BAD_ON] if window.bad_share and not window.shift_days else []
    return list(dict.fromkeys(found))


def _known(windows: Iterable[Window]) -> list[str]:
    shares = [window for window in windows if window.bad_share]
    return [_feature(window, "known", days) for window in shares for days in window.days]


def _with_known_bads(spec: ModelSpec, rows: str, columns: list[str]) -> str:
    """Put beside each row how many known bads its windows hold; NULL for none yet."""
    listed = ", ".join(map(quoted, dict.fromkeys(columns)))
    found, joins = [f"r.{quoted(column)}" for column in dict.fromkeys(columns)], []
    for number, window in enumerate(window for window in spec.windows if window.bad_share):
        entity = entity_names(spec)[window.entity]
        found += [f"bads_{number}.{column}" for column in _known([window])]
        joins.append(
            f" ASOF LEFT JOIN ({_bads_over_time(window, entity, rows)}) AS bads_{number}"
            f" ON r.{entity} = bads_{number}.entity AND r.{TIME} >= bads_{number}.since"
        )
    return f"SELECT {', '.join(found)} FROM (SELECT {listed} FROM {rows}) AS r{''.join(joins)}"


def _bads_over_time(window: Window, entity: str, rows: str) -> str:
    """By entity and the moment since when it is so: how many known bads the windows hold."""
    shift = window.shift_days * DAY_US
    ends = {days: f"happened + {shift + days * DAY_US}" for days in window.days}
    bads = (
        f"(SELECT {entity} AS entity, {TIME} AS happened, "
        f"greatest({TIME}, {BAD_ON}) + {shift} AS seen "
        f"FROM {rows} AND {BAD_ON} IS NOT NULL AND {entity} IS NOT NULL)"
    )
    comes = ", ".join(f"CAST(seen < {end} AS BIGINT) AS step_{n}" for n, end in ends.items())
    events = [f"SELECT entity, seen AS since, {comes} FROM {bads}"]
    for leaving, end in ends.items():
        goes = ", ".join(f"{-1 if n == leaving else 0} AS step_{n}" for n in ends)
        events.append(f"SELECT entity, {end} AS since, {goes} FROM {bads} WHERE seen < {end}")
    known = ", ".join(
        f"CAST(sum(sum(step_{n})) OVER (PARTITION BY entity ORDER BY since) AS INTEGER) "
        f"AS {_feature(window, 'known', n)}"
        for n in ends
    )
    return (
        f"SELECT entity, since, {known} FROM ({' UNION ALL '.join(events)}) GROUP BY entity, since"
    )


def _measured(windows: list[Window], spec: ModelSpec, query: str, kept: list[str]) -> str:
    """Put the features of one entity's windows beside the columns that are still needed."""
    inner = list(dict.fromkeys((*kept, *_needed(windows, spec), *_known(windows))))
    sums = [part for window in windows for part in _sums(window, spec)]
    outer = [
        f"{_value(window, measure, days, spec)} AS {_feature(window, measure, days)}"
        for window in windows
        for measure, days in _each(window)
    ]
    columns = ", ".join([*map(quoted, inner), *sums])
    return (
        f"SELECT {', '.join([*map(quoted, kept), *outer])} FROM (SELECT {columns} FROM ({query}))"
    )


def _sums(window: Window, spec: ModelSpec) -> list[str]:
    """Count and average over each length."""
    entity, shift = entity_names(spec)[window.entity], window.shift_days * DAY_US
    # peers of one microsecond count together, hence RANGE and not ROWS; that they are peers is
    # found in half the time if they are called so
    until = f"{shift} PRECEDING" if shift else "CURRENT ROW"
    found = []
    for days in window.days:
        since = f"{shift + days * DAY_US - 1} PRECEDING"
        over = f"OVER (PARTITION BY {entity} ORDER BY {TIME} RANGE BETWEEN {since} AND {until})"
        if window.count or window.bad_share:
            found.append(f"count(*) {over} AS {_feature(window, 'rows', days)}")
        if window.mean is not None:
            units = f"CAST({value_names(spec)[window.mean]} * {UNITS} AS HUGEINT)"
            found.append(f"avg({units}) {over} AS {_feature(window, 'units', days)}")
    return found


def _value(window: Window, measure: Measure, days: int, spec: ModelSpec) -> str:
    """Return one feature of a row; one without an entity has no rows but itself."""
    rows, itself = _feature(window, "rows", days), not window.shift_days
    if measure == "count":
        alone, among = "1" if itself else "0", f"CAST({rows} AS INTEGER)"
    elif measure == "mean":
        alone = value_names(spec)[str(window.mean)] if itself else "NULL"
        among = f"{_feature(window, 'units', days)} / {float(UNITS)}"
    else:
        alone = f"CAST(coalesce({BAD_ON} <= {TIME}, false) AS DOUBLE)" if itself else "0.0"
        known = f"coalesce({_feature(window, 'known', days)}, 0)"
        among = f"CASE WHEN {rows} = 0 THEN 0.0 ELSE {known} / CAST({rows} AS DOUBLE) END"
    return f"CASE WHEN {entity_names(spec)[window.entity]} IS NULL THEN {alone} ELSE {among} END"
