"""One lender and one world of cards for the session, as the pipelines' tests have them."""

from __future__ import annotations

from tests.pipelines.conftest import (  # noqa: F401
    cards_world,
    credit_champion,
    shared,
)
