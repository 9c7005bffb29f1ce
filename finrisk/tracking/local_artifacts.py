"""Which folders on this machine MLflow keeps for one run or one logged model alone."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urlparse

RUN_ID = re.compile(r"[0-9a-f]{32}")
MODEL_ID = re.compile(r"m-[0-9a-f]{32}")
MODELS_FOLDER = "models"


def local_folder(uri: str) -> Path | None:
    """Return the folder a URI names on this machine; None where it names another place.

    Examples
    --------
    >>> local_folder("file:///srv/artifacts/a%20b")
    PosixPath('/srv/artifacts/a b')
    >>> local_folder("mlflow-artifacts:/1/a") is None
    True
    """
    parsed = urlparse(uri)
    return Path(unquote(parsed.path)) if parsed.scheme in ("file", "") else None


def model_location(run_artifact_uri: str, model_id: str) -> str:
    """Return where MLflow puts a logged model, given where it puts the files of its run.

    Asked of a logged model that is deleted: MLflow no longer says where it was.

    Examples
    --------
    >>> model_location("file:///srv/artifacts/4f/artifacts", "m-7")
    'file:///srv/artifacts/models/m-7/artifacts'
    """
    root = run_artifact_uri.rsplit("/", 2)[0]
    return f"{root}/{MODELS_FOLDER}/{model_id}/artifacts"


def own_folder(uri: str, name: str, artifacts: Path) -> Path | None:
    """Return the folder of this run or logged model, if it may be removed whole.

    It must be ``<artifacts>/<run id>`` or ``<artifacts>/models/<model id>`` after every link on the
    way is resolved, and no link itself.

    Parameters
    ----------
    uri : str
        Where MLflow says the artifacts are.
    name : str
        The run's or the logged model's id.
    artifacts : Path
        ``Settings.artifacts``.
    """
    found = local_folder(uri)
    if found is None or found.parent.name != name or found.parent.is_symlink():
        return None
    root, folder = artifacts.resolve(), found.parent.resolve()
    if RUN_ID.fullmatch(name):
        fits = folder == root / name
    else:
        fits = bool(MODEL_ID.fullmatch(name)) and folder == root / MODELS_FOLDER / name
    return folder if fits and folder.is_dir() else None
