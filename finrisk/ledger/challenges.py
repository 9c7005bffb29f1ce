"""Challengers beside the champion: one in the shadow, and one that decides a share of the rows.

A start and an end are two events of the ledger, never changed. An A/B experiment is fenced by the
champion's epoch: the promotion or rollback that follows ends it in its own transaction.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy.orm import Session

from finrisk.errors import ConfigurationError, PromotionFrozen
from finrisk.ledger.events import Event, EventKind, all_events, record
from finrisk.ledger.freezes import holding
from finrisk.ledger.schema import ChampionRow, utc
from finrisk.ledger.versions import lookup
from finrisk.records import JsonObject, PromotionRecord, Record

START, END = "start", "end"


class ChallengeKind(StrEnum):
    """How a challenger runs: ``SHADOW`` scores and decides nothing; ``AB`` decides a share."""

    SHADOW = "shadow"
    AB = "ab"


EVENTS = {ChallengeKind.SHADOW: EventKind.SHADOW, ChallengeKind.AB: EventKind.AB}


@dataclass(frozen=True, slots=True)
class Challenge(Record):
    """A challenger beside a champion, from its start on.

    Parameters
    ----------
    number : int
        Of the model and kind, from 1.
    champion_version, epoch : int
        Who was champion at the start.
    share : float or None
        Of the rows, that the challenger decides; None: it decides none.
    salt : str or None
        What makes this experiment's arms independent of every other's.
    ended : datetime or None
        None: it runs.
    """

    model: str
    kind: ChallengeKind
    number: int
    version: int
    artifact_sha256: str
    champion_version: int
    epoch: int
    share: float | None
    salt: str | None
    actor: str
    reason: str
    began: datetime
    ended: datetime | None = None
    ended_by: str = ""
    ended_because: str = ""

    @property
    def name(self) -> str:
        """What its rows in the decision log are marked with: ``ab-3``."""
        return f"{self.kind}-{self.number}"

    @property
    def sentence(self) -> str:
        """What to tell a person, who decided it and why.

        Examples
        --------
        >>> at = datetime.fromisoformat("2026-03-01T09:00:00+00:00")
        >>> of = Challenge("loans", ChallengeKind.AB, 1, 8, "ab" * 32, 7, 3, 0.1, "5a", "anna",
        ...                "less harm?", at)
        >>> of.sentence
        'ab-1: version 8 decides 10% beside version 7 since 2026-03-01 by anna: less harm?'
        """
        does = "scores silently"
        if self.share is not None:
            does = f"decides {100.0 * self.share:.4g}%"
        told = (
            f"{self.name}: version {self.version} {does} beside version {self.champion_version} "
            f"since {self.began:%Y-%m-%d} by {self.actor}: {self.reason}"
        )
        if self.ended is None:
            return told
        return f"{told}; ended {self.ended:%Y-%m-%d} by {self.ended_by}: {self.ended_because}"


def all_challenges(
    session: Session, scope: str, model: str, kind: ChallengeKind | None = None
) -> list[Challenge]:
    """Return a model's challenges, oldest first; of one kind, if asked for."""
    kinds = tuple(ChallengeKind) if kind is None else (kind,)
    return [
        challenge
        for one in kinds
        for challenge in _told(all_events(session, scope, model, EVENTS[one]))
    ]


def running(session: Session, scope: str, model: str, kind: ChallengeKind) -> Challenge | None:
    """Return the challenge of a kind that runs, if one does."""
    found = all_challenges(session, scope, model, kind)
    return found[-1] if found and found[-1].ended is None else None


def begin(
    session: Session,
    scope: str,
    model: str,
    kind: ChallengeKind,
    version: int,
    *,
    share: float | None,
    salt: str | None,
    actor: str,
    reason: str,
    at: datetime,
) -> Challenge:
    """Let a challenger run beside the champion; asked for again, the one that runs is returned.

    Parameters
    ----------
    at : datetime
        By the clock of the model's nights: a freeze ends with a day there.

    Raises
    ------
    ConfigurationError
        No actor or no reason; no champion, or no such version; it is the champion; or another one
        of this kind runs.
    PromotionFrozen
        A change freeze holds, and the challenger would decide.
    """
    actor, reason = actor.strip(), reason.strip()  # as kept: asked for again it is the same
    _demand_author(f"a challenger of {model} is not let run anonymously", actor, reason)
    champion = session.get(ChampionRow, (scope, model))
    if champion is None:
        raise ConfigurationError(
            f"{model} has no champion in scope {scope}",
            expected="a champion that a challenger can run beside",
            remedy="run a night, or promote a version",
        )
    known = lookup(session, scope, model, version)
    if known is None:
        raise ConfigurationError(f"the ledger knows no version {version} of {model}")
    if known.artifact_sha256 == champion.artifact_sha256:
        raise ConfigurationError(
            f"version {version} of {model} is the champion",
            expected="another version",
        )
    if (now := running(session, scope, model, kind)) is not None:
        if (now.version, now.share, now.actor, now.reason) == (version, share, actor, reason):
            return now
        raise ConfigurationError(
            f"one runs already: {now.sentence}",
            expected="one at a time of each model",
            remedy=f"finrisk {kind} stop {model}",
        )
    if kind is ChallengeKind.AB:
        _demand_no_freeze(session, scope, model, at)
    number = len(all_challenges(session, scope, model, kind)) + 1
    challenge = Challenge(
        model=model,
        kind=kind,
        number=number,
        version=version,
        artifact_sha256=known.artifact_sha256,
        champion_version=champion.version,
        epoch=champion.epoch,
        share=share,
        salt=salt,
        actor=actor,
        reason=reason,
        began=utc(at),
    )
    _record(session, scope, challenge, START, challenge.to_json(), at)
    return challenge


def end(
    session: Session,
    scope: str,
    model: str,
    kind: ChallengeKind,
    *,
    actor: str,
    reason: str,
    at: datetime,
) -> Challenge:
    """End the challenge that runs; one that a person ended already is returned.

    Raises
    ------
    ConfigurationError
        No actor or no reason; or none ever ran.
    """
    _demand_author(f"a challenger of {model} is not stopped anonymously", actor, reason)
    found = all_challenges(session, scope, model, kind)
    if not found:
        raise ConfigurationError(
            f"{model} never had a challenger of this kind", got=f"{kind}, scope {scope}"
        )
    last = found[-1]
    if last.ended is None:
        return _end(session, scope, last, actor.strip(), reason.strip(), at)
    return last


def end_at_promotion(session: Session, scope: str, link: PromotionRecord) -> None:
    """End what a promotion takes the ground from: an experiment, and the shadow of its version."""
    why = f"epoch {link.epoch}: version {link.version} became champion ({link.kind})"
    for kind in ChallengeKind:
        now = running(session, scope, link.model, kind)
        if now is None:
            continue
        if kind is ChallengeKind.AB or now.artifact_sha256 == link.artifact_sha256:
            _end(session, scope, now, link.actor, why, link.at)


def _told(events: Iterable[Event]) -> list[Challenge]:
    found: dict[int, Challenge] = {}
    for event in events:
        document = event.document
        if document["what"] == START:
            one = Challenge.from_json(document["challenge"])
            found[one.number] = one
        else:
            found[document["number"]] = found[document["number"]].replace(
                ended=event.at,
                ended_by=document["actor"],
                ended_because=document["reason"],
            )
    return [found[number] for number in sorted(found)]


def _end(
    session: Session, scope: str, challenge: Challenge, actor: str, reason: str, at: datetime
) -> Challenge:
    document = {"number": challenge.number, "actor": actor, "reason": reason}
    _record(session, scope, challenge, END, document, at)
    return challenge.replace(ended=utc(at), ended_by=actor, ended_because=reason)


def _record(
    session: Session,
    scope: str,
    challenge: Challenge,
    what: str,
    document: JsonObject,
    at: datetime,
) -> None:
    told = {"challenge": document} if what == START else document
    sentence = challenge.sentence
    if what == END:
        sentence = f"{challenge.name} ended by {document['actor']}: {document['reason']}"
    record(
        session,
        scope,
        challenge.model,
        kind=EVENTS[challenge.kind],
        key=f"{challenge.name}:{what}",
        as_of=None,
        document={"what": what, "sentence": sentence, **told},
        at=at,
    )


def _demand_author(what: str, actor: str, reason: str) -> None:
    given = {"--actor": actor, "--reason": reason}
    if missing := [name for name, text in given.items() if not text.strip()]:
        raise ConfigurationError(
            what,
            expected="an actor and a reason",
            got=f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing",
            remedy="say who decides it and why; both are kept for good",
        )


def _demand_no_freeze(session: Session, scope: str, model: str, at: datetime) -> None:
    freeze = holding(session, scope, model, at.date())
    if freeze is not None:
        raise PromotionFrozen(
            f"no challenger of {model} decides: {freeze.sentence}",
            expected=f"a day after {freeze.until}",
            remedy=f"wait, or lift the freeze: `finrisk freeze {model} --lift --reason WHY`; "
            "a shadow decides nothing and needs neither",
        )
