"""How often the bake would take back a champion that is no worse: shipped models, simulated worlds.

    python benchmarks/bake.py fraud        # a quarter of an hour of processor time
    python benchmarks/bake.py credit_risk  # five minutes

Every candidate of the shipped spec is fitted on a few nights of the simulated world, and pairs of
them are watched as if the one had replaced the other that night, whatever the gate would have said.
A line a pair: readings until the bake ends, breaches among them, the figure of each signal
that is furthest off over all nights (champion's, predecessor's), how it ended, and the seconds of
processor time that a reading takes, both artifacts opened.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

from finrisk.config import Settings
from finrisk.data.labels import Labelled
from finrisk.data.landing import read_landing
from finrisk.data.quarantine import all_of, set_broken_aside
from finrisk.data.reports import reports_for
from finrisk.gate.bake import Baked, BakeVerdict, Signal, bake_verdict
from finrisk.pipelines import steps
from finrisk.pipelines.baking import reading_of
from finrisk.pipelines.retrain import nights_between
from finrisk.pipelines.rooms import Rooms
from finrisk.pipelines.simulation import land_simulated
from finrisk.pipelines.trial import Trial
from finrisk.pipelines.trial_rows import open_both, rows_of, score_both, what_is_due
from finrisk.records import NightRequest
from finrisk.setting_up import initialise

FITTED = {
    "fraud": (date(2024, 4, 15), date(2024, 4, 29), date(2024, 5, 13), date(2024, 5, 27)),
    "credit_risk": (date(2024, 8, 5), date(2024, 12, 5), date(2025, 2, 5)),
}
NIGHTS = {"fraud": ("day", 14), "credit_risk": ("month", 9)}
SHOWN = ("score_psi", "alert_volume", "calibration")


@dataclass(frozen=True)
class Version:
    """A candidate as it was fitted on one night, and its number."""

    fitted: date
    candidate: str
    number: int

    def __str__(self) -> str:
        return f"{self.candidate} {self.fitted}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", choices=sorted(FITTED))
    model = parser.parse_args().model
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(home=Path(home), threads=1, pictures=False)
        initialise(settings)
        every, count = NIGHTS[model]
        last = FITTED[model][-1] + timedelta(days=count * (31 if every == "month" else 1))
        land_simulated(settings, last, models=(model,))
        rooms = Rooms.open(model, settings)
        versions = fitted(rooms, FITTED[model])
        landed: dict[date, Labelled] = {}
        print("| champion | predecessor | readings | breaches | " + " | ".join(SHOWN), end=" | ")
        print("ends | seconds |\n|" + " --- |" * (6 + len(SHOWN)))
        for champion, predecessor in pairs(versions):
            if champion.fitted not in landed:  # nights of another promotion are not needed again
                landed = {champion.fitted: labelled(champion.fitted, rooms)}
            print(line(champion, predecessor, rooms, landed, every, count), flush=True)


def fitted(rooms: Rooms, nights: tuple[date, ...]) -> list[Version]:
    """Fit and register every candidate of the spec on every night."""
    model, found = rooms.spec.name, []
    for as_of in nights:
        prepared = steps.prepare(NightRequest(model, as_of, actor="benchmark"), rooms)
        for candidate in prepared.candidates:
            trained = steps.train(prepared, candidate, rooms)
            version = rooms.registry.register(
                rooms.registered_name, trained, model=model, idem_key=f"{as_of}-{candidate}"
            )
            rooms.ledger.remember_version(version)
            found.append(Version(as_of, candidate, version.version))
    return found


def pairs(versions: list[Version]) -> Iterator[tuple[Version, Version]]:
    """Yield who might replace whom: models of one night, and the same recipe fitted before."""
    nights = sorted({version.fitted for version in versions})
    for champion in versions:
        place = nights.index(champion.fitted)
        for other in versions:
            before = place > 0 and other.fitted == nights[place - 1]
            alike = before and other.candidate == champion.candidate
            if alike or (other.fitted == champion.fitted and other != champion):
                yield champion, other


def line(
    champion: Version,
    predecessor: Version,
    rooms: Rooms,
    landed: dict[date, Labelled],
    every: str,
    count: int,
) -> str:
    """Watch one pair for some nights, and write what came of it."""
    since = champion.fitted
    trial = Trial(2, champion.number, predecessor.number, since, (), realised=True)
    seconds: list[float] = []
    last = since + timedelta(days=count * (31 if every == "month" else 1))
    for as_of in nights_between(since, last, every)[1 : count + 1]:
        if as_of not in landed:
            landed[as_of] = labelled(as_of, rooms)
        began = time.process_time()
        trial = watched(trial, landed[as_of], NightRequest(rooms.spec.name, as_of), rooms)
        seconds.append(time.process_time() - began)
    readings = [baked.reading for baked in trial.baked]
    ended = next((b for b in trial.baked if b.verdict is not BakeVerdict.BAKING), trial.baked[-1])
    until = trial.baked[: trial.baked.index(ended) + 1]
    breaches = sum(baked.outcome.value == "fail" for baked in until)
    signals = [signal for reading in readings for signal in reading.signals]
    told = [furthest([s for s in signals if s.name == name]) for name in SHOWN]
    figures = [str(len(until)), str(breaches), *told, ended.verdict.value]
    mean = sum(seconds) / len(seconds)
    return "| " + " | ".join([str(champion), str(predecessor), *figures, f"{mean:.2f}"]) + " |"


def watched(trial: Trial, landing: Labelled, request: NightRequest, rooms: Rooms) -> Trial:
    """Return the trial with the night's reading, if there is one; it goes on whatever it says."""
    due = what_is_due(replace(trial, baked=goes_on(trial.baked)), landing, request, rooms)
    if due is None:
        return trial
    artifacts = open_both(trial, rooms)
    rows = rows_of(trial, due, artifacts, landing, rooms)
    both = score_both(artifacts, rows, rooms)
    reading = reading_of(trial, rows, both, request, rooms)
    before = [baked.reading for baked in trial.baked]
    baked = bake_verdict([*before, reading], rooms.spec.gate.bake)
    return replace(trial, baked=(*trial.baked, baked))


def goes_on(baked: tuple[Baked, ...]) -> tuple[Baked, ...]:
    return tuple(one.replace(verdict=BakeVerdict.BAKING) for one in baked)


def labelled(as_of: date, rooms: Rooms) -> Labelled:
    spec, home = rooms.spec, rooms.settings.home
    delivered = all_of(read_landing(spec, home, as_of), spec, as_of)
    return set_broken_aside(delivered, spec, as_of, reports_for(spec, home, as_of))[1]


def furthest(signals: list[Signal]) -> str:
    """Write both models' figure of the night on which the champion's was furthest off."""
    known = [s for s in signals if s.champion is not None]
    if not known:
        return "–"
    off = {"alert_volume": lambda times: abs(math.log(times))}.get(known[0].name, abs)
    worst = max(known, key=lambda signal: off(signal.champion or 0.0))
    theirs = "–" if worst.predecessor is None else f"{worst.predecessor:.2f}"
    return f"{worst.champion:.2f}, {theirs}"


if __name__ == "__main__":
    main()
