"""Challengers beside the champion: let one run, stop it, and read from the log what it came to.

In the shadow a version scores and nothing follows. In an A/B experiment it decides a share of the
rows, without a gate that passed it: so the share has a bound, a person's name stands in the ledger,
and the next promotion or rollback ends it. Neither makes anybody champion.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from secrets import token_hex

import numpy as np
import pandas as pd

from finrisk.data.arms import of_challenger
from finrisk.data.decision_log import DecisionLog
from finrisk.data.decision_reading import StoredPart, frame_of
from finrisk.data.decision_rows import AS_OF, CLUSTER, DECISION, SCORE, SCORED_AT
from finrisk.data.labels import LABEL
from finrisk.data.maturity import is_mature, maturity_day, vintage_of
from finrisk.data.row_hashing import ROW
from finrisk.errors import ConfigurationError
from finrisk.evaluation.arms import Arm, Balance, Difference, balance, compared
from finrisk.evaluation.judged_rows import cluster_numbers
from finrisk.evaluation.swap_set import SwapSet, swap_set
from finrisk.ledger.challenges import Challenge, ChallengeKind
from finrisk.pipelines.decided_labels import believed_labels, label_places
from finrisk.pipelines.decider import WORDS, open_decider
from finrisk.pipelines.rooms import Rooms
from finrisk.records import Record

log = logging.getLogger(__name__)

Tell = Callable[[str], None]
SALT_BYTES = 16
OF_CHAMPION, OF_CHALLENGER = "champion", "challenger"
NONE_EVER = "never ran"


@dataclass(frozen=True, slots=True)
class ShadowReport(Record):
    """A challenger's silent scores beside the champion's decisions.

    Parameters
    ----------
    scored, paired : int
        Rows that it scored, and those of them that the champion decided, too.
    swaps : SwapSet or None
        None where there is nothing to compare; ``why`` says so.
    outcomes : str
        Which outcomes are known, in words.
    """

    model: str
    scope: str
    as_of: date
    challenge: Challenge
    scored: int
    paired: int
    first_day: date | None
    last_day: date | None
    swaps: SwapSet | None
    why: str
    outcomes: str


@dataclass(frozen=True, slots=True)
class AbReport(Record):
    """Both arms of an experiment, compared as far as outcomes are known.

    Parameters
    ----------
    misplaced : int
        Rows that another arm should have decided, by the ledger's salt and share: 0.
    differences : tuple of Difference
        Unknown ones among them say why; none is to be believed where the arms are unbalanced.
    """

    model: str
    scope: str
    as_of: date
    challenge: Challenge
    first_day: date | None
    last_day: date | None
    arms: Balance
    misplaced: int
    differences: tuple[Difference, ...]
    outcomes: str


def start_shadow(rooms: Rooms, version: int, *, actor: str, reason: str) -> Challenge:
    """Let a version score every row that the champion is asked of, and decide none.

    Raises
    ------
    ConfigurationError
        No actor or reason, no champion or such version, it is the champion, or another one runs.
    ArtifactRejected, DataError
        It does not verify; or the spec's features are not those that it was fitted on.
    """
    _demand_usable(rooms, version)
    return _begun(rooms, ChallengeKind.SHADOW, version, None, actor, reason)


def start_ab(rooms: Rooms, version: int, share: float, *, actor: str, reason: str) -> Challenge:
    """Let a version decide a share of the rows: always the same rows, by their key.

    Raises
    ------
    ConfigurationError
        The share is not within the policy's bound, or one of both decides nothing; or as
        :func:`start_shadow`.
    PromotionFrozen
        A change freeze holds.
    ArtifactRejected, DataError
        As :func:`start_shadow`.
    """
    most = rooms.spec.serving.most_ab_share
    if not 0.0 < share <= most:
        raise ConfigurationError(
            f"a challenger of {rooms.spec.name} is not given that share",
            expected=f"more than 0 and at most {most:g} (serving: most_ab_share)",
            got=f"{share:g}",
            remedy="ask for less; or change the policy, where it is reviewed",
        )
    if _demand_usable(rooms, version) is None or open_decider(rooms).by.cutoff is None:
        raise ConfigurationError(
            "an anomaly detector has no cut-off, so that it decides nothing",
            expected="a champion and a challenger that decide",
            remedy="let it run in the shadow: finrisk shadow start",
        )
    return _begun(rooms, ChallengeKind.AB, version, share, actor, reason)


def stop(rooms: Rooms, kind: ChallengeKind, *, actor: str, reason: str) -> Challenge:
    """End what runs; raises ``ConfigurationError`` anonymously, or where none ever ran."""
    name = rooms.spec.name
    return rooms.ledger.end_challenge(name, kind, actor=actor, reason=reason, at=rooms.now())


def newest(rooms: Rooms, kind: ChallengeKind, number: int | None = None) -> Challenge:
    """Return a challenge: the newest, or one by its number.

    Raises
    ------
    ConfigurationError
        There is none.
    """
    found = rooms.ledger.challenges(rooms.spec.name, kind)
    chosen = [one for one in found if number in (None, one.number)]
    if not chosen:
        what = f"a challenger of {rooms.spec.name} {NONE_EVER} as {kind}"
        raise ConfigurationError(
            what if number is None else f"{rooms.spec.name} has no {kind}-{number}",
            expected=f"one of {len(found)}" if found else f"one: finrisk {kind} start",
        )
    return chosen[-1]


def shadow_report(
    rooms: Rooms, challenge: Challenge, as_of: date | None = None, tell: Tell = log.info
) -> ShadowReport:
    """Compare what a shadow scored with what the champion decided of the same rows.

    Raises
    ------
    DataError
        A file of the log cannot be read.
    """
    day, spec = rooms.day(as_of), rooms.spec
    decisions = DecisionLog.open(rooms.settings)
    own = _parts(decisions, spec.name, day, challenge.name)
    days = [part.header.as_of for part in own]
    scored = _last(frame_of(own, [ROW, SCORE, DECISION, SCORED_AT]))
    champion = pd.DataFrame()
    if days:
        within = [
            part
            for part in decisions.parts(spec.name, min(days), max(days))
            if part.header.epoch is not None
        ]
        champion = _last(frame_of(within, [ROW, SCORE, DECISION, SCORED_AT]))
    both = scored.add_suffix("_own").join(champion.add_suffix("_champion"), how="inner")
    swaps, why, told = None, "", "no rows"
    if both.empty:
        why = "no row was scored by both yet"
    elif both[[f"{DECISION}_own", f"{DECISION}_champion"]].isna().to_numpy().any():
        why = "one of both has no cut-off, so that decisions cannot be compared"
    else:
        outcomes, told = _outcomes(rooms, days, day, both.index, tell)
        word = WORDS[spec.model_type][0]
        swaps = swap_set(
            both[f"{SCORE}_champion"].to_numpy(dtype=np.float64),
            both[f"{SCORE}_own"].to_numpy(dtype=np.float64),
            (both[f"{DECISION}_champion"] == word).to_numpy(),
            (both[f"{DECISION}_own"] == word).to_numpy(),
            outcomes,
        )
    return ShadowReport(
        model=spec.name,
        scope=rooms.settings.scope,
        as_of=day,
        challenge=challenge,
        scored=len(scored),
        paired=len(both),
        first_day=min(days, default=None),
        last_day=max(days, default=None),
        swaps=swaps,
        why=why,
        outcomes=told,
    )


def ab_report(
    rooms: Rooms, challenge: Challenge, as_of: date | None = None, tell: Tell = log.info
) -> AbReport:
    """Compare both arms of an experiment; raises as :func:`shadow_report` does."""
    day, spec = rooms.day(as_of), rooms.spec
    decisions = DecisionLog.open(rooms.settings)
    clusters = [f"{CLUSTER}{column}" for column in spec.gate.clusters]
    frames, days = [], []
    for arm in (OF_CHAMPION, OF_CHALLENGER):
        parts = _parts(decisions, spec.name, day, arm_of(challenge, arm))
        frames.append(_last(frame_of(parts, [ROW, SCORE, DECISION, AS_OF, SCORED_AT, *clusters])))
        days += [part.header.as_of for part in parts]
    keys = frames[0].index.append(frames[1].index)
    outcomes, told = _outcomes(rooms, days, day, keys, tell)
    against, let_through = WORDS[spec.model_type]
    champion, challenger = (
        _arm(frame, of, against, clusters)
        for frame, of in zip(frames, np.split(outcomes, [len(frames[0])]), strict=True)
    )
    return AbReport(
        model=spec.name,
        scope=rooms.settings.scope,
        as_of=day,
        challenge=challenge,
        first_day=min(days, default=None),
        last_day=max(days, default=None),
        arms=balance(champion.rows, challenger.rows, challenge.share or 0.0),
        misplaced=_misplaced(challenge, *(frame.index for frame in frames)),
        differences=tuple(
            compared(
                champion,
                challenger,
                against=against,
                let_through=let_through,
                seed=challenge.number,
            )
        ),
        outcomes=told,
    )


def arm_of(challenge: Challenge, arm: str) -> str:
    """Return what an arm's rows are marked with in the decision log: ``ab-3:challenger``."""
    return f"{challenge.name}:{arm}"


def _demand_usable(rooms: Rooms, version: int) -> float | None:
    """Verify a version as it would be before a promotion; return its cut-off."""
    decider = open_decider(rooms, version)
    known = rooms.ledger.version(rooms.spec.name, version)
    if known is not None:  # its copy lets a server open it while MLflow is away
        rooms.registry.verify(rooms.registered_name, known)
    return decider.by.cutoff


def _begun(
    rooms: Rooms, kind: ChallengeKind, version: int, share: float | None, actor: str, reason: str
) -> Challenge:
    return rooms.ledger.begin_challenge(
        rooms.spec.name,
        kind,
        version,
        share=share,
        salt=None if share is None else token_hex(SALT_BYTES),
        actor=actor,
        reason=reason,
        at=rooms.local_now(),
    )


def _parts(decisions: DecisionLog, model: str, until: date, mark: str) -> list[StoredPart]:
    every = decisions.parts(model, date.min, until)
    return [part for part in every if part.header.arm == mark]


def _last(frame: pd.DataFrame) -> pd.DataFrame:
    """Keep a row as it was scored last, whichever version did; by its hashed key."""
    ordered = frame.sort_values(SCORED_AT, kind="stable")
    return ordered.drop_duplicates(ROW, keep="last").set_index(ROW)


def _misplaced(challenge: Challenge, champion: pd.Index, challenger: pd.Index) -> int:
    salt, share = challenge.salt or "", challenge.share or 0.0
    wrong = sum(of_challenger(champion.tolist(), salt, share))
    return wrong + len(challenger) - sum(of_challenger(challenger.tolist(), salt, share))


def _arm(frame: pd.DataFrame, outcomes: np.ndarray, against: str, clusters: Sequence[str]) -> Arm:
    return Arm(
        scores=frame[SCORE].to_numpy(dtype=np.float64),
        against=(frame[DECISION] == against).to_numpy(),
        outcomes=outcomes,
        clusters={name.removeprefix(CLUSTER): cluster_numbers(frame[name]) for name in clusters},
    )


def _outcomes(
    rooms: Rooms, days: Sequence[date], as_of: date, keys: pd.Index, tell: Tell
) -> tuple[np.ndarray, str]:
    """Return 1 bad, 0 good, NaN not known of each row, and in words what is known."""
    nothing = np.full(len(keys), np.nan)
    spec = rooms.spec
    vintages = [vintage_of(day, spec.time.vintage) for day in sorted(set(days))]
    if not vintages:
        return nothing, "no rows"
    if not any(is_mature(vintage, spec.label, as_of) for vintage in vintages):
        first = maturity_day(vintages[0], spec.label)
        return nothing, f"unknown: the first are believed on {first}"
    tell("reading labels")
    decisions = DecisionLog.open(rooms.settings)
    labelled, why = believed_labels(as_of, rooms)
    if labelled is None:
        return nothing, f"unknown: {why}"
    if labelled.problems:
        return nothing, f"unknown: labels cannot be believed: {labelled.problems[0]}"
    known = labelled.frame[labelled.frame[LABEL].notna()]
    if known.empty or decisions.hasher is None:
        return nothing, "unknown: no label is known"
    place = label_places(keys, known, decisions.hasher, spec.name)
    found = place >= 0
    nothing[found] = known[LABEL].to_numpy(dtype=np.float64)[place[found]]
    return nothing, f"of {int(found.sum())} of {len(keys)} rows"
