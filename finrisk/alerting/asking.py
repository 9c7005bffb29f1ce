"""May this alert ask for a night? Pure: a delivery, what the specs allow and a moment in."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from finrisk.alerting.deliveries import Alert, Delivery
from finrisk.ledger.inbox import Asked, Limits
from finrisk.specs.alerts import RERUN_REASONS, AlertClass
from finrisk.specs.monitoring import Reruns

OLDEST = timedelta(hours=24)  # Alertmanager repeats a firing alert for as long as it fires
SKEW = timedelta(minutes=5)  # between two machines' clocks
APART = "\x1f"
SCOPED = ("scope", "tenant")


class Answer(StrEnum):
    """What became of an alert of a delivery; the first four are what was stored."""

    ACCEPTED = "accepted"
    REPEATED = "repeated"
    COOLING_DOWN = "cooling_down"
    CAPPED = "capped"
    RESOLVED = "resolved"
    ALIKE = "alike"
    UNKNOWN_ALERT = "unknown_alert"
    UNKNOWN_MODEL = "unknown_model"
    OTHER_SCOPE = "other_scope"
    ONLY_TELLS = "only_tells"
    TOO_OLD = "too_old"
    IN_THE_FUTURE = "in_the_future"


@dataclass(frozen=True, slots=True)
class Asking:
    """An alert that may ask, and how often its model lets alerts ask."""

    asked: Asked
    limits: Limits


def limits_of(reruns: Reruns) -> Limits:
    """Return a spec's limits as the ledger applies them."""
    return Limits(timedelta(days=reruns.cool_down_days), reruns.most_a_day)


def askings(
    delivery: Delivery, allowed: Mapping[str, Reruns], scope: str, now: datetime
) -> Iterator[Asking | Answer]:
    """Yield, for each alert, what it asks for, or why it asks for nothing.

    Parameters
    ----------
    delivery : Delivery
        As it was posted.
    allowed : Mapping of str to Reruns
        The models there are, and what each lets alerts do.
    scope : str
        Whose champions these are; an alert that names another is not ours.
    now : datetime
        With its zone.

    Notes
    -----
    Of several alerts of one model and class only the newest asks: its like would meet the
    cool-down, and a delivery of a thousand would cost a thousand transactions.
    """
    newest: dict[tuple[str, str], Asking] = {}
    for alert in delivery.alerts:
        read = _read(alert, allowed, scope, now, delivery.source)
        if isinstance(read, Answer):
            yield read
            continue
        rival = newest.get(place := (read.asked.model, read.asked.alert))
        if rival is not None:
            yield Answer.ALIKE
        if rival is None or _order(read) > _order(rival):
            newest[place] = read
    yield from newest.values()


def key_of(labels: Mapping[str, str], began: datetime) -> str:
    """Return the key of an alert and the moment it began.

    It is taken of the labels themselves. The ``fingerprint`` of a delivery is only a claim: with
    one of a known alert's another would be swallowed, with fresh ones the same would ask again.

    Examples
    --------
    >>> began = datetime(2026, 3, 1, 2, 30, tzinfo=UTC)
    >>> key_of({"b": "2", "a": "1"}, began) == key_of({"a": "1", "b": "2"}, began)
    True
    >>> key_of({"a": "1"}, began) == key_of({"a": "1"}, began + SKEW)
    False
    """
    document = json.dumps(dict(labels), sort_keys=True, separators=(",", ":"))
    fingerprint = hashlib.sha256(document.encode()).hexdigest()
    moment = began.astimezone(UTC).isoformat()
    return hashlib.sha256(f"{fingerprint}{APART}{moment}".encode()).hexdigest()


def _read(
    alert: Alert, allowed: Mapping[str, Reruns], scope: str, now: datetime, source: str
) -> Asking | Answer:
    if alert.status == "resolved":
        return Answer.RESOLVED
    refusal = _not_ours(alert.labels, allowed, scope) or _untimely(alert.began, now)
    if refusal is not None:
        return refusal
    model, alert_class = alert.labels["model"], AlertClass(alert.labels["alertname"])
    if RERUN_REASONS[alert_class] not in allowed[model].alarms:
        return Answer.ONLY_TELLS
    began = alert.began.astimezone(UTC)
    asked = Asked(
        model=model,
        key=key_of(alert.labels, began),
        alert=alert_class.value,
        source=source,
        reason=_reason(alert_class, began, source),
        began=began,
    )
    return Asking(asked, limits_of(allowed[model]))


def _not_ours(
    labels: Mapping[str, str], allowed: Mapping[str, Reruns], scope: str
) -> Answer | None:
    if labels.get("alertname") not in set(AlertClass):
        return Answer.UNKNOWN_ALERT
    if labels.get("model") not in allowed:
        return Answer.UNKNOWN_MODEL
    other = any(labels.get(label, scope) != scope for label in SCOPED)
    return Answer.OTHER_SCOPE if other else None


def _untimely(began: datetime, now: datetime) -> Answer | None:
    # compared as they are: near the ends of the calendar a change of zone would overflow
    if began > now + SKEW:
        return Answer.IN_THE_FUTURE
    return Answer.TOO_OLD if began < now - OLDEST else None


def _reason(alert: AlertClass, began: datetime, source: str) -> str:
    """Say why, in our words alone: people read it in Airflow, the ledger and the evidence."""
    return f"alert {alert.value}, firing since {began:%Y-%m-%d %H:%M} UTC ({source})"


def _order(asking: Asking) -> tuple[datetime, str]:
    """Return what the newest is the greatest of; the key, where two began together."""
    return (asking.asked.began, asking.asked.key)
