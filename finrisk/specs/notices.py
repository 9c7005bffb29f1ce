"""When people are told about a model's nights beside what is told at once."""

from __future__ import annotations

from pydantic import Field

from finrisk.specs.base import Closed


class Notices(Closed):
    """How long is too long. Where a notice goes is the installation's: ``FINRISK_NOTIFY``."""

    held_nights: int = Field(
        default=30,
        ge=1,
        le=366,
        description="judged or blocked nights in a row without a promotion; then again as many on",
    )
    late_hours: float = Field(
        default=4.0,
        gt=0.0,
        le=168.0,
        description="after its start, besides waiting for a person: a night that has not ended",
    )
