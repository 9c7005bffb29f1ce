"""The ledger as the other rooms see it: one object, one transaction a method.

What each transaction does stands in the module of its name: ``versions``, ``promotions``,
``chain``, ``freezes``, ``signatures``, ``events``, ``challenges``, ``looks``, ``judged``,
``evidence``, ``intents``, ``nights``, ``readings``, ``inbox``, ``standing``, ``recent``,
``register``, ``pulse``.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime
from types import TracebackType
from typing import Self

from sqlalchemy import select, union
from sqlalchemy.orm import Session

from finrisk.addresses import without_credentials
from finrisk.config import Settings
from finrisk.errors import PromotionError, Unreachable
from finrisk.evidence import Evidence
from finrisk.gate.budget import Spent
from finrisk.ledger import (
    challenges,
    events,
    freezes,
    inbox,
    intents,
    judged,
    looks,
    naming,
    nights,
    promotions,
    reading_history,
    register,
    signatures,
    versions,
)
from finrisk.ledger import evidence as evidence_of
from finrisk.ledger import readings as readings_of
from finrisk.ledger.chain import check_chain
from finrisk.ledger.challenges import Challenge, ChallengeKind
from finrisk.ledger.engine import file_state, open_engine, reading, schema_revision, writing
from finrisk.ledger.events import Event, EventKind
from finrisk.ledger.freezes import Freeze
from finrisk.ledger.inbox import Asked, Limits, Rerun
from finrisk.ledger.intents import Intent
from finrisk.ledger.judged import JudgedLook
from finrisk.ledger.looks import LookGrant, LookRequest
from finrisk.ledger.naming import Named
from finrisk.ledger.nights import StoredNight
from finrisk.ledger.pulse import pulse
from finrisk.ledger.reading_history import DayState, Point
from finrisk.ledger.readings import Reading
from finrisk.ledger.recent import Recent, recent
from finrisk.ledger.register import OnRegister
from finrisk.ledger.schema import HEAD, FreezeRow, LookRow, NightRow, VersionRow, remedy_of_schema
from finrisk.ledger.signatures import Signature
from finrisk.ledger.standing import Standing, standing
from finrisk.records import (
    Champion,
    JsonObject,
    Look,
    ModelVersion,
    NightDecision,
    PromotionKind,
    PromotionRecord,
)
from finrisk.specs.policy import ErrorBudget


class Ledger:
    """The truth about one scope: which version serves, since when, on what evidence.

    Every method is one transaction and may be called from several threads. Where the database
    does not answer, every method raises ``Unreachable`` within fifteen seconds and nothing is
    half-done; asked again with its key, a promotion whose answer was lost is found, not repeated.
    Open it after a fork, not before: its connections belong to one process.

    Parameters
    ----------
    url : str
        SQLAlchemy address of a migrated database.
    scope : str
        'live', or a replay's own name.

    Raises
    ------
    Unreachable
        The database does not answer, or has no current schema.
    """

    def __init__(self, url: str, scope: str) -> None:
        self.scope = scope
        self._url = url
        self._engine = open_engine(url)
        self._file = file_state(self._engine)
        self.demand_schema()

    def demand_schema(self) -> None:
        """Check that the database is there and as this release expects; a look creates nothing.

        Raises
        ------
        Unreachable
            It does not answer, or has no current schema.
        """
        revision = schema_revision(self._engine)
        if revision != HEAD:
            self._engine.dispose()
            raise Unreachable(
                f"the ledger {without_credentials(self._url)} is not set up for this release",
                expected=f"schema {HEAD}",
                got="no schema" if revision is None else f"schema {revision}",
                remedy=remedy_of_schema(revision),
            )

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """Open the ledger that the settings name."""
        return cls(settings.ledger_url.get_secret_value(), settings.scope)

    def close(self) -> None:
        """Give the connections back; the ledger may be used again afterwards."""
        self._engine.dispose()

    def close_if_changed(self) -> None:
        """Give the connections back where SQLite's file is not as it was at the last look.

        One that was restored from a backup is another file of its name. A server's connections
        stay: whoever looks at a page asks this every half minute.
        """
        now = file_state(self._engine)
        if now != self._file:
            self._file = now
            self.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def scopes(self) -> list[str]:
        """Return the scopes this database holds anything for, in alphabetical order."""
        tables = (VersionRow, NightRow, LookRow, FreezeRow)
        with self._read() as session:
            return sorted(session.scalars(union(*(select(t.scope) for t in tables))))

    def pulse(self) -> str:
        """Return a text that changes whenever anything of this scope does."""
        with self._read() as session:
            return pulse(session, self.scope)

    def models(self) -> list[str]:
        """Return the models this scope holds anything of, in alphabetical order."""
        with self._read() as session:
            return naming.models(session, self.scope)

    def named(self, model: str) -> Named:
        """Return the versions, artifacts and snapshots that the model's rows speak of."""
        with self._read() as session:
            return naming.named(session, self.scope, model)

    # who serves, and how that changed

    def champion(self, model: str) -> Champion | None:
        """Return the version that serves; ``None`` before the first promotion."""
        with self._read() as session:
            return promotions.champion(session, self.scope, model)

    def remember_version(self, version: ModelVersion) -> None:
        """Keep a registered version; other bytes under a known number are ``ArtifactRejected``."""
        with self._write(version.model) as session:
            versions.remember(session, self.scope, version)

    def version(self, model: str, number: int) -> ModelVersion | None:
        """Return a registered version, if the ledger knows it."""
        with self._read() as session:
            return versions.lookup(session, self.scope, model, number)

    def versions(self, model: str) -> list[ModelVersion]:
        """Return the registered versions, lowest number first."""
        with self._read() as session:
            return versions.all_versions(session, self.scope, model)

    def register(self, model: str, *, limit: int, offset: int = 0) -> tuple[list[OnRegister], int]:
        """Return a page of the versions with the night that judged each, and their number."""
        with self._read() as session:
            return register.page(session, self.scope, model, limit=limit, offset=offset)

    def promote(
        self,
        model: str,
        new: ModelVersion,
        expected_version: int | None,
        expected_epoch: int,
        idem_key: str,
        *,
        kind: PromotionKind,
        evidence_sha256: str | None,
        actor: str,
        reason: str,
        as_of: date | None,
        at: datetime,
        signs: bool = False,
    ) -> PromotionRecord:
        """Make ``new`` champion if the champion is still the expected one: compare and swap.

        Parameters
        ----------
        expected_version, expected_epoch : int or None, int
            The champion that ``new`` was judged against; ``None`` and 0 where there is none.
        idem_key : str
            The same key again returns the promotion it made, and does nothing.
        evidence_sha256 : str or None
            Stored evidence about exactly this challenger and this champion: that says PROMOTE, or,
            for ``refresh``, in which every rule but superiority holds. ``rollback`` and ``forced``
            need none.
        as_of : date or None
            The business day it counts from; ``None`` means the day of ``at``.
        at : datetime
            When it is done, by the clock of the model's nights: a freeze ends with a day there.
        signs : bool
            The actor vouches for ``new``, which becomes the anchor; kinds that only a person does
            (``approved``, ``refresh``, ``forced``) sign always.

        Raises
        ------
        PromotionFrozen
            A change freeze holds on that day, and the kind is neither ``rollback`` nor
            ``restored``.
        StaleChallenger
            The champion is another version, or at another epoch.
        EvidenceMissing
            No such evidence; or one that a person signs has no actor or no reason.
        PromotionError
            ``new`` is of another model, or ``idem_key`` belongs to another promotion.
        """
        if new.model != model:
            raise PromotionError("a version of another model", expected=model, got=new.model)
        order = promotions.Order(
            new=new,
            expected_version=expected_version,
            expected_epoch=expected_epoch,
            idem_key=idem_key,
            kind=kind,
            evidence_sha256=evidence_sha256,
            actor=actor,
            reason=reason,
            as_of=as_of,
            at=at,
            signs=signs,
        )
        with self._write(model) as session:
            return promotions.promote(session, self.scope, order)

    def mark_projected(self, model: str, epoch: int) -> None:
        """Record that the aliases showed this promotion."""
        with self._write(model) as session:
            promotions.mark_projected(session, self.scope, model, epoch)

    def unprojected(self, model: str) -> list[PromotionRecord]:
        """Return the promotions that no alias has shown yet, oldest first."""
        return [link for link in self.history(model) if not link.projected]

    def history(self, model: str) -> list[PromotionRecord]:
        """Return every promotion, oldest first."""
        with self._read() as session:
            return promotions.history(session, self.scope, model)

    def champion_on(self, model: str, when: date | datetime) -> PromotionRecord | None:
        """Return the promotion whose version decided then, if any did.

        Of a business day, the last one that counts from it or an earlier day; of a moment, the last
        one that was recorded by then.
        """
        until = (link for link in self.history(model) if promotions.counts(link, when))
        return max(until, key=lambda link: link.epoch, default=None)

    def verify(self, model: str) -> int:
        """Check the model's hash chain; return its number of links.

        Raises
        ------
        LedgerCorrupted
            Names the first epoch at fault.
        """
        with self._read() as session:
            history = promotions.history(session, self.scope, model)
            check_chain(self.scope, history, promotions.champion(session, self.scope, model))
        return len(history)

    # signatures

    def sign(self, version: ModelVersion, *, reason: str, actor: str, at: datetime) -> Signature:
        """Let a person vouch for a version that is or was champion: it becomes the anchor.

        Raises
        ------
        PromotionError
            No actor or no reason; or the version never was champion.
        """
        with self._write(version.model) as session:
            return signatures.sign(session, self.scope, version, reason=reason, actor=actor, at=at)

    def anchor(self, model: str) -> Signature | None:
        """Return the last signature: the version that challengers are held against as well."""
        with self._read() as session:
            return signatures.newest(session, self.scope, model)

    def signatures(self, model: str) -> list[Signature]:
        """Return every signature, oldest first."""
        with self._read() as session:
            return signatures.all_signatures(session, self.scope, model)

    # change freezes

    def freeze(
        self, model: str, until: date | None, *, reason: str, actor: str, at: datetime
    ) -> Freeze:
        """Promote nothing and spend no look until the end of a day; None lifts the freeze.

        Raises
        ------
        ConfigurationError
            No reason or no actor; or there is no freeze to lift.
        """
        with self._write(model) as session:
            return freezes.decide(
                session, self.scope, model, until, reason=reason, actor=actor, at=at
            )

    def freezes(self, model: str) -> list[Freeze]:
        """Return every decision about the model's freeze, oldest first; the last one counts."""
        with self._read() as session:
            return freezes.all_freezes(session, self.scope, model)

    def frozen(self, model: str, day: date) -> Freeze | None:
        """Return the freeze that holds on a day, if one does."""
        with self._read() as session:
            return freezes.holding(session, self.scope, model, day)

    # events

    def record_event(
        self,
        model: str,
        *,
        kind: EventKind,
        key: str,
        as_of: date | None,
        document: JsonObject,
        at: datetime,
    ) -> Event:
        """Keep an event; the same key again returns the one that is kept, as it was."""
        with self._write(model) as session:
            return events.record(
                session,
                self.scope,
                model,
                kind=kind,
                key=key,
                as_of=as_of,
                document=document,
                at=at,
            )

    def events(self, model: str, kind: EventKind | None = None) -> list[Event]:
        """Return the model's events, oldest first; of one kind, if asked for."""
        with self._read() as session:
            return events.all_events(session, self.scope, model, kind)

    # challengers beside the champion

    def begin_challenge(
        self,
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

        Raises
        ------
        ConfigurationError
            No actor or no reason; no champion, or no such version; it is the champion; or another
            one of this kind runs.
        PromotionFrozen
            A change freeze holds, and the challenger would decide.
        """
        with self._write(model) as session:
            return challenges.begin(
                session,
                self.scope,
                model,
                kind,
                version,
                share=share,
                salt=salt,
                actor=actor,
                reason=reason,
                at=at,
            )

    def end_challenge(
        self, model: str, kind: ChallengeKind, *, actor: str, reason: str, at: datetime
    ) -> Challenge:
        """End the challenge that runs; ``ConfigurationError`` anonymously, or if none ever ran."""
        with self._write(model) as session:
            return challenges.end(
                session, self.scope, model, kind, actor=actor, reason=reason, at=at
            )

    def challenges(self, model: str, kind: ChallengeKind | None = None) -> list[Challenge]:
        """Return a model's challenges, oldest first; of one kind, if asked for."""
        with self._read() as session:
            return challenges.all_challenges(session, self.scope, model, kind)

    # what monitors read, and the alerts that ask for a run

    def keep_readings(self, model: str, readings: Sequence[Reading], at: datetime) -> None:
        """Keep what was read of a day; the same day read again takes its place."""
        with self._write(model) as session:
            readings_of.keep(session, self.scope, readings, at)

    def readings(
        self, model: str, *, monitor: str | None = None, since: date | None = None
    ) -> list[Reading]:
        """Return the model's readings, by day, monitor and subject."""
        with self._read() as session:
            return readings_of.of_model(session, self.scope, model, monitor=monitor, since=since)

    def newest_readings(self, model: str) -> list[Reading]:
        """Return the readings of the newest day that has any."""
        with self._read() as session:
            return readings_of.newest(session, self.scope, model)

    def day_states(self, model: str, *, since: date | None = None) -> list[DayState]:
        """Return how many readings of each monitor were in which state, by day."""
        with self._read() as session:
            return reading_history.day_states(session, self.scope, model, since=since)

    def reading_points(
        self,
        model: str,
        monitor: str,
        *,
        since: date | None = None,
        subjects: Sequence[str] | None = None,
        told: Sequence[str] = (),
    ) -> list[Point]:
        """Return one monitor's figures by day, with the named numbers of their detail."""
        with self._read() as session:
            return reading_history.points(
                session, self.scope, model, monitor, since=since, subjects=subjects, told=told
            )

    def receive_alert(self, asked: Asked, limits: Limits, at: datetime) -> Rerun:
        """Store an alert and decide whether it may start a run; delivered again, only count it."""
        with self._write(asked.model) as session:
            return inbox.receive(session, self.scope, asked, limits, at)

    def pending_reruns(self) -> list[Rerun]:
        """Return what was accepted and has not started, of all models, the oldest first."""
        with self._read() as session:
            return inbox.pending(session, self.scope)

    def mark_started(self, rerun: Rerun, at: datetime) -> None:
        """Record that an alert's run was started; the first moment stands."""
        with self._write(rerun.model) as session:
            inbox.mark_started(session, self.scope, rerun, at)

    def reruns(self, model: str) -> list[Rerun]:
        """Return every alert that asked for a run of the model, the oldest first."""
        with self._read() as session:
            return inbox.all_reruns(session, self.scope, model)

    def alerts(self, model: str, *, limit: int, offset: int = 0) -> tuple[list[Rerun], int]:
        """Return a page of the alerts that asked for a run, the newest first, and their number."""
        with self._read() as session:
            return inbox.page(session, self.scope, model, limit=limit, offset=offset)

    def accepted_alerts(self, model: str, since: datetime) -> list[Rerun]:
        """Return the alerts accepted after a moment, the newest first."""
        with self._read() as session:
            return inbox.accepted_since(session, self.scope, model, since)

    def alerts_of(self, model: str, keys: Sequence[str]) -> list[Rerun]:
        """Return the alerts of these keys, of those that were ever delivered."""
        with self._read() as session:
            return inbox.of_keys(session, self.scope, model, keys)

    def standing(self, model: str, day: date) -> Standing:
        """Return where a model stands on a day, in counts and newest rows, however old it is."""
        with self._read() as session:
            return standing(session, self.scope, model, day)

    def recent(self, model: str, count: int) -> Recent:
        """Return the newest nights, events and alerts of a model, so many of each."""
        with self._read() as session:
            return recent(session, self.scope, model, count)

    # looks and evidence

    def spend_look(self, request: LookRequest, budget: ErrorBudget, at: datetime) -> LookGrant:
        """Pay for one comparison before labels meet scores; the rules are in ``looks``.

        Raises
        ------
        StaleChallenger
            The champion is not the requested one any more; nothing is spent.
        """
        with self._write(request.model) as session:
            return looks.spend(session, self.scope, request, budget, at)

    def looks(self, model: str) -> list[Look]:
        """Return the looks that were spent, by night."""
        with self._read() as session:
            return looks.all_looks(session, self.scope, model)

    def spent(self, model: str, year: int) -> Spent:
        """Return what the looks of a calendar year have cost so far."""
        with self._read() as session:
            return looks.spent_in(session, self.scope, model, year)

    def judged_looks(self, model: str, most: int) -> list[JudgedLook]:
        """Return the newest looks that have evidence, the newest first."""
        with self._read() as session:
            return judged.newest(session, self.scope, model, most)

    def judged_as_challenger(self, version: ModelVersion) -> JudgedLook | None:
        """Return the newest look that judged a version's bytes as the challenger, if any did."""
        with self._read() as session:
            return judged.of_challenger(session, self.scope, version.model, version.artifact_sha256)

    def judged_between(self, one: ModelVersion, other: ModelVersion) -> JudgedLook | None:
        """Return the newest look that compared these two versions' bytes, if any did."""
        shas = (one.artifact_sha256, other.artifact_sha256)
        with self._read() as session:
            return judged.between(session, self.scope, one.model, *shas)

    def save_evidence(self, evidence: Evidence, at: datetime) -> str:
        """Store evidence under the sha256 of its canonical form, and return that.

        Raises
        ------
        PromotionError
            Its look was not spent so, or has other evidence already.
        """
        with self._write(evidence.facts.model) as session:
            return evidence_of.save(session, self.scope, evidence, at)

    def evidence(self, sha256: str) -> Evidence | None:
        """Return stored evidence; ``LedgerCorrupted`` if it was edited."""
        with self._read() as session:
            return evidence_of.load(session, self.scope, sha256)

    def passing_evidence(self, new: ModelVersion, champion: Champion | None) -> str | None:
        """Return the sha256 of evidence that lets this version replace this champion, if any."""
        with self._read() as session:
            return evidence_of.passing(session, self.scope, new, champion)

    def refresh_evidence(
        self, new: ModelVersion, champion: Champion
    ) -> tuple[str | None, tuple[str, ...]]:
        """Return the sha256 of evidence that allows a signed refresh, or what is in its way."""
        with self._read() as session:
            return evidence_of.refreshing(session, self.scope, new, champion)

    # what was begun, and what the nights decided

    def begin_intent(self, idem_key: str, kind: str, payload: JsonObject, at: datetime) -> Intent:
        """Write an intent before acting; a known key returns the intent with its result."""
        with self._write(idem_key) as session:
            return intents.begin(session, self.scope, idem_key, kind, payload, at)

    def finish_intent(self, idem_key: str, result: JsonObject) -> Intent:
        """Keep what came of an intent; the first result stands and is returned."""
        with self._write(idem_key) as session:
            return intents.finish(session, self.scope, idem_key, result)

    def record_night(
        self,
        decision: NightDecision,
        *,
        snapshot_sha256: str | None,
        spec_sha256: str,
        holdout_sha256: str | None,
        at: datetime,
        seconds: float | None = None,
    ) -> None:
        """Keep what a night decided; a rerun takes the place of the earlier record."""
        night = StoredNight(decision, snapshot_sha256, spec_sha256, holdout_sha256, at, seconds)
        with self._write(decision.model) as session:
            nights.record(session, self.scope, night)

    def night(self, model: str, as_of: date) -> StoredNight | None:
        """Return a decided night."""
        with self._read() as session:
            return nights.lookup(session, self.scope, model, as_of)

    def last_night(self, model: str, before: date | None = None) -> StoredNight | None:
        """Return the newest decided night, or the newest one before a day."""
        with self._read() as session:
            return nights.last(session, self.scope, model, before)

    def nights(self, model: str) -> list[NightDecision]:
        """Return what every night decided, by night."""
        return [night.decision for night in self.stored_nights(model)]

    def stored_nights(self, model: str) -> list[StoredNight]:
        """Return every decided night with its digests, and when it was recorded, by night."""
        with self._read() as session:
            return nights.all_nights(session, self.scope, model)

    def _read(self) -> AbstractContextManager[Session]:
        return reading(self._engine)

    def _write(self, subject: str) -> AbstractContextManager[Session]:
        return writing(self._engine, self.scope, subject)
