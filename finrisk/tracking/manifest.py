"""The manifest: what an artifact is, what it was made from, and the digest of every file in it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from importlib.metadata import version
from pathlib import Path
from platform import python_version
from typing import Literal

import pandas as pd

from finrisk.records import Record, Window
from finrisk.tracking.rows import aligned_features
from finrisk.tracking.scoring_model import ScoringModel

FORMAT: Literal["finrisk-model-1"] = "finrisk-model-1"
MOST_GOLDEN_ROWS = 256
REGISTRATION_NOTE = "registered_model_meta"  # MLflow writes it into the folder when it downloads
RECORDED_LIBRARIES = ("numpy", "scikit-learn", "skops")

Cell = float | str | None


@dataclass(frozen=True, slots=True)
class Provenance(Record):
    """Where a fitted model comes from: all a trainer knows about it besides the model itself.

    ``one_row_ms`` is the 99th percentile of scoring one row, CPU time where it was fitted.

    A model that was logged by hand comes from frames without dates or ids: no window, no snapshot,
    no spec, but ``evaluation``, what it reached on the rows that came with it. What has a default
    was added later; a signed manifest without it still reads.
    """

    model: str
    model_type: str
    candidate: str
    as_of: date
    run_key: str
    training_window: Window | None
    snapshot_sha256: str
    spec_sha256: str
    seed: int
    feature_definitions: dict[str, str]
    threads: int = 0
    cutoff: float | None = None
    evaluation: dict[str, float] = field(default_factory=dict)
    reference_scores: tuple[float, ...] = ()
    one_row_ms: float | None = None


@dataclass(frozen=True, slots=True)
class FeatureColumn(Record):
    """One feature, in the order the model sees them."""

    name: str
    kind: Literal["number", "category"]


@dataclass(frozen=True, slots=True)
class GoldenRows(Record):
    """Synthetic rows and the probabilities of bad that the model gave them when it was saved."""

    rows: tuple[tuple[Cell, ...], ...]
    scores: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class FileDigest(Record):
    """A file's bytes: how many, and their sha256."""

    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Manifest(Record):
    """Everything that is signed; ``files`` covers every file but the manifest and its signature."""

    format: Literal["finrisk-model-1"]
    provenance: Provenance
    algorithm: str
    features: tuple[FeatureColumn, ...]
    libraries: dict[str, str]
    golden: GoldenRows
    files: dict[str, FileDigest]

    @property
    def feature_names(self) -> tuple[str, ...]:
        """All features, in the order the model sees them."""
        return tuple(feature.name for feature in self.features)

    @property
    def training_window(self) -> Window | None:
        """The event days it was fitted on; None where its rows had no dates."""
        return self.provenance.training_window

    @property
    def snapshot_sha256(self) -> str:
        """The snapshot it was fitted on."""
        return self.provenance.snapshot_sha256

    def names_of(self, kind: Literal["number", "category"]) -> tuple[str, ...]:
        """Return the features of one kind, in order."""
        return tuple(feature.name for feature in self.features if feature.kind == kind)

    def golden_frame(self) -> pd.DataFrame:
        """Return the golden rows as features, shape (golden rows, features)."""
        return pd.DataFrame(list(self.golden.rows), columns=list(self.feature_names))


def describe(
    model: ScoringModel,
    provenance: Provenance,
    golden_rows: pd.DataFrame,
    files: Mapping[str, bytes],
) -> Manifest:
    """Return the manifest of a model about to be saved.

    Parameters
    ----------
    model : ScoringModel
        Scores the golden rows.
    provenance : Provenance
        What it was made from.
    golden_rows : DataFrame of shape (1 to 256, at least the features)
        Synthetic rows. They are stored readably: never a customer's row.
    files : mapping of str to bytes
        Every file of the artifact but the manifest and its signature.

    Raises
    ------
    ValueError
        No golden row, or too many.
    """
    if not 1 <= len(golden_rows) <= MOST_GOLDEN_ROWS:
        raise ValueError(f"{len(golden_rows)} golden rows; expected 1 to {MOST_GOLDEN_ROWS}")
    aligned = aligned_features(golden_rows, model.feature_names, model.categorical)
    unscored = Manifest(
        format=FORMAT,
        provenance=provenance,
        algorithm=model.algorithm,
        features=tuple(FeatureColumn(name, kind) for name, kind in model.kinds.items()),
        libraries=library_versions(),
        golden=GoldenRows(rows=_cells(aligned), scores=()),
        files={name: digest_of(content) for name, content in sorted(files.items())},
    )
    scores = model.score(unscored.golden_frame())  # the very frame a reader of the manifest builds
    golden = GoldenRows(rows=unscored.golden.rows, scores=tuple(map(float, scores)))
    return unscored.replace(golden=golden)


def _cells(aligned: pd.DataFrame) -> tuple[tuple[Cell, ...], ...]:
    missing_as_none = aligned.astype(object).where(aligned.notna(), None)
    return tuple(tuple(row) for row in missing_as_none.itertuples(index=False, name=None))


def library_versions() -> dict[str, str]:
    """Return the versions of what a stored model depends on, by distribution name."""
    import xgboost  # its distribution is called xgboost or xgboost-cpu

    versions = {name: version(name) for name in RECORDED_LIBRARIES}
    return {**versions, "xgboost": xgboost.__version__, "python": python_version()}


def digest_of(content: bytes) -> FileDigest:
    """Return a file's digest."""
    return FileDigest(sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))


def contents_sha256(contents: Mapping[str, bytes]) -> str:
    """Return the digest over every file's name and sha256: the ledger's ``artifact_sha256``.

    Examples
    --------
    >>> contents_sha256({"a": b"1", "b": b"2"}) == contents_sha256({"b": b"2", "a": b"1"})
    True
    >>> contents_sha256({"a": b"1"}) == contents_sha256({"b": b"1"})
    False
    """
    lines = (f"{digest_of(contents[name]).sha256}  {name}\n" for name in sorted(contents))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def tree_sha256(folder: Path) -> str:
    """Return ``contents_sha256`` of a folder's files, MLflow's own among them.

    Only the note that MLflow itself leaves in a folder it loads a registered model from is not
    counted; nothing of FinRisk reads it.
    """
    return contents_sha256(
        {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file() and path.name != REGISTRATION_NOTE
        }
    )
