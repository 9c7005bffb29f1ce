"""Two versions of one model on the same frozen rows: a picture for people, which decides nothing.

A label of a hold-out meets a score only after the gate's look is paid (I9). So only a hold-out is
shown that a night has judged, and only versions that have had their look as a challenger, or were
champion: no look is spent here, and none that a night still has to pay is forestalled.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from time import perf_counter

import numpy as np
import pandas as pd

from finrisk.data.known_cards import KNOWN_CARD
from finrisk.data.labels import LABEL
from finrisk.data.landing import ROW_ID
from finrisk.data.snapshots import rows_sha256
from finrisk.errors import DataError, NotEnoughData, SnapshotMismatch
from finrisk.evaluation.comparison import usable
from finrisk.evaluation.curves import (
    calibration_bins,
    precision_recall_curve,
    roc_curve,
    score_cells,
    score_differences,
)
from finrisk.evaluation.judged_rows import JudgedRows, Scores
from finrisk.evaluation.measuring import REPLICATES, ScoredSide
from finrisk.evaluation.paired_metrics import paired_metrics
from finrisk.evaluation.paired_outcomes import alert_flags
from finrisk.evaluation.same_rows import FrozenRows, Origin, SameRows
from finrisk.evaluation.stored_rows import one_by_one
from finrisk.evaluation.swap_set import SwapSet, swap_set
from finrisk.features.definitions import feature_definitions, redefined
from finrisk.features.derive import derive_features
from finrisk.ledger.judged import JudgedLook
from finrisk.metrics.inputs import Flags
from finrisk.metrics.ranking import levels
from finrisk.pipelines.rooms import Rooms
from finrisk.records import ModelVersion

log = logging.getLogger(__name__)
MOST_LOOKS = 5
"""Hold-outs move forward with the nights: if the newest do not do, older ones hardly will."""
MOST_NAMED = 5


def origin_of(version: ModelVersion, rooms: Rooms) -> Origin:
    """Return what a version's verified manifest says; its kept copy is read where there is one.

    Raises
    ------
    ArtifactRejected
        Its artifact is gone, or is not what was signed and recorded.
    Unreachable
        There is no copy on this machine, and MLflow does not answer.
    """
    model, manifest = rooms.registry.open(version)
    origin = manifest.provenance
    return Origin(
        version=version.version,
        run_id=version.run_id,
        artifact_sha256=version.artifact_sha256,
        algorithm=manifest.algorithm,
        candidate=origin.candidate,
        as_of=origin.as_of,
        fitted_on=origin.training_window,
        snapshot_sha256=origin.snapshot_sha256,
        spec_sha256=origin.spec_sha256,
        seed=origin.seed,
        threads=origin.threads,
        cutoff=origin.cutoff,
        features=manifest.feature_names,
        feature_definitions=dict(origin.feature_definitions),
        redefined=redefined(origin.feature_definitions, feature_definitions(rooms.spec)),
        libraries=dict(manifest.libraries),
        is_detector=model.is_detector,
        one_row_ms=origin.one_row_ms,
        artifact_mb=sum(file.bytes for file in manifest.files.values()) / 1e6,
    )


def demand_judged(version: ModelVersion, rooms: Rooms) -> None:
    """Return if the gate has seen this version already: it may not be seen by people before.

    Raises
    ------
    NotEnoughData
        It was never champion, and no night has judged it as the challenger.
    """
    if rooms.ledger.judged_as_challenger(version) is not None:
        return
    history = rooms.ledger.history(version.model)
    if any(link.artifact_sha256 == version.artifact_sha256 for link in history):
        return
    raise NotEnoughData(
        f"v{version.version} has had no look yet",
        expected="a version that a night has judged, or that was champion: no label of a hold-out "
        "meets a score before the gate's look is paid",
        remedy="it can be shown once a night has judged it",
    )


def shared_rows(a: Origin, b: Origin, rooms: Rooms) -> tuple[FrozenRows, ...]:
    """Return the judged hold-outs that are out of time for both versions, the newest first.

    Raises
    ------
    NotEnoughData
        There is none; the message says why, the remedy what would help.
    """
    for of in (a, b):
        _demand_comparable(of)
    judged = rooms.ledger.judged_looks(rooms.spec.name, MOST_LOOKS)
    held = [frozen for look in judged if (frozen := _frozen(look, rooms)) is not None]
    if not held:
        raise NotEnoughData(
            "no night has judged a hold-out yet",
            remedy="a hold-out is shown to people after a night has paid its look",
        )
    embargo = timedelta(days=rooms.spec.gate.holdout.embargo_days)
    ends = {of.version: of.fitted_on.last_day for of in (a, b) if of.fitted_on is not None}
    latest = max(ends, key=lambda version: ends[version])
    # as the gate's rule has it: a day lies between the embargo's end and the hold-out
    fit = [f for f in held if ends[latest] + embargo < f.window.first_day - timedelta(days=1)]
    if not fit:
        newest = held[0]
        raise NotEnoughData(
            "no hold-out that a night has judged is out of time for both versions",
            expected=f"rows after {ends[latest] + embargo}, where v{latest}'s training window and "
            "the embargo end",
            got=f"the newest judged rows begin {newest.window.first_day} (night {newest.night})",
            remedy="the next night that judges rows after it makes the comparison possible",
        )
    return tuple(fit)


def on_the_same_rows(
    a: ModelVersion, b: ModelVersion, shared: tuple[FrozenRows, ...], rooms: Rooms
) -> SameRows:
    """Score the newest of the shared hold-outs that can still be read with both versions.

    Parameters
    ----------
    a, b : ModelVersion
        The difference is B − A.
    shared : tuple of FrozenRows
        From :func:`shared_rows`.

    Raises
    ------
    SnapshotMismatch
        None of the hold-outs is there any more as it was frozen.
    ArtifactRejected, Unreachable
        As :func:`origin_of`.
    DataError
        A version cannot score the rows, or gives all of them the same score.
    NotEnoughData
        One of the versions has had no look; or too few rows.
    """
    for version in (a, b):
        demand_judged(version, rooms)
    began = perf_counter()
    frozen, holdout = _read_first(shared, rooms)
    rows = _judged_rows(frozen, holdout, rooms)
    sides = _scored(a, rows, rooms), _scored(b, rows, rooms)
    found = _compared(frozen, rows, *sides, rooms)
    log.info("%s v%s and v%s: %.2f s", a.model, a.version, b.version, perf_counter() - began)
    return found


def _demand_comparable(of: Origin) -> None:
    if of.fitted_on is None:
        raise NotEnoughData(
            f"when v{of.version}'s development ends is unknown",
            expected="a training window in its manifest",
            remedy="it was logged by hand, from rows without dates; train it in a night",
        )
    if of.redefined:
        named = ", ".join(of.redefined[:MOST_NAMED])
        more = len(of.redefined) - MOST_NAMED
        raise NotEnoughData(
            f"v{of.version} needs features that the spec of now lacks or defines otherwise",
            got=f"{named}{f' and {more} more' if more > 0 else ''}",
            remedy="bring them back into the spec, or compare versions of the same features",
        )


def _frozen(judged: JudgedLook, rooms: Rooms) -> FrozenRows | None:
    evidence = rooms.ledger.evidence(judged.evidence_sha256)
    if evidence is None or evidence.facts.holdout is None:
        return None
    look = judged.look
    return FrozenRows(look.night, look.snapshot_sha256, look.holdout_sha256, evidence.facts.holdout)


def _read_first(shared: tuple[FrozenRows, ...], rooms: Rooms) -> tuple[FrozenRows, pd.DataFrame]:
    """Read the newest hold-out that is as it was frozen: retention deletes old snapshots."""
    gone: SnapshotMismatch | None = None
    for frozen in shared:
        try:
            holdout = rooms.snapshots.holdout(frozen.snapshot_sha256)
        except SnapshotMismatch as exc:
            log.warning("%s: %s", rooms.spec.name, exc)
            gone = exc
            continue
        if rows_sha256(holdout[ROW_ID], holdout[LABEL]) == frozen.holdout_sha256:
            return frozen, holdout
    raise SnapshotMismatch(
        "the hold-outs that both versions may be shown on are not there any more",
        expected=f"the snapshot of one of the nights {', '.join(str(f.night) for f in shared)}",
        remedy="restore the store's snapshots from its backup, or wait for the next night",
    ) from gone


def _judged_rows(frozen: FrozenRows, holdout: pd.DataFrame, rooms: Rooms) -> JudgedRows:
    features = derive_features(holdout, rooms.spec)
    return JudgedRows(
        sha256=frozen.holdout_sha256,
        labels=holdout[LABEL].to_numpy(dtype=np.int8),
        columns=holdout,
        features=features,
        development_features=features.iloc[:0],  # nothing here looks at development
        known_cards=holdout[KNOWN_CARD].to_numpy(dtype=bool) if KNOWN_CARD in holdout else None,
    )


def _scored(version: ModelVersion, rows: JudgedRows, rooms: Rooms) -> ScoredSide:
    model, manifest = rooms.registry.open(version)
    (scores,) = one_by_one(rows.features, [model.score])
    if not usable(scores):
        raise DataError(
            f"v{version.version} does not tell these rows apart",
            expected="finite scores that differ",
        )
    return ScoredSide(scores, not model.is_detector, manifest.provenance.reference_scores)


def _compared(
    frozen: FrozenRows, rows: JudgedRows, a: ScoredSide, b: ScoredSide, rooms: Rooms
) -> SameRows:
    policy = rooms.spec.gate
    bad = rows.labels.astype(np.bool_)
    probabilities = (a.is_probability, b.is_probability)
    cutoff = policy.cutoff if all(probabilities) else None
    measured = paired_metrics(rows, a, b, policy, rooms.spec.headline_metric)
    at = [levels(bad, side.scores) for side in (a, b)]
    rare = policy.alerts is not None
    alerts = policy.alerts.per_day if policy.alerts is not None else None
    bins = [calibration_bins(bad, s.scores) if s.is_probability else None for s in (a, b)]
    return SameRows(
        frozen=frozen,
        rows=bad.size,
        bads=int(bad.sum()),
        probabilities=probabilities,
        metrics=measured.metrics,
        roc=(roc_curve(at[0]), roc_curve(at[1])),
        precision_recall=(precision_recall_curve(at[0]), precision_recall_curve(at[1]))
        if rare
        else None,
        calibration=(bins[0], bins[1]),
        cells=score_cells(a.scores, b.scores, same_scale=all(probabilities), cutoff=cutoff),
        differences=score_differences(bad, a.scores, b.scores) if all(probabilities) else None,
        cutoff=cutoff,
        at_cutoff=None if cutoff is None else _swapped(bad, a, b, cutoff),
        alerts_per_day=alerts,
        at_budget=None if alerts is None else _alerted(rows, bad, a, b, alerts),
        variance_by=measured.variance_by,
        replicates=REPLICATES,
    )


def _swapped(bad: Flags, a: ScoredSide, b: ScoredSide, cutoff: float) -> SwapSet:
    first, second = a.scores >= cutoff, b.scores >= cutoff
    return swap_set(a.scores, b.scores, first, second, bad.astype(np.float64))


def _alerted(rows: JudgedRows, bad: Flags, a: ScoredSide, b: ScoredSide, k: int) -> SwapSet:
    """Say whose alerts change; scores enter as places, for a detector's is no probability."""
    first, second = (alert_flags(side.scores, rows.days, k) for side in (a, b))
    return swap_set(_places(a.scores), _places(b.scores), first, second, bad.astype(np.float64))


def _places(scores: Scores) -> Scores:
    order = np.argsort(np.argsort(scores, kind="stable"), kind="stable")
    return order / max(1, scores.size - 1)
