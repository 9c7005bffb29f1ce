"""Where a candidate's rows are while it is fitted: memory, this machine's disk, a cluster."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from finrisk.data.landing import EVENT_DAY
from finrisk.data.snapshots import SnapshotStore
from finrisk.models.elsewhere import Days, fit_elsewhere
from finrisk.models.trainer import FittedCandidate, fit_candidate
from finrisk.specs.model_spec import ModelSpec
from finrisk.specs.training import Candidate

SCRATCH = "scratch"
"""Its folder in the store: what lies there is customers' rows, and gone after the fit."""


@dataclass(frozen=True)
class Places:
    """What engines work with.

    Parameters
    ----------
    snapshots : SnapshotStore
        Where the rows are; a cluster's workers see it at the same path.
    scratch : Path
        For rows on disk while they are fitted.
    scheduler : str
        Address of the Dask cluster's; empty: there is none.
    """

    snapshots: SnapshotStore
    scratch: Path
    scheduler: str = ""


def fit_from_snapshot(
    sha256: str, spec: ModelSpec, candidate: Candidate, places: Places, *, threads: int
) -> tuple[FittedCandidate, Days]:
    """Fit a candidate on a snapshot's development rows, on the engine that it names.

    Returns
    -------
    fitted : FittedCandidate
        A model of one kind, whatever fitted it.
    days : (m,) array of datetime64[D]
        Event days of its out-of-fold rows.

    Raises
    ------
    NotEnoughData, LabelError
        As :func:`finrisk.models.trainer.fit_candidate`.
    SnapshotMismatch
        The snapshot is not there, or its bytes are not those that were frozen.
    ConfigurationError, Unreachable
        The cluster is not named or does not answer, or its workers are not alike.
    """
    if candidate.engine == "memory":
        development = places.snapshots.development(sha256)
        fitted = fit_candidate(development, spec, candidate, threads=threads)
        days = development[EVENT_DAY].to_numpy()[fitted.search.out_of_fold.rows]
        return fitted, days.astype("datetime64[D]")
    if candidate.engine == "dask":
        from finrisk.models.dask_rows import on_cluster

        cluster = on_cluster(places.snapshots.path(sha256), sha256, spec, places.scheduler)
        return fit_elsewhere(cluster, spec, candidate, threads=threads)
    from finrisk.models.external_memory import spooled

    with places.snapshots.reading(sha256) as snapshot:
        disk = spooled(snapshot, spec, places.scratch)
        return fit_elsewhere(disk, spec, candidate, threads=threads)
