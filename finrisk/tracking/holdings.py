"""What MLflow holds of FinRisk: night runs, candidate runs, and all that hangs on a candidate.

Found by FinRisk's own tags, in the experiments of every scope. Versions are asked of the whole
registry, because anybody may have registered a candidate under a name of their own.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from finrisk.config import Settings
from finrisk.tracking import tags
from finrisk.tracking.client import answering
from finrisk.tracking.listing import (
    RegisteredVersion,
    experiments_of,
    logged_models_of,
    runs_of,
    versions_of,
)
from finrisk.tracking.local_artifacts import local_folder, model_location, own_folder

MODELS = "models:/"
PARENT = "mlflow.parentRunId"
DATASET = "dataset_version"
SNAPSHOT = "snapshot_sha256"


@dataclass(frozen=True, slots=True)
class CandidateRun:
    """A candidate's MLflow run and all that hangs on it.

    Parameters
    ----------
    run_id, scope, model : str
        Which run, of whose model.
    last_used : datetime or None
        When a night made it or last resumed it; None where that cannot be told.
    of_a_night : bool
        Its parent is a night's run; what people log by hand has no such parent.
    deleted : bool
        MLflow counts it as deleted already.
    dataset : str
        First digits of its snapshot's sha256; empty where it says none.
    artifact_sha256 : str
        Empty where it was not logged to the end.
    children : tuple of str
        Runs under it: the search it came from.
    model_ids : tuple of str
        Its logged models.
    versions : tuple of RegisteredVersion
        Under whatever name.
    folders : tuple of Path
        Of its files, on this machine and inside the artifacts of the settings.
    elsewhere : bool
        It has files in another place: a server's store, or another folder.
    """

    run_id: str
    scope: str
    model: str
    last_used: datetime | None
    of_a_night: bool
    deleted: bool
    dataset: str
    artifact_sha256: str
    children: tuple[str, ...]
    model_ids: tuple[str, ...]
    versions: tuple[RegisteredVersion, ...]
    folders: tuple[Path, ...]
    elsewhere: bool


@dataclass(frozen=True, slots=True)
class NightRun:
    """A night's MLflow run, and the snapshot it was opened on; empty where it had none."""

    scope: str
    model: str
    started: datetime | None
    snapshot_sha256: str


@dataclass(frozen=True, slots=True)
class Holdings:
    """All night runs and candidate runs of all models; deleted ones are among them."""

    nights: tuple[NightRun, ...]
    candidates: tuple[CandidateRun, ...]


def list_holdings(client: Any, settings: Settings) -> Holdings:
    """Ask MLflow for everything of FinRisk in it.

    Raises
    ------
    Unreachable
        The tracking server or the registry does not answer; then nothing is known.
    """
    with answering(settings.tracking_uri):
        experiments = dict(experiments_of(client, settings))
        found = [(scope, run) for id_, scope in experiments.items() for run in runs_of(client, id_)]
        located = logged_models_of(client, list(experiments))
    with answering(settings.registry_uri):
        versions = versions_of(client)
    nights = {run.info.run_id for _, run in found if _is_night(run)}
    children = _children(run for _, run in found)
    return Holdings(
        nights=tuple(_night(scope, run) for scope, run in found if _is_night(run)),
        candidates=tuple(
            _candidate(
                scope,
                run,
                of_a_night=run.data.tags.get(PARENT) in nights and tags.RUN_KEY in run.data.tags,
                children=children.get(run.info.run_id, {}),
                located=located.get(run.info.run_id, {}),
                versions=versions,
                artifacts=settings.artifacts,
            )
            for scope, run in found
            if tags.CANDIDATE in run.data.tags
        ),
    )


def _children(runs: Iterable[Any]) -> dict[str, dict[str, str]]:
    """Return the runs under each run, and where their files are; a candidate is nobody's child."""
    children: dict[str, dict[str, str]] = defaultdict(dict)
    for run in runs:
        if PARENT in run.data.tags and tags.CANDIDATE not in run.data.tags:
            uri = str(run.info.artifact_uri)
            children[run.data.tags[PARENT]][str(run.info.run_id)] = uri
    return children


def _candidate(
    scope: str,
    run: Any,
    *,
    of_a_night: bool,
    children: Mapping[str, str],
    located: Mapping[str, str],
    versions: Mapping[str, list[RegisteredVersion]],
    artifacts: Path,
) -> CandidateRun:
    run_id, uri, told = str(run.info.run_id), str(run.info.artifact_uri), run.data.tags
    models = {id_: model_location(uri, id_) for id_ in _told_models(run)} | dict(located)
    places = {run_id: uri, **children, **models}
    folders = {place: own_folder(place, name, artifacts) for name, place in places.items()}
    registered = {version for name in places for version in versions.get(name, ())}
    return CandidateRun(
        run_id=run_id,
        scope=scope,
        model=told[tags.MODEL],
        last_used=last_used(run),
        of_a_night=of_a_night,
        deleted=run.info.lifecycle_stage == "deleted",
        dataset=told.get(DATASET, ""),
        artifact_sha256=_trained(run).get("artifact_sha256", ""),
        children=tuple(sorted(children)),
        model_ids=tuple(sorted(models)),
        versions=tuple(sorted(registered, key=lambda version: (version.name, version.number))),
        folders=tuple(folder for folder in folders.values() if folder is not None),
        elsewhere=any(_is_elsewhere(place) for place, own in folders.items() if own is None),
    )


def _is_elsewhere(place: str) -> bool:
    folder = local_folder(place)
    return folder is None or folder.exists()


def _is_night(run: Any) -> bool:
    return bool(run.data.tags.get(tags.ROLE) == tags.NIGHT)


def _night(scope: str, run: Any) -> NightRun:
    snapshot = str(run.data.params.get(SNAPSHOT, ""))
    return NightRun(scope, run.data.tags[tags.MODEL], _started(run), snapshot)


def last_used(run: Any) -> datetime | None:
    """Return when a candidate's MLflow run was made or last resumed, if that can be told."""
    started, again = _started(run), run.data.tags.get(tags.USED_AT)
    if started is None or again is None:
        return started
    try:
        return max(started, datetime.fromisoformat(again))
    except (TypeError, ValueError):  # no moment, or one without a zone
        return None


def _started(run: Any) -> datetime | None:
    at = run.info.start_time
    return None if at is None else datetime.fromtimestamp(at / 1000, tz=UTC)


def _told_models(run: Any) -> set[str]:
    """Return the logged models a run says it made, also those that are deleted."""
    told = {str(output.model_id) for output in (run.outputs.model_outputs if run.outputs else ())}
    uri = _trained(run).get("model_uri")
    return told | {uri.removeprefix(MODELS)} if uri else told


def _trained(run: Any) -> dict[str, str]:
    try:
        told = json.loads(run.data.tags.get(tags.TRAINED, "{}"))
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
