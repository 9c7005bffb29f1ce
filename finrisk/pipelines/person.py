"""Who acts by hand, by whatever name: one person is asked for twice where two are wanted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Person:
    """Who acts.

    Parameters
    ----------
    name : str
        What is recorded.
    also : frozenset of str
        What else the same person is known by: a login, an id, an address.
    """

    name: str
    also: frozenset[str] = frozenset()

    def is_one_of(self, names: Iterable[str]) -> bool:
        """Say whether one of the names may be this person's; of an address, its first part counts.

        Airflow knows ``ana`` where an identity provider knows ``ana@lender.example``. In doubt it
        is the same person: a second one promotes then.

        Examples
        --------
        >>> Person("Ana@lender.example").is_one_of(["ana", "airflow"])
        True
        >>> Person("ben", frozenset({"7f3a"})).is_one_of(["ana"])
        False
        """
        return not _spellings({self.name, *self.also}).isdisjoint(_spellings(names))


def _spellings(names: Iterable[str]) -> set[str]:
    told = {name.strip().casefold() for name in names}
    return (told | {name.partition("@")[0] for name in told}) - {""}
