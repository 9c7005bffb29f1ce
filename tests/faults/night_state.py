"""What nights left, said so that two of them that went alike are told alike.

Ids, digests of what holds ids, and moments are a night's own. In their place stands the order in
which they come: so it is compared who names whom, which is what they are for.
"""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from pathlib import Path
from typing import Any

from finrisk.ledger.store import Ledger
from finrisk.records import NightRequest
from finrisk.tracking import tags
from finrisk.tracking.client import ACTIVE, open_client
from finrisk.tracking.local_artifacts import local_folder
from finrisk.tracking.quiet_mlflow import ViewType
from tests.faults.night_process import MODEL, World

OWN_ID = re.compile(
    r"m-[0-9a-f]{32}|[0-9a-f]{64}|[0-9a-f]{32}|(?<=artifact )[0-9a-f]{12}"
    r"|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
)
OWN_MOMENT = re.compile(r"20\d{6}T\d{6}\.\d{6}Z|\d[\d.]* m?s\b")  # and what took how long
COPIES = "champions"  # in the store, folders named by the digest of what they hold
PAGES = {".html", ".json"}

State = dict[str, Any]


def state_of(world: World, request: NightRequest) -> State:
    """Return everything that is there after a night."""
    with Ledger.open(world.settings) as ledger:
        told = {"ledger": _of_ledger(ledger, world, request), "mlflow": _of_mlflow(world)}
        data = _of_data(ledger, request)
    state: State = json.loads(_alike(json.dumps(told, sort_keys=True), world))
    return {**state, "data": data, "files": files_of(world)}


def files_of(world: World) -> dict[str, str]:
    """Return a digest of each file in its final place; hidden ones are in none."""
    store = world.settings.store
    files = (path for path in sorted(store.rglob("*")) if path.is_file())
    named = {path: path.relative_to(store) for path in files}
    return {
        _alike(str(name), world): _digest(path, world)
        for path, name in named.items()
        if not any(part.startswith(".") for part in name.parts) and name.parts[0] != COPIES
    }


def hidden(world: World) -> list[Path]:
    """Return what never came to its final place: nobody reads it."""
    return [path for path in world.settings.store.rglob(".*") if path.name != ".lock"]


def pending_models(world: World) -> list[Path]:
    """Return the folders of models that MLflow was not told the end of."""
    client = open_client(world.settings)
    experiment = client.get_experiment_by_name(world.settings.scoped_experiment).experiment_id
    found = client.search_logged_models([experiment])
    locations = [model.artifact_location for model in found if str(model.status) != "READY"]
    return [folder for location in locations if (folder := local_folder(location))]


def _of_data(ledger: Ledger, request: NightRequest) -> State:
    """What is the same to the last bit: which rows, which hold-out, under which spec."""
    stored = ledger.night(MODEL, request.as_of)
    assert stored is not None
    looks = ledger.looks(MODEL)
    return {
        "night": (stored.snapshot_sha256, stored.holdout_sha256, stored.spec_sha256),
        "looks": [(look.night, look.snapshot_sha256, look.holdout_sha256) for look in looks],
    }


def _of_ledger(ledger: Ledger, world: World, request: NightRequest) -> State:
    ledger.verify(MODEL)
    stored = ledger.night(MODEL, request.as_of)
    assert stored is not None
    evidence = ledger.evidence(stored.decision.evidence_sha256 or "")
    assert evidence is not None
    found = evidence.to_json()
    if found["facts"]["guards"] is not None:
        found["facts"]["guards"]["operations"] = None  # CPU time that a load took, and a row
    champion = ledger.champion(MODEL)
    promotions = [link.to_json() for link in ledger.history(MODEL)]
    return {
        "night": stored.decision.to_json(),
        "evidence": found,
        "looks": [look.to_json() for look in ledger.looks(MODEL)],
        "judged": _rows(world, "SELECT night, evidence_sha256 FROM looks ORDER BY night"),
        "kept": _rows(world, "SELECT night, sha256 FROM evidence ORDER BY night"),
        "versions": [version.to_json() for version in ledger.versions(MODEL)],
        "champion": champion and champion.to_json(),
        "promotions": [link | {"at": None} for link in promotions],
        "events": [[event.kind, event.key, event.document] for event in ledger.events(MODEL)],
    }


def _of_mlflow(world: World) -> State:
    settings = world.settings
    client = open_client(settings)
    name = settings.scoped_registered_name(MODEL)
    experiment = client.get_experiment_by_name(settings.scoped_experiment).experiment_id
    found = [
        run
        for run in client.search_runs([experiment], run_view_type=ViewType.ALL)
        if run.info.lifecycle_stage == ACTIVE or tags.COMPLETE in run.data.tags
    ]
    named = {run.info.run_id for run in found}
    models = client.search_logged_models([experiment])
    versions = client.search_model_versions(f"name = '{name}'")
    return {
        "runs": sorted(
            (_of_run(run) for run in found), key=lambda run: (run["as_of"], run["name"])
        ),
        "models": sorted(
            (model.tags[tags.AS_OF], model.name, str(model.status), model.source_run_id)
            for model in models
            if model.source_run_id in named
        ),
        "versions": sorted(
            (int(version.version), version.run_id, version.source, version.tags[tags.IDEM_KEY])
            for version in versions
        ),
        "aliases": dict(client.get_registered_model(name).aliases),
    }


def _of_run(run: Any) -> State:
    told = run.data.tags
    files = local_folder(run.info.artifact_uri)
    assert files is not None
    return {
        "as_of": told[tags.AS_OF],
        "name": told.get(tags.CANDIDATE) or told[tags.ROLE],
        "id": run.info.run_id,
        "key": told[tags.RUN_KEY],
        "status": (run.info.status, run.info.lifecycle_stage),
        "tags": sorted(set(told) - {tags.USED_AT}),  # a rerun says so where it resumes
        "decision": told.get("finrisk.decision"),
        "evidence": told.get("finrisk.evidence_sha256"),
        "params": sorted(run.data.params),
        "metrics": sorted(run.data.metrics),
        "files": sorted(str(path.relative_to(files)) for path in files.rglob("*")),
    }


def _rows(world: World, query: str) -> list[Any]:
    connection = sqlite3.connect(world.state / "ledger.db")
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def _digest(path: Path, world: World) -> str:
    content = path.read_bytes()
    if path.suffix in PAGES:
        content = _alike(content.decode(), world).encode()
    return hashlib.sha256(content).hexdigest()


def _alike(text: str, world: World) -> str:
    ids: dict[str, str] = {}
    text = OWN_MOMENT.sub("(a moment)", text.replace(str(world.state), "(its folder)"))
    return OWN_ID.sub(lambda found: ids.setdefault(found[0], f"(id {len(ids) + 1})"), text)
