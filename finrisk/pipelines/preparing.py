"""The prepare step: read, label, validate, split, freeze. Bad data end here, with a reason."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

from finrisk.data.contracts import validate
from finrisk.data.labels import Labelled
from finrisk.data.landing import EVENT_DAY, read_landing
from finrisk.data.landing_register import read_register, with_findings, write_register
from finrisk.data.quarantine import Delivered, all_of, set_broken_aside
from finrisk.data.reports import reports_for
from finrisk.data.spec_archive import SPECS, SpecArchive
from finrisk.data.split import split_vintages
from finrisk.errors import (
    ContractBreach,
    DataError,
    LabelError,
    NotEnoughData,
)
from finrisk.faults import step
from finrisk.keys import code_version
from finrisk.ledger.nights import StoredNight
from finrisk.pipelines.baking import watch_champion
from finrisk.pipelines.data_quality import keep_quality
from finrisk.pipelines.enough import demand_trainable, with_whole_windows
from finrisk.pipelines.keys import night_key
from finrisk.pipelines.night_record import spent_a_look
from finrisk.pipelines.rooms import Rooms
from finrisk.pipelines.window_building import with_windows
from finrisk.records import DataVerdict, NightRequest, NightStatus, PreparedNight, SnapshotRef

BLOCK = "block"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Read:
    """What was read of the landing folders."""

    delivered: Delivered
    labelled: Labelled

    @property
    def problems(self) -> tuple[str, ...]:  # the label feed's among them
        return (*self.delivered.landed.problems, *self.labelled.problems)


def prepare_night(request: NightRequest, rooms: Rooms) -> PreparedNight:
    """Bring a night as far as its data allow; what stands in the way is in its reasons."""
    spec = rooms.spec
    candidates = request.candidates or tuple(c.name for c in spec.candidates)
    for name in candidates:
        spec.candidate(name)
    if not request.dry_run and (stands := _decided_before(request, rooms)) is not None:
        log.warning("%s as of %s: %s", request.model, request.as_of, stands.reasons[0])
        return stands
    blocked = PreparedNight(
        request=request,
        status=NightStatus.BLOCKED,
        reasons=(),
        data=DataVerdict(BLOCK),
        spec_sha256=spec.sha256,
    )
    delivered = labelled = None
    try:
        with step("land"):
            delivered = _landed(request, rooms)
        delivered, labelled = _labelled(delivered, request, rooms)
    except DataError as exc:
        prepared = _with_run(blocked.replace(reasons=(str(exc),)), rooms)
    else:
        prepared = _judged(_Read(delivered, labelled), blocked, candidates, rooms)
        if not request.dry_run and prepared.status is not NightStatus.BLOCKED:
            prepared = prepared.replace(notices=watch_champion(prepared, labelled, rooms))
    keep_quality(prepared, delivered, labelled, rooms)
    return prepared


def _decided_before(request: NightRequest, rooms: Rooms) -> PreparedNight | None:
    """Return a night that is on record with a spent look; None where it may still be decided.

    It is asked before anything is read: rows that changed since would leave an MLflow run, a
    version and a quality page of a night that never was. A crash between look and record left no
    record, so that night is run, and finished. One that MLflow lost is trained again, and so is one
    of another release, which may not read this champion: a person may force what comes of it.
    """
    stored = rooms.ledger.night(request.model, request.as_of)
    if stored is None or not spent_a_look(stored.decision, rooms):
        return None
    evidence = rooms.ledger.evidence(stored.decision.evidence_sha256 or "")
    if evidence is None or evidence.code_version != code_version():
        return None
    run_id = stored.decision.run_id
    if run_id is None or not rooms.tracker.has_run(run_id):
        return None
    stands = (
        f"already decided ({stored.decision.decision}, recorded {stored.at:%Y-%m-%d %H:%M} UTC): "
        "that stands, nothing is trained again"
    )
    return PreparedNight(
        request=request,
        status=NightStatus.DECIDED,
        reasons=(stands,),
        data=DataVerdict(stored.decision.data_result),
        spec_sha256=stored.spec_sha256,
        run_id=run_id,
    )


def _judged(
    read: _Read, blocked: PreparedNight, candidates: tuple[str, ...], rooms: Rooms
) -> PreparedNight:
    """Validate what was read, and freeze it if it keeps its contract."""
    request, spec, delivered = blocked.request, rooms.spec, read.delivered
    with step("validate"):
        verdict = validate(
            delivered.landing,
            read.labelled,
            spec,
            request.as_of,
            rooms.settings.store / "data_docs",
            before=delivered.aside.checks,
        )
    register = read_register(rooms.landing_register)
    landed = delivered.landed.landed
    verdict = with_findings(verdict, register.findings(landed, request.as_of, spec.time.vintage))
    if read.problems or verdict.result == BLOCK:
        reasons = read.problems or verdict.blocking
        data = verdict.replace(result=BLOCK)
        return _with_run(blocked.replace(reasons=reasons, data=data), rooms)
    if not request.dry_run:
        write_register(rooms.landing_register, register.recorded(landed, request.as_of))
    prepared = blocked.replace(data=verdict)
    try:
        snapshot = _frozen(read.labelled, request, rooms)
    except NotEnoughData as exc:
        return prepared.replace(status=NightStatus.TOO_LITTLE, reasons=(str(exc),))
    except DataError as exc:  # what no contract asks for, and no window can be made of
        return _with_run(prepared.replace(reasons=(str(exc),)), rooms)
    if (same := _same_as_last(request, snapshot, rooms)) is not None:
        return prepared.replace(status=NightStatus.NOTHING_NEW, reasons=(same,), snapshot=snapshot)
    SpecArchive(rooms.settings.store / SPECS).keep(spec)  # what `finrisk reproduce` fits from
    ready = prepared.replace(status=NightStatus.READY, snapshot=snapshot, candidates=candidates)
    return _with_run(ready, rooms)


def _landed(request: NightRequest, rooms: Rooms) -> Delivered:
    spec, as_of = rooms.spec, request.as_of
    landing = read_landing(spec, rooms.settings.home, as_of, rooms.connections)
    return all_of(landing, spec, as_of)


def _labelled(
    delivered: Delivered, request: NightRequest, rooms: Rooms
) -> tuple[Delivered, Labelled]:
    spec, as_of = rooms.spec, request.as_of
    reports = reports_for(spec, rooms.settings.home, as_of)
    try:
        return set_broken_aside(delivered, spec, as_of, reports)
    except LabelError as exc:
        breaches = delivered.landed.breaches
        if breaches:  # a cell of another type reads as missing, and so as another label
            raise ContractBreach(breaches[0].detail) from exc
        raise


def _frozen(labelled: Labelled, request: NightRequest, rooms: Rooms) -> SnapshotRef:
    spec = rooms.spec
    counts = labelled.counts
    if spec.windows:
        counts = with_whole_windows(counts, labelled.frame[EVENT_DAY].min().date(), spec)
    split = split_vintages(counts, spec.gate.holdout, spec.training)
    demand_trainable(split, spec)
    with step("features"):
        rows = with_windows(labelled, split, request, rooms)
    with step("snapshot"):
        return rooms.snapshots.freeze(replace(labelled, frame=rows), spec, split)


def _same_as_last(request: NightRequest, snapshot: SnapshotRef, rooms: Rooms) -> str | None:
    """Say that the night has nothing new: the last one froze the same rows under the same spec.

    The last one must also be settled. A night that a passing fault held, or whose rows were
    corrected after its look, has its rows judged yet.
    """
    last = _last_ready(request, rooms)
    if last is None or last.spec_sha256 != rooms.spec.sha256:
        return None
    if last.snapshot_sha256 != snapshot.sha256 or not _settled(last, request, rooms):
        return None
    return f"nothing new since {last.decision.as_of}: the same matured rows, the same spec"


def _last_ready(request: NightRequest, rooms: Rooms) -> StoredNight | None:
    """Return the last night before this one that had rows to judge."""
    last = rooms.ledger.last_night(request.model, before=request.as_of)
    while last is not None and last.decision.status is not NightStatus.READY:
        last = rooms.ledger.last_night(request.model, before=last.decision.as_of)
    return last


def _settled(last: StoredNight, request: NightRequest, rooms: Rooms) -> bool:
    """Say whether running the last night again on the same rows could change nothing."""
    sha256 = last.decision.evidence_sha256
    evidence = rooms.ledger.evidence(sha256) if sha256 else None
    if evidence is None:
        return False
    facts = evidence.facts
    if facts.frozen is not None:  # to be judged after the freeze; until then nothing is new
        return rooms.ledger.frozen(request.model, request.as_of) is not None
    if evidence.look is None and facts.look_refused is None:
        verified = facts.champion_verified if facts.has_champion else True
        return bool(facts.challenger_verified and verified) and facts.rows_in_both is not None
    looks = rooms.ledger.looks(request.model)
    if any(look.holdout_sha256 == last.holdout_sha256 for look in looks):
        return True
    budget_gone = all(look.night != last.decision.as_of for look in looks)
    return budget_gone and last.decision.as_of.year == request.as_of.year


def _with_run(prepared: PreparedNight, rooms: Rooms) -> PreparedNight:
    """Open the night's MLflow run, or find the one that an earlier try opened."""
    run_id = rooms.tracker.start_night(prepared, night_key(prepared, rooms.settings.scope))
    return prepared.replace(run_id=run_id)
