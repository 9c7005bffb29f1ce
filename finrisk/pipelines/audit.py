"""Questions about the past, answered from the ledger alone."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from finrisk.errors import UnknownModel
from finrisk.evidence import Evidence
from finrisk.gate.figures import label
from finrisk.ledger.store import Ledger
from finrisk.pipelines.timeline import timeline_of
from finrisk.records import PromotionRecord


def history_of(ledger: Ledger, model: str, *, verify: bool) -> dict[str, Any]:
    """Return champion, promotions, events and nights of a model, oldest first, as JSON values.

    ``timeline`` tells the same, and freezes and signatures, a sentence each in the order of the
    record.

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
        "events": [event.to_json() for event in ledger.events(model)],
        "nights": [night.to_json() for night in ledger.nights(model)],
        "timeline": [entry.to_json() for entry in timeline_of(ledger, model)],
    }
    if verify:
        document["verified_links"] = ledger.verify(model)
    return document


def deciding_on(ledger: Ledger, model: str, when: date | datetime) -> dict[str, Any]:
    """Return which version decided then, what it was fitted on, and why it was promoted.

    Parameters
    ----------
    when : date or datetime
        A business day, by the day that each promotion counts from; or a moment with its zone, by
        when the ledger recorded each.

    Raises
    ------
    UnknownModel
        No version was champion yet.
    """
    told = _told(when)
    link = ledger.champion_on(model, when)
    if link is None:
        raise UnknownModel(
            f"{model} had no champion {told} in scope {ledger.scope}",
            remedy="`finrisk history` lists its promotions",
        )
    evidence = ledger.evidence(link.evidence_sha256) if link.evidence_sha256 else None
    origin = link if evidence else _first_promotion(ledger, link)
    found = evidence or (ledger.evidence(origin.evidence_sha256 or "") if origin else None)
    sentences = [*_promotion_sentences(link, told), *_training_sentences(found)]
    if found is not None and origin is not None:
        sentences.append(f"Evidence sha256 {origin.evidence_sha256}")
    return {
        "model": model,
        "scope": ledger.scope,
        "day" if type(when) is date else "moment": when.isoformat(),
        "version": link.version,
        "promotion": link.to_json(),
        "evidence": evidence.to_json() if evidence else None,
        "sentences": sentences,
    }


def _told(when: date | datetime) -> str:
    return f"at {when.isoformat()}" if isinstance(when, datetime) else f"on {when}"


def _first_promotion(ledger: Ledger, link: PromotionRecord) -> PromotionRecord | None:
    """Find what an artifact was first promoted on: who came back has no evidence of its own."""
    for earlier in ledger.history(link.model):
        if earlier.artifact_sha256 == link.artifact_sha256 and earlier.evidence_sha256:
            return earlier
    return None


def _promotion_sentences(link: PromotionRecord, told: str) -> list[str]:
    before = f"after v{link.previous_version}" if link.previous_version else "as the first champion"
    return [
        f"{told[0].upper()}{told[1:]} {link.model} v{link.version} decided (epoch {link.epoch}).",
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
