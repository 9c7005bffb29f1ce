"""One MLflow run as a person looks into it: all it says, and its pictures and documents.

What a run's files are is whatever somebody wrote into MLflow. So they are listed and bounded before
one is read, never followed through a link, and only pictures and plain text are handed on.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

import requests

from finrisk.errors import ArtifactRejected, UnknownRun
from finrisk.tracking.browsing import BrowsedRun, browsed
from finrisk.tracking.local_artifacts import local_folder
from finrisk.tracking.logged_runs import NO_SUCH_RUN
from finrisk.tracking.quiet_mlflow import MlflowException, mlflow

MOST_FILES = 100
MOST_BYTES = 3_000_000
MOST_PIXELS = 25_000_000
PNG = b"\x89PNG\r\n\x1a\n"
REFUSED = (400, 404)  # what a server answers to a link out of the folder, and to a file that went
SIZE_IN_PNG = slice(16, 24)  # width and height, of the first chunk
PICTURES, DOCUMENTS = (".png",), (".json", ".md", ".txt")


@dataclass(frozen=True, slots=True)
class RunFile:
    """A file of a run; ``size`` is in bytes, None where MLflow does not say."""

    path: str
    size: int | None

    @property
    def is_picture(self) -> bool:
        """Whether it is called like a picture that is shown."""
        return self.path.lower().endswith(PICTURES)

    @property
    def is_document(self) -> bool:
        """Whether it is called like a text that is shown."""
        return self.path.lower().endswith(DOCUMENTS)


@dataclass(frozen=True, slots=True)
class RunDetail:
    """All that a run says, and which files it has; ``experiment_id`` is whose it is."""

    run: BrowsedRun
    experiment_id: str
    parent_run_id: str | None
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]


def look_into(client: Any, run_id: str, experiment_id: str) -> RunDetail:
    """Return what a run of this experiment says.

    Raises
    ------
    UnknownRun
        There is no such run in this experiment.
    """
    run = _run(client, run_id, experiment_id)
    own = dict(run.data.tags)
    return RunDetail(
        run=browsed(run),
        experiment_id=str(run.info.experiment_id),
        parent_run_id=own.get("mlflow.parentRunId"),
        params=dict(sorted(run.data.params.items())),
        metrics=dict(sorted(run.data.metrics.items())),
        tags=dict(sorted(own.items())),
    )


def files_of(client: Any, run_id: str) -> list[RunFile]:
    """Return the files of a run, those one folder down among them; a hundred at most."""
    found: list[RunFile] = []
    folders: list[str] = []
    for item in client.list_artifacts(run_id):
        if item.is_dir:
            folders.append(item.path)
        else:
            found.append(RunFile(item.path, item.file_size))
    for folder in folders:
        if len(found) >= MOST_FILES:
            break
        found += [
            RunFile(item.path, item.file_size)
            for item in client.list_artifacts(run_id, folder)
            if not item.is_dir
        ]
    return sorted(found, key=lambda file: file.path)[:MOST_FILES]


def read_file(client: Any, tracking_uri: str, run_id: str, experiment_id: str, path: str) -> bytes:
    """Return a picture's or a document's bytes.

    Raises
    ------
    ArtifactRejected
        It is not among the run's files, too large, a link, or no picture though it is called one.
    UnknownRun
        There is no such run in this experiment.
    """
    run = _run(client, run_id, experiment_id)
    file = next((one for one in files_of(client, run_id) if one.path == path), None)
    outside = PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts
    if file is None or outside or not (file.is_picture or file.is_document):
        raise _not_shown(path, "a picture or a document of this run", "no such file")
    if file.size is None or file.size > MOST_BYTES:
        raise _not_shown(path, f"at most {MOST_BYTES} bytes", f"{file.size} bytes")
    content = _content(tracking_uri, str(run.info.artifact_uri), run_id, path)
    if len(content) > MOST_BYTES:
        raise _not_shown(path, f"at most {MOST_BYTES} bytes", f"{len(content)} bytes")
    if file.is_picture:
        _demand_picture(path, content)
    return content


def _run(client: Any, run_id: str, experiment_id: str) -> Any:
    try:
        run = client.get_run(run_id)
    except MlflowException as exc:
        if exc.error_code not in NO_SUCH_RUN:
            raise
        run = None
    if run is None or str(run.info.experiment_id) != experiment_id:
        raise UnknownRun(
            f"there is no MLflow run {run_id[:40]!r} in this experiment",
            expected="the id of one of its runs",
            remedy="choose one from the list; retention removes old ones",
        )
    return run


def _content(tracking_uri: str, artifact_uri: str, run_id: str, path: str) -> bytes:
    folder = local_folder(artifact_uri)
    if folder is not None:
        return _local(folder, run_id, path)
    with TemporaryDirectory(prefix="finrisk-shown-") as scratch:
        try:
            got = mlflow.artifacts.download_artifacts(
                artifact_uri=f"{artifact_uri.rstrip('/')}/{path}",
                dst_path=scratch,
                tracking_uri=tracking_uri,
            )
        except requests.HTTPError as exc:
            if exc.response is None or exc.response.status_code not in REFUSED:
                raise
            raise _elsewhere(path) from None  # the server's own error quotes the address
        return Path(got).read_bytes()


def _local(folder: Path, run_id: str, path: str) -> bytes:
    """Read a file of the run's own folder; a server that names another one is not followed."""
    own = folder.resolve()
    file = (folder / PurePosixPath(path)).resolve()
    if folder.parent.name != run_id or not file.is_relative_to(own) or not file.is_file():
        raise _elsewhere(path)
    with file.open("rb") as opened:
        return opened.read(MOST_BYTES + 1)


def _demand_picture(path: str, content: bytes) -> None:
    if not content.startswith(PNG) or len(content) < SIZE_IN_PNG.stop:
        raise _not_shown(path, "a PNG picture", "other bytes")
    width, height = struct.unpack(">II", content[SIZE_IN_PNG])
    if width * height > MOST_PIXELS:
        raise _not_shown(path, f"at most {MOST_PIXELS} pixels", f"{width} × {height}")


def _elsewhere(path: str) -> ArtifactRejected:
    return _not_shown(path, "a file in the run's own folder", "another place")


def _not_shown(path: str, expected: str, got: str) -> ArtifactRejected:
    return ArtifactRejected(
        f"{path[:80]} is not shown", expected=expected, got=got, remedy="look at it in MLflow"
    )
