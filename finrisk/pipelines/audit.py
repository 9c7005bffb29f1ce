"""Questions about the past, answered from the ledger alone."""

from __future__ import annotations

from datetime import date
from typing import Any

from finrisk.errors import UnknownModel
from finrisk.evidence import Evidence
from finrisk.gate.figures import label
from finrisk.ledger.store import Ledger
from finrisk.records import PromotionRecord


def history_of(ledger: Ledger, model: str, *, verify: bool) -> dict[str, Any]:
    """Return champion, promotions and nights of a model, oldest first, as JSON values.

    Raises
    ------
    LedgerCorrupted
        With ``verify``: a link of the chain of promotions does not fit its predecessor.
    """
    champion = ledger.champion(model)
    document: dict[str, Any] = {
        "model": model,
        "scope": ledger.scope,
        "champion": champion.to_json() if champion else None,
        "promotions": [link.to_json() for link in ledger.history(model)],
        "nights": [night.to_json() for night in ledger.nights(model)],
    }
    if verify:
        document["verified_links"] = ledger.verify(model)
    return document


def deciding_on(ledger: Ledger, model: str, day: date) -> dict[str, Any]:
    """Return which version decided on a day, what it was fitted on, and why it was promoted.

    Raises
    ------
    UnknownModel
        No version was champion yet on that day.
    """
    link = ledger.champion_on(model, day)
    if link is None:
        raise UnknownModel(
            f"{model} had no champion on {day} in scope {ledger.scope}",
            remedy="`finrisk history` lists its promotions",
        )
    evidence = ledger.evidence(link.evidence_sha256) if link.evidence_sha256 else None
    origin = evidence or _evidence_of_version(ledger, model, link.version)
    return {
        "model": model,
        "scope": ledger.scope,
        "day": day.isoformat(),
        "version": link.version,
        "promotion": link.to_json(),
        "evidence": evidence.to_json() if evidence else None,
        "sentences": [*_promotion_sentences(link, day), *_training_sentences(origin)],
    }


def _evidence_of_version(ledger: Ledger, model: str, version: int) -> Evidence | None:
    """Find what a version was first promoted on: a rollback link has no evidence of its own."""
    for link in ledger.history(model):
        if link.version == version and link.evidence_sha256:
            return ledger.evidence(link.evidence_sha256)
    return None


def _promotion_sentences(link: PromotionRecord, day: date) -> list[str]:
    before = f"after v{link.previous_version}" if link.previous_version else "as the first champion"
    return [
        f"On {day} {link.model} v{link.version} decided (epoch {link.epoch}).",
        f"It became champion {before} as of {link.as_of}, {link.kind}, by {link.actor}.",
        f"Reason: {link.reason or 'none given'}",
        f"Artifact sha256 {link.artifact_sha256}",
    ]


def _training_sentences(evidence: Evidence | None) -> list[str]:
    if evidence is None:
        return ["It was promoted without evidence."]
    facts, look = evidence.facts, evidence.look
    fitted_on = f"rows up to {facts.challenger_train_end}"
    if facts.challenger_train_end is None:
        fitted_on = "rows without dates, and logged by hand"
    sentences = [f"It was fitted on {fitted_on}."]
    if look is not None:
        sentences.append(f"Snapshot sha256 {look.snapshot_sha256}")
    if (window := facts.holdout) is not None:
        sentences.append(
            f"It was judged on {window.rows} rows with {window.bads} bads, "
            f"{window.first_day} to {window.last_day}."
        )
    if facts.comparison is not None:
        compared = facts.comparison
        sentences.append(
            f"{label(compared.metric)} {compared.challenger:.4f} against the champion's "
            f"{compared.champion:.4f}."
        )
    return sentences
