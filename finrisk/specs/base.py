"""What every part of a spec has in common: closed, frozen, strict."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

NAME_PATTERN = r"^[a-z][a-z0-9_]{0,63}$"
Name = Annotated[str, Field(pattern=NAME_PATTERN)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]


class Closed(BaseModel):
    """A part of a spec: an unknown key is an error, and so is a value that would need guessing."""

    model_config = ConfigDict(extra="forbid", frozen=True)
