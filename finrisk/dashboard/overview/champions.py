"""The champion of now: by whose hand, and what it showed on the hold-out it was judged on."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from finrisk.evidence import Evidence
from finrisk.gate.figures import label
from finrisk.ledger.signatures import Signature
from finrisk.ledger.store import Ledger
from finrisk.records import PromotionRecord, Window
from finrisk.specs.model_spec import ModelSpec

OF_CREDIT = ("auc", "gini", "ks", "psi")
OF_FRAUD = (
    "average_precision",
    r"daily_precision_at_\d+",
    r"detection_rate_at_fpr_[\d.]+pct",
    "auc",
)


@dataclass(frozen=True, slots=True)
class ShownChampion:
    """The champion of now.

    Parameters
    ----------
    link : PromotionRecord
        The newest of the chain.
    metrics : tuple of (str, float)
        Key figures on the hold-out it was judged on, by name; empty without evidence.
    holdout : Window or None
        Those rows.
    difference : tuple of (str, float, float, float) or None
        Headline metric, and its difference to the predecessor with the interval of the test.
    signature : Signature or None
        The newest one, of whatever version.
    """

    link: PromotionRecord
    metrics: tuple[tuple[str, float], ...]
    holdout: Window | None
    difference: tuple[str, float, float, float] | None
    signature: Signature | None


def shown_champion(
    ledger: Ledger, history: Sequence[PromotionRecord], spec: ModelSpec | None
) -> ShownChampion:
    """Return the champion at the end of a history with what it was first promoted on."""
    link, fraud = history[-1], spec is not None and spec.model_type == "fraud_detection"
    first = next(
        (
            earlier
            for earlier in reversed(history)
            if earlier.artifact_sha256 == link.artifact_sha256 and earlier.evidence_sha256
        ),
        None,
    )
    found = ledger.evidence(first.evidence_sha256 or "") if first else None
    return ShownChampion(
        link=link,
        metrics=() if found is None else key_metrics(found.facts.challenger_metrics, fraud=fraud),
        holdout=None if found is None else found.facts.holdout,
        difference=None if found is None else _difference(found),
        signature=ledger.anchor(link.model),
    )


def key_metrics(
    metrics: Mapping[str, float], *, fraud: bool = False
) -> tuple[tuple[str, float], ...]:
    """Return the figures that a risk officer asks for first, by the names people use.

    Examples
    --------
    >>> key_metrics({"psi": 0.01, "auc": 0.78, "brier": 0.1})
    (('AUC', 0.78), ('PSI', 0.01))
    """
    found = []
    for pattern in OF_FRAUD if fraud else OF_CREDIT:
        name = next((name for name in sorted(metrics) if re.fullmatch(pattern, name)), None)
        if name is not None:
            found.append((label(name), metrics[name]))
    return tuple(found)


def _difference(evidence: Evidence) -> tuple[str, float, float, float] | None:
    compared, interval = evidence.facts.comparison, evidence.verdict.interval
    if compared is None or interval is None:
        return None
    return label(compared.metric), compared.difference, *interval
