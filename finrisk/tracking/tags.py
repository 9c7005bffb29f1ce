"""Names of the tags that FinRisk finds its own runs, models and versions by."""

from __future__ import annotations

import re

RUN_KEY = "finrisk.run_key"
ROLE = "finrisk.role"
DESCRIBED = "finrisk.described"
COMPLETE = "finrisk.complete"
TRAINED = "finrisk.trained"
USED_AT = "finrisk.used_at"
IDEM_KEY = "finrisk.idem_key"
MODEL = "finrisk.model"
CANDIDATE = "finrisk.candidate"
AS_OF = "finrisk.as_of"
ARTIFACT_SHA256 = "finrisk.artifact_sha256"
MANIFEST_SHA256 = "finrisk.manifest_sha256"

NIGHT = "night"
QUALITY = "data_quality"
MONITORING = "monitoring"
YES = "1"

SAFE = re.compile(r"[A-Za-z0-9_.:-]{1,200}")


def equals(tag: str, value: str) -> str:
    """Return MLflow's search text for a tag of this value.

    Raises
    ------
    ValueError
        The value could end the quotes it stands in.

    Examples
    --------
    >>> equals("finrisk.role", "night")
    "tags.`finrisk.role` = 'night'"
    """
    if not SAFE.fullmatch(value):
        raise ValueError(f"{tag}: expected letters, digits and _.:- only, got {value!r}")
    return f"tags.`{tag}` = '{value}'"
