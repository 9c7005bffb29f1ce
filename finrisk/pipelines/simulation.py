"""Land what the simulated lender delivers, where a model's spec says it lands."""

from __future__ import annotations
