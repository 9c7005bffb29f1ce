"""What a feature's name stands for: a model may only score what it was fitted on."""

from __future__ import annotations

import hashlib
import json
from itertools import product

from finrisk.specs.model_spec import ModelSpec
from finrisk.specs.training import Hours, Weekend

DIGITS = 16


def feature_definitions(spec: ModelSpec) -> dict[str, str]:
    """Return a digest of each feature's definition, by its name.

    The same name with another digest is another quantity: computed of other columns, or of
    columns of another type.
    """
    found: dict[str, str] = {}
    for feature in spec.features:
        if isinstance(feature, str):
            found[feature] = _digest(feature, (feature,), spec)
        else:
            meaning = feature.model_dump(mode="json")
            if isinstance(feature, Weekend | Hours):
                meaning["timezone"] = spec.schedule.timezone
            found[feature.name] = _digest(meaning, feature.columns, spec)
    for window in spec.windows:
        # other lengths beside it do not change what one length's feature means
        shared = window.model_dump(mode="json", exclude={"days", "count", "mean", "bad_share"})
        for measure, days in product(window.measures, window.days):
            of = {**shared, "measure": measure, "days": days, "time": spec.time.column}
            of |= {"timezone": spec.schedule.timezone}
            of |= {"mean": window.mean} if measure == "mean" else {}
            of |= {"label": spec.label.model_dump(mode="json")} if measure == "bad_share" else {}
            columns = (*window.columns, str(spec.time.column))
            found[window.feature_name(measure, days)] = _digest(of, columns, spec)
    return found


def _digest(feature: object, columns: tuple[str, ...], spec: ModelSpec) -> str:
    types = {column: spec.columns[column].type for column in columns}
    text = json.dumps({"feature": feature, "types": types}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]


def redefined(fitted_on: dict[str, str], now: dict[str, str]) -> tuple[str, ...]:
    """Return the features that a fitted model needs and that are gone or mean something else.

    Examples
    --------
    >>> redefined({"income": "a", "age": "b"}, {"income": "a", "age": "c", "more": "d"})
    ('age',)
    """
    return tuple(name for name, digest in fitted_on.items() if now.get(name) != digest)
