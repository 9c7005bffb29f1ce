"""What a person does to a model by name: one way for the commands, the Dags and the dashboard.

Promote on evidence, refresh, force, roll back, sign, freeze. Where the policy names approvers, who
started the night or owns the model promotes nothing on its evidence, here as in Airflow's form.
"""

from __future__ import annotations

from datetime import date

from finrisk.errors import ConfigurationError, NotAllowed
from finrisk.keys import run_key
from finrisk.ledger.freezes import Freeze
from finrisk.ledger.signatures import Signature
from finrisk.pipelines.named_model import NamedModel
from finrisk.pipelines.person import Person
from finrisk.pipelines.promoting import reconcile_champion
from finrisk.pipelines.rooms import Rooms
from finrisk.promotion import by_hand
from finrisk.promotion.rollback import roll_back as bring_back
from finrisk.records import Champion, ModelVersion, NightDecision, PromotionRecord
from finrisk.specs.model_spec import ModelSpec
from finrisk.specs.policy import AIRFLOW


def promote(
    found: NamedModel,
    version: int,
    *,
    by: Person,
    reason: str,
    refresh: bool = False,
    force: bool = False,
    as_of: date | None = None,
) -> PromotionRecord:
    """Make a registered version champion in a person's name, and sign it.

    Parameters
    ----------
    refresh : bool
        It is not better, but needed: every rule but superiority holds.
    force : bool
        Without passing evidence; recorded as forced.
    as_of : date, optional
        The day it counts from; None is today by the clock of the model's nights.

    Raises
    ------
    NotAllowed
        The policy names approvers, and the person owns the model or started the night; by force
        they still may.
    PromotionError
        As ``promote_by_hand`` and ``refresh`` of ``finrisk.promotion.by_hand`` have it.
    """
    model = found.named.model
    behind = _night_behind(found, version, by, refresh=refresh)
    if behind is not None and not force:
        raise NotAllowed(
            f"{by.name} started the night that judged {model} version {version} or owns the "
            "model, and may not promote on it",
            expected="somebody else: gate.approvers asks for a second person",
            remedy="let another person read the evidence and promote it",
        )
    what = (found.ledger, found.registry, found.registered_name, model, version)
    day, at = found.day(as_of), found.local_now()
    if refresh:
        return by_hand.refresh(
            *what,
            most_a_year=found.named.policy.refreshes_per_year,
            actor=by.name,
            reason=reason,
            as_of=day,
            at=at,
            has_nights=found.has_nights,
        )
    return by_hand.promote_by_hand(
        *what,
        force=force,
        on_evidence=behind is None,
        actor=by.name,
        reason=reason,
        as_of=day,
        at=at,
        has_nights=found.has_nights,
    )


def roll_back(
    rooms: Rooms | NamedModel,
    model: str,
    to_version: int | None,
    *,
    actor: str,
    reason: str,
    as_of: date | None = None,
    request_id: str | None = None,
    expected_epoch: int | None = None,
) -> PromotionRecord:
    """Make an earlier champion champion again.

    Parameters
    ----------
    to_version : int or None
        None means the champion's predecessor.
    as_of : date, optional
        The day it counts from; None is today by the clock of the model's nights.
    request_id : str, optional
        Names this one request, for example a Dag run: a retry of it goes no further version back.
    expected_epoch : int, optional
        Roll back only from the champion of this epoch.

    Raises
    ------
    RollbackRefused
        The target was never champion, is champion now, or does not verify.
    StaleChallenger
        The champion is of another epoch.
    ConfigurationError
        The day has not come yet.
    """
    day = rooms.day(as_of)
    link = bring_back(
        rooms.ledger,
        rooms.registry,
        rooms.registered_name,
        model,
        to_version=to_version,
        actor=actor,
        reason=reason,
        as_of=day,
        at=rooms.local_now(),
        idem_key=request_id and run_key("rollback", rooms.settings.scope, model, request_id),
        expected_epoch=expected_epoch,
    )
    if not link.projected:  # MLflow lost the version: it is registered again, from its copy
        reconcile_champion(model, day, rooms)
    return link


def sign(found: NamedModel, version: int | None, *, by: Person, reason: str) -> Signature:
    """Vouch for a version that serves or served; None means the champion.

    Said again on the same day in the same words, it is the signature that is there.

    Raises
    ------
    PromotionError
        No champion, a version that never was one, or no name or reason.
    """
    model, at = found.named.model, found.now()
    last, champion = found.ledger.anchor(model), found.ledger.champion(model)
    number = version if version is not None else champion and champion.version
    if last is not None and last.at.date() == at.date():
        said = (last.version, last.actor, last.reason)
        if said == (number, by.name.strip(), reason.strip()):
            return last
    return by_hand.sign(found.ledger, model, version, reason=reason, actor=by.name, at=at)


def freeze(found: NamedModel, until: date | None, *, by: Person, reason: str) -> Freeze:
    """Promote nothing and spend no look until the end of a day; None lifts the freeze.

    Raises
    ------
    ConfigurationError
        The day is over, there is no freeze to lift, or no name or reason.
    """
    today = found.day()
    if until is not None and until < today:
        raise ConfigurationError(
            f"a change freeze until {until} would be over already",
            expected=f"{today} or a later day",
            remedy="correct the date; to end the freeze that holds: --lift",
        )
    model = found.named.model
    return found.ledger.freeze(model, until, reason=reason, actor=by.name, at=found.now())


def behind_the_change(
    decision: NightDecision | None, spec: ModelSpec, asked_by: str = ""
) -> frozenset[str]:
    """Return who is behind a change: they started the night or this run of it, or own the model."""
    started = "" if decision is None else decision.actor
    return frozenset({started, asked_by, spec.owner, AIRFLOW} - {""})


def _night_behind(
    found: NamedModel, version: int, by: Person, *, refresh: bool
) -> frozenset[str] | None:
    """Return who is behind the evidence that a promotion would rest on, if this person is."""
    spec = found.named.spec
    if spec is None or not spec.gate.approvers:
        return None
    ledger, model = found.ledger, found.named.model
    new, champion = ledger.version(model, version), ledger.champion(model)
    if new is None or (champion is not None and champion.version == version):
        return None
    sha256 = _evidence_for(found, new, champion, refresh=refresh)
    evidence = None if sha256 is None else ledger.evidence(sha256)
    if evidence is None:
        return None
    night = ledger.night(model, evidence.facts.as_of)
    behind = behind_the_change(None if night is None else night.decision, spec)
    return behind if by.is_one_of(behind) else None


def _evidence_for(
    found: NamedModel, new: ModelVersion, champion: Champion | None, *, refresh: bool
) -> str | None:
    if not refresh:
        return found.ledger.passing_evidence(new, champion)
    return None if champion is None else found.ledger.refresh_evidence(new, champion)[0]
