"""The small lender's champion at work: months like those before, and months that are not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from finrisk.config import Settings
from finrisk.data.delivering import deliver
from finrisk.data.simulated_delivery import land
from finrisk.data.simulated_lender import SimulatedLender
from finrisk.ledger.readings import Reading
from finrisk.pipelines.monitoring import MonitoringReport, monitor
from finrisk.pipelines.retrain import run_night
from finrisk.pipelines.rooms import Rooms
from finrisk.pipelines.scoring import score_days
from finrisk.records import NightRequest
from finrisk.specs.model_spec import ModelSpec
from tests.pipelines.lender import FIRST, LENDER, lender_of_its_own

CREDIT = "credit_risk"
NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
AUGUST = date(2024, 8, 5), date(2024, 8, 31)
SOON, MATURED = date(2024, 9, 5), date(2025, 4, 5)
"""Days on which August's decisions are young, and on which their labels are believed."""
MARKETPLACE = replace(LENDER, drift_month=date(2024, 8, 1))
Frame = pd.DataFrame


@dataclass(frozen=True)
class WatchedWorld:
    """A champion, what landed since, and its decisions of August."""

    rooms: Rooms

    def read(self, as_of: date, **changes: Any) -> MonitoringReport:
        return monitor(CREDIT, as_of=as_of, rooms=self.rooms, tell=lambda _: None, **changes)

    def with_spec(self, **monitoring: Any) -> WatchedWorld:
        """The same world, watched by other limits."""
        spec = self.rooms.spec
        document = spec.model_dump(mode="json")
        document["monitoring"] = document["monitoring"] | monitoring
        return replace(self, rooms=replace(self.rooms, spec=ModelSpec.model_validate(document)))


def a_world(
    shared: Settings,
    home: Path,
    scope: str,
    *,
    lender: SimulatedLender = LENDER,
    august: Callable[[Frame], Frame] | None = None,
) -> WatchedWorld:
    """Make a champion of the first night, let another lender deliver since, and decide August."""
    settings = lender_of_its_own(shared, home, two_weeks).model_copy(
        update={"scope": scope, "store": home / "store"}
    )
    rooms = replace(Rooms.open(CREDIT, settings), now=lambda: NOW)
    night = run_night(NightRequest(CREDIT, FIRST, actor="test"), rooms, tell=lambda _: None)
    assert night.challenger is not None, night.reasons
    land(lender, rooms.spec, home, MATURED)
    if august is not None:
        path = home / "landing" / "credit_risk" / "applications_2024-08.parquet"
        deliver(path, august(pd.read_parquet(path)))
    score_days(rooms, *AUGUST)
    return WatchedWorld(rooms)


def two_weeks(document: dict[str, Any]) -> None:
    """The small hold-out is of two months: four weeks are too many to be held against it."""
    document["monitoring"] = {"window_days": 14}


def of(readings: tuple[Reading, ...] | list[Reading], monitor: str, subject: str = "") -> Reading:
    """The one reading of a name."""
    (found,) = (r for r in readings if (r.monitor, r.subject) == (monitor, subject))
    return found
