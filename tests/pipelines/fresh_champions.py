"""Two small fraud models, fitted once, and worlds in which the fresher one does well or badly."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from finrisk.config import Settings
from finrisk.data.labels import Labelled
from finrisk.data.landing import read_landing
from finrisk.data.quarantine import all_of, set_broken_aside
from finrisk.data.reports import reports_for
from finrisk.gate.bake import Baked
from finrisk.ledger.events import Event, EventKind
from finrisk.pipelines import steps
from finrisk.pipelines.baking import watch_champion
from finrisk.pipelines.rooms import Rooms
from finrisk.pipelines.training import train_candidate
from finrisk.pipelines.trial import as_baked
from finrisk.records import (
    DataVerdict,
    ModelVersion,
    NightRequest,
    NightStatus,
    PreparedNight,
    PromotionKind,
    PromotionRecord,
    TrainedCandidate,
)
from finrisk.specs.model_spec import ModelSpec
from tests.data.cards import (
    AS_OF,
    FIRST,
    a_fraud_spec,
    frauds,
    land_day,
    land_reports,
    transactions,
)

PLAIN, TWIN, HINTED = "plain", "twin", "hinted"
WIDE_OPEN = {
    "calibration": {"max_offset": 9.0, "min_slope": 0.1, "max_slope": 9.0, "max_brier_loss": 1.0},
    "stability": {"max_score_psi": 99.0},
}  # what is tested comes after a PROMOTE, and few bads would earn none
Change = Callable[[pd.DataFrame], pd.DataFrame]


def spec_of(candidate: str, **bake: Any) -> ModelSpec:
    """The small fraud spec; the hinted model sees a column that another system fills."""
    document = json.loads(a_fraud_spec().model_dump_json(exclude_unset=True))
    document["columns"]["hint"] = {"type": "number"}
    if candidate == HINTED:
        document["features"].append("hint")
        document["gate"]["allowed_strong_features"].append("hint")
    rounds = {PLAIN: 20, TWIN: 25, HINTED: 20}[candidate]
    boosted = {"name": candidate, "algorithm": "xgboost", "parameters": {"n_estimators": rounds}}
    document["candidates"] = [boosted]
    document["gate"] |= {"bake": bake, "error_budget": {"alpha_year": 0.4, "looks_per_year": 1}}
    document["gate"]["guards"] |= WIDE_OPEN
    return ModelSpec.model_validate(document)


def day_of_cards(day: date) -> pd.DataFrame:
    """One day, with a hint that knows most of its frauds."""
    rows = transactions(day)
    noise = np.random.default_rng(day.toordinal() + 1).normal(size=len(rows))
    fraud = rows["tx"].isin(frauds(rows)["tx"]).to_numpy()
    return rows.assign(hint=noise + 4.0 * fraud)


def land_world(home: Path, change: Change | None, nights: int) -> Path:
    """Land the days before the promotion as they were, and those since it with a change."""
    days = (AS_OF - FIRST).days + nights
    for day in (FIRST + timedelta(days=n) for n in range(days)):
        rows = day_of_cards(day)
        land_reports(home, frauds(rows))
        land_day(home, day, rows if change is None or day < AS_OF else change(rows))
    return home


def hint_explodes(rows: pd.DataFrame) -> pd.DataFrame:
    """The other system fills its column by another rule: everything looks like fraud."""
    return rows.assign(hint=rows["hint"] + 8.0)


def amounts_drift(rows: pd.DataFrame) -> pd.DataFrame:
    """Every customer spends more, whichever model looks at it."""
    return rows.assign(amount=rows["amount"] + 60.0)


def open_rooms(home: Path, shared: Settings, scope: str, spec: ModelSpec) -> Rooms:
    """One scope over a landing folder, on the session's stores."""
    conf = home / "conf" / scope
    conf.mkdir(parents=True, exist_ok=True)
    document = json.loads(spec.model_dump_json(exclude_unset=True))
    (conf / "cards.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
    settings = Settings(
        home=home,
        conf=str(conf),
        tracking_uri=shared.tracking_uri,
        registry_uri=shared.registry_uri,
        ledger_url=shared.ledger_url,
        store=shared.store,
        artifacts=shared.artifacts,
        keys=shared.keys,
        scope=scope,
        threads=1,
        pictures=False,
    )
    return Rooms.open("cards", settings)


@cache
def labelled_once(home: Path, as_of: date) -> Labelled:
    """Read and label what landed, as the prepare step does; every spec here lands alike."""
    spec = spec_of(HINTED)
    delivered = all_of(read_landing(spec, home, as_of), spec, as_of)
    return set_broken_aside(delivered, spec, as_of, reports_for(spec, home, as_of))[1]


def fit_all(home: Path, shared: Settings) -> dict[str, TrainedCandidate]:
    """Fit each model on one snapshot: that of the night on which they are promoted."""
    rooms = open_rooms(home, shared, "t-fresh", spec_of(HINTED))
    prepared = steps.prepare(NightRequest("cards", AS_OF), rooms)
    fitted = {
        name: train_candidate(prepared, name, replace(rooms, spec=spec_of(name)))
        for name in (PLAIN, TWIN, HINTED)
    }
    rooms.ledger.close()
    return fitted


@dataclass(frozen=True)
class Watched:
    """Rooms in which one model replaced another by hand, and what the nights since then say."""

    rooms: Rooms
    fitted: dict[str, TrainedCandidate]

    def promote(self, name: str, as_of: date = AS_OF) -> PromotionRecord:
        """Make a fitted model champion, whatever the gate would say."""
        return self.promote_version(self.registered(name), as_of)

    def registered(self, name: str) -> ModelVersion:
        version = self.rooms.registry.register(
            self.rooms.registered_name,
            self.fitted[name],
            model="cards",
            idem_key=f"{self.rooms.settings.scope}-{name}",
            known=self.rooms.ledger.versions("cards"),
        )
        self.rooms.ledger.remember_version(version)
        return version

    def promote_version(self, version: ModelVersion, as_of: date = AS_OF) -> PromotionRecord:
        now = self.rooms.ledger.champion("cards")
        return self.rooms.ledger.promote(
            "cards",
            version,
            now and now.version,
            now.epoch if now else 0,
            f"{version.version} after {now.epoch if now else 0}",
            kind=PromotionKind.FORCED,
            evidence_sha256=None,
            actor="ada",
            reason="a drill",
            as_of=as_of,
            at=self.rooms.now(),
        )

    def night(self, number: int, rooms: Rooms | None = None) -> tuple[str, ...]:
        """Watch the champion as the n-th night after the promotion does."""
        rooms, as_of = rooms or self.rooms, AS_OF + timedelta(days=number)
        labelled = labelled_once(rooms.settings.home, as_of)
        prepared = PreparedNight(
            request=NightRequest("cards", as_of),
            status=NightStatus.READY,
            reasons=(),
            data=DataVerdict("pass"),
            spec_sha256=rooms.spec.sha256,
        )
        return watch_champion(prepared, labelled, rooms)

    def nights(self, first: int, last: int) -> list[tuple[str, ...]]:
        return [self.night(number) for number in range(first, last + 1)]

    @property
    def baked(self) -> list[Baked]:
        events = self.rooms.ledger.events("cards", EventKind.BAKE)
        return [baked for event in events if (baked := as_baked(event))]

    @property
    def realised(self) -> list[Event]:
        return self.rooms.ledger.events("cards", EventKind.REALISED)

    @property
    def champion(self) -> int:
        champion = self.rooms.ledger.champion("cards")
        assert champion is not None
        return champion.version

    @property
    def links(self) -> list[PromotionRecord]:
        return self.rooms.ledger.history("cards")
