"""Homes whose monitors read many days, written straight into the ledger: no model is fitted."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from finrisk.ledger.inbox import Asked, Limits
from finrisk.ledger.readings import Reading
from finrisk.ledger.store import Ledger
from tests.dashboard.conftest import settings_of
from tests.ledger.factories import AT, MODEL, force, version
from tests.pipelines.exporter import filled

LAST = date(2026, 3, 1)
DAY = timedelta(days=1)
FEATURES = ("bureau_score", "channel", "income", "utilisation")
SINCE_DECIDED = {"first_day": "2025-06-04", "last_day": "2025-07-01"}


@dataclass(frozen=True)
class World:
    """A home, and the ledger in it, to write readings into."""

    home: Path
    ledger: Ledger

    def crown(self, number: int, as_of: date) -> None:
        """Make a version champion from a day on."""
        new = version(number)
        self.ledger.remember_version(new)
        force(self.ledger, new, as_of=as_of)

    def read(self, days: Sequence[date], *readings: Reading) -> None:
        """Keep readings of each of these days; those of :func:`quiet_day` that are not given."""
        for day in days:
            of_day = {(r.monitor, r.subject): r for r in (*quiet_day(day), *readings)}
            of_its_day = [r.replace(as_of=day) for r in of_day.values()]
            self.ledger.keep_readings(MODEL, of_its_day, AT)

    def alert(self, number: int, at: datetime, **changes: Any) -> None:
        """Deliver an alert that nobody delivered before."""
        asked = Asked(
            model=MODEL,
            key=f"{number:064d}",
            alert="FinRiskScoreDrift",
            source="alertmanager",
            reason=f"alert {number}",
            began=at,
        ).replace(**changes)
        self.ledger.receive_alert(asked, Limits(), at)


def world_of(template: Path, home: Path) -> World:
    """Copy a home that was set up, to be written into."""
    shutil.copytree(template, home)
    return World(home, Ledger.open(settings_of(home)))


def days(count: int, last: date = LAST) -> list[date]:
    """So many days up to the last, oldest first."""
    return [last - back * DAY for back in reversed(range(count))]


def reading(monitor: str, subject: str = "", **changes: Any) -> Reading:
    """One good reading of the last day; a test changes the one thing that matters."""
    return filled.reading(monitor, subject, **({"model": MODEL, "as_of": LAST} | changes))


def quiet_day(day: date, features: Iterable[str] = FEATURES) -> list[Reading]:
    """What the monitors read of a day on which nothing is wrong."""
    metrics = {"auc": 0.74, "ks": 0.40, "average_precision": 0.45}
    offset = {
        "mean_score": 0.16,
        "bad_rate": 0.18,
        "most": 0.2,
        "rows": 2818,
        "bads": 509,
        **SINCE_DECIDED,
    }
    volume = {"days": 28, "rows_a_day": 99.0, "expected_a_day": 98.0, "deviations": 0.2}
    found = [
        reading("score_drift", detail={"rows": 2780}),
        *(reading("feature_drift", name) for name in features),
        *(reading("missing_rate", name, value=0.01) for name in features),
        reading("categories", "channel", value=0.0),
        reading("volume", value=1.02, threshold=None, detail=volume),
        reading("calibration", value=0.05, low=-0.1, high=0.2, threshold=0.4, detail=offset),
        *(
            reading(
                "performance",
                metric,
                value=value,
                low=value - 0.02,
                high=value + 0.02,
                threshold=value - 0.05,
                detail={"shown": value + 0.01, "rows": 2818, "bads": 509, **SINCE_DECIDED},
            )
            for metric, value in metrics.items()
        ),
        reading("estimate", "auc", value=0.73, low=0.71, high=0.75, threshold=0.7),
        reading("estimate", "average_precision", value=0.44, low=0.4, high=0.5, threshold=0.4),
        *(
            reading("slice", name, value=0.1, low=-0.2, high=0.4, threshold=0.9, detail=offset)
            for name in ("channel=web", "channel=branch")
        ),
        *(
            reading("freshness", name, value=1.0, threshold=3.0)
            for name in ("decisions", "landing", "labels")
        ),
    ]
    return [one.replace(as_of=day) for one in found]
