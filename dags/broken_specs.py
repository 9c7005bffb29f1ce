"""Shows a broken model spec in Airflow, as this file's import error.

``retraining.py`` builds the Dags of the specs that are right and must not raise, or it would lose
them all. This file builds no Dag and raises what is wrong with ``conf/``, the first fault first.
"""

from finrisk.config import load_settings
from finrisk.errors import SpecError
from finrisk.specs.loader import load_specs

try:
    load_specs(load_settings().conf_locations)
except SpecError as exc:
    raise exc.with_traceback(None) from None  # the UI shows the message, not two pages of parser
