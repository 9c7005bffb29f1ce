"""The features that look back, put beside the labelled rows of a night's split.

What was once built for a day stays as it was: a transaction was scored with it. So a correction of
a label, or of an earlier row, enters the next snapshot's labels and the features of later days, and
never those of a day that is past.
"""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from finrisk.data.known_cards import KNOWN_CARD, known_cards
from finrisk.data.labels import DAYS_TO_REPORT, LABEL, VINTAGE, Labelled
from finrisk.data.landing import EVENT_DAY, ROW_ID
from finrisk.data.split import Split
from finrisk.features.store import FeatureStore, served_features
from finrisk.features.windows import BAD_ON
from finrisk.pipelines.rooms import Rooms
from finrisk.records import NightRequest

FEATURES = "features"


def with_windows(
    labelled: Labelled, split: Split, request: NightRequest, rooms: Rooms
) -> pd.DataFrame:
    """Return the rows of the split with the features of the spec's windows.

    Features are built for every day that has passed since development began, so that tomorrow only
    one day is new; those of a day are kept when it is first built. A dry run keeps none.

    Returns
    -------
    DataFrame
        The labelled rows of the split's vintages, in their order, and a column for each feature;
        with an alert budget also ``_known_card``, as of all days that were read.
    """
    spec, frame = rooms.spec, labelled.frame
    of_split = frame[VINTAGE].isin(split.part_of).to_numpy()
    rows = frame[of_split]
    if spec.gate.alerts is not None:
        rows = rows.assign(**{KNOWN_CARD: known_cards(frame, spec)[of_split]})
    if not spec.windows:
        return rows
    first = np.datetime64(split.development_window.first_day)
    passed = np.datetime64(request.as_of - timedelta(days=1))
    days = np.unique(frame[EVENT_DAY].to_numpy().astype("datetime64[D]"))
    wanted = [day.item() for day in days if first <= day <= passed]
    made = served_features(
        past_of(labelled, rooms),
        spec,
        wanted,
        feature_store(rooms),
        rooms.settings.threads,
        keep=not request.dry_run,
    )
    return rows.join(made[list(spec.window_features)])


def rows_as_served(
    labelled: Labelled, chosen: NDArray[np.bool_], rooms: Rooms, *, keep: bool = True
) -> pd.DataFrame:
    """Return some landed rows with the features of the spec's windows, as they were served.

    What was not yet built for a day is built and kept, as a night does.

    Parameters
    ----------
    chosen : array of bool, shape (n,)
        Rows of ``labelled.frame``, all of days that have passed.
    keep : bool
        Whether what is built is kept: not where nobody has held the rows to their contract.
    """
    spec, rows = rooms.spec, labelled.frame[chosen]
    if not spec.windows:
        return rows
    days = [day.item() for day in np.unique(rows[EVENT_DAY].to_numpy().astype("datetime64[D]"))]
    store, threads = feature_store(rooms), rooms.settings.threads
    made = served_features(past_of(labelled, rooms), spec, days, store, threads, keep=keep)
    return rows.join(made[list(spec.window_features)])


def feature_store(rooms: Rooms) -> FeatureStore:
    """Return where this scope keeps the features that were served."""
    return FeatureStore(rooms.settings.store / FEATURES / rooms.settings.scope)


def past_of(labelled: Labelled, rooms: Rooms) -> pd.DataFrame:
    """Return what windows are made of: entities, times, amounts, and the day a bad was known."""
    spec, frame = rooms.spec, labelled.frame
    # no window reaches a row that has not matured, so that a label is all there is to know
    known = frame[LABEL].eq(1).fillna(value=False).to_numpy(dtype=bool)
    waited = frame[DAYS_TO_REPORT].fillna(0.0).to_numpy(dtype=np.float64)
    told = frame[EVENT_DAY] + pd.to_timedelta(np.where(known, waited, 0.0), unit="D")
    columns = dict.fromkeys(c for window in spec.windows for c in window.columns)
    return frame[[ROW_ID, str(spec.time.column), *columns]].assign(**{BAD_ON: told.where(known)})
