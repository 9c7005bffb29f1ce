"""What every test needs before it: nothing of the developer's own settings."""

from __future__ import annotations

import os

# skops looks every public name up in every module that is loaded; Airflow answers some of them
# with a deprecation warning, which is an error here. So skops comes first.
import skops.io  # noqa: F401

for _name in list(os.environ):
    if _name.startswith(("FINRISK_", "MLFLOW_")):
        del os.environ[_name]
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["DO_NOT_TRACK"] = "true"
