"""The hash chain: each promotion seals its own fields and the seal of the one before.

Whoever edits, drops or reorders a row breaks every later seal. Someone who may rewrite the whole
database could seal it anew; only a copy of the newest hash, kept elsewhere, shows that too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from finrisk.errors import LedgerCorrupted
from finrisk.records import Champion, PromotionRecord

GENESIS = "0" * 64


def seal(scope: str, record: PromotionRecord) -> str:
    """Return sha256 of the previous hash and this promotion's own fields as canonical JSON.

    The fields are named here one by one, so that a field added to the record later does not break
    the seals of old rows. ``projected`` is not among them: it changes once.
    """
    own = {
        "scope": scope,
        "model": record.model,
        "epoch": record.epoch,
        "version": record.version,
        "previous_version": record.previous_version,
        "kind": record.kind.value,
        "idem_key": record.idem_key,
        "artifact_sha256": record.artifact_sha256,
        "evidence_sha256": record.evidence_sha256,
        "actor": record.actor,
        "reason": record.reason,
        "as_of": None if record.as_of is None else record.as_of.isoformat(),
        "at": record.at.isoformat(),
    }
    canonical = json.dumps(own, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256((record.previous_hash + canonical).encode()).hexdigest()


def check_chain(scope: str, history: Sequence[PromotionRecord], champion: Champion | None) -> None:
    """Check that epochs, predecessors, seals and the champion fit together.

    Parameters
    ----------
    history : sequence of PromotionRecord
        One model's promotions, oldest first.
    champion : Champion or None
        The model's champion as the ledger has it now.

    Raises
    ------
    LedgerCorrupted
        Names the first epoch at fault and what does not fit.
    """
    hash_before, version_before = GENESIS, None
    for epoch, link in enumerate(history, start=1):
        _expect(link.model, epoch, "the epoch", epoch, link.epoch)
        _expect(link.model, epoch, "previous_version", version_before, link.previous_version)
        _expect(link.model, epoch, "previous_hash", hash_before, link.previous_hash)
        _expect(link.model, epoch, "hash", seal(scope, link), link.hash)
        hash_before, version_before = link.hash, link.version
    _check_champion(history, champion)


def _check_champion(history: Sequence[PromotionRecord], champion: Champion | None) -> None:
    if not history and champion is None:
        return
    model = champion.model if champion is not None else history[-1].model
    last = (
        (history[-1].epoch, history[-1].version, history[-1].artifact_sha256) if history else None
    )
    serves = champion and (champion.epoch, champion.version, champion.artifact_sha256)
    epoch = champion.epoch if champion is not None else history[-1].epoch
    _expect(model, epoch, "the champion (epoch, version, artifact)", last, serves)


def _expect(model: str, epoch: int, what: str, expected: object, got: object) -> None:
    if got != expected:
        raise LedgerCorrupted(
            f"{model}, epoch {epoch}: {what} does not fit the chain",
            expected=expected,
            got=got,
            remedy="promote nothing; compare the ledger with its backup and find who wrote to it",
        )
