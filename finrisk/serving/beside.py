"""Who runs beside a model's champion: a version in the shadow, one that decides a share, or nobody.

The ledger says who. An experiment is carried out only beside the champion, epoch and spec that it
was begun with, so that a promotion ends it here with the swap itself.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from time import monotonic
from typing import Protocol

from finrisk.data.arms import of_challenger
from finrisk.data.row_hashing import RowHasher
from finrisk.errors import ConfigurationError, FinRiskError, Unreachable
from finrisk.ledger.challenges import Challenge, ChallengeKind
from finrisk.pipelines.challenging import OF_CHALLENGER, OF_CHAMPION, arm_of
from finrisk.serving.seated import Seated

log = logging.getLogger(__name__)

RETRY_SECONDS = 60.0
LAST_WORD_SECONDS = 600.0
"""So long an experiment goes on by the ledger's last word while the ledger does not answer."""


class ChallengeSource(Protocol):
    """Where a server learns of challengers, and loads them from."""

    def challenges(self, model: str) -> list[Challenge]:
        """Ask the ledger; ``Unreachable`` where it does not answer."""

    def load_challenger(self, challenge: Challenge, now: datetime) -> Seated:
        """Verify and make ready; any ``FinRiskError`` leaves the champion alone."""

    def hasher(self) -> RowHasher:
        """Return what hashes row keys; ``ConfigurationError`` where there is no key."""


@dataclass(frozen=True)
class InShadow:
    """A version that scores what the champion was asked.

    Parameters
    ----------
    seated : Seated
        Its decisions are of no epoch, and marked with the shadow's name.
    """

    challenge: Challenge
    seated: Seated

    def fits(self, champion: Seated) -> bool:
        """Say whether it takes the champion's rows as they are, and is another."""
        return (
            self.seated.spec_sha256 == champion.spec_sha256
            and self.seated.by.artifact_sha256 != champion.by.artifact_sha256
        )


@dataclass(frozen=True)
class Experiment:
    """A version that decides a share of the rows.

    Parameters
    ----------
    champion, challenger : Seated
        As they decide in the experiment: marked with its arms.
    """

    challenge: Challenge
    champion: Seated
    challenger: Seated
    hasher: RowHasher = field(repr=False)

    @classmethod
    def of(
        cls, challenge: Challenge, champion: Seated, challenger: Seated, hasher: RowHasher
    ) -> Experiment:
        """Mark both with their arms."""
        return cls(
            challenge,
            marked(champion, arm_of(challenge, OF_CHAMPION)),
            marked(challenger, arm_of(challenge, OF_CHALLENGER)),
            hasher,
        )

    def fits(self, champion: Seated) -> bool:
        """Say whether it was begun beside this champion, and takes rows as that one does."""
        return (
            self.challenge.epoch == champion.by.epoch
            and self.champion.by.artifact_sha256 == champion.by.artifact_sha256
            and self.champion.spec_sha256 == champion.spec_sha256
            and self.challenger.spec_sha256 == champion.spec_sha256
        )

    def arms(self, ids: Sequence[str | None]) -> list[bool | None]:
        """Say who decides each row: True the challenger; None: it has no key, and no arm."""
        of = self.challenge
        hashes = self.hasher.keys(of.model, [key for key in ids if key is not None])
        told = iter(of_challenger(hashes, of.salt or "", of.share or 0.0))
        return [None if key is None else next(told) for key in ids]


Running = InShadow | Experiment


@dataclass
class Beside:
    """Who runs beside one model's champion, as the ledger had it last.

    Parameters
    ----------
    now : callable
        Stamps a load.
    clock : callable
        Seconds that only rise.
    """

    model: str
    source: ChallengeSource
    now: Callable[[], datetime]
    clock: Callable[[], float] = monotonic
    shadow: InShadow | None = None
    experiment: Experiment | None = None
    troubles: dict[ChallengeKind, str] = field(default_factory=dict)
    fell_back: int = 0
    _loaded: dict[str, Seated] = field(default_factory=dict)
    _retry_at: dict[ChallengeKind, float] = field(default_factory=dict)
    _answered_at: float | None = None

    @property
    def told(self) -> dict[str, str | None]:
        """Who runs, and what is in the way of one that should."""
        shadow, experiment = self.shadow, self.experiment
        return {
            "shadow": None if shadow is None else shadow.challenge.name,
            "experiment": None if experiment is None else experiment.challenge.name,
            "detail": "; ".join(self.troubles.values()) or None,
        }

    def of(self, champion: Seated) -> tuple[InShadow | None, Experiment | None]:
        """Return who runs beside this champion now."""
        shadow, experiment = self.shadow, self.experiment
        return (
            shadow if shadow is not None and shadow.fits(champion) else None,
            experiment if experiment is not None and experiment.fits(champion) else None,
        )

    def refresh(self, champion: Seated | None, *, ledger_answers: bool = True) -> None:
        """Ask the ledger who runs, and load it; whatever fails, the champion answers on.

        Parameters
        ----------
        champion : Seated or None
            Who answers now.
        ledger_answers : bool
            False: it is not asked, since it just did not answer.
        """
        if champion is None:
            return
        try:
            if not ledger_answers:
                raise Unreachable("the ledger does not answer")
            running = [one for one in self.source.challenges(self.model) if one.ended is None]
        except FinRiskError:
            self._lost()
            return
        self._answered_at = self.clock()
        self._forget(running, champion)
        of = {one.kind: one for one in running if _concerns(one, champion)}
        shadow = self._settled(of.get(ChallengeKind.SHADOW), self.shadow, champion)
        self.shadow = shadow if isinstance(shadow, InShadow) else None
        experiment = self._settled(of.get(ChallengeKind.AB), self.experiment, champion)
        self.experiment = experiment if isinstance(experiment, Experiment) else None
        for kind in set(self.troubles) - set(of):
            del self.troubles[kind]

    def _settled(
        self, wanted: Challenge | None, now: Running | None, champion: Seated
    ) -> Running | None:
        """Return who runs from now on; None where nobody should, or it cannot be made ready."""
        if wanted is None:
            return None
        if now is not None and now.challenge == wanted and now.fits(champion):
            return now
        if self.clock() < self._retry_at.get(wanted.kind, 0.0):
            return None
        try:
            made = self._made(wanted, champion)
        except Exception as exc:  # noqa: BLE001  # a challenger never takes the champion down
            self._refuse(wanted, exc)
            return None
        self.troubles.pop(wanted.kind, None)
        log.info("%s: %s", self.model, wanted.sentence)
        return made

    def _made(self, challenge: Challenge, champion: Seated) -> Running:
        most = champion.spec.serving.most_ab_share
        if challenge.share is not None and challenge.share > most:
            raise ConfigurationError(
                f"{challenge.name} has a share of {challenge.share:g}, and the policy allows "
                f"{most:g}",
                remedy=f"finrisk ab stop {self.model}",
            )
        loaded = self._loaded.get(challenge.artifact_sha256)
        if loaded is None:
            loaded = self.source.load_challenger(challenge, self.now())
            if loaded.spec_sha256 != champion.spec_sha256:
                raise ConfigurationError(
                    f"the spec of {self.model} was changed since its champion was loaded",
                    remedy="restart the server, or put the spec back",
                )
            self._loaded[challenge.artifact_sha256] = loaded
        if challenge.kind is ChallengeKind.SHADOW:
            return InShadow(challenge, marked(loaded, challenge.name))
        return Experiment.of(challenge, champion, loaded, self.source.hasher())

    def _forget(self, running: Sequence[Challenge], champion: Seated) -> None:
        """Let go of what does not run, and of what was loaded under another spec."""
        wanted = {one.artifact_sha256 for one in running}
        self._loaded = {
            digest: seated
            for digest, seated in self._loaded.items()
            if digest in wanted and seated.spec_sha256 == champion.spec_sha256
        }

    def _lost(self) -> None:
        since = self._answered_at
        if self.experiment is None or since is None:
            return
        if self.clock() - since > LAST_WORD_SECONDS:
            log.warning("%s: the ledger is away too long for an experiment", self.model)
            self.experiment = None

    def _refuse(self, challenge: Challenge, exc: Exception) -> None:
        what = exc.what if isinstance(exc, FinRiskError) else type(exc).__name__
        told = f"{challenge.name} does not run: {what}"
        if self.troubles.get(challenge.kind) != told:
            log.error("%s: %s", self.model, told)
        self.troubles[challenge.kind] = told
        self._retry_at[challenge.kind] = self.clock() + RETRY_SECONDS


def _concerns(challenge: Challenge, champion: Seated) -> bool:
    """Whether it runs beside this champion: the ledger may be a step ahead of the seat."""
    if challenge.kind is ChallengeKind.AB:
        return challenge.epoch == champion.by.epoch
    return challenge.artifact_sha256 != champion.by.artifact_sha256


def marked(seated: Seated, arm: str) -> Seated:
    """Return a version whose rows in the decision log say in which arm, or shadow, they are."""
    return replace(seated, by=seated.by.replace(arm=arm))
