"""What a look found: stored once under its sha256, and asked for by every earned promotion."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from finrisk.errors import EvidenceMissing, LedgerCorrupted, PromotionError
from finrisk.evidence import Evidence
from finrisk.faults import reach
from finrisk.gate.decision import in_the_way_of_refresh
from finrisk.ledger.rows import as_record
from finrisk.ledger.schema import EvidenceRow, LookRow
from finrisk.records import Champion, Decision, Look, ModelVersion, PromotionKind

AGAINST_A_CHAMPION = frozenset(
    {PromotionKind.SUPERIORITY, PromotionKind.APPROVED, PromotionKind.REFRESH}
)
Difference = tuple[str, object, object]  # what, expected, got
RUN_THE_NIGHT = "run the night (`finrisk retrain MODEL --as-of DAY`); only the gate makes evidence"


def save(session: Session, scope: str, evidence: Evidence, at: datetime) -> str:
    """Store the evidence and bind its look to it; return the sha256 of its canonical form.

    Raises
    ------
    PromotionError
        The look is not in the ledger as the evidence has it, or has other evidence already: a
        look is judged once.
    """
    document = evidence.canonical()
    sha256 = hashlib.sha256(document).hexdigest()
    if session.get(EvidenceRow, (scope, sha256)) is None:
        session.add(
            EvidenceRow(
                scope=scope,
                sha256=sha256,
                model=evidence.facts.model,
                night=evidence.facts.as_of,
                decision=evidence.verdict.decision,
                challenger_version=evidence.challenger and evidence.challenger.version,
                document=document.decode(),
                at=at,
            )
        )
        session.flush()  # the look refers to it
    reach("evidence:during")
    if evidence.look is not None:
        _bind_look(session, scope, evidence.look, sha256)
    return sha256


def load(session: Session, scope: str, sha256: str) -> Evidence | None:
    """Return stored evidence.

    Raises
    ------
    LedgerCorrupted
        The stored document no longer gives its sha256.
    """
    row = session.get(EvidenceRow, (scope, sha256))
    if row is None:
        return None
    found = hashlib.sha256(row.document.encode()).hexdigest()
    if found != sha256:
        raise LedgerCorrupted(
            f"the evidence of {row.model}, night {row.night}, was edited",
            expected=sha256,
            got=found,
            remedy="restore the ledger from its backup; this evidence promotes nothing",
        )
    return Evidence.from_json(json.loads(row.document))


def passing(
    session: Session, scope: str, new: ModelVersion, champion: Champion | None
) -> str | None:
    """Return the newest evidence that lets this version replace this champion, if there is any."""
    rows = session.scalars(
        select(EvidenceRow)
        .filter_by(scope=scope, model=new.model, challenger_version=new.version)
        .where(EvidenceRow.decision == Decision.PROMOTE)
        .order_by(EvidenceRow.night.desc(), EvidenceRow.at.desc())
    )
    for row in rows:
        found = load(session, scope, row.sha256)
        if found is not None and _disagreement(session, scope, found, new, champion) is None:
            return row.sha256
    return None


def refreshing(
    session: Session, scope: str, new: ModelVersion, champion: Champion
) -> tuple[str | None, tuple[str, ...]]:
    """Return the newest evidence that allows a signed refresh, or what stands in its way."""
    rows = session.scalars(
        select(EvidenceRow)
        .filter_by(scope=scope, model=new.model, challenger_version=new.version)
        .order_by(EvidenceRow.night.desc(), EvidenceRow.at.desc())
    )
    obstacles: tuple[str, ...] = ("no night compared it with the champion of now",)
    for row in rows:
        found = load(session, scope, row.sha256)
        if found is None or _disagreement(session, scope, found, new, champion, refresh=True):
            continue
        in_the_way = in_the_way_of_refresh(found.verdict)
        if not in_the_way:
            return row.sha256, ()
        obstacles = in_the_way
    return None, obstacles


def check_evidence(
    session: Session,
    scope: str,
    sha256: str | None,
    kind: PromotionKind,
    new: ModelVersion,
    champion: Champion | None,
) -> None:
    """Check that stored evidence is about exactly this challenger and this champion, and allows it.

    A refresh needs every rule but superiority; every other kind needs PROMOTE.

    Raises
    ------
    EvidenceMissing
        There is none, or it is about something else; the message says what differs.
    """
    first = champion is None
    earned = {PromotionKind.BOOTSTRAP} if first else AGAINST_A_CHAMPION
    found = None if sha256 is None else load(session, scope, sha256)
    if found is None:
        differs: Difference | None = ("the evidence", "a sha256 in this ledger", sha256)
    elif kind not in earned:
        differs = ("the kind of promotion", " or ".join(sorted(earned)), kind)
    else:
        refresh = kind is PromotionKind.REFRESH
        differs = _disagreement(session, scope, found, new, champion, refresh=refresh)
        if differs is None and refresh and (obstacles := in_the_way_of_refresh(found.verdict)):
            differs = ("the verdict", "every rule but superiority holds", "; ".join(obstacles))
    if differs is not None:
        what, expected, got = differs
        raise EvidenceMissing(
            f"{new.model} version {new.version} has no passing evidence: {what} differs",
            expected=expected,
            got=got,
            remedy=RUN_THE_NIGHT,
        )


def _disagreement(
    session: Session,
    scope: str,
    evidence: Evidence,
    new: ModelVersion,
    champion: Champion | None,
    *,
    refresh: bool = False,
) -> Difference | None:
    """Return the first thing that the evidence says otherwise."""
    look = evidence.look
    if look is None and champion is None:  # nobody to be compared with, so nothing to pay for
        return _of_a_first_champion(evidence, new)
    if look is None:
        return ("the look", "a look that was paid for", None)
    row = session.get(LookRow, (scope, new.model, look.night))
    spent = None if row is None else as_record(Look, row)
    said = evidence.verdict.decision
    pairs = (
        ("the verdict", said if refresh else Decision.PROMOTE, said),
        ("the look", spent, look),
        ("the challenger", new, evidence.challenger),
        ("the challenger's artifact", new.artifact_sha256, look.challenger_sha256),
        ("the champion", _identity(champion), _judged(look)),
    )
    return next((pair for pair in pairs if pair[1] != pair[2]), None)


def _of_a_first_champion(evidence: Evidence, new: ModelVersion) -> Difference | None:
    pairs = (
        ("the verdict", Decision.PROMOTE, evidence.verdict.decision),
        ("the champion", False, evidence.facts.has_champion),
        ("the challenger", new, evidence.challenger),
    )
    return next((pair for pair in pairs if pair[1] != pair[2]), None)


def _identity(champion: Champion | None) -> tuple[int | None, int, str | None]:
    if champion is None:
        return (None, 0, None)
    return (champion.version, champion.epoch, champion.artifact_sha256)


def _judged(look: Look) -> tuple[int | None, int, str | None]:
    return (look.champion_version, look.champion_epoch, look.champion_sha256)


def _bind_look(session: Session, scope: str, look: Look, sha256: str) -> None:
    row = session.get(LookRow, (scope, look.model, look.night))
    if row is None or as_record(Look, row) != look:
        raise PromotionError(
            f"{look.model}, night {look.night}: the evidence names a look nobody spent",
            expected="the look that spend_look returned",
            remedy=RUN_THE_NIGHT,
        )
    if row.evidence_sha256 is None:
        row.evidence_sha256 = sha256
    elif row.evidence_sha256 != sha256:
        raise PromotionError(
            f"{look.model}, night {look.night}: this look has been judged already",
            expected=f"evidence {row.evidence_sha256}",
            got=f"evidence {sha256}",
            remedy="run the night again: it returns the stored verdict",
        )
