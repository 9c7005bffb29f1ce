"""What a run holds, written in few calls: figures in batches, files in one upload."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from finrisk.errors import ConfigurationError
from finrisk.tracking.quiet_mlflow import Metric, Param, RunTag

LONGEST_PARAM = 500  # MLflow keeps 6000 characters of a value; nobody reads them
LONGEST_NAME = 240  # MLflow takes 250, and a number may follow
LONGEST_FILE = 120
MOST_PARAMS = 100
MOST_METRICS = 1000
STRANGE = re.compile(r"[^\w\-. /]")


@dataclass(frozen=True)
class RunContents:
    """What is written into a run beside its model; no customer's row is among it.

    Parameters
    ----------
    params : mapping of str to object
        Told as text, the first 500 characters.
    metrics : mapping of str to float or None
        What is None or not finite is left out.
    documents : mapping of str to JSON values
        By file name: ``data_statistics.json``.
    pictures : mapping of str to bytes
        PNG images by name: ``roc`` becomes ``pictures/roc.png``.
    pages : mapping of str to str
        HTML pages by file name.
    """

    params: Mapping[str, object] = field(default_factory=dict)
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    documents: Mapping[str, Any] = field(default_factory=dict)
    pictures: Mapping[str, bytes] = field(default_factory=dict)
    pages: Mapping[str, str] = field(default_factory=dict)


def write_run(
    client: Any, run_id: str, contents: RunContents, *, model_id: str | None = None
) -> None:
    """Write contents into a run; the metrics also onto its logged model, if it has one."""
    log_params(client, run_id, contents.params)
    log_metrics(client, run_id, contents.metrics, model_id=model_id)
    files = dict(_files(contents))
    if not files:
        return
    with TemporaryDirectory(prefix="finrisk-run-") as scratch:
        for name, content in files.items():
            path = Path(scratch, name).resolve()
            if not path.is_relative_to(Path(scratch).resolve()):
                raise ConfigurationError(
                    "a document whose name leads out of the run",
                    expected="a file name",
                    got=repr(name)[:80],
                )
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
        client.log_artifacts(run_id, scratch)


def log_params(client: Any, run_id: str, params: Mapping[str, object]) -> None:
    """Write parameters, however many."""
    named = names_for(params)
    told = [Param(named[key], str(value)[:LONGEST_PARAM]) for key, value in params.items()]
    for some in _batches(told, MOST_PARAMS):
        client.log_batch(run_id, params=some)


def log_metrics(
    client: Any,
    run_id: str,
    metrics: Mapping[str, float | None],
    *,
    model_id: str | None = None,
) -> None:
    """Write the finite ones, however many, all at the same moment."""
    at = int(datetime.now(UTC).timestamp() * 1000)
    named = names_for(metrics)
    told = [
        Metric(named[key], float(value), at, 0, model_id=model_id)
        for key, value in metrics.items()
        if value is not None and math.isfinite(value)
    ]
    for some in _batches(told, MOST_METRICS):
        client.log_batch(run_id, metrics=some)


def log_tags(client: Any, run_id: str, values: Mapping[str, str]) -> None:
    """Write tags in one call."""
    client.log_batch(run_id, tags=[RunTag(key, value) for key, value in values.items()])


def run_name(*parts: str) -> str:
    """Return a run's documented name: its parts and the moment, ``credit_risk_xgboost_20250105_…``.

    Examples
    --------
    >>> run_name("credit_risk", "xgb").rsplit("_", 2)[0]
    'credit_risk_xgb'
    """
    return "_".join((*parts, datetime.now(UTC).strftime("%Y%m%d_%H%M%S")))


def _batches(told: list[Any], most: int) -> Iterator[list[Any]]:
    for start in range(0, len(told), most):
        yield told[start : start + most]


def _files(contents: RunContents) -> Iterator[tuple[str, bytes]]:
    for name, document in contents.documents.items():
        yield name, json.dumps(document, indent=2, default=str).encode()
    for name, page in contents.pages.items():
        yield name, page.encode()
    for name, picture in contents.pictures.items():
        yield f"pictures/{name}.png", picture


def names_for(keys: Iterable[object]) -> dict[Any, str]:
    """Return a name that MLflow takes for each key, no two of them the same.

    A Pipeline's parameters may have any name; MLflow reads one as a path.

    Examples
    --------
    >>> names_for(["auc", "a@b", "a#b", "../a//b"])
    {'auc': 'auc', 'a@b': 'a_b', 'a#b': 'a_b_2', '../a//b': 'a/b'}
    """
    named: dict[Any, str] = {}
    taken: set[str] = set()
    for key in sorted(keys, key=lambda key: _name(key) != key):  # who needs no other name keeps it
        name = wanted = _name(key)
        for number in count(2):
            if name not in taken:
                break
            name = f"{wanted}_{number}"
        named[key] = name
        taken.add(name)
    return named


def file_name(text: object) -> str:
    """Return a file's name that is no path.

    Examples
    --------
    >>> file_name("../../etc/passwd")
    'etc_passwd'
    """
    return _name(text).replace("/", "_")[:LONGEST_FILE]


def _name(text: object) -> str:
    parts = STRANGE.sub("_", str(text)).split("/")
    return "/".join(part for part in parts if part.strip(" ."))[:LONGEST_NAME].rstrip("/") or "_"
