"""What Alertmanager and Grafana post, as far as it is read: strict where it is, blind elsewhere.

Both send the body that Alertmanager calls version 4; Grafana says version 1 and adds fields of its
own. Of an alert only its status, its labels and the moment it began are read. Annotations, links
and the ``fingerprint`` are whatever somebody wrote: nothing here depends on them.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

MOST_ALERTS = 1000
LONGEST_MOMENT = 40


class BadDelivery(ValueError):
    """A body that is no delivery of alerts; the message says what is wrong, and quotes nothing."""


def _as_written(value: Any) -> Any:
    """Refuse "1700000000", which pydantic takes for seconds."""
    if not isinstance(value, str) or "T" not in value or len(value) > LONGEST_MOMENT:
        raise ValueError("no moment as RFC 3339 writes it")
    return value


# not strict: after a validator of ours, pydantic takes text for Python's and not for JSON's
Moment = Annotated[AwareDatetime, Field(strict=False), BeforeValidator(_as_written)]


class _Read(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


class Alert(_Read):
    """One alert of a delivery."""

    status: Literal["firing", "resolved"]
    labels: dict[str, str]
    began: Moment = Field(alias="startsAt")


class Delivery(_Read):
    """A group of alerts, as it is posted."""

    version: Literal["4", "1"]
    alerts: tuple[Alert, ...] = Field(max_length=MOST_ALERTS)
    org_id: Any = Field(default=None, alias="orgId")

    @property
    def source(self) -> str:
        """Who says so; only words for people depend on it."""
        return "grafana" if self.version == "1" or self.org_id is not None else "alertmanager"


def read_delivery(body: bytes) -> Delivery:
    """Read a body.

    Raises
    ------
    BadDelivery
        It is no JSON, or not what Alertmanager posts.

    Examples
    --------
    >>> read_delivery(b'{"version": "4", "alerts": []}').source
    'alertmanager'
    >>> read_delivery(b'{"version": "4", "alerts": [{"status": "firing"}]}')
    Traceback (most recent call last):
    ...
    finrisk.alerting.deliveries.BadDelivery: alerts.0.labels: missing
    """
    try:
        return Delivery.model_validate_json(body)
    except ValidationError as exc:
        raise BadDelivery(_first_fault(exc)) from None


def _first_fault(error: ValidationError) -> str:
    """Name the place and the kind; the place is ours, but for a label's name, which is left out."""
    fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(str(part) for part in fault["loc"][:3]) or "body"
    return f"{place}: {fault['type'].replace('_', ' ')}"
