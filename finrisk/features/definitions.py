"""What a feature's name stands for: a model may only score what it was fitted on."""

from __future__ import annotations

import hashlib
import json

from finrisk.specs.model_spec import ModelSpec

DIGITS = 16


def feature_definitions(spec: ModelSpec) -> dict[str, str]:
    """Return a digest of each feature's definition, by its name.

    The same name with another digest is another quantity: computed of other columns, or of
    columns of another type.
    """
    found = {}
    for name, feature in zip(spec.feature_names, spec.features, strict=True):
        columns = (feature,) if isinstance(feature, str) else feature.columns
        definition = {
            "feature": feature if isinstance(feature, str) else feature.model_dump(mode="json"),
            "types": {column: spec.columns[column].type for column in columns},
        }
        text = json.dumps(definition, sort_keys=True)
        found[name] = hashlib.sha256(text.encode()).hexdigest()[:DIGITS]
    return found


def redefined(fitted_on: dict[str, str], now: dict[str, str]) -> tuple[str, ...]:
    """Return the features that a fitted model needs and that are gone or mean something else.

    Examples
    --------
    >>> redefined({"income": "a", "age": "b"}, {"income": "a", "age": "c", "more": "d"})
    ('age',)
    """
    return tuple(name for name, digest in fitted_on.items() if now.get(name) != digest)
