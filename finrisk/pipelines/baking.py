"""Watch a fresh champion: read it each night, go back where readings agree, later tell how it did.

Before tonight's challenger is judged, so that it meets whoever is champion then. Each reading is an
event of the ledger, told once; a night that is run again finds it, and acts on it as it was.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import pandas as pd

from finrisk.data.labels import Labelled
from finrisk.data.landing import EVENT_DAY
from finrisk.errors import FinRiskError, RollbackRefused
from finrisk.evaluation.comparison import compare, usable
from finrisk.evaluation.early_signals import Scoring, early_signals
from finrisk.evidence import Outcome
from finrisk.gate.bake import Baked, BakeVerdict, Reading, bake_verdict
from finrisk.gate.realised import Finding, Realised, realised
from finrisk.keys import run_key
from finrisk.ledger.events import Event, EventKind
from finrisk.pipelines.rooms import Rooms
from finrisk.pipelines.trial import BAKER, Trial, as_baked, realised_key, trial_of
from finrisk.pipelines.trial_rows import TrialRows, open_both, rows_of, score_both, what_is_due
from finrisk.promotion.rollback import roll_back
from finrisk.records import NightRequest, PreparedNight, PromotionRecord, Window

Both = tuple[Scoring | None, Scoring | None]
"""The champion's and the predecessor's scores; None where the artifact could not be read."""

log = logging.getLogger(__name__)


def watch_champion(prepared: PreparedNight, labelled: Labelled, rooms: Rooms) -> tuple[str, ...]:
    """Take tonight's reading of a fresh champion, act on it, and tell its realised performance.

    Nothing that goes wrong here costs the night: it is logged, and the champion stays.

    Parameters
    ----------
    prepared : PreparedNight
        A night whose data were not blocked; its MLflow run, if it has one, shows the reading.
    labelled : Labelled
        What landed by tonight and keeps its contract, with the labels that have matured.

    Returns
    -------
    tuple of str
        What the night's reasons should say: a rollback, one that was refused or must wait, and a
        promotion that turned out worse.
    """
    request = prepared.request
    try:
        trial = trial_of(request, rooms)
        baked = None if trial is None else _watch(trial, labelled, request, rooms)
        if baked is not None and prepared.run_id is not None:
            rooms.tracker.log_bake(prepared.run_id, baked)
    except (FinRiskError, OSError) as exc:
        log.warning("%s as of %s: champion not watched: %s", request.model, request.as_of, exc)
    return _notices(request, rooms)


def _watch(trial: Trial, labelled: Labelled, request: NightRequest, rooms: Rooms) -> Baked | None:
    """Return tonight's reading, taken now or by an earlier try, once it was acted on."""
    baked = trial.of_night(request.as_of)
    due = what_is_due(trial, labelled, request, rooms)
    if due is not None:
        artifacts = open_both(trial, rooms)
        rows = rows_of(trial, due, artifacts, labelled, rooms)
        both = score_both(artifacts, rows, rooms)
        if due.fresh.any():
            reading = reading_of(trial, rows, both, request, rooms)
            reasons = (*reading.unknown, *artifacts.reasons)
            baked = _record(trial, reading.replace(unknown=reasons), rooms)
        _tell_realised(trial, rows, both, request, rooms)
    if baked is not None:
        _act(trial, baked, request, rooms)
    return baked


def reading_of(
    trial: Trial, rows: TrialRows, both: Both, request: NightRequest, rooms: Rooms
) -> Reading:
    """Return what the fresh rows say of both models."""
    policy = rooms.spec.gate.bake
    days, fresh = rows.frame.loc[rows.fresh, EVENT_DAY], int(rows.fresh.sum())
    few = [f"{fresh} of {policy.min_rows} rows"] if fresh < policy.min_rows else []
    return Reading(
        epoch=trial.epoch,
        as_of=request.as_of,
        champion=trial.champion,
        predecessor=trial.predecessor,
        first_day=days.min().date(),
        last_day=days.max().date(),
        rows=fresh,
        matured=len(rows.labels),
        bads=int(rows.labels.sum()),
        signals=early_signals(*both, rows.labels, policy, rooms.spec.gate.cutoff),
        unknown=tuple(few),
    )


def _record(trial: Trial, reading: Reading, rooms: Rooms) -> Baked:
    """Judge the reading, and keep it with its verdict; told before, it stays as it was told."""
    so_far = [baked.reading for baked in trial.baked]
    baked = bake_verdict([*so_far, reading], rooms.spec.gate.bake, trial.last_rollback)
    event = rooms.ledger.record_event(
        rooms.spec.name,
        kind=EventKind.BAKE,
        key=f"bake of epoch {trial.epoch} as of {reading.as_of}",
        as_of=reading.as_of,
        document=baked.to_json(),
        at=rooms.now(),
    )
    return Baked.from_json(event.document)


def _act(trial: Trial, baked: Baked, request: NightRequest, rooms: Rooms) -> None:
    level = logging.INFO if baked.outcome is Outcome.PASS else logging.WARNING
    log.log(level, "%s: bake of %s", request.model, baked.sentence)
    if baked.verdict is not BakeVerdict.ROLL_BACK:
        return
    try:
        roll_back(
            rooms.ledger,
            rooms.registry,
            rooms.registered_name,
            request.model,
            to_version=trial.predecessor,
            actor=BAKER,
            reason=baked.sentence,
            as_of=request.as_of,
            at=rooms.local_now(),
            idem_key=_rollback_key(request.model, trial.epoch, rooms),
            expected_epoch=trial.epoch,
        )
    except RollbackRefused as exc:
        _refused(trial, str(exc), request, rooms)


def _refused(trial: Trial, why: str, request: NightRequest, rooms: Rooms) -> None:
    sentence = f"v{trial.champion} stays champion though its bake says otherwise: {why}"
    log.error("%s: %s", request.model, sentence)
    rooms.ledger.record_event(
        request.model,
        kind=EventKind.BAKE,
        key=f"bake of epoch {trial.epoch} refused as of {request.as_of}",
        as_of=request.as_of,
        document={"epoch": trial.epoch, "refused": why, "sentence": sentence},
        at=rooms.now(),
    )


def _rollback_key(model: str, epoch: int, rooms: Rooms) -> str:
    return run_key("bake", rooms.settings.scope, model, str(epoch))


def _tell_realised(
    trial: Trial, rows: TrialRows, both: Both, request: NightRequest, rooms: Rooms
) -> None:
    """Tell once what the promotion came to, as soon as enough bads have matured since."""
    champion, predecessor = both
    bads = int(rows.labels.sum())
    if trial.realised or bads < rooms.spec.gate.bake.realised_bads:
        return
    if champion is None or predecessor is None:
        return
    if not usable(champion.matured, predecessor.matured):
        return
    found = _compared(trial, rows, (champion, predecessor), request, rooms)
    level = logging.ERROR if found.finding is Finding.WORSE else logging.INFO
    log.log(level, "%s: realised: %s", request.model, found.sentence)
    rooms.ledger.record_event(
        request.model,
        kind=EventKind.REALISED,
        key=realised_key(trial.epoch),
        as_of=request.as_of,
        document=found.to_json(),
        at=rooms.now(),
    )


def _compared(
    trial: Trial,
    rows: TrialRows,
    both: tuple[Scoring, Scoring],
    request: NightRequest,
    rooms: Rooms,
) -> Realised:
    spec, labels, matured = rooms.spec, rows.labels, rows.frame[rows.matured]
    clusters = {
        column: pd.factorize(matured[column], use_na_sentinel=False)[0].astype(np.int64)
        for column in spec.gate.clusters
    }
    compared = compare(
        labels,
        champion=both[1].matured,
        challenger=both[0].matured,
        metric=spec.headline_metric,
        clusters=clusters,
        replicates=spec.gate.guards.replicates,
        seed=trial.epoch,
    )
    return realised(
        compared,
        {name: len(np.unique(codes[labels == 1])) for name, codes in clusters.items()},
        epoch=trial.epoch,
        as_of=request.as_of,
        versions=(trial.champion, trial.predecessor),
        window=Window(
            first_day=matured[EVENT_DAY].min().date(),
            last_day=matured[EVENT_DAY].max().date(),
            rows=len(labels),
            bads=int(labels.sum()),
        ),
    )


def _notices(request: NightRequest, rooms: Rooms) -> tuple[str, ...]:
    """Return what tonight's events ask a person to know; from the ledger, so the same each time."""
    tonight = [e for e in rooms.ledger.events(request.model) if e.as_of == request.as_of]
    if not tonight:
        return ()
    history = rooms.ledger.history(request.model)
    told = (_notice(event, history, rooms) for event in tonight)
    return tuple(notice for notice in told if notice is not None)


def _notice(event: Event, history: Sequence[PromotionRecord], rooms: Rooms) -> str | None:
    document, sentence = event.document, str(event.document.get("sentence"))
    baked = as_baked(event)
    if baked is None:
        of_interest = "refused" in document or document.get("finding") == Finding.WORSE
        return sentence if of_interest else None
    if baked.verdict is BakeVerdict.COOLING_DOWN:
        return sentence
    if baked.verdict is not BakeVerdict.ROLL_BACK:
        return None
    epoch = baked.reading.epoch
    if any(link.idem_key == _rollback_key(event.model, epoch, rooms) for link in history):
        return f"automatic rollback: {sentence}"
    return f"not carried out: {sentence}" if history[-1].epoch == epoch else None
