"""The facts of a comparison, in their order: before the look, the look, the scores."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from finrisk.data.known_cards import KNOWN_CARD
from finrisk.data.labels import LABEL
from finrisk.data.snapshot_rows import SnapshotRows
from finrisk.errors import ConfigurationError, Unreachable
from finrisk.evaluation.facts import (
    Contender,
    Score,
    Together,
    after_look,
    before_look,
    score_all,
)
from finrisk.evaluation.judged_rows import JudgedRows, Scores
from finrisk.evaluation.stored_rows import StoredFeatures, StoredPart, one_by_one
from finrisk.evidence import Facts, Verdict
from finrisk.faults import reach
from finrisk.gate.decision import decide, may_look
from finrisk.ledger.looks import LookGrant, LookRequest
from finrisk.metrics.columns import Columns
from finrisk.pipelines.contenders import anchor_contender, champion_contender, contender
from finrisk.pipelines.exhibits import Hearing
from finrisk.pipelines.rooms import Rooms
from finrisk.records import (
    Champion,
    Look,
    ModelVersion,
    PreparedNight,
    SnapshotRef,
    TrainedCandidate,
)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Contest:
    """Who meets whom tonight, and on which snapshot; there may be no champion yet."""

    prepared: PreparedNight
    snapshot: SnapshotRef
    chosen: TrainedCandidate
    challenger: ModelVersion
    champion: Champion | None


@dataclass(frozen=True)
class Compared:
    """What a comparison came to: without a grant it stopped before the look.

    ``hearing`` is there only where labels met scores: not where scores could not be used, and not
    where an earlier try's evidence answers after the champion has changed.
    """

    facts: Facts
    verdict: Verdict
    grant: LookGrant | None = None
    hearing: Hearing | None = None


@dataclass(frozen=True)
class _Side:
    """The snapshot's two parts, and both artifacts as far as they can be read."""

    development: StoredPart
    development_features: StoredFeatures
    holdout: StoredPart
    holdout_features: StoredFeatures
    challenger: Contender
    champion: Contender | None


def compare_contest(contest: Contest, snapshot: SnapshotRows, rooms: Rooms) -> Compared:
    """Gather the facts in their order, and let the gate decide as soon as one stops it.

    No label of the hold-out meets a score before its look is in the ledger. The rows of a hearing
    are read of the snapshot when they are asked for: it stays open as long.
    """
    spec = rooms.spec
    side = _read(contest, snapshot, rooms)
    facts = _before_look(contest, side, rooms)
    if not may_look(facts, spec.gate):
        return Compared(facts, decide(facts, spec.gate))
    grant = _paid_look(contest, rooms)
    if grant.look is None:
        facts = facts.replace(look_refused=grant.refused)
        return Compared(facts, decide(facts, spec.gate), grant)
    if grant.evidence is not None:  # a try that was stopped after it: it may have shown nothing
        same = _is_judged(contest.champion, grant.look)
        hearing = _heard(contest, side, facts, grant.look, rooms)[1] if same else None
        return Compared(grant.evidence.facts, grant.evidence.verdict, grant, hearing)
    reach("evaluate:during")  # the look is paid, and labels have not met scores
    facts, hearing = _heard(contest, side, facts, grant.look, rooms)
    return Compared(facts, decide(facts, spec.gate), grant, hearing)


def has_look(contest: Contest, rooms: Rooms) -> bool:
    """Say whether this night spent its look before, on something else."""
    as_of = contest.prepared.request.as_of
    return any(look.night == as_of for look in rooms.ledger.looks(rooms.spec.name))


def _read(contest: Contest, snapshot: SnapshotRows, rooms: Rooms) -> _Side:
    return _Side(
        development=StoredPart(snapshot, "development"),
        development_features=StoredFeatures(snapshot, "development", rooms.spec),
        holdout=StoredPart(snapshot, "holdout"),
        holdout_features=StoredFeatures(snapshot, "holdout", rooms.spec),
        challenger=contender(contest.challenger, rooms),
        champion=champion_contender(contest.champion, rooms),
    )


def _before_look(contest: Contest, side: _Side, rooms: Rooms) -> Facts:
    spec = rooms.spec
    return before_look(
        model=spec.name,
        as_of=contest.prepared.request.as_of,
        snapshot=contest.snapshot,
        holdout=side.holdout,
        development=side.development,
        development_features=side.development_features,
        numeric=_numeric(rooms),
        challenger=side.challenger,
        champion=side.champion,
        embargo_days=spec.gate.holdout.embargo_days,
        allowed_strong_features=spec.gate.allowed_strong_features,
        clusters=spec.gate.clusters,
    ).replace(frozen=_frozen(contest, rooms))


def _heard(
    contest: Contest, side: _Side, facts: Facts, look: Look, rooms: Rooms
) -> tuple[Facts, Hearing | None]:
    """Let labels meet scores, once the look is paid."""
    spec = rooms.spec
    rows = JudgedRows(
        sha256=contest.snapshot.holdout_sha256,
        labels=side.holdout[LABEL].to_numpy(dtype=np.int8),
        columns=side.holdout,
        features=side.holdout_features,
        development_features=side.development_features,
        known_cards=side.holdout[KNOWN_CARD].to_numpy(dtype=bool)
        if KNOWN_CARD in side.holdout
        else None,
    )
    anchor_version, anchor = anchor_contender(contest.champion, side.champion, rooms)
    together = _on_engine(contest, rooms)
    scored = score_all(rows.features, side.challenger, side.champion, anchor, together=together)
    facts, resampled = after_look(
        facts,
        alpha=look.alpha,
        rows=rows,
        scored=scored,
        challenger=side.challenger,
        champion=side.champion,
        anchor_version=anchor_version,
        spec=spec,
    )
    if scored is None or not facts.scores_usable:
        return facts, None
    return facts, Hearing(
        facts=facts,
        rows=rows,
        scored=scored,
        resampled=resampled,
        development_labels=side.development[LABEL].to_numpy(dtype=np.int8),
        challenger=f"v{contest.challenger.version} {contest.chosen.candidate}",
        champion=f"v{contest.champion.version}" if contest.champion else None,
        policy=spec.gate,
        probabilities=(
            side.champion is None or side.champion.gives_probability,
            side.challenger.gives_probability,
        ),
    )


def _on_engine(contest: Contest, rooms: Rooms) -> Together:
    """Return how the models score the hold-out: where the challenger was fitted."""
    spec, settings = rooms.spec, rooms.settings
    if spec.candidate(contest.chosen.candidate).engine != "dask":
        return one_by_one

    def together(features: Columns, scores: Sequence[Score]) -> list[Scores]:
        from finrisk.models.dask_rows import cluster_scores

        sha256 = contest.snapshot.sha256
        try:
            path = rooms.snapshots.path(sha256)
            return cluster_scores(path, sha256, spec, scores, settings.dask_scheduler)
        except (
            ConfigurationError,
            Unreachable,
        ) as exc:  # the look is paid; same scores
            log.warning("%s: the hold-out is scored here: %s", spec.name, exc)
            return one_by_one(features, scores)

    return together


def _frozen(contest: Contest, rooms: Rooms) -> str | None:
    """Return the change freeze that holds on this night as a sentence, if one does.

    A look that was paid for before the freeze is no matter of it: what it found may only wait.
    """
    if has_look(contest, rooms):
        return None
    freeze = rooms.ledger.frozen(rooms.spec.name, contest.prepared.request.as_of)
    return None if freeze is None else freeze.sentence


def _is_judged(champion: Champion | None, look: Look) -> bool:
    """Say whether the look was a comparison with this champion."""
    if champion is None:
        return look.champion_version is None
    judged = (look.champion_version, look.champion_epoch, look.champion_sha256)
    return (champion.version, champion.epoch, champion.artifact_sha256) == judged


def _paid_look(contest: Contest, rooms: Rooms) -> LookGrant:
    request = LookRequest(
        model=rooms.spec.name,
        night=contest.prepared.request.as_of,
        kind=contest.prepared.request.look,
        holdout_sha256=contest.snapshot.holdout_sha256,
        snapshot_sha256=contest.snapshot.sha256,
        challenger_sha256=contest.challenger.artifact_sha256,
        champion=contest.champion,
    )
    return rooms.ledger.spend_look(request, rooms.spec.gate.error_budget, rooms.now())


def _numeric(rooms: Rooms) -> tuple[str, ...]:
    columns = rooms.spec.columns
    return tuple(
        name
        for name in rooms.spec.feature_names
        if name not in columns or columns[name].type != "category"
    )
