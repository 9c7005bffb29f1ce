"""What the serving of a model may do beside answering by the champion."""

from __future__ import annotations

from pydantic import Field

from finrisk.specs.base import Closed


class Serving(Closed):
    """How much of the traffic a version may decide that no gate has passed."""

    most_ab_share: float = Field(
        default=0.2,
        ge=0.0,
        le=0.5,
        description="of the rows, that an A/B experiment may let a challenger decide; 0: none",
    )
