"""The rows that say something of a champion on trial, and what both models say of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from finrisk.data.labels import LABEL, VINTAGE, Labelled
from finrisk.data.landing import EVENT_DAY
from finrisk.data.maturity import is_mature
from finrisk.errors import DataError, IntegrityError, Unreachable
from finrisk.evaluation.early_signals import Scoring
from finrisk.evaluation.judged_rows import Labels, Scores
from finrisk.features.definitions import feature_definitions, redefined
from finrisk.features.derive import derive_features
from finrisk.pipelines.rooms import Rooms
from finrisk.pipelines.trial import Trial
from finrisk.pipelines.window_building import rows_as_served
from finrisk.records import NightRequest
from finrisk.specs.model_spec import ModelSpec
from finrisk.tracking.manifest import Provenance
from finrisk.tracking.scoring_model import ScoringModel

ERROR_STEPS = 1000  # an error rate is known to a tenth of a per cent
MOST_BEFORE = 10_000  # rows: their chance adds 0.001 to an index of ten bins

Mask = NDArray[np.bool_]
Days = NDArray[np.datetime64]


@dataclass(frozen=True)
class Due:
    """What tonight has something to say of, as masks of shape (n,) over the landed rows.

    Parameters
    ----------
    fresh : array of bool
        Rows to read tonight; none where nothing landed since the last reading, or the bake is over.
    matured : array of bool
        Rows since the promotion whose labels are believed by now.
    """

    fresh: Mask
    matured: Mask


@dataclass(frozen=True)
class TrialRows:
    """Rows as they were served, with ``_label``, and which of them are which.

    ``before`` are those that the models' scores are held against: they had matured when the
    champion was promoted, and neither model was fitted on them.
    """

    frame: pd.DataFrame
    before: Mask
    fresh: Mask
    matured: Mask

    @property
    def labels(self) -> Labels:
        """Of the matured rows: 1 = bad, 0 = good."""
        return self.frame.loc[self.matured, LABEL].to_numpy(dtype=np.int8)


@dataclass(frozen=True)
class Artifact:
    """A version as its verified artifact has it."""

    model: ScoringModel
    origin: Provenance

    @property
    def fitted_until(self) -> date | None:
        """The last event day it was fitted on; None where its rows had no dates."""
        window = self.origin.training_window
        return None if window is None else window.last_day


@dataclass(frozen=True)
class Artifacts:
    """Champion and predecessor; None could not be read, and a reason says why."""

    champion: Artifact | None
    predecessor: Artifact | None
    reasons: tuple[str, ...] = ()


def what_is_due(
    trial: Trial, labelled: Labelled, request: NightRequest, rooms: Rooms
) -> Due | None:
    """Return the rows tonight may say something of; None where it may not.

    A day in progress waits for the next night, and so do rows that are too few for a reading.
    """
    policy, frame = rooms.spec.gate.bake, labelled.frame
    days = _days(frame)
    passed = days <= np.datetime64(request.as_of - timedelta(days=1))
    since = days >= np.datetime64(trial.since)
    read = [b.reading.last_day for b in trial.baked if b.reading.rows >= policy.min_rows]
    fresh: Mask = since & passed & (days > np.datetime64(max(read, default=date.min)))
    seen = max((b.reading.last_day for b in trial.baked), default=date.min)
    if not trial.bakes or not (fresh & (days > np.datetime64(seen))).any():
        fresh = np.zeros(len(days), dtype=bool)
    matured: Mask = since & passed & frame[LABEL].notna().to_numpy()
    bads = int((frame[LABEL][matured] == 1).sum())
    if not fresh.any() and (trial.realised or bads < policy.realised_bads):
        return None
    return Due(fresh, matured)


def open_both(trial: Trial, rooms: Rooms) -> Artifacts:
    """Read both artifacts, as far as they can be."""
    both: list[Artifact | None] = []
    reasons: list[str] = []
    for version in (trial.champion, trial.predecessor):
        try:
            both.append(_opened(version, rooms))
        except (DataError, IntegrityError, Unreachable, OSError) as exc:
            both.append(None)
            reasons.append(f"v{version}: {exc}")
    champion, predecessor = both
    return Artifacts(champion, predecessor, tuple(reasons))


def rows_of(
    trial: Trial, due: Due, artifacts: Artifacts, labelled: Labelled, rooms: Rooms
) -> TrialRows:
    """Return the rows that are due, and those before the promotion that they are held against."""
    before = np.zeros(len(due.fresh), dtype=bool)
    if due.fresh.any():
        before = _before(trial, artifacts, labelled, rooms.spec)
    chosen = before | due.fresh | due.matured
    frame = rows_as_served(labelled, chosen, rooms)
    return TrialRows(frame, before[chosen], due.fresh[chosen], due.matured[chosen])


def score_both(
    artifacts: Artifacts, rows: TrialRows, rooms: Rooms
) -> tuple[Scoring | None, Scoring | None]:
    """Return the champion's and the predecessor's scores of the rows."""
    features = derive_features(rows.frame, rooms.spec)
    champion, predecessor = (
        None if artifact is None else _scoring(artifact, features, rows)
        for artifact in (artifacts.champion, artifacts.predecessor)
    )
    return champion, predecessor


def _before(trial: Trial, artifacts: Artifacts, labelled: Labelled, spec: ModelSpec) -> Mask:
    """Return rows that had matured when the champion was promoted, and nobody was fitted on.

    Not the days between: what broke a feed just before the promotion would pass for its usual.
    """
    days, vintages = _days(labelled.frame), labelled.frame[VINTAGE]
    both = (artifacts.champion, artifacts.predecessor)
    ends = [a.fitted_until for a in both if a is not None and a.fitted_until is not None]
    old = [v for v in vintages.unique() if is_mature(str(v), spec.label, trial.since)]
    unseen = days > np.datetime64(max(ends, default=date.min))
    places = np.flatnonzero(vintages.isin(old).to_numpy() & unseen)
    if places.size > MOST_BEFORE:
        places = places[np.linspace(0, places.size - 1, MOST_BEFORE).astype(np.intp)]
    before = np.zeros(len(days), dtype=bool)
    before[places] = True
    return before


def _opened(number: int, rooms: Rooms) -> Artifact:
    version = rooms.ledger.version(rooms.spec.name, number)
    if version is None:
        raise IntegrityError("the ledger knows no such version")
    model, manifest = rooms.registry.open(version)
    origin = manifest.provenance
    if changed := redefined(origin.feature_definitions, feature_definitions(rooms.spec)):
        raise DataError(f"features changed since it was fitted: {', '.join(changed)}")
    return Artifact(model, origin)


def _scoring(artifact: Artifact, features: pd.DataFrame, rows: TrialRows) -> Scoring:
    model = artifact.model
    scores = row_scores(model, features, smallest=max(1, len(features) // ERROR_STEPS))
    return Scoring(
        # of a model without dates nobody knows which rows it was fitted on
        before=scores[rows.before] if artifact.fitted_until is not None else scores[:0],
        fresh=scores[rows.fresh],
        matured=scores[rows.matured],
        gives_probability=not model.is_detector,
    )


def row_scores(model: ScoringModel, features: pd.DataFrame, *, smallest: int = 1) -> Scores:
    """Return risk scores, shape (n,), with NaN for rows that the model does not take.

    A model refuses rows together: those refused are halved until so few are left that all of them
    count.

    Parameters
    ----------
    smallest : int
        Rows that are not halved any more, at least 1.
    """
    try:
        return model.score(features)
    except DataError:
        if len(features) <= smallest:
            return np.full(len(features), np.nan)
    middle = len(features) // 2
    halves = (features.iloc[:middle], features.iloc[middle:])
    return np.concatenate([row_scores(model, half, smallest=smallest) for half in halves])


def _days(frame: pd.DataFrame) -> Days:
    days: Days = frame[EVENT_DAY].to_numpy().astype("datetime64[D]")
    return days
