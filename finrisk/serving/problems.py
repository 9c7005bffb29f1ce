"""What a caller is told when there is no answer: a problem document (RFC 9457), and no value."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pydantic_core import to_json

MEDIA_TYPE = "application/problem+json"
KINDS = "urn:finrisk:problem:"


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a request something is wrong, and what was expected there.

    Parameters
    ----------
    where : str
        The steps to it, with ``/`` between: ``rows/0/features/income``; empty: all of it.
    """

    where: str
    what: str


@dataclass(eq=False)
class Refused(Exception):
    """A request that is not answered.

    Parameters
    ----------
    status : int
        Of HTTP.
    kind : str
        The last part of the problem's type: what a program may branch on.
    what, remedy : str
        For a person.
    places : tuple of Place
        Where it is wrong.
    headers : dict of str to str
        To send along.
    """

    status: int
    kind: str
    what: str
    remedy: str | None = None
    places: tuple[Place, ...] = ()
    headers: dict[str, str] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """Return the problem document."""
        made: dict[str, Any] = {
            "type": f"{KINDS}{self.kind}",
            "title": self.what,
            "status": self.status,
        }
        if self.remedy is not None:
            made["detail"] = self.remedy
        if self.places:
            made["errors"] = [{"where": p.where, "what": p.what} for p in self.places]
        return made

    def body(self) -> bytes:
        """Return the document as it is sent."""
        return to_json(self.document())


def malformed(what: str, places: tuple[Place, ...]) -> Refused:
    """Return the refusal of a request that is not as its schema says."""
    return Refused(
        422,
        "invalid-request",
        what,
        remedy="correct the named places; /openapi.json has the schema",
        places=places,
    )
