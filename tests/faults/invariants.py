"""The invariants of docs/reliability.md that a ledger and a registry can show, from raw rows."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from finrisk.ledger.store import Ledger

EARNED = {"bootstrap", "superiority", "approved", "refresh"}
LINK = "epoch, version, previous_version, kind, idem_key, artifact_sha256, evidence_sha256"


class Violation(AssertionError):
    """An invariant does not hold."""


def demand(holds: object, invariant: str, what: str) -> None:
    if not holds:
        raise Violation(f"{invariant}: {what}")


@dataclass
class Watch:
    """Reads the ledger's tables as they are, and remembers what must never change."""

    ledger: Ledger
    model: str
    database: str
    alpha_year: float
    links: list[tuple[Any, ...]] = field(default_factory=list)
    looks: dict[str, tuple[Any, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rows = sqlite3.connect(self.database)

    def close(self) -> None:
        self.rows.close()

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        return self.rows.execute(sql).fetchall()

    def check(self, copies: set[str]) -> None:
        """Check everything that must hold at every instant."""
        links = self.ask(f"SELECT {LINK} FROM promotions ORDER BY epoch")  # noqa: S608
        champions = self.ask("SELECT version, epoch, artifact_sha256 FROM champions")
        self._one_champion(links, champions)
        self._chain(links)
        for link in links[len(self.links) :]:
            self._grounds(links, link)
        self._looks()
        if champions:
            demand(champions[0][2] in copies, "I6", "no verified copy of the champion is kept")
        self.links = links

    def _one_champion(self, links: list[tuple[Any, ...]], champions: list[tuple[Any, ...]]) -> None:
        demand(len(champions) == bool(links), "I1", f"{len(champions)} champion rows")
        if links:
            epoch, version, artifact = links[-1][0], links[-1][1], links[-1][5]
            demand(champions[0] == (version, epoch, artifact), "I1", "not the last promotion's")

    def _chain(self, links: list[tuple[Any, ...]]) -> None:
        epochs = [link[0] for link in links]
        demand(epochs == list(range(1, len(links) + 1)), "I3", f"epochs {epochs}")
        before = [None, *(link[1] for link in links)][: len(links)]
        demand([link[2] for link in links] == before, "I3", "predecessors")
        demand(links[: len(self.links)] == self.links, "I3", "an old link changed")
        demand(self.ledger.verify(self.model) == len(links), "I3", "links")
        keys = Counter(link[4] for link in links)
        demand(all(count == 1 for count in keys.values()), "I4", "a key promoted twice")

    def _grounds(self, links: list[tuple[Any, ...]], link: tuple[Any, ...]) -> None:
        epoch, version, previous, kind, _, artifact, evidence = link
        earlier = [one[5] for one in links if one[0] < epoch]
        if kind == "rollback":
            demand(artifact in earlier, "I8", "rolled back to what never was champion")
        elif kind == "restored":
            demand(earlier and earlier[-1] == artifact, "I8", "restored other bytes")
        elif kind in EARNED:
            rows = self.ask(f"SELECT document FROM evidence WHERE sha256 = '{evidence}'")  # noqa: S608
            demand(rows, "I5", f"epoch {epoch} has no evidence")
            found = json.loads(rows[0][0])
            look = found["look"]
            judged = (look["champion_version"], look["champion_epoch"], look["challenger_sha256"])
            demand(judged == (previous, epoch - 1, artifact), "I5", f"evidence about {judged}")
            demand(found["challenger"]["version"] == version, "I5", "another challenger")
            demand(found["verdict"]["decision"] == "PROMOTE", "I5", "the gate said otherwise")

    def _looks(self) -> None:
        rows = self.ask(
            "SELECT night, alpha, holdout_sha256, challenger_sha256, champion_version, year "
            "FROM looks"
        )
        looks = {row[0]: row[1:] for row in rows}
        demand(len(looks) == len(rows), "I9", "two looks in a night")
        kept = {night: looks.get(night) for night in self.looks}
        demand(kept == self.looks, "I9", "a look changed or was refunded")
        for year in {look[-1] for look in looks.values()}:
            spent = sum(look[0] for look in looks.values() if look[-1] == year)
            demand(spent <= self.alpha_year + 1e-12, "I10", f"{spent} of α spent in {year}")
        self.looks = looks
