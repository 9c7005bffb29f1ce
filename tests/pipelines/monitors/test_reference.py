"""What is usual: of as many days as landed, whatever a night reads of them."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from finrisk.data.reach import first_day_read
from finrisk.errors import DataError
from finrisk.evaluation.watched import look_backs
from finrisk.metrics.day_counts import DayCounts
from finrisk.metrics.drift_limits import chance_law
from finrisk.pipelines.landed_days import oldest_day
from finrisk.pipelines.monitors.champion import WatchedChampion, champion_of, open_model
from finrisk.pipelines.monitors.reference import StoredReference, _Gathered, reference_of
from finrisk.pipelines.ready_rows import ReadyRows
from finrisk.pipelines.rooms import Rooms
from finrisk.specs.loader import load_spec
from finrisk.specs.model_spec import ModelSpec
from finrisk.specs.source import SqlSource
from tests.data.cards import FIRST, frauds, land_day, land_reports, transactions

LAST = date(2024, 6, 30)
DAY = timedelta(days=1)
SHIPPED = Path(__file__).parents[3] / "conf" / "models" / "fraud.yaml"


def watched(rooms: Rooms) -> WatchedChampion:
    champion = champion_of(rooms, date(2026, 2, 1))
    assert champion is not None
    return champion


def wanting(rooms: Rooms, days: int, home: Path) -> Rooms:
    """The same champion over a landing folder of its own, with a reference of so many days."""
    for folder in ("landing", "reports"):
        shutil.copytree(rooms.settings.home / folder, home / folder)
    document = rooms.spec.model_dump(mode="json")
    document["monitoring"] |= {"reference_days": days, "window_days": 7}
    settings = rooms.settings.model_copy(update={"home": home, "store": home / "store"})
    return replace(rooms, settings=settings, spec=ModelSpec.model_validate(document))


def landed_before(rooms: Rooms, days: int) -> None:
    """Land so many days more, older than those that the champion's night read."""
    for n in range(1, days + 1):
        day = FIRST - n * DAY
        rows = transactions(day)
        land_day(rooms.settings.home, day, rows)
        land_reports(rooms.settings.home, frauds(rows))


def made(rooms: Rooms) -> StoredReference:
    return reference_of(watched(rooms), rooms, tell=lambda _: None)


def test_a_reference_is_as_long_as_is_wanted_though_nights_read_less(
    cards_world: Rooms, tmp_path: Path
) -> None:
    rooms = wanting(cards_world, 60, tmp_path)
    last = watched(rooms).developed_until
    landed_before(rooms, 60)
    night_reads = first_day_read(rooms.spec, last)
    assert night_reads is not None
    assert night_reads > last - 60 * DAY

    reference = made(rooms)

    assert (reference.first_day, reference.last_day) == (last - 59 * DAY, last)
    assert (reference.rows.rows_by_day > 0).all()
    score = reference.columns["score"]
    after = score.counts.first_day + score.counts.days
    assert chance_law(score.counts, after, 7, score.look_back_days) is not None
    _, fitted = open_model(watched(rooms).version, rooms)
    assert fitted is not None
    of_fitted = score.counts.span(
        (fitted.first_day - date(1970, 1, 1)).days, (fitted.last_day - fitted.first_day).days + 1
    )
    assert of_fitted.rows == 0


def test_days_whose_windows_reach_before_what_landed_are_left_out_once(
    cards_world: Rooms, tmp_path: Path
) -> None:
    rooms = wanting(cards_world, 60, tmp_path)

    assert made(rooms).first_day == FIRST + rooms.spec.look_back_days * DAY


@pytest.fixture
def fraud() -> ModelSpec:
    return load_spec(SHIPPED)


def test_the_shipped_fraud_model_s_score_can_be_held_against_chance(fraud: ModelSpec) -> None:
    monitoring = fraud.monitoring
    assert oldest_day(fraud, LAST) == date.min
    days, back = monitoring.reference_days, look_backs(fraud)["score"]
    counts = np.random.default_rng(1).multinomial(900, np.full(10, 0.1), size=days)
    # fitted on, and so without a score
    fitted = fraud.training.max_vintages or 0
    until = days - fraud.gate.holdout.max_vintages - fraud.gate.holdout.embargo_days
    counts[until - fitted : until] = 0

    law = chance_law(DayCounts(0, True, counts), days, monitoring.window_days, back)

    assert law is not None
    limit = law.limit(1e-6, 900 * monitoring.window_days)
    assert limit is not None
    assert limit < 0.10


def gathered(oldest: date) -> _Gathered:
    """One row a day up to the last."""
    days = np.arange(np.datetime64(oldest), np.datetime64(LAST + DAY))
    frame = pd.DataFrame({"amount": np.arange(days.size, dtype=np.float64)})
    ids = pd.Series([str(day) for day in days])
    rows = _Gathered(("amount",), None)
    piece = ReadyRows(ids=ids, days=days, features=frame, beside=frame.iloc[:, :0], ends_day=True)
    rows.add(piece, np.linspace(0.1, 0.9, days.size))
    return rows


@pytest.mark.parametrize(
    ("oldest", "bound", "first"),
    [
        (97, None, 60),  # more landed than is wanted
        (70, None, 60 - 27),  # windows of the oldest days reach before what landed
        (50, 50, 50),  # a database: older rows are read with it, and not counted
        (97, 100, 60),
        (40, 50, 40 - 37),
    ],
)
def test_the_reference_begins_where_windows_are_whole(
    fraud: ModelSpec, oldest: int, bound: int | None, first: int
) -> None:
    since = LAST - 60 * DAY
    limit = date.min if bound is None else LAST - bound * DAY

    reference = gathered(LAST - oldest * DAY).reference(since, LAST, fraud, limit)

    assert reference.first_day == LAST - first * DAY


def test_a_reference_without_a_day_of_whole_windows_is_refused(fraud: ModelSpec) -> None:
    with pytest.raises(DataError, match="no day of the reference has whole windows"):
        gathered(LAST - 10 * DAY).reference(LAST - 60 * DAY, LAST, fraud, date.min)


def test_rows_of_a_database_are_bounded_by_what_a_night_reads(fraud: ModelSpec) -> None:
    query = "SELECT * FROM tx WHERE at >= :first_day AND at <= :last_day"
    of_a_table: Any = fraud.model_copy(update={"source": SqlSource(connection="dwh", query=query)})

    assert oldest_day(of_a_table, LAST) > LAST - 120 * DAY
