"""A lender after a year: 2 models, 365 nights with evidence each, 5,110 MLflow runs.

    PYTHONPATH=. python benchmarks/dashboard_world.py FOLDER [--nights N] [--versions N]

Two nights of a small simulated lender are run for real; the year is made of their records, their
evidence, their MLflow runs and their artifacts, with other days, ids and figures. Nothing else is
fitted. Each version's files are there and verify, and so are the rows that all nights judge by.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from benchmarks.dashboard_ledger import SCOPE, Template, Year
from benchmarks.dashboard_runs import SHARED, Artifact, Cloned, NightRows, Store, registered, utc
from finrisk.config import Settings
from finrisk.data.quality import QualityReport
from finrisk.data.quality_store import QualityStore
from finrisk.data.simulated_delivery import land
from finrisk.data.simulated_lender import SimulatedLender
from finrisk.pipelines.retrain import run_night
from finrisk.pipelines.rooms import Rooms
from finrisk.records import ModelVersion, NightRequest
from finrisk.setting_up import initialise
from finrisk.specs.loader import load_spec
from tests.pipelines.lender import FIRST, SECOND, small_document

MODELS = {"retail_loans": "Retail loans", "small_business": "Small-business loans"}
ORIGINAL = next(iter(MODELS))
NIGHTS, VERSIONS = 365, 200
LENDER = SimulatedLender(seed=5, applications_per_month=2000, drift_month=None)
CHUNK = 60  # nights a transaction
FILES = 5  # artifacts that versions take in turn: no two champions in a row have the same one


@dataclass(frozen=True, slots=True)
class Original:
    """The two nights that were run, as everything else is made of them."""

    template: Template
    rows: NightRows
    artifacts: list[Artifact]
    quality: QualityReport
    quality_page: str


def settings_of(home: Path, **changes: Any) -> Settings:
    """What a process started with ``FINRISK_HOME`` alone works with."""
    return Settings(home=home, threads=1, actor="airflow", **changes)


def empty(home: Path) -> None:
    """Set up a home in which nothing has happened yet."""
    _write_specs(home / "conf" / "models")
    initialise(settings_of(home))


def build(
    home: Path, *, nights: int = NIGHTS, versions: int = VERSIONS, newest: date | None = None
) -> dict[str, int]:
    """Make a year of two models; return what there is of what.

    Parameters
    ----------
    home : Path
        Becomes the ``FINRISK_HOME``; must be empty or missing.
    nights, versions : int
        Of each model; every version was some night's challenger.
    newest : date, optional
        The last night; yesterday unless given.
    """
    settings = settings_of(home)
    empty(home)
    original = _run_two_nights(home)
    newest = newest or datetime.now(UTC).date() - timedelta(days=1)
    mlflow = Store(settings.tracking_uri)
    mlflow.write({SHARED: original.rows.rows[SHARED]})
    days = [newest - timedelta(days=back) for back in reversed(range(nights))]
    for model in MODELS:
        _live_a_year(settings, model, original, mlflow, days, versions)
    mlflow.settle()
    counts = mlflow.counts()
    mlflow.close()
    return {"models": len(MODELS), "nights_each": nights, "versions_each": versions, **counts}


def _write_specs(conf: Path) -> None:
    conf.mkdir(parents=True, exist_ok=True)
    for model, title in MODELS.items():
        document: dict[str, Any] = small_document()
        document["gate"]["holdout"] |= {"target_bads": 800, "min_bads": 200}
        document |= {
            "name": model,
            "title": title,
            "registered_name": model.replace("_", "-"),
            "candidates": [
                {"name": "lr", "algorithm": "logistic_regression", "search": {"C": [0.3, 1.0]}},
                document["candidates"][1],
                {
                    "name": "rf",
                    "algorithm": "random_forest",
                    "parameters": {"n_estimators": 10, "min_samples_leaf": 50},
                    "search": {"max_depth": [3, 4]},
                },
            ],
        }
        text = yaml.safe_dump(document, sort_keys=False)
        (conf / f"{model}.yaml").write_text(text)


def _run_two_nights(home: Path) -> Original:
    """Run them into databases of their own; their artifacts and the store are the home's."""
    own = home / "two_nights"
    own.mkdir()
    settings = settings_of(
        home,
        ledger_url=f"sqlite:///{own}/ledger.db",
        tracking_uri=f"sqlite:///{own}/mlflow.db",
        registry_uri=f"sqlite:///{own}/mlflow.db",
    )
    initialise(settings)
    spec = load_spec(settings.conf_locations[0] / f"{ORIGINAL}.yaml")
    land(LENDER, spec, settings.home, SECOND)
    rooms = Rooms.open(ORIGINAL, settings)
    for day in (FIRST, SECOND):
        run_night(NightRequest(ORIGINAL, day, actor="airflow"), rooms, tell=lambda _: None)
    stored = [rooms.ledger.night(ORIGINAL, day) for day in (FIRST, SECOND)]
    found = [rooms.ledger.evidence(n.decision.evidence_sha256 or "") for n in stored if n]
    rooms.ledger.close()
    first, later = (evidence for evidence in found if evidence is not None)
    if later.challenger is None or later.look is None:
        raise SystemExit(f"the night of {SECOND} registered no version: {later.verdict.reasons}")
    store = Store(settings.tracking_uri)
    quality = QualityStore(settings.store / "data_quality", SCOPE, ORIGINAL, MODELS[ORIGINAL])
    original = Original(
        Template(
            first,
            later,
            later.look.snapshot_sha256,
            later.look.holdout_sha256,
            stored[1].spec_sha256 if stored[1] else "",
        ),
        store.night(ORIGINAL, SECOND, later.challenger.run_id),
        store.artifacts(),
        quality.report(SECOND),
        quality.page(SECOND).read_text(),
    )
    store.close()
    shutil.rmtree(quality.folder)
    shutil.rmtree(own)
    return original


def _live_a_year(
    settings: Settings,
    model: str,
    original: Original,
    mlflow: Store,
    days: Sequence[date],
    versions: int,
) -> None:
    year = Year(model, original.template, days, np.random.default_rng(list(model.encode())))
    known: dict[int, ModelVersion] = {}
    told: list[tuple[int, dict[str, Any], datetime]] = []
    waiting: dict[str, list[dict[str, Any]]] = {}
    for at, day in enumerate(days):
        number = 1 + at * min(versions, len(days)) // len(days)
        artifact = original.artifacts[number % FILES]
        moment, shift = utc(day), float(year.chance.normal(0.0, 0.004))
        new, tables = original.rows.again(Cloned(model, day, moment, shift, artifact))
        rows = dict(tables)
        if number not in known:
            known[number] = _version(model, number, new, original.rows, artifact)
            year.remember(known[number])
            told.append((number, known[number].to_json() | {"location": artifact.location}, moment))
        run_id = new[original.rows.night_run]
        decided = year.night(at, known[number], run_id)
        _tell_run(rows["tags"], run_id, decided.decision, "; ".join(decided.reasons))
        for table, made in rows.items():
            waiting.setdefault(table, []).extend(made)
        if at % CHUNK == CHUNK - 1 or at == len(days) - 1:
            mlflow.write(waiting)
            waiting = {}
    year.watch()
    year.write(settings.ledger_url.get_secret_value())
    mlflow.write(registered(model.replace("_", "-"), model, told, year.aliases))
    _keep_quality(settings.store / "data_quality", model, original, days)


def _version(
    model: str, number: int, new: dict[str, str], rows: NightRows, artifact: Artifact
) -> ModelVersion:
    return ModelVersion(
        model=model,
        version=number,
        run_id=new[rows.winner_run],
        model_uri=f"models:/{new[rows.winner_model]}",
        artifact_sha256=artifact.artifact_sha256,
        manifest_sha256=artifact.manifest_sha256,
    )


def _tell_run(tags: list[dict[str, Any]], run_id: str, decision: str, reasons: str) -> None:
    said = {"finrisk.decision": str(decision), "finrisk.reasons": reasons}
    for row in tags:
        if row["run_uuid"] == run_id and row["key"] in said:
            row["value"] = said[row["key"]]


def _keep_quality(root: Path, model: str, original: Original, days: Sequence[date]) -> None:
    store = QualityStore(root, SCOPE, model, MODELS[model])
    store.folder.mkdir(parents=True, exist_ok=True)
    chance = np.random.default_rng(len(model))
    for at, day in enumerate(days):
        score = min(1.0, original.quality.score - abs(float(chance.normal(0.0, 0.004))))
        report = original.quality.replace(
            model=model, as_of=day, score=score, result="warn" if at % 30 == 17 else "pass"
        )
        (store.folder / f"{day}.json").write_bytes(report.canonical())
        page = original.quality_page.replace(SECOND.isoformat(), day.isoformat())
        store.page(day).write_text(page)
    store.refresh()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("home", type=Path)
    parser.add_argument("--nights", type=int, default=NIGHTS)
    parser.add_argument("--versions", type=int, default=VERSIONS)
    asked = parser.parse_args()
    counts = build(asked.home, nights=asked.nights, versions=asked.versions)
    print(json.dumps(counts, indent=2))


if __name__ == "__main__":
    main()
