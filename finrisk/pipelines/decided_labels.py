"""How logged decisions ended: labels as a night of a day may believe them, by hashed row key."""

from __future__ import annotations

import logging
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from finrisk.data.labels import Labelled, attach_labels
from finrisk.data.landing import ROW_ID, read_landing
from finrisk.data.reports import reports_for
from finrisk.data.row_hashing import RowHasher
from finrisk.errors import DataError, Unreachable
from finrisk.pipelines.rooms import Rooms

log = logging.getLogger(__name__)


def believed_labels(as_of: date, rooms: Rooms) -> tuple[Labelled | None, str]:
    """Read what landed, labelled as far as a night of that day may believe it.

    Returns
    -------
    tuple of Labelled or None, and str
        None where it cannot be read; then the text says why.
    """
    spec, home = rooms.spec, rooms.settings.home
    try:
        landing = read_landing(spec, home, as_of, rooms.connections)
        labelled = attach_labels(landing.frame, spec, as_of, reports_for(spec, home, as_of))
    except (DataError, Unreachable) as exc:
        log.warning("%s as of %s: labels not read: %s", spec.name, as_of, exc)
        return None, str(exc)
    return labelled, ""


def label_places(
    keys: pd.Series | pd.Index, known: pd.DataFrame, hasher: RowHasher, model: str
) -> NDArray[np.intp]:
    """Return for each decision the place of its row among those known; −1: it is not there.

    Parameters
    ----------
    keys : (n,) Series or Index
        The decisions' hashed row keys.
    known : DataFrame
        Landed rows with their row ids, unhashed.
    """
    hashes = hasher.rows(model, known[ROW_ID]).to_numpy(zero_copy_only=False)
    places: NDArray[np.intp] = pd.Index(hashes).get_indexer(keys.astype(object))
    return places
