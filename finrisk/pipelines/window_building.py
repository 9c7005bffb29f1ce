"""The features that look back, put beside the labelled rows of a night's split.

What was once built for a day stays as it was: a transaction was scored with it. So a correction of
a label, or of an earlier row, enters the next snapshot's labels and the features of later days, and
never those of a day that is past.
"""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd

from finrisk.data.labels import DAYS_TO_EVENT, LABEL, VINTAGE, Labelled
from finrisk.data.landing import EVENT_DAY, ROW_ID
from finrisk.data.split import Split
from finrisk.features.store import FeatureStore, served_features
from finrisk.features.windows import BAD_ON
from finrisk.pipelines.rooms import Rooms
from finrisk.records import NightRequest
from finrisk.specs.data import LabelReports

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
        The labelled rows of the split's vintages, in their order, and a column for each feature.
    """
    spec, frame = rooms.spec, labelled.frame
    of_split = frame[VINTAGE].isin(split.part_of).to_numpy()
    if not spec.windows:
        return frame[of_split]
    store = None if request.dry_run else feature_store(rooms)
    first = np.datetime64(split.development_window.first_day)
    passed = np.datetime64(request.as_of - timedelta(days=1))
    days = np.unique(frame[EVENT_DAY].to_numpy().astype("datetime64[D]"))
    wanted = [day.item() for day in days if first <= day <= passed]
    made = served_features(past_of(labelled, rooms), spec, wanted, store, rooms.settings.threads)
    return frame[of_split].join(made[list(spec.window_features)])


def feature_store(rooms: Rooms) -> FeatureStore:
    """Return where this scope keeps the features that were served."""
    return FeatureStore(rooms.settings.store / FEATURES / rooms.settings.scope)


def past_of(labelled: Labelled, rooms: Rooms) -> pd.DataFrame:
    """Return what windows are made of: entities, times, amounts, and the day a bad was known."""
    spec, frame = rooms.spec, labelled.frame
    known = frame[LABEL].eq(1).fillna(value=False).to_numpy(dtype=bool)
    # of a label in the row the day is the row's own
    waited = frame[DAYS_TO_EVENT].fillna(0.0).to_numpy(dtype=np.float64)
    if isinstance(spec.label.rule, LabelReports):
        known = known | (frame[DAYS_TO_EVENT] >= 0).to_numpy(dtype=bool)
    told = frame[EVENT_DAY] + pd.to_timedelta(np.where(known, waited, 0.0), unit="D")
    columns = dict.fromkeys(c for window in spec.windows for c in window.columns)
    return frame[[ROW_ID, str(spec.time.column), *columns]].assign(**{BAD_ON: told.where(known)})
