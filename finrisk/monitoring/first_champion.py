"""A first champion that somebody logged by hand: judged on the figures that were signed with it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from finrisk.config import Settings
from finrisk.errors import EvidenceMissing
from finrisk.evidence import Evidence, Facts
from finrisk.gate.decision import decide_first_by_hand
from finrisk.keys import code_version
from finrisk.ledger.store import Ledger
from finrisk.records import Decision, ModelVersion
from finrisk.specs.loader import load_specs
from finrisk.specs.model_spec import ModelSpec, Schedule
from finrisk.specs.policy import GatePolicy
from finrisk.tracking.manifest import Manifest
from finrisk.tracking.registry import VersionRegistry


@dataclass(frozen=True, slots=True)
class Named:
    """A documented model name, and what it stands for in the ledger and in MLflow."""

    model: str
    registered_name: str
    spec: ModelSpec | None

    @classmethod
    def of(cls, settings: Settings, model_name: str) -> Named:
        """Return what a name stands for: a spec's model by either of its names, else its own."""
        for spec in load_specs(settings.conf_locations).values():
            if model_name in (spec.name, spec.registered_name):
                return cls.of_spec(settings, spec.name, spec)
        return cls.of_spec(settings, model_name, None)

    @classmethod
    def of_spec(cls, settings: Settings, model: str, spec: ModelSpec | None) -> Named:
        """Return what a model's own name stands for; without a spec it is registered as it is."""
        registered = spec.registered_name if spec else model
        return cls(model, settings.scoped_registered_name(registered), spec)

    @property
    def policy(self) -> GatePolicy:
        """The spec's gate; without a spec, the defaults."""
        return self.spec.gate if self.spec else GatePolicy()

    def local(self, moment: datetime) -> datetime:
        """Return a moment by the clock of the spec's nights; without a spec, of UTC."""
        return (self.spec.schedule if self.spec else Schedule()).local(moment)


def judge_first(
    ledger: Ledger, registry: VersionRegistry, named: Named, version: ModelVersion, at: datetime
) -> None:
    """Let the gate judge a first champion on the figures its signed manifest carries.

    A version that a night judged has its evidence already. Nights judge what they train themselves:
    one that was logged by hand under the name of a nightly model has only force.

    Raises
    ------
    EvidenceMissing
        The floors are not reached, or only a night may judge; the evidence is stored either way.
    ArtifactRejected
        The artifact does not verify.
    """
    if ledger.passing_evidence(version, None) is not None:
        return
    manifest = registry.open(version)[1]
    if named.spec is not None or not manifest.provenance.evaluation:
        raise EvidenceMissing(
            f"{named.model} version {version.version} was judged by no night",
            expected="evidence on dated rows, as the nights of this model make it",
            remedy=_way_to_evidence(named),
        )
    facts = _facts(named, manifest, at)
    verdict = decide_first_by_hand(facts, named.policy)
    evidence = Evidence(
        facts=facts,
        verdict=verdict,
        look=None,
        challenger=version,
        budget_left=None,
        policy_sha256=hashlib.sha256(named.policy.model_dump_json().encode()).hexdigest(),
        code_version=code_version(),
    )
    ledger.save_evidence(evidence, at)
    if verdict.decision is not Decision.PROMOTE:
        raise EvidenceMissing(
            f"{named.model} version {version.version}: {'; '.join(verdict.reasons)}",
            expected="a first champion that reaches the floors on the rows it was logged with",
            remedy="log a better model, or force it with an actor and a reason",
        )


def _way_to_evidence(named: Named) -> str:
    if named.spec is None:
        return "no night judges a model without a spec: force it, or write a spec"
    return (
        f"a night judges what it trains (`finrisk retrain {named.model} --as-of DAY`), not what is "
        "logged by hand: force this one, with an actor and a reason"
    )


def _facts(named: Named, manifest: Manifest, at: datetime) -> Facts:
    return Facts(
        model=named.model,
        as_of=at.date(),
        has_champion=False,
        challenger_train_end=None,
        champion_train_end=None,
        holdout=None,
        holdout_goods=None,
        embargo_days=0,
        rows_in_both=None,
        same_rows=None,
        challenger_verified=True,
        champion_verified=None,
        scores_usable=True,
        highest_single_feature=None,
        highest_single_feature_auc=None,
        alpha=None,
        look_refused=None,
        comparison=None,
        challenger_metrics=manifest.provenance.evaluation,
    )
