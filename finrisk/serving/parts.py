"""The rows of a request by the version that decides them; nearly always it is one for all.

While an experiment runs each row goes to its arm. A row that the challenger cannot score is decided
by the champion and is in no arm.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from finrisk.serving.beside import Beside, Experiment
from finrisk.serving.decision_writer import Decided
from finrisk.serving.plain_features import PlainFeatures
from finrisk.serving.reasons import Reason
from finrisk.serving.requests import Asked
from finrisk.serving.seated import Seated
from finrisk.tracking.calibrator import Scores
from finrisk.tracking.scoring_model import answered

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Part:
    """The rows that one version decided, n of them.

    Parameters
    ----------
    places : list of n int, optional
        Where they stand in the request; None: they are all of it.
    reasons : list of n lists, optional
        None: none were asked for, or the version cannot be explained.
    """

    by: Seated
    asked: Asked
    places: list[int] | None
    scores: Scores
    decisions: list[str | None]
    reasons: list[list[Reason]] | None

    def to_log(self, now: datetime) -> Decided:
        """Return what the decision log gets of them."""
        by = self.by
        order = by.model.feature_names
        return Decided(by.schema, by.by, order, self.asked, self.scores, self.decisions, now)


def part_of(by: Seated, asked: Asked, places: list[int] | None) -> Part:
    """Let a version decide rows.

    Parameters
    ----------
    asked : Asked
        The whole request.
    places : list of int, optional
        Of the rows that it decides; None: all.

    Raises
    ------
    Refused
        The model gives a row no score.
    DataError
        It does not take these rows at all.
    """
    whole = places is None or places == list(range(len(asked)))
    chosen = asked if whole else rows_at(asked, places or ())
    scores = by.score(chosen.features)
    decisions = by.decisions(scores)
    with answered("these rows"):
        reasons = by.reasons(chosen.features) if asked.explain else None
    return Part(by, chosen, places, scores, decisions, reasons)


def by_arms(champion: Seated, asked: Asked, experiment: Experiment, beside: Beside) -> list[Part]:
    """Let each row be decided in its arm; raises as :func:`part_of` does of the champion."""
    arms = experiment.arms(asked.ids)
    parts: list[Part] = []
    lost: list[int] = []
    if of_challenger := [place for place, arm in enumerate(arms) if arm is True]:
        try:
            parts.append(part_of(experiment.challenger, asked, of_challenger))
        except Exception as exc:  # noqa: BLE001  # whatever it is, the rows get an answer
            log.error(  # noqa: TRY400  # a traceback may quote a value
                "%s: the challenger gives no answer: %s", champion.by.model, type(exc).__name__
            )
            beside.fell_back += len(of_challenger)
            lost = of_challenger
    if of_champion := [place for place, arm in enumerate(arms) if arm is False]:
        parts.append(part_of(experiment.champion, asked, of_champion))
    if others := [*lost, *(place for place, arm in enumerate(arms) if arm is None)]:
        parts.append(part_of(champion, asked, others))
    return parts


def in_order(parts: Sequence[Part], told: Sequence[list[Any]], rows: int) -> list[Any]:
    """Return what is told of each row, as the request had them.

    Parameters
    ----------
    told : sequence of lists
        Of each part, a value a row.
    """
    if len(parts) == 1 and parts[0].places is None:
        return told[0]
    found: list[Any] = [None] * rows
    for part, values in zip(parts, told, strict=True):
        for place, value in zip(part.places or (), values, strict=True):
            found[place] = value
    return found


def rows_at(asked: Asked, places: Sequence[int]) -> Asked:
    """Return the rows at these places, in this order."""
    at = list(places)
    features = PlainFeatures(
        asked.features.numbers[at],
        tuple([words[place] for place in at] for words in asked.features.words),
    )
    return replace(
        asked,
        ids=[asked.ids[place] for place in at],
        days=asked.days[at],
        features=features,
        beside={name: [cells[place] for place in at] for name, cells in asked.beside.items()},
    )
