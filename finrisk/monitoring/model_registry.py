"""The documented registry: stage words in front, the ledger behind, and no way around the gate."""

from __future__ import annotations

import logging
from collections import OrderedDict
from datetime import UTC, datetime
from operator import index

from finrisk.config import Settings
from finrisk.errors import ConfigurationError, PromotionError, UnknownModel, Unreachable
from finrisk.keys import registration_key
from finrisk.ledger.store import Ledger
from finrisk.monitoring.first_champion import Named, judge_first
from finrisk.promotion.by_hand import promote_by_hand
from finrisk.records import ModelVersion, PromotionRecord
from finrisk.setting_up import initialise
from finrisk.tracking.connection import Connection
from finrisk.tracking.names import NOT_REGISTERED, checked_name
from finrisk.tracking.registry import VersionRegistry
from finrisk.tracking.scoring_model import ScoringModel

log = logging.getLogger(__name__)

STAGES = ("Development", "Staging", "Production")
STAGING = "staging"
MOST_KEPT = 4
LARGEST_VERSION = 2**31 - 1


class FinRiskModelRegistry:
    """Registers versions, moves them between Development, Staging and Production, loads Production.

    Production is the ledger's champion. A first one must reach the policy's floors on the rows that
    it was logged with; every later one needs a night's passing evidence, or force with a name and a
    reason. Staging is an alias in MLflow, Development the absence of one.

    Parameters
    ----------
    registry_uri : str, optional
        Where versions are; else ``MLFLOW_REGISTRY_URI``, else where runs are tracked.
    settings : Settings, optional
        In place of the environment.
    """

    def __init__(
        self, registry_uri: str | None = None, *, settings: Settings | None = None
    ) -> None:
        self._connection = Connection(settings, registry_uri=registry_uri)
        self._kept: OrderedDict[str, ScoringModel] = OrderedDict()

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self._connection.settings

    @property
    def registry_uri(self) -> str:
        """Where versions are."""
        return self.settings.registry_uri

    def register_model(
        self,
        run_id: str,
        model_name: str,
        model_path: str = "model",
        description: str | None = None,
    ) -> int:
        """Make a logged model a registered version, in Development; return its number.

        The same run under the same name is the same version, however often it is registered.

        Parameters
        ----------
        run_id : str
            From ``log_credit_risk_model`` or ``log_fraud_detection_model``, or a night's candidate.
        model_name : str
            The registered model, made if it is not there; a spec's name or registered name means
            that spec's model.
        model_path : str
            Kept for the documented signature; a run holds one model.
        description : str, optional
            For people.

        Raises
        ------
        ArtifactRejected
            The run holds no model that FinRisk logged.
        ConfigurationError
            MLflow takes no such name.
        Unreachable
            MLflow or the ledger does not answer.
        """
        if not isinstance(run_id, str):
            raise ConfigurationError("no run", expected="a run's id", got=repr(run_id)[:80])
        if description is not None and not isinstance(description, str):
            raise ConfigurationError("no description", expected="text", got=repr(description)[:80])
        named, registry = self._named(model_name), self._versions()
        trained = registry.trained_of_run(run_id)
        with self._ledger() as ledger:
            key = registration_key(named.registered_name, run_id, trained.artifact_sha256)
            ledger.begin_intent(key, "register", {"run_id": run_id}, _now())
            version = registry.register(
                named.registered_name,
                trained,
                model=named.model,
                idem_key=key,
                description=description or "",
                known=ledger.versions(named.model),
            )
            ledger.finish_intent(key, version.to_json())
            ledger.remember_version(version)
        log.info("%s version %d is registered (%s)", model_name, version.version, model_path)
        return version.version

    def promote_model(
        self,
        model_name: str,
        version: int | str,
        stage: str = "Production",
        *,
        force: bool = False,
        actor: str | None = None,
        reason: str | None = None,
    ) -> None:
        """Move a version to a stage.

        Parameters
        ----------
        model_name : str
            As it was registered.
        version : int or str
            Its number.
        stage : {"Development", "Staging", "Production"}
            Production asks the ledger, and never replaces a champion without evidence.
        force : bool
            Promote to Production without evidence; needs ``actor`` and ``reason``, kept for good.
        actor, reason : str, optional
            Who decides it, and why.

        Raises
        ------
        EvidenceMissing
            No passing evidence for this version, or floors not reached; the champion stays.
        ArtifactRejected
            The artifact does not verify.
        ConfigurationError
            No such stage, or no number.
        UnknownModel
            The ledger knows no such version.
        PromotionError
            The champion cannot go back to Development: another one replaces it.
        """
        named, number, wanted = self._named(model_name), _number(version), _stage(stage)
        if wanted == "Production":
            self._to_production(named, number, force=force, actor=actor, reason=reason)
            return
        with self._ledger() as ledger:
            known = _known(ledger, named, number)
            champion = ledger.champion(named.model)
        if wanted == "Development" and champion is not None and champion.version == number:
            raise PromotionError(
                f"{model_name} version {number} serves, and stays in Production",
                expected="another champion in its place",
                remedy=f"promote another version, or `finrisk rollback {named.model}`",
            )
        registry = self._versions()
        if wanted == "Staging":
            registry.verify(named.registered_name, known)
            registry.set_alias(named.registered_name, STAGING, number)
        elif registry.alias_version(named.registered_name, STAGING) == number:
            registry.remove_alias(named.registered_name, STAGING)

    def load_production_model(self, model_name: str) -> ScoringModel:
        """Return the champion, verified: ``predict`` as it was fitted, ``score`` higher = riskier.

        Asked again, it is read from memory until another version becomes champion.

        Raises
        ------
        UnknownModel
            Nothing of this name is in Production.
        ArtifactRejected
            Its artifact is gone, or not what was signed.
        Unreachable
            MLflow or the ledger does not answer.
        """
        named = self._named(model_name)
        with self._ledger() as ledger:
            champion = ledger.champion(named.model)
            if champion is None:
                have = [v.version for v in ledger.versions(named.model)]
                raise UnknownModel(
                    f"{model_name} has no version in Production",
                    expected="a champion in the ledger",
                    got=f"versions {have}" if have else "no registered version",
                    remedy="promote_model(..., stage='Production'), or let a night decide",
                )
            version = _known(ledger, named, champion.version)
        if version.artifact_sha256 not in self._kept:
            self._kept[version.artifact_sha256] = self._versions().load(version)
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(version.artifact_sha256)
        return self._kept[version.artifact_sha256]

    def _to_production(
        self, named: Named, number: int, *, force: bool, actor: str | None, reason: str | None
    ) -> PromotionRecord:
        registry = self._versions()
        at = named.local(_now())
        with self._ledger() as ledger:
            if ledger.champion(named.model) is None and not force:
                judge_first(ledger, registry, named, _known(ledger, named, number), at)
            return promote_by_hand(
                ledger,
                registry,
                named.registered_name,
                named.model,
                number,
                force=force,
                actor=actor or ("" if force else self.settings.actor),
                reason=reason or ("" if force else "promoted to Production by hand"),
                as_of=at.date(),
                at=at,
                signs=bool(actor and reason),
                has_nights=named.spec is not None,
            )

    def _named(self, model_name: str) -> Named:
        checked_name(model_name, without=NOT_REGISTERED)
        return Named.of(self.settings, model_name)

    def _versions(self) -> VersionRegistry:
        return VersionRegistry(self.settings)

    def _ledger(self) -> Ledger:
        return open_or_make(self.settings)


def open_or_make(settings: Settings) -> Ledger:
    """Open the ledger; on a machine of one's own, where nothing was ever set up, set it up first.

    A PostgreSQL ledger is never made by the way: there ``finrisk init`` is somebody's decision.
    """
    try:
        return Ledger.open(settings)
    except Unreachable:
        url = settings.ledger_url.get_secret_value()
        if not url.startswith("sqlite"):
            raise
        initialise(settings)
        return Ledger.open(settings)


def _known(ledger: Ledger, named: Named, number: int) -> ModelVersion:
    known = ledger.version(named.model, number)
    if known is None:
        have = ", ".join(str(v.version) for v in ledger.versions(named.model)) or "none"
        raise UnknownModel(
            f"{named.model} has no version {number}",
            expected=f"one of: {have}",
            remedy="register_model(run_id, model_name) first",
        )
    return known


def _number(version: int | str) -> int:
    try:
        number = int(version) if isinstance(version, str) else index(version)
    except (TypeError, ValueError):
        number = 0
    if isinstance(version, bool) or not 0 < number <= LARGEST_VERSION:
        raise ConfigurationError(
            "no version", expected="a number, as register_model returned it", got=repr(version)[:80]
        )
    return number


def _stage(stage: str) -> str:
    for word in STAGES:
        if str(stage).lower() == word.lower():
            return word
    raise ConfigurationError("no such stage", expected=" or ".join(STAGES), got=repr(stage))


def _now() -> datetime:
    return datetime.now(UTC)
